//! Every step that can follow a state: of the workers, of the network and the provider, and of time.

use chrono::{DateTime, TimeDelta, Utc};
use domain::decide;
use domain::outcome::RefusedBy;
use domain::reservation::{IntentState, Operation, Sent};
use domain::{Fact, IntentFact};

use super::Broken;
use super::calls::Domain;
use super::invariants::Violation;
use super::machine::{Details, Machine};
use super::state::{Answer, At, Job, Request, State, Step, Wire, Worker};
use crate::booking::minutes;

/// How long a job waits after a request that was turned away, or a read that failed.
const AGAIN: TimeDelta = minutes(1);

const TURNED_BACK: &str = "is turned back: the job is another's";

/// How the provider refuses without having looked at the reservation.
const REFUSALS: [(&str, RefusedBy); 3] = [
    ("the provider is too busy for it", RefusedBy::Throttled),
    (
        "the provider refuses it by a rule of its own",
        RefusedBy::Business,
    ),
    (
        "the provider does not know the reservation",
        RefusedBy::NotFound,
    ),
];

/// A step, and the state it leads to, unless it breaks something.
pub(super) type Next = (Step, Result<State, Violation>);

pub(super) struct Steps<'a> {
    machine: &'a mut Machine,
    from: &'a State,
    next: Vec<Next>,
}

/// Everything that can happen next.
pub(super) fn steps(machine: &mut Machine, from: &State) -> Vec<Next> {
    let mut steps = Steps {
        machine,
        from,
        next: Vec::new(),
    };
    for worker in 0..from.workers.len() {
        steps.work(worker);
        steps.lose(worker);
    }
    steps.claim();
    for wire in 0..from.wires.len() {
        steps.carry(wire);
    }
    steps.wait();
    steps.next
}

/// Is nothing left to wait for: the intent is over, or a person has been asked about it?
pub(super) fn is_resolved(machine: &Machine, state: &State) -> bool {
    let r = machine.r(state);
    let intent = Domain::intent(r);
    let rests = !intent.is_open()
        || matches!(intent.progress, IntentState::NeedsReview(_))
        || r.is_frozen();
    rests && state.wires.is_empty()
}

