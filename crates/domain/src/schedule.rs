//! Which jobs a reservation should have now. Declarative: a job that is no longer in the set is cancelled.

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendar::{last_decent, next_decent};
use crate::job::{JobKind, Planned, PlannedState, Urgency};
use crate::merchant::{Merchant, MultiCapture};
use crate::policy::{BeforeDeadline, Hours, Late, OnDelivery, ReminderAt};
use crate::reservation::{
    DeskReason, Fact, Hold, Intent, IntentState, Link, Operation, Reservation, RowKind, Status,
};

/// Where a job without an end has its deadline.
pub const NO_DEADLINE: DateTime<Utc> = match DateTime::from_timestamp(253_370_764_800, 0) {
    Some(far) => far,
    None => DateTime::<Utc>::MAX_UTC,
};

/// Details are read once more this long after the window closed, to see what became of the hold.
const AFTER_WINDOW: TimeDelta = TimeDelta::hours(1);

/// The set of jobs that this reservation should have now.
///
/// The times depend on the facts and the policy alone, so that the set stays the same as long as nothing
/// happens; what is due already stays in the set until its fact is recorded.
#[must_use]
pub fn schedule(r: &Reservation, merchant: &Merchant) -> Vec<Planned> {
    let mut jobs: Vec<Planned> = r
        .open_intents()
        .map(|intent| of_intent(r, intent, merchant))
        .collect();
    let acts = !r.control.paused && !r.is_frozen();
    if acts && r.is_open() {
        match r.status() {
            Status::AwaitingPayment => awaiting_payment(r, merchant, &mut jobs),
            Status::Held => held(r, merchant, &mut jobs),
            Status::Captured | Status::Charged => money_taken(r, merchant, &mut jobs),
            Status::Submitting | Status::Completed | Status::Cancelled | Status::Expired | Status::Failed => {
            }
        }
    }
    refresh(r, merchant, &mut jobs);
    jobs.retain(|job| !r.stopped.contains(&job.key));
    // A policy job that has decided its intent is carried on by that intent, under the same key.
    let mut seen = std::collections::BTreeSet::new();
    jobs.retain(|job| seen.insert(job.key.clone()));
    if r.control.paused {
        jobs.retain(|job| job.state != PlannedState::Scheduled || job.kind == JobKind::Refresh);
    }
    jobs
}

fn job(key: String, kind: JobKind, run_at: DateTime<Utc>, deadline: DateTime<Utc>) -> Planned {
    Planned {
        key,
        kind,
        run_at,
        deadline,
        urgency: kind.urgency(),
        state: PlannedState::Scheduled,
        intent: None,
    }
}

/// The instant from which on an operation of this kind is of no use.
#[must_use]
pub fn send_by(r: &Reservation, operation: &Operation, merchant: &Merchant) -> DateTime<Utc> {
    let guard = merchant.guard.delta();
    match operation {
        Operation::Submit => r.payment_link_due,
        Operation::Capture { .. } => r.capture_by(merchant).map_or(NO_DEADLINE, |by| by - guard),
        Operation::Charge { .. } => r
            .charge_by(merchant)
            .map_or(NO_DEADLINE, |by| by - guard.min(TimeDelta::hours(1))),
        Operation::Resend { .. } => r.payment_link_due,
        Operation::Refund { .. } | Operation::Cancel { .. } | Operation::Complete { .. } => NO_DEADLINE,
    }
}

fn of_intent(r: &Reservation, intent: &Intent, merchant: &Merchant) -> Planned {
    let read_at = |sent_at: DateTime<Utc>, reads: u32| sent_at + merchant.settle.read_after(reads);
    let kind = intent.operation.job_kind();
    let (state, run_at, urgency) = match &intent.progress {
        IntentState::Accepted { sent, reads, .. } => {
            (PlannedState::Resolving, read_at(sent.at, *reads), Urgency::Normal)
        }
        // A callback has named the reservation: there is something to read at once.
        IntentState::Unknown(doubt) if hinted(r, intent) && doubt.reads == 0 => {
            (PlannedState::Resolving, doubt.sent.at, Urgency::Resolve)
        }
        IntentState::Unknown(doubt) => (
            PlannedState::Resolving,
            read_at(doubt.sent.at, doubt.reads),
            Urgency::Resolve,
        ),
        IntentState::Desk(_) => (PlannedState::Attention, intent.created_at, Urgency::Resolve),
        _ => (PlannedState::Scheduled, intent.created_at, kind.urgency()),
    };
    let deadline = match state {
        PlannedState::Scheduled => send_by(r, &intent.operation, merchant),
        PlannedState::Resolving | PlannedState::Attention => NO_DEADLINE,
    };
    Planned {
        key: intent.key.clone(),
        kind,
        run_at,
        deadline,
        urgency,
        state,
        intent: Some(intent.id.clone()),
    }
}

