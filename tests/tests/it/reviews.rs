//! A person decides: the evidence that is shown, and what the provider's ledger says afterwards.

use serde_json::{Value, json};

use crate::harness::{Booking, Options, Place, TestEnv, judge, on_both_databases};

on_both_databases! {
    a_lost_charge_reaches_a_person_after_a_day_who_has_it_sent_again;
    a_charge_that_was_denied_and_shows_later_is_given_back_by_the_drafted_call;
}

/// A day passes in some eight seconds.
const FAST: Options = Options {
    speed: 10_000,
    merchant: "",
    worker: "",
    services: 1,
    log: "info",
};

/// A reservation whose money is taken, and whose books stay open.
fn captured(env: &TestEnv, reference: &str) -> Booking {
    let changes = json!({
        "payment_link_due": env.later(chrono::TimeDelta::days(60)),
        "policy": {"completion": {"after": "off"}},
    });
    env.captured(reference, &changes)
}

/// A charge whose answer is lost, and that takes effect when `when` says; returns its job once a person is asked.
fn lost_charge(env: &TestEnv, booking: &Booking, when: &Value) -> Value {
    let fault = json!({"operation": "charge", "reservation": booking.reference, "when": when, "what": "reset"});
    env.provider.fault(&fault);
    let damage = json!({"lines": [{"name": "Broken window", "rate": "250.00", "tax_percent": 25, "amount": "250.00"}]});
    let job = env.act(&booking.id, "charge", &damage);
    env.wait_job(job["id"].as_str().expect("a job"), "needs_review")
}

/// The newest review of a job, as the API shows it.
fn review_of(env: &TestEnv, job: &Value) -> Value {
    let reviews = job["reviews"].as_array().expect("reviews");
    let id = reviews.last().expect("a review")["id"].as_str();
    review(env, id.expect("an id"))
}

fn review(env: &TestEnv, id: &str) -> Value {
    let reply = env.api().get(&format!("/v1/reviews/{id}"));
    env.check(&reply, 200);
    reply.json
}

fn decide(env: &TestEnv, review: &Value, decision: &str) -> Value {
    let body = json!({
        "decision": decision,
        "note": "Asked the provider's support",
        "evidence_version": review["evidence_version"],
    });
    let id = review["id"].as_str().expect("an id");
    let reply = env.api().post(&format!("/v1/reviews/{id}/decide"), &body);
    env.check(&reply, 200);
    reply.json
}

fn a_lost_charge_reaches_a_person_after_a_day_who_has_it_sent_again(place: Place) {
    let env = TestEnv::start(place, FAST);
    let booking = captured(&env, "CHARGE-LOST");
    let job = lost_charge(&env, &booking, &json!("before_effect"));

    let review = review_of(&env, &job);
    let pack = &review["evidence"];
    assert_eq!(
        (&review["reason"], &pack["operation"]["amount"]),
        (&json!("charge_unknown"), &json!("250.00"))
    );
    assert_eq!(
        (&pack["baseline"]["captured"], &pack["baseline"]["charged"]),
        (&json!("1500.00"), &json!("0.00"))
    );
    let silent = pack["signs"]
        .as_array()
        .expect("signs")
        .iter()
        .any(|sign| sign["kind"] == "clean_reads");
    assert!(silent, "{pack}");
    let attempt = &pack["attempts"][0];
    assert_eq!(attempt["outcome"], "unknown", "{pack}");
    assert_eq!(
        attempt["exchange_sha256"].as_str().map(str::len),
        Some(16),
        "{pack}"
    );
    let retry = review["options"]
        .as_array()
        .expect("options")
        .iter()
        .find(|option| option["decision"] == "retry");
    assert_eq!(
        retry.expect("an option")["worst_case"],
        json!({"risk": "double_charge", "amount": "250.00"})
    );
    let charges = || judge(&env.provider.effects())["CHARGE-LOST"].clone();
    assert_eq!(
        charges(),
        ["created", "captured 1500.00"],
        "nothing is sent again by itself"
    );

    let id = job["id"].as_str().expect("an id");
    assert_eq!(decide(&env, &review, "retry")["job"], id);
    let done = env.wait_job(id, "succeeded");
    assert!(
        done["result"]["reference"]
            .as_str()
            .is_some_and(|name| name.starts_with("CHA")),
        "{done}"
    );
    assert_eq!(done["reviews"][0]["decision"], "retry");
    assert_eq!(charges(), ["created", "captured 1500.00", "charged 250.00"]);
    assert_eq!(env.provider.requests()["charge"], 2);
    let shown = env.reservation(&booking.id);
    assert_eq!(
        (&shown["amounts"]["charged"], &shown["review"]),
        (&json!("250.00"), &Value::Null)
    );
}

fn a_charge_that_was_denied_and_shows_later_is_given_back_by_the_drafted_call(place: Place) {
    let env = TestEnv::start(place, FAST);
    let booking = captured(&env, "CHARGE-LATE");
    // The provider carries it out 34 hours later.
    let job = lost_charge(&env, &booking, &json!({"later": 34 * 3600}));
    let decided = decide(&env, &review_of(&env, &job), "reject");
    assert_eq!(decided["status"], "decided");
    env.wait_effects("the charge shows", |effects| {
        effects.iter().any(|effect| effect.kind == "charged")
    });
    env.act(&booking.id, "refresh", &json!({}));

    let late = env.wait_reservation(&booking.id, "a review again", |seen| {
        seen["review"]["reason"] == "late_effect"
    });
    let ids = &late["review"]["reviews"];
    let shown = review(&env, ids[0].as_str().expect("an id"));
    assert_eq!(
        shown["evidence"]["decisions"][0]["decision"], "reject",
        "{shown}"
    );
    assert_eq!(
        late["amounts"]["charged"], "250.00",
        "what happened is booked"
    );
    let remedy = &shown["remedies"][0];
    let refund = env
        .api()
        .post(remedy["path"].as_str().expect("a path"), &remedy["body"]);
    env.check(&refund, 202);
    let again = review(&env, shown["id"].as_str().expect("an id"));
    decide(&env, &again, "dismiss");
    assert_eq!(env.reservation(&booking.id)["review"], Value::Null);
    env.wait_job(refund.json["id"].as_str().expect("a job"), "succeeded");

    let acts = judge(&env.provider.effects())["CHARGE-LATE"].clone();
    assert_eq!(
        acts,
        [
            "created",
            "captured 1500.00",
            "charged 250.00",
            "refund_accepted 250.00"
        ]
    );
    assert_eq!(env.provider.requests()["charge"], 1);
}
