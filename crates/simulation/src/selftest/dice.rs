//! Randomness of a run: everything that is drawn comes from its seed.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use domain::{Entropy, Money, SeededEntropy};

/// Dice with a seed of their own.
#[derive(Debug)]
pub(super) struct Dice(SeededEntropy);

impl Dice {
    /// Dice for one purpose of a run, so that a change of what is drawn for one leaves the others alone.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        Self(SeededEntropy::new(mixed(seed, purpose)))
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&self, low: u64, high: u64) -> u64 {
        low + self.0.up_to(high.saturating_sub(low))
    }

    /// Does what happens so many times in a thousand happen now?
    pub(super) fn chance(&self, per_mille: u64) -> bool {
        self.0.up_to(999) < per_mille
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(from.len().checked_sub(1)?).ok()?;
        from.get(usize::try_from(self.0.up_to(last)).ok()?)
    }

    /// A time between two numbers of seconds.
    pub(super) fn seconds(&self, low: u64, high: u64) -> TimeDelta {
        TimeDelta::seconds(i64::try_from(self.between(low, high)).unwrap_or(0))
    }

    /// The same between two numbers of minutes, to the second.
    pub(super) fn minutes(&self, low: u64, high: u64) -> TimeDelta {
        self.seconds(low * 60, high * 60)
    }

    /// The same between two numbers of hours, to the second.
    pub(super) fn hours(&self, low: u64, high: u64) -> TimeDelta {
        self.seconds(low * 3_600, high * 3_600)
    }

    /// A part of an amount, more than nothing and at most all of it.
    pub(super) fn part_of(&self, whole: Money) -> Money {
        let most = u64::try_from(whole.minor()).unwrap_or(0).max(1);
        minor(self.between(1, most))
    }
}

/// So many øre.
pub(super) fn minor(minor: u64) -> Money {
    i64::try_from(minor)
        .ok()
        .and_then(|minor| Money::from_minor(minor).ok())
        .unwrap_or_default()
}

/// Two numbers as one seed.
const fn mixed(seed: u64, purpose: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03)
}

/// The randomness of the code under test. It begins anew with every run of a job, so that what a run has drawn before
/// it died changes nothing for those that follow.
#[derive(Debug)]
pub(super) struct RunEntropy {
    seed: u64,
    dice: Mutex<(u64, SeededEntropy)>,
}

impl RunEntropy {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            dice: Mutex::new((0, SeededEntropy::new(mixed(seed, u64::MAX)))),
        }
    }

    /// Begins the sequence of the next run, or of the next request to the API.
    pub(super) fn begin(&self) {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let number = dice.0.wrapping_add(1);
        *dice = (
            number,
            SeededEntropy::new(mixed(mixed(self.seed, u64::MAX), number)),
        );
    }
}

impl Entropy for RunEntropy {
    fn next_u64(&self) -> u64 {
        self.dice
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_draws_changes_nothing_for_the_next() {
        let (one, two) = (RunEntropy::new(7), RunEntropy::new(7));
        one.begin();
        for _ in 0..9 {
            one.next_u64();
        }
        two.begin();
        one.begin();
        two.begin();
        assert_eq!(one.next_u64(), two.next_u64());
    }

    #[test]
    fn purposes_have_dice_of_their_own() {
        let draw = |seed, purpose| Dice::new(seed, purpose).between(0, u64::MAX);
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }
}
