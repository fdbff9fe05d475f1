//! Every field of every documented answer, bent in turn: what does not decide never makes an answer unreadable, and no
//! amount is made up.

use std::collections::BTreeSet;

use api_client::wire::{
    CaptureAccepted, ChargeAccepted, Details, HistoryRow, OrderDetails, OrderStatus,
    OrderSubmitted, ProviderStatus, Submitted,
};
use api_client::{Operation, Payload};
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{Scripted, fixture, judge, response};

/// A value in place of a field, as JSON text; no text takes the field away.
const BENDS: [(&str, Option<&str>); 20] = [
    ("missing", None),
    ("null", Some("null")),
    ("true", Some("true")),
    ("zero", Some("0")),
    ("one", Some("1")),
    ("negative", Some("-7.5")),
    ("many decimals", Some("0.333333333333")),
    ("huge", Some("1e30")),
    ("out of range", Some("1e999")),
    ("long number", Some("99999999999999999999999999")),
    ("empty text", Some("\"\"")),
    ("word", Some("\"garbage\"")),
    ("number as text", Some("\"77\"")),
    ("huge text", Some("\"1e30\"")),
    ("lone surrogate", Some("\"\\ud800\"")),
    ("empty list", Some("[]")),
    ("list", Some("[1,\"x\",null]")),
    ("empty object", Some("{}")),
    ("object", Some("{\"a\":{\"b\":[1]}}")),
    ("list of objects", Some("[{\"a\":1}]")),
];

/// The documented answers, and for each operation the fields below the data that decide: money, what names something,
/// and what holds them. A field of a list is named without its place.
const ANSWERS: [(&str, Operation, u16, &[&str]); 13] = [
    ("details", Operation::Details, 200, DETAILS),
    ("details_oldest", Operation::Details, 200, DETAILS),
    ("submitted", Operation::Submit, 201, &["reservationUuid"]),
    ("submitted_oldest", Operation::Submit, 202, &["orderUuid"]),
    (
        "session_created",
        Operation::CreateSession,
        201,
        &["reservationUuid"],
    ),
    ("captured", Operation::Capture, 202, &[]),
    ("charged", Operation::Charge, 202, &[]),
    ("refunded", Operation::Refund, 202, &[]),
    ("cancelled", Operation::Cancel, 202, &[]),
    ("history", Operation::History, 200, &[]),
    (
        "order_submitted",
        Operation::SubmitOrder,
        202,
        &["orderUuid"],
    ),
    (
        "order_status",
        Operation::OrderStatus,
        200,
        &["uuid", "status", "orderAmount", "refundedAmount"],
    ),
    (
        "order_details",
        Operation::OrderDetails,
        200,
        &["orderUuid"],
    ),
];

const DETAILS: &[&str] = &[
    "reservationUuid",
    "status",
    // A line without its number cannot be named to the provider.
    "productList",
    "productList[].id",
    "paymentDetails",
    "paymentDetails.reservedAmount",
    "paymentDetails.capturedAmount",
    "paymentDetails.chargedAmount",
    "paymentDetails.amountRefunded",
    "paymentDetails.amountRefunded.fromCaptured",
    "paymentDetails.amountRefunded.fromCharge",
    "paymentHistory",
    "paymentHistory.reserved",
    "paymentHistory.reserved[].amount",
    "paymentHistory.captured",
    "paymentHistory.captured[].amount",
    "paymentHistory.captured[].refunded",
    "paymentHistory.charged",
    "paymentHistory.charged[].amount",
    "paymentHistory.charged[].refunded",
    "paymentHistory.refunded",
    "paymentHistory.refunded[].amount",
];

/// The pointers to every value below a value, itself left out.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    let mut below = |key: &str, value: &Value| {
        let at = format!("{at}/{key}");
        into.push(at.clone());
        pointers(value, &at, into);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                below(&place.to_string(), item);
            }
        }
        _ => {}
    }
}

/// `/paymentHistory/captured/0/at` as `paymentHistory.captured[].at`.
fn field(pointer: &str) -> String {
    let mut name = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            name.push_str("[]");
        } else {
            let dot = if name.is_empty() { "" } else { "." };
            name = format!("{name}{dot}{part}");
        }
    }
    name
}

