//! Traces of an effect that do not carry our marker: when they may be taken for the effect in doubt.

use chrono::{DateTime, TimeDelta, Utc};

use super::evidence::{CLOCK_SLACK, Evidence, MarkerEcho};
use crate::case::Case;
use crate::reservation::{Intent, IntentState, LedgerRow, Operation, Reservation};

/// A request whose answer was lost may still be carried out this long after it was sent.
const EXECUTES_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// The row of the ledger that can be the effect in doubt: attributed to no intent, unmarked, of its amount, new since the
/// request was sent and from its time. `None` when there is no such row, or when the history has shown one of its own.
pub(crate) fn unmarked_match<'a>(r: &'a Reservation, intent: &Intent) -> Option<&'a LedgerRow> {
    let IntentState::Unknown(unknown) = &intent.progress else {
        return None;
    };
    let mut rows = r.ledger.iter().filter(|row| {
        Some(row.kind) == intent.operation.row_kind()
            && row.intent.is_none()
            && row.amount == intent.operation.amount()
            && !intent.knew(row.reference.as_ref())
            && could_be_from(intent, row.at)
    });
    rows.next()
        .filter(|_| unknown.history_row.is_none() && intent.operation.has_marker())
}

/// Can what happened at this time be the effect of the intent's latest request?
pub(crate) fn could_be_from(intent: &Intent, at: DateTime<Utc>) -> bool {
    intent.sent().is_some_and(|sent| {
        (sent.at - CLOCK_SLACK..=sent.at + EXECUTES_WITHIN + CLOCK_SLACK).contains(&at)
    })
}

/// May an unmarked row be taken for the effect of this intent once a second source speaks for it? Only where markers are
/// known not to come back, up to the merchant's `unmarked_match_limit`, and with no other open intent of its kind.
pub(crate) fn may_match_unmarked(case: Case<'_>, intent: &Intent, evidence: &Evidence) -> bool {
    let same_kind = |other: &&Intent| other.operation.row_kind() == intent.operation.row_kind();
    let limit = case.merchant.resolution.unmarked_match_limit;
    evidence.marker_echo == MarkerEcho::Broken
        && intent.operation.amount() <= limit
        && case.reservation.open_intents().filter(same_kind).count() == 1
}

/// Has one source shown this refund, and is the second one missing? A refund has no marker: the row it gives back from,
/// the list of refunds and the sums are its sources, and two of them are enough.
pub(crate) fn is_half_refunded(r: &Reservation, intent: &Intent) -> bool {
    let Operation::Refund { reference, .. } = &intent.operation else {
        return false;
    };
    let seen = r.money_row(reference).map(|row| row.refunded_seen);
    intent.is_unresolved() && seen == Some(r.refunds_of(reference) + intent.operation.amount())
}
