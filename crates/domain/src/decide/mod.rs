//! What a job does now. The one place that says whether a request may be sent.

mod policy;

use chrono::{DateTime, TimeDelta, Utc};

use crate::case::Case;
use crate::clock::Entropy;
use crate::deadlines::send_by;
use crate::id::IntentId;
use crate::job::{JobKey, JobKind, WaitingFor};
use crate::marker::Marker;
use crate::money::Money;
use crate::outcome::{Outcome, outcome};
use crate::reservation::{
    Closure, ControlFact, Fact, Hold, Intent, IntentFact, IntentState, LineAmount, Operation,
    Reservation, ReviewFact, ReviewReason, RowKind, Status,
};
use crate::resolve::{
    AFTER_INCOHERENT, duplicate_search_due, is_duplicate_refused_by_lines, next_read,
    reads_history_next,
};
use crate::schedule::schedule;
use policy::{by_policy, reminder_time};

/// How long a job waits for another operation that has no read of its own planned.
const FOR_ANOTHER: TimeDelta = TimeDelta::seconds(15);
/// The longest wait between two looks at another operation.
const FOR_ANOTHER_AT_MOST: TimeDelta = TimeDelta::minutes(15);
/// How long a job waits for a person before it looks again; a decision lets it go on at once.
const FOR_A_PERSON: TimeDelta = TimeDelta::hours(6);

/// What a job does now: at most one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is left to do.
    Done,
    /// It is not the time yet.
    Wait {
        /// Look again then.
        until: DateTime<Utc>,
        /// What the job waits for meanwhile, as people see it; `None` when that is its time alone.
        waiting_for: Option<WaitingFor>,
    },
    /// Read the reservation's details.
    Read,
    /// Read the history for a trace of this intent's request; of a submit, for the reservation it may have made.
    Search(IntentId),
    /// Record these facts, then decide again.
    Record(Vec<Fact>),
    /// Put an attempt of this intent on record and send its request.
    Send(IntentId),
}

/// Makes intents: the ids and markers that decisions need.
#[derive(Clone, Copy, Debug)]
pub struct Planner<'a> {
    /// Where ids come from.
    pub entropy: &'a dyn Entropy,
    /// The key of the markers.
    pub marker_key: &'a [u8],
}

impl Planner<'_> {
    /// An intent to do `operation`, decided now by `created_by` and carried by the job with `key`, or by one of its own.
    #[must_use]
    pub fn intent(
        &self,
        case: Case<'_>,
        operation: Operation,
        key: Option<JobKey>,
        created_by: &str,
    ) -> Intent {
        let id = IntentId::new(case.now, self.entropy);
        Intent {
            key: key.unwrap_or_else(|| JobKey::Intent(id.clone())),
            marker: Marker::new(self.marker_key, &id),
            id,
            operation,
            created_at: case.now,
            created_by: created_by.to_owned(),
            policy_version: case.reservation.policy.version,
            baseline: None,
            last_unknown_at: None,
            progress: IntentState::NEW,
        }
    }
}

/// What the job with this key does now.
#[must_use]
pub fn decide(case: Case<'_>, key: &JobKey, planner: &Planner<'_>) -> Step {
    let r = case.reservation;
    if let Some(intent) = r.intent_of_key(key).filter(|intent| intent.is_open()) {
        return of_intent(case, intent);
    }
    if *key == JobKey::RefreshDuplicates {
        return duplicate_search_due(r)
            .map_or(Step::Done, |(submit, _)| Step::Search(submit.id.clone()));
    }
    if key.kind() == Some(JobKind::Refresh) {
        return match r.provider.reservation_uuid {
            Some(_) => read(case),
            None => Step::Done,
        };
    }
    if schedule(r, case.merchant).iter().any(|job| job.key == *key) {
        by_policy(case, key, planner)
    } else {
        Step::Done
    }
}

/// A read, unless the last one did not add up a moment ago.
fn read(case: Case<'_>) -> Step {
    let r = case.reservation;
    match r.provider.tried_at.map(|tried| tried + AFTER_INCOHERENT) {
        Some(until) if r.control.incoherent_reads > 0 && case.now < until => Step::Wait {
            until,
            waiting_for: None,
        },
        _ => Step::Read,
    }
}

/// A read when the details known are too old to rely on.
fn not_fresh(case: Case<'_>) -> Option<Step> {
    let r = case.reservation;
    let fresh = r
        .provider
        .read_at
        .is_some_and(|at| case.now - at <= case.merchant.baseline_max_age);
    let trusted = fresh && r.control.incoherent_reads == 0;
    (!trusted).then(|| read(case))
}

/// What was read before a link was due says nothing about who paid at the last moment.
fn not_since_due(case: Case<'_>, intent: &Intent) -> Option<Step> {
    let r = case.reservation;
    let since = r
        .provider
        .read_at
        .is_some_and(|at| at >= r.payment_link_due);
    (intent.key == JobKey::CancelExpired && !since).then(|| read(case))
}

