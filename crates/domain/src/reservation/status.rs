//! The one word that people see, derived from the facts.

use super::{Closure, Hold, Link, Reservation, RowKind};
use crate::job::words;

words! {
    /// The status of a reservation.
    Status {
        /// Not at the provider yet.
        Submitting = "submitting",
        /// The payer has the link.
        AwaitingPayment = "awaiting_payment",
        /// The amount is held.
        Held = "held",
        /// Something was captured.
        Captured = "captured",
        /// Something was charged and nothing captured.
        Charged = "charged",
        /// The books are closed.
        Completed = "completed",
        /// Withdrawn.
        Cancelled = "cancelled",
        /// Nobody paid in time, or the hold lapsed.
        Expired = "expired",
        /// The provider refused the reservation.
        Failed = "failed",
    }
}

impl Reservation {
    /// The status that people see.
    #[must_use]
    pub fn status(&self) -> Status {
        let has = |kind| self.ledger.iter().any(|row| row.kind == kind);
        match (&self.closure, &self.hold, &self.link) {
            (Closure::Completed { .. }, ..) => Status::Completed,
            (Closure::Cancelled { .. }, ..) => Status::Cancelled,
            _ if has(RowKind::Capture) => Status::Captured,
            _ if has(RowKind::Charge) => Status::Charged,
            (_, Hold::Reserved { .. }, _) => Status::Held,
            (_, Hold::Expired { .. }, _) | (.., Link::Expired { .. }) => Status::Expired,
            (.., Link::Submitting) => Status::Submitting,
            (.., Link::Sent { .. }) => Status::AwaitingPayment,
            (.., Link::Failed { .. }) => Status::Failed,
        }
    }
}
