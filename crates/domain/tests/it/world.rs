//! One reservation among everything that can happen to it: a worker, a provider, a payer, people, lost answers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::next_contact_time;
use domain::decide::Step;
use domain::late_delivery::late_delivery;
use domain::observe::{Reading, Submitted, duplicates, observe, search, submitted};
use domain::outcome::{NewLink, Outcome, RefusedBy, outcome};
use domain::policy::ContactHours;
use domain::reservation::{Closure, Hold, IntentState, Operation, ReviewReason, RowKind};
use domain::resolve::{Evidence, MarkerEcho, history_window, learnt};
use domain::schedule::schedule;
use domain::{
    Entropy as _, Fact, IntentFact, IntentId, JobKey, JobKind, Money, Planned, PlannedState,
    ProviderFact, Reservation, ReviewFact, SeededEntropy, Status,
};
use testkit::named;

use crate::booking::{Booking, minutes, seen_reservation};
use crate::provider::Provider;

/// A run that decides more often than this without acting is endless.
const MAX_TURNS: u32 = 8;
/// Jobs that run more often than this at one instant run forever.
const MAX_RUNS_AT_ONCE: u32 = 40;
/// Details never lag behind by more than this.
const MAX_LAG: i64 = 5;
/// A request whose answer was lost takes its effect within this long.
const MAX_DELAY: u64 = 8;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) booking: Booking,
    pub(crate) provider: Provider,
    /// Everything that happened, in order.
    pub(crate) facts: Vec<Fact>,
    before: Reservation,
    faults: SeededEntropy,
    /// Whether anything goes wrong, in percent.
    pub(crate) trouble: u64,
    /// Jobs that look again later although their plan has not changed: the plan, and when.
    snoozed: BTreeMap<JobKey, (DateTime<Utc>, PlannedState, DateTime<Utc>)>,
    pub(crate) reads: u32,
    pub(crate) searches: u32,
    /// What becomes of the next request, whatever goes wrong otherwise.
    pub(crate) expected: Option<ExpectedOutcome>,
}

/// What becomes of a request whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpectedOutcome {
    /// It never arrived.
    Never,
    /// It is carried out some minutes later.
    Late,
    /// It has been carried out.
    Done,
}

