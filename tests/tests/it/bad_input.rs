//! Bad input over real HTTP: refused with a reason, and nothing reaches the provider.

use serde_json::{Value, json};

use crate::harness::{Options, Place, TestEnv};

#[test]
fn bad_input_is_refused_with_its_reason_and_nothing_reaches_the_provider() {
    let env = TestEnv::start(Place::Sqlite, Options::default());
    let good = env.body("BAD-1", &json!({})).to_string();
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    let large = format!("{}{}", good, " ".repeat(300 * 1024));
    let unknown = env.body("BAD-1", &json!({"colour": "red"})).to_string();
    let inner = good.replace("\"zip\"", "\"zipp\"");
    for (name, body, status, names) in [
        ("broken JSON", "{\"reference\":", 400, "malformed_json"),
        ("no JSON at all", "reference=1", 400, "malformed_json"),
        ("an empty body", "", 400, "malformed_json"),
        ("deep nesting", &deep, 400, "too_deep"),
        ("a large body", &large, 413, "body_too_large"),
        ("an unknown field", &unknown, 422, "colour"),
        (
            "an unknown field inside",
            &inner,
            422,
            "customer.address.zipp",
        ),
        ("a list", "[]", 422, "list"),
    ] {
        let reply = env
            .api()
            .send_text("POST", "/v1/reservations", Some(body))
            .expect(name);
        assert_eq!(reply.status, status, "{name}: {}", reply.text);
        assert!(reply.text.contains(names), "{name}: {}", reply.text);
        assert_is_problem(name, &reply);
    }
    let text = env.api().header("Content-Type", "text/plain");
    let reply = text
        .send_text("POST", "/v1/reservations", Some(&good))
        .expect("an answer");
    env.check(&reply, 415);
    let stranger = env.without_key(0).bearer("another-key-0123456789");
    for api in [stranger, env.without_key(0)] {
        let reply = api
            .send_text("POST", "/v1/reservations", Some(&good))
            .expect("an answer");
        env.check(&reply, 401);
        assert!(!reply.text.contains("another-key"), "{}", reply.text);
    }
    assert!(
        env.provider.requests().is_empty(),
        "{:?}",
        env.provider.requests()
    );
    assert!(env.jobs("kind=submit").is_empty());
}

fn assert_is_problem(name: &str, reply: &tests::Reply) {
    let kind = reply.headers.get("content-type").map(String::as_str);
    assert_eq!(kind, Some("application/problem+json"), "{name}");
    assert_eq!(reply.json["status"], reply.status, "{name}");
    assert!(
        reply.json["code"].is_string() && reply.json["detail"].is_string(),
        "{name}: {}",
        reply.text
    );
}

#[test]
fn every_field_that_does_not_fit_is_named() {
    let env = TestEnv::start(Place::Sqlite, Options::default());
    let cases: [(&str, Value, &str); 12] = [
        ("reference", json!(""), "reference"),
        ("reference", json!(7), "reference"),
        ("payment_link_due", json!("tomorrow"), "payment_link_due"),
        (
            "payment_link_due",
            json!("2020-01-01T00:00:00Z"),
            "payment_link_due",
        ),
        ("customer", json!(null), "customer"),
        ("lines", json!([]), "lines"),
        (
            "lines",
            json!([{"name": "x", "rate": "1", "tax_percent": 0, "amount": "1.005"}]),
            "lines[0].amount",
        ),
        (
            "lines",
            json!([{"name": "x", "rate": "-1", "tax_percent": 0, "amount": "1"}]),
            "lines[0].rate",
        ),
        (
            "lines",
            json!([{"name": "x", "rate": "1", "tax_percent": 13, "amount": "1"}]),
            "lines[0].tax_percent",
        ),
        ("send", json!({"sms": "yes"}), "send.sms"),
        ("checkout", json!({"method": "cash"}), "checkout.method"),
        (
            "policy",
            json!({"capture": {"act_before": "1h"}}),
            "policy.capture.act_before",
        ),
    ];
    for (field, value, named) in cases {
        let mut body = env.body("BAD-2", &json!({}));
        body[field] = value.clone();
        let reply = env.api().post("/v1/reservations", &body);
        assert_eq!(reply.status, 422, "{field} = {value}: {}", reply.text);
        assert_eq!(
            reply.json["errors"][0]["field"], named,
            "{field} = {value}: {}",
            reply.text
        );
    }
    assert!(
        env.provider.requests().is_empty(),
        "{:?}",
        env.provider.requests()
    );
}
