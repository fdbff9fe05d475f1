//! Refusals that another try cannot mend.

use chrono::TimeDelta;
use sandbox::EffectKind;
use serde_json::{Value, json};

use testkit::env::TestEnv;
use testkit::faulty::answer;

#[tokio::test]
async fn case_085_a_refused_payload_is_not_retried_and_shows_what_the_provider_said() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    let body = r#"{"status_code":417,"status_message":"Client Error","message":"payloadValidationErrors",
        "is_error":true,"errors":["The products.0.amount field is required."]}"#;
    env.instead("capture", 100, Ok(answer(417, body)));
    env.act(&id, "capture", &json!({})).await;
    let asked = env
        .until(&id, "in review", |seen| !seen["review"].is_null())
        .await;
    assert_eq!(
        (&asked["review"]["reason"], &asked["control"]),
        (&json!("provider_refused"), &json!("frozen"))
    );
    env.pass(TimeDelta::days(1)).await;
    assert_eq!(
        (
            env.sent("capture").len(),
            env.effects(EffectKind::Captured).len()
        ),
        (1, 0)
    );
    let job = env.job(&id, "capture").await;
    assert_eq!(
        (&job["state"], &job["last_error"]["code"]),
        (&json!("failed"), &json!("provider_refused")),
        "{job:#}"
    );
    let attempt = &job["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], &attempt["http_status"]),
        (&json!("rejected"), &json!(417))
    );
    assert_eq!(attempt["provider_message"], "payloadValidationErrors");
    let planned = env
        .service
        .get(&format!("/v1/reservations/{id}/events?limit=200"))
        .await
        .ok(200);
    let of_capture = |event: &&Value| {
        event["type"] == "intent_planned" && event["data"].to_string().contains("\"capture\"")
    };
    let planned = planned["data"]
        .as_array()
        .expect("data")
        .iter()
        .find(of_capture)
        .cloned()
        .expect("an intent");
    assert_eq!(
        planned["data"]["policy_version"], 1,
        "the version it was decided under: {planned:#}"
    );
}

#[tokio::test]
async fn case_086_a_404_to_a_capture_of_a_known_reservation_freezes_it() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    let body = r#"{"status_code":404,"status_message":"Not Found","message":"reservationNotFound","is_data":false,
        "data":null}"#;
    env.instead("capture", 1, Ok(answer(404, body)));
    env.act(&id, "capture", &json!({"amount": "100.00"})).await;
    let asked = env
        .until(&id, "in review", |seen| !seen["review"].is_null())
        .await;
    assert_eq!(
        (&asked["review"]["reason"], &asked["control"]),
        (&json!("missing_at_provider"), &json!("frozen"))
    );
    env.act(&id, "capture", &json!({"amount": "200.00"})).await;
    env.pass(TimeDelta::hours(12)).await;
    assert_eq!(
        (
            env.sent("capture").len(),
            env.effects(EffectKind::Captured).len()
        ),
        (1, 0)
    );
    assert!(env.sent("details").len() > 1, "it is still read");
}

#[tokio::test]
async fn a_retry_of_what_the_provider_refused_is_told_that_nothing_would_be_sent() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    let body = r#"{"status_code":400,"status_message":"Conflict of Business Logic",
        "message":"requestedCaptureAmountExceedAvailableCaptureRunway","is_data":false,"data":null}"#;
    env.instead("capture", 1, Ok(answer(400, body)));
    env.act(&id, "capture", &json!({})).await;
    env.until(&id, "in review", |seen| !seen["review"].is_null())
        .await;
    let job = env.job(&id, "capture").await;
    let path = format!("/v1/jobs/{}/retry", job["id"].as_str().expect("an id"));
    let refused = env.service.post(&path, &json!({})).await;
    assert_eq!(refused.problem(409), "nothing_to_retry");
    let after = env.job(&id, "capture").await;
    assert_eq!(
        (&after["state"], env.sent("capture").len()),
        (&job["state"], 1)
    );
}
