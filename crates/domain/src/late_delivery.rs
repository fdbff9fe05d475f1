//! What a delivery means that can no longer be captured.

use chrono::{DateTime, Utc};

use crate::case::Case;
use crate::deadlines::capture_send_by;
use crate::policy::Late;
use crate::reservation::{Fact, Reservation, ReviewFact, ReviewReason, Status};

/// The question to a person that a delivery leads to which comes when nothing can be captured any more; `None` while the
/// hold may still give it, or when the policy lets late deliveries go.
#[must_use]
pub fn late_delivery(case: Case<'_>) -> Option<Fact> {
    let Case {
        reservation: r,
        merchant,
        now,
    } = case;
    let is_over = now >= capture_send_by(r, merchant) || r.is_being_cancelled();
    let late = match r.status() {
        Status::Cancelled | Status::Expired | Status::Failed => true,
        Status::Completed => !r.capturable().is_zero(),
        Status::Held | Status::Captured | Status::Charged => is_over && !r.capturable().is_zero(),
        Status::Submitting | Status::AwaitingPayment => false,
    };
    ask_about_late(r, now).filter(|_| late)
}

/// Has a person asked about what can no longer be captured, unless the policy lets it go.
pub(crate) fn ask_about_late(r: &Reservation, now: DateTime<Utc>) -> Option<Fact> {
    let ask = Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::LateDelivery,
        freezes: false,
        at: now,
    });
    (r.policy.capture.late != Late::Nothing).then_some(ask)
}
