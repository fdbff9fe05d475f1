//! What a job does now. The one place that says whether a request may be sent.

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendar::next_decent;
use crate::clock::Entropy;
use crate::id::IntentId;
use crate::job::{JobKind, WaitingFor};
use crate::marker;
use crate::merchant::Merchant;
use crate::policy::{BeforeDeadline, Hours};
use crate::reservation::{
    Closure, DeskReason, Fact, Hold, Intent, IntentState, LineAmount, Operation, Reservation, RowKind, Status,
};
use crate::schedule::{hinted, may_capture, send_by, wants_capture};

/// After details that did not add up, the next read waits this long.
const AFTER_INCOHERENT: TimeDelta = TimeDelta::seconds(60);
/// How long a job waits for another operation that has no read of its own planned.
const FOR_ANOTHER: TimeDelta = TimeDelta::seconds(15);

/// What a job does now: at most one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is left to do.
    Done,
    /// It is not the time yet.
    Wait {
        /// Look again then.
        until: DateTime<Utc>,
        /// What for.
        waiting_for: Option<WaitingFor>,
    },
    /// Read the reservation's details.
    Read,
    /// Read the history around the submit of this intent, to find the reservation it may have made.
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
    /// An intent to do `operation`, carried by the job with `key`, or by one of its own.
    #[must_use]
    pub fn intent(
        &self,
        r: &Reservation,
        operation: Operation,
        key: Option<&str>,
        created_by: &str,
        now: DateTime<Utc>,
    ) -> Intent {
        let id = IntentId::new(now, self.entropy);
        Intent {
            key: key.map_or_else(|| format!("intent:{id}"), str::to_owned),
            marker: marker::base(self.marker_key, &id),
            id,
            operation,
            created_at: now,
            created_by: created_by.to_owned(),
            policy_version: r.policy.version,
            attempts: 0,
            progress: IntentState::Planned,
        }
    }
}

