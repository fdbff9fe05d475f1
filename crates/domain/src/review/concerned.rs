//! What a review is about that no request in doubt stands behind: its rows, its intent, its amount.

use super::Subject;
use crate::money::Money;
use crate::reservation::{
    Intent, IntentState, LedgerRow, Operation, Reservation, ReviewReason, RowKind, SeenReservation,
};

/// The rows of the ledger that an item is about.
pub(super) fn rows(r: &Reservation, reason: ReviewReason) -> Vec<&LedgerRow> {
    let all = r.ledger.iter();
    let unshown = |kind: RowKind| {
        all.clone()
            .filter(move |row| row.kind == kind && !row.confirmed)
            .collect()
    };
    match reason {
        ReviewReason::LateEffect => all
            .filter(|row| owner(r, row).is_some_and(is_resolved_as_absent))
            .collect(),
        ReviewReason::EffectDiffers => all
            .filter(|row| owner(r, row).is_some_and(|intent| differs(r, intent)))
            .collect(),
        ReviewReason::ExternalChange => all.filter(|row| row.intent.is_none()).collect(),
        ReviewReason::CaptureUnknown => unshown(RowKind::Capture),
        ReviewReason::ChargeUnknown => unshown(RowKind::Charge),
        ReviewReason::RefundUnknown => unshown(RowKind::Refund),
        _ => Vec::new(),
    }
}

/// The intent that a subject is about: the one in doubt, else the newest that the item can have come from.
pub(super) fn intent<'r>(r: &'r Reservation, subject: &Subject<'r>) -> Option<&'r Intent> {
    let newest = |fits: fn(&Intent) -> bool| r.intents.iter().rev().find(|intent| fits(intent));
    subject.intent.or_else(|| match subject.reason {
        ReviewReason::ProviderRefused | ReviewReason::MissingAtProvider => {
            newest(|intent| matches!(intent.progress, IntentState::Rejected { .. }))
        }
        ReviewReason::DeadlinePassed => newest(is_resolved_as_absent),
        reason => {
            let of_row = rows(r, reason)
                .into_iter()
                .rev()
                .find_map(|row| owner(r, row));
            of_row.or_else(|| of_submit(r, reason))
        }
    })
}

/// The submit that an item is about: its effect showed after it had been given up, or twice.
fn of_submit(r: &Reservation, reason: ReviewReason) -> Option<&Intent> {
    let submit = r
        .intents
        .iter()
        .find(|intent| intent.operation == Operation::Submit)?;
    let concerned = match reason {
        ReviewReason::LateEffect => {
            is_resolved_as_absent(submit) && r.provider.reservation_uuid.is_some()
        }
        ReviewReason::EffectDiffers => !r.provider.duplicates.is_empty(),
        _ => false,
    };
    concerned.then_some(submit)
}

/// Is this item about a reservation that the provider has and that nobody wanted any more?
pub(super) fn is_late_submit(r: &Reservation, reason: ReviewReason) -> bool {
    reason == ReviewReason::LateEffect
        && rows(r, reason).is_empty()
        && of_submit(r, reason).is_some()
}

/// The other reservations at the provider that an item, or a submit in doubt, is about.
pub(super) fn duplicates<'r>(r: &'r Reservation, subject: &Subject<'_>) -> &'r [SeenReservation] {
    let submit = subject
        .intent
        .is_some_and(|intent| intent.operation == Operation::Submit);
    let differs = subject.intent.is_none() && subject.reason == ReviewReason::EffectDiffers;
    if submit || differs {
        &r.provider.duplicates
    } else {
        &[]
    }
}

/// The intent whose effect a row is.
pub(super) fn owner<'r>(r: &'r Reservation, row: &LedgerRow) -> Option<&'r Intent> {
    row.intent.as_ref().and_then(|id| r.intent(id))
}

fn is_resolved_as_absent(intent: &Intent) -> bool {
    matches!(
        intent.progress,
        IntentState::Rejected { .. } | IntentState::Withdrawn { .. }
    )
}

/// The rows of one intent.
pub(super) fn rows_of<'r>(r: &'r Reservation, intent: &Intent) -> Vec<&'r LedgerRow> {
    r.ledger
        .iter()
        .filter(|row| row.intent.as_ref() == Some(&intent.id))
        .collect()
}

fn differs(r: &Reservation, intent: &Intent) -> bool {
    let rows = rows_of(r, intent);
    let sum: Money = rows.iter().map(|row| row.amount).sum();
    !rows.is_empty() && (rows.len() > 1 || sum != intent.operation.amount())
}

/// The money that an item is about when nothing is done about it: taken or given back beyond what was wanted, or
/// booked and not shown.
pub(super) fn amount(r: &Reservation, reason: ReviewReason) -> Money {
    let rows = rows(r, reason);
    let sum: Money = rows.iter().map(|row| row.amount).sum();
    match reason {
        ReviewReason::EffectDiffers => {
            let mut owners: Vec<&Intent> = rows.iter().filter_map(|row| owner(r, row)).collect();
            owners.dedup_by_key(|intent| &intent.id);
            sum.saturating_sub(owners.iter().map(|intent| intent.operation.amount()).sum())
        }
        _ => sum,
    }
}

/// Is this row of the kind that the operation makes, nobody's, and not of the time before the request?
pub(super) fn may_be_of(row: &LedgerRow, intent: &Intent) -> bool {
    Some(row.kind) == intent.operation.row_kind()
        && row.kind != RowKind::Refund
        && row.intent.is_none()
        && row.intent.is_none()
        && row.confirmed
        && !intent.knew(row.reference.as_ref())
}

/// The rows that are nobody's, came since the request, and have its very amount.
pub(super) fn equal_rows<'r>(r: &'r Reservation, intent: &Intent) -> Vec<&'r LedgerRow> {
    let amount = intent.operation.amount();
    r.ledger
        .iter()
        .filter(|row| may_be_of(row, intent) && row.amount == amount)
        .collect()
}

/// Do details show exactly as much given back of the row as this refund asked for, beyond what is booked?
pub(super) fn is_refund_shown(r: &Reservation, operation: &Operation) -> bool {
    matches!(operation, Operation::Refund { reference, .. } if r.unbooked_refund(reference) == operation.amount())
}
