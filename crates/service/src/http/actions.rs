//! What is done to a reservation: each action is parsed, handed to its operation, and answered with its job.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as Answer};
use domain::ReservationId;
use domain::reservation::{CaptureRequest, ChargeRequest, Contact, DeliveryRequest, RefundRequest};
use serde::{Deserialize, Serialize};
use store::Stored;

use super::auth::Actor;
use super::body::{Json, Nothing, OptionalJson};
use super::params::{Name, Params};
use super::problem::Problem;
use super::{idempotency, reservations, view};
use crate::app::App;
use crate::operations::{self, Acted, Wish};

/// The body of a cancel and of a complete.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteBody {
    note: String,
}

/// What a request is told whose wish was under way already.
const REPEATED: &str = "The same was asked for before and is still open: this is its job. Send an Idempotency-Key of its own \
    with each request to ask for the same twice.";

/// The job that carries out what was asked for, with what the caller should know.
#[derive(Serialize)]
struct JobAnswer {
    #[serde(flatten)]
    job: view::JobJson,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

/// The reservation that the path names, and who asks.
pub(super) struct Target {
    pub(super) app: Arc<App>,
    pub(super) actor: Actor,
    pub(super) stored: Stored,
    /// Is the same once more another wish?
    pub(super) wish: Wish,
}

impl FromRequestParts<Arc<App>> for Target {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let actor = Extension::<Actor>::from_request_parts(parts, app).await;
        let Extension(actor) = actor.map_err(IntoResponse::into_response)?;
        Self::named(parts, app, actor)
            .await
            .map_err(IntoResponse::into_response)
    }
}

impl Target {
    async fn named(parts: &mut Parts, app: &Arc<App>, actor: Actor) -> Result<Self, Problem> {
        let Name(named) = Name::from_request_parts(parts, app).await?;
        let params = Params::from_request_parts(parts, app)
            .await?
            .only(&["merchant"])?;
        let stored = reservations::find(app, &named, params.get("merchant")?).await?;
        let wish = if parts.headers.contains_key(idempotency::KEY) {
            Wish::Another
        } else {
            Wish::Same
        };
        Ok(Self {
            app: Arc::clone(app),
            actor,
            stored,
            wish,
        })
    }

    fn id(&self) -> &ReservationId {
        &self.stored.reservation.id
    }

    /// Answers with the job; with the reservation while there is none, because it is paused or done.
    async fn with_job(self, acted: Acted) -> Answered {
        let details = match &acted.job {
            Some(job) => self.app.store.job(job).await?,
            None => None,
        };
        let Some(details) = details else {
            return self.with_reservation(acted, StatusCode::ACCEPTED).await;
        };
        let reference = Some(acted.reservation.reservation.reference.into());
        let answer = JobAnswer {
            job: view::job(&details.job, reference),
            warnings: acted.is_repeated.then_some(REPEATED).into_iter().collect(),
        };
        Ok((StatusCode::ACCEPTED, Answer(answer)).into_response())
    }

    async fn with_reservation(self, acted: Acted, status: StatusCode) -> Answered {
        let view = view::reservation(&self.app, &acted.reservation).await?;
        Ok((status, Answer(view)).into_response())
    }
}

type Answered = Result<Response, Problem>;

pub(super) async fn delivery(to: Target, Json(body): Json<DeliveryRequest>) -> Answered {
    let acted = operations::deliver(&to.app, to.id(), &body, to.actor.0).await?;
    to.with_reservation(acted, StatusCode::ACCEPTED).await
}

pub(super) async fn capture(
    to: Target,
    OptionalJson(body): OptionalJson<CaptureRequest>,
) -> Answered {
    let acted = operations::capture(&to.app, to.id(), &body, to.actor.0, to.wish).await?;
    to.with_job(acted).await
}

pub(super) async fn charge(to: Target, Json(body): Json<ChargeRequest>) -> Answered {
    let acted = operations::charge(&to.app, to.id(), &body, to.actor.0, to.wish).await?;
    to.with_job(acted).await
}

pub(super) async fn refund(to: Target, Json(body): Json<RefundRequest>) -> Answered {
    let acted = operations::refund(&to.app, to.id(), &body, to.actor.0, to.wish).await?;
    to.with_job(acted).await
}

pub(super) async fn cancel(to: Target, Json(body): Json<NoteBody>) -> Answered {
    let acted = operations::cancel(&to.app, to.id(), &body.note, to.actor.0).await?;
    to.with_job(acted).await
}

pub(super) async fn complete(to: Target, Json(body): Json<NoteBody>) -> Answered {
    let acted = operations::complete(&to.app, to.id(), &body.note, to.actor.0).await?;
    to.with_job(acted).await
}

pub(super) async fn resend(to: Target, OptionalJson(body): OptionalJson<Contact>) -> Answered {
    let acted = operations::resend(&to.app, to.id(), &body.normalised(), to.actor.0).await?;
    to.with_job(acted).await
}

pub(super) async fn refresh(to: Target, _: OptionalJson<Nothing>) -> Answered {
    let acted = operations::refresh(&to.app, to.id(), to.actor.0).await?;
    to.with_job(acted).await
}

pub(super) async fn pause(to: Target, _: OptionalJson<Nothing>) -> Answered {
    let acted = operations::pause(&to.app, to.id(), to.actor.0).await?;
    to.with_reservation(acted, StatusCode::OK).await
}

pub(super) async fn resume(to: Target, _: OptionalJson<Nothing>) -> Answered {
    let acted = operations::resume(&to.app, to.id(), to.actor.0).await?;
    to.with_reservation(acted, StatusCode::OK).await
}