/// What the job of an intent does now, as far as the intent has come.
fn of_intent(case: Case<'_>, intent: &Intent) -> Step {
    let Case {
        reservation: r,
        merchant,
        now,
    } = case;
    let id = intent.id.clone();
    match &intent.progress {
        IntentState::Done { .. } | IntentState::Rejected { .. } | IntentState::Withdrawn { .. } => {
            Step::Done
        }
        IntentState::Planned { .. } | IntentState::Written { .. } => before_sending(case, intent),
        // A worker that marks SENDING also records the outcome; an intent found in SENDING was left by one that died.
        IntentState::Sending { .. } => {
            let reason = "interrupted".to_owned();
            Step::Record(outcome(intent, &Outcome::Unknown { reason }, now))
        }
        IntentState::Accepted { .. } | IntentState::Unknown(_) => {
            match next_read(r, intent, merchant) {
                Some(at) if now < at => Step::Wait {
                    until: at,
                    waiting_for: Some(WaitingFor::Resolution),
                },
                _ if is_moot(r, intent) => Step::Record(vec![Fact::Intent(
                    id,
                    IntentFact::Withdrawn {
                        reason: "there is no unpaid link any more".to_owned(),
                    },
                )]),
                _ if reads_history_next(case, intent) => Step::Search(id),
                _ => read(case),
            }
        }
        // A person decides; a read that somebody asks for may still bring the answer.
        IntentState::NeedsReview(_) => Step::Done,
    }
}

/// A message whose link is paid or over: whether it went out makes no difference any more.
fn is_moot(r: &Reservation, intent: &Intent) -> bool {
    matches!(intent.operation, Operation::Resend { .. }) && r.status() != Status::AwaitingPayment
}

/// Everything that has to hold before an intent's request may leave.
fn before_sending(case: Case<'_>, intent: &Intent) -> Step {
    let Case {
        reservation: r,
        merchant,
        now,
    } = case;
    if let Some(reason) = no_longer_legal(r, intent) {
        return Step::Record(vec![given_up(intent, reason)]);
    }
    let by = send_by(r, &intent.operation, merchant);
    if now >= by {
        return Step::Record(missed(intent, now));
    }
    if let Some((until, waiting_for)) = after_others(case, intent) {
        return Step::Wait {
            until: until.min(by),
            waiting_for,
        };
    }
    if is_stopped(r) {
        return Step::Wait {
            until: (now + FOR_A_PERSON).min(by),
            waiting_for: None,
        };
    }
    if matches!(intent.operation, Operation::Resend { slot: Some(_), .. }) {
        let at = reminder_time(case, &intent.key);
        if at >= by {
            return Step::Record(missed(intent, now));
        }
        if at > now {
            return Step::Wait {
                until: at,
                waiting_for: Some(WaitingFor::ContactHours),
            };
        }
    }
    if !relies_on_details(r, intent) {
        return Step::Send(intent.id.clone());
    }
    match not_fresh(case).or_else(|| not_since_due(case, intent)) {
        Some(step) => step,
        None if has_unknown_lines(r, intent) => Step::Record(unsendable(intent, now)),
        None => Step::Send(intent.id.clone()),
    }
}

/// A capture names the provider's numbers of its products; details that do not show them leave nothing to send.
fn unsendable(intent: &Intent, now: DateTime<Utc>) -> Vec<Fact> {
    vec![
        given_up(intent, "details do not show its lines"),
        Fact::Review(ReviewFact::Raised {
            reason: ReviewReason::Incoherent,
            freezes: true,
            at: now,
        }),
    ]
}

/// An operation that is not sent, or not a second time: what became of the first request is still to be found out.
fn given_up(intent: &Intent, reason: &str) -> Fact {
    let (id, reason) = (intent.id.clone(), reason.to_owned());
    match intent.forced_behind() {
        Some(_) => Fact::Intent(id, IntentFact::OutcomeUnknown { reason }),
        None => Fact::Intent(id, IntentFact::Withdrawn { reason }),
    }
}

/// What a missed deadline leads to: the intent is given up, and a person hears of it where money is lost.
fn missed(intent: &Intent, now: DateTime<Utc>) -> Vec<Fact> {
    let withdrawn = given_up(intent, "it could not be sent before its deadline");
    match &intent.operation {
        Operation::Resend { slot, .. } => {
            let used = slot.map(|slot| {
                Fact::Control(ControlFact::ReminderUsed {
                    slot,
                    sent: false,
                    at: now,
                })
            });
            std::iter::once(withdrawn).chain(used).collect()
        }
        _ => {
            vec![
                withdrawn,
                Fact::Review(ReviewFact::Raised {
                    reason: ReviewReason::DeadlinePassed,
                    freezes: false,
                    at: now,
                }),
            ]
        }
    }
}