impl Steps<'_> {
    fn go(&mut self, step: Step, change: impl FnOnce(&mut State)) {
        let mut state = self.from.clone();
        change(&mut state);
        self.next.push((step, Ok(state)));
    }

    /// Commits facts, and what else changes with them.
    fn commit(&mut self, step: Step, facts: &[Fact], change: impl FnOnce(&mut State)) {
        let mut state = self.from.clone();
        let committed = self.machine.commit(&mut state, facts);
        change(&mut state);
        self.next.push((step, committed.map(|()| state)));
    }

    /// A step that uses up one of the faults.
    fn fault(&mut self, step: Step, change: impl FnOnce(&mut State)) {
        if self.from.faults > 0 && self.from.mishaps > 0 {
            self.go(step, |state| {
                state.faults -= 1;
                state.mishaps -= 1;
                change(state);
            });
        }
    }

    /// A step that uses up one of the losses.
    fn loss(&mut self, step: Step, change: impl FnOnce(&mut State)) {
        if self.from.losses > 0 && self.from.mishaps > 0 {
            self.go(step, |state| {
                state.losses -= 1;
                state.mishaps -= 1;
                change(state);
            });
        }
    }

    /// An idle worker claims a job that is due, unless one of the reservation runs already.
    fn claim(&mut self) {
        let runs = self.from.workers.iter().any(|worker| worker.holds);
        let Some(worker) = self
            .from
            .workers
            .iter()
            .position(Worker::is_idle)
            .filter(|_| !runs)
        else {
            return;
        };
        let due = self.machine.due(self.from);
        let jobs = [
            (Job::Intent, "claims the intent's job"),
            (Job::Refresh, "claims a refresh"),
        ];
        for ((job, what), at) in jobs.into_iter().zip(due) {
            if at.is_some_and(|at| at <= self.from.now) {
                self.go(Step::of(worker, what), |state| {
                    state.snoozed[job as usize] = None;
                    state.workers[worker] = Worker {
                        at: At::Deciding {
                            job,
                            written: false,
                        },
                        holds: true,
                    };
                });
            }
        }
    }

    /// A worker dies; or it is slow, is taken for dead, and wakes up later without its lease.
    fn lose(&mut self, worker: usize) {
        if !self.from.workers[worker].holds {
            return;
        }
        self.loss(Step::of(worker, "is killed"), |state| {
            state.workers[worker] = Worker::IDLE;
            for wire in state
                .wires
                .iter_mut()
                .filter(|wire| wire.worker == Some(worker))
            {
                wire.worker = None;
            }
        });
        self.loss(
            Step::of(worker, "stands still, and its lease runs out"),
            |state| {
                state.workers[worker].holds = false;
            },
        );
    }

    fn work(&mut self, worker: usize) {
        match self.from.workers[worker].at.clone() {
            At::Idle | At::Waiting(_) => {}
            At::Deciding { job, written } => self.decide(worker, job, written),
            At::Reading { seen } => self.record_read(worker, seen),
            At::Searching { rows } => self.record_search(worker, rows),
            At::Released(request) => self.leave(worker, request),
            At::Answered { request, answer } => self.record_answer(worker, request, &answer),
        }
    }

    /// Does the job still carry this worker's token?
    fn is_fenced(&self, worker: usize) -> bool {
        self.machine.broken != Broken::Fence && !self.from.workers[worker].holds
    }

    fn stop(&mut self, worker: usize, what: &'static str) {
        self.go(Step::of(worker, what), |state| {
            state.workers[worker] = Worker::IDLE;
        });
    }

    /// Decides under the lock, and commits what the decision is.
    fn decide(&mut self, worker: usize, job: Job, written: bool) {
        let broken = self.machine.broken;
        let fenced = self.is_fenced(worker);
        if written && matches!(broken, Broken::Look | Broken::TokenAndLook) {
            return match fenced && broken == Broken::Look {
                true => self.stop(worker, TURNED_BACK),
                false => self.release(worker),
            };
        }
        let step = self
            .machine
            .domain
            .decide(self.machine.r(self.from), job, self.from.now);
        match step {
            decide::Step::Done => self.stop(worker, "finds nothing left to do"),
            decide::Step::Read => self.read(worker, job),
            decide::Step::Send(_) if written && broken == Broken::Token => self.release(worker),
            _ if fenced => self.stop(worker, TURNED_BACK),
            decide::Step::Wait { until, .. } => {
                self.go(Step::of(worker, "puts the job off"), |state| {
                    state.workers[worker] = Worker::IDLE;
                    state.snoozed[job as usize] = Some(until);
                });
            }
            decide::Step::Record(facts) => {
                self.commit(Step::of(worker, "records what it decided"), &facts, |_| {});
            }
            decide::Step::Send(_) if written => self.release(worker),
            decide::Step::Send(_) => self.write(worker, job),
            decide::Step::Search(_) => self.search(worker, job),
        }
    }

    /// WRITTEN.
    fn write(&mut self, worker: usize, job: Job) {
        let intent = Domain::intent(self.machine.r(self.from));
        let attempt = match &intent.progress {
            IntentState::Written { sent, .. } => sent.attempt,
            _ => intent.attempts() + 1,
        };
        let written = Fact::Intent(
            intent.id.clone(),
            IntentFact::AttemptWritten {
                attempt,
                at: self.from.now,
            },
        );
        self.commit(Step::of(worker, "commits WRITTEN"), &[written], |state| {
            state.workers[worker].at = At::Deciding { job, written: true };
        });
    }

    /// SENDING, under the token.
    fn release(&mut self, worker: usize) {
        let intent = Domain::intent(self.machine.r(self.from));
        let written = matches!(intent.progress, IntentState::Written { .. });
        if !written && self.machine.broken != Broken::TokenAndLook {
            return self.stop(worker, "gives up: the attempt is not on record any more");
        }
        let request = Request {
            attempt: intent.attempts(),
            at: self.from.now,
        };
        let (attempt, at) = (request.attempt, request.at);
        let sending = Fact::Intent(intent.id.clone(), IntentFact::AttemptSent { attempt, at });
        let released = |state: &mut State| state.workers[worker].at = At::Released(request);
        if self.machine.broken == Broken::Sending {
            return self.go(
                Step::of(worker, "releases the request without a commit"),
                released,
            );
        }
        self.commit(Step::of(worker, "commits SENDING"), &[sending], released);
    }

    /// The first byte leaves, or none does.
    fn leave(&mut self, worker: usize, request: Request) {
        let unsent = |state: &mut State| {
            state.workers[worker].at = At::Answered {
                request,
                answer: Answer::Unsent,
            };
        };
        let late = self.from.now >= request.at + self.machine.effect_within;
        if late && self.machine.broken != Broken::Waking {
            return self.go(Step::of(worker, "wakes up too late to send"), unsent);
        }
        self.go(Step::of(worker, "sends the request"), |state| {
            state.workers[worker].at = At::Waiting(request);
            state.wires.push(Wire {
                request,
                worker: Some(worker),
            });
        });
        self.fault(Step::of(worker, "cannot connect"), unsent);
    }

    fn record_answer(&mut self, worker: usize, request: Request, answer: &Answer) {
        let r = self.machine.r(self.from);
        let intent = Domain::intent(r);
        let mut facts = Vec::new();
        let current = match &intent.progress {
            IntentState::Sending { sent, .. } => {
                sent.attempt == request.attempt || self.machine.broken == Broken::Answers
            }
            IntentState::Written { sent, .. } if self.machine.broken == Broken::Sending => {
                let (attempt, at) = (sent.attempt, request.at);
                facts.push(Fact::Intent(
                    intent.id.clone(),
                    IntentFact::AttemptSent { attempt, at },
                ));
                true
            }
            _ => false,
        };
        if !current {
            return self.stop(worker, "drops the answer: others find out by reading");
        }
        facts.extend(
            self.machine
                .domain
                .outcome(r, &answer.outcome(), self.from.now),
        );
        let holds = self.from.workers[worker].holds;
        let again = self.from.now + AGAIN;
        let what = match answer {
            Answer::Unsent => "records that nothing was sent",
            Answer::Accepted { .. } => "records the acceptance",
            Answer::Refused { .. } => "records the refusal",
            Answer::Unknown => "records an unknown outcome",
        };
        self.commit(Step::of(worker, what), &facts, |state| {
            state.workers[worker] = Worker::IDLE;
            if holds && answer.is_put_off() {
                state.snoozed[Job::Intent as usize] = Some(again);
            }
        });
    }

    /// Details as they are, as they were, as they cannot be, or none.
    fn read(&mut self, worker: usize, job: Job) {
        let Details { fresh, stale, odd } = self.machine.details(self.from);
        let reading =
            |seen| move |state: &mut State| state.workers[worker].at = At::Reading { seen };
        self.go(Step::of(worker, "reads details"), reading(fresh));
        if stale != fresh {
            self.go(Step::of(worker, "reads stale details"), reading(stale));
        }
        self.fault(
            Step::of(worker, "reads details that do not add up"),
            reading(odd),
        );
        let (holds, again) = (self.from.workers[worker].holds, self.from.now + AGAIN);
        self.fault(Step::of(worker, "cannot read details"), |state| {
            state.workers[worker] = Worker::IDLE;
            if holds {
                state.snoozed[job as usize] = Some(again);
            }
        });
    }

    fn record_read(&mut self, worker: usize, seen: usize) {
        if self.is_fenced(worker) {
            return self.stop(worker, "throws away what it read: the job is another's");
        }
        let mut state = self.from.clone();
        let recorded = self.machine.observe(&mut state, seen);
        state.workers[worker] = Worker::IDLE;
        self.next.push((
            Step::of(worker, "records what it read"),
            recorded.map(|()| state),
        ));
    }

    /// The history as it is, as it was, or none.
    fn search(&mut self, worker: usize, job: Job) {
        let [fresh, stale] = self.machine.history_rows(self.from);
        let searching =
            |rows| move |state: &mut State| state.workers[worker].at = At::Searching { rows };
        self.go(Step::of(worker, "searches the history"), searching(fresh));
        if stale != fresh {
            self.go(
                Step::of(worker, "searches a stale history"),
                searching(stale),
            );
        }
        let (holds, again) = (self.from.workers[worker].holds, self.from.now + AGAIN);
        self.fault(Step::of(worker, "cannot search the history"), |state| {
            state.workers[worker] = Worker::IDLE;
            if holds {
                state.snoozed[job as usize] = Some(again);
            }
        });
    }

    fn record_search(&mut self, worker: usize, rows: usize) {
        if self.is_fenced(worker) {
            return self.stop(worker, "throws away what it found: the job is another's");
        }
        let mut state = self.from.clone();
        let recorded = self.machine.search(&mut state, rows);
        state.workers[worker] = Worker::IDLE;
        self.next.push((
            Step::of(worker, "records what it found"),
            recorded.map(|()| state),
        ));
    }

    /// What network and provider make of a request on its way.
    fn carry(&mut self, index: usize) {
        let wire = self.from.wires[index];
        let tell = |state: &mut State, answer: Answer| {
            if let Some(worker) = wire.worker {
                state.workers[worker].at = At::Answered {
                    request: wire.request,
                    answer,
                };
            }
        };
        let lost = |state: &mut State| {
            state.wires.remove(index);
            tell(state, Answer::Unknown);
        };
        self.execute(index, wire);
        if wire.worker.is_none() {
            return self.go(Step::outside("the request is never carried out"), lost);
        }
        self.fault(Step::outside("the request is lost"), lost);
        self.fault(
            Step::outside("the answer is given up while the request is under way"),
            |state| {
                state.wires[index].worker = None;
                tell(state, Answer::Unknown);
            },
        );
        for (what, by) in REFUSALS {
            self.fault(Step::outside(what), |state| {
                state.wires.remove(index);
                tell(state, Answer::Refused { by, key: "notnow" });
            });
        }
        let operation = &Domain::intent(self.machine.r(self.from)).operation;
        if matches!(operation, Operation::Refund { .. }) {
            self.go(
                Step::outside("the provider accepts the refund for later"),
                |state| {
                    state.wires[index].worker = None;
                    tell(state, Answer::Accepted { reference: None });
                },
            );
        }
    }

    /// The provider carries the request out, or refuses it because of what it has done before.
    fn execute(&mut self, index: usize, wire: Wire) {
        let mut provider = self.machine.provider(self.from).clone();
        let mut intent = Domain::intent(self.machine.r(self.from)).clone();
        intent.progress = IntentState::Sending {
            sent: Sent {
                attempt: wire.request.attempt,
                at: wire.request.at,
            },
            in_doubt: None,
        };
        let done = provider.execute(&intent, self.from.now);
        let (applied, answer) = match done {
            Ok(reference) => (true, Answer::Accepted { reference }),
            Err((by, key)) => (false, Answer::Refused { by, key }),
        };
        let number = self.machine.keep_provider(provider);
        let answered = move |answer: Answer| {
            move |state: &mut State| {
                state.wires.remove(index);
                state.provider = number;
                if let Some(worker) = wire.worker {
                    state.workers[worker].at = At::Answered {
                        request: wire.request,
                        answer,
                    };
                }
            }
        };
        let what = if applied {
            "the provider carries it out"
        } else {
            "the provider refuses it"
        };
        self.go(Step::outside(what), answered(answer.clone()));
        if wire.worker.is_none() {
            return;
        }
        let lost = if applied {
            "the provider carries it out, and its answer is lost"
        } else {
            "the provider refuses it, and its answer is lost"
        };
        self.fault(Step::outside(lost), answered(Answer::Unknown));
        if matches!(answer, Answer::Accepted { reference: Some(_) }) {
            let nameless = answered(Answer::Accepted { reference: None });
            self.fault(
                Step::outside("the provider carries it out, and does not name it"),
                nameless,
            );
        }
    }

    /// Time passes until the next instant at which something can be different.
    fn wait(&mut self) {
        if is_resolved(self.machine, self.from) {
            return;
        }
        let Some(next) = self
            .instants()
            .into_iter()
            .filter(|at| *at > self.from.now)
            .min()
        else {
            return;
        };
        let over = |wire: &Wire| next >= wire.request.at + self.machine.effect_within;
        // A worker that keeps its lease records what it has read at once.
        let has_read = |worker: &Worker| worker.holds && matches!(worker.at, At::Reading { .. });
        if self
            .from
            .wires
            .iter()
            .any(|wire| wire.worker.is_some() && over(wire))
            || self.from.workers.iter().any(has_read)
        {
            return;
        }
        let number = self.machine.provider_at(self.from, next);
        let effect_within = self.machine.effect_within;
        let pass = |state: &mut State| {
            state.now = next;
            state.provider = number;
            state
                .wires
                .retain(|wire| next < wire.request.at + effect_within);
            for until in &mut state.snoozed {
                *until = until.filter(|until| *until > next);
            }
        };
        if !self.has_work() {
            self.go(Step::outside("time passes"), pass);
        } else {
            self.loss(Step::outside("time passes, and nobody works"), pass);
        }
    }

    /// Is a worker in the middle of something that it holds the lease for, or a job due?
    fn has_work(&self) -> bool {
        let due = self
            .machine
            .due(self.from)
            .into_iter()
            .flatten()
            .any(|at| at <= self.from.now);
        due || self.from.workers.iter().any(|worker| worker.holds)
    }

    /// When a job is due, a request cannot have an effect any more, absence counts, or the deadline passes.
    fn instants(&self) -> Vec<DateTime<Utc>> {
        let r = self.machine.r(self.from);
        let intent = Domain::intent(r);
        let released = self
            .from
            .workers
            .iter()
            .filter_map(|worker| match &worker.at {
                At::Released(request) => Some(request),
                _ => None,
            });
        let on_the_way = self
            .from
            .wires
            .iter()
            .map(|wire| &wire.request)
            .chain(released);
        let mut instants: Vec<_> = on_the_way
            .map(|request| request.at + self.machine.effect_within)
            .collect();
        instants.extend(self.machine.due(self.from).into_iter().flatten());
        instants.extend(
            intent
                .sent()
                .map(|sent| sent.at + self.machine.domain.horizon(&intent.operation)),
        );
        instants.push(self.machine.send_by(self.from));
        instants.retain(|at| *at < domain::deadlines::NO_DEADLINE);
        instants
    }
}
