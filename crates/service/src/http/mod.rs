//! The HTTP API, version 1, and the path of the provider's callbacks.

mod actions;
mod auth;
mod body;
mod callbacks;
mod create;
mod errors;
mod event;
mod health;
mod idempotency;
mod jobs;
mod limits;
mod merchants;
mod params;
mod payment_links;
mod problem;
mod reservations;
mod reviews;
mod view;
mod wait;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub use auth::Keys;
pub use body::{MAX_BODY, MAX_DEPTH};

use crate::app::App;
use problem::Problem;

/// Every route, with what every request goes through.
pub fn router(app: Arc<App>, keys: Keys) -> Router {
    let version_1 = Router::new()
        .route(
            "/v1/reservations",
            post(create::create).get(reservations::list),
        )
        .route("/v1/reservations/{id}", get(reservations::get))
        .route("/v1/reservations/{id}/events", get(reservations::events))
        .route("/v1/reservations/{id}/delivery", post(actions::delivery))
        .route("/v1/reservations/{id}/capture", post(actions::capture))
        .route("/v1/reservations/{id}/charge", post(actions::charge))
        .route("/v1/reservations/{id}/refund", post(actions::refund))
        .route("/v1/reservations/{id}/cancel", post(actions::cancel))
        .route("/v1/reservations/{id}/complete", post(actions::complete))
        .route("/v1/reservations/{id}/resend", post(actions::resend))
        .route("/v1/reservations/{id}/refresh", post(actions::refresh))
        .route("/v1/reservations/{id}/pause", post(actions::pause))
        .route("/v1/reservations/{id}/resume", post(actions::resume))
        .route("/v1/payment-links", post(payment_links::create))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::get))
        .route("/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/v1/jobs/{id}/run-now", post(jobs::run_now))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/reschedule", post(jobs::reschedule))
        .route("/v1/reviews", get(reviews::list))
        .route("/v1/reviews/{id}", get(reviews::get))
        .route("/v1/reviews/{id}/decide", post(reviews::decide))
        .route("/v1/merchants", get(merchants::list))
        .route("/v1/merchants/{id}", get(merchants::show))
        .route("/v1/merchants/{id}/pause", post(merchants::pause))
        .route("/v1/merchants/{id}/resume", post(merchants::resume))
        .method_not_allowed_fallback(wrong_method)
        .route_layer(from_fn_with_state(
            Arc::clone(&app),
            idempotency::answer_once,
        ))
        .route_layer(from_fn_with_state(Arc::new(keys), auth::require_key));
    let open = Router::new()
        .route("/callbacks/{token}", get(callbacks::take))
        .route("/errors/{code}", get(errors::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(wrong_method);
    version_1
        .merge(open)
        .fallback(no_route)
        .layer(from_fn(limits::bound))
        .layer(from_fn(limits::log))
        .with_state(app)
}

async fn no_route() -> Problem {
    Problem::not_found("route")
}

async fn wrong_method() -> Problem {
    Problem::method_not_allowed()
}

/// Serves until `shutdown`, then takes no more connections and returns once the requests at hand are answered.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    keys: Keys,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(app, keys))
        .with_graceful_shutdown(shutdown)
        .await
}
