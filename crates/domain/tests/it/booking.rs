//! Builds reservations, merchants and details for tests, step by step as they come about in life.

use chrono::{DateTime, TimeDelta, Utc};
use domain::capabilities::MultiCapture;
use domain::decide::{Planner, Step, decide};
use domain::history::{Event, HistoryRow};
use domain::observe::{Reading, SeenProduct, SeenRow, SeenStatus, Snapshot, observe, search};
use domain::outcome::{NewLink, Outcome, outcome};
use domain::policy::PolicyPatch;
use domain::reservation::{
    ChargeLine, Hold, Intent, LineAmount, NewLine, NewReservation, Operation, RefundSource,
    Refusal, RowKind, SeenReservation,
};
use domain::resolve::{Evidence, MarkerEcho, learnt};
use domain::schedule::schedule;
use domain::{
    Case, DeliveryFact, Fact, IntentFact, IntentId, JobKey, JobKind, Merchant, MerchantId, Money,
    Planned, Reservation, ReservationId, SeededEntropy,
};
use testkit::customer::customer;
use testkit::named;

pub(crate) const MARKER_KEY: &[u8] = b"a key of the tests";
pub(crate) const RES: &str = "RES4161996022";

/// A time, as RFC 3339.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// A Monday at noon in Oslo, in winter.
pub(crate) fn monday() -> DateTime<Utc> {
    at("2026-11-16T11:00:00Z")
}

pub(crate) fn kr(kroner: u32) -> Money {
    Money::kroner(kroner)
}

pub(crate) const fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

pub(crate) const fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

pub(crate) fn on(line: u32, kroner: u32) -> LineAmount {
    LineAmount {
        line,
        amount: kr(kroner),
    }
}

pub(crate) fn merchant() -> Merchant {
    Merchant::new(MerchantId::try_from("default".to_owned()).expect("a merchant's name"))
}

/// A merchant at whom several captures of a hold are proven to work.
pub(crate) fn proven() -> Merchant {
    Merchant {
        multi_capture: MultiCapture::Proven,
        ..merchant()
    }
}

pub(crate) fn patch(json: &str) -> PolicyPatch {
    serde_json::from_str(json).expect("a policy")
}

pub(crate) fn new_line(name: &str, amount: Money) -> NewLine {
    NewLine {
        name: name.into(),
        product_id: None,
        rate: amount,
        tax_percent: 0,
        amount,
    }
}

/// A reservation as submitted, with a line for each amount and a link that is due in four days.
pub(crate) fn new_reservation(amounts: &[u32]) -> NewReservation {
    let line =
        |(number, amount): (usize, &u32)| new_line(&format!("Line {}", number + 1), kr(*amount));
    NewReservation {
        reference: "BOOK-1001".into(),
        customer: customer(),
        lines: amounts.iter().enumerate().map(line).collect(),
        payment_link_due: monday() + hours(96),
        charge_validity: None,
        secure_details: false,
        charge_partially_refundable: true,
        policy: PolicyPatch::default(),
    }
}

/// The fields that a refusal names, or the code of its state.
pub(crate) fn faults<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Vec<String> {
    match result.expect_err("a refusal") {
        Refusal::Fields(faults) => faults.into_iter().map(|fault| fault.field).collect(),
        Refusal::State { code, .. } => vec![code.to_string()],
    }
}

/// One reservation, its merchant and the time.
#[derive(Debug)]
pub(crate) struct Booking {
    pub(crate) r: Reservation,
    pub(crate) merchant: Merchant,
    pub(crate) evidence: Evidence,
    pub(crate) now: DateTime<Utc>,
    entropy: SeededEntropy,
}

impl Booking {
    /// Submitted to us on Monday at noon; nothing has been sent.
    pub(crate) fn new(amounts: &[u32]) -> Self {
        Self::with(merchant(), amounts, "{}")
    }

