//! Answers that no provider should give: classified, never a crash, and never taken for a yes or for nothing.

use api_client::wire::{CaptureAccepted, ChargeAccepted, Details, HistoryRow, Submitted};
use api_client::{Operation, Outcome, Payload};
use serde_json::{Value, json};

use crate::support::{Scripted, fixture, judge, response};

const MEGABYTE: usize = 1024 * 1024;

/// The class of an answer to an operation, and why an outcome is unknown: `unknown malformed`.
fn class_of(operation: Operation, status: u16, body: &str) -> String {
    fn class<T: Payload>(operation: Operation, status: u16, body: &str) -> String {
        match judge::<T>(operation, status, body) {
            Outcome::Unknown(unknown) => format!("unknown {}", unknown.reason.as_str()),
            outcome => outcome.word().to_owned(),
        }
    }
    match operation {
        Operation::Submit | Operation::CreateSession => class::<Submitted>(operation, status, body),
        Operation::Details => class::<Details>(operation, status, body),
        Operation::Capture => class::<CaptureAccepted>(operation, status, body),
        Operation::Charge => class::<ChargeAccepted>(operation, status, body),
        Operation::History => class::<Vec<HistoryRow>>(operation, status, body),
        _ => class::<()>(operation, status, body),
    }
}

/// What each operation is answered when all is well.
fn genuine() -> [(Operation, u16, String); 8] {
    [
        (Operation::Submit, 201, fixture("submitted")),
        (Operation::Capture, 202, fixture("captured")),
        (Operation::Charge, 202, fixture("charged")),
        (Operation::Refund, 202, fixture("refunded")),
        (Operation::Cancel, 202, fixture("cancelled")),
        (Operation::Complete, 202, fixture("completed")),
        (Operation::Details, 200, fixture("details")),
        (Operation::History, 200, fixture("history")),
    ]
}