/// What the job with this kind and key does now.
#[must_use]
pub fn decide(
    r: &Reservation,
    kind: JobKind,
    key: &str,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Step {
    if let Some(intent) = r.intent_of_key(key) {
        return of_intent(r, intent, merchant, now);
    }
    if kind == JobKind::Refresh {
        return if r.provider.reservation_uuid.is_some() {
            read(r, now)
        } else {
            Step::Done
        };
    }
    if r.is_frozen() || r.control.paused || !r.is_open() {
        return Step::Done;
    }
    let plan = |operation| Step::Record(vec![planned(r, operation, Some(key), planner, now)]);
    match kind {
        JobKind::Capture if wants_capture(r, merchant) => plan(Operation::Capture {
            lines: r.delivered_uncaptured(),
            note: None,
        }),
        JobKind::Cancel if r.status() == Status::AwaitingPayment => match not_fresh(r, merchant, now) {
            Some(step) => step,
            None => plan(Operation::Cancel {
                note: "The payment link was not paid in time.".to_owned(),
            }),
        },
        JobKind::Complete if may_complete(r) => plan(Operation::Complete {
            note: "All money is settled.".to_owned(),
        }),
        JobKind::Remind if r.status() == Status::AwaitingPayment => remind(r, key, merchant, planner, now),
        JobKind::Guard if matches!(r.hold, Hold::Reserved { .. }) => guard(r, key, merchant, planner, now),
        _ => Step::Done,
    }
}

fn planned(
    r: &Reservation,
    operation: Operation,
    key: Option<&str>,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Fact {
    Fact::IntentPlanned {
        intent: planner.intent(r, operation, key, "policy", now),
    }
}

fn may_complete(r: &Reservation) -> bool {
    let taken = r.ledger.iter().any(|row| row.kind != RowKind::Refund);
    taken && r.open_intents().next().is_none() && r.control.desk.is_empty()
}

/// A read, unless the last one did not add up a moment ago.
fn read(r: &Reservation, now: DateTime<Utc>) -> Step {
    match r.provider.tried_at {
        Some(tried) if r.control.incoherent_reads > 0 && now < tried + AFTER_INCOHERENT => Step::Wait {
            until: tried + AFTER_INCOHERENT,
            waiting_for: None,
        },
        _ => Step::Read,
    }
}

/// A read when the details known are too old to rely on.
fn not_fresh(r: &Reservation, merchant: &Merchant, now: DateTime<Utc>) -> Option<Step> {
    let fresh = r
        .provider
        .read_at
        .is_some_and(|at| now - at <= merchant.baseline_max_age);
    let trusted = fresh && r.control.incoherent_reads == 0;
    (!trusted).then(|| read(r, now))
}

fn of_intent(r: &Reservation, intent: &Intent, merchant: &Merchant, now: DateTime<Utc>) -> Step {
    let id = intent.id.clone();
    match &intent.progress {
        IntentState::Done { .. } | IntentState::Rejected { .. } | IntentState::Withdrawn { .. } => Step::Done,
        IntentState::Planned | IntentState::Written(_) => before_sending(r, intent, merchant, now),
        // A worker that marks SENDING also records the outcome; finding this means that it died in between.
        IntentState::Sending(_) => Step::Record(vec![Fact::AttemptUnknown {
            intent: id,
            reason: "interrupted".to_owned(),
        }]),
        IntentState::Accepted { sent, reads, .. } => {
            at_time(sent.at + merchant.settle.read_after(*reads), now, || read(r, now))
        }
        IntentState::Unknown(doubt) if hinted(r, intent) && doubt.reads == 0 => Step::Search(id),
        IntentState::Unknown(doubt) => at_time(
            doubt.sent.at + merchant.settle.read_after(doubt.reads),
            now,
            || match intent.operation {
                Operation::Submit => Step::Search(id),
                _ => read(r, now),
            },
        ),
        // A person decides; a read that somebody asks for may still bring the answer.
        IntentState::Desk(_) => Step::Done,
    }
}

fn at_time(at: DateTime<Utc>, now: DateTime<Utc>, step: impl FnOnce() -> Step) -> Step {
    if now < at {
        Step::Wait {
            until: at,
            waiting_for: Some(WaitingFor::Resolve),
        }
    } else {
        step()
    }
}

/// Everything that has to hold before an intent's request may leave.
fn before_sending(r: &Reservation, intent: &Intent, merchant: &Merchant, now: DateTime<Utc>) -> Step {
    if let Some(wait) = after_others(r, intent, merchant, now) {
        return wait;
    }
    if let Some(reason) = no_longer_legal(r, intent) {
        return Step::Record(vec![Fact::IntentWithdrawn {
            intent: intent.id.clone(),
            reason: reason.to_owned(),
        }]);
    }
    if now >= send_by(r, &intent.operation, merchant) {
        return Step::Record(missed(intent, now));
    }
    if r.is_frozen() {
        return Step::Wait {
            until: now + AFTER_INCOHERENT,
            waiting_for: None,
        };
    }
    if !relies_on_details(r, intent) {
        return Step::Send(intent.id.clone());
    }
    not_fresh(r, merchant, now).unwrap_or_else(|| Step::Send(intent.id.clone()))
}

/// What a missed deadline leads to: the intent is given up, and a person hears of it where money is lost.
fn missed(intent: &Intent, now: DateTime<Utc>) -> Vec<Fact> {
    let reason = "it could not be sent before its deadline".to_owned();
    let withdrawn = Fact::IntentWithdrawn {
        intent: intent.id.clone(),
        reason,
    };
    match &intent.operation {
        Operation::Resend { slot, .. } => {
            let used = slot.map(|slot| Fact::ReminderUsed {
                slot,
                sent: false,
                at: now,
            });
            std::iter::once(withdrawn).chain(used).collect()
        }
        _ => vec![
            withdrawn,
            Fact::DeskRaised {
                reason: DeskReason::DeadlinePassed,
                freezes: false,
                at: now,
            },
        ],
    }
}

/// At most one operation of a reservation is under way: the first decided goes first.
fn after_others(r: &Reservation, intent: &Intent, merchant: &Merchant, now: DateTime<Utc>) -> Option<Step> {
    let earlier = r.open_intents().take_while(|other| other.id != intent.id);
    let unresolved = r
        .open_intents()
        .filter(|other| other.id != intent.id && other.is_unresolved());
    let other = earlier
        .chain(unresolved)
        .find(|other| other.operation.is_exclusive())?;
    let until = match &other.progress {
        IntentState::Unknown(doubt) => doubt.sent.at + merchant.settle.read_after(doubt.reads),
        IntentState::Accepted { sent, reads, .. } => sent.at + merchant.settle.read_after(*reads),
        _ => now + FOR_ANOTHER,
    };
    let waiting_for = if other.is_unresolved() {
        WaitingFor::Resolve
    } else {
        WaitingFor::Lease
    };
    Some(Step::Wait {
        until: until.max(now + TimeDelta::seconds(1)),
        waiting_for: Some(waiting_for),
    })
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
        Operation::Cancel { .. } => {
            taken.then_some("money has been taken, so it cannot be cancelled; a refund can")
        }
        Operation::Complete { .. } => (!r.is_open()).then_some("the reservation has been closed"),
        Operation::Refund { reference, .. } => {
            let row = r.money_row(reference)?;
            let given = row.refunded_seen + intent.operation.amount();
            (given > row.amount).then_some("more would be given back than was taken")
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
        let amount = r.line(part.line).map_or(crate::Money::ZERO, |line| line.amount);
        part.amount <= amount.saturating_sub(r.captured_on(part.line))
    };
    let asked: crate::Money = lines.iter().map(|part| part.amount).sum();
    lines.iter().all(on_line) && asked <= r.reserved().saturating_sub(r.booked(RowKind::Capture))
}

/// Is a duplicate of this operation refused by the provider, whatever happens?
///
/// True for a capture that takes more than half of what is left of each line it touches: a second one
/// exceeds the line's runway.
#[must_use]
pub fn is_guarded(r: &Reservation, operation: &Operation) -> bool {
    let Operation::Capture { lines, .. } = operation else {
        return false;
    };
    let left = |line: u32| {
        let amount = r.line(line).map_or(crate::Money::ZERO, |line| line.amount);
        amount.saturating_sub(r.captured_on(line))
    };
    lines
        .iter()
        .all(|part| part.amount + part.amount > left(part.line))
}

fn relies_on_details(r: &Reservation, intent: &Intent) -> bool {
    match &intent.operation {
        Operation::Capture { lines, .. } => {
            let known = |part: &LineAmount| r.line(part.line).is_some_and(|line| line.provider_id.is_some());
            !lines.iter().all(known) || !is_guarded(r, &intent.operation)
        }
        Operation::Charge { .. } | Operation::Refund { .. } => true,
        Operation::Submit
        | Operation::Cancel { .. }
        | Operation::Complete { .. }
        | Operation::Resend { .. } => false,
    }
}

fn remind(
    r: &Reservation,
    key: &str,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Step {
    let Some(slot) = key
        .strip_prefix("remind:")
        .and_then(|slot| slot.parse::<u32>().ok())
    else {
        return Step::Done;
    };
    if slot < r.reminders.slots {
        return Step::Done;
    }
    let missed = Step::Record(vec![Fact::ReminderUsed {
        slot,
        sent: false,
        at: now,
    }]);
    if now >= r.payment_link_due {
        return missed;
    }
    if r.policy.reminders.hours == Hours::Decent {
        let decent = next_decent(merchant.zone, now);
        if decent >= r.payment_link_due {
            return missed;
        }
        if decent > now {
            return Step::Wait {
                until: decent,
                waiting_for: Some(WaitingFor::Hours),
            };
        }
    }
    if let Some(read) = not_fresh(r, merchant, now) {
        return read;
    }
    // The channels take turns, the preferred one first.
    let channels = &r.policy.reminders.channels;
    let turn = r.reminders.sent as usize % channels.len().max(1);
    let by = channels.get(turn).copied().into_iter().collect();
    let operation = Operation::Resend {
        by,
        elsewhere: false,
        slot: Some(slot),
    };
    Step::Record(vec![planned(r, operation, Some(key), planner, now)])
}

fn guard(r: &Reservation, key: &str, merchant: &Merchant, planner: &Planner<'_>, now: DateTime<Utc>) -> Step {
    if r.guards_done.contains(key) {
        return Step::Done;
    }
    let mut facts = vec![Fact::GuardActed {
        key: key.to_owned(),
        at: now,
    }];
    if key == "guard:deadline" {
        facts.extend(act_before_deadline(r, merchant, planner, now));
    }
    Step::Record(facts)
}

fn act_before_deadline(
    r: &Reservation,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Option<Fact> {
    // What is already decided will be sent in time; a second decision beside it would be a guess.
    if r.open_intents().any(|intent| intent.operation.is_exclusive()) {
        return None;
    }
    let ask = Fact::DeskRaised {
        reason: DeskReason::WindowClosing,
        freezes: false,
        at: now,
    };
    let capture = |lines: Vec<LineAmount>| {
        let possible = may_capture(r, merchant) && !lines.is_empty();
        possible.then(|| {
            planned(
                r,
                Operation::Capture { lines, note: None },
                Some("capture:guard"),
                planner,
                now,
            )
        })
    };
    Some(match r.policy.capture.before_deadline {
        BeforeDeadline::CaptureDelivered => capture(r.delivered_uncaptured()).unwrap_or(ask),
        BeforeDeadline::CaptureAll => capture(r.capturable_lines()).unwrap_or(ask),
        BeforeDeadline::Warn => ask,
        BeforeDeadline::Cancel if r.ledger.is_empty() => {
            let note = "The hold was released before it would have lapsed.".to_owned();
            planned(r, Operation::Cancel { note }, Some("cancel:guard"), planner, now)
        }
        BeforeDeadline::Cancel => return None,
    })
}
