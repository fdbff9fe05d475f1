//! What is done to reservations, and one-time payment links.

use axum::http::header;
use domain::reservation::{LedgerRow, LineAmount, RowKind};
use domain::{Fact, IntentFact, Money, ProviderFact, ReservationId};
use serde_json::{Value, json};

use testkit::named;
use testkit::service::{Service, booking, now, request};

#[tokio::test]
async fn actions_answer_with_the_job_that_carries_them() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let path = |action: &str| format!("/v1/reservations/{id}/{action}");
    let job = service
        .post(
            &path("capture"),
            &json!({"amount": "400.00", "note": "Night 1"}),
        )
        .await
        .ok(202);
    let expected = [
        "id",
        "kind",
        "state",
        "merchant",
        "reservation",
        "reference",
        "run_at",
        "deadline",
        "attempts_used",
        "max_attempts",
        "waiting_for",
        "last_error",
        "result",
        "created_by",
        "created_at",
        "finished_at",
    ];
    for key in expected {
        assert!(job.get(key).is_some(), "{key}");
    }
    assert_eq!(job.as_object().expect("object").len(), expected.len());
    assert_eq!(
        (&job["kind"], &job["created_by"]),
        (&json!("capture"), &json!("key:admin"))
    );
    assert_eq!(
        (&job["reservation"], &job["reference"]),
        (&json!(id), &json!("BOOK-1"))
    );
    let again = service
        .post(
            &path("capture"),
            &json!({"amount": "400.00", "note": "Night 1"}),
        )
        .await
        .ok(202);
    assert_eq!(
        again["id"], job["id"],
        "the same capture, asked for twice, is one"
    );
    let refresh = service.send(
        request("POST", &path("refresh"))
            .body(axum::body::Body::empty())
            .expect("request"),
    );
    assert_eq!(refresh.await.ok(202)["kind"], "refresh");
    let charge = json!({"lines": [{"name": "Cleaning", "rate": 250, "tax_percent": 25, "amount": "250.00"}]});
    assert_eq!(
        service.post(&path("charge"), &charge).await.ok(202)["kind"],
        "charge"
    );
}

/// The jobs of one kind.
async fn jobs(service: &Service, id: &ReservationId, kind: &str) -> Vec<Value> {
    let page = service
        .get(&format!("/v1/jobs?reservation={id}&kind={kind}"))
        .await
        .ok(200);
    page["data"].as_array().expect("data").clone()
}

#[tokio::test]
async fn case_074_two_clicks_on_a_capture_are_one_operation_whoever_makes_them() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let path = |action: &str| format!("/v1/reservations/{id}/{action}");
    for (kind, body) in [
        ("capture", json!({"amount": "400.00"})),
        (
            "capture",
            json!({"lines": [{"line": 1, "amount": "500.00"}]}),
        ),
        ("capture", json!({})),
    ] {
        let before = jobs(&service, &id, kind).await.len();
        let path = path(kind);
        let (first, second) = tokio::join!(service.post(&path, &body), service.post(&path, &body));
        let (first, second) = (first.ok(202), second.ok(202));
        assert_eq!(first["id"], second["id"], "{body}");
        assert_eq!(jobs(&service, &id, kind).await.len(), before + 1, "{body}");
    }
    let seen = service.get(&format!("/v1/reservations/{id}")).await.ok(200);
    let planned = seen["schedule"]
        .as_array()
        .expect("jobs")
        .iter()
        .filter(|job| job["kind"] == "capture");
    assert_eq!(
        planned.count(),
        3,
        "who looks sees what the first one asked for: {seen}"
    );
    for (body, field) in [
        (json!({"amount": "450.00"}), "amount"),
        (json!({"amount": "400.00", "note": "\n"}), "note"),
    ] {
        assert_eq!(
            service.post(&path("capture"), &body).await.fields(),
            [field],
            "{body} is no second click"
        );
    }
}

/// The request of the only planned intent is lost: its outcome is unknown.
async fn lost(service: &Service, id: &ReservationId) {
    let stored = service
        .app
        .store
        .reservation(id)
        .await
        .expect("read")
        .expect("reservation");
    let mut open = stored.reservation.open_intents();
    let (intent, at) = (open.next().expect("an intent").id.clone(), now());
    assert!(open.next().is_none(), "one at a time");
    service
        .record(
            id,
            &[
                Fact::Intent(
                    intent.clone(),
                    IntentFact::AttemptWritten { attempt: 1, at },
                ),
                Fact::Intent(intent.clone(), IntentFact::AttemptSent { attempt: 1, at }),
                Fact::Intent(
                    intent,
                    IntentFact::OutcomeUnknown {
                        reason: "timeout".to_owned(),
                    },
                ),
            ],
        )
        .await;
}

