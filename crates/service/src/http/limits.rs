//! What every request goes through: bounds of its head, a time limit, and one line in the log.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::ErrorCode;
use futures::FutureExt as _;
use tokio::time::{Instant, timeout};

use super::problem::Problem;

/// The longest path with its query, in bytes.
const MAX_URI: usize = 8 * 1024;
/// The most bytes of all header names and values.
const MAX_HEADERS: usize = 16 * 1024;
/// How long a request may take; the longest wait that `Prefer` can ask for is 30 s.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Refuses what is too large, ends what takes too long, and turns a panic into an answer.
pub(super) async fn bound(request: Request, next: Next) -> Response {
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let uri = request
        .uri()
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len());
    if uri > MAX_URI {
        let detail = format!("path and query are longer than {MAX_URI} bytes");
        return Problem::new(ErrorCode::UriTooLong, detail).into_response();
    }
    if headers > MAX_HEADERS {
        let detail = format!("the headers are longer than {MAX_HEADERS} bytes");
        return Problem::new(ErrorCode::HeadersTooLarge, detail).into_response();
    }
    match timeout(
        TIME_LIMIT,
        AssertUnwindSafe(next.run(request)).catch_unwind(),
    )
    .await
    {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            tracing::error!(error.code = %ErrorCode::Internal, "request panicked");
            Problem::internal().into_response()
        }
        Err(_elapsed) => {
            let detail = "the request took too long; whether it was carried out can be read";
            Problem::new(ErrorCode::Timeout, detail).into_response()
        }
    }
}

/// One line per request, without query and body.
pub(super) async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let response = next.run(request).await;
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let http_status = response.status().as_u16();
    tracing::info!(%method, route, http_status, duration_ms, "request answered");
    response
}