/// Is nothing sent until a person says so?
fn is_stopped(r: &Reservation) -> bool {
    r.is_frozen() || r.control.paused
}

/// At most one operation of a reservation is under way: the first decided goes first.
fn after_others(case: Case<'_>, intent: &Intent) -> Option<(DateTime<Utc>, Option<WaitingFor>)> {
    let Case {
        reservation: r,
        merchant,
        now,
    } = case;
    let earlier = r.open_intents().take_while(|other| other.id != intent.id);
    let unresolved = r
        .open_intents()
        .filter(|other| other.id != intent.id && other.is_unresolved());
    let other = earlier
        .chain(unresolved)
        .find(|other| other.operation.is_exclusive())?;
    if is_stopped(r) && !other.is_unresolved() {
        // The other operation waits for a person too, who wakes both.
        return Some((now + FOR_A_PERSON, None));
    }
    let until = match &other.progress {
        IntentState::NeedsReview(_) => now + FOR_A_PERSON,
        _ => {
            // Woken when the other operation ends. While the provider cannot be read, back off in proportion to how
            // overdue the read of the other operation is.
            let due = next_read(r, other, merchant).unwrap_or(now);
            due.max(now + ((now - due) / 2).clamp(FOR_ANOTHER, FOR_ANOTHER_AT_MOST))
        }
    };
    let waiting_for = if other.is_unresolved() {
        WaitingFor::Resolution
    } else {
        WaitingFor::AnotherOperation
    };
    Some((until, Some(waiting_for)))
}

/// Why the intent, decided earlier, may not be sent any more.
fn no_longer_legal(r: &Reservation, intent: &Intent) -> Option<&'static str> {
    let taken = r.ledger.iter().any(|row| row.kind != RowKind::Refund);
    let cancelled = matches!(r.closure, Closure::Cancelled { .. });
    match &intent.operation {
        Operation::Capture { lines, .. } => match r.hold {
            _ if !r.is_open() => Some("the reservation has been closed"),
            Hold::None => Some("nothing is held"),
            Hold::Expired { .. } => Some("the hold has expired"),
            Hold::Reserved { .. } if !fits(r, lines) => Some("less is left than it would take"),
            Hold::Reserved { .. } => None,
        },
        Operation::Charge { .. } => cancelled.then_some("the reservation has been cancelled"),
        Operation::Cancel { .. } if !r.is_open() => Some("the reservation has been closed"),
        // Paid at the last moment: the payment stands.
        Operation::Cancel { .. }
            if intent.key == JobKey::CancelExpired && !matches!(r.hold, Hold::None) =>
        {
            Some("it has been paid")
        }
        Operation::Cancel { .. } => {
            taken.then_some("money has been taken, so it cannot be cancelled; a refund can")
        }
        Operation::Complete { .. } => (!r.is_open()).then_some("the reservation has been closed"),
        Operation::Refund { reference, .. } => {
            let left = r.money_row(reference).map_or(Money::ZERO, |row| {
                row.amount.saturating_sub(r.given_back(reference))
            });
            (intent.operation.amount() > left).then_some("more would be given back than was taken")
        }
        Operation::Resend { .. } => {
            (r.status() != Status::AwaitingPayment).then_some("there is no unpaid link any more")
        }
        Operation::Submit => None,
    }
}

/// Do the lines of a decided capture fit what is left, this intent's own claim aside?
fn fits(r: &Reservation, lines: &[LineAmount]) -> bool {
    let on_line = |part: &LineAmount| {
        let amount = r.line(part.line).map_or(Money::ZERO, |line| line.amount);
        part.amount <= amount.saturating_sub(r.captured_on(part.line))
    };
    let asked: Money = lines.iter().map(|part| part.amount).sum();
    lines.iter().all(on_line) && asked <= r.reserved().saturating_sub(r.booked(RowKind::Capture))
}

fn relies_on_details(r: &Reservation, intent: &Intent) -> bool {
    match &intent.operation {
        Operation::Capture { .. } => {
            has_unknown_lines(r, intent) || !is_duplicate_refused_by_lines(r, &intent.operation)
        }
        Operation::Charge { .. } | Operation::Refund { .. } => true,
        // Nobody who has paid is reminded, and no payment is thrown away.
        Operation::Resend { slot, .. } => slot.is_some(),
        Operation::Cancel { .. } => intent.key == JobKey::CancelExpired,
        Operation::Submit | Operation::Complete { .. } => false,
    }
}

fn has_unknown_lines(r: &Reservation, intent: &Intent) -> bool {
    let known = |part: &LineAmount| {
        r.line(part.line)
            .is_some_and(|line| line.provider_id.is_some())
    };
    matches!(&intent.operation, Operation::Capture { lines, .. } if !lines.iter().all(known))
}
