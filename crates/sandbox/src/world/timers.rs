//! Timers: what will happen by itself, in order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::call::Call;

/// What waits for its time. The state is looked at again when the timer fires.
pub(crate) enum Timer {
    LinkDue(String),
    HoldEnds(String),
    Release(String),
    /// A refund by its place in the reservation's list.
    RefundPayout(String, usize),
    OrderDue(String),
    /// A call whose effect a fault put off.
    Late(Box<Call>),
}

/// Timers in the order of their time, and of their making.
#[derive(Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<(DateTime<Utc>, u64), Timer>,
    made: u64,
}

impl Timers {
    pub(crate) fn add(&mut self, at: DateTime<Utc>, timer: Timer) {
        self.made += 1;
        self.waiting.insert((at, self.made), timer);
    }

    pub(crate) fn next(&self) -> Option<DateTime<Utc>> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop(&mut self, until: DateTime<Utc>) -> Option<(DateTime<Utc>, Timer)> {
        let entry = self
            .waiting
            .first_entry()
            .filter(|entry| entry.key().0 <= until)?;
        let ((at, _), timer) = entry.remove_entry();
        Some((at, timer))
    }
}
