//! Requests whose answer is lost or useless: what happened is found out, and never done twice.

use serde_json::{Value, json};

use crate::harness::{Booking, Options, Place, TestEnv, judge, on_both_databases};

on_both_databases! {
    an_effect_whose_answer_is_lost_is_found_again_and_not_repeated;
    a_capture_without_an_effect_is_sent_again_once_its_absence_is_proven;
    a_charge_without_an_effect_goes_to_a_person_and_is_never_sent_again;
    case_051_a_lost_capture_whose_text_is_not_shown_is_never_sent_again;
    a_lost_refund_that_shows_late_is_not_sent_again;
    case_089_useless_answers_to_a_capture_never_lead_to_a_second_one;
}

/// Unknown outcomes are resolved within a few seconds of the wall: two minutes of business time take one. Absence counts only
/// once the provider has been well for a quarter of an hour, so that the reads go on for longer than that.
const IMPATIENT: Options = Options {
    speed: 120,
    merchant: "resolution.reads = [\"10s\", \"30s\", \"60s\", \"90s\", \"2m\", \"3m\", \"5m\", \"10m\", \
               \"16m\", \"18m\", \"20m\", \"25m\", \"30m\", \"35m\", \"40m\"]\n\
               resolution.absent_after = { capture = \"1m\", cancel = \"1m\", complete = \"1m\", submit = \"1m\", \
               charge = \"1m\", refund = \"1m\" }",
    worker: "",
    services: 1,
    log: "info",
};

fn damage() -> Value {
    json!({"lines": [{"name": "Broken window", "rate": "250.00", "tax_percent": 25, "amount": "250.00"}]})
}

/// Lets the next call of this kind for this booking fail.
fn disturb(env: &TestEnv, operation: &str, reference: &str, when: &str, what: &Value) {
    let fault =
        json!({"operation": operation, "reservation": reference, "when": when, "what": what});
    env.provider.fault(&fault);
}

fn an_effect_whose_answer_is_lost_is_found_again_and_not_repeated(place: Place) {
    let env = TestEnv::start(place, IMPATIENT);
    let reset = json!("reset");
    let lost = |operation: &str, reference: &str| {
        disturb(&env, operation, reference, "after_effect", &reset);
    };

    lost("submit", "LOST-SUBMIT");
    let submitted = env
        .api()
        .post("/v1/reservations", &env.body("LOST-SUBMIT", &json!({})));
    env.check(&submitted, 202);

    let charge = env.captured("LOST-CHARGE", &json!({}));
    lost("charge", "LOST-CHARGE");
    env.act(&charge.id, "charge", &damage());
    let refund = env.captured("LOST-REFUND", &json!({}));
    lost("refund", "LOST-REFUND");
    env.act(
        &refund.id,
        "refund",
        &json!({"source": "captured", "amount": "100.00"}),
    );
    let cancel = env.held("LOST-CANCEL", &json!({}));
    lost("cancel", "LOST-CANCEL");
    env.act(&cancel.id, "cancel", &json!({"note": "Not needed"}));
    let complete = env.captured("LOST-COMPLETE", &json!({}));
    lost("complete", "LOST-COMPLETE");
    env.act(&complete.id, "complete", &json!({"note": "Paid"}));
    let capture = env.held("LOST-CAPTURE", &json!({}));
    lost("capture", "LOST-CAPTURE");
    env.deliver(&capture.id, &json!({"event_id": "D-1"}));

    let id = submitted.json["id"].as_str().expect("an id");
    let found = env.wait_status(id, "awaiting_payment");
    assert!(found["provider"]["reservation_uuid"].is_string(), "{found}");
    wait_amount(&env, &charge, "charged", "250.00");
    wait_amount(&env, &refund, "refunded", "100.00");
    env.wait_status(&cancel.id, "cancelled");
    env.wait_status(&complete.id, "completed");
    wait_amount(&env, &capture, "captured", "1500.00");

    let acts = judge(&env.provider.effects());
    assert_eq!(acts["LOST-SUBMIT"], ["created"]);
    assert_eq!(
        acts["LOST-CHARGE"],
        ["created", "captured 1500.00", "charged 250.00"]
    );
    assert_eq!(
        acts["LOST-REFUND"],
        ["created", "captured 1500.00", "refund_accepted 100.00"]
    );
    assert_eq!(acts["LOST-CANCEL"], ["created", "cancelled"]);
    assert_eq!(
        acts["LOST-COMPLETE"],
        ["created", "captured 1500.00", "completed"]
    );
    assert_eq!(acts["LOST-CAPTURE"], ["created", "captured 1500.00"]);
    let requests = env.provider.requests();
    for operation in ["submit", "charge", "refund", "cancel", "complete"] {
        let expected = if operation == "submit" { 6 } else { 1 };
        assert_eq!(requests[operation], expected, "{operation}: {requests:?}");
    }
    assert!(env.jobs("state=needs_review").is_empty());
}