/// Is this a submit whose reservation a callback has named?
#[must_use]
pub fn hinted(r: &Reservation, intent: &Intent) -> bool {
    intent.operation == Operation::Submit && r.provider.hinted_uuid.is_some()
}

fn awaiting_payment(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    let due = r.payment_link_due;
    if let Some((slot, run_at)) = next_reminder(r, merchant) {
        jobs.push(job(format!("remind:{slot}"), JobKind::Remind, run_at, due));
    }
    if let Some(grace) = r.policy.expiry.cancel_after_due.delta() {
        jobs.push(job(
            "cancel:expiry".to_owned(),
            JobKind::Cancel,
            due + grace,
            NO_DEADLINE,
        ));
    }
}

/// The next reminder that has not been used up, and when it goes out; `None` when there is none.
fn next_reminder(r: &Reservation, merchant: &Merchant) -> Option<(u32, DateTime<Utc>)> {
    let policy = &r.policy.reminders;
    if r.reminders.sent >= u32::from(policy.max) {
        return None;
    }
    let mut slots: Vec<DateTime<Utc>> = policy
        .at
        .iter()
        .map(|at| match at {
            ReminderAt::AfterSubmit(span) => r.created_at + span.delta(),
            ReminderAt::BeforeDue(span) => r.payment_link_due - span.delta(),
        })
        .collect();
    slots.sort_unstable();
    let earliest = r.reminders.last_at.map(|last| last + policy.min_spacing.delta());
    (0..)
        .zip(slots)
        .skip(r.reminders.slots as usize)
        .find_map(|(slot, at)| {
            let at = at.max(earliest.unwrap_or(at)).max(r.created_at);
            let at = match policy.hours {
                Hours::Any => at,
                Hours::Decent => Some(next_decent(merchant.zone, at))
                    .filter(|next| *next < r.payment_link_due)
                    .unwrap_or_else(|| last_decent(merchant.zone, at)),
            };
            let useful = at < r.payment_link_due
                && at >= r.created_at
                && earliest.is_none_or(|earliest| at >= earliest);
            useful.then_some((slot, at))
        })
}

fn held(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    let Some(capture_by) = r.capture_by(merchant) else {
        return;
    };
    automatic_capture(r, merchant, jobs);
    guards(r, capture_by, jobs);
}

/// Whether a delivery calls for a capture that has not been decided yet.
#[must_use]
pub fn wants_capture(r: &Reservation, merchant: &Merchant) -> bool {
    let ready = match r.policy.capture.on_delivery {
        OnDelivery::WhenComplete => r.delivery.complete,
        // What a merchant cannot capture twice is captured once, when all is there.
        OnDelivery::EachDelivery => r.delivery.complete || merchant.multi_capture == MultiCapture::Proven,
        OnDelivery::Manual => false,
    };
    ready && may_capture(r, merchant) && !r.delivered_uncaptured().is_empty()
}

/// May a capture be decided: something is held, and it is the first one or several are proven to work?
#[must_use]
pub fn may_capture(r: &Reservation, merchant: &Merchant) -> bool {
    let first = !r.ledger.iter().any(|row| row.kind == RowKind::Capture);
    let held = matches!(r.hold, Hold::Reserved { .. }) && r.provider.capture_closed_at.is_none();
    held && (first || merchant.multi_capture == MultiCapture::Proven)
}

fn automatic_capture(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    let (Some(delivered_at), Some(reserved_at), Some(by)) =
        (r.delivery.last_at, r.reserved_at(), r.capture_by(merchant))
    else {
        return;
    };
    if !wants_capture(r, merchant) {
        return;
    }
    let done = r
        .intents
        .iter()
        .filter(|intent| intent.key.starts_with("capture:auto:"))
        .count();
    let send_by = by - merchant.guard.delta();
    jobs.push(job(
        format!("capture:auto:{}", done + 1),
        JobKind::Capture,
        delivered_at.max(reserved_at),
        send_by,
    ));
}

