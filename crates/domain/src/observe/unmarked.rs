//! Rows of details that do not carry our marker: which of them can be the effect in doubt.

use super::Observer;
use super::snapshot::SeenRow;
use crate::reservation::{Intent, IntentState, Operation, RowKind};
use crate::resolve::{could_be_from, may_match_unmarked};

impl Observer<'_> {
    /// Can this row be the effect in doubt, and no other?
    pub(super) fn can_be(&self, intent: &Intent, kind: RowKind, row: &SeenRow) -> bool {
        let mut rows = self
            .seen
            .rows(kind)
            .iter()
            .filter(|row| self.fits_unmarked(intent, kind, row));
        matches!((rows.next(), rows.next()), (Some(only), None) if std::ptr::eq(only, row))
            && self.lines_fit(intent, row)
            && may_match_unmarked(self.case(), intent, self.evidence)
    }

    fn fits_unmarked(&self, intent: &Intent, kind: RowKind, row: &SeenRow) -> bool {
        let known = row.reference.as_ref();
        let nobodys = known
            .and_then(|reference| self.r.money_row(reference))
            .is_none_or(|known| known.intent.is_none());
        nobodys
            && row.amount == intent.operation.amount()
            && !intent.knew(row.reference.as_ref())
            && row.at.is_some_and(|at| could_be_from(intent, at))
            && self.marked(kind, row).is_none()
    }

    /// The intent whose marker a row carries.
    pub(super) fn marked(&self, kind: RowKind, row: &SeenRow) -> Option<&Intent> {
        let text = row.text.as_deref()?;
        let mut of_kind = self
            .r
            .intents
            .iter()
            .filter(|intent| intent.operation.row_kind() == Some(kind));
        of_kind.find(|intent| intent.marker.is_in(text))
    }

    /// Has the callback for such an effect come, or a row of the history that fits this one?
    pub(super) fn has_second_source(&self, intent: &Intent, row: &SeenRow) -> bool {
        let word = match intent.operation {
            Operation::Charge { .. } => "charged",
            _ => "captured",
        };
        let sent_at = intent.sent().map(|sent| sent.at);
        let called = self
            .r
            .provider
            .last_callback
            .as_ref()
            .is_some_and(|called| {
                called.event_type.eq_ignore_ascii_case(word)
                    && sent_at.is_some_and(|at| called.at >= at)
            });
        let result = match &intent.progress {
            IntentState::Unknown(unknown) | IntentState::NeedsReview(unknown) => {
                unknown.history_row.as_ref()
            }
            _ => None,
        };
        called || result.is_some_and(|result| result.names(row.reference.as_ref()))
    }

    /// Are the lines of a capture those that details show it on, as far as they tell?
    pub(super) fn lines_fit(&self, intent: &Intent, row: &SeenRow) -> bool {
        let Operation::Capture { lines, .. } = &intent.operation else {
            return true;
        };
        let result = self
            .seen
            .products
            .iter()
            .map(|product| product.captured)
            .sum::<Option<_>>();
        // What other rows account for is not this one's.
        let others = |line: u32| {
            let rows = self.r.ledger.iter().filter(|other| {
                other.kind == RowKind::Capture
                    && other.reference != row.reference
                    && other.intent.as_ref() != Some(&intent.id)
            });
            rows.flat_map(|other| &other.lines)
                .filter(|part| part.line == line)
                .map(|part| part.amount)
                .sum()
        };
        let shown = |line: u32| {
            let id = self.r.line(line).and_then(|line| line.provider_id);
            self.seen
                .products
                .iter()
                .find(|product| Some(product.id) == id)
                .and_then(|product| product.captured)
        };
        result != Some(self.seen.captured)
            || lines.iter().all(|part| {
                shown(part.line).is_none_or(|captured| {
                    captured.checked_sub(others(part.line)) >= Some(part.amount)
                })
            })
    }
}
