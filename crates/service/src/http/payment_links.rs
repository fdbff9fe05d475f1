//! `POST /v1/payment-links`: a one-time payment link.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::customer::Customer;
use domain::{JobId, JobState, MerchantId};
use serde::Deserialize;

use super::auth::Actor;
use super::body::Json;
use super::create::merchant_of;
use super::problem::Problem;
use super::view;
use super::wait::{self, Progress};
use crate::app::App;
use crate::operations;
use crate::payment_link::{PaymentLinkLine, PaymentLinkRequest};
use crate::submission::CheckoutMethod;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    reference: String,
    #[serde(default)]
    merchant: Option<MerchantId>,
    customer: Customer,
    lines: Vec<PaymentLinkLine>,
    /// Visa when left out.
    #[serde(default)]
    method: Option<CheckoutMethod>,
    success_url: String,
    failure_url: String,
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    Json(body): Json<LinkBody>,
) -> Result<Response, Problem> {
    let merchant = merchant_of(&app, body.merchant)?;
    let request = PaymentLinkRequest {
        reference: body.reference,
        customer: body.customer.normalised(),
        lines: body.lines,
        method: body.method.unwrap_or(CheckoutMethod::Visa),
        success_url: body.success_url,
        failure_url: body.failure_url,
    };
    let job = operations::create_payment_link(&app, &merchant, &request, actor.0).await?;
    let waited = match wait::preferred(&headers) {
        Some(limit) => Some(wait::wait_for(limit, || progress(&app, &job)).await?),
        None => None,
    };
    let details = app.store.job(&job).await?.ok_or_else(Problem::internal)?;
    Ok(wait::answer(
        waited,
        axum::Json(view::job(&details.job, Some(request.reference))),
    ))
}

async fn progress(app: &App, job: &JobId) -> Result<Progress, Problem> {
    let state = app.store.job(job).await?.map(|details| details.job.state);
    Ok(match state {
        Some(JobState::Succeeded) => Progress::There,
        Some(JobState::NeedsReview | JobState::Failed | JobState::Cancelled) | None => {
            Progress::Stopped
        }
        Some(
            JobState::Scheduled | JobState::Available | JobState::Running | JobState::Resolving,
        ) => Progress::Waiting,
    })
}
