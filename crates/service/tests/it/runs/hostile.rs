//! Answers that nobody can read: their outcome is unknown, and they never book anything.

use api_client::WireResponse;
use chrono::TimeDelta;
use sandbox::EffectKind;
use serde_json::{Value, json};

use testkit::env::TestEnv;
use testkit::faulty::answer;

const MEGABYTE: usize = 1024 * 1024;

fn deep() -> String {
    format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))
}

/// Answers to a capture that say yes in a way that nobody can trust.
fn hostile_captures() -> Vec<(&'static str, WireResponse)> {
    let yes = |fields: &str| {
        let text = format!(
            "{{\"status_code\":202,\"message\":\"reservationCapturedSuccessfully\",{fields}}}"
        );
        answer(202, text)
    };
    vec![
        ("a megabyte", answer(202, "x".repeat(MEGABYTE))),
        (
            "more than a megabyte",
            answer(202, " ".repeat(MEGABYTE + 1)),
        ),
        ("10,000 levels", yes(&format!("\"data\":{}", deep()))),
        (
            "10,000 levels where nobody looks",
            yes(&format!("\"data\":{{\"uuid\":\"CAP9\"}},\"x\":{}", deep())),
        ),
        ("NaN", yes("\"data\":{\"uuid\":\"CAP9\",\"amount\":NaN}")),
        (
            "a key twice",
            yes("\"data\":{\"uuid\":\"CAP8\",\"uuid\":\"CAP9\"}"),
        ),
        (
            "two codes",
            yes("\"status_code\":400,\"data\":{\"uuid\":\"CAP9\"}"),
        ),
        (
            "a list",
            answer(
                202,
                "[202,\"OK\",\"reservationCapturedSuccessfully\",true,{\"uuid\":\"CAP9\"}]",
            ),
        ),
        ("HTML", answer(202, "<html>Accepted</html>")),
        (
            "half",
            WireResponse {
                truncated: true,
                ..yes("\"data\":{\"uuid\":\"CAP9\"}")
            },
        ),
    ]
}

#[tokio::test]
async fn case_090_a_hostile_answer_to_a_capture_books_nothing_and_is_resolved_by_reading() {
    for (name, hostile) in hostile_captures() {
        let env = TestEnv::start().await;
        let id = env.held("BOOK-1").await;
        let instead = hostile.clone();
        env.changed("capture", 1, move |_| Ok(instead.clone()));
        env.act(&id, "capture", &json!({})).await;
        let seen = env
            .until(&id, name, |seen| seen["amounts"]["in_doubt"] == "1000.00")
            .await;
        assert_eq!(
            (&seen["amounts"]["captured"], &seen["ledger"]),
            (&json!("0.00"), &json!([])),
            "{name}"
        );
        let most = TimeDelta::hours(1);
        let seen = env
            .run_until(&id, most, name, |seen| {
                seen["amounts"]["captured"] == "1000.00"
            })
            .await;
        assert_eq!(
            (&seen["amounts"]["in_doubt"], &seen["review"]),
            (&json!("0.00"), &Value::Null),
            "{name}"
        );
        assert_ne!(
            seen["ledger"][0]["reference"], "CAP9",
            "{name}: the reference is the one in details"
        );
        assert_eq!(
            (
                env.sent("capture").len(),
                env.effects(EffectKind::Captured).len()
            ),
            (1, 1),
            "{name}"
        );
    }
}

type Change = fn(&str) -> WireResponse;

/// What becomes of honest details on the way, each time so that they tell of money that nobody took.
fn hostile_details() -> Vec<(&'static str, Change)> {
    fn taken(details: &str, amount: &str) -> WireResponse {
        let text = details.replace(
            "\"capturedAmount\":0",
            &format!("\"capturedAmount\":{amount}"),
        );
        assert_ne!(text, details);
        answer(200, text)
    }
    vec![
        ("a megabyte", |_| answer(200, "{".repeat(MEGABYTE))),
        ("10,000 levels", |details| {
            answer(
                200,
                details.replacen('{', &format!("{{\"x\":{},", deep()), 1),
            )
        }),
        ("NaN", |details| taken(details, "NaN")),
        ("a key twice", |details| {
            taken(details, "0,\"capturedAmount\":1000")
        }),
        ("a number as a string that is none", |details| {
            taken(details, "\"1000.00 kr\"")
        }),
        ("a third decimal", |details| taken(details, "999.999")),
        ("a negative amount", |details| taken(details, "-1000")),
        ("a sum without rows, as a string", |details| {
            taken(details, "\"1000.00\"")
        }),
        ("rows without a sum", |details| {
            let row = "\"captured\":[{\"at\":1,\"amount\":\"1000\",\"reference\":\"CAP9\"}]";
            answer(200, details.replace("\"captured\":[]", row))
        }),
        ("a row given by places", |details| {
            let row = "\"captured\":[[1,1000,\"CAP9\"]]";
            let text = details.replace("\"captured\":[]", row);
            answer(
                200,
                text.replace("\"capturedAmount\":0", "\"capturedAmount\":1000"),
            )
        }),
        ("nothing about money", |details| {
            let text = details.replace("\"paymentHistory\":", "\"x\":");
            answer(
                200,
                text.replace("\"capturedAmount\":", "\"y\":")
                    .replace("\"chargedAmount\":", "\"z\":"),
            )
        }),
        ("another reservation", |details| {
            answer(
                200,
                details.replace("\"reservationUuid\":\"RES", "\"reservationUuid\":\"RES1"),
            )
        }),
        ("HTML", |_| answer(200, "<html>")),
    ]
}