/// The body with one more field before all others.
fn with_field(body: &str, field: &str) -> String {
    body.replacen('{', &format!("{{{field},"), 1)
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn case_090_a_megabyte_of_garbage_and_ten_thousand_levels_are_unknown_to_every_operation() {
    for (operation, status, body) in genuine() {
        assert_eq!(
            class_of(operation, status, &body),
            "accepted",
            "{operation:?}"
        );
        let deep = nested(10_000);
        let levels = "{\"a\":".repeat(10_000);
        let bodies = [
            ("a megabyte of x", "x".repeat(MEGABYTE)),
            ("a megabyte of brackets", "[".repeat(MEGABYTE)),
            ("a megabyte of braces", "{".repeat(MEGABYTE)),
            (
                "a megabyte of one key",
                format!("{{\"{}", "k".repeat(MEGABYTE)),
            ),
            (
                "a megabyte of zeros",
                format!("{{\"status_code\":1{}}}", "0".repeat(MEGABYTE)),
            ),
            ("a deep list", deep.clone()),
            ("a deep object", format!("{levels}1{}", "}".repeat(10_000))),
            (
                "a deep field that nobody reads",
                with_field(&body, &format!("\"x\":{deep}")),
            ),
            (
                "deep errors",
                with_field(&body, &format!("\"errors\":{deep}")),
            ),
            (
                "deep data",
                format!("{{\"status_code\":{status},\"message\":\"x\",\"data\":{deep}}}"),
            ),
            ("zeros", "\0".repeat(1000)),
        ];
        for (name, body) in bodies {
            let class = class_of(operation, status, &body);
            let wanted = [
                "unknown malformed",
                "unknown truncated",
                "unknown unexpected_message",
            ];
            assert!(
                wanted.contains(&class.as_str()),
                "{operation:?}, {name}: {class}"
            );
        }
    }
}

#[test]
fn brackets_within_a_text_are_no_levels() {
    let body = with_field(
        &fixture("captured"),
        &format!("\"note\":\"\\\"{}\"", "[{".repeat(1000)),
    );
    assert_eq!(class_of(Operation::Capture, 202, &body), "accepted");
}

#[test]
fn case_090_what_is_no_json_is_unknown_to_every_operation() {
    for (operation, status, body) in genuine() {
        let code = format!("\"status_code\": {status}");
        assert!(body.contains(&code), "{operation:?}");
        let rows = [
            ("NaN", body.replace(&code, "\"status_code\": NaN")),
            (
                "infinity",
                body.replace(&code, "\"status_code\": -Infinity"),
            ),
            (
                "a number out of range",
                with_field(&body, "\"message\":1e999"),
            ),
            (
                "a lone surrogate",
                with_field(&body, "\"status_message\":\"\\ud800\""),
            ),
            ("two answers", format!("{body}{body}")),
            (
                "a key twice",
                with_field(&body, &format!("\"status_code\":{status}")),
            ),
            (
                "the message twice",
                with_field(&body, "\"message\":\"reservationCapturedSuccessfully\""),
            ),
            ("the data twice", with_field(&body, "\"data\":null")),
            ("a list", format!("[{body}]")),
        ];
        for (name, body) in rows {
            let class = class_of(operation, status, &body);
            assert_eq!(class, "unknown malformed", "{operation:?}, {name}");
        }
    }
}

#[test]
fn hostile_data_of_each_operation_have_their_class() {
    let (malformed, missing) = ("unknown malformed", "unknown missing_reference");
    let rows = [
        // A reference that is none is no reference: the row is recognised by its marker in details.
        (
            Operation::Capture,
            r#"{"uuid":"CAP1","uuid":"CAP2"}"#,
            malformed,
        ),
        (Operation::Capture, r#"["CAP1"]"#, malformed),
        (Operation::Capture, r#"{"uuid":["CAP1"]}"#, "accepted"),
        (Operation::Capture, r#"{"uuid":"CAP1/../../x"}"#, "accepted"),
        (Operation::Charge, r#"{"uuid":NaN}"#, malformed),
        (
            Operation::Submit,
            r#"{"reservationUuid":"RES1","orderUuid":"RES2"}"#,
            missing,
        ),
        (Operation::Submit, r#"{"reservationUuid":NaN}"#, malformed),
        (
            Operation::Submit,
            r#"{"reservationUuid":{"0":"RES1"}}"#,
            missing,
        ),
        (Operation::Submit, "[]", missing),
        (Operation::Details, "[]", malformed),
        (Operation::Details, "null", malformed),
        (Operation::History, r#"{"uuid":"RES1"}"#, malformed),
        (Operation::History, r#"[["RES1"]]"#, malformed),
        (
            Operation::History,
            r#"[{"uuid":"RES1","uuid":"RES2"}]"#,
            malformed,
        ),
    ];
    for (operation, data, class) in rows {
        let (_, status, body) = genuine()
            .into_iter()
            .find(|(known, ..)| *known == operation)
            .expect("a body");
        let message = serde_json::from_str::<Value>(&body).expect("JSON")["message"].clone();
        let body = format!(
            "{{\"status_code\":{status},\"message\":{message},\"is_data\":true,\"data\":{data}}}"
        );
        assert_eq!(
            class_of(operation, status, &body),
            class,
            "{operation:?} {data}"
        );
    }
}

#[test]
fn hostile_amounts_and_rows_in_details_are_unknown() {
    let details = fixture("details");
    for (from, to) in [
        ("\"capturedAmount\": 400.5", "\"capturedAmount\": NaN"),
        ("\"capturedAmount\": 400.5", "\"capturedAmount\": \"NaN\""),
        ("\"capturedAmount\": 400.5", "\"capturedAmount\": 1e999"),
        ("\"capturedAmount\": 400.5", "\"capturedAmount\": 1e30"),
        ("\"capturedAmount\": 400.5", "\"capturedAmount\": -400.5"),
        ("\"capturedAmount\": 400.5", "\"capturedAmount\": 400.555"),
        ("\"capturedAmount\": 400.5", "\"capturedAmount\": [400.5]"),
        (
            "\"capturedAmount\": 400.5",
            "\"capturedAmount\": 400.5, \"capturedAmount\": 0",
        ),
        ("\"captured\": [", "\"captured\": [], \"captured\": ["),
        ("\"captured\": [", "\"captured\": [null, "),
        (
            "\"paymentHistory\": {",
            "\"paymentHistory\": {}, \"paymentHistory\": {",
        ),
        (
            "\"status\": \"CAPTURED\"",
            "\"status\": \"CAPTURED\", \"status\": \"RESERVED\"",
        ),
        ("\"id\": 298", "\"id\": 298.5"),
        ("\"id\": 298", "\"id\": 99999999999999999999"),
        ("\"reserved\": [{", "\"reserved\": 7, \"x\": [{"),
        // A list is not an object whose fields are given by their places.
        (
            "\"captured\": [",
            "\"captured\": [[1756880000, 1, \"CAP9\"], ",
        ),
        (
            "\"paymentDetails\": {",
            "\"paymentDetails\": [1756871400, 1000, 0, 0], \"x\": {",
        ),
        (
            "\"paymentHistory\": {",
            "\"paymentHistory\": [[], [], []], \"x\": {",
        ),
    ] {
        let body = details.replacen(from, to, 1);
        assert_ne!(body, details, "{from}");
        assert_eq!(
            class_of(Operation::Details, 200, &body),
            "unknown malformed",
            "{to}"
        );
    }
    let row = r#"{"id":1,"amount":1}"#;
    for (products, class) in [
        (format!(r#"{{"0":{row},"1":{row}}}"#), "accepted"),
        (format!(r#"{{"0":{row},"0":{row}}}"#), "unknown malformed"),
    ] {
        let mut value: Value = serde_json::from_str(&details).expect("JSON");
        value["data"]["productList"] = json!("@");
        let body = value.to_string().replace("\"@\"", &products);
        assert_eq!(
            class_of(Operation::Details, 200, &body),
            class,
            "{products}"
        );
    }
}

#[test]
fn a_hostile_refusal_is_no_proof_that_nothing_was_executed() {
    let refused = fixture("runway_exceeded");
    for (name, status, body, class) in [
        ("as documented", 400, refused.clone(), "rejected"),
        (
            "deep",
            400,
            with_field(&refused, &format!("\"x\":{}", nested(10_000))),
            "unknown unknown_business_message",
        ),
        (
            "a megabyte",
            400,
            "x".repeat(MEGABYTE),
            "unknown unknown_business_message",
        ),
        (
            "NaN",
            400,
            with_field(&refused, "\"x\":NaN"),
            "unknown unknown_business_message",
        ),
        (
            "two messages",
            400,
            with_field(&refused, "\"message\":\"reservationCapturedSuccessfully\""),
            "unknown unknown_business_message",
        ),
        ("garbage", 500, "x".repeat(MEGABYTE), "unknown server_error"),
        (
            "a success in words",
            500,
            fixture("captured"),
            "unknown contradicting",
        ),
    ] {
        assert_eq!(class_of(Operation::Capture, status, &body), class, "{name}");
    }
}

/// Every number of a tree as a text.
fn as_texts(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(as_texts),
        Value::Object(fields) => fields.values_mut().for_each(as_texts),
        _ => {}
    }
}

fn details_of(data: &Value) -> Option<Details> {
    let body =
        json!({"status_code": 200, "message": "reservationRetrievedSuccessfully", "data": data});
    judge::<Details>(Operation::Details, 200, body.to_string()).accepted()
}

fn details_data() -> Value {
    serde_json::from_str::<Value>(&fixture("details")).expect("JSON")["data"].clone()
}

#[test]
fn case_091_numbers_as_strings_nulls_extra_fields_and_lists_as_objects_are_read_alike() {
    let plain = details_of(&details_data()).expect("details");
    let mut texts = details_data();
    as_texts(&mut texts);
    assert_eq!(
        details_of(&texts).as_ref(),
        Some(&plain),
        "numbers as strings"
    );
    let mut keyed = details_data();
    for pointer in [
        "/productList",
        "/paymentHistory/captured",
        "/paymentHistory/reserved",
    ] {
        let list = keyed.pointer_mut(pointer).expect(pointer);
        let items: Vec<Value> = list.as_array().expect("a list").clone();
        *list = (0..)
            .zip(items)
            .map(|(place, item): (u32, Value)| (place.to_string(), item))
            .collect();
    }
    assert_eq!(
        details_of(&keyed).as_ref(),
        Some(&plain),
        "objects for lists"
    );
    let mut extra = details_data();
    extra["paymentDetails"]["currency"] = json!("NOK");
    extra["paymentHistory"]["captured"][0]["actionBy"] = json!({"name": [null, 1]});
    assert_eq!(details_of(&extra).as_ref(), Some(&plain), "extra fields");
    let mut nulls = details_data();
    for pointer in [
        "/isPaid",
        "/grandTotal",
        "/sendOrderBy",
        "/customerDetails",
        "/organizationDetails",
    ] {
        *nulls.pointer_mut(pointer).expect(pointer) = Value::Null;
    }
    let read = details_of(&nulls).expect("details");
    assert_eq!(
        (read.payment_details, read.payment_history),
        (plain.payment_details, plain.payment_history)
    );
    let code = fixture("captured").replace("\"status_code\": 202", "\"status_code\": \"202\"");
    assert_eq!(class_of(Operation::Capture, 202, &code), "accepted");
}

#[test]
fn case_091_a_missing_fact_is_not_made_up() {
    let gone: [&[&str]; 6] = [
        &["/status"],
        &["/reservationUuid"],
        &["/productList/0/id"],
        &["/paymentHistory/captured/0/amount"],
        // Sums and rows both: silence about captures would read as "nothing was captured".
        &["/paymentDetails/capturedAmount", "/paymentHistory/captured"],
        &["/paymentDetails", "/paymentHistory"],
    ];
    for pointers in gone {
        for null in [false, true] {
            let mut data = details_data();
            for pointer in pointers {
                let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
                let parent = data
                    .pointer_mut(parent)
                    .and_then(Value::as_object_mut)
                    .expect("an object");
                match null {
                    true => drop(parent.insert(field.to_owned(), Value::Null)),
                    false => drop(parent.remove(field).expect("a field")),
                }
            }
            assert_eq!(details_of(&data), None, "{pointers:?}, null: {null}");
        }
    }
    let mut unpaid = details_data();
    unpaid["status"] = json!("SENT");
    (unpaid["paymentDetails"], unpaid["paymentHistory"]) = (Value::Null, Value::Null);
    assert!(
        details_of(&unpaid).is_some(),
        "nobody has paid, so there is nothing to tell"
    );
    (unpaid["paymentDetails"], unpaid["paymentHistory"]) = (json!([]), json!([]));
    assert!(
        details_of(&unpaid).is_some(),
        "an empty object is also written as a list"
    );
}

#[tokio::test]
async fn case_090_a_body_beyond_the_bound_is_unknown_whatever_brings_it() {
    let whole = format!("{}{}", fixture("captured"), " ".repeat(MEGABYTE));
    let transport = Scripted::new([Ok(response(202, whole))]);
    let complete = transport
        .client()
        .complete(
            "RES1",
            &api_client::wire::Note {
                note: "x".to_owned(),
            },
        )
        .await;
    let Outcome::Unknown(unknown) = complete.outcome else {
        panic!("{:?}", complete.outcome)
    };
    assert_eq!(unknown.reason, api_client::UnknownReason::BodyTooLarge);
}
