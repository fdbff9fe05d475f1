//! Is the process alive, and can it work?

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::{Chain, ErrorCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::problem::Problem;
use crate::app::App;

/// How long the database may take to answer.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The process answers.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// The database answers too.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let fault = match timeout(TIME_LIMIT, app.store.merchant_limits()).await {
        Ok(Ok(_)) => return Ok(Json(json!({"status": "ok"}))),
        Ok(Err(error)) => Chain(&error).to_string(),
        Err(_elapsed) => "it took too long".to_owned(),
    };
    let code = ErrorCode::NotReady;
    tracing::warn!(error.code = %code, error = fault, "the database does not answer");
    Err(Problem::new(code, "the database does not answer"))
}
