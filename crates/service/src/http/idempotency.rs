//! `Idempotency-Key`: the same request, sent again, gets the answer of the first.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::{Chain, ErrorCode};
use sha2::{Digest as _, Sha256};
use store::{Idempotency, StoreError};

use super::auth::Actor;
use super::body;
use super::problem::Problem;
use crate::app::App;

pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key, in bytes.
const MAX_KEY: usize = 255;
/// The longest answer that is kept, in bytes; one reservation is far shorter.
const MAX_ANSWER: usize = 1 << 20;

/// Answers a POST with a key once, and its repetitions with the same answer.
///
/// What is kept is an answer of success. Any other leaves nothing changed, so that its key is free again.
pub(super) async fn answer_once(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    request: Request,
    next: Next,
) -> Response {
    match request.headers().get(KEY).cloned() {
        Some(key) if request.method() == Method::POST => {
            match with_key(app, actor, &key, request, next).await {
                Ok(response) => response,
                Err(problem) => problem.into_response(),
            }
        }
        _ => next.run(request).await,
    }
}

async fn with_key(
    app: Arc<App>,
    actor: Actor,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY).contains(&key.len()))
        .ok_or_else(|| {
            let detail = format!("Idempotency-Key is not 1 to {MAX_KEY} visible ASCII characters");
            Problem::new(ErrorCode::IdempotencyKeyInvalid, detail)
        })?;
    let key = key.to_owned();
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    let mut tx = app.store.begin().await?;
    let known = tx.take_key(actor.0, &key, &digest(&parts, &bytes)).await?;
    tx.commit().await?;
    match known {
        Idempotency::First => {}
        Idempotency::Answered { status, answer } => return Ok(replay(status, answer)),
        Idempotency::Running => {
            let detail = "the first request with this key is not answered yet";
            return Err(Problem::new(ErrorCode::IdempotencyKeyRunning, detail));
        }
        Idempotency::Reused => {
            let detail = "another request had this key; every request takes a key of its own";
            return Err(Problem::new(ErrorCode::IdempotencyKeyReused, detail));
        }
    }
    let request = Request::from_parts(parts, Body::from(bytes));
    // On a task of its own, so that the answer is kept even when nobody waits for it any more.
    let work = tokio::spawn({
        let (app, key) = (Arc::clone(&app), key.clone());
        async move {
            let response = next.run(request).await;
            keep(&app, actor, &key, response).await
        }
    });
    match work.await {
        Ok(response) => response,
        Err(_panic) => {
            tracing::error!(error.code = %ErrorCode::Internal, "request panicked");
            release(&app, actor, &key).await?;
            Err(Problem::internal())
        }
    }
}

/// What tells one request from another: its verb, its target and its body.
fn digest(parts: &Parts, body: &[u8]) -> String {
    let target = parts.uri.path_and_query();
    let mut digest = Sha256::new();
    digest.update(parts.method.as_str());
    digest.update(b"\n");
    digest.update(target.map_or("", |target| target.as_str()));
    digest.update(b"\n");
    digest.update(body);
    domain::hex(&digest.finalize())
}

fn replay(status: u16, answer: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (REPLAYED, HeaderValue::from_static("true")),
    ];
    (status, headers, answer).into_response()
}

async fn keep(app: &App, actor: Actor, key: &str, response: Response) -> Result<Response, Problem> {
    if !response.status().is_success() {
        release(app, actor, key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_ANSWER).await.map_err(|error| {
        tracing::error!(error.code = %ErrorCode::Internal, error = %Chain(&error), "answer too long to be kept");
        Problem::internal()
    })?;
    let answer = String::from_utf8_lossy(&bytes);
    if let Err(error) = save(app, actor, key, parts.status.as_u16(), &answer).await {
        // The work is done; its answer is better than none.
        tracing::error!(error = %Chain(&error), "answer to an idempotency key not kept");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

async fn save(
    app: &App,
    actor: Actor,
    key: &str,
    status: u16,
    answer: &str,
) -> Result<(), StoreError> {
    let mut tx = app.store.begin().await?;
    tx.answer_key(actor.0, key, status, answer).await?;
    tx.commit().await
}

async fn release(app: &App, actor: Actor, key: &str) -> Result<(), StoreError> {
    let mut tx = app.store.begin().await?;
    tx.release_key(actor.0, key).await?;
    tx.commit().await
}
