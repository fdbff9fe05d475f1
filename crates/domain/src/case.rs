//! What almost every decision is made from: a reservation, its merchant and the time.

use chrono::{DateTime, Utc};

use crate::merchant::Merchant;
use crate::reservation::Reservation;

/// One reservation at one moment, as every decision sees it.
///
/// Functions whose answer depends on neither the time nor the merchant take the reservation alone, so that a signature
/// shows what the answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The reservation, as the facts recorded so far tell it.
    pub reservation: &'a Reservation,
    /// The merchant on whose account the reservation stands.
    pub merchant: &'a Merchant,
    /// The business time of the decision; one decision asks the clock once.
    pub now: DateTime<Utc>,
}

impl<'a> Case<'a> {
    /// The case of `reservation`, which must be `merchant`'s, at `now`.
    #[must_use]
    pub const fn new(
        reservation: &'a Reservation,
        merchant: &'a Merchant,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            reservation,
            merchant,
            now,
        }
    }
}
