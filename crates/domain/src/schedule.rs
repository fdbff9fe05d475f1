//! Which jobs a reservation should have now. Declarative: a job that is no longer in the set is cancelled.

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendar::{last_contact_time, next_contact_time};
use crate::capabilities::MultiCapture;
use crate::deadlines::{NO_DEADLINE, capture_send_by, send_by};
use crate::job::{JobKey, JobKind, Planned, PlannedState, Urgency};
use crate::merchant::Merchant;
use crate::policy::{BeforeDeadline, ContactHours, OnDelivery, ReminderAt};
use crate::reservation::{Hold, Intent, IntentState, Operation, Reservation, RowKind, Status};
use crate::resolve::{
    AFTER_INCOHERENT, INCOHERENT_READS, WATCH, WATCH_CHARGE, WATCH_EVERY, duplicate_search_due,
    next_read,
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
    if r.is_open() && !r.control.paused && !r.is_frozen() {
        match r.status() {
            Status::AwaitingPayment => awaiting_payment(r, merchant, &mut jobs),
            Status::Held => held(r, merchant, &mut jobs),
            Status::Captured | Status::Charged => money_taken(r, merchant, &mut jobs),
            Status::Submitting
            | Status::Completed
            | Status::Cancelled
            | Status::Expired
            | Status::Failed => {}
        }
    }
    jobs.extend(left_behind(r, merchant));
    if let Some((_, at)) = duplicate_search_due(r) {
        jobs.push(job(
            JobKey::RefreshDuplicates,
            JobKind::Refresh,
            at,
            NO_DEADLINE,
        ));
    }
    refresh(r, merchant, &mut jobs);
    // A policy job that has decided its intent is carried on by that intent, under the same key.
    let mut seen = std::collections::BTreeSet::new();
    jobs.retain(|job| is_wanted(r, job) && seen.insert(job.key.clone()));
    jobs
}

/// Has the provider refused what this policy job decided? It is not repeated by itself; a person can ask for it.
fn is_refused(r: &Reservation, key: &JobKey) -> bool {
    r.intent_of_key(key)
        .is_some_and(|intent| matches!(intent.progress, IntentState::Rejected { .. }))
}

/// Does neither a pause nor a person's cancel forbid it? Neither keeps anybody from finding out what became of
/// a request.
fn is_wanted(r: &Reservation, job: &Planned) -> bool {
    let intent = job.intent.as_ref().and_then(|id| r.intent(id));
    if intent.is_some_and(Intent::is_unresolved) || job.key == JobKey::RefreshDuplicates {
        return true;
    }
    let asks = matches!(job.key, JobKey::DeadlineUncaptured(_));
    let sends = job.kind != JobKind::Refresh && !asks;
    !(r.stopped.contains(&job.key) || r.control.paused && sends)
}

