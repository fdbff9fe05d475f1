//! How long a failed job waits before its next run.

use std::time::Duration;

use ::backoff::ExponentialBackoff;
use ::backoff::backoff::Backoff as _;
use chrono::TimeDelta;
use domain::Entropy;

/// What kind of failure it was, which sets the pace of the retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// No answer: DNS, connect, reset, timeout.
    Transport,
    /// The provider, or our own budget, says to come later. Uses no attempt.
    Throttled,
    /// The provider answered with a 5xx or with nonsense.
    ProviderError,
    /// A fault of our own: the database, a bug, a handler that took too long.
    Internal,
}

impl FaultClass {
    /// Every class.
    pub const ALL: [Self; 4] = [
        Self::Transport,
        Self::Throttled,
        Self::ProviderError,
        Self::Internal,
    ];

    /// The longest first delay, and the longest delay of all.
    #[must_use]
    pub const fn pace(self) -> (Duration, Duration) {
        let (base_secs, cap_secs) = match self {
            Self::Transport => (1, 300),
            Self::Throttled => (2, 60),
            Self::ProviderError => (5, 900),
            Self::Internal => (1, 600),
        };
        (
            Duration::from_secs(base_secs),
            Duration::from_secs(cap_secs),
        )
    }
}

/// Doublings after which every class has long reached its cap.
const MAX_STEPS: u32 = 16;

/// A random delay from nothing to `min(cap, base × 2^(attempt − 1))`: exponential backoff with full jitter.
///
/// `attempt` counts from 1. It comes from the database, so the pace survives a restart.
#[must_use]
pub fn delay(class: FaultClass, attempt: u32, entropy: &dyn Entropy) -> TimeDelta {
    let ceiling = u64::try_from(ceiling(class, attempt).as_millis()).unwrap_or(u64::MAX);
    TimeDelta::milliseconds(i64::try_from(entropy.up_to(ceiling)).unwrap_or(i64::MAX))
}

/// The longest delay before the run that follows this attempt.
fn ceiling(class: FaultClass, attempt: u32) -> Duration {
    let (base, cap) = class.pace();
    // The crate's own jitter is off because it is not seeded and exceeds the cap; its time limit is off because it
    // counts from the start of the process.
    let mut exponential = ExponentialBackoff {
        current_interval: base,
        initial_interval: base,
        multiplier: 2.0,
        randomization_factor: 0.0,
        max_interval: cap,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    (0..attempt.clamp(1, MAX_STEPS))
        .filter_map(|_| exponential.next_backoff())
        .last()
        .unwrap_or(cap)
        .min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SeededEntropy;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let table = [
            (FaultClass::Transport, 1, 1),
            (FaultClass::Transport, 2, 2),
            (FaultClass::Transport, 5, 16),
            (FaultClass::Transport, 9, 256),
            (FaultClass::Transport, 10, 300),
            (FaultClass::ProviderError, 1, 5),
            (FaultClass::ProviderError, 4, 40),
            (FaultClass::ProviderError, u32::MAX, 900),
            (FaultClass::Throttled, 6, 60),
            (FaultClass::Internal, 0, 1),
        ];
        for (class, attempt, seconds) in table {
            assert_eq!(
                ceiling(class, attempt),
                Duration::from_secs(seconds),
                "{class:?} {attempt}"
            );
        }
    }

    #[test]
    fn the_delay_is_spread_over_the_whole_range_and_replays() {
        for class in FaultClass::ALL {
            for attempt in 1..20 {
                let (one, two) = (SeededEntropy::new(5), SeededEntropy::new(5));
                let ceiling = TimeDelta::from_std(ceiling(class, attempt)).expect("fits");
                let drawn: Vec<_> = (0..50).map(|_| delay(class, attempt, &one)).collect();
                assert!(
                    drawn
                        .iter()
                        .all(|delay| *delay >= TimeDelta::zero() && *delay <= ceiling)
                );
                assert!(drawn.iter().any(|delay| *delay < ceiling / 2));
                assert!(drawn.iter().any(|delay| *delay > ceiling / 2));
                assert_eq!(
                    drawn,
                    (0..50)
                        .map(|_| delay(class, attempt, &two))
                        .collect::<Vec<_>>()
                );
            }
        }
    }
}
