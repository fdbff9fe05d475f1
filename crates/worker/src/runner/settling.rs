//! What becomes of a job after a run: read off the reservation's schedule.

use chrono::{DateTime, Utc};
use domain::reservation::IntentState;
use domain::schedule::schedule;
use domain::{Merchant, PlannedState, Reservation, WaitingFor};
use serde_json::{Value, json};
use store::queue::{ClaimedJob, Settle};

use super::AFTER_FAILED_READ;
use crate::app::App;

/// What becomes of a job, now that its facts are recorded: it goes on while the schedule still has its key.
pub(crate) fn fate(r: &Reservation, merchant: &Merchant, job: &ClaimedJob) -> Settle {
    let key = job.plan_key().unwrap_or_default();
    let planned = schedule(r, merchant).into_iter().find(|planned| planned.key == key);
    match planned {
        Some(planned) => match planned.state {
            PlannedState::Attention => {
                let reason = r.control.desk.last().map_or("outcome_unknown", |item| item.reason.as_str());
                Settle::Attention {
                    code: reason.into(),
                    message: "nobody knows what became of its request; a person must decide".to_owned(),
                }
            }
            state => {
                let waiting_for = (state == PlannedState::Resolving).then_some(WaitingFor::Resolve);
                Settle::Snooze { until: planned.run_at, waiting_for, state }
            }
        },
        None => ended(r, key),
    }
}

fn ended(r: &Reservation, key: &str) -> Settle {
    let Some(intent) = r.intent_of_key(key) else { return Settle::Succeeded { result: None } };
    match &intent.progress {
        IntentState::Rejected { key } => {
            Settle::Dead { code: "refused".into(), message: format!("the provider refused it: {key}") }
        }
        IntentState::Withdrawn { reason } => Settle::Cancelled { reason: reason.clone() },
        IntentState::Done { reference } => Settle::Succeeded { result: result(r, key, reference.as_deref()) },
        _ => Settle::Succeeded { result: None },
    }
}

fn result(r: &Reservation, key: &str, reference: Option<&str>) -> Option<Value> {
    match (&r.link, reference) {
        (domain::reservation::Link::Sent { url, .. }, _) if key == "submit" => {
            Some(json!({"reference": r.provider.reservation_uuid, "payment_url": url}))
        }
        (_, Some(reference)) => Some(json!({"reference": reference})),
        _ => None,
    }
}

/// Puts a job off until the merchant's budget has a request for it.
pub(crate) const fn lane_wait(until: DateTime<Utc>, state: PlannedState) -> Settle {
    Settle::Snooze { until, waiting_for: Some(WaitingFor::Lane), state }
}

/// Puts a job off after a read that told nothing. It uses no attempt: reading is never given up.
pub(crate) fn again_after_fault(app: &App, now: DateTime<Utc>, state: PlannedState) -> Settle {
    let most = u64::try_from(AFTER_FAILED_READ.num_milliseconds()).unwrap_or(0);
    let jitter = i64::try_from(app.entropy.up_to(most)).unwrap_or(0);
    let until = now + AFTER_FAILED_READ + chrono::TimeDelta::milliseconds(jitter);
    let waiting_for = (state == PlannedState::Resolving).then_some(WaitingFor::Resolve);
    Settle::Snooze { until, waiting_for, state }
}
