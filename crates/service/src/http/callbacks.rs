//! The path of the provider's callbacks. Answers say nothing but whether it was taken.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;

use super::params::Name;
use super::problem::Problem;
use crate::app::App;
use crate::operations::{CallbackOutcome, take_callback};

/// The longest end of a callback path; ours are shorter.
const MAX_TOKEN: usize = 128;

pub(super) async fn take(
    State(app): State<Arc<App>>,
    name: Result<Name, Problem>,
    RawQuery(query): RawQuery,
) -> StatusCode {
    let Ok(Name(token)) = name else {
        return StatusCode::NOT_FOUND;
    };
    // A token of another form is never looked up.
    if token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return StatusCode::NOT_FOUND;
    }
    match take_callback(&app, &token, query.as_deref().unwrap_or_default()).await {
        CallbackOutcome::Accepted => StatusCode::OK,
        CallbackOutcome::Refused => StatusCode::FORBIDDEN,
        CallbackOutcome::NotFound => StatusCode::NOT_FOUND,
        CallbackOutcome::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