#[track_caller]
fn wait_amount(env: &TestEnv, booking: &Booking, which: &str, amount: &str) {
    let what = format!("{which} {amount} and resolved");
    env.wait_reservation(&booking.id, &what, |seen| {
        seen["amounts"][which] == amount
            && seen["amounts"]["in_doubt"] == "0.00"
            && seen["review"].is_null()
    });
}

fn a_capture_without_an_effect_is_sent_again_once_its_absence_is_proven(place: Place) {
    let env = TestEnv::start(place, IMPATIENT);
    let booking = env.held("ABSENT-1", &json!({}));
    disturb(
        &env,
        "capture",
        "ABSENT-1",
        "before_effect",
        &json!("reset"),
    );
    env.deliver(&booking.id, &json!({"event_id": "D-1"}));
    let unknown = env.wait_reservation(&booking.id, "in doubt", |seen| {
        seen["amounts"]["in_doubt"] == "1500.00"
    });
    // Whoever asks meanwhile finds nothing left to take.
    let again = env.api().post(
        &format!("/v1/reservations/{}/capture", booking.id),
        &json!({}),
    );
    assert!(
        matches!(again.status, 202 | 409),
        "{} {unknown}",
        again.text
    );
    wait_amount(&env, &booking, "captured", "1500.00");
    assert_eq!(
        judge(&env.provider.effects())["ABSENT-1"],
        ["created", "captured 1500.00"]
    );
    assert_eq!(env.provider.requests()["capture"], 2);
    let job = env.jobs(&format!("reservation={}&kind=capture", booking.id));
    let outcomes: Vec<_> = env.job(job[0]["id"].as_str().expect("an id"))["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .filter_map(|attempt| attempt["outcome"].as_str().map(str::to_owned))
        .filter(|outcome| outcome != "snoozed")
        .collect();
    assert_eq!(outcomes, ["unknown", "accepted"]);
}

fn a_charge_without_an_effect_goes_to_a_person_and_is_never_sent_again(place: Place) {
    let env = TestEnv::start(place, IMPATIENT);
    let booking = env.captured("REVIEW-1", &json!({}));
    disturb(&env, "charge", "REVIEW-1", "before_effect", &json!("reset"));
    let job = env.act(&booking.id, "charge", &damage());
    let asked = env.wait_reservation(&booking.id, "in review", |seen| !seen["review"].is_null());
    assert_eq!(asked["review"]["reason"], "charge_unknown");
    // What is in doubt counts as spent.
    assert_eq!(asked["amounts"]["in_doubt"], "250.00");
    let job = env.wait_job(job["id"].as_str().expect("a job"), "needs_review");
    assert!(
        job["last_error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("outcome unknown")),
        "{job}"
    );
    env.done(&booking.id, "refresh", &json!({}));
    assert_eq!(env.provider.requests()["charge"], 1);
    assert_eq!(
        judge(&env.provider.effects())["REVIEW-1"],
        ["created", "captured 1500.00"]
    );
}

fn case_089_useless_answers_to_a_capture_never_lead_to_a_second_one(place: Place) {
    let env = TestEnv::start(place, IMPATIENT);
    let answers = [
        json!({"status": 500}),
        json!({"status": 502}),
        json!({"status": 510}),
        json!("html"),
        json!("garbage"),
        json!("empty"),
        json!({"truncated": 20}),
        json!("wrong_code"),
    ];
    let mut bookings = Vec::new();
    for (number, what) in (0..).zip(&answers) {
        for when in ["before_effect", "after_effect"] {
            let reference = format!("USELESS-{number}-{when}");
            let booking = env.held(&reference, &json!({}));
            disturb(&env, "capture", &reference, when, what);
            env.deliver(&booking.id, &json!({"event_id": "D-1"}));
            bookings.push(booking);
        }
    }
    for booking in &bookings {
        wait_amount(&env, booking, "captured", "1500.00");
    }
    let acts = judge(&env.provider.effects());
    for booking in &bookings {
        assert_eq!(
            acts[&booking.reference],
            ["created", "captured 1500.00"],
            "{}",
            booking.reference
        );
    }
    assert_eq!(
        env.provider.requests()["capture"],
        3 * answers.len() as u64,
        "one each, and one more without effect"
    );
}

/// Details that show no texts leave a lost capture to other evidence, or to a person; it is not sent again.
fn case_051_a_lost_capture_whose_text_is_not_shown_is_never_sent_again(place: Place) {
    let env = TestEnv::start(place, IMPATIENT);
    env.provider.switch(&json!({"marker": "dropped"}));
    // Confirmed by its reference, without its text.
    let first = env.captured("STRIPPED-1", &json!({}));
    env.done(&first.id, "refresh", &json!({}));
    let booking = env.held("STRIPPED-2", &json!({}));
    disturb(
        &env,
        "capture",
        "STRIPPED-2",
        "after_effect",
        &json!("reset"),
    );
    env.deliver(&booking.id, &json!({"event_id": "D-1"}));
    let seen = env.wait_reservation(&booking.id, "captured or in review", |seen| {
        let resolved =
            seen["amounts"]["in_doubt"] == "0.00" && seen["amounts"]["captured"] == "1500.00";
        resolved || !seen["review"].is_null()
    });
    // What may have been taken counts as taken: nobody can take it again meanwhile.
    let again = env.api().post(
        &format!("/v1/reservations/{}/capture", booking.id),
        &json!({}),
    );
    assert!(matches!(again.status, 202 | 409), "{} {seen}", again.text);
    env.done(&booking.id, "refresh", &json!({}));
    let acts = judge(&env.provider.effects());
    for reference in ["STRIPPED-1", "STRIPPED-2"] {
        assert_eq!(
            acts[reference],
            ["created", "captured 1500.00"],
            "{reference}"
        );
    }
    assert_eq!(env.provider.requests()["capture"], 2, "one each");
}

fn a_lost_refund_that_shows_late_is_not_sent_again(place: Place) {
    let env = TestEnv::start(place, IMPATIENT);
    // Resolved within the reads that an unknown refund gets, and in the history later than in details.
    env.provider
        .switch(&json!({"refund_payout": {"after_seconds": 40}, "history_lag_seconds": 120}));
    let booking = env.captured("LATE-REFUND", &json!({}));
    disturb(
        &env,
        "refund",
        "LATE-REFUND",
        "after_effect",
        &json!({"status": 502}),
    );
    env.act(
        &booking.id,
        "refund",
        &json!({"source": "captured", "amount": "100.00"}),
    );
    wait_amount(&env, &booking, "refunded", "100.00");
    let acts = judge(&env.provider.effects());
    assert_eq!(
        acts["LATE-REFUND"],
        ["created", "captured 1500.00", "refund_accepted 100.00"]
    );
    assert_eq!(env.provider.requests()["refund"], 1);
}
