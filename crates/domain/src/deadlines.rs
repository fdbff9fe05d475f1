//! Until when an operation is worth sending, and until when a job without an end of its own runs.

use chrono::{DateTime, TimeDelta, Utc};

use crate::merchant::Merchant;
use crate::reservation::{Operation, Reservation};

/// The deadline of a job that has none: the year 9999, so that it sorts behind every real one.
pub const NO_DEADLINE: DateTime<Utc> = match DateTime::from_timestamp(253_370_764_800, 0) {
    Some(far) => far,
    None => DateTime::<Utc>::MAX_UTC,
};

/// The instant from which on an operation of this kind is of no use.
///
/// A submit and a message end with the payment link's due date, a capture [`safety_margin`](Merchant::safety_margin)
/// before the window closes, a charge at most an hour before the card can no longer be charged; refunds, cancels and
/// completes have no end.
#[must_use]
pub fn send_by(r: &Reservation, operation: &Operation, merchant: &Merchant) -> DateTime<Utc> {
    match operation {
        Operation::Submit | Operation::Resend { .. } => r.payment_link_due,
        Operation::Capture { .. } => capture_send_by(r, merchant),
        Operation::Charge { .. } => {
            let margin = merchant.safety_margin.delta().min(TimeDelta::hours(1));
            r.charge_by(merchant).map_or(NO_DEADLINE, |by| by - margin)
        }
        Operation::Refund { .. } | Operation::Cancel { .. } | Operation::Complete { .. } => {
            NO_DEADLINE
        }
    }
}

/// From this instant on no capture is sent: the safety margin before the window closes.
pub(crate) fn capture_send_by(r: &Reservation, merchant: &Merchant) -> DateTime<Utc> {
    let margin = merchant.safety_margin.delta();
    r.capture_by(merchant).map_or(NO_DEADLINE, |by| by - margin)
}