fn guards(r: &Reservation, capture_by: DateTime<Utc>, jobs: &mut Vec<Planned>) {
    if r.capturable().is_zero() {
        return;
    }
    let mut guard = |key: String, at: DateTime<Utc>| {
        if !r.guards_done.contains(&key) {
            jobs.push(job(key, JobKind::Guard, at, NO_DEADLINE));
        }
    };
    guard(
        "guard:deadline".to_owned(),
        capture_by - r.policy.capture.act_before.delta(),
    );
    for before in &r.policy.warnings.at {
        let at = capture_by - before.delta();
        // A window of seven days has no "seven days before": that warning would go out with the payment.
        if r.reserved_at().is_some_and(|reserved_at| at > reserved_at) {
            guard(format!("guard:warn:{before}"), at);
        }
    }
}

fn money_taken(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    automatic_capture(r, merchant, jobs);
    let rest = capturable_rest(r, merchant);
    if rest && let Some(capture_by) = r.capture_by(merchant) {
        guards(r, capture_by, jobs);
    }
    let Some(after) = r.policy.completion.after.delta() else {
        return;
    };
    let last_row = r.ledger.iter().map(|row| row.at).max();
    let open_until = if rest { r.capture_by(merchant) } else { None };
    if let Some(last) = last_row.max(open_until)
        && r.open_intents().next().is_none()
        && r.control.desk.is_empty()
    {
        jobs.push(job(
            "complete:auto".to_owned(),
            JobKind::Complete,
            last + after,
            NO_DEADLINE,
        ));
    }
}

/// Is there a rest of the hold that may still be captured by itself?
fn capturable_rest(r: &Reservation, merchant: &Merchant) -> bool {
    let waits = !r.delivery.complete && r.policy.capture.before_deadline != BeforeDeadline::Cancel;
    may_capture(r, merchant) && waits && !r.capturable().is_zero()
}

/// Reads of details: asked for, at the times when something silent may have happened, and on a slow cadence.
fn refresh(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    if r.provider.reservation_uuid.is_none() {
        return;
    }
    let key = |why: &str| format!("refresh:{why}:{}", r.provider.reads);
    if r.provider.read_wanted {
        jobs.push(job(key("now"), JobKind::Refresh, r.created_at, NO_DEADLINE));
        return;
    }
    if !r.is_open() {
        return;
    }
    let since = r.provider.read_at.unwrap_or(r.created_at);
    let cadence = since + merchant.refresh_open_every.delta();
    match r.status() {
        Status::AwaitingPayment => jobs.push(job(key("open"), JobKind::Refresh, cadence, NO_DEADLINE)),
        Status::Held => {
            let window = r.capture_by(merchant).map(|by| by + AFTER_WINDOW);
            let at = window.map_or(cadence, |window| {
                cadence.min(window.max(since + TimeDelta::minutes(10)))
            });
            jobs.push(job(key("open"), JobKind::Refresh, at, NO_DEADLINE));
        }
        // What is accepted is confirmed by the slow read; what is confirmed has nothing to wait for.
        Status::Captured | Status::Charged if r.ledger.iter().any(|row| !row.confirmed) => {
            let last = r.ledger.iter().map(|row| row.at).max().unwrap_or(since);
            let at = since.max(last) + merchant.refresh_open_every.delta();
            jobs.push(job(key("open"), JobKind::Refresh, at, NO_DEADLINE));
        }
        _ => {}
    }
}

/// What a delivery means that comes when nothing can be captured any more: by policy, a person hears of it.
#[must_use]
pub fn late_delivery(r: &Reservation, merchant: &Merchant, now: DateTime<Utc>) -> Option<Fact> {
    let window_closed = r.capture_by(merchant).is_some_and(|by| now >= by);
    let late = match r.status() {
        Status::Cancelled | Status::Completed | Status::Expired | Status::Failed => true,
        Status::Held | Status::Captured | Status::Charged => window_closed && !r.capturable().is_zero(),
        Status::Submitting | Status::AwaitingPayment => false,
    };
    (late && r.policy.capture.late != Late::Nothing).then_some(Fact::DeskRaised {
        reason: DeskReason::LateDelivery,
        freezes: false,
        at: now,
    })
}

/// Is this link still the way to pay?
#[must_use]
pub const fn link_is_open(r: &Reservation) -> bool {
    matches!(r.link, Link::Sent { .. }) && matches!(r.hold, Hold::None)
}
