//! Every field of `POST /v1/reservations` missing, of another type, out of range, unknown or hostile.

use chrono::TimeDelta;
use serde_json::{Value, json};

use testkit::service::{Service, booking, json_request, now};

/// Fields that have to be there, below the objects that hold them.
const REQUIRED: [&str; 19] = [
    "/reference",
    "/customer",
    "/customer/type",
    "/customer/name",
    "/customer/email",
    "/customer/country_code",
    "/customer/msisdn",
    "/customer/address",
    "/customer/address/street",
    "/customer/address/zip",
    "/customer/address/city",
    "/customer/address/country",
    "/lines",
    "/lines/0/name",
    "/lines/0/rate",
    "/lines/0/tax_percent",
    "/lines/0/amount",
    "/payment_link_due",
    "/checkout/method",
];

/// Fields that may be left out, and yet are not null.
const NOT_NULL: [&str; 12] = [
    "/lines/0",
    "/send",
    "/send/sms",
    "/send/email",
    "/settings",
    "/settings/secure_details",
    "/settings/charge_partially_refundable",
    "/policy",
    "/policy/reminders/at/0",
    "/policy/reminders/at/1",
    "/policy/reminders/channels/0",
    "/policy/warnings/at/0",
];

/// Every value of a tree by its JSON pointer, the root left out.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{at}/{key}");
        found.push(pointer.clone());
        pointers(child, &pointer, found);
    }
}

/// `/lines/0/amount` as the API writes it: `lines[0].amount`.
fn field(pointer: &str) -> String {
    let mut path = String::new();
    for key in pointer.split('/').skip(1) {
        if key.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{key}]"));
        } else {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(key);
        }
    }
    path
}

/// What does not fit in the place of `value`, whatever it is for.
fn hostile(value: &Value, pointer: &str) -> Vec<Value> {
    let mut values = vec![
        json!(1e300),
        json!(-1),
        json!("\u{0}"),
        json!("x".repeat(100_000)),
        json!("💣\u{202e}'--"),
    ];
    values.extend([
        json!(true),
        json!([]),
        json!({}),
        json!([{}]),
        json!({"": {}}),
    ]);
    if REQUIRED.contains(&pointer)
        || NOT_NULL.contains(&pointer)
        || pointer.starts_with("/policy/") && value.is_object()
    {
        values.push(Value::Null);
    }
    let same = |other: &Value| std::mem::discriminant(other) == std::mem::discriminant(value);
    // An empty object leaves everything out, which some objects may; a flag of the same type fits.
    let fits = |other: &Value| match other {
        Value::Object(fields) => same(other) && fields.is_empty(),
        Value::Array(items) => same(other) && items.is_empty(),
        Value::Bool(_) => same(other),
        // These are texts for people, in which anything readable may stand.
        Value::String(text) => {
            let free = [
                "/name",
                "/street",
                "/city",
                "/zip",
                "/reference",
                "/product_id",
                "/notes",
                "/terms",
                "/legal_basis",
                "/language",
            ];
            text.starts_with('💣') && free.iter().any(|end| pointer.ends_with(end))
        }
        _ => false,
    };
    values.retain(|other| !fits(other));
    values
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).expect("pointer") = value;
    body
}

async fn assert_refused(service: &Service, body: &str, field: &str, why: &str) {
    let answer = service
        .send(json_request("/v1/reservations", body.to_owned()))
        .await;
    let shown: String = body.chars().take(60).collect();
    assert_eq!(answer.status, 422, "{field} {why} {shown}: {}", answer.body);
    let named = answer.fields();
    let below = |named: &&str| named.starts_with(field);
    assert!(named.iter().any(below), "{field} {why} {shown}: {named:?}");
    let length = answer.body.to_string().len();
    assert!(
        length < 8_000,
        "{field} {why}: the answer repeats the input, {length} bytes"
    );
}

