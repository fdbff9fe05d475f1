//! The provider refuses everybody, or our own database fails between two steps.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ReservationId;
use sandbox::EffectKind;
use serde_json::{Value, json};

use super::stage::{Stage, answer, reset};

/// When the newest capture of a reservation runs again.
async fn again_at(stage: &Stage, id: &ReservationId) -> DateTime<Utc> {
    let job = stage.job(id, "capture").await;
    assert_eq!(job["waiting_for"], "rate_limit", "{job:#}");
    assert_eq!(job["attempts_used"], 0, "{job:#}");
    job["run_at"].as_str().expect("time").parse().expect("time")
}

/// A capture that is throttled with this header waits for so long, and so does everything else of the merchant.
async fn throttled(retry_after: Option<&str>, seconds: i64) {
    let stage = Stage::start().await;
    let (first, other) = (stage.held("BOOK-1").await, stage.held("BOOK-2").await);
    let mut refused = answer(429, r#"{"message":"Too Many Attempts."}"#);
    if let Some(header) = retry_after {
        refused
            .headers
            .insert("retry-after", header.parse().expect("a header"));
    }
    stage.instead("capture", 1, Ok(refused));
    let began = stage.now();
    stage.act(&first, "capture", &json!({})).await;
    stage.idle().await;
    let until = again_at(&stage, &first).await;
    assert!(
        until >= began + TimeDelta::seconds(seconds),
        "{began} {until}"
    );
    assert!(
        until <= began + TimeDelta::seconds(seconds + 5),
        "{began} {until}"
    );
    stage.act(&other, "capture", &json!({})).await;
    stage.act(&other, "refresh", &json!({})).await;
    let reads = stage.sent("details").len();
    stage.advance(TimeDelta::seconds(seconds) - TimeDelta::milliseconds(1));
    // Another merchant is served meanwhile, so that the workers have looked.
    let elsewhere = stage.submit_to("second", "BOOK-1").await;
    stage
        .until(&elsewhere, "served", |seen| {
            seen["status"] == "awaiting_payment"
        })
        .await;
    assert_eq!(
        (stage.sent("capture").len(), stage.sent("details").len()),
        (1, reads),
        "nobody asks before"
    );
    stage.advance(TimeDelta::seconds(10));
    for id in [&first, &other] {
        stage
            .until(id, "captured", |seen| seen["status"] == "captured")
            .await;
    }
    assert_eq!(
        (
            stage.sent("capture").len(),
            stage.effects(EffectKind::Captured).len()
        ),
        (3, 2)
    );
}

#[tokio::test]
async fn case_083_throttling_stops_all_of_the_merchant_for_as_long_as_the_provider_says() {
    throttled(Some("30"), 30).await;
}

#[tokio::test]
async fn case_084_throttling_without_a_time_stops_all_of_the_merchant_for_a_minute() {
    throttled(None, 60).await;
}

#[tokio::test]
async fn case_081_a_401_in_a_batch_stops_the_merchant_at_once_and_uses_no_attempt() {
    let stage = Stage::start().await;
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(stage.held(&format!("BOOK-{number}")).await);
    }
    stage.instead_after(
        "capture",
        2,
        100,
        Ok(answer(401, r#"{"message":"Unauthenticated."}"#)),
    );
    for id in &ids {
        stage.act(id, "capture", &json!({})).await;
    }
    let paused = async |stage: &Stage| {
        stage.service.get("/v1/merchants").await.ok(200)["data"][0]["paused"].clone()
    };
    stage
        .eventually("the merchant is paused", async || {
            paused(&stage).await == json!(true)
        })
        .await;
    // What was under way when the first refusal came may be refused as well; nothing begins after it.
    let at_once = stage.sent("capture").len();
    stage.advance(TimeDelta::hours(1));
    for id in &ids {
        let seen = stage
            .until(id, "settled", |seen| seen["amounts"]["in_doubt"] == "0.00")
            .await;
        assert_eq!(
            seen["review"],
            Value::Null,
            "a refusal of the token is no doubt: {seen:#}"
        );
    }
    let sent = stage.sent("capture").len();
    assert!(
        sent <= at_once + 4 && (3..=6).contains(&sent),
        "{at_once} and then {sent}"
    );
    assert_eq!(stage.effects(EffectKind::Captured).len(), 2);
    for id in &ids {
        assert_eq!(
            stage.job(id, "capture").await["attempts_used"],
            if captured(&stage, id).await { 1 } else { 0 }
        );
    }

    stage.honest();
    stage
        .service
        .post("/v1/merchants/default/resume", &json!({}))
        .await
        .ok(200);
    for id in &ids {
        let most = TimeDelta::hours(1);
        stage
            .run_until(id, most, "captured", |seen| seen["status"] == "captured")
            .await;
    }
    assert_eq!(stage.effects(EffectKind::Captured).len(), 8, "each once");
}

async fn captured(stage: &Stage, id: &ReservationId) -> bool {
    stage.get(id).await["status"] == "captured"
}

#[tokio::test]
async fn case_076_a_refund_waits_while_a_capture_is_in_doubt_and_says_so() {
    let stage = Stage::start().await;
    let id = stage.held("BOOK-1").await;
    stage
        .act(&id, "capture", &json!({"amount": "300.00"}))
        .await;
    stage
        .until(&id, "captured", |seen| {
            seen["amounts"]["captured"] == "300.00"
        })
        .await;
    stage.changed("capture", 1, |_| reset());
    stage
        .act(&id, "capture", &json!({"amount": "200.00"}))
        .await;
    stage
        .until(&id, "in doubt", |seen| {
            seen["amounts"]["in_doubt"] == "200.00"
        })
        .await;
    stage
        .act(
            &id,
            "refund",
            &json!({"source": "captured", "amount": "100.00"}),
        )
        .await;
    stage.idle().await;
    assert_eq!(stage.job(&id, "refund").await["waiting_for"], "resolution");
    assert_eq!(stage.sent("refund").len(), 0);
    let most = TimeDelta::hours(2);
    stage
        .run_until(&id, most, "refunded", |seen| {
            seen["amounts"]["refunded"] == "100.00"
        })
        .await;
    assert_eq!(
        (stage.sent("capture").len(), stage.sent("refund").len()),
        (2, 1)
    );
}

#[tokio::test]
async fn case_102_a_database_that_fails_between_a_request_and_its_outcome_leaves_it_unknown() {
    let stage = Stage::start().await;
    let id = stage.held("BOOK-1").await;
    let store = stage.service.app.store.clone();
    stage.meanwhile("capture", move || {
        // From here on every write fails, as when the disk is gone.
        let store = store.clone();
        Box::pin(async move { store.close().await })
    });
    stage.act(&id, "capture", &json!({})).await;
    let done = async || !stage.effects(EffectKind::Captured).is_empty();
    stage.eventually("the provider has captured", done).await;
    stage.advance(TimeDelta::seconds(1));
    let stage = stage.start_again().await;
    let before = stage.get(&id).await;
    assert_eq!(
        before["amounts"]["captured"], "0.00",
        "nobody has told us: {before:#}"
    );
    assert_eq!(
        before["amounts"]["in_doubt"], "1000.00",
        "and it counts as taken"
    );
    // The lease of the process that is gone.
    stage.advance(TimeDelta::seconds(31));
    let most = TimeDelta::hours(1);
    let seen = stage
        .run_until(&id, most, "captured", |seen| {
            seen["amounts"]["captured"] == "1000.00"
        })
        .await;
    assert_eq!(
        (&seen["amounts"]["in_doubt"], &seen["review"]),
        (&json!("0.00"), &Value::Null)
    );
    assert_eq!(
        (
            stage.sent("capture").len(),
            stage.effects(EffectKind::Captured).len()
        ),
        (1, 1)
    );
}
