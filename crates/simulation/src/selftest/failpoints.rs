//! Where a process can die or halt: at each commit and around each request.
//!
//! Between two such failpoints nothing durable happens and nothing reaches the provider, so dying anywhere between them is
//! the same as dying at the first. The failpoints are counted by what is drawn at them, never by polls, so they replay.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use chrono::TimeDelta;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use store::Gate;

use super::dice::Dice;

/// A point that a run passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failpoint {
    /// A transaction is written and not durable.
    BeforeCommit,
    /// A transaction is durable, and its run does not know.
    AfterCommit,
    /// A request is about to leave.
    BeforeRequest,
    /// The provider has answered, and nobody here knows.
    AfterRequest,
}

impl Failpoint {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::BeforeCommit => "before a commit",
            Self::AfterCommit => "after a commit",
            Self::BeforeRequest => "before its request left",
            Self::AfterRequest => "after its request was answered",
        }
    }
}

/// What becomes of a run at a point, unless it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CrashOutcome {
    /// Its process dies.
    Dies(Failpoint),
    /// Its whole process stands still for longer than its leases hold.
    Freezes(Failpoint, TimeDelta),
    /// The answer is slow; its process goes on with other things.
    Waits(TimeDelta),
}

/// How often, of a thousand passes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) dies: u64,
    pub(super) freezes: u64,
    pub(super) waits: u64,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    rates: Rates,
    /// The run that is being polled; nobody's when it is a request to the API.
    current: Option<u64>,
    /// What has become of it during this poll.
    outcome: Option<CrashOutcome>,
    /// The runs that stand at a point.
    halted: BTreeSet<u64>,
}

/// The failpoints of a env. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Failpoints(Arc<Mutex<State>>);

impl Failpoints {
    pub(super) fn new(dice: Dice, rates: Rates) -> Self {
        let state = State {
            dice,
            rates,
            current: None,
            outcome: None,
            halted: BTreeSet::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        self.lock().rates = Rates::default();
    }

    /// This run is polled next.
    pub(super) fn enter(&self, run: u64) {
        let mut state = self.lock();
        state.current = Some(run);
        state.outcome = None;
    }

    /// It has been polled: what has become of it.
    pub(super) fn leave(&self) -> Option<CrashOutcome> {
        let mut state = self.lock();
        state.current = None;
        state.outcome.take()
    }

    /// This run may go on, or is gone.
    pub(super) fn release(&self, run: u64) {
        self.lock().halted.remove(&run);
    }

    /// Passes a point. Ends at once, or when the run is released.
    pub(super) async fn pass(&self, point: Failpoint) {
        let Some(run) = self.halts(point) else { return };
        std::future::poll_fn(|_| {
            if self.lock().halted.contains(&run) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// Draws what becomes of the run that is being polled; its number if it halts here.
    fn halts(&self, point: Failpoint) -> Option<u64> {
        let mut state = self.lock();
        let run = state.current?;
        let outcome = drawn(&state.dice, state.rates, point)?;
        state.outcome = Some(outcome);
        state.halted.insert(run);
        Some(run)
    }
}

fn drawn(dice: &Dice, rates: Rates, point: Failpoint) -> Option<CrashOutcome> {
    if dice.chance(rates.dies) {
        return Some(CrashOutcome::Dies(point));
    }
    // Whoever halts with a transaction open halts everybody.
    if point != Failpoint::BeforeCommit && dice.chance(rates.freezes) {
        return Some(CrashOutcome::Freezes(point, dice.seconds(31, 600)));
    }
    // Shorter than a lease, which a process that is alive renews.
    (point == Failpoint::AfterRequest && dice.chance(rates.waits))
        .then(|| CrashOutcome::Waits(dice.seconds(1, 25)))
}

impl Gate for Failpoints {
    fn before_commit(&self) -> BoxFuture<'_, ()> {
        self.pass(Failpoint::BeforeCommit).boxed()
    }

    fn after_commit(&self) -> BoxFuture<'_, ()> {
        self.pass(Failpoint::AfterCommit).boxed()
    }
}