impl World {
    pub(crate) fn new(mut booking: Booking, seed: u64, trouble: u64) -> Self {
        // Nothing is known of the merchant's view yet.
        booking.evidence = Evidence::default();
        let mut provider = Provider::new(&booking.r);
        provider.echoes = !seed.is_multiple_of(5);
        Self {
            provider,
            before: booking.r.clone(),
            booking,
            facts: Vec::new(),
            faults: SeededEntropy::new(seed),
            trouble,
            snoozed: BTreeMap::new(),
            reads: 0,
            searches: 0,
            expected: None,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.booking.now
    }

    pub(crate) fn draw(&self, bound: u64) -> u64 {
        self.faults.up_to(bound - 1)
    }

    fn goes_wrong(&self) -> bool {
        self.draw(100) < self.trouble
    }

    /// Folds facts in; they always can follow, and what holds always, holds afterwards.
    pub(crate) fn learn(&mut self, facts: Vec<Fact>) {
        let closure = self.booking.r.closure;
        for fact in &facts {
            let result = self.booking.r.apply(fact);
            assert!(
                result.is_ok(),
                "{result:?}: {fact:?}\nafter {:#?}",
                self.facts.iter().rev().take(12).collect::<Vec<_>>()
            );
        }
        self.facts.extend(facts);
        self.check(closure);
    }

    /// Folds in what was seen at the provider, and what it means for the merchant's evidence.
    fn learn_seen(&mut self, facts: Vec<Fact>) {
        let booking = &mut self.booking;
        let evidence = &mut booking.evidence;
        *evidence = learnt(evidence, &booking.r, &facts, booking.now).unwrap_or(*evidence);
        let echoes = !self.provider.echoes || evidence.marker_echo != MarkerEcho::Broken;
        assert!(echoes, "markers come back: {facts:#?}");
        assert!(
            evidence.shown_until.is_none_or(|at| at < booking.now),
            "{evidence:?}"
        );
        self.learn(facts);
    }

    fn check(&self, closure: Closure) {
        let r = &self.booking.r;
        assert!(
            r.booked(RowKind::Capture) <= r.reserved(),
            "more captured than reserved: {r:#?}"
        );
        for line in &r.lines {
            assert!(
                r.captured_on(line.line) <= line.amount,
                "more captured than line {}: {r:#?}",
                line.line
            );
        }
        for row in r.ledger.iter().filter(|row| row.kind != RowKind::Refund) {
            let name = row.reference.as_ref();
            let given = name.map_or(Money::ZERO, |name| r.given_back(name));
            assert!(given <= row.amount, "more given back than taken: {r:#?}");
        }
        let exclusive = |intent: &&domain::reservation::Intent| intent.operation.is_exclusive();
        let unresolved: Vec<_> = r
            .open_intents()
            .filter(|intent| intent.is_unresolved())
            .collect();
        assert!(
            unresolved.iter().filter(|intent| exclusive(intent)).count() <= 1,
            "{unresolved:#?}"
        );
        let in_doubt = |kind| -> Money {
            let mine = unresolved
                .iter()
                .filter(|intent| intent.operation.row_kind() == Some(kind));
            mine.map(|intent| intent.operation.amount()).sum()
        };
        let spent = r.booked(RowKind::Capture) + in_doubt(RowKind::Capture);
        assert!(
            r.capturable() <= r.reserved().saturating_sub(spent),
            "in_doubt captures count as spent"
        );
        assert_eq!(
            r.unresolved(),
            in_doubt(RowKind::Capture) + in_doubt(RowKind::Charge) + in_doubt(RowKind::Refund)
        );
        assert!(
            closure == Closure::Open || r.closure != Closure::Open,
            "what is closed stays closed"
        );
        self.check_jobs();
    }

    /// The schedule holds only what is legal now, each key once.
    fn check_jobs(&self) {
        let (r, merchant) = (&self.booking.r, &self.booking.merchant);
        let jobs = schedule(r, merchant);
        let keys: BTreeSet<_> = jobs.iter().map(|job| job.key.clone()).collect();
        assert_eq!(keys.len(), jobs.len(), "{jobs:#?}");
        for job in &jobs {
            let legal = match (&job.intent, job.kind) {
                (Some(id), kind) => {
                    let intent = r.intent(id).expect("a job's intent");
                    intent.is_open() && intent.operation.job_kind() == kind && intent.key == job.key
                }
                // What is there is read, and what may be there is searched for.
                (None, JobKind::Refresh) => {
                    let in_doubt =
                        |intent: &domain::reservation::Intent| intent.last_unknown_at.is_some();
                    r.provider.reservation_uuid.is_some() || r.intents.iter().any(in_doubt)
                }
                // Asking a person is no acting.
                (None, JobKind::Deadline) if matches!(job.key, JobKey::DeadlineUncaptured(_)) => {
                    r.is_open() && !r.is_frozen() && matches!(r.hold, Hold::Reserved { .. })
                }
                (None, _) if r.control.paused || r.is_frozen() || !r.is_open() => false,
                (None, JobKind::Remind | JobKind::Cancel) => r.status() == Status::AwaitingPayment,
                (None, JobKind::Capture | JobKind::Deadline) => {
                    matches!(r.hold, Hold::Reserved { .. })
                }
                (None, JobKind::Complete) => {
                    let holds_up =
                        |intent: &domain::reservation::Intent| intent.operation.is_exclusive();
                    !r.ledger.is_empty() && !r.open_intents().any(holds_up)
                }
                (None, _) => false,
            };
            assert!(legal, "{job:?} has no place in {r:#?}");
        }
        for intent in r.open_intents().filter(|intent| intent.is_unresolved()) {
            assert!(
                keys.contains(&intent.key),
                "nobody finds out about {intent:?}"
            );
        }
    }

    /// When a job that could run does so.
    fn due_at(&self, job: &Planned) -> Option<DateTime<Utc>> {
        if job.state == PlannedState::NeedsReview {
            return None;
        }
        let snoozed = self
            .snoozed
            .get(&job.key)
            .filter(|(at, state, _)| (*at, *state) == (job.run_at, job.state));
        Some(snoozed.map_or(job.run_at, |(.., until)| *until))
    }

    /// Lets time run on, and every job run at its time.
    pub(crate) fn advance(&mut self, by: TimeDelta) {
        let end = self.now() + by;
        let mut at_once = 0;
        loop {
            self.provider.advance(self.now());
            let jobs = self.booking.jobs();
            let mut due: Vec<_> = jobs
                .into_iter()
                .filter_map(|job| Some((self.due_at(&job)?, job)))
                .collect();
            due.sort_by_key(|(at, job)| (job.urgency.rank(), job.deadline, *at));
            if let Some((_, job)) = due.iter().find(|(at, _)| *at <= self.now()) {
                at_once += 1;
                assert!(
                    at_once <= MAX_RUNS_AT_ONCE,
                    "{job:?} runs forever\n{}",
                    self.story()
                );
                self.run(&job.clone());
                continue;
            }
            let next = due
                .iter()
                .map(|(at, _)| *at)
                .chain(self.provider.next_pending())
                .min();
            at_once = 0;
            match next {
                Some(next) if next <= end => self.booking.now = next,
                _ => break,
            }
        }
        self.booking.now = end;
        self.provider.advance(end);
    }

    fn run(&mut self, job: &Planned) {
        self.snoozed.remove(&job.key);
        for _ in 0..MAX_TURNS {
            match self.booking.decide(job.kind, &job.key) {
                Step::Done => return,
                Step::Wait { until, .. } => {
                    assert!(until > self.now(), "{job:?} waits for what has been");
                    return self.snooze(&job.key, until);
                }
                Step::Record(facts) => self.learn(facts),
                Step::Read => return self.read(&job.key),
                Step::Search(id) => return self.search(&job.key, &id),
                Step::Send(id) => return self.send(&job.key, &id),
            }
        }
        panic!("{job:?} decides without end\n{}", self.story());
    }

    fn snooze(&mut self, key: &JobKey, until: DateTime<Utc>) {
        if let Some(job) = self.booking.job(key) {
            self.snoozed
                .insert(key.clone(), (job.run_at, job.state, until));
        }
    }

    fn read(&mut self, key: &JobKey) {
        self.reads += 1;
        let now = self.now();
        let fault = if self.goes_wrong() { self.draw(4) } else { 9 };
        let mut seen = self.provider.snapshot();
        match fault {
            0 => return self.fail(key),
            1 => seen.captured += Money::kroner(1),
            2 | 3 => {
                let lag = i64::try_from(self.draw(MAX_LAG.unsigned_abs())).unwrap_or(0);
                seen = self.provider.snapshot_at(now - minutes(lag));
            }
            _ => {}
        }
        let (since, evidence) = (self.booking.r.version, &self.booking.evidence);
        let reading = Reading {
            seen: &seen,
            since,
            evidence,
        };
        self.learn_seen(observe(self.booking.case(), reading));
    }

    /// A request that only reads came to nothing.
    fn fail(&mut self, key: &JobKey) {
        let now = self.now();
        self.booking.evidence.faulted_at = Some(now);
        self.snooze(key, now + minutes(1));
    }

    fn search(&mut self, key: &JobKey, id: &IntentId) {
        self.searches += 1;
        if self.goes_wrong() {
            return self.fail(key);
        }
        let (now, r) = (self.now(), &self.booking.r);
        let (evidence, merchant) = (&self.booking.evidence, &self.booking.merchant);
        let known = self.booking.intent(id);
        let ours = self
            .provider
            .uuid
            .iter()
            .map(|uuid| seen_reservation(uuid.as_str(), 0));
        let found = Submitted {
            ours: ours.collect(),
            ..Submitted::default()
        };
        let facts = match known.operation {
            Operation::Submit if known.is_unresolved() => {
                submitted(self.booking.case(), known, &found, evidence)
            }
            Operation::Submit => duplicates(r, known, &found, now),
            _ => {
                let lag = i64::try_from(self.draw(MAX_LAG.unsigned_abs())).unwrap_or(0);
                let rows = self
                    .provider
                    .history(history_window(known, merchant, now), now - minutes(lag));
                search(self.booking.case(), id, &rows, evidence)
            }
        };
        self.learn_seen(facts);
    }

    fn send(&mut self, key: &JobKey, id: &IntentId) {
        self.before_send(id);
        let now = self.now();
        let attempt = self.booking.intent(id).attempts() + 1;
        self.learn(vec![Fact::Intent(
            id.clone(),
            IntentFact::AttemptWritten { attempt, at: now },
        )]);
        if self.goes_wrong() && self.draw(8) == 0 {
            // The worker dies with the attempt on record.
            return self.snooze(key, now + TimeDelta::seconds(35));
        }
        let attempt = self.booking.intent(id).attempts();
        self.learn(vec![Fact::Intent(
            id.clone(),
            IntentFact::AttemptSent { attempt, at: now },
        )]);
        match self.carry_out(id) {
            Some(answer) => {
                let facts = outcome(self.booking.intent(id), &answer, now);
                if matches!(answer, Outcome::Unknown { .. } | Outcome::Unsent { .. }) {
                    self.booking.evidence.faulted_at = Some(now);
                }
                self.learn_seen(facts);
                let again = match answer {
                    Outcome::Unsent { .. } => Some(TimeDelta::seconds(30)),
                    Outcome::Rejected {
                        by: RefusedBy::Throttled | RefusedBy::Auth,
                        ..
                    } => Some(minutes(1)),
                    _ => None,
                };
                if let Some(again) = again {
                    self.snooze(key, now + again);
                }
            }
            // The worker dies between the request and its outcome.
            None => self.snooze(key, now + TimeDelta::seconds(35)),
        }
    }

    /// What the payer must never see: a message at night, too soon after the last, or after the due date.
    fn before_send(&self, id: &IntentId) {
        let (now, r) = (self.now(), &self.booking.r);
        let intent = self.booking.intent(id);
        assert!(
            !r.control.paused && !r.is_frozen(),
            "nothing is sent while a person decides: {intent:?}"
        );
        if let Operation::Resend { slot: Some(_), .. } = intent.operation {
            let contactable = r.policy.reminders.contact_hours == ContactHours::Any
                || next_contact_time(self.booking.merchant.zone, now) == now;
            assert!(contactable && now < r.payment_link_due, "{now}: {intent:?}");
            assert!(
                self.provider.reminded.len() < usize::from(r.policy.reminders.max),
                "{now}: {intent:?}"
            );
        }
    }

    /// What the network and the provider make of a request; `None` when the worker dies over it.
    fn carry_out(&mut self, id: &IntentId) -> Option<Outcome> {
        let (now, intent) = (self.now(), self.booking.intent(id).clone());
        let unknown = || Outcome::Unknown {
            reason: "timeout".into(),
        };
        let fault = match self.expected.take() {
            Some(ExpectedOutcome::Never) => 2,
            Some(ExpectedOutcome::Late) => 3,
            Some(ExpectedOutcome::Done) => 4,
            None if self.goes_wrong() => self.draw(8),
            None => 99,
        };
        if fault == 0 {
            return Some(Outcome::Unsent {
                reason: "connection refused".into(),
            });
        }
        if fault == 1 {
            let key = "too many requests".to_owned();
            return Some(Outcome::Rejected {
                by: RefusedBy::Throttled,
                key,
            });
        }
        if fault == 2 {
            return Some(unknown());
        }
        if fault == 3 {
            let delay = TimeDelta::minutes(i64::try_from(self.draw(MAX_DELAY)).unwrap_or(0));
            self.provider.put_off(now + delay, &intent);
            return Some(unknown());
        }
        if matches!(intent.operation, Operation::Refund { .. }) && fault > 5 {
            // A refund is accepted, and carried out hours later.
            let delay = TimeDelta::hours(i64::try_from(self.draw(40)).unwrap_or(0));
            self.provider.put_off(now + delay, &intent);
            return Some(Outcome::Accepted {
                reference: None,
                link: None,
            });
        }
        let done = self.provider.execute(&intent, now);
        match (fault, done) {
            (4, _) => Some(unknown()),
            (5, _) => None,
            (_, Err((by, key))) => Some(Outcome::Rejected {
                by,
                key: key.to_owned(),
            }),
            (_, Ok(reference)) => {
                let reference = reference.filter(|_| fault != 6);
                let uuid = self
                    .provider
                    .uuid
                    .clone()
                    .filter(|_| intent.operation == Operation::Submit);
                let link = uuid.map(|reservation_uuid| NewLink {
                    reservation_uuid,
                    customer_uuid: None,
                    url: None,
                });
                Some(Outcome::Accepted { reference, link })
            }
        }
    }

    /// Decides an operation that somebody asked for, unless the same one is under way.
    pub(crate) fn ask(&mut self, operation: Operation) {
        if !self
            .booking
            .r
            .open_intents()
            .any(|open| open.operation == operation)
        {
            let intent =
                self.booking
                    .planner()
                    .intent(self.booking.case(), operation, None, "a key");
            self.learn(vec![Fact::Planned(Box::new(intent))]);
        }
    }

    pub(crate) fn deliver(&mut self, fact: Fact) {
        let late = late_delivery(self.booking.case());
        self.learn(std::iter::once(fact).chain(late).collect());
    }

    /// A genuine callback.
    pub(crate) fn callback(&mut self) {
        let known = self.booking.r.provider.reservation_uuid.is_some();
        match self.provider.uuid.clone() {
            Some(_) if known && self.booking.r.provider.refresh_requested.is_none() => {
                let word = if self.provider.captures.is_empty() {
                    "reserved"
                } else {
                    "captured"
                };
                self.learn(vec![Fact::Provider(ProviderFact::CallbackReceived {
                    event_type: word.into(),
                    at: self.now(),
                })]);
            }
            Some(uuid) if !known => self.learn(vec![self.booking.suggested(uuid.as_str())]),
            _ => {}
        }
    }

    /// Somebody acts in the provider's portal.
    pub(crate) fn portal(&mut self, act: u64, amount: Money) {
        let now = self.now();
        let reference = self
            .provider
            .captures
            .first()
            .and_then(|row| row.reference.clone())
            .unwrap_or_else(|| named("CAP0"));
        match act % 5 {
            0 => drop(self.provider.capture(&[(1, amount)], None, now)),
            1 => drop(self.provider.charge(amount, None, now)),
            2 => drop(self.provider.refund(&reference, amount, now)),
            3 => drop(self.provider.cancel(now)),
            _ => drop(self.provider.complete(now)),
        }
    }

    /// A person looks at the reviews, finds out what really happened, and says so.
    pub(crate) fn person(&mut self) {
        let now = self.now();
        let in_review = |intent: &&domain::reservation::Intent| {
            matches!(intent.progress, IntentState::NeedsReview(_))
        };
        let waiting: Vec<_> = self
            .booking
            .r
            .intents
            .iter()
            .filter(in_review)
            .cloned()
            .collect();
        for intent in waiting {
            if self.provider.is_pending(&intent.id) {
                continue;
            }
            let (id, amount) = (intent.id.clone(), intent.operation.amount());
            let applied = self.provider.effects.contains(&id);
            let fact = match (applied, &intent.operation, self.provider.uuid.clone()) {
                (true, Operation::Submit, Some(reservation_uuid)) => Fact::Intent(
                    id,
                    IntentFact::LinkCreated {
                        reservation_uuid,
                        customer_uuid: None,
                        url: None,
                        at: now,
                    },
                ),
                (true, ..) => {
                    // Not everybody writes the reference down.
                    let reference = self
                        .provider
                        .reference_of(&intent)
                        .filter(|_| self.draw(2) == 0);
                    Fact::Intent(
                        id,
                        IntentFact::Confirmed {
                            reference,
                            amount,
                            at: now,
                        },
                    )
                }
                _ if self.draw(2) == 0 => Fact::Intent(id, IntentFact::EffectRuledOut { at: now }),
                _ => Fact::Intent(
                    id,
                    IntentFact::Withdrawn {
                        reason: "a person says so".into(),
                    },
                ),
            };
            self.learn(vec![fact]);
        }
        let reasons: Vec<ReviewReason> = self
            .booking
            .r
            .control
            .reviews
            .iter()
            .map(|item| item.reason)
            .collect();
        self.learn(
            reasons
                .into_iter()
                .map(|reason| Fact::Review(ReviewFact::Closed { reason }))
                .collect(),
        );
    }

    /// Everything that happened, a fact a line.
    pub(crate) fn story(&self) -> String {
        self.facts
            .iter()
            .map(|fact| format!("{fact:?}\n"))
            .collect()
    }

    /// No intent took effect more often than once, and no two reminders reached the payer too soon after one another.
    pub(crate) fn check_effects(&self) {
        let spacing = self.booking.r.policy.reminders.min_spacing.delta();
        let late = TimeDelta::minutes(i64::try_from(MAX_DELAY).unwrap_or(0));
        for pair in self.provider.reminded.windows(2) {
            assert!(
                pair[1] >= pair[0] + spacing - late,
                "{pair:?}\n{}",
                self.story()
            );
        }
        for intent in &self.booking.r.intents {
            let times = self
                .provider
                .effects
                .iter()
                .filter(|id| **id == intent.id)
                .count();
            assert!(
                times <= 1,
                "{times} effects of {intent:?}\n{}",
                self.story()
            );
        }
    }

    /// The ledger is the fold of the facts, and everything survives being written down.
    pub(crate) fn check_journal(&self) {
        let mut again = self.before.clone();
        for fact in &self.facts {
            let text = serde_json::to_string(fact).expect("a fact as JSON");
            let read: Fact = serde_json::from_str(&text).expect("a fact");
            assert_eq!(read, *fact, "{text}");
            again.apply(&read).expect("a fact that followed before");
        }
        assert_eq!(again, self.booking.r);
        let text = serde_json::to_string(&again).expect("a reservation as JSON");
        assert_eq!(
            serde_json::from_str::<Reservation>(&text).expect("a reservation"),
            again
        );
    }
}
