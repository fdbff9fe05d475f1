//! The time at which clocks of tests begin.

use chrono::{DateTime, Utc};

/// Monday, 5 January 2026, 12:00 UTC: a working day, in winter time.
#[must_use]
pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400, 0).expect("a time")
}
