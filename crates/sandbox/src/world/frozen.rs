//! Stale details: a reservation as it was, shown for a number of reads or until a time.

use chrono::{DateTime, Utc};

use crate::model::Reservation;

/// What details show instead of the truth, and for how long.
pub(super) struct Frozen {
    pub(super) view: Reservation,
    pub(super) reads: Option<u32>,
    pub(super) until: Option<DateTime<Utc>>,
}

impl Frozen {
    /// When details show the truth again, if a time says so.
    pub(super) fn ends(&self) -> Option<DateTime<Utc>> {
        self.until.filter(|_| self.reads.is_none())
    }

    pub(super) fn shows(&self, now: DateTime<Utc>) -> bool {
        self.reads.is_none_or(|reads| reads > 0) && self.until.is_none_or(|until| now < until)
    }
}
