//! What becomes of a job after a run: read off the reservation's schedule.

use chrono::{DateTime, TimeDelta, Utc};
use domain::reservation::IntentState;
use domain::schedule::schedule;
use domain::{
    Entropy, ErrorCode, JobKey, Merchant, Planned, PlannedState, ProviderReference, Reservation,
    WaitingFor,
};
use serde_json::{Value, json};
use store::queue::{ClaimedJob, JobEnd, NotBefore, OUTCOME_UNKNOWN};

/// So long after a read that failed the next one is tried, give or take.
const AFTER_FAILED_READ: TimeDelta = TimeDelta::seconds(30);
/// So long at most after reads that failed for hours; as much may come on top by chance.
const AFTER_FAILED_READS: TimeDelta = TimeDelta::seconds(450);
/// Until its deadline a job that cannot read is tried at least about so often.
const PARTS_OF_WHAT_IS_LEFT: i32 = 16;

/// What becomes of a job, now that its facts are recorded: it goes on while the schedule still has its key.
pub(super) fn next_job_state(r: &Reservation, merchant: &Merchant, job: &ClaimedJob) -> JobEnd {
    match planned(r, merchant, job) {
        Some(planned) => match planned.state {
            PlannedState::NeedsReview => {
                let reason = r
                    .control
                    .reviews
                    .last()
                    .map_or(ErrorCode::OutcomeUnknown, |item| item.reason.into());
                JobEnd::NeedsReview {
                    code: reason,
                    message: OUTCOME_UNKNOWN.to_owned(),
                }
            }
            state => {
                let waiting_for =
                    (state == PlannedState::Resolving).then_some(WaitingFor::Resolution);
                JobEnd::Snooze {
                    until: planned.run_at,
                    waiting_for,
                    state,
                }
            }
        },
        None => job
            .key
            .as_ref()
            .map_or(JobEnd::Succeeded { result: None }, |key| ended(r, key)),
    }
}

/// The element of the schedule that a job carries out, as long as the schedule has it.
fn planned(r: &Reservation, merchant: &Merchant, job: &ClaimedJob) -> Option<Planned> {
    let key = job.key.as_ref()?;
    schedule(r, merchant)
        .into_iter()
        .find(|planned| planned.key == *key)
}

fn ended(r: &Reservation, key: &JobKey) -> JobEnd {
    let Some(intent) = r.intent_of_key(key) else {
        return JobEnd::Succeeded { result: None };
    };
    match &intent.progress {
        IntentState::Rejected { key, .. } => JobEnd::Failed {
            code: ErrorCode::ProviderRefused,
            message: format!("the provider refused it: {key}"),
        },
        IntentState::Withdrawn { reason, .. } => JobEnd::Cancelled {
            reason: reason.clone(),
        },
        IntentState::Done { reference, .. } => JobEnd::Succeeded {
            result: result(r, key, reference.as_ref()),
        },
        _ => JobEnd::Succeeded { result: None },
    }
}

fn result(r: &Reservation, key: &JobKey, reference: Option<&ProviderReference>) -> Option<Value> {
    match (&r.link, reference) {
        (domain::reservation::Link::Sent { url, .. }, _) if *key == JobKey::Submit => {
            Some(json!({"reference": r.provider.reservation_uuid, "payment_url": url}))
        }
        (_, Some(reference)) => Some(json!({"reference": reference})),
        _ => None,
    }
}

/// Puts a job off until a request of its merchant may be made.
pub(super) const fn wait_for_budget(wait: NotBefore, state: PlannedState) -> JobEnd {
    JobEnd::Snooze {
        until: wait.at,
        waiting_for: Some(wait.waiting_for),
        state,
    }
}

/// Puts a job off after a read that failed: for half a minute at first, and the longer the longer reads fail,
/// up to a quarter of an hour, but never for long when its deadline is near. It uses no attempt: reading is never given up.
pub(super) fn again_after_fault(
    entropy: &dyn Entropy,
    r: &Reservation,
    merchant: &Merchant,
    job: &ClaimedJob,
    now: DateTime<Utc>,
    state: PlannedState,
) -> JobEnd {
    let wait = planned(r, merchant, job).map_or(AFTER_FAILED_READ, |planned| {
        after_failed_read(planned.run_at, planned.deadline, now)
    });
    read_later(entropy, wait, now, state)
}

/// How long to wait after a read that failed and was due at `due`.
pub(super) fn after_failed_read(
    due: DateTime<Utc>,
    deadline: DateTime<Utc>,
    now: DateTime<Utc>,
) -> TimeDelta {
    let left = (deadline - now) / PARTS_OF_WHAT_IS_LEFT;
    ((now - due) / 2)
        .min(left)
        .clamp(AFTER_FAILED_READ, AFTER_FAILED_READS)
}

/// Puts a job off by `wait`, and up to as much again by chance. It uses no attempt.
pub(super) fn read_later(
    entropy: &dyn Entropy,
    wait: TimeDelta,
    now: DateTime<Utc>,
    state: PlannedState,
) -> JobEnd {
    let most = u64::try_from(wait.num_milliseconds()).unwrap_or(0);
    let jitter = i64::try_from(entropy.up_to(most)).unwrap_or(0);
    let waiting_for = (state == PlannedState::Resolving).then_some(WaitingFor::Resolution);
    JobEnd::Snooze {
        until: now + wait + TimeDelta::milliseconds(jitter),
        waiting_for,
        state,
    }
}
