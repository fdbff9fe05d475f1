//! What the steps work on: reservations, providers and details by number, and the commits between them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, TimeDelta, Utc};
use domain::observe::Snapshot;
use domain::reservation::IntentState;
use domain::{Fact, Reservation};

use super::calls::Domain;
use super::intern::Intern;
use super::invariants::{Invariant, Violation};
use super::scenario::Scenario;
use super::state::{Number, State, Worker};
use super::{Bounds, Broken};
use crate::provider::Provider;

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) domain: Domain,
    pub(super) broken: Broken,
    /// How long after its release a request may still leave, and be carried out.
    pub(super) effect_within: TimeDelta,
    reservations: Intern<Reservation>,
    /// When the jobs of each reservation run.
    due: Vec<[Option<DateTime<Utc>>; 2]>,
    providers: Intern<Provider>,
    snapshots: Intern<Snapshot>,
}

impl Machine {
    /// A machine for this scenario, and the states that it starts in.
    pub(super) fn new(scenario: &Scenario, bounds: Bounds, broken: Broken) -> (Self, Vec<State>) {
        let mut machine = Self {
            domain: Domain::new(scenario.start(false).0, broken),
            broken,
            effect_within: scenario.effect_within,
            reservations: Intern::new(),
            due: Vec::new(),
            providers: Intern::new(),
            snapshots: Intern::new(),
        };
        let lates = if scenario.has_deadline { &[false, true][..] } else { &[false] };
        let starts = lates.iter().map(|late| {
            let (booking, provider) = scenario.start(*late);
            State {
                now: booking.now,
                r: machine.keep(booking.r),
                provider: machine.keep_provider(provider),
                workers: [Worker::IDLE, Worker::IDLE],
                wires: Vec::new(),
                snoozed: [None, None],
                faults: bounds.faults,
                losses: bounds.losses,
            }
        });
        let starts = starts.collect();
        (machine, starts)
    }

    pub(super) fn r(&self, state: &State) -> &Reservation {
        self.reservations.get(state.r)
    }

    pub(super) fn provider(&self, state: &State) -> &Provider {
        self.providers.get(state.provider)
    }

    pub(super) fn snapshot(&self, number: Number) -> &Snapshot {
        self.snapshots.get(number)
    }

    /// When each job of the reservation runs that is not at the desk.
    pub(super) fn due(&self, state: &State) -> [Option<DateTime<Utc>>; 2] {
        let at = |job: usize| {
            self.due[state.r][job].map(|at| state.snoozed[job].map_or(at, |until| until.max(at)))
        };
        [at(0), at(1)]
    }

    /// Folds facts in, as one commit.
    pub(super) fn commit(&mut self, state: &mut State, facts: &[Fact]) -> Result<(), Violation> {
        let mut r = self.r(state).clone();
        for fact in facts {
            r.apply(fact).map_err(|illegal| Violation::new(Invariant::Legal, illegal.to_string()))?;
            let foreign = match fact {
                Fact::ForeignRow { row } => row.foreign,
                Fact::Closed { foreign, .. } => *foreign,
                _ => false,
            };
            if foreign {
                let what = format!("nobody else acts, and {fact:?} is booked");
                return Err(Violation::new(Invariant::Attribution, what));
            }
        }
        state.r = self.keep(r);
        Ok(())
    }

    pub(super) fn keep(&mut self, r: Reservation) -> Number {
        let r = Domain::normal(r);
        let number = self.reservations.put(sketch(&r), r);
        if number == self.due.len() {
            self.due.push(self.domain.due(self.reservations.get(number)));
        }
        number
    }

    pub(super) fn keep_provider(&mut self, provider: Provider) -> Number {
        let sketch = hash(&(provider.effects.len(), provider.changed_at()));
        self.providers.put(sketch, provider)
    }

    /// Keeps details as the provider shows them.
    pub(super) fn keep_snapshot(&mut self, mut seen: Snapshot) -> Number {
        if self.broken == Broken::Marker {
            for row in seen.captures.iter_mut().chain(&mut seen.charges) {
                row.text = None;
            }
        }
        let sketch = hash(&(&seen.word, seen.captured, seen.charged, seen.refunded_captured));
        self.snapshots.put(sketch, seen)
    }
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What most states differ in.
fn sketch(r: &Reservation) -> u64 {
    let intent = Domain::intent(r);
    let doubt = match &intent.progress {
        IntentState::Unknown(doubt) | IntentState::Desk(doubt) => {
            (doubt.reads, doubt.clean_reads, doubt.last_read_at)
        }
        IntentState::Accepted { reads, .. } => (*reads, 0, None),
        _ => (0, 0, None),
    };
    let sent = intent.sent().map(|sent| (sent.attempt, sent.at));
    let read = (r.provider.tried_at, r.provider.read_at, r.control.incoherent_reads);
    hash(&(intent.progress.name(), intent.attempts, sent, doubt, read, r.ledger.len(), r.control.desk.len()))
}
