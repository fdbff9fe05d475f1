//! Reservations: taken, read, listed, and their timeline.

use std::sync::Arc;

use axum::body::Body;
use chrono::TimeDelta;
use domain::{Fact, JobState, ReviewFact};
use serde_json::{Value, json};
use store::ReservationFilter;
use tokio::time::{Duration, interval};

use testkit::service::{Service, booking, json_request, now, request};

#[tokio::test]
async fn a_booking_is_taken_and_its_submit_is_due() {
    let service = Service::start().await;
    let body = booking();
    let taken = service.post("/v1/reservations", &body).await.ok(202);
    let keys: Vec<&str> = taken
        .as_object()
        .expect("object")
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "id",
        "merchant",
        "reference",
        "status",
        "control",
        "provider",
        "payment_url",
        "currency",
        "amounts",
        "deadlines",
        "lines",
        "ledger",
        "schedule",
        "review",
        "created_at",
        "updated_at",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert!(taken["id"].as_str().expect("id").starts_with("rsv_"));
    assert_eq!(taken["merchant"], "default");
    assert_eq!(taken["reference"], "BOOK-1001");
    assert_eq!(
        (&taken["status"], &taken["control"]),
        (&json!("submitting"), &json!("auto"))
    );
    assert_eq!(
        taken["provider"],
        json!({"reservation_uuid": null, "customer_uuid": null, "status": null})
    );
    assert_eq!(taken["currency"], "NOK");
    let amounts = json!({"total": "1000.00", "reserved": "0.00", "captured": "0.00", "charged": "0.00",
        "refunded": "0.00", "in_doubt": "0.00"});
    assert_eq!(taken["amounts"], amounts);
    assert_eq!(
        (&taken["deadlines"]["capture_by"], &taken["review"]),
        (&Value::Null, &Value::Null)
    );
    let line = json!({"line": 1, "name": "Cabin, 2 nights", "product_id": "CAB-2", "amount": "1000.00",
        "delivered": "0.00", "captured": "0.00"});
    assert_eq!(taken["lines"], json!([line]));
    assert_eq!(taken["schedule"][0]["kind"], "submit");
    assert_eq!(taken["schedule"][0]["state"], JobState::Available.as_str());
    assert!(!taken.to_string().contains("Nordmann"), "{taken}");
    assert_eq!(service.written().await, (1, 1));
}

#[tokio::test]
async fn the_least_that_a_booking_needs_is_enough() {
    let service = Service::start().await;
    let mut body = booking();
    for optional in [
        "merchant",
        "send",
        "checkout",
        "charge_validity",
        "notes",
        "terms",
        "settings",
        "policy",
    ] {
        body.as_object_mut().expect("object").remove(optional);
    }
    for optional in ["personal_number", "organization_id", "language"] {
        body["customer"]
            .as_object_mut()
            .expect("object")
            .remove(optional);
    }
    body["lines"][0] = json!({"name": "Cabin", "rate": 1000, "tax_percent": 0, "amount": 1000.5});
    let taken = service.post("/v1/reservations", &body).await.ok(202);
    assert_eq!(
        (&taken["merchant"], &taken["amounts"]["total"]),
        (&json!("default"), &json!("1000.50"))
    );
    body["reference"] = json!("BOOK-1002");
    body["checkout"] = json!({"method": "mastercard"});
    body["policy"] = json!({"capture": {"on_delivery": "manual"}});
    service.post("/v1/reservations", &body).await.ok(202);
}

#[tokio::test]
async fn a_reference_is_taken_once_per_merchant() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1001").await;
    let answer = service.post("/v1/reservations", &booking()).await;
    assert_eq!(answer.problem(409), "reference_taken");
    assert_eq!(answer.body["reservation"], id.as_str());
    assert_eq!(service.written().await.0, 1);
}