#[tokio::test]
async fn a_capture_over_the_head_room_names_what_was_asked_what_is_left_and_what_is_unknown() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let path = format!("/v1/reservations/{id}/capture");
    service
        .post(&path, &json!({"amount": "400.00"}))
        .await
        .ok(202);
    lost(&service, &id).await;
    let line = json!([{"line": 1, "amount": "600.01"}]);
    for (body, field, asked) in [
        (json!({"amount": "700.00"}), "amount", "700.00"),
        (json!({"lines": line}), "lines", "600.01"),
    ] {
        let answer = service.post(&path, &body).await;
        assert_eq!(answer.fields(), [field]);
        let detail = answer.body["errors"][0]["message"]
            .as_str()
            .expect("a message");
        for words in [
            asked,
            "600.00 can still be captured",
            "400.00 is unknown and counts as captured",
        ] {
            assert!(detail.contains(words), "{words}: {detail}");
        }
    }
}

#[tokio::test]
async fn case_077_a_refund_over_the_head_room_names_what_was_asked_what_is_left_and_what_is_unknown()
 {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let at = now();
    let row = LedgerRow {
        kind: RowKind::Capture,
        amount: Money::kroner(1000),
        lines: vec![LineAmount {
            line: 1,
            amount: Money::kroner(1000),
        }],
        reference: Some(named("CAP1")),
        alias: None,
        at,
        intent: None,
        confirmed: true,
        refunded_seen: Money::ZERO,
    };
    service
        .record(&id, &[Fact::Provider(ProviderFact::RowPosted { row })])
        .await;
    let path = format!("/v1/reservations/{id}/refund");
    let asked = json!({"source": "captured", "amount": "800.00"});
    let first = service.post(&path, &asked).await.ok(202);
    assert_eq!(
        service.post(&path, &asked).await.ok(202)["id"],
        first["id"],
        "a second click is the first refund"
    );
    lost(&service, &id).await;
    let answer = service
        .post(&path, &json!({"source": "captured", "amount": "300.00"}))
        .await;
    assert_eq!(answer.fields(), ["amount"]);
    let detail = answer.body["errors"][0]["message"]
        .as_str()
        .expect("a message");
    let shown = "asks for 300.00, and 200.00 can still be refunded; 800.00 is unknown and counts as refunded";
    assert_eq!(detail, shown);
}

#[tokio::test]
async fn an_action_finds_its_reservation_by_reference() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let job = service
        .post(
            "/v1/reservations/ref:BOOK-1/cancel?merchant=default",
            &json!({"note": "Moved"}),
        )
        .await;
    assert_eq!(job.ok(202)["kind"], "cancel");
    let missing = service
        .post(
            "/v1/reservations/ref:BOOK-2/cancel",
            &json!({"note": "Moved"}),
        )
        .await;
    assert_eq!(missing.problem(404), "not_found");
}

#[tokio::test]
async fn a_delivery_is_counted_once() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let path = format!("/v1/reservations/{id}/delivery");
    let part = json!({"event_id": "D-1", "lines": [{"line": 1, "amount": "400.00"}]});
    for _ in 0..2 {
        let shown = service.post(&path, &part).await.ok(202);
        assert_eq!(shown["lines"][0]["delivered"], "400.00");
    }
    let shown = service
        .post(&path, &json!({"event_id": "D-2"}))
        .await
        .ok(202);
    assert_eq!(shown["lines"][0]["delivered"], "1000.00");
    let kinds: Vec<&Value> = shown["schedule"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| &job["kind"])
        .collect();
    assert!(kinds.contains(&&json!("capture")), "{kinds:?}");
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_a_conflict_with_a_code() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    let note = json!({"note": "Why"});
    let charge = json!({"lines": [{"name": "Cleaning", "rate": 1, "tax_percent": 0, "amount": 1}]});
    for (action, body, code) in [
        ("capture", json!({}), "not_held"),
        ("charge", charge, "no_card"),
        (
            "refund",
            json!({"source": "captured"}),
            "nothing_refundable",
        ),
        ("complete", note.clone(), "no_money_taken"),
        ("resend", json!({}), "no_open_link"),
        ("refresh", json!({}), "not_at_provider"),
    ] {
        let answer = service
            .post(&format!("/v1/reservations/{id}/{action}"), &body)
            .await;
        assert_eq!(answer.problem(409), code, "{action}");
    }
}