#[tokio::test]
async fn each_value_of_another_type_out_of_range_or_hostile_is_refused_by_its_path() {
    let service = Service::start().await;
    let mut all = Vec::new();
    pointers(&booking(), "", &mut all);
    assert!(all.len() > 60, "{}", all.len());
    for pointer in &all {
        let value = booking().pointer(pointer).expect("pointer").clone();
        for wrong in hostile(&value, pointer) {
            let body = with(booking(), pointer, wrong).to_string();
            assert_refused(&service, &body, &field(pointer), "hostile").await;
        }
    }
    assert_eq!(service.written().await, (0, 0));
}

#[tokio::test]
async fn each_missing_field_is_named() {
    let service = Service::start().await;
    for pointer in REQUIRED {
        let mut body = booking();
        let (parent, key) = pointer.rsplit_once('/').expect("pointer");
        body.pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .expect("object")
            .remove(key)
            .expect("field");
        assert_refused(&service, &body.to_string(), &field(pointer), "missing").await;
    }
    assert_eq!(service.written().await, (0, 0));
}

#[tokio::test]
async fn each_unknown_field_is_named_in_every_object() {
    let service = Service::start().await;
    let mut all = vec![String::new()];
    pointers(&booking(), "", &mut all);
    let mut objects = 0;
    for pointer in &all {
        let mut body = booking();
        let Some(fields) = body.pointer_mut(pointer).and_then(Value::as_object_mut) else {
            continue;
        };
        fields.insert("amuont".to_owned(), json!(1));
        objects += 1;
        assert_refused(
            &service,
            &body.to_string(),
            &field(&format!("{pointer}/amuont")),
            "unknown",
        )
        .await;
    }
    assert_eq!(objects, 13);
    let long = format!("{{\"{}\":1}}", "x".repeat(100_000));
    assert_refused(&service, &long, "xxx", "unknown").await;
    assert_eq!(service.written().await, (0, 0));
}

#[tokio::test]
async fn numbers_that_no_type_holds_are_told_by_their_field() {
    let service = Service::start().await;
    for (pointer, text) in [
        ("/lines/0/amount", "1e400"),
        ("/lines/0/rate", "-1e400"),
        ("/lines/0/tax_percent", "256"),
        ("/charge_validity", "4294967296"),
        ("/charge_validity", "99999999999999999999999999"),
        ("/send/sms", "1e999"),
    ] {
        let body = with(booking(), pointer, json!("@"))
            .to_string()
            .replace("\"@\"", text);
        assert_refused(&service, &body, &field(pointer), text).await;
    }
    assert_eq!(service.written().await, (0, 0));
}

#[tokio::test]
async fn values_out_of_range_are_told_by_their_field() {
    let service = Service::start().await;
    let line = &booking()["lines"][0];
    for (pointer, wrong) in [
        ("/reference", json!(" padded ")),
        ("/reference", json!("x".repeat(65))),
        ("/merchant", json!("elsewhere")),
        ("/customer/type", json!("robot")),
        ("/customer/email", json!("kari")),
        ("/customer/country_code", json!("00 4a")),
        ("/customer/msisdn", json!("46 56 74")),
        ("/customer/personal_number", json!("123")),
        ("/customer/organization_id", json!("NO 987")),
        ("/customer/address/country", json!("Norway")),
        ("/lines", json!([])),
        ("/lines", json!(vec![line; 501])),
        ("/lines/0/amount", json!("10.005")),
        ("/lines/0/amount", json!("1000000000.01")),
        ("/lines/0/amount", json!("NaN")),
        ("/lines/0/rate", json!(10.005)),
        ("/lines/0/tax_percent", json!(13)),
        ("/lines/0/product_id", json!("x".repeat(26))),
        ("/payment_link_due", json!("2020-01-01T00:00:00Z")),
        ("/payment_link_due", json!("2999-01-01T00:00:00Z")),
        ("/payment_link_due", json!("tomorrow")),
        ("/payment_link_due", json!("2026-12-01")),
        ("/checkout/method", json!("vipps")),
        ("/checkout/success_url", json!("http://b.no/ok")),
        ("/checkout/success_url", json!("javascript:alert(1)")),
        ("/checkout/failure_url", json!("https://user:secret@b.no/")),
        ("/charge_validity", json!(0)),
        ("/charge_validity", json!(129_601)),
        ("/notes", json!("")),
        ("/terms", json!("x".repeat(5_001))),
        ("/policy/capture/on_delivery", json!("each_delivery")),
        ("/policy/capture/act_before", json!("1h")),
        ("/policy/reminders/at", json!(["24h"])),
        ("/policy/reminders/max", json!(11)),
        ("/policy/reminders/channels", json!(["pigeon"])),
        ("/policy/completion/after", json!("never")),
        ("/policy/warnings/at", json!(vec!["1h"; 21])),
    ] {
        let body = with(booking(), pointer, wrong).to_string();
        assert_refused(&service, &body, &field(pointer), "range").await;
    }
    assert_eq!(service.written().await, (0, 0));
}