#[tokio::test]
async fn a_reservation_is_found_by_id_and_by_reference() {
    let service = Service::start().await;
    let id = service.submitted("BOOK 10/01").await;
    for path in [
        format!("/v1/reservations/{id}"),
        "/v1/reservations/ref:BOOK%2010%2F01".to_owned(),
        format!("/v1/reservations/{id}?merchant=default"),
    ] {
        let found = service.get(&path).await.ok(200);
        assert_eq!(found["id"], id.as_str(), "{path}");
    }
    let other = service
        .get(&format!("/v1/reservations/{id}?merchant=other"))
        .await;
    assert_eq!(other.problem(404), "not_found");
}

#[tokio::test]
async fn a_reference_that_two_merchants_have_needs_the_merchant() {
    let service = Service::start().await;
    let first = service.submitted("BOOK-1001").await;
    let mut body = booking();
    body["merchant"] = json!("second");
    let second = service.post("/v1/reservations", &body).await.ok(202);
    let path = "/v1/reservations/ref:BOOK-1001";
    assert_eq!(service.get(path).await.problem(409), "ambiguous_reference");
    assert_eq!(
        service
            .get(&format!("{path}?merchant=default"))
            .await
            .ok(200)["id"],
        first.as_str()
    );
    assert_eq!(
        service
            .get(&format!("{path}?merchant=second"))
            .await
            .ok(200)["id"],
        second["id"]
    );
    let answer = service
        .post(&format!("{path}/cancel"), &json!({"note": "Moved"}))
        .await;
    assert_eq!(answer.problem(409), "ambiguous_reference");
}

#[tokio::test]
async fn lists_filter_and_turn_pages() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(service.submitted(&format!("BOOK-{number}")).await);
    }
    service.held(&ids[1]).await;
    let found = |query: &'static str| {
        let service = &service;
        async move {
            let page = service
                .get(&format!("/v1/reservations?{query}"))
                .await
                .ok(200);
            let data = page["data"].as_array().expect("data").clone();
            let references = data
                .iter()
                .map(|r| r["reference"].as_str().expect("text").to_owned());
            (references.collect::<Vec<_>>(), page["next_cursor"].clone())
        }
    };
    assert_eq!(
        found("status=held").await,
        (vec!["BOOK-1".to_owned()], Value::Null)
    );
    assert_eq!(found("status=completed").await.0.len(), 0);
    assert_eq!(
        found("reference=BOOK-3&merchant=default").await.0,
        ["BOOK-3"]
    );
    assert_eq!(found("merchant=other").await.0.len(), 0);
    assert_eq!(found("needs_review=true").await.0.len(), 0);
    assert_eq!(found("needs_review=false").await.0.len(), 5);
    assert_eq!(
        found("capture_by_before=2999-01-01T00:00:00Z").await.0,
        ["BOOK-1"]
    );
    assert_eq!(
        found("capture_by_before=2000-01-01T00:00:00Z")
            .await
            .0
            .len(),
        0
    );
    let (first, cursor) = found("limit=2").await;
    assert_eq!(first, ["BOOK-4", "BOOK-3"]);
    let path = format!(
        "/v1/reservations?limit=3&cursor={}",
        cursor.as_str().expect("cursor")
    );
    let rest = service.get(&path).await.ok(200);
    assert_eq!(rest["data"].as_array().expect("data").len(), 3);
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_timeline_tells_what_happened_oldest_first() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let path = format!("/v1/reservations/{id}/events");
    let all = service.get(&path).await.ok(200);
    let names: Vec<&str> = all["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|event| event["type"].as_str().expect("name"))
        .collect();
    assert_eq!(names.first(), Some(&"reservation_created"));
    assert_eq!(names.last(), Some(&"hold_placed"));
    assert_eq!(all["data"][0]["seq"], 1);
    assert_eq!(all["data"][0]["actor"], "key:admin");
    let last = all["data"].as_array().expect("data").last().expect("event");
    assert_eq!(
        (&last["actor"], &last["data"]["amount"]),
        (&json!("worker"), &json!("1000.00"))
    );
    assert_eq!(
        (&last["merchant"], &last["reservation"]),
        (&json!("default"), &json!(id))
    );
    let first = service.get(&format!("{path}?limit=2")).await.ok(200);
    assert_eq!(first["next_cursor"], "2");
    let second = service
        .get(&format!("{path}?limit=2&cursor=2"))
        .await
        .ok(200);
    assert_eq!(second["data"][0]["seq"], 3);
}

