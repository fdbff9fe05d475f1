//! `Idempotency-Key`.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use store::ReservationFilter;

use testkit::service::{ADMIN_KEY, Service, booking, json_request};

fn keyed(path: &str, body: &Value, key: &str) -> Request<Body> {
    let mut request = json_request(path, body.to_string());
    request
        .headers_mut()
        .insert("idempotency-key", key.parse().expect("header"));
    request
}

#[tokio::test]
async fn case_017_the_same_request_gets_the_same_answer_and_another_one_is_refused() {
    let service = Service::start().await;
    let body = booking();
    let first = service.send(keyed("/v1/reservations", &body, "k-1")).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let first = first.ok(202);
    let second = service.send(keyed("/v1/reservations", &body, "k-1")).await;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(second.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(second.ok(202), first);
    let mut other = body.clone();
    other["reference"] = json!("BOOK-2");
    let answer = service.send(keyed("/v1/reservations", &other, "k-1")).await;
    assert_eq!(answer.problem(422), "idempotency_key_reused");
    let other_route = service.send(keyed("/v1/payment-links", &body, "k-1")).await;
    assert_eq!(other_route.problem(422), "idempotency_key_reused");
    service
        .send(keyed("/v1/reservations", &other, "k-2"))
        .await
        .ok(202);
    assert_eq!(service.written().await.0, 2);
}

#[tokio::test]
async fn case_017_a_request_that_is_still_running_is_a_conflict() {
    let service = Service::start().await;
    let body = booking();
    let mut waiting = keyed("/v1/reservations", &body, "k-1");
    waiting
        .headers_mut()
        .insert("prefer", "wait=30".parse().expect("header"));
    let second = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
        let id = loop {
            ticks.tick().await;
            let taken = service
                .app
                .store
                .reservations(&ReservationFilter::default(), 1, None)
                .await
                .expect("read")
                .items
                .pop();
            if let Some(taken) = taken {
                break taken.reservation.id;
            }
        };
        let answer = service.send(keyed("/v1/reservations", &body, "k-1")).await;
        service.linked(&id).await;
        answer
    };
    let (first, second) = tokio::join!(service.send(waiting), second);
    assert_eq!(second.problem(409), "idempotency_key_running");
    first.ok(201);
}

#[tokio::test]
async fn the_work_goes_on_and_its_answer_is_kept_when_the_client_goes_away() {
    let service = Service::start().await;
    let body = booking();
    let mut waiting = keyed("/v1/reservations", &body, "k-1");
    waiting
        .headers_mut()
        .insert("prefer", "wait=30".parse().expect("header"));
    let taken = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
        loop {
            ticks.tick().await;
            if let Some(taken) = service
                .app
                .store
                .reservations(&ReservationFilter::default(), 1, None)
                .await
                .expect("read")
                .items
                .pop()
            {
                break taken.reservation.id;
            }
        }
    };
    let id = tokio::select! {
        _ = service.send(waiting) => panic!("it was to wait"),
        id = taken => id,
    };
    service.linked(&id).await;
    // As long as the first runs on without its client, the key is running; then it has an answer.
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
    let answer = loop {
        ticks.tick().await;
        let answer = service.send(keyed("/v1/reservations", &body, "k-1")).await;
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!(answer.headers["idempotent-replayed"], "true");
    assert_eq!(answer.ok(201)["id"], id.as_str());
}

#[tokio::test]
async fn a_request_that_changed_nothing_gives_its_key_back() {
    let service = Service::start().await;
    let mut body = booking();
    body["customer"]["email"] = json!("kari");
    for _ in 0..2 {
        let answer = service.send(keyed("/v1/reservations", &body, "k-1")).await;
        assert!(!answer.headers.contains_key("idempotent-replayed"));
        assert_eq!(answer.fields(), ["customer.email"]);
    }
    service
        .send(keyed("/v1/reservations", &booking(), "k-1"))
        .await
        .ok(202);
}

#[tokio::test]
async fn keys_have_a_form_and_need_the_key_of_the_api() {
    let service = Service::start().await;
    for key in ["", "bl\u{e5}b\u{e6}r", &"x".repeat(256)] {
        let mut request = json_request("/v1/reservations", booking().to_string());
        let value = axum::http::HeaderValue::from_bytes(key.as_bytes()).expect("header");
        request.headers_mut().insert("idempotency-key", value);
        assert_eq!(
            service.send(request).await.problem(400),
            "idempotency_key_invalid",
            "{key}"
        );
    }
    let mut request = keyed("/v1/reservations", &booking(), "k-1");
    request.headers_mut().remove(header::AUTHORIZATION);
    assert_eq!(service.send(request).await.problem(401), "unauthorized");
    assert_eq!(service.written().await, (0, 0));
    let long = keyed("/v1/reservations", &json!("x".repeat(300_000)), "k-2");
    assert!(
        long.headers()[header::AUTHORIZATION]
            .to_str()
            .expect("text")
            .contains(ADMIN_KEY)
    );
    assert_eq!(service.send(long).await.problem(413), "body_too_large");
}