fn job(key: JobKey, kind: JobKind, run_at: DateTime<Utc>, deadline: DateTime<Utc>) -> Planned {
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

fn of_intent(r: &Reservation, intent: &Intent, merchant: &Merchant) -> Planned {
    let kind = intent.operation.job_kind();
    let read_at = next_read(r, intent, merchant).unwrap_or(intent.created_at);
    let (state, run_at, urgency) = match &intent.progress {
        IntentState::Accepted { .. } => (PlannedState::Resolving, read_at, Urgency::Normal),
        IntentState::Unknown(_) => (PlannedState::Resolving, read_at, Urgency::Resolve),
        IntentState::NeedsReview(_) => (
            PlannedState::NeedsReview,
            intent.created_at,
            Urgency::Resolve,
        ),
        _ => (PlannedState::Scheduled, intent.created_at, kind.urgency()),
    };
    let deadline = match state {
        PlannedState::Scheduled => send_by(r, &intent.operation, merchant),
        PlannedState::Resolving | PlannedState::NeedsReview => NO_DEADLINE,
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

fn awaiting_payment(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    let due = r.payment_link_due;
    let next = next_reminder(r, merchant).map(|(slot, run_at)| (JobKey::Remind(slot), run_at));
    if let Some((key, run_at)) = next.or_else(|| other_channel(r, merchant)) {
        jobs.push(job(key, JobKind::Remind, run_at, due));
    }
    if let Some(grace) = r.policy.expiry.cancel_after_due.delta()
        && !is_refused(r, &JobKey::CancelExpired)
    {
        jobs.push(job(
            JobKey::CancelExpired,
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
    let earliest = r
        .reminders
        .last_at
        .map(|last| last + policy.min_spacing.delta());
    (0..)
        .zip(slots)
        .skip(r.reminders.slots as usize)
        .find_map(|(slot, at)| {
            let at = at.max(earliest.unwrap_or(at)).max(r.created_at);
            let at = match policy.contact_hours {
                ContactHours::Any => at,
                ContactHours::Business => Some(next_contact_time(merchant.zone, at))
                    .filter(|next| *next < r.payment_link_due)
                    .unwrap_or_else(|| last_contact_time(merchant.zone, at)),
            };
            let useful = at < r.payment_link_due
                && at >= r.created_at
                && earliest.is_none_or(|earliest| at >= earliest);
            useful.then_some((slot, at))
        })
}

/// The reminder that was proven not to have gone out, when the link is due before the next one.
#[must_use]
pub(crate) fn unsent_reminder(r: &Reservation, slot: u32) -> Option<&Intent> {
    let intent = r.intent_of_key(&JobKey::Remind(slot))?;
    let absent = matches!(intent.progress, IntentState::Withdrawn { .. })
        && intent.last_unknown_at.is_some();
    absent.then_some(intent)
}

/// The key and the time of one try by another channel for a message that did not go out. The last one before the due
/// date only: every other is made good by the next.
fn other_channel(r: &Reservation, merchant: &Merchant) -> Option<(JobKey, DateTime<Utc>)> {
    let slot = r.reminders.slots.checked_sub(1)?;
    let last_unknown_at = unsent_reminder(r, slot)?.last_unknown_at?;
    let key = JobKey::RemindOther(slot);
    let done = r.intent_of_key(&key).is_some() || r.jobs_over.contains(&key);
    let at = last_unknown_at + merchant.resolution.absent_after.submit.delta();
    let at = match r.policy.reminders.contact_hours {
        ContactHours::Any => at,
        ContactHours::Business => next_contact_time(merchant.zone, at),
    };
    let wanted = !done && r.policy.reminders.channels.len() > 1 && at < r.payment_link_due;
    wanted.then_some((key, at))
}

fn held(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    let Some(capture_by) = r.capture_by(merchant) else {
        return;
    };
    jobs.extend(automatic_capture(r, merchant));
    deadline_jobs(r, capture_by, jobs);
}

/// Whether a delivery calls for a capture that has not been decided yet.
#[must_use]
pub fn wants_capture(r: &Reservation, merchant: &Merchant) -> bool {
    let ready = match r.policy.capture.on_delivery {
        OnDelivery::WhenComplete => r.delivery.complete,
        // What a merchant cannot capture twice is captured once, when all is there.
        OnDelivery::EachDelivery => {
            r.delivery.complete || merchant.multi_capture == MultiCapture::Proven
        }
        OnDelivery::Manual => false,
    };
    ready && may_capture(r, merchant) && !r.delivered_uncaptured().is_empty()
}

/// May a capture be decided: something is held, and it is the first one or several are proven to work?
#[must_use]
pub fn may_capture(r: &Reservation, merchant: &Merchant) -> bool {
    let first = !r.ledger.iter().any(|row| row.kind == RowKind::Capture);
    let held = matches!(r.hold, Hold::Reserved { .. }) && r.provider.capture_closed_at.is_none();
    let held = held && !r.is_being_cancelled();
    held && (first || merchant.multi_capture == MultiCapture::Proven)
}

/// The capture that a delivery calls for, unless it was given up because its time was over.
fn automatic_capture(r: &Reservation, merchant: &Merchant) -> Option<Planned> {
    let (delivered_at, reserved_at, by) = (
        r.delivery.last_at?,
        r.reserved_at()?,
        r.capture_by(merchant)?,
    );
    let mine = |intent: &&Intent| matches!(intent.key, JobKey::CaptureDelivered(_));
    let key = JobKey::CaptureDelivered(r.intents.iter().filter(mine).count() + 1);
    let wanted =
        wants_capture(r, merchant) && !r.jobs_over.contains(&key) && !r.stopped.contains(&key);
    let run_at = delivered_at.max(reserved_at);
    wanted.then(|| {
        job(
            key,
            JobKind::Capture,
            run_at,
            by - merchant.safety_margin.delta(),
        )
    })
}

fn deadline_jobs(r: &Reservation, capture_by: DateTime<Utc>, jobs: &mut Vec<Planned>) {
    if r.capturable().is_zero() {
        return;
    }
    let mut add = |key: JobKey, at: DateTime<Utc>| {
        if !r.jobs_over.contains(&key) {
            jobs.push(job(key, JobKind::Deadline, at, NO_DEADLINE));
        }
    };
    let act_at = capture_by - r.policy.capture.act_before.delta();
    add(JobKey::DeadlineAct, act_at);
    // What is delivered after that job has acted, be it that a person let it act early, calls for another look: the
    // delivered amount must not lapse without a word.
    if let Some(delivered_at) = r
        .delivery
        .last_at
        .filter(|_| r.jobs_over.contains(&JobKey::DeadlineAct))
        && !r.delivered_uncaptured().is_empty()
    {
        add(r.next_look(), delivered_at.max(act_at));
    }
    for before in &r.policy.warnings.at {
        let at = capture_by - before.delta();
        // A window of seven days has no "seven days before": that warning would go out with the payment.
        if r.reserved_at().is_some_and(|reserved_at| at > reserved_at) {
            add(JobKey::DeadlineWarn(*before), at);
        }
    }
}

fn money_taken(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    let capture = automatic_capture(r, merchant);
    let idle = !is_refused(r, &JobKey::Complete)
        && capture.is_none()
        && !r
            .open_intents()
            .any(|intent| intent.operation.is_exclusive())
        && r.control.reviews.is_empty();
    jobs.extend(capture);
    let rest_until = r
        .capture_by(merchant)
        .filter(|_| capturable_rest(r, merchant));
    if let Some(capture_by) = rest_until {
        deadline_jobs(r, capture_by, jobs);
    }
    let last_row = r.ledger.iter().map(|row| row.at).max();
    if let (Some(after), Some(last), true) = (
        r.policy.completion.after.delta(),
        last_row.max(rest_until),
        idle,
    ) {
        jobs.push(job(
            JobKey::Complete,
            JobKind::Complete,
            last + after,
            NO_DEADLINE,
        ));
    }
}

/// What is delivered and nothing captures by itself any more: a person hears of it, once, while the hold may still give
/// it, or when its time is over where a pause or a person keeps the job before the deadline from acting.
fn left_behind(r: &Reservation, merchant: &Merchant) -> Option<Planned> {
    let key = JobKey::DeadlineUncaptured(r.delivery.events.len());
    let by = capture_send_by(r, merchant);
    let in_time = r.delivery.last_at.filter(|at| *at < by)?;
    let held = r.is_open() && !r.is_frozen() && matches!(r.hold, Hold::Reserved { .. });
    // What becomes of a cancel that is under way decides what becomes of the rest.
    let held = held && !r.is_being_cancelled();
    let done = r.is_asked_about() || r.jobs_over.contains(&key);
    let goes_on = || automatic_capture(r, merchant).is_some() && !r.control.paused;
    if !held || done || goes_on() || r.delivered_uncaptured().is_empty() {
        return None;
    }
    let looked = r.jobs_over.contains(&r.next_look());
    let look = if r.jobs_over.contains(&JobKey::DeadlineAct) {
        r.next_look()
    } else {
        JobKey::DeadlineAct
    };
    let kept_from_it = r.control.paused || r.stopped.contains(&look);
    let at = match (!may_capture(r, merchant) || looked, kept_from_it) {
        (true, _) => in_time,
        (false, true) => by,
        (false, false) => return None,
    };
    Some(job(key, JobKind::Deadline, at, NO_DEADLINE))
}

/// Is there a rest of the hold that may still be captured by itself?
fn capturable_rest(r: &Reservation, merchant: &Merchant) -> bool {
    let waits = !r.delivery.complete && r.policy.capture.before_deadline != BeforeDeadline::Cancel;
    let delivered = !r.delivered_uncaptured().is_empty();
    may_capture(r, merchant) && (waits || delivered) && !r.capturable().is_zero()
}

/// Reads of details: asked for, at the times when something silent may have happened, and on a slow cadence.
fn refresh(r: &Reservation, merchant: &Merchant, jobs: &mut Vec<Planned>) {
    if r.provider.reservation_uuid.is_none() {
        return;
    }
    let reads = r.provider.reads;
    let again = after_incoherent(r, merchant);
    if r.provider.refresh_requested.is_some() {
        let at = again.unwrap_or(r.created_at);
        jobs.push(job(
            JobKey::RefreshNow(reads),
            JobKind::Refresh,
            at,
            NO_DEADLINE,
        ));
    } else if let Some(at) = slow_read(r, merchant) {
        jobs.push(job(
            JobKey::RefreshOpen(reads),
            JobKind::Refresh,
            again.unwrap_or(at),
            NO_DEADLINE,
        ));
    }
}

/// Details that did not add up are read again soon, and slowly once a person has been asked.
fn after_incoherent(r: &Reservation, merchant: &Merchant) -> Option<DateTime<Utc>> {
    let tried = r.provider.tried_at?;
    match r.control.incoherent_reads {
        0 => None,
        few if few < INCOHERENT_READS => Some(tried + AFTER_INCOHERENT),
        _ => Some(tried + merchant.refresh_open_every.delta()),
    }
}

/// When details are read although nobody asked: while something may happen without a word.
fn slow_read(r: &Reservation, merchant: &Merchant) -> Option<DateTime<Utc>> {
    let since = r.provider.tried_at.unwrap_or(r.created_at);
    let every = merchant.refresh_open_every.delta();
    // What is accepted is confirmed by the slow read; what is confirmed has nothing to wait for.
    let unshown = r
        .ledger
        .iter()
        .filter(|row| !row.confirmed)
        .map(|row| row.at)
        .max();
    let in_review = |intent: &Intent| matches!(intent.progress, IntentState::NeedsReview(_));
    let usual = match r.status() {
        Status::AwaitingPayment => Some(since + every),
        Status::Held => {
            let window = r.capture_by(merchant).map(|by| by + AFTER_WINDOW);
            let next = window.filter(|window| since < *window);
            Some(next.map_or(since + every, |window| window.min(since + every)))
        }
        _ if r.intents.iter().any(in_review) => Some(since.max(unshown.unwrap_or(since)) + every),
        _ => unshown.map(|last| since.max(last) + every),
    };
    let watch = watched_until(r)
        .filter(|until| since < *until)
        .map(|until| until.min(since + WATCH_EVERY));
    usual.into_iter().chain(watch).min()
}

/// Until when a late effect is watched for: of every operation that was in doubt, unless its only request is known to
/// have had its effect once.
fn watched_until(r: &Reservation) -> Option<DateTime<Utc>> {
    let watch = |intent: &Intent| {
        let done = matches!(intent.progress, IntentState::Done { .. });
        let until = intent.last_unknown_at?
            + match intent.operation {
                Operation::Charge { .. } => WATCH_CHARGE,
                _ => WATCH,
            };
        match intent.operation {
            // Details show neither a second reservation nor a message.
            Operation::Submit | Operation::Resend { .. } => None,
            // A second cancel or complete changes nothing.
            Operation::Cancel { .. } | Operation::Complete { .. } if done => None,
            _ => (!done || intent.attempts() > 1).then_some(until),
        }
    };
    r.intents.iter().filter_map(watch).max()
}