#[tokio::test]
async fn a_held_reservation_shows_its_deadlines_and_what_needs_a_person() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let shown = service.get(&format!("/v1/reservations/{id}")).await.ok(200);
    assert_eq!(
        (&shown["status"], &shown["amounts"]["reserved"]),
        (&json!("held"), &json!("1000.00"))
    );
    assert_eq!(shown["payment_url"], "https://pay.example.no/RES4161996022");
    for deadline in ["payment_link_due", "capture_by", "charge_by"] {
        let text = shown["deadlines"][deadline].as_str().expect("time");
        assert!(
            text.ends_with('Z') && text.parse::<chrono::DateTime<chrono::Utc>>().is_ok(),
            "{text}"
        );
    }
    let kinds: Vec<&Value> = shown["schedule"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| &job["kind"])
        .collect();
    assert!(
        kinds.contains(&&json!("deadline")) && !kinds.contains(&&json!("submit")),
        "{kinds:?}"
    );
    for (reason, freezes, control) in [
        (
            domain::reservation::ReviewReason::ProviderRefused,
            false,
            "auto",
        ),
        (
            domain::reservation::ReviewReason::Incoherent,
            true,
            "frozen",
        ),
    ] {
        let at = now() + TimeDelta::seconds(i64::from(freezes));
        service
            .record(
                &id,
                &[Fact::Review(ReviewFact::Raised {
                    reason,
                    freezes,
                    at,
                })],
            )
            .await;
        let shown = service.get(&format!("/v1/reservations/{id}")).await.ok(200);
        assert_eq!(shown["control"], control);
        let gravest = if freezes {
            "incoherent"
        } else {
            "provider_refused"
        };
        assert_eq!(
            shown["review"]["reason"], gravest,
            "what stops it is shown first"
        );
        assert!(shown["review"]["message"].is_string() && shown["review"]["since"].is_string());
    }
}

#[tokio::test]
async fn a_client_that_prefers_to_wait_is_answered_once_the_provider_has_it() {
    let service = Arc::new(Service::start().await);
    let waiting = tokio::spawn({
        let service = Arc::clone(&service);
        async move {
            let mut request = json_request("/v1/reservations", booking().to_string());
            request
                .headers_mut()
                .insert("prefer", "wait=30".parse().expect("header"));
            service.send(request).await
        }
    });
    let mut ticks = interval(Duration::from_millis(10));
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
        assert!(!waiting.is_finished(), "it is not taken");
    };
    service.linked(&id).await;
    let answer = waiting.await.expect("task");
    assert_eq!(answer.headers["preference-applied"], "wait");
    let body = answer.ok(201);
    assert_eq!(body["status"], "awaiting_payment");
    assert_eq!(body["provider"]["reservation_uuid"], "RES4161996022");
}

#[tokio::test]
async fn a_wait_that_is_over_answers_with_what_there_is() {
    let service = Service::start().await;
    let mut waiting = json_request("/v1/reservations", booking().to_string());
    waiting
        .headers_mut()
        .insert("prefer", "wait=0".parse().expect("header"));
    let answer = service.send(waiting).await;
    assert_eq!(answer.headers["preference-applied"], "wait");
    assert_eq!(answer.ok(202)["status"], "submitting");
    let plain = request("GET", "/v1/reservations")
        .body(Body::empty())
        .expect("request");
    assert!(
        !service
            .send(plain)
            .await
            .headers
            .contains_key("preference-applied")
    );
}