    pub(crate) fn with(merchant: Merchant, amounts: &[u32], policy: &str) -> Self {
        let entropy = SeededEntropy::new(7);
        let now = monday();
        let new = NewReservation {
            policy: patch(policy),
            ..new_reservation(amounts)
        };
        let r = new
            .build(ReservationId::new(now, &entropy), &merchant, now)
            .expect("a reservation");
        // A merchant whose view is current, and whose markers come back.
        let evidence = Evidence {
            marker_echo: MarkerEcho::Verified,
            shown_until: Some(DateTime::<Utc>::MAX_UTC),
            faulted_at: None,
        };
        let mut booking = Self {
            r,
            merchant,
            evidence,
            now,
            entropy,
        };
        booking.fold(&[Fact::Created]);
        booking.plan_as(Operation::Submit, Some("submit"));
        booking
    }

    /// The payer has the link.
    pub(crate) fn awaiting(mut self) -> Self {
        let submit = self.r.intents[0].id.clone();
        self.send(&submit);
        let link = NewLink {
            reservation_uuid: named(RES),
            customer_uuid: None,
            url: None,
        };
        self.answer(
            &submit,
            &Outcome::Accepted {
                reference: None,
                link: Some(link),
            },
        );
        self
    }

    /// The payer has paid, an hour after the submit, and it has been read.
    pub(crate) fn held(mut self) -> Self {
        self = self.awaiting();
        self.now += hours(1);
        let mut seen = self.seen();
        seen.status = SeenStatus::Paid;
        seen.reserved = self.r.total();
        seen.reserved_at = Some(self.now);
        self.read(&seen);
        self
    }

    /// So much has been captured on line 1, as `CAP1`, and seen.
    pub(crate) fn captured(mut self, kroner: u32) -> Self {
        self = self.held();
        self.capture(&[on(1, kroner)], "CAP1");
        let seen = self.seen();
        self.read(&seen);
        self
    }

    pub(crate) fn later(mut self, by: TimeDelta) -> Self {
        self.now += by;
        self
    }

    pub(crate) fn fold(&mut self, facts: &[Fact]) {
        self.r.apply_all(facts).expect("facts that can follow");
    }

