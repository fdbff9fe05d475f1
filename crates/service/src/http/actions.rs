//! What is done to a reservation: each action is parsed, handed to the service, and answered with its job.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as Answer};
use domain::reservation::{CaptureRequest, ChargeRequest, Contact, DeliveryRequest, RefundRequest};
use serde::Deserialize;
use store::Stored;

use super::auth::Actor;
use super::body::{Json, Nothing, OptionalJson};
use super::params::{Name, Params};
use super::problem::Problem;
use super::{reservations, view};
use crate::app::App;
use crate::service::Action;

/// The body of a cancel and of a complete.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteBody {
    note: String,
}

/// The reservation that the path names, and who asks.
pub(super) struct Target {
    pub(super) app: Arc<App>,
    pub(super) actor: Actor,
    pub(super) stored: Stored,
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
        Ok(Self {
            app: Arc::clone(app),
            actor,
            stored,
        })
    }

    /// Acts, and answers with the job; with the reservation while there is none, because it is paused or done.
    async fn ask(self, action: Action) -> Result<Response, Problem> {
        let acted = self
            .app
            .act(&self.stored.reservation.id, action, self.actor.0)
            .await?;
        let details = match &acted.job {
            Some(job) => self.app.store.job(job).await?,
            None => None,
        };
        Ok(match details {
            Some(details) => {
                let reference = Some(acted.reservation.reservation.reference.clone());
                (
                    StatusCode::ACCEPTED,
                    Answer(view::job(&details.job, reference)),
                )
                    .into_response()
            }
            None => {
                let view = view::reservation(&self.app, &acted.reservation).await?;
                (StatusCode::ACCEPTED, Answer(view)).into_response()
            }
        })
    }

    /// Acts, and answers with the reservation.
    async fn tell(self, action: Action, status: StatusCode) -> Result<Response, Problem> {
        let acted = self
            .app
            .act(&self.stored.reservation.id, action, self.actor.0)
            .await?;
        let view = view::reservation(&self.app, &acted.reservation).await?;
        Ok((status, Answer(view)).into_response())
    }
}

type Answered = Result<Response, Problem>;

pub(super) async fn delivery(target: Target, Json(body): Json<DeliveryRequest>) -> Answered {
    target
        .tell(Action::Deliver(body), StatusCode::ACCEPTED)
        .await
}

pub(super) async fn capture(
    target: Target,
    OptionalJson(body): OptionalJson<CaptureRequest>,
) -> Answered {
    target.ask(Action::Capture(body)).await
}

pub(super) async fn charge(target: Target, Json(body): Json<ChargeRequest>) -> Answered {
    target.ask(Action::Charge(body)).await
}

pub(super) async fn refund(target: Target, Json(body): Json<RefundRequest>) -> Answered {
    target.ask(Action::Refund(body)).await
}

pub(super) async fn cancel(target: Target, Json(body): Json<NoteBody>) -> Answered {
    target.ask(Action::Cancel { note: body.note }).await
}

pub(super) async fn complete(target: Target, Json(body): Json<NoteBody>) -> Answered {
    target.ask(Action::Complete { note: body.note }).await
}

pub(super) async fn resend(target: Target, OptionalJson(body): OptionalJson<Contact>) -> Answered {
    target.ask(Action::Resend(body)).await
}

pub(super) async fn refresh(target: Target, _: OptionalJson<Nothing>) -> Answered {
    target.ask(Action::Refresh).await
}

pub(super) async fn pause(target: Target, _: OptionalJson<Nothing>) -> Answered {
    target.tell(Action::Pause, StatusCode::OK).await
}

pub(super) async fn resume(target: Target, _: OptionalJson<Nothing>) -> Answered {
    target.tell(Action::Resume, StatusCode::OK).await
}
