//! The path of the provider's callbacks.

use api_client::callback::{Formula, sign};
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, Utc};
use serde_json::Value;

use testkit::service::{Answer, CALLBACK_SECRET, Service, now};

async fn call(service: &Service, path: &str) -> Answer {
    // The provider sends no key.
    service
        .send(
            Request::builder()
                .uri(path)
                .body(Body::empty())
                .expect("request"),
        )
        .await
}

fn genuine(uuid: &str) -> String {
    query_of(uuid, "RESEVRED", "1767225600", "1767225660")
}

fn query_of(uuid: &str, status: &str, created_at: &str, timestamp: &str) -> String {
    let pairs = [
        ("orderUuid", uuid),
        ("status", status),
        ("createdAt", created_at),
        ("timestamp", timestamp),
        ("paymentMethod", "Visa"),
        ("amount", "1000.00"),
    ];
    let checksum = sign(Formula::F3All, &pairs, &CALLBACK_SECRET.into());
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{}&checksum={checksum}", query.join("&"))
}

#[tokio::test]
async fn answers_say_whether_it_was_taken_and_nothing_else() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.linked(&id).await;
    let stored = service
        .app
        .store
        .reservation(&id)
        .await
        .expect("read")
        .expect("reservation");
    let token = stored.callback_token;
    let query = genuine("RES4161996022");
    let forged = query.replace("1000.00", "9000.00");
    for (path, status) in [
        (format!("/callbacks/{token}"), 403),
        (format!("/callbacks/{token}?{forged}"), 403),
        (format!("/callbacks/{token}?{}", genuine("RES1")), 403),
        (format!("/callbacks/{token}?{query}"), 200),
        (format!("/callbacks/{token}?{query}"), 200),
        (format!("/callbacks/{}?{query}", "0".repeat(64)), 404),
        (format!("/callbacks/%2e%2e?{query}"), 404),
        (format!("/callbacks/{}", "a".repeat(5_000)), 404),
    ] {
        let answer = call(&service, &path).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body),
            (status, &Value::Null),
            "{path}"
        );
    }
    let jobs = service
        .get(&format!(
            "/v1/jobs?reservation={id}&kind=refresh&state=available"
        ))
        .await
        .ok(200);
    assert_eq!(
        jobs["data"].as_array().expect("data").len(),
        1,
        "two callbacks are one read"
    );
}

#[tokio::test]
async fn case_035_a_callback_that_cannot_be_stored_may_come_again() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    let token = service
        .app
        .store
        .reservation(&id)
        .await
        .expect("read")
        .expect("reservation")
        .callback_token;
    service.app.store.close().await;
    assert_eq!(
        call(&service, &format!("/callbacks/{token}?{}", genuine("RES1")))
            .await
            .status,
        503
    );
    assert_eq!(call(&service, "/healthz").await.ok(200)["status"], "ok");
    assert_eq!(call(&service, "/readyz").await.problem(503), "not_ready");
    let answer = service.get("/v1/reservations").await;
    assert_eq!(answer.problem(500), "internal");
    assert!(
        !answer.body.to_string().to_lowercase().contains("pool"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn case_157_the_times_in_a_callback_order_and_date_nothing() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.linked(&id).await;
    let token = service
        .app
        .store
        .reservation(&id)
        .await
        .expect("read")
        .expect("reservation")
        .callback_token;
    let began = now();
    // The order's creation lies behind, before or after what the callback says of it, and so may the time of sending.
    for (status, created_at, timestamp) in [
        ("COMPLETED", "978307200", "978307260"),
        ("RESERVED", "4102444800", "4102444860"),
        ("CAPTURED", "1767225600", "0"),
        ("RESERVED", "x", "NaN"),
    ] {
        let query = query_of("RES4161996022", status, created_at, timestamp);
        let answer = call(&service, &format!("/callbacks/{token}?{query}")).await;
        assert_eq!(answer.status, 200, "{status} {created_at} {timestamp}");
    }
    let seen = service.get(&format!("/v1/reservations/{id}")).await.ok(200);
    assert_eq!(
        seen["status"], "awaiting_payment",
        "a hint to read, in whatever order"
    );
    let events = service
        .get(&format!("/v1/reservations/{id}/events?limit=200"))
        .await
        .ok(200);
    let hints: Vec<&Value> = events["data"]
        .as_array()
        .expect("data")
        .iter()
        .filter(|event| event["actor"] == "provider")
        .collect();
    let words: Vec<&str> = hints
        .iter()
        .filter_map(|hint| hint["data"]["callback_type"].as_str())
        .collect();
    assert_eq!(
        words,
        ["COMPLETED", "RESERVED", "CAPTURED", "RESERVED"],
        "in the order in which they came"
    );
    for hint in &hints {
        assert_eq!(hint["type"], "callback_received");
        for at in [&hint["at"], &hint["data"]["received_at"]] {
            let at: DateTime<Utc> = at.as_str().expect("time").parse().expect("time");
            assert!((began..=now()).contains(&at), "{at}");
        }
    }
    let planned = seen["schedule"].as_array().expect("a list");
    let reads = planned
        .iter()
        .filter(|job| job["kind"] == "refresh")
        .count();
    assert_eq!(reads, 1, "one read is wanted once: {planned:?}");
}
