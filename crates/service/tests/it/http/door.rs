//! What people write in many ways is taken where it can only mean one thing, and refused with advice where it cannot.

use axum::body::Body;
use serde_json::{Value, json};
use testkit::service::{ADMIN_KEY, Service, booking, request};

fn changed(reference: &str, change: impl Fn(&mut Value)) -> Value {
    let mut body = booking();
    body["reference"] = reference.into();
    change(&mut body);
    body
}

#[tokio::test]
async fn phones_are_taken_as_people_write_them() {
    let service = Service::start().await;
    let table = [
        ("+47", "46 56 74 68"),
        ("+47", "+47 46567468"),
        ("+47", "0047 46567468"),
        ("+47", "465-67-468"),
        ("47", "46567468"),
        ("0047", "46567468"),
    ];
    for (place, (code, number)) in table.into_iter().enumerate() {
        let body = changed(&format!("BOOK-{place}"), |body| {
            body["customer"]["country_code"] = code.into();
            body["customer"]["msisdn"] = number.into();
            body["customer"]["email"] = " kari@example.no ".into();
        });
        let taken = service.post("/v1/reservations", &body).await.ok(202);
        let id = taken["id"].as_str().expect("id").parse().expect("id");
        let store = &service.app.store;
        let submission = store
            .submission(&id)
            .await
            .expect("reads")
            .expect("is there");
        let customer = &submission.request["customer"];
        assert_eq!(customer["country_code"], "+47", "{code} {number}");
        assert_eq!(customer["msisdn"], "46567468", "{code} {number}");
        assert_eq!(customer["email"], "kari@example.no");
    }
}

#[tokio::test]
async fn phones_that_can_mean_no_number_are_refused_at_the_door() {
    let service = Service::start().await;
    for number in ["12345", "465674680", "+46 46567468", "٤٦٥٦٧٤٦٨", ""] {
        let body = changed("BOOK-1", |body| body["customer"]["msisdn"] = number.into());
        let answer = service.post("/v1/reservations", &body).await;
        assert_eq!(answer.fields(), ["customer.msisdn"], "{number}");
    }
}

#[tokio::test]
async fn a_line_of_nothing_is_taken_and_a_booking_of_nothing_is_not() {
    let service = Service::start().await;
    let breakfast =
        json!({"name": "Breakfast", "rate": "0.00", "tax_percent": 0, "amount": "0.00"});
    let body = changed("BOOK-1", |body| {
        body["lines"]
            .as_array_mut()
            .expect("lines")
            .push(breakfast.clone());
    });
    let taken = service.post("/v1/reservations", &body).await.ok(202);
    assert_eq!(taken["lines"][1]["amount"], "0.00");
    let body = changed("BOOK-2", |body| body["lines"] = json!([breakfast]));
    let answer = service.post("/v1/reservations", &body).await;
    assert_eq!(answer.fields(), ["lines"]);
}

#[tokio::test]
async fn a_discount_as_a_negative_line_is_refused_with_advice() {
    let service = Service::start().await;
    let body = changed("BOOK-1", |body| {
        let discount =
            json!({"name": "Discount", "rate": "-100.00", "tax_percent": 0, "amount": "-100.00"});
        body["lines"].as_array_mut().expect("lines").push(discount);
    });
    let answer = service.post("/v1/reservations", &body).await;
    assert_eq!(answer.fields(), ["lines[1].amount"]);
    let message = answer.body["errors"][0]["message"]
        .as_str()
        .expect("message");
    assert!(message.contains("take a discount off"), "{message}");
}

#[tokio::test]
async fn a_group_books_up_to_500_lines() {
    let service = Service::start().await;
    let lines = |count: usize| {
        let line = |place| json!({"name": format!("Guest {place}"), "rate": "10.00", "tax_percent": 0, "amount": "10.00"});
        Value::Array((1..=count).map(line).collect())
    };
    let body = changed("BOOK-1", |body| body["lines"] = lines(500));
    let taken = service.post("/v1/reservations", &body).await.ok(202);
    assert_eq!(taken["amounts"]["total"], "5000.00");
    let body = changed("BOOK-2", |body| body["lines"] = lines(501));
    let answer = service.post("/v1/reservations", &body).await;
    assert_eq!(answer.fields(), ["lines"]);
}

/// Posts with an `Idempotency-Key`.
async fn keyed(service: &Service, path: &str, key: &str, body: &Value) -> Value {
    let request = request("POST", path)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()))
        .expect("request");
    service.send(request).await.ok(202)
}

#[tokio::test]
async fn two_keys_are_two_wishes_and_the_same_without_a_key_is_one() {
    let service = Service::start().await;
    let id = service.submitted("BOOK-1").await;
    service.held(&id).await;
    let path = format!("/v1/reservations/{id}/charge");
    let charge = json!({"lines": [{"name": "Cleaning", "rate": "150.00", "tax_percent": 25, "amount": "150.00"}]});
    let first = keyed(&service, &path, "A", &charge).await;
    let second = keyed(&service, &path, "B", &charge).await;
    assert_ne!(
        first["id"], second["id"],
        "different keys are different wishes"
    );
    assert_eq!(second.get("warnings"), None);
    let replayed = keyed(&service, &path, "A", &charge).await;
    assert_eq!(replayed["id"], first["id"]);
    let plain = service.post(&path, &charge).await.ok(202);
    assert_eq!(plain["id"], first["id"], "one wish, whoever repeats it");
    let warning = plain["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("asked for before"), "{warning}");
    assert!(!warning.contains(ADMIN_KEY));
}