#[tokio::test]
async fn wrong_bodies_of_actions_are_told_by_their_field() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    for (action, body, field) in [
        ("delivery", json!({}), "event_id"),
        ("delivery", json!({"event_id": ""}), "event_id"),
        (
            "delivery",
            json!({"event_id": "D", "delivered_at": "2999-01-01T00:00:00Z"}),
            "delivered_at",
        ),
        (
            "delivery",
            json!({"event_id": "D", "lines": [{"line": 2, "amount": "1.00"}]}),
            "lines[0].line",
        ),
        (
            "delivery",
            json!({"event_id": "D", "lines": [{"line": 1, "amount": "-1"}]}),
            "lines[0].amount",
        ),
        ("capture", json!({"amount": "1000.01"}), "amount"),
        ("capture", json!({"amount": "1.00", "lines": []}), "amount"),
        ("capture", json!({"amuont": "1.00"}), "amuont"),
        ("capture", json!([]), ""),
        ("charge", json!({"lines": []}), "lines"),
        (
            "charge",
            json!({"lines": [{"name": "", "rate": 1, "tax_percent": 0, "amount": 1}]}),
            "lines[0].name",
        ),
        ("refund", json!({"source": "elsewhere"}), "source"),
        ("cancel", json!({}), "note"),
        ("cancel", json!({"note": ""}), "note"),
        ("complete", json!({"note": 5}), "note"),
        ("resend", json!({"email": "kari"}), "email"),
        ("resend", json!({"msisdn": "46567468"}), "country_code"),
        ("pause", json!({"why": "x"}), "why"),
    ] {
        let answer = service
            .post(&format!("/v1/reservations/{id}/{action}"), &body)
            .await;
        assert_eq!(answer.fields(), [field], "{action} {body}");
    }
    let typed = request("POST", &format!("/v1/reservations/{id}/capture"))
        .header(header::CONTENT_TYPE, "text/plain");
    let answer = service
        .send(typed.body("{}".into()).expect("request"))
        .await;
    assert_eq!(answer.problem(415), "unsupported_media_type");
}

#[tokio::test]
async fn a_reservation_is_paused_and_resumed() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    for (action, control) in [("pause", "paused"), ("pause", "paused"), ("resume", "auto")] {
        let shown = service
            .post(&format!("/v1/reservations/{id}/{action}"), &json!({}))
            .await
            .ok(200);
        assert_eq!(shown["control"], control);
    }
}

fn link() -> Value {
    let mut customer = booking()["customer"].clone();
    customer["personal_number"] = Value::Null;
    json!({
        "reference": "LINK-1", "customer": customer, "method": "visa",
        "lines": [{"name": "Extra bed", "quantity": 2, "rate": "100.00", "tax_percent": 25, "amount": "200.00"}],
        "success_url": "https://b.no/ok", "failure_url": "https://b.no/no"
    })
}

#[tokio::test]
async fn a_payment_link_is_taken_as_a_job() {
    let service = Service::start().await;
    let job = service.post("/v1/payment-links", &link()).await.ok(202);
    assert_eq!(
        (&job["kind"], &job["reference"]),
        (&json!("payment_link"), &json!("LINK-1"))
    );
    assert_eq!(
        (&job["reservation"], &job["result"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn wrong_payment_links_are_told_by_their_field() {
    let service = Service::start().await;
    for (pointer, wrong, field) in [
        ("/reference", json!(""), "reference"),
        ("/customer/email", json!("kari"), "customer.email"),
        ("/lines", json!([]), "lines"),
        ("/lines/0/quantity", json!(0), "lines[0].quantity"),
        ("/lines/0/quantity", json!(-1), "lines[0].quantity"),
        ("/lines/0/amount", json!("199.00"), "lines[0].amount"),
        ("/method", json!("cash"), "method"),
        ("/success_url", json!("ftp://b.no"), "success_url"),
    ] {
        let mut body = link();
        *body.pointer_mut(pointer).expect("pointer") = wrong;
        let answer = service.post("/v1/payment-links", &body).await;
        assert!(
            answer.fields().contains(&field),
            "{pointer}: {}",
            answer.body
        );
    }
    assert_eq!(service.written().await, (0, 0));
}
