//! What the provider's history tells of a request in doubt.

use chrono::{DateTime, Utc};

use crate::case::Case;
use crate::history::{Event, HistoryRow};
use crate::id::IntentId;
use crate::reference::ProviderReference;
use crate::reservation::{
    Fact, Intent, IntentFact, IntentState, Operation, RefundSource, Reservation,
};
use crate::resolve::{
    Evidence, absent_after, history_window, is_half_refunded, may_match_unmarked, unmarked_match,
};

/// The facts that a search of the history for a trace of an intent's request makes.
///
/// `rows` are those of the [`history_window`], without the ones that other reservations are known to own.
#[must_use]
pub fn search(
    case: Case<'_>,
    intent: &IntentId,
    rows: &[HistoryRow],
    evidence: &Evidence,
) -> Vec<Fact> {
    let intent = case.reservation.intent(intent);
    let Some(intent) = intent.filter(|intent| intent.is_unresolved()) else {
        return Vec::new();
    };
    let fitting = || rows.iter().filter(|row| fits(case, intent, row));
    let row = fitting()
        .find(|row| is_marked(intent, row))
        .or_else(|| fitting().next());
    let read = Fact::Intent(
        intent.id.clone(),
        IntentFact::HistoryRead {
            row: row.cloned(),
            at: case.now,
        },
    );
    let follows = Found {
        case,
        intent,
        row,
        evidence,
    }
    .follows();
    std::iter::once(read).chain(follows).collect()
}

fn is_marked(intent: &Intent, row: &HistoryRow) -> bool {
    row.note
        .as_deref()
        .is_some_and(|note| intent.marker.is_in(note))
}

/// Can this row tell of the effect of this intent?
fn fits(case: Case<'_>, intent: &Intent, row: &HistoryRow) -> bool {
    let event = match &intent.operation {
        Operation::Submit => return false,
        Operation::Capture { .. } => Event::Captured,
        Operation::Charge { .. } => Event::Charged,
        Operation::Refund {
            source: RefundSource::Captured,
            ..
        } => Event::CaptureRefunded,
        Operation::Refund {
            source: RefundSource::Charged,
            ..
        } => Event::ChargeRefunded,
        Operation::Cancel { .. } => Event::Cancelled,
        Operation::Complete { .. } => Event::Completed,
        Operation::Resend { .. } => Event::LinkSent,
    };
    if row.event != event {
        return false;
    }
    let (from, to) = history_window(intent, case.merchant, case.now);
    let in_time = row.at.is_none_or(|at| at <= to) && row.until.is_none_or(|until| until >= from);
    let amount = row
        .amount
        .is_none_or(|amount| amount == intent.operation.amount());
    is_marked(intent, row)
        || (in_time && amount && names(case.reservation, intent, row.uuid.as_deref()))
}

/// Can the id of a row be that of this intent's effect?
fn names(r: &Reservation, intent: &Intent, uuid: Option<&str>) -> bool {
    let Some(uuid) = uuid else {
        return true;
    };
    let own = r.provider.reservation_uuid.as_ref();
    let reservation = own.is_some_and(|own| own == uuid);
    match &intent.operation {
        // Captures and charges carry ids of their own: one that is not booked for another operation.
        Operation::Capture { .. } | Operation::Charge { .. } => {
            let name: Option<ProviderReference> = uuid.parse().ok();
            let row = name.as_ref().and_then(|name| r.money_row(name));
            let free = row.is_none_or(|row| row.intent.is_none());
            reservation || (free && !intent.knew(name.as_ref()))
        }
        Operation::Refund { reference, .. } => reservation || *reference == uuid,
        Operation::Submit
        | Operation::Cancel { .. }
        | Operation::Complete { .. }
        | Operation::Resend { .. } => reservation,
    }
}

/// A search that is over, with the row that can tell of the effect.
struct Found<'a> {
    case: Case<'a>,
    intent: &'a Intent,
    row: Option<&'a HistoryRow>,
    evidence: &'a Evidence,
}

impl Found<'_> {
    fn follows(&self) -> Vec<Fact> {
        match &self.intent.operation {
            Operation::Capture { .. } | Operation::Charge { .. } => {
                self.unmarked_match().into_iter().collect()
            }
            Operation::Refund { reference, .. } => self.refund(reference),
            // Our own words stand with it.
            Operation::Cancel { .. } | Operation::Complete { .. } => {
                let marked = self.row.filter(|row| is_marked(self.intent, row));
                marked
                    .map(|row| self.confirmed(None, row.at))
                    .into_iter()
                    .collect()
            }
            Operation::Resend { .. } => self.message(),
            Operation::Submit => Vec::new(),
        }
    }

    fn confirmed(&self, reference: Option<ProviderReference>, at: Option<DateTime<Utc>>) -> Fact {
        let amount = self.intent.operation.amount();
        let at = at.unwrap_or(self.case.now).min(self.case.now);
        Fact::Intent(
            self.intent.id.clone(),
            IntentFact::Confirmed {
                reference,
                amount,
                at,
            },
        )
    }

    fn missing(&self, clean: bool) -> Fact {
        Fact::Intent(
            self.intent.id.clone(),
            IntentFact::EffectNotSeen {
                clean,
                at: self.case.now,
            },
        )
    }

    /// Details show a row without our marker that can be the effect: the history is the second source, or else a
    /// person decides.
    fn unmarked_match(&self) -> Option<Fact> {
        let shown = unmarked_match(self.case.reservation, self.intent)?;
        let same = |row: &&HistoryRow| row.names(shown.reference.as_ref());
        let result = self.row.filter(same).is_some_and(|row| {
            is_marked(self.intent, row) || may_match_unmarked(self.case, self.intent, self.evidence)
        });
        Some(if result {
            self.confirmed(shown.reference.clone(), Some(shown.at))
        } else {
            let reason = self.intent.operation.review_reason();
            Fact::Intent(
                self.intent.id.clone(),
                IntentFact::Escalated {
                    reason,
                    at: self.case.now,
                },
            )
        })
    }

    /// One place in details shows the refund: the history is the second source.
    fn refund(&self, reference: &ProviderReference) -> Vec<Fact> {
        match self.row {
            _ if !is_half_refunded(self.case.reservation, self.intent) => Vec::new(),
            Some(_) => vec![self.confirmed(Some(reference.clone()), None)],
            None => vec![self.missing(false)],
        }
    }

    /// A message is looked for a few times and then given up; it is not repeated.
    fn message(&self) -> Vec<Fact> {
        let IntentState::Unknown(unknown) = &self.intent.progress else {
            return Vec::new();
        };
        let merchant = self.case.merchant;
        let horizon = absent_after(merchant, &self.intent.operation);
        let silent = self.case.now >= unknown.sent.at + horizon;
        match self.row {
            Some(row) => vec![self.confirmed(None, row.at)],
            None if silent && unknown.clean_reads + 1 >= merchant.resolution.absent_reads => {
                let reason = "the history does not show that the message went out".to_owned();
                vec![
                    self.missing(true),
                    Fact::Intent(self.intent.id.clone(), IntentFact::Withdrawn { reason }),
                ]
            }
            None => vec![self.missing(true)],
        }
    }
}
