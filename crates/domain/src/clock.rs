//! Time and randomness as values that are passed in, so that a test can replay both.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

/// What the time is: business time for deadlines, and how it relates to the clock on the wall.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Business time: everything that is due, stored or shown. In whole milliseconds, as databases keep it.
    fn now(&self) -> DateTime<Utc>;

    /// The time on the wall of this machine: leases and heartbeats, which tell dead processes from live ones
    /// and have to run at the machine's own pace whatever the business clock does.
    fn wall(&self) -> DateTime<Utc>;

    /// How long this much business time lasts on the wall.
    fn wall_for(&self, business: TimeDelta) -> Duration;
}

/// The system clock: `time = origin + speed × (wall − origin)`.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: DateTime<Utc>,
    speed: u32,
}

impl SystemClock {
    /// Real time.
    #[must_use]
    pub const fn real() -> Self {
        Self {
            origin: DateTime::UNIX_EPOCH,
            speed: 1,
        }
    }

    /// Time that stands at `origin` when the wall does, and runs `speed` times as fast.
    #[must_use]
    pub const fn fast(origin: DateTime<Utc>, speed: u32) -> Self {
        Self { origin, speed }
    }
}

impl SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the time"
    )]
    fn read() -> DateTime<Utc> {
        Utc::now()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        let wall = Self::read();
        if self.speed == 1 {
            return wall.trunc_subsecs(3);
        }
        let micros = (wall - self.origin).num_microseconds().unwrap_or(i64::MAX);
        let scaled = TimeDelta::microseconds(micros.saturating_mul(i64::from(self.speed)));
        self.origin
            .checked_add_signed(scaled)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
            .trunc_subsecs(3)
    }

    fn wall(&self) -> DateTime<Utc> {
        Self::read().trunc_subsecs(3)
    }

    fn wall_for(&self, business: TimeDelta) -> Duration {
        business.to_std().unwrap_or(Duration::ZERO) / self.speed.max(1)
    }
}

/// A clock that stands still until it is moved, for tests and simulations.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock on (or back, with a negative step).
    pub fn advance(&self, by: TimeDelta) {
        *self.lock() += by;
    }

    /// Moves the clock to `now`.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.lock() = now;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.lock()
    }

    fn wall(&self) -> DateTime<Utc> {
        *self.lock()
    }

    fn wall_for(&self, business: TimeDelta) -> Duration {
        business.to_std().unwrap_or(Duration::ZERO)
    }
}

/// Where random numbers come from: ids, jitter, tokens.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// The next 64 random bits.
    fn next_u64(&self) -> u64;

    /// A number from 0 to `bound`, both included.
    fn up_to(&self, bound: u64) -> u64 {
        match bound.checked_add(1) {
            None => self.next_u64(),
            Some(span) => {
                let wide = (u128::from(self.next_u64()) * u128::from(span)) >> 64;
                u64::try_from(wide).unwrap_or(bound)
            }
        }
    }
}

/// Random numbers that nobody can guess, seeded by the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system for randomness"
    )]
    fn next_u64(&self) -> u64 {
        rand::rng().next_u64()
    }
}

/// Random numbers from a seed, the same on every run.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// The sequence that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn next_u64(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_bounds_hold() {
        let (one, two) = (SeededEntropy::new(3), SeededEntropy::new(3));
        for bound in [0, 1, 9, u64::MAX] {
            let drawn = one.up_to(bound);
            assert!(drawn <= bound);
            assert_eq!(drawn, two.up_to(bound));
        }
    }

    #[test]
    fn a_fast_clock_meets_the_wall_at_its_origin_only() {
        let real = SystemClock::real();
        let origin = real.wall() - TimeDelta::seconds(10);
        let fast = SystemClock::fast(origin, 1_000);
        assert!(fast.now() - origin >= TimeDelta::seconds(10_000));
        assert_eq!(
            fast.wall_for(TimeDelta::seconds(5)),
            Duration::from_millis(5)
        );
    }
}
