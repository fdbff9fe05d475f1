//! Reviews over HTTP: what a person must decide or has decided, the evidence for it, and the decision.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json as Answer};
use chrono_tz::Tz;
use domain::reservation::{Decision, ReviewReason};
use domain::review::{
    DecisionError, DecisionRequest, Evidence, Remedy, RemedyAct, ReviewOption, ReviewStatus,
    WorstCase,
};
use domain::{
    ErrorCode, FieldError, JobId, MerchantId, Money, ProviderReference, ReservationId, ReviewId,
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::queue::AttemptView;
use store::{Event, Review, ReviewCursor, ReviewEnd, ReviewFilter};

use super::auth::Actor;
use super::body::Json;
use super::params::{Name, Params, TIME};
use super::problem::Problem;
use super::view::{self, AttemptJson, Time};
use crate::app::App;
use crate::operations::{self, ReviewError};
use crate::operations::{Dossier, dossier};

/// How many digits of a digest are shown: enough to compare two by eye.
const DIGITS: usize = 16;

/// A review as lists show it.
#[derive(Debug, Serialize)]
pub(super) struct ReviewJson {
    id: ReviewId,
    status: ReviewStatus,
    reason: ReviewReason,
    merchant: MerchantId,
    reservation: Option<ReservationId>,
    reference: Option<String>,
    job: Option<JobId>,
    amount: Money,
    raised_at: Time,
    act_before: Option<Time>,
    freezes: bool,
    message: String,
    evidence_version: i64,
    decision: Option<DecisionJson>,
}

/// How a review ended. `decision` and `note` are null when what happened answered the review before a person did.
#[derive(Debug, Serialize)]
struct DecisionJson {
    decision: Option<&'static str>,
    reference: Option<ProviderReference>,
    note: Option<String>,
    actor: String,
    at: Time,
}

/// A review with what a decision about it rests on.
#[derive(Debug, Serialize)]
pub(super) struct DossierJson {
    #[serde(flatten)]
    review: ReviewJson,
    options: Vec<OptionJson>,
    remedies: Vec<RemedyJson>,
    evidence: Option<EvidenceJson>,
}

#[derive(Debug, Serialize)]
struct OptionJson {
    decision: &'static str,
    reference: Option<ProviderReference>,
    does: &'static str,
    worst_case: WorstCase,
    refused: Option<String>,
    recommended: bool,
    why: Option<String>,
    until: Option<Time>,
}

/// A remedy as the call of the API that asks for it; without a call where only the provider's portal can do it.
#[derive(Debug, Serialize)]
struct RemedyJson {
    does: String,
    amount: Money,
    #[serde(flatten)]
    call: Option<CallJson>,
}

#[derive(Debug, Serialize)]
struct CallJson {
    method: &'static str,
    path: String,
    body: Value,
}

#[derive(Debug, Serialize)]
struct EvidenceJson {
    #[serde(flatten)]
    evidence: Evidence,
    timeline: Vec<MomentJson>,
    attempts: Vec<TracedJson>,
}

/// One event of a timeline. `local` is the time in the merchant's zone.
#[derive(Debug, Serialize)]
struct MomentJson {
    seq: i64,
    at: Time,
    local: String,
    actor: String,
    #[serde(rename = "type")]
    event_type: domain::EventType,
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
        event_type: event.fact.event_type(),
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

/// A review as lists show it.
fn review(review: Review) -> ReviewJson {
    ReviewJson {
        status: review.status(),
        id: review.id,
        reason: review.reason,
        merchant: review.merchant,
        reservation: review.reservation,
        reference: review.reference,
        job: review.job,
        amount: review.amount,
        raised_at: Time(review.raised_at),
        act_before: review.act_before.map(Time),
        freezes: review.freezes,
        message: review.message,
        evidence_version: review.evidence_version,
        decision: review.end.map(decision),
    }
}

fn decision(end: ReviewEnd) -> DecisionJson {
    let record = end.decision.as_ref();
    let decided = record.map(|record| &record.decision);
    DecisionJson {
        decision: decided.map(Decision::word),
        reference: decided.and_then(|decision| decision.reference().cloned()),
        note: record.map(|record| record.note.clone()),
        actor: end.actor,
        at: Time(end.at),
    }
}

fn option(option: ReviewOption) -> OptionJson {
    let named = option.decision.as_ref().and_then(Decision::reference);
    OptionJson {
        decision: option.word(),
        reference: named.cloned(),
        does: option.does,
        worst_case: option.worst_case,
        refused: option.refused,
        recommended: option.recommended,
        why: option.why,
        until: option.until.map(Time),
    }
}

/// The call of the API that asks for a remedy.
fn remedy(remedy: Remedy, reservation: &ReservationId) -> RemedyJson {
    let body = |request: Result<Value, serde_json::Error>| request.unwrap_or_default();
    let asked = match remedy.act {
        RemedyAct::Capture(request) => Some(("capture", body(serde_json::to_value(request)))),
        RemedyAct::Charge(request) => Some(("charge", body(serde_json::to_value(request)))),
        RemedyAct::Refund(request) => Some(("refund", body(serde_json::to_value(request)))),
        RemedyAct::Cancel { note } => Some(("cancel", json!({ "note": note }))),
        RemedyAct::InPortal => None,
    };
    RemedyJson {
        does: remedy.does,
        amount: remedy.amount,
        call: asked.map(|(action, body)| CallJson {
            method: "POST",
            path: format!("/v1/reservations/{reservation}/{action}"),
            body,
        }),
    }
}

fn dossier_json(app: &App, dossier: Dossier) -> DossierJson {
    let handle = app.merchants.get(&dossier.review.merchant);
    let zone = handle.map_or(Tz::UTC, |handle| handle.merchant.zone);
    let reservation = dossier.review.reservation.clone();
    let drafts = reservation.iter().flat_map(|reservation| {
        let draft = move |drafted: &Remedy| remedy(drafted.clone(), reservation);
        dossier.remedies.iter().map(draft)
    });
    DossierJson {
        remedies: drafts.collect(),
        review: review(dossier.review),
        options: dossier.options.into_iter().map(option).collect(),
        evidence: dossier.evidence.map(|evidence| EvidenceJson {
            evidence,
            timeline: dossier
                .timeline
                .iter()
                .map(|event| moment(event, zone))
                .collect(),
            attempts: dossier.attempts.iter().map(traced).collect(),
        }),
    }
}

fn id_of(named: &str) -> Result<ReviewId, Problem> {
    named.parse().map_err(|_| Problem::not_found("review"))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Answer<Value>, Problem> {
    let params = params.only(&[
        "status",
        "merchant",
        "reason",
        "due_before",
        "limit",
        "cursor",
    ])?;
    let filter = ReviewFilter {
        status: params.get("status")?,
        merchant: params.get("merchant")?,
        reason: params.get("reason")?,
        due_before: params.get_as("due_before", TIME)?,
    };
    let cursor: Option<ReviewCursor> = params.cursor()?;
    let page = app
        .store
        .reviews(&filter, params.limit()?, cursor.as_ref())
        .await?;
    let data: Vec<ReviewJson> = page.items.into_iter().map(review).collect();
    Ok(Answer(view::page(&data, page.next)))
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Name(named): Name,
    params: Params,
) -> Result<Answer<DossierJson>, Problem> {
    params.only(&[])?;
    let found = dossier(&app, &id_of(&named)?).await?;
    Ok(Answer(dossier_json(&app, found)))
}

pub(super) async fn decide(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    Json(request): Json<DecisionRequest>,
) -> Result<Answer<DossierJson>, Problem> {
    let id = id_of(&named)?;
    operations::decide(&app, &id, &request, actor.0).await?;
    let found = dossier(&app, &id).await?;
    Ok(Answer(dossier_json(&app, found)))
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::Service(error) => error.into(),
            ReviewError::Decided(ended) => {
                let detail = "the review is decided; what was decided stands in decision";
                Self::new(ErrorCode::ReviewDecided, detail)
                    .with("decision", json!(ended.end.map(decision)))
            }
            ReviewError::EvidenceChanged {
                given,
                current,
                since,
            } => {
                let detail = format!(
                    "the decision rests on version {given} of the evidence, and {current} is in force; read it again"
                );
                let since: Vec<_> = since
                    .iter()
                    .map(|event| json!({"seq": event.seq, "at": Time(event.at), "type": event.fact.event_type()}))
                    .collect();
                Self::new(ErrorCode::EvidenceChanged, detail)
                    .with("given", json!(given))
                    .with("current", json!(current))
                    .with("since", json!(since))
            }
            ReviewError::Refused(error) => refused(error),
        }
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
        DecisionError::NotSendable { .. } => Problem::new(ErrorCode::RetryRefused, message),
        DecisionError::EvidenceChanged { .. } => Problem::new(ErrorCode::EvidenceChanged, message),
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