    /// The reservation as a decision sees it now.
    pub(crate) fn case(&self) -> Case<'_> {
        Case::new(&self.r, &self.merchant, self.now)
    }

    pub(crate) fn planner(&self) -> Planner<'_> {
        Planner {
            entropy: &self.entropy,
            marker_key: MARKER_KEY,
        }
    }

    pub(crate) fn plan(&mut self, operation: Operation) -> IntentId {
        self.plan_as(operation, None)
    }

    pub(crate) fn plan_as(&mut self, operation: Operation, key: Option<&str>) -> IntentId {
        let intent = self
            .planner()
            .intent(self.case(), operation, key.map(job_key), "a test");
        let id = intent.id.clone();
        self.fold(&[Fact::Planned(Box::new(intent))]);
        id
    }

    /// A callback, or a person, names the provider's id of what the submit may have made.
    pub(crate) fn suggested(&self, uuid: &str) -> Fact {
        let submit = |intent: &&Intent| intent.operation == Operation::Submit;
        let submit = self.r.intents.iter().find(submit).expect("a submit");
        submit.fact(IntentFact::ProviderIdSuggested { uuid: named(uuid) })
    }

    pub(crate) fn intent(&self, id: &IntentId) -> &Intent {
        self.r.intent(id).expect("an intent")
    }

    /// The name of the state that an intent is in.
    pub(crate) fn state(&self, id: &IntentId) -> &'static str {
        self.intent(id).progress.name()
    }

    /// The newest intent.
    pub(crate) fn last_intent(&self) -> &Intent {
        self.r.intents.last().expect("an intent")
    }

    /// Marks the next attempt as being sent.
    pub(crate) fn send(&mut self, id: &IntentId) {
        let (intent, at, attempt) = (id.clone(), self.now, self.intent(id).attempts() + 1);
        self.fold(&[
            Fact::Intent(intent.clone(), IntentFact::AttemptWritten { attempt, at }),
            Fact::Intent(intent, IntentFact::AttemptSent { attempt, at }),
        ]);
    }

    pub(crate) fn answer(&mut self, id: &IntentId, answer: &Outcome) -> Vec<Fact> {
        let facts = outcome(self.intent(id), answer, self.now);
        self.fold(&facts);
        facts
    }

    /// Sends the intent's request, of which nobody learns what became.
    pub(crate) fn lose(&mut self, id: &IntentId) {
        self.send(id);
        self.answer(
            id,
            &Outcome::Unknown {
                reason: "timeout".into(),
            },
        );
    }

    /// An operation that was sent and whose outcome is unknown.
    pub(crate) fn lost(&mut self, operation: Operation) -> IntentId {
        let id = self.plan(operation);
        self.lose(&id);
        id
    }

    /// A capture that was accepted under this reference.
    pub(crate) fn capture(&mut self, lines: &[LineAmount], reference: &str) -> IntentId {
        self.accepted(capture(lines), Some(reference))
    }

    /// An operation that was accepted.
    pub(crate) fn accepted(&mut self, operation: Operation, reference: Option<&str>) -> IntentId {
        let id = self.plan(operation);
        self.send(&id);
        let reference = reference.map(named);
        self.answer(
            &id,
            &Outcome::Accepted {
                reference,
                link: None,
            },
        );
        id
    }

    /// Details of a provider that has done what the ledger says, and nothing else.
    pub(crate) fn seen(&self) -> Snapshot {
        let r = &self.r;
        let status = match (r.hold, r.ledger.is_empty()) {
            (Hold::None, true) => SeenStatus::Unpaid,
            _ => SeenStatus::Paid,
        };
        let rows = |kind: RowKind| -> Vec<SeenRow> {
            let mine = r.ledger.iter().filter(|row| row.kind == kind);
            mine.map(|row| SeenRow {
                reference: row.reference.clone(),
                amount: row.amount,
                at: Some(row.at),
                text: row.intent.as_ref().map(|id| self.text_of(id)),
                refunded: row.reference.as_ref().map(|name| r.given_back(name)),
            })
            .collect()
        };
        let (captures, charges) = (rows(RowKind::Capture), rows(RowKind::Charge));
        let refunded = |rows: &[SeenRow]| rows.iter().filter_map(|row| row.refunded).sum();
        Snapshot {
            word: format!("{status:?}"),
            status,
            reserved_at: r.reserved_at(),
            reserved: r.reserved(),
            captured: r.booked(RowKind::Capture),
            charged: r.booked(RowKind::Charge),
            refunded_captured: refunded(&captures),
            refunded_charged: refunded(&charges),
            products: r.lines.iter().map(|line| self.product(line.line)).collect(),
            captures,
            charges,
            refunds: Vec::new(),
        }
    }

    fn product(&self, line: u32) -> SeenProduct {
        let known = self.r.line(line).expect("a line");
        SeenProduct {
            id: 100 + i64::from(line),
            name: Some(known.name.clone()),
            product_id: known.product_id.clone(),
            amount: Some(known.amount),
            captured: Some(self.r.captured_on(line)),
        }
    }

    /// The text that travels with an intent's request.
    pub(crate) fn text_of(&self, id: &IntentId) -> String {
        let intent = self.intent(id);
        format!(
            "{} from the booking",
            intent.marker.of_attempt(intent.attempts().max(1))
        )
    }

    /// Folds in what a read of these details means, and hands the facts back without the read itself.
    pub(crate) fn read(&mut self, seen: &Snapshot) -> Vec<Fact> {
        let reading = Reading {
            seen,
            since: self.r.version,
            evidence: &self.evidence,
        };
        let facts = observe(self.case(), reading);
        self.learn(&facts);
        facts.into_iter().skip(1).collect()
    }

    /// Folds in what a search of the history that shows these rows means.
    pub(crate) fn search(&mut self, id: &IntentId, rows: &[HistoryRow]) -> Vec<Fact> {
        let facts = search(self.case(), id, rows, &self.evidence);
        self.learn(&facts);
        facts
    }

    /// Looks for what became of an intent's request at each of the times when a look is due, at details and a history
    /// that stay the same, until it is resolved: how many details were read, and how often the history.
    pub(crate) fn look(
        &mut self,
        id: &IntentId,
        seen: &Snapshot,
        rows: &[HistoryRow],
        most: u32,
    ) -> (u32, u32) {
        let (mut reads, mut searches) = (0, 0);
        while reads + searches < most && matches!(self.state(id), "unknown" | "accepted") {
            let (kind, key) = (
                self.intent(id).operation.job_kind(),
                self.intent(id).key.clone(),
            );
            let Some(job) = self.job(&key) else { break };
            self.now = self.now.max(job.run_at);
            match self.run(kind, &key) {
                Step::Read => {
                    reads += 1;
                    self.read(seen);
                }
                Step::Search(_) => {
                    searches += 1;
                    self.search(id, rows);
                }
                step => assert_eq!(step, Step::Done, "a look, or nothing to look for any more"),
            }
        }
        (reads, searches)
    }

    fn learn(&mut self, facts: &[Fact]) {
        self.evidence = learnt(&self.evidence, &self.r, facts, self.now).unwrap_or(self.evidence);
        self.fold(facts);
    }

    pub(crate) fn jobs(&self) -> Vec<Planned> {
        schedule(&self.r, &self.merchant)
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.jobs()
            .into_iter()
            .map(|job| job.key.to_string())
            .collect()
    }

    pub(crate) fn job(&self, key: &(impl NamesJob + ?Sized)) -> Option<Planned> {
        let key = key.job_key();
        self.jobs().into_iter().find(|job| job.key == key)
    }

    /// What the job with this key does now; the kind says which job a test is about, and must be the key's.
    pub(crate) fn decide(&self, kind: JobKind, key: &(impl NamesJob + ?Sized)) -> Step {
        let key = key.job_key();
        assert!(
            key.kind().is_none_or(|of_key| of_key == kind),
            "{key} is no {kind}"
        );
        decide(self.case(), &key, &self.planner())
    }

    /// What the job that carries an intent does now.
    pub(crate) fn decide_intent(&self, id: &IntentId) -> Step {
        let intent = self.intent(id);
        self.decide(intent.operation.job_kind(), &intent.key)
    }

    /// Decides, and folds in what is to be recorded, until there is something else to do.
    pub(crate) fn run(&mut self, kind: JobKind, key: &(impl NamesJob + ?Sized)) -> Step {
        for _ in 0..8 {
            match self.decide(kind, key) {
                Step::Record(facts) => self.fold(&facts),
                step => return step,
            }
        }
        panic!("{} records without end", key.job_key())
    }

    pub(crate) fn reviews(&self) -> Vec<&'static str> {
        self.r
            .control
            .reviews
            .iter()
            .map(|item| item.reason.as_str())
            .collect()
    }
}