/// The body with this in place of what stands at the pointer below the data.
fn bent(body: &Value, pointer: &str, with: Option<&str>) -> String {
    const PLACE: &str = "@bent@";
    let mut body = body.clone();
    let at = format!("/data{pointer}");
    let (parent, key) = at.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("a parent");
    match (parent, with) {
        (Value::Object(fields), None) => drop(fields.remove(key)),
        (Value::Array(items), None) => drop(items.remove(key.parse().expect("a place"))),
        (Value::Object(fields), Some(_)) => drop(fields.insert(key.to_owned(), json!(PLACE))),
        (Value::Array(items), Some(_)) => {
            items[key.parse::<usize>().expect("a place")] = json!(PLACE);
        }
        _ => panic!("{pointer} is in no list and no object"),
    }
    let text = body.to_string();
    with.map_or(text.clone(), |with| {
        text.replace(&format!("\"{PLACE}\""), with)
    })
}

/// Every amount in a tree, in øre.
fn amounts(value: &Value, into: &mut BTreeSet<i64>) {
    match value {
        Value::Number(number) => into.extend(ore(&number.to_string())),
        Value::String(text) => into.extend(ore(text)),
        Value::Array(items) => items.iter().for_each(|item| amounts(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| amounts(field, into)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn ore(text: &str) -> Option<i64> {
    let value: f64 = text.trim().replace(',', "").parse().ok()?;
    format!("{:.2}", value.abs()).replace('.', "").parse().ok()
}

/// What is read of a body, as JSON; `None` when it cannot be read.
fn read(operation: Operation, status: u16, body: &str) -> Option<Value> {
    fn of<T: Payload + Serialize>(operation: Operation, status: u16, body: &str) -> Option<Value> {
        let value = judge::<T>(operation, status, body).accepted()?;
        Some(serde_json::to_value(value).expect("JSON"))
    }
    match operation {
        Operation::Submit | Operation::CreateSession => of::<Submitted>(operation, status, body),
        Operation::Details => of::<Details>(operation, status, body),
        Operation::Capture => of::<CaptureAccepted>(operation, status, body),
        Operation::Charge => of::<ChargeAccepted>(operation, status, body),
        Operation::History => of::<Vec<HistoryRow>>(operation, status, body),
        Operation::SubmitOrder => of::<OrderSubmitted>(operation, status, body),
        Operation::OrderStatus => of::<OrderStatus>(operation, status, body),
        Operation::OrderDetails => of::<OrderDetails>(operation, status, body),
        Operation::Cancel | Operation::Complete | Operation::Resend | Operation::Refund => {
            of::<()>(operation, status, body)
        }
    }
}

#[test]
fn a_field_that_does_not_decide_never_makes_an_answer_unreadable_and_no_amount_is_made_up() {
    let mut faults = Vec::new();
    let mut tried = 0;
    for (name, operation, status, deciding) in ANSWERS {
        let body: Value = serde_json::from_str(&fixture(name)).expect(name);
        let mut all = Vec::new();
        pointers(&body["data"], "", &mut all);
        for pointer in &all {
            let field = field(pointer);
            // What stands in a list that decides decides with it.
            let holder = field.strip_suffix("[]").unwrap_or(&field);
            let decides = deciding.contains(&field.as_str()) || deciding.contains(&holder);
            // A row of the history is an object.
            let decides = decides || (operation == Operation::History && field == "[]");
            for (bend, with) in BENDS {
                tried += 1;
                let text = bent(&body, pointer, with);
                let Some(value) = read(operation, status, &text) else {
                    if !decides {
                        faults.push(format!("{name} {pointer}, {bend}: unreadable"));
                    }
                    continue;
                };
                let (mut given, mut made) = (BTreeSet::new(), BTreeSet::new());
                let number_free = text.replace("1e999", "0");
                let sent: Value =
                    serde_json::from_str(&number_free.replace("\\ud800", "")).expect("JSON");
                amounts(&sent, &mut given);
                amounts(&value, &mut made);
                if let Some(amount) = made.difference(&given).next() {
                    faults.push(format!("{name} {pointer}, {bend}: {amount} øre made up"));
                }
            }
        }
    }
    assert!(tried > 2_000, "{tried} bends");
    assert!(
        faults.is_empty(),
        "{} of {tried}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// A hold of 1000 kroner, of which 300.30 are captured.
fn held() -> Value {
    json!({
        "reservationUuid": "RES1", "status": "RESERVED", "isPaid": true,
        "productList": [{"id": 7, "name": "Cabin", "productId": null, "quantity": 1, "rate": 1000,
            "discount": 0, "tax": 0, "amount": 1000, "reserved": 1000, "captured": 300.3}],
        "grandTotal": 1000, "sendOrderBy": {"sms": false, "email": true}, "customerNotes": null,
        "paymentDetails": {"reservedAt": 1_724_301_724, "reservedAmount": 1000, "capturedAmount": 300.3,
            "chargedAmount": 0, "amountRefunded": {"fromCaptured": 100, "fromCharge": 0}},
        "paymentHistory": {
            "reserved": [{"at": 1_724_301_724, "amount": 1000}],
            "captured": [{"at": 1_724_301_724, "amount": 300.3, "reference": "CAP1", "refunded": 100}],
            "charged": [],
            "refunded": [{"at": 1_724_301_724, "amount": 100, "reference": "CAP1"}]},
    })
}

/// A link that nobody has paid.
fn unpaid(status: &str) -> Value {
    json!({"reservationUuid": "RES1", "status": status, "paymentDetails": null,
        "paymentHistory": {"reserved": [], "captured": [], "charged": [], "refunded": []}})
}

fn with(mut data: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        data.pointer_mut(parent).expect(pointer)[key] = value.clone();
    }
    data
}

fn details(data: &Value) -> Option<Details> {
    let body =
        json!({"status_code": 200, "message": "reservationRetrievedSuccessfully", "data": data});
    judge::<Details>(Operation::Details, 200, body.to_string()).accepted()
}

#[test]
fn shapes_that_field_systems_print_read_as_the_documented_ones() {
    let plain = details(&held()).expect("details");
    let object =
        json!({"date": "2024-08-22 04:42:04.000000", "timezone_type": 3, "timezone": "UTC"});
    let shapes = [
        ("/sendOrderBy", json!(0)),
        ("/sendOrderBy", json!(1)),
        ("/sendOrderBy", json!("true")),
        ("/sendOrderBy", Value::Null),
        ("/sendOrderBy", json!([])),
        ("/customerNotes", json!({})),
        ("/productList/0/rate", json!(333.333_333_333)),
        ("/productList/0/rate", json!("333.3333")),
        ("/productList/0/discount", json!(-50)),
        ("/productList/0/tax", json!(11.11)),
        ("/productList/0/captured", json!("none")),
        ("/grandTotal", json!("a thousand")),
        ("/reservationDate", json!({"a": 1})),
        ("/paymentLinkDueDate", json!([])),
        ("/isPaid", json!({"a": 1})),
        ("/chargeValidity", json!([55])),
        ("/paymentDetails/reservedAt", json!("1724301724")),
        ("/paymentDetails/reservedAt", object.clone()),
        ("/paymentHistory/captured/0/at", object),
        (
            "/paymentDetails/capturedAmount",
            json!(300.299_999_999_999_95),
        ),
        ("/paymentDetails/reservedAmount", json!("1,000.00")),
        (
            "/paymentHistory/captured/0/amount",
            json!("300.29999999999995"),
        ),
        ("/paymentHistory/refunded/0/amount", json!(-100)),
        ("/paymentHistory/refunded/0/amount", json!("-100.00")),
        ("/paymentHistory/captured/0/refundedAt", json!([1])),
        ("/customerDetails", json!("Kari")),
        ("/organizationDetails", json!([1])),
    ];
    for (pointer, shape) in shapes {
        let read = details(&with(held(), &[(pointer, shape.clone())]));
        let read = read.unwrap_or_else(|| panic!("{pointer} {shape} is unreadable"));
        let sums = |details: &Details| {
            let payment = details.payment_details.clone().expect("sums");
            let at = payment.reserved_at.as_ref().and_then(|at| at.at());
            (
                at,
                payment.reserved_amount,
                payment.captured_amount,
                payment.amount_refunded,
            )
        };
        let rows = |details: &Details| {
            let history = details.payment_history.clone().expect("rows");
            let money = history
                .captured
                .into_iter()
                .map(|row| (row.reference, row.amount, row.refunded));
            let refunds = history
                .refunded
                .into_iter()
                .map(|row| (row.reference, row.amount));
            (money.collect::<Vec<_>>(), refunds.collect::<Vec<_>>())
        };
        assert_eq!(sums(&read), sums(&plain), "{pointer} {shape}");
        assert_eq!(rows(&read), rows(&plain), "{pointer} {shape}");
    }
}

#[test]
fn a_link_that_was_never_paid_has_no_money_and_a_hold_always_tells_its_own() {
    for (word, expected) in [
        ("SENT", ProviderStatus::Sent),
        ("pending", ProviderStatus::Sent),
        ("EXPIRED", ProviderStatus::Expired),
        ("CANCELLED", ProviderStatus::Cancelled),
    ] {
        for history in [true, false] {
            let mut data = unpaid(word);
            if !history {
                data["paymentHistory"] = Value::Null;
            }
            let read = details(&data).unwrap_or_else(|| panic!("{word} is unreadable"));
            assert_eq!(
                (read.status, read.payment_details),
                (expected.clone(), None),
                "{word}"
            );
        }
        // Once money shows, what was taken of it has to show as well.
        let mut paid = unpaid(word);
        paid["paymentDetails"] = json!({"reservedAmount": 1000});
        paid["paymentHistory"] = Value::Null;
        assert_eq!(details(&paid), None, "{word}");
    }
    for word in [
        "RESERVED",
        "RESERVED NOT PAID",
        "CAPTURED",
        "COMPLETED",
        "ON_THE_MOON",
    ] {
        let mut data = unpaid(word);
        data["paymentHistory"] = Value::Null;
        assert_eq!(details(&data), None, "{word} without amounts");
        let held = with(held(), &[("/status", json!(word))]);
        assert!(details(&held).is_some(), "{word} with amounts");
    }
    for word in [json!(7), json!({}), json!(["SENT"]), json!(true)] {
        let read = details(&with(held(), &[("/status", word.clone())])).expect("amounts tell");
        assert!(matches!(read.status, ProviderStatus::Unknown(_)), "{word}");
    }
}

#[test]
fn money_that_does_not_add_up_or_stands_there_twice_is_unreadable() {
    for (pointer, shape) in [
        ("/paymentDetails/capturedAmount", json!(300.305)),
        ("/paymentDetails/capturedAmount", json!(-300.3)),
        ("/paymentDetails/capturedAmount", json!("1,000")),
        ("/paymentHistory/refunded/0/amount", json!(-99)),
        ("/paymentHistory/captured/0/amount", json!(-300.3)),
        ("/paymentDetails/amountRefunded", json!("none")),
    ] {
        let data = with(held(), &[(pointer, shape.clone())]);
        assert_eq!(details(&data), None, "{pointer} {shape}");
    }
    let text = json!({"status_code": 200, "message": "x", "data": held()}).to_string();
    for (once, twice, readable) in [
        (
            "\"reservedAmount\":",
            "\"reservedAmount\":1,\"reservedAmount\":",
            false,
        ),
        (
            "\"reference\":\"CAP1\"",
            "\"reference\":\"CAP1\",\"reference\":\"CAP2\"",
            false,
        ),
        (
            "\"reservationUuid\":",
            "\"orderUuid\":\"RES2\",\"reservationUuid\":",
            false,
        ),
        (
            "\"reservationUuid\":",
            "\"orderUuid\":\"RES1\",\"reservationUuid\":",
            true,
        ),
        ("\"grandTotal\":", "\"grandTotal\":1,\"grandTotal\":", true),
        ("\"isPaid\":", "\"isPaid\":1,\"isPaid\":", true),
    ] {
        let body = text.replacen(once, twice, 1);
        assert_ne!(body, text, "{once}");
        let read = judge::<Details>(Operation::Details, 200, body).accepted();
        assert_eq!(read.is_some(), readable, "{twice}");
    }
}

#[tokio::test]
async fn what_is_left_out_is_named_without_its_value_and_counted() {
    let data = with(
        held(),
        &[
            ("/sendOrderBy", json!("kari@example.no")),
            (
                "/customerDetails",
                json!({"name": ["Kari"], "email": "kari@example.no"}),
            ),
            ("/paymentHistory/captured/0/at", json!([46_567_468])),
        ],
    );
    let body = json!({"status_code": 200, "message": "x", "data": data}).to_string();
    let transport = Scripted::new([Ok(response(200, body.clone())), Ok(response(200, body))]);
    let client = transport.client();
    let answer = client.details("RES1").await;
    let shown = serde_json::to_value(&answer.exchange.oddities).expect("JSON");
    assert_eq!(
        shown,
        json!([
            {"field": "customerDetails.name", "found": "list"},
            {"field": "paymentHistory.captured[].at", "found": "list"},
            {"field": "sendOrderBy", "found": "text"},
        ])
    );
    assert!(answer.outcome.accepted().is_some());
    client.details("RES1").await;
    let counts: Vec<(String, u64)> = client.oddities().into_iter().collect();
    assert_eq!(counts.len(), 3);
    assert_eq!(counts[2], ("details.sendOrderBy".to_owned(), 2));
}
