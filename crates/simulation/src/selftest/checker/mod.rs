//! The judge of a run. It reads the sandbox's ledger and the API's JSON, and knows nothing of how Holdfast works.

mod answer;
mod differences;
mod excuse;
mod operations;
mod promises;
mod snapshot;
#[cfg(test)]
mod tests;
mod truth;

use std::collections::BTreeMap;

use sandbox::Effect;

pub(super) use operations::{End, OperationHistory, Resolved, UnknownOutcome};
pub(super) use snapshot::{Answers, ApiSnapshot, Unreadable};
pub(super) use truth::Truth;

use super::play::Asked;

/// A promise that a run broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Which promise, by its number in [`PROMISES`].
    pub(super) promise: usize,
    /// The booking system's reference of the reservation.
    pub(super) reference: String,
    pub(super) message: String,
}

/// The promises, by number from 1.
pub(super) const PROMISES: [&str; 6] = [
    "at most one request of a reservation is unresolved",
    "no effect happens twice",
    "nothing that was asked for is forgotten",
    "the books are the provider's",
    "no limit of money, time or decency is broken",
    "no deadline passes in silence",
];

/// What a run is judged by.
pub(super) struct Evidence<'e> {
    pub(super) ledger: &'e [Effect],
    pub(super) snapshots: &'e [ApiSnapshot],
    pub(super) asked: &'e [Asked],
    /// Were the declared assumptions broken on purpose?
    pub(super) beyond: bool,
}

/// What a judgement came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    pub(super) violations: Vec<Violation>,
    /// Effects that happened more than once.
    pub(super) doubles: u64,
    /// Of them, those that reached a person.
    pub(super) doubles_reviewed: u64,
    /// What would have broken a promise but for a review or a pause: how often, by what it was and what excused it.
    pub(super) excuses: BTreeMap<String, u64>,
}

impl Judgement {
    fn excuse(&mut self, what: &str, excuse: &str) {
        *self.excuses.entry(format!("{what}: {excuse}")).or_default() += 1;
    }
}

/// One promise's judge: a sentence for every way in which a reservation breaks it.
type Judge = fn(&ApiSnapshot, &Truth<'_>, &Evidence<'_>, &mut Judgement) -> Vec<String>;

/// Each judge with the number of its promise.
const JUDGES: [(usize, Judge); 6] = [
    (1, promises::one_at_a_time),
    (2, promises::no_double_effect),
    (3, promises::nothing_forgotten),
    (4, differences::unexplained_differences),
    (5, promises::limits_hold),
    (6, promises::no_silent_deadline),
];

/// Judges a run.
pub(super) fn judge(evidence: &Evidence<'_>) -> Judgement {
    let mut judgement = Judgement::default();
    for book in evidence.snapshots {
        let truth = Truth::of(evidence.ledger, &book.reference);
        for (promise, judge) in JUDGES {
            let broken = judge(book, &truth, evidence, &mut judgement);
            let reference = || book.reference.clone();
            let broken = broken.into_iter().map(|message| Violation {
                promise,
                reference: reference(),
                message,
            });
            judgement.violations.extend(broken);
        }
    }
    judgement
}
