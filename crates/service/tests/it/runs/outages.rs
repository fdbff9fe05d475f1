//! The provider refuses everybody, or our own database fails between two steps.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ReservationId;
use sandbox::EffectKind;
use serde_json::{Value, json};

use testkit::env::TestEnv;
use testkit::faulty::{answer, reset};

/// When the newest capture of a reservation runs again.
async fn again_at(env: &TestEnv, id: &ReservationId) -> DateTime<Utc> {
    let job = env.job(id, "capture").await;
    assert_eq!(job["waiting_for"], "rate_limit", "{job:#}");
    assert_eq!(job["attempts_used"], 0, "{job:#}");
    job["run_at"].as_str().expect("time").parse().expect("time")
}

/// A capture that is throttled with this header waits for so long, and so does everything else of the merchant.
async fn throttled(retry_after: Option<&str>, seconds: i64) {
    let env = TestEnv::start().await;
    let (first, other) = (env.held("BOOK-1").await, env.held("BOOK-2").await);
    let mut refused = answer(429, r#"{"message":"Too Many Attempts."}"#);
    if let Some(header) = retry_after {
        refused
            .headers
            .insert("retry-after", header.parse().expect("a header"));
    }
    env.instead("capture", 1, Ok(refused));
    let began = env.now();
    env.act(&first, "capture", &json!({})).await;
    env.idle().await;
    let until = again_at(&env, &first).await;
    assert!(
        until >= began + TimeDelta::seconds(seconds),
        "{began} {until}"
    );
    assert!(
        until <= began + TimeDelta::seconds(seconds + 5),
        "{began} {until}"
    );
    env.act(&other, "capture", &json!({})).await;
    env.act(&other, "refresh", &json!({})).await;
    let reads = env.sent("details").len();
    env.advance(TimeDelta::seconds(seconds) - TimeDelta::milliseconds(1));
    // Another merchant is served meanwhile, so that the workers have looked.
    let second = env.submit_to("second", "BOOK-1").await;
    env.until(&second, "served", |seen| {
        seen["status"] == "awaiting_payment"
    })
    .await;
    assert_eq!(
        (env.sent("capture").len(), env.sent("details").len()),
        (1, reads),
        "nobody asks before"
    );
    env.advance(TimeDelta::seconds(10));
    for id in [&first, &other] {
        env.until(id, "captured", |seen| seen["status"] == "captured")
            .await;
    }
    assert_eq!(
        (
            env.sent("capture").len(),
            env.effects(EffectKind::Captured).len()
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
    let env = TestEnv::start().await;
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(env.held(&format!("BOOK-{number}")).await);
    }
    env.instead_after(
        "capture",
        2,
        100,
        Ok(answer(401, r#"{"message":"Unauthenticated."}"#)),
    );
    for id in &ids {
        env.act(id, "capture", &json!({})).await;
    }
    let paused = async |env: &TestEnv| {
        env.service.get("/v1/merchants").await.ok(200)["data"][0]["paused"].clone()
    };
    env.eventually("the merchant is paused", async || {
        paused(&env).await == json!(true)
    })
    .await;
    // What was under way when the first refusal came may be refused as well; nothing begins after it.
    let at_once = env.sent("capture").len();
    env.advance(TimeDelta::hours(1));
    for id in &ids {
        let seen = env
            .until(id, "settled", |seen| seen["amounts"]["in_doubt"] == "0.00")
            .await;
        assert_eq!(
            seen["review"],
            Value::Null,
            "a refusal of the token leaves no outcome unknown: {seen:#}"
        );
    }
    let sent = env.sent("capture").len();
    assert!(
        sent <= at_once + 4 && (3..=6).contains(&sent),
        "{at_once} and then {sent}"
    );
    assert_eq!(env.effects(EffectKind::Captured).len(), 2);
    for id in &ids {
        assert_eq!(
            env.job(id, "capture").await["attempts_used"],
            if captured(&env, id).await { 1 } else { 0 }
        );
    }

    env.stop_intercepting();
    env.service
        .post("/v1/merchants/default/resume", &json!({}))
        .await
        .ok(200);
    for id in &ids {
        let most = TimeDelta::hours(1);
        env.run_until(id, most, "captured", |seen| seen["status"] == "captured")
            .await;
    }
    assert_eq!(env.effects(EffectKind::Captured).len(), 8, "each once");
}

async fn captured(env: &TestEnv, id: &ReservationId) -> bool {
    env.get(id).await["status"] == "captured"
}

#[tokio::test]
async fn case_076_a_refund_waits_while_a_capture_is_in_doubt_and_says_so() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    env.act(&id, "capture", &json!({"amount": "300.00"})).await;
    env.until(&id, "captured", |seen| {
        seen["amounts"]["captured"] == "300.00"
    })
    .await;
    env.changed("capture", 1, |_| reset());
    env.act(&id, "capture", &json!({"amount": "200.00"})).await;
    env.until(&id, "in doubt", |seen| {
        seen["amounts"]["in_doubt"] == "200.00"
    })
    .await;
    env.act(
        &id,
        "refund",
        &json!({"source": "captured", "amount": "100.00"}),
    )
    .await;
    env.idle().await;
    assert_eq!(env.job(&id, "refund").await["waiting_for"], "resolution");
    assert_eq!(env.sent("refund").len(), 0);
    let most = TimeDelta::hours(2);
    env.run_until(&id, most, "refunded", |seen| {
        seen["amounts"]["refunded"] == "100.00"
    })
    .await;
    assert_eq!(
        (env.sent("capture").len(), env.sent("refund").len()),
        (2, 1)
    );
}

#[tokio::test]
async fn case_102_a_database_that_fails_between_a_request_and_its_outcome_leaves_it_unknown() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    let store = env.service.app.store.clone();
    env.meanwhile("capture", move || {
        // From here on every write fails, as when the disk is gone.
        let store = store.clone();
        Box::pin(async move { store.close().await })
    });
    env.act(&id, "capture", &json!({})).await;
    let done = async || !env.effects(EffectKind::Captured).is_empty();
    env.eventually("the provider has captured", done).await;
    env.advance(TimeDelta::seconds(1));
    let env = env.start_again().await;
    let before = env.get(&id).await;
    assert_eq!(
        before["amounts"]["captured"], "0.00",
        "no callback has come: {before:#}"
    );
    assert_eq!(
        before["amounts"]["in_doubt"], "1000.00",
        "and it counts as taken"
    );
    // The lease of the process that is gone.
    env.advance(TimeDelta::seconds(31));
    let most = TimeDelta::hours(1);
    let seen = env
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
            env.sent("capture").len(),
            env.effects(EffectKind::Captured).len()
        ),
        (1, 1)
    );
}