/// What names a job: its key, or the text of its key.
pub(crate) trait NamesJob {
    fn job_key(&self) -> JobKey;
}

impl NamesJob for str {
    fn job_key(&self) -> JobKey {
        job_key(self)
    }
}

impl NamesJob for String {
    fn job_key(&self) -> JobKey {
        job_key(self)
    }
}

impl NamesJob for JobKey {
    fn job_key(&self) -> JobKey {
        self.clone()
    }
}

/// The key that is written like this.
pub(crate) fn job_key(text: &str) -> JobKey {
    text.parse().expect("the key of a job")
}

pub(crate) fn capture(lines: &[LineAmount]) -> Operation {
    Operation::Capture {
        lines: lines.to_vec(),
        note: None,
    }
}

pub(crate) fn charge(kroner: u32) -> Operation {
    let amount = kr(kroner);
    let line = ChargeLine {
        name: "Minibar".into(),
        product_id: None,
        rate: amount,
        tax_percent: 0,
        amount,
    };
    Operation::Charge {
        lines: vec![line],
        note: None,
    }
}

pub(crate) fn refund(reference: &str, lines: &[LineAmount]) -> Operation {
    let source = if reference.starts_with("CHA") {
        RefundSource::Charged
    } else {
        RefundSource::Captured
    };
    Operation::Refund {
        source,
        reference: named(reference),
        lines: lines.to_vec(),
    }
}