#[tokio::test]
async fn hostile_details_book_nothing_and_prove_nothing() {
    for (name, change) in hostile_details() {
        let env = TestEnv::start().await;
        let id = env.held("BOOK-1").await;
        env.instead("capture", 1, testkit::faulty::reset());
        env.act(&id, "capture", &json!({})).await;
        env.until(&id, name, |seen| seen["amounts"]["in_doubt"] == "1000.00")
            .await;
        env.changed("details", u32::MAX, move |genuine| {
            Ok(change(std::str::from_utf8(&genuine.body).expect("text")))
        });
        // Far beyond the time after which honest silence proves that there was no capture.
        env.pass(TimeDelta::minutes(70)).await;
        let seen = env.get(&id).await;
        assert_eq!(
            (&seen["amounts"]["captured"], &seen["ledger"]),
            (&json!("0.00"), &json!([])),
            "{name}: {seen:#}"
        );
        assert_eq!(
            seen["amounts"]["in_doubt"], "1000.00",
            "{name}: the outcome stays unknown"
        );
        assert_eq!(
            env.sent("capture").len(),
            1,
            "{name}: nothing is sent on such a word"
        );
        assert!(
            env.sent("details").len() >= 4,
            "{name}: it is read again and again"
        );
    }
}

/// Details in shapes that systems of this kind print, of the same truth.
fn odd(genuine: &WireResponse) -> WireResponse {
    let mut body: Value = serde_json::from_slice(&genuine.body).expect("JSON");
    let data = &mut body["data"];
    (data["sendOrderBy"], data["customerNotes"]) = (json!(1), json!({}));
    data["customerDetails"] = json!("kari@example.no");
    data["productList"][0]["rate"] = json!("333.333333");
    data["productList"][0]["discount"] = json!(-50);
    if data["status"] == "SENT" {
        (data["status"], data["paymentDetails"]) = (json!("pending"), Value::Null);
    } else {
        let grouped = |amount: &Value| match amount.as_f64() {
            Some(1000.0) => json!("1,000.00"),
            _ => amount.clone(),
        };
        let payment = &mut data["paymentDetails"];
        payment["reservedAmount"] = grouped(&payment["reservedAmount"]);
        if payment["capturedAmount"] == json!(300.3) {
            payment["capturedAmount"] = json!(300.299_999_999_999_95);
        }
    }
    answer(200, body.to_string())
}

#[tokio::test]
async fn a_reservation_whose_details_are_odd_is_read_and_goes_on_and_the_oddities_are_shown() {
    let env = TestEnv::start().await;
    env.changed("details", u32::MAX, |genuine| Ok(odd(&genuine)));
    let id = env.held("BOOK-1").await;
    env.act(&id, "capture", &json!({"amount": "300.30"})).await;
    env.idle().await;
    env.act(&id, "refresh", &json!({})).await;
    env.pass(TimeDelta::minutes(5)).await;
    assert!(env.known(&id).await.ledger[0].confirmed, "details show it");
    let seen = env.get(&id).await;
    assert_eq!(
        (&seen["amounts"]["captured"], &seen["review"]),
        (&json!("300.30"), &Value::Null),
        "{seen:#}"
    );
    assert_eq!(env.effects(EffectKind::Captured).len(), 1);
    let merchant = env.service.get("/v1/merchants/default").await.ok(200);
    for field in ["sendOrderBy", "customerNotes", "customerDetails"] {
        let count = &merchant["oddities"][format!("details.{field}")];
        assert!(count.as_u64() >= Some(2), "{field}: {merchant}");
    }
    assert!(!merchant.to_string().contains("kari@"), "names alone");
    env.service.get("/v1/merchants/nobody").await.ok(404);
}

#[tokio::test]
async fn an_undocumented_word_stops_no_capture() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    env.changed("details", u32::MAX, |genuine| {
        let text = std::str::from_utf8(&genuine.body).expect("text");
        let text = text.replace("\"RESERVED\"", "\"ON_THE_MOON\"");
        Ok(answer(200, text.replace("\"CAPTURED\"", "\"ON_THE_MOON\"")))
    });
    env.act(&id, "capture", &json!({})).await;
    let seen = env
        .run_until(&id, TimeDelta::hours(1), "captured", |seen| {
            seen["amounts"]["captured"] == "1000.00"
        })
        .await;
    assert_eq!(seen["control"], "auto", "{seen:#}");
    env.act(&id, "refresh", &json!({})).await;
    env.pass(TimeDelta::minutes(1)).await;
    let seen = env.get(&id).await;
    assert_eq!(
        (&seen["control"], &seen["review"]["reason"]),
        (&json!("auto"), &json!("incoherent")),
        "a person is told: {seen:#}"
    );
}
