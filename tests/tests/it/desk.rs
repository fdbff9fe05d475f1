//! A person decides: the evidence that is shown, and what the provider's ledger says afterwards.

use serde_json::{Value, json};

use crate::harness::{Booking, Options, Place, Stand, judge, on_both_databases};

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
fn captured(stand: &Stand, reference: &str) -> Booking {
    let changes = json!({
        "payment_link_due": stand.later(chrono::TimeDelta::days(60)),
        "policy": {"completion": {"after": "off"}},
    });
    stand.captured(reference, &changes)
}

/// A charge whose answer is lost, and that takes effect when `when` says; returns its job once it is at the desk.
fn lost_charge(stand: &Stand, booking: &Booking, when: &Value) -> Value {
    let fault = json!({"operation": "charge", "reservation": booking.reference, "when": when, "what": "reset"});
    stand.provider.fault(&fault);
    let damage = json!({"lines": [{"name": "Broken window", "rate": "250.00", "tax_percent": 25, "amount": "250.00"}]});
    let job = stand.act(&booking.id, "charge", &damage);
    stand.wait_job(job["id"].as_str().expect("a job"), "needs_review")
}

fn resolve(stand: &Stand, job: &Value, outcome: &str) -> Value {
    let body = json!({
        "outcome": outcome,
        "note": "Asked the provider's support",
        "evidence_version": job["evidence"]["version"],
    });
    let path = format!("/v1/jobs/{}/resolve", job["id"].as_str().expect("an id"));
    let reply = stand.api().post(&path, &body);
    stand.check(&reply, 200);
    reply.json
}

fn a_lost_charge_reaches_a_person_after_a_day_who_has_it_sent_again(place: Place) {
    let stand = Stand::start(place, FAST);
    let booking = captured(&stand, "CHARGE-LOST");
    let job = lost_charge(&stand, &booking, &json!("before_effect"));

    let pack = &job["evidence"];
    assert_eq!(
        (&pack["reason"], &pack["operation"]["amount"]),
        (&json!("charge_unknown"), &json!("250.00"))
    );
    assert_eq!(
        (&pack["baseline"]["captured"], &pack["baseline"]["charged"]),
        (&json!("1500.00"), &json!("0.00"))
    );
    let silent = pack["witnesses"]
        .as_array()
        .expect("witnesses")
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
    let resend = pack["options"]
        .as_array()
        .expect("options")
        .iter()
        .find(|option| option["option"] == "resend");
    assert_eq!(
        resend.expect("an option")["worst"],
        json!({"risk": "taken_twice", "amount": "250.00"})
    );
    let charges = || judge(&stand.provider.effects())["CHARGE-LOST"].clone();
    assert_eq!(
        charges(),
        ["created", "captured 1500.00"],
        "nothing is sent again by itself"
    );

    let id = job["id"].as_str().expect("an id");
    assert_eq!(resolve(&stand, &job, "resend")["id"], id);
    let done = stand.wait_job(id, "succeeded");
    assert!(
        done["result"]["reference"]
            .as_str()
            .is_some_and(|name| name.starts_with("CHA")),
        "{done}"
    );
    assert_eq!(done["decisions"][0]["verdict"], "resend");
    assert_eq!(charges(), ["created", "captured 1500.00", "charged 250.00"]);
    assert_eq!(stand.provider.requests()["charge"], 2);
    let shown = stand.reservation(&booking.id);
    assert_eq!(
        (&shown["amounts"]["charged"], &shown["attention"]),
        (&json!("250.00"), &Value::Null)
    );
}

fn a_charge_that_was_denied_and_shows_later_is_given_back_by_the_drafted_call(place: Place) {
    let stand = Stand::start(place, FAST);
    let booking = captured(&stand, "CHARGE-LATE");
    // The provider carries it out 34 hours later.
    let job = lost_charge(&stand, &booking, &json!({"later": 34 * 3600}));
    assert_eq!(resolve(&stand, &job, "not_applied")["state"], "cancelled");
    stand.wait_effects("the charge shows", |effects| {
        effects.iter().any(|effect| effect.kind == "charged")
    });
    stand.act(&booking.id, "refresh", &json!({}));

    let late = stand.wait_reservation(&booking.id, "at the desk again", |seen| {
        seen["attention"]["reason"] == "late_effect"
    });
    let pack = &late["desk"][0];
    assert_eq!(pack["decisions"][0]["verdict"], "not_applied", "{pack}");
    assert_eq!(
        late["amounts"]["charged"], "250.00",
        "what happened is booked"
    );
    let remedy = &pack["remedies"][0];
    let refund = stand
        .api()
        .post(remedy["path"].as_str().expect("a path"), &remedy["body"]);
    stand.check(&refund, 202);
    let clearing = json!({"reason": "late_effect", "note": "Given back"});
    let cleared = stand
        .api()
        .post(&format!("/v1/reservations/{}/clear", booking.id), &clearing);
    stand.check(&cleared, 200);
    assert_eq!(cleared.json["desk"], json!([]));
    stand.wait_job(refund.json["id"].as_str().expect("a job"), "succeeded");

    let acts = judge(&stand.provider.effects())["CHARGE-LATE"].clone();
    assert_eq!(
        acts,
        [
            "created",
            "captured 1500.00",
            "charged 250.00",
            "refund_accepted 250.00"
        ]
    );
    assert_eq!(stand.provider.requests()["charge"], 1);
}