pub(crate) fn cancel() -> Operation {
    Operation::Cancel {
        note: "No longer needed".into(),
    }
}

pub(crate) fn complete() -> Operation {
    Operation::Complete {
        note: "Done".into(),
    }
}

pub(crate) fn delivered(
    event: &str,
    at: DateTime<Utc>,
    lines: &[LineAmount],
    complete: bool,
) -> Fact {
    Fact::Delivery(DeliveryFact::Reported {
        event_id: event.into(),
        at,
        lines: lines.to_vec(),
        complete,
    })
}

/// A row of details.
pub(crate) fn row(reference: &str, kroner: u32, text: Option<String>) -> SeenRow {
    SeenRow {
        reference: Some(named(reference)),
        amount: kr(kroner),
        at: None,
        text,
        refunded: None,
    }
}

/// A reservation at the provider that carries our reference, with so much held.
pub(crate) fn seen_reservation(uuid: &str, kroner: u32) -> SeenReservation {
    let status = if kroner == 0 { "SENT" } else { "RESERVED" };
    let (reservation_uuid, status, at) = (named(uuid), status.to_owned(), monday());
    SeenReservation {
        reservation_uuid,
        status,
        over: false,
        reserved: kr(kroner),
        at,
    }
}

/// A row of the history, at this time.
pub(crate) fn history_row(event: Event, uuid: &str, kroner: u32, at: DateTime<Utc>) -> HistoryRow {
    let amount = Some(kr(kroner)).filter(|amount| !amount.is_zero());
    HistoryRow {
        event,
        uuid: Some(uuid.into()),
        at: Some(at),
        until: Some(at),
        amount,
        note: None,
    }
}

/// A capture of 400 of 1000 whose answer was lost a minute ago, and details as they were before it.
pub(crate) fn lost_capture() -> (Booking, IntentId, Snapshot) {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let id = booking.lost(capture(&[on(1, 400)]));
    booking.now += minutes(1);
    (booking, id, seen)
}

/// These details with a capture more, on the first line.
pub(crate) fn with_capture(
    seen: &Snapshot,
    reference: &str,
    kroner: u32,
    text: Option<String>,
) -> Snapshot {
    let mut seen = seen.clone();
    seen.captures.push(row(reference, kroner, text));
    seen.captured += kr(kroner);
    let captured = seen.products[0].captured.unwrap_or_default();
    seen.products[0].captured = Some(captured + kr(kroner));
    seen
}

/// These details with a charge more.
pub(crate) fn with_charge(
    seen: &Snapshot,
    reference: &str,
    kroner: u32,
    text: Option<String>,
) -> Snapshot {
    let mut seen = seen.clone();
    seen.charges.push(row(reference, kroner, text));
    seen.charged += kr(kroner);
    seen
}

/// These details with so much given back of the first capture, by its row and by the sum.
pub(crate) fn given_back(seen: &Snapshot, kroner: u32) -> Snapshot {
    let mut seen = seen.clone();
    seen.captures[0].refunded = Some(kr(kroner));
    seen.refunded_captured = kr(kroner);
    seen
}

/// The names of facts.
pub(crate) fn names(facts: &[Fact]) -> Vec<&'static str> {
    facts.iter().map(Fact::name).collect()
}
