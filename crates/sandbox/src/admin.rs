//! Admin routes under `/__sandbox`: the same acts as the methods of [`World`], over HTTP.

use chrono::TimeDelta;
use domain::Money;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::effect::LineSum;
use crate::fault::{CallbackFault, Fault, Faults, MAX_FAULTS};
use crate::portal::ActError;
use crate::reply::{Reply, Request};
use crate::world::World;

/// Why an admin request is refused.
enum No {
    Route,
    Verb,
    Body(String),
    Act(ActError),
}

impl From<ActError> for No {
    fn from(error: ActError) -> Self {
        Self::Act(error)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The uuid or the `referenceNo`.
    uuid: String,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortalCapture {
    uuid: String,
    #[serde(default)]
    lines: Option<Vec<LineSum>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortalCharge {
    uuid: String,
    amount: Money,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortalRefund {
    uuid: String,
    /// The capture or charge to pay back: `CAP…` or `CHA…`.
    reference: String,
    #[serde(default)]
    amount: Option<Money>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    seconds: u32,
}

/// Answers everything below `/__sandbox`.
pub(crate) fn handle(world: &mut World, request: &Request) -> Reply {
    let path = request.path().trim_matches('/').to_owned();
    let answer = match (
        request.method.as_str(),
        path.trim_start_matches("__sandbox").trim_matches('/'),
    ) {
        ("GET", what) => read(world, request, what),
        ("POST", what) => post(world, request, what),
        ("PUT", "switches") => switches(world, request),
        ("DELETE", "faults") => {
            *world.faults() = Faults::default();
            Ok(json!({}))
        }
        _ => Err(No::Verb),
    };
    match answer {
        Ok(value) => Reply::json(200, &value),
        Err(No::Route) => problem(404, "there is no such admin route"),
        Err(No::Verb) => problem(405, "this verb is not taken here"),
        Err(No::Body(reason)) => problem(422, &reason),
        Err(No::Act(ActError::Missing)) => problem(404, &ActError::Missing.to_string()),
        Err(No::Act(error)) => problem(409, &error.to_string()),
    }
}

fn problem(status: u16, reason: &str) -> Reply {
    Reply::json(status, &json!({ "error": reason }))
}

fn read(world: &mut World, request: &Request, what: &str) -> Result<Value, No> {
    let since: u64 = request
        .query("since")
        .and_then(|since| since.parse().ok())
        .unwrap_or(0);
    Ok(match what {
        "ledger" => {
            let news = world.ledger().iter().filter(|effect| effect.seq > since);
            json!({ "now": world.now, "effects": news.collect::<Vec<_>>() })
        }
        "reservations" => json!({ "reservations": world.reservations() }),
        "requests" => json!(world.requests()),
        "callbacks" => json!({ "callbacks": world.callbacks() }),
        "faults" => json!(world.faults()),
        "switches" => json!(world.switches()),
        _ => return Err(No::Route),
    })
}

fn post(world: &mut World, request: &Request, what: &str) -> Result<Value, No> {
    let now = world.brought();
    match what {
        "pay" | "fail" | "open" | "expire" | "cancel" | "complete" => {
            return named(world, request, what);
        }
        "capture" => {
            let act: PortalCapture = body(request)?;
            return Ok(json!({ "reference": world.capture_in_portal(now, &act.uuid, act.lines)? }));
        }
        "charge" => {
            let act: PortalCharge = body(request)?;
            let text = act.text.as_deref().unwrap_or("Portal charge");
            return Ok(
                json!({ "reference": world.charge_in_portal(now, &act.uuid, act.amount, text)? }),
            );
        }
        "refund" => {
            let act: PortalRefund = body(request)?;
            world.refund_in_portal(now, &act.uuid, &act.reference, act.amount)?;
        }
        "advance" => {
            let act: Skip = body(request)?;
            world.skip(TimeDelta::seconds(act.seconds.into()));
            return Ok(json!({ "now": world.now }));
        }
        "faults" => {
            // All of a list, or nothing.
            let mut all = world.faults().clone();
            add(&mut all, body(request)?)?;
            *world.faults() = all;
        }
        "reset" => world.reset(),
        _ => return Err(No::Route),
    }
    Ok(json!({}))
}

fn named(world: &mut World, request: &Request, what: &str) -> Result<Value, No> {
    let act: Named = body(request)?;
    let now = world.brought();
    let note = act.note.as_deref().unwrap_or("in the portal");
    match what {
        "pay" => world.pay(now, &act.uuid)?,
        "fail" => world.fail(now, &act.uuid)?,
        "open" => world.open(now, &act.uuid)?,
        "expire" => world.expire(now, &act.uuid)?,
        "cancel" => world.cancel_in_portal(now, &act.uuid, note)?,
        _ => world.complete_in_portal(now, &act.uuid, note)?,
    }
    Ok(json!({ "uuid": world.find(&act.uuid) }))
}

fn switches(world: &mut World, request: &Request) -> Result<Value, No> {
    let patch: Value = body(request)?;
    let switches = world.switches().patched(&patch).map_err(No::Body)?;
    world.set_switches(switches);
    Ok(json!(world.switches()))
}

/// Adds one fault, or a list of them; what has the field `callback` is one of callbacks.
fn add(faults: &mut Faults, added: Value) -> Result<(), No> {
    let wrong = |error: serde_json::Error| No::Body(error.to_string());
    if let Value::Array(many) = added {
        // Nested lists end where JSON's own depth does.
        return many.into_iter().try_for_each(|one| add(faults, one));
    }
    if faults.calls.len().max(faults.callbacks.len()) >= MAX_FAULTS {
        return Err(No::Body(format!(
            "at most {MAX_FAULTS} faults wait at once"
        )));
    }
    if added.get("callback").is_some() {
        faults
            .callbacks
            .push(serde_json::from_value::<CallbackFault>(added).map_err(wrong)?);
    } else {
        faults
            .calls
            .push(serde_json::from_value::<Fault>(added).map_err(wrong)?);
    }
    Ok(())
}

/// A page of another origin cannot send JSON unasked, so that only JSON is taken.
fn body<T: DeserializeOwned>(request: &Request) -> Result<T, No> {
    if !request.is_json() {
        return Err(No::Body("content-type must be application/json".to_owned()));
    }
    serde_json::from_slice(&request.body).map_err(|error| No::Body(error.to_string()))
}
