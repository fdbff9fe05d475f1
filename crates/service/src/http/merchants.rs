//! Merchants for ops: which of them are paused, what their provider answers in a form that cannot be read, pausing and
//! resuming one.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json as Answer};
use domain::MerchantId;
use serde_json::{Value, json};

use super::auth::Actor;
use super::body::{Nothing, OptionalJson};
use super::params::{Name, Params};
use super::problem::Problem;
use crate::app::App;
use crate::operations;

type Answered = Result<Answer<Value>, Problem>;

pub(super) async fn list(State(app): State<Arc<App>>, params: Params) -> Answered {
    params.only(&[])?;
    let limits = app.store.merchant_limits().await?;
    let paused = |id: &MerchantId| limits.iter().any(|one| one.merchant == *id && one.paused);
    let shown = |id: &MerchantId| view(&app, id, paused(id));
    let data: Vec<Value> = app.merchants.keys().map(shown).collect();
    Ok(Answer(json!({"data": data, "next_cursor": null})))
}

fn view(app: &App, id: &MerchantId, paused: bool) -> Value {
    let handle = app.merchants.get(id);
    let limit = handle.map(|handle| handle.rate_limit_per_minute);
    let oddities = handle.map(|handle| handle.client.oddities());
    json!({
        "id": id,
        "paused": paused,
        "rate_limit_per_minute": limit,
        "oddities": oddities.unwrap_or_default(),
    })
}

fn known(app: &App, named: &str) -> Result<MerchantId, Problem> {
    let id = named.parse().ok();
    id.filter(|id| app.merchants.contains_key(id))
        .ok_or_else(|| Problem::not_found("merchant"))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Name(named): Name,
    params: Params,
) -> Answered {
    params.only(&[])?;
    let id = known(&app, &named)?;
    let limits = app.store.merchant_limits().await?;
    let paused = limits.iter().any(|one| one.merchant == id && one.paused);
    Ok(Answer(view(&app, &id, paused)))
}

async fn set(app: &App, named: &str, paused: bool, actor: &Actor) -> Answered {
    let id = known(app, named)?;
    if paused {
        operations::pause_merchant(app, &id, actor.0).await?;
    } else {
        operations::resume_merchant(app, &id, actor.0).await?;
    }
    Ok(Answer(view(app, &id, paused)))
}

pub(super) async fn pause(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    _: OptionalJson<Nothing>,
) -> Answered {
    set(&app, &named, true, &actor).await
}

pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Name(named): Name,
    _: OptionalJson<Nothing>,
) -> Answered {
    set(&app, &named, false, &actor).await
}
