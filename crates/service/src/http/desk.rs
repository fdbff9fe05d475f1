//! The desk over HTTP: evidence packs, decisions about requests in doubt, and items that are dealt with.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json as Answer};
use chrono_tz::Tz;
use domain::review::{Clearing, DecisionError, Evidence, Resolution};
use domain::{ErrorCode, FieldError, JobId, JobState, Reservation};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::Event;
use store::queue::{AttemptView, Job};

use super::actions::Target;
use super::auth::Actor;
use super::body::Json;
use super::jobs;
use super::params::Name;
use super::problem::Problem;
use super::view::{self, AttemptJson, JobJson, ReservationJson, Time};
use crate::app::App;
use crate::desk::{DeskError, Pack};

/// How many digits of a digest are shown: enough to compare two by eye.
const DIGITS: usize = 16;

/// An evidence pack as it is answered.
#[derive(Debug, Serialize)]
pub(super) struct PackJson {
    #[serde(flatten)]
    evidence: Evidence,
    job: Option<JobId>,
    timeline: Vec<MomentJson>,
    attempts: Vec<TracedJson>,
}

/// One event of a pack's timeline. `local` is the time in the merchant's zone.
#[derive(Debug, Serialize)]
struct MomentJson {
    seq: i64,
    at: Time,
    local: String,
    actor: String,
    event: &'static str,
}

/// An attempt with the beginning of the digest over its redacted request and answer.
#[derive(Debug, Serialize)]
struct TracedJson {
    #[serde(flatten)]
    attempt: AttemptJson,
    exchange_sha256: Option<String>,
}

fn moment(event: &Event, zone: Tz) -> MomentJson {
    MomentJson {
        seq: event.seq,
        at: Time(event.at),
        local: event
            .at
            .with_timezone(&zone)
            .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false),
        actor: event.actor.clone(),
        event: event.fact.name(),
    }
}

fn traced(attempt: &AttemptView) -> TracedJson {
    let digest = |exchange: &serde_json::Value| {
        let mut digits = domain::hex(&Sha256::digest(exchange.to_string()));
        digits.truncate(DIGITS);
        digits
    };
    TracedJson {
        attempt: view::attempt(attempt),
        exchange_sha256: attempt.exchange.as_ref().map(digest),
    }
}

fn pack(pack: Pack, zone: Tz) -> PackJson {
    PackJson {
        job: pack.job,
        timeline: pack
            .timeline
            .iter()
            .map(|event| moment(event, zone))
            .collect(),
        attempts: pack.attempts.iter().map(traced).collect(),
        evidence: pack.evidence,
    }
}

fn zone(app: &App, merchant: &domain::MerchantId) -> Tz {
    app.merchants
        .get(merchant)
        .map_or(Tz::UTC, |handle| handle.merchant.zone)
}

/// Everything that lies on a reservation's desk.
pub(super) async fn packs(app: &App, r: &Reservation) -> Result<Vec<PackJson>, store::StoreError> {
    let zone = zone(app, &r.merchant);
    Ok(app
        .packs(r)
        .await?
        .into_iter()
        .map(|one| pack(one, zone))
        .collect())
}

/// The evidence for the request in doubt that a job carries.
pub(super) async fn pack_of_job(
    app: &App,
    job: &Job,
) -> Result<Option<PackJson>, store::StoreError> {
    let zone = zone(app, &job.merchant);
    Ok(app.pack_of_job(job).await?.map(|one| pack(one, zone)))
}

pub(super) async fn resolve(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    Json(resolution): Json<Resolution>,
) -> Result<Answer<JobJson>, Problem> {
    let job = app
        .resolve(&jobs::id_of(&named)?, &resolution, actor.0)
        .await?;
    jobs::shown(&app, &job.id).await
}

pub(super) async fn clear(
    target: Target,
    Json(clearing): Json<Clearing>,
) -> Result<Answer<ReservationJson>, Problem> {
    let Target { app, actor, stored } = target;
    let stored = app
        .clear(&stored.reservation.id, &clearing, actor.0)
        .await?;
    Ok(Answer(view::reservation_with_desk(&app, &stored).await?))
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Service(error) => error.into(),
            DeskError::NotAtDesk { state, message } => not_at_desk(Some(state), message),
            DeskError::InDoubt { job } => {
                let detail =
                    "a request in doubt is behind this item; resolve the job that is named";
                Self::new(ErrorCode::RequestInDoubt, detail).with("job", json!(job))
            }
            DeskError::EvidenceChanged {
                given,
                current,
                since,
            } => {
                let detail = format!(
                    "the decision rests on version {given} of the evidence, and {current} is in force; look at it again"
                );
                let since: Vec<_> = since
                    .iter()
                    .map(|event| json!({"seq": event.seq, "at": Time(event.at), "event": event.fact.name()}))
                    .collect();
                Self::new(ErrorCode::EvidenceChanged, detail)
                    .with("given", json!(given))
                    .with("current", json!(current))
                    .with("since", json!(since))
            }
            DeskError::Refused(error) => refused(error),
        }
    }
}

fn not_at_desk(state: Option<JobState>, message: String) -> Problem {
    let problem = Problem::new(ErrorCode::NotAtDesk, message);
    match state {
        Some(state) => problem.with("state", json!(state)),
        None => problem,
    }
}

fn refused(error: DecisionError) -> Problem {
    let message = error.to_string();
    match error {
        DecisionError::Field(fault) => Problem::fields(vec![fault]),
        DecisionError::OfAnother { reference, .. } => {
            let message = format!("names {reference}, which is the effect of another operation");
            Problem::fields(vec![FieldError::new("reference", message)])
        }
        DecisionError::NotShown { .. } => Problem::new(ErrorCode::ReferenceNotShown, message),
        DecisionError::NotSendable { .. } => Problem::new(ErrorCode::ResendRefused, message),
        DecisionError::NothingThere { lies, .. } => {
            not_at_desk(None, message).with("desk", json!(lies))
        }
        // Told with more by the service.
        DecisionError::NotAtDesk { .. }
        | DecisionError::InDoubt { .. }
        | DecisionError::EvidenceChanged { .. } => not_at_desk(None, message),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use store::queue::AttemptOutcome;

    use super::*;

    #[test]
    fn an_attempt_shows_the_beginning_of_the_digest_of_its_exchange() {
        let attempt = |exchange| AttemptView {
            number: 1,
            intent: None,
            started_at: DateTime::UNIX_EPOCH,
            finished_at: None,
            outcome: AttemptOutcome::Unknown,
            http_status: None,
            provider_message: None,
            error_code: None,
            exchange,
        };
        let digest = |exchange| traced(&attempt(exchange)).exchange_sha256;
        // The SHA-256 of "{}" begins so.
        assert_eq!(digest(Some(json!({}))).as_deref(), Some("44136fa355b3678a"));
        assert_ne!(
            digest(Some(json!({"method": "POST"}))),
            digest(Some(json!({"method": "GET"})))
        );
        assert_eq!(digest(None), None, "a run without a request has none");
    }
}
