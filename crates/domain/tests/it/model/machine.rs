//! What the steps work on: reservations, providers and details by number, and the commits between them.

use std::hash::Hasher as _;

use chrono::{DateTime, TimeDelta, Utc};
use domain::history::HistoryRow;
use domain::observe::Snapshot;
use domain::reservation::{IntentState, Origin};
use domain::{Fact, ProviderFact, Reservation};

use super::calls::Domain;
use super::intern::{Intern, Map, Quick, Set};
use super::invariants::{Invariant, Violation};
use super::scenario::Scenario;
use super::state::{Number, Request, State, Worker};
use super::{Bounds, Broken};
use crate::booking::kr;
use crate::provider::Provider;

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) domain: Domain,
    pub(super) broken: Broken,
    /// The one promise that is looked at, when it is not all.
    pub(super) only: Option<Invariant>,
    /// How long after its release a request may still leave, and be carried out.
    pub(super) effect_within: TimeDelta,
    /// How far details may lag behind.
    lag: TimeDelta,
    reservations: Intern<Reservation>,
    /// What the time of each reservation depends on.
    times: Vec<Times>,
    providers: Intern<Provider>,
    snapshots: Intern<Snapshot>,
    history_rows: Intern<Vec<HistoryRow>>,
    details: Map<(Number, DateTime<Utc>), Details>,
    reads: Map<(Number, Number, DateTime<Utc>), Result<Number, Violation>>,
    /// What becomes of a provider in time.
    later: Map<(Number, DateTime<Utc>), Number>,
    /// Reservations, providers and requests under way that hold every promise.
    pub(super) sound: Set<(Number, Number, Vec<Request>)>,
}

/// What is due when.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// When each job runs that is not in review.
    jobs: [Option<DateTime<Utc>>; 2],
    /// By when the request has to be sent.
    send_by: DateTime<Utc>,
}

/// What a read may show: details as they are, as they were a while ago, and as they cannot be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Details {
    pub(super) fresh: Number,
    pub(super) stale: Number,
    pub(super) odd: Number,
}

