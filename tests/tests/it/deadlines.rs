//! What happens before the capture window closes.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::harness::{Options, Place, TestEnv, judge, on_both_databases};

on_both_databases! {
    what_was_delivered_is_captured_and_the_rest_released_before_the_window_closes;
}

/// Days pass in seconds.
const FAST: Options = Options {
    speed: 20_000,
    merchant: "",
    worker: "",
    services: 1,
    log: "info",
};

fn what_was_delivered_is_captured_and_the_rest_released_before_the_window_closes(place: Place) {
    let env = TestEnv::start(place, FAST);
    let policy = |before_deadline: &str| {
        json!({
            "payment_link_due": env.later(chrono::TimeDelta::days(60)),
            "policy": {"capture": {"before_deadline": before_deadline, "act_before": "6d"}, "completion": {"after": "off"}},
        })
    };
    let delivered = env.held("DEADLINE-1", &policy("capture_delivered"));
    let released = env.held("DEADLINE-2", &policy("cancel"));
    let warned = env.held("DEADLINE-3", &policy("warn"));
    env.deliver(
        &delivered.id,
        &json!({"event_id": "D-1", "lines": [{"line": 1, "amount": "1000.00"}]}),
    );

    let captured = env.wait_status(&delivered.id, "captured");
    assert_eq!(captured["amounts"]["captured"], "1000.00");
    let row = &captured["ledger"][0];
    let capture_by = time(&captured["deadlines"]["capture_by"]);
    assert!(
        time(&row["at"]) < capture_by,
        "captured at {}, too late for {capture_by}",
        row["at"]
    );
    env.wait_status(&released.id, "cancelled");
    let asked = env.wait_reservation(&warned.id, "in review", |seen| !seen["review"].is_null());
    assert_eq!(asked["review"]["reason"], "window_closing");
    assert_eq!(asked["status"], "held");

    let acts = judge(&env.provider.effects());
    assert_eq!(acts["DEADLINE-1"], ["created", "captured 1000.00"]);
    assert_eq!(acts["DEADLINE-2"], ["created", "cancelled"]);
    assert_eq!(acts["DEADLINE-3"], ["created"]);
}

fn time(value: &Value) -> DateTime<Utc> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a time")
}
