//! What may still be taken and given back, what of it is spoken for, and until when.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Subject;
use crate::case::Case;
use crate::deadlines::{NO_DEADLINE, send_by};
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reference::ProviderReference;
use crate::reservation::{
    Hold, Intent, IntentState, Operation, Reservation, ReviewReason, RowKind,
};

/// What may still be taken and given back. What is unknown counts as spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exposure {
    /// Of the hold.
    pub capturable: HeadRoom,
    /// Of what the payer has agreed to be charged late; `None` when nothing was agreed.
    pub chargeable: Option<HeadRoom>,
    /// Of each capture and charge.
    pub refundable: Vec<RefundRoom>,
}

/// A limit, and what has used it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeadRoom {
    /// The most there can be.
    pub limit: Money,
    /// What details show.
    pub confirmed: Money,
    /// What the provider has accepted and not shown.
    pub accepted: Money,
    /// What is in doubt: its request was sent, and its outcome is unknown.
    pub unknown: Money,
    /// What is decided and not sent.
    pub planned: Money,
    /// What is left.
    pub left: Money,
}

/// What may still be given back of one capture or charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefundRoom {
    /// Of this one.
    pub reference: ProviderReference,
    /// How much.
    #[serde(flatten)]
    pub room: HeadRoom,
}

/// Until when something can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Countdown {
    /// From this instant on it is too late.
    pub until: DateTime<Utc>,
    /// Whole seconds left; zero when it is over.
    pub seconds_left: i64,
    /// What happens by itself then.
    pub then: &'static str,
}

pub(super) fn exposure(r: &Reservation) -> Exposure {
    let of = |kind| move |intent: &Intent| intent.operation.row_kind() == Some(kind);
    let named = r.ledger.iter().filter(|row| row.kind != RowKind::Refund);
    Exposure {
        capturable: room(r, r.reserved(), RowKind::Capture, None, of(RowKind::Capture)),
        chargeable: r
            .policy
            .capture
            .mandate_ceiling
            .map(|ceiling| room(r, ceiling, RowKind::Charge, None, of(RowKind::Charge))),
        refundable: named
            .filter_map(|row| {
                let reference = row.reference.clone()?;
                let mine = |intent: &Intent| matches!(&intent.operation, Operation::Refund { reference: other, .. } if *other == reference);
                let mut room = room(r, row.amount, RowKind::Refund, Some(&reference), mine);
                // Details may show more given back than is booked.
                room.confirmed = room.confirmed.max(row.refunded_seen.saturating_sub(room.accepted));
                room.left = r.refundable(&reference);
                Some(RefundRoom { reference, room })
            })
            .collect(),
    }
}

/// What rows of one kind, and open intents that are `mine`, have used up of a limit.
fn room(
    r: &Reservation,
    limit: Money,
    kind: RowKind,
    reference: Option<&ProviderReference>,
    mine: impl Fn(&Intent) -> bool,
) -> HeadRoom {
    let booked = |confirmed: bool| -> Money {
        let rows = r
            .ledger
            .iter()
            .filter(|row| row.kind == kind && row.confirmed == confirmed);
        let rows = rows.filter(|row| reference.is_none() || row.reference.as_ref() == reference);
        rows.map(|row| row.amount).sum()
    };
    let open = |fits: fn(&Intent) -> bool| -> Money {
        let intents = r
            .open_intents()
            .filter(|intent| mine(intent) && fits(intent));
        intents.map(|intent| intent.operation.amount()).sum()
    };
    let is_accepted = |intent: &Intent| matches!(intent.progress, IntentState::Accepted { .. });
    let (confirmed, accepted) = (booked(true), booked(false) + open(is_accepted));
    let unknown = open(|intent| {
        intent.is_unresolved() && !matches!(intent.progress, IntentState::Accepted { .. })
    });
    let planned = open(|intent| !intent.is_unresolved());
    let left = limit.saturating_sub(confirmed + accepted + unknown + planned);
    HeadRoom {
        limit,
        confirmed,
        accepted,
        unknown,
        planned,
        left,
    }
}

pub(super) fn countdown(case: Case<'_>, about: &Subject<'_>) -> Option<Countdown> {
    let (until, then) = deadline(case.reservation, about, case.merchant)?;
    Some(Countdown {
        until,
        seconds_left: (until - case.now).num_seconds().max(0),
        then,
    })
}

/// From when on it is too late to act on a review, and what happens by itself then.
pub(super) fn deadline(
    r: &Reservation,
    about: &Subject<'_>,
    merchant: &Merchant,
) -> Option<(DateTime<Utc>, &'static str)> {
    let (until, then) = match about.intent {
        Some(intent) => (
            send_by(r, &intent.operation, merchant),
            of_operation(&intent.operation)?,
        ),
        None => of_item(r, about.reason, merchant)?,
    };
    (until < NO_DEADLINE).then_some((until, then))
}

const fn of_operation(operation: &Operation) -> Option<&'static str> {
    match operation {
        Operation::Capture { .. } => Some(
            "it can no longer be sent again; nothing is sent by itself, and what is not captured of the hold lapses with it",
        ),
        Operation::Charge { .. } => {
            Some("it can no longer be sent again; nothing is sent by itself")
        }
        Operation::Submit | Operation::Resend { .. } => {
            Some("it can no longer be sent again: the payment link is due")
        }
        Operation::Refund { .. } | Operation::Cancel { .. } | Operation::Complete { .. } => None,
    }
}

fn of_item(
    r: &Reservation,
    reason: ReviewReason,
    merchant: &Merchant,
) -> Option<(DateTime<Utc>, &'static str)> {
    match reason {
        ReviewReason::LateDelivery | ReviewReason::DeadlinePassed => {
            Some((r.charge_by(merchant)?, "the card can no longer be charged"))
        }
        _ => {
            let held =
                matches!(r.hold, Hold::Reserved { .. }) && r.is_open() && !r.capturable().is_zero();
            let lapses = "the hold lapses: what has not been captured by then cannot be taken from it any more";
            r.capture_by(merchant)
                .filter(|_| held)
                .map(|by| (by, lapses))
        }
    }
}