impl Machine {
    /// A machine for this scenario, and the states that it starts in.
    pub(super) fn new(scenario: &Scenario, bounds: Bounds, broken: Broken) -> (Self, Vec<State>) {
        let mut machine = Self {
            domain: Domain::new(scenario.start(false).0, broken),
            broken,
            only: None,
            effect_within: scenario.effect_within,
            lag: bounds.lag,
            reservations: Intern::new(),
            times: Vec::new(),
            providers: Intern::new(),
            snapshots: Intern::new(),
            history_rows: Intern::new(),
            details: Map::default(),
            reads: Map::default(),
            later: Map::default(),
            sound: Set::default(),
        };
        let lates = if scenario.has_deadline {
            &[false, true][..]
        } else {
            &[false]
        };
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
                mishaps: bounds.mishaps,
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

    /// When each job of the reservation runs that is not in review.
    pub(super) fn due(&self, state: &State) -> [Option<DateTime<Utc>>; 2] {
        let at = |job: usize| {
            self.times[state.r].jobs[job]
                .map(|at| state.snoozed[job].map_or(at, |until| until.max(at)))
        };
        [at(0), at(1)]
    }

    /// By when the request has to be sent.
    pub(super) fn send_by(&self, state: &State) -> DateTime<Utc> {
        self.times[state.r].send_by
    }

    /// What a read may show now.
    pub(super) fn details(&mut self, state: &State) -> Details {
        let key = (state.provider, state.now);
        if let Some(known) = self.details.get(&key) {
            return *known;
        }
        let provider = self.provider(state);
        let (fresh, stale) = (
            provider.snapshot(),
            provider.snapshot_at(state.now - self.lag),
        );
        let odd = Snapshot {
            captured: fresh.captured + kr(1),
            ..fresh.clone()
        };
        let details = Details {
            fresh: self.keep_snapshot(fresh),
            stale: self.keep_snapshot(stale),
            odd: self.keep_snapshot(odd),
        };
        self.details.insert(key, details);
        details
    }

    /// Commits what a read of these details means.
    pub(super) fn observe(&mut self, state: &mut State, seen: Number) -> Result<(), Violation> {
        let key = (state.r, seen, state.now);
        let known = self.reads.get(&key).cloned();
        let led = known.unwrap_or_else(|| {
            let facts = self
                .domain
                .observe(self.r(state), self.snapshots.get(seen), state.now);
            let led = self.fold(state.r, &facts);
            self.reads.insert(key, led.clone());
            led
        });
        state.r = led?;
        Ok(())
    }

    /// What the history may show now: all that happened, or what had happened a while ago.
    pub(super) fn history_rows(&mut self, state: &State) -> [Number; 2] {
        let window = self.domain.window(self.r(state), state.now);
        [state.now, state.now - self.lag].map(|seen| {
            let rows = self.provider(state).history(window, seen);
            self.history_rows.put(hash(&rows.len()), rows)
        })
    }

    /// Commits what these rows of the history mean.
    pub(super) fn search(&mut self, state: &mut State, rows: Number) -> Result<(), Violation> {
        let facts = self
            .domain
            .search(self.r(state), self.history_rows.get(rows), state.now);
        self.commit(state, &facts)
    }

    /// Folds facts in, as one commit.
    pub(super) fn commit(&mut self, state: &mut State, facts: &[Fact]) -> Result<(), Violation> {
        state.r = self.fold(state.r, facts)?;
        Ok(())
    }

    pub(super) fn looks_at(&self, invariant: Invariant) -> bool {
        self.only.is_none_or(|only| only == invariant)
    }

    fn fold(&mut self, r: Number, facts: &[Fact]) -> Result<Number, Violation> {
        let mut r = self.reservations.get(r).clone();
        for fact in facts {
            if let Err(illegal) = r.apply(fact) {
                return Err(Violation::new(Invariant::Legal, illegal.to_string()));
            }
            let external = match fact {
                Fact::Provider(ProviderFact::RowPosted { row }) => row.intent.is_none(),
                Fact::Provider(ProviderFact::Closed { origin, .. }) => *origin == Origin::External,
                _ => false,
            };
            if external && self.looks_at(Invariant::Attribution) {
                let what = format!("nobody else acts, and {fact:?} is booked");
                return Err(Violation::new(Invariant::Attribution, what));
            }
        }
        Ok(self.keep(r))
    }

    /// The provider, once what lapses until then has lapsed.
    pub(super) fn provider_at(&mut self, state: &State, then: DateTime<Utc>) -> Number {
        let key = (state.provider, then);
        if let Some(known) = self.later.get(&key) {
            return *known;
        }
        let mut provider = self.provider(state).clone();
        provider.advance(then);
        let number = self.keep_provider(provider);
        self.later.insert(key, number);
        number
    }

    fn keep(&mut self, r: Reservation) -> Number {
        let r = Domain::normal(r);
        let number = self.reservations.put(sketch(&r), r);
        if number == self.times.len() {
            let r = self.reservations.get(number);
            let (jobs, send_by) = (self.domain.due(r), self.domain.send_by(r));
            self.times.push(Times { jobs, send_by });
        }
        number
    }

    pub(super) fn keep_provider(&mut self, provider: Provider) -> Number {
        let sketch = hash(&(provider.effects.len(), provider.changed_at()));
        self.providers.put(sketch, provider)
    }

    /// Keeps details as the provider shows them.
    fn keep_snapshot(&mut self, mut seen: Snapshot) -> Number {
        if self.broken == Broken::Marker {
            for row in seen.captures.iter_mut().chain(&mut seen.charges) {
                row.text = None;
            }
        }
        let sketch = hash(&(
            &seen.word,
            seen.captured,
            seen.charged,
            seen.refunded_captured,
        ));
        self.snapshots.put(sketch, seen)
    }
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = Quick::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What most states differ in.
fn sketch(r: &Reservation) -> u64 {
    let intent = Domain::intent(r);
    let unknown = match &intent.progress {
        IntentState::Unknown(unknown) | IntentState::NeedsReview(unknown) => {
            (unknown.reads, unknown.clean_reads, unknown.last_read_at)
        }
        IntentState::Accepted { reads, .. } => (*reads, 0, None),
        _ => (0, 0, None),
    };
    let sent = intent.sent().map(|sent| (sent.attempt, sent.at));
    let read = (
        r.provider.tried_at,
        r.provider.read_at,
        r.control.incoherent_reads,
    );
    hash(&(
        intent.progress.name(),
        intent.attempts(),
        sent,
        unknown,
        read,
        r.ledger.len(),
        r.control.reviews.len(),
    ))
}
