//! Jobs for ops: lists, one with its attempts, and what a person does to one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json as Answer};
use chrono::{DateTime, Utc};
use domain::{JobId, JobKind, ReservationId};
use serde::Deserialize;
use serde_json::Value;
use store::queue::{Job, JobFilter};

use super::auth::Actor;
use super::body::{Json, Nothing, OptionalJson};
use super::params::{Name, Params};
use super::problem::Problem;
use super::view::{self, JobJson};
use crate::app::App;
use crate::operations;

type Answered = Result<Answer<JobJson>, Problem>;

/// The body of a reschedule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunAt {
    run_at: DateTime<Utc>,
}

fn id_of(named: &str) -> Result<JobId, Problem> {
    named.parse().map_err(|_| Problem::not_found("job"))
}

/// The booking system's reference of what a job belongs to: its reservation, or its payment link.
async fn reference_of(app: &App, job: &Job) -> Result<Option<String>, Problem> {
    if job.kind == JobKind::PaymentLink {
        let link = app.store.payment_link_of_job(&job.id).await?;
        let reference = link.and_then(|link| link.request["reference"].as_str().map(str::to_owned));
        return Ok(reference);
    }
    let Some(id) = &job.reservation else {
        return Ok(None);
    };
    Ok(app
        .store
        .reservation(id)
        .await?
        .map(|stored| stored.reservation.reference.into()))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Answer<Value>, Problem> {
    let params = params.only(&[
        "state",
        "kind",
        "merchant",
        "reservation",
        "limit",
        "cursor",
    ])?;
    let filter = JobFilter {
        state: params.get("state")?,
        kind: params.get("kind")?,
        merchant: params.get("merchant")?,
        reservation: params.get("reservation")?,
    };
    let cursor: Option<JobId> = params.cursor()?;
    let page = app
        .store
        .jobs(&filter, params.limit()?, cursor.as_ref())
        .await?;
    let mut references: BTreeMap<ReservationId, Option<String>> = BTreeMap::new();
    let mut data = Vec::with_capacity(page.items.len());
    for job in &page.items {
        let reference = match job.reservation.as_ref().map(|id| (id, references.get(id))) {
            None => reference_of(&app, job).await?,
            Some((_, Some(known))) => known.clone(),
            Some((id, None)) => {
                let reference = reference_of(&app, job).await?;
                references.insert(id.clone(), reference.clone());
                reference
            }
        };
        data.push(view::job(job, reference));
    }
    Ok(Answer(view::page(&data, page.next)))
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Name(named): Name,
    params: Params,
) -> Answered {
    params.only(&[])?;
    shown(&app, &id_of(&named)?).await
}

/// One job with its attempts and the reviews about its operation.
async fn shown(app: &App, id: &JobId) -> Answered {
    let details = app
        .store
        .job(id)
        .await?
        .ok_or_else(|| Problem::not_found("job"))?;
    let reference = reference_of(app, &details.job).await?;
    let reviews = app.store.reviews_of_job(id).await?;
    Ok(Answer(view::job_with_attempts(
        &details, reference, &reviews,
    )))
}

/// The answer after somebody acted on a job.
async fn after(app: &App, job: &Job) -> Answered {
    let reference = reference_of(app, job).await?;
    Ok(Answer(view::job(job, reference)))
}

pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    _: OptionalJson<Nothing>,
) -> Answered {
    after(
        &app,
        &operations::retry_job(&app, &id_of(&named)?, actor.0).await?,
    )
    .await
}

pub(super) async fn run_now(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    _: OptionalJson<Nothing>,
) -> Answered {
    after(
        &app,
        &operations::run_job_now(&app, &id_of(&named)?, actor.0).await?,
    )
    .await
}

pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    _: OptionalJson<Nothing>,
) -> Answered {
    after(
        &app,
        &operations::cancel_job(&app, &id_of(&named)?, actor.0).await?,
    )
    .await
}

pub(super) async fn reschedule(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    Json(body): Json<RunAt>,
) -> Answered {
    let id = id_of(&named)?;
    after(
        &app,
        &operations::reschedule_job(&app, &id, body.run_at, actor.0).await?,
    )
    .await
}