#[tokio::test]
async fn several_faults_are_told_at_once_and_a_doubled_field_is_one() {
    let service = Service::start().await;
    let mut body = booking();
    body["notes"] = json!("");
    body["customer"]["email"] = json!("kari");
    body["lines"][0]["tax_percent"] = json!(13);
    let answer = service.post("/v1/reservations", &body).await;
    assert_eq!(
        answer.fields(),
        ["notes", "customer.email", "lines[0].tax_percent"]
    );
    let twice = booking()
        .to_string()
        .replacen('{', "{\"reference\":\"A\",", 1);
    assert_refused(&service, &twice, "reference", "twice").await;
    assert_eq!(service.written().await, (0, 0));
}

#[tokio::test]
async fn case_006_a_link_due_in_less_than_ten_minutes_is_refused() {
    let service = Service::start().await;
    for (minutes, status) in [(0, 422), (9, 422), (11, 202)] {
        let due = (now() + TimeDelta::minutes(minutes)).to_rfc3339();
        let answer = service
            .post(
                "/v1/reservations",
                &with(booking(), "/payment_link_due", json!(due)),
            )
            .await;
        assert_eq!(answer.status, status, "{minutes}: {}", answer.body);
        if status == 422 {
            assert_eq!(answer.fields(), ["payment_link_due"]);
        }
    }
}

#[tokio::test]
async fn case_014_a_personal_number_without_secure_details_is_refused_and_not_repeated() {
    let service = Service::start().await;
    let number = booking()["customer"]["personal_number"]
        .as_str()
        .expect("a number")
        .to_owned();
    for settings in [json!({"secure_details": false}), json!({})] {
        let body = with(booking(), "/settings", settings);
        let answer = service.post("/v1/reservations", &body).await;
        assert_eq!(answer.fields(), ["customer.personal_number"]);
        let body = answer.body.to_string();
        assert!(
            body.contains("settings.secure_details") && !body.contains(&number),
            "{body}"
        );
    }
    assert_eq!(service.written().await, (0, 0));
    service.post("/v1/reservations", &booking()).await.ok(202);
}

#[tokio::test]
async fn case_016_a_tax_rate_that_the_merchant_does_not_have_is_refused_with_those_it_has() {
    let service = Service::start().await;
    for percent in [1, 11, 24, 100] {
        let body = with(booking(), "/lines/0/tax_percent", json!(percent));
        let answer = service.post("/v1/reservations", &body).await;
        assert_eq!(answer.fields(), ["lines[0].tax_percent"], "{percent}");
        assert!(
            answer.body.to_string().contains("0, 12, 15, 25"),
            "{}",
            answer.body
        );
    }
    assert_eq!(service.written().await, (0, 0));
}

#[tokio::test]
async fn case_054_an_amount_with_a_third_decimal_or_another_currency_is_refused() {
    let service = Service::start().await;
    for amount in [
        json!("10.005"),
        json!(10.005),
        json!("10.00 EUR"),
        json!({"amount": "10.00", "currency": "EUR"}),
    ] {
        let answer = service
            .post(
                "/v1/reservations",
                &with(booking(), "/lines/0/amount", amount.clone()),
            )
            .await;
        assert!(
            answer
                .fields()
                .iter()
                .all(|field| field.starts_with("lines[0].amount")),
            "{amount}"
        );
    }
    let mut euros = booking();
    euros["currency"] = json!("EUR");
    assert_eq!(
        service.post("/v1/reservations", &euros).await.fields(),
        ["currency"]
    );
    assert_eq!(service.written().await, (0, 0));
}
