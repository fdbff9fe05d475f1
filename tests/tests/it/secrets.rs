//! Secrets and personal data: in no log, event, job or attempt, whatever goes wrong.

use chrono::TimeDelta;
use serde_json::json;

use crate::harness::{
    ADMIN_KEY, CALLBACK_SECRET, CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_PHONE, Options, Place,
    TOKEN, TestEnv, on_both_databases,
};

on_both_databases! {
    no_secret_and_no_personal_data_leave_their_place;
}

const PERSONAL_NUMBER: &str = "17054026641";
const OTHER_EMAIL: &str = "another.address@kunde-eksempel.no";
const STREET: &str = "Hemmeligveien";

/// As much as our own crates and the provider's client have to say.
const TALKATIVE: Options = Options {
    speed: 60,
    merchant: "resolution.reads = [\"10s\", \"30s\", \"60s\", \"90s\", \"2m\", \"3m\"]",
    worker: "",
    services: 1,
    log: "debug,service=trace,worker=trace,store=trace,api_client=trace,domain=trace,holdfast=trace",
};

fn no_secret_and_no_personal_data_leave_their_place(place: Place) {
    let env = TestEnv::start(place, TALKATIVE);
    let ids = live(&env);
    let mut texts = vec![("the log", env.log())];
    for id in &ids {
        texts.push(("a timeline", json!(env.events(id)).to_string()));
        texts.push(("a reservation", env.reservation(id).to_string()));
    }
    for job in env.jobs("") {
        texts.push((
            "a job",
            env.job(job["id"].as_str().expect("an id")).to_string(),
        ));
    }
    if let Some(database) = env.postgres() {
        for table in [
            "jobs",
            "attempts",
            "events",
            "callbacks",
            "merchant_limits",
            "sweeps",
            "idempotency_keys",
        ] {
            texts.push((
                table,
                database.query(&format!("SELECT t::text FROM {table} t")),
            ));
        }
        texts.push((
            "the facts",
            database.query("SELECT state FROM reservations"),
        ));
        let kept =
            database.query("SELECT count(*) FROM reservations WHERE personal_number IS NOT NULL");
        assert_eq!(
            kept, "0",
            "personal numbers are kept after the submit is confirmed"
        );
    }
    let secrets = [
        ("the token", TOKEN),
        ("the callback secret", CALLBACK_SECRET),
        ("the key", ADMIN_KEY),
        ("the name", CUSTOMER_NAME),
        ("the e-mail address", CUSTOMER_EMAIL),
        ("the other e-mail address", OTHER_EMAIL),
        ("the phone number", CUSTOMER_PHONE),
        ("the personal number", PERSONAL_NUMBER),
        ("the street", STREET),
    ];
    for (place, text) in &texts {
        for (what, secret) in secrets {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(
                line.is_none(),
                "{what} stands in {place}: {}",
                line.unwrap_or_default()
            );
        }
    }
}

/// A life with everything that holds personal data, and with answers that echo or lose it.
fn live(env: &TestEnv) -> Vec<String> {
    let mut body = env.body("SECRET-1", &json!({"settings": {"secure_details": true}}));
    body["customer"]["personal_number"] = json!(PERSONAL_NUMBER);
    body["customer"]["address"]["street"] = json!(format!("{STREET} 1"));
    env.provider
        .fault(&json!({"operation": "submit", "when": "after_effect", "what": "garbage"}));
    let reply = env
        .api()
        .header("Idempotency-Key", "secret-key-1")
        .post("/v1/reservations", &body);
    env.check(&reply, 202);
    let id = reply.json["id"].as_str().expect("an id").to_owned();
    env.wait_status(&id, "awaiting_payment");
    env.done(&id, "resend", &json!({"email": OTHER_EMAIL}));
    env.done(
        &id,
        "resend",
        &json!({"country_code": "+47", "msisdn": CUSTOMER_PHONE}),
    );
    env.provider.pay("SECRET-1");
    env.wait_status(&id, "held");
    env.provider
        .fault(&json!({"operation": "capture", "what": {"status": 500}}));
    env.deliver(&id, &json!({"event_id": "D-1"}));
    env.wait_reservation(&id, "in doubt", |seen| {
        seen["amounts"]["in_doubt"] == "1500.00"
    });
    // A payload that the provider's validator refuses, in its own words.
    env.provider.switch(&json!({"tax_percents": [0]}));
    let refused = env
        .api()
        .post("/v1/reservations", &env.body("SECRET-2", &json!({})));
    env.check(&refused, 202);
    let second = refused.json["id"].as_str().expect("an id").to_owned();
    env.wait_status(&second, "failed");
    // Bad input whose values are personal.
    let due = env.later(TimeDelta::days(1));
    let wrong = json!({"payment_link_due": due, "customer": {"email": CUSTOMER_EMAIL, "msisdn": CUSTOMER_PHONE}});
    let reply = env
        .api()
        .post("/v1/reservations", &env.body("SECRET-3", &wrong));
    env.check(&reply, 422);
    vec![id, second]
}
