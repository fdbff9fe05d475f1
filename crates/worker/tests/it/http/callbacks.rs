//! The path of the provider's callbacks.

use api_client::callback::{Formula, sign};
use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use crate::support::{Answer, CALLBACK_SECRET, Service};

async fn call(service: &Service, path: &str) -> Answer {
    // The provider sends no key.
    service.send(Request::builder().uri(path).body(Body::empty()).expect("request")).await
}

fn genuine(uuid: &str) -> String {
    let pairs = [
        ("orderUuid", uuid),
        ("status", "RESEVRED"),
        ("createdAt", "1767225600"),
        ("timestamp", "1767225660"),
        ("paymentMethod", "Visa"),
        ("amount", "1000.00"),
    ];
    let checksum = sign(Formula::F3All, &pairs, &CALLBACK_SECRET.into());
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&checksum={checksum}", query.join("&"))
}

#[tokio::test]
async fn answers_say_whether_it_was_taken_and_nothing_else() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.linked(&id).await;
    let stored = service.app.store.reservation(&id).await.expect("read").expect("reservation");
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
        assert_eq!((answer.status.as_u16(), &answer.body), (status, &Value::Null), "{path}");
    }
    let jobs = service.get(&format!("/v1/jobs?reservation={id}&kind=refresh&state=available")).await.ok(200);
    assert_eq!(jobs["data"].as_array().expect("data").len(), 1, "two callbacks are one read");
}

#[tokio::test]
async fn case_035_a_callback_that_cannot_be_stored_may_come_again() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    let token = service.app.store.reservation(&id).await.expect("read").expect("reservation").callback_token;
    service.app.store.close().await;
    assert_eq!(call(&service, &format!("/callbacks/{token}?{}", genuine("RES1"))).await.status, 503);
    assert_eq!(call(&service, "/healthz").await.ok(200)["status"], "ok");
    assert_eq!(call(&service, "/readyz").await.problem(503), "not_ready");
    let answer = service.get("/v1/reservations").await;
    assert_eq!(answer.problem(500), "internal");
    assert!(!answer.body.to_string().to_lowercase().contains("pool"), "{}", answer.body);
}
