//! Throttling and refused credentials: nothing is executed, and nothing is lost.

use serde_json::{Value, json};

use crate::harness::{Options, Place, TestEnv, judge, on_both_databases};

on_both_databases! {
    case_083_throttling_is_waited_out_and_uses_no_attempt;
    case_081_refused_credentials_pause_the_merchant_and_lose_nothing;
}

fn capture_job(env: &TestEnv, reservation: &str) -> Value {
    let jobs = env.jobs(&format!("reservation={reservation}&kind=capture"));
    assert_eq!(jobs.len(), 1, "{jobs:#?}");
    jobs[0].clone()
}

fn case_083_throttling_is_waited_out_and_uses_no_attempt(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let easy = env.captured("EASY-1", &json!({}));
    let hard = env.held("HARD-1", &json!({}));
    let throttled = json!({"operation": "capture", "what": {"status": 429}, "times": 2});
    env.provider.fault(&throttled);
    env.deliver(&hard.id, &json!({"event_id": "D-1"}));
    env.wait_status(&hard.id, "captured");
    let (easy, hard) = (capture_job(&env, &easy.id), capture_job(&env, &hard.id));
    assert_eq!(hard["attempts_used"], easy["attempts_used"], "{hard:#}");
    assert_eq!(env.provider.requests()["capture"], 4);
    assert_eq!(
        judge(&env.provider.effects())["HARD-1"],
        ["created", "captured 1500.00"]
    );
    // The provider asked for half a minute each time, and that is what passed at the least.
    let history = env.job(hard["id"].as_str().expect("an id"));
    let attempts = history["attempts"].as_array().expect("attempts");
    let starts: Vec<chrono::DateTime<chrono::Utc>> = attempts
        .iter()
        .filter_map(|attempt| attempt["started_at"].as_str()?.parse().ok())
        .collect();
    let rejected = attempts
        .iter()
        .filter(|attempt| attempt["http_status"] == 429)
        .count();
    assert_eq!(rejected, 2, "{history:#}");
    let (first, last) = (
        starts.first().expect("a start"),
        starts.last().expect("a start"),
    );
    assert!(
        *last - *first >= chrono::TimeDelta::seconds(60),
        "{starts:?}"
    );
}

fn case_081_refused_credentials_pause_the_merchant_and_lose_nothing(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.held("AUTH-1", &json!({}));
    env.provider
        .fault(&json!({"operation": "capture", "what": {"status": 401}}));
    env.deliver(&booking.id, &json!({"event_id": "D-1"}));
    let what = "the capture waits for the pause to end";
    env.wait_for(
        what,
        crate::harness::SOON,
        || capture_job(&env, &booking.id),
        |job| job["waiting_for"] == "pause" && job["state"] == "scheduled",
    );
    let seen = env.reservation(&booking.id);
    assert_eq!(seen["status"], "held");
    assert_eq!(
        seen["amounts"]["in_doubt"], "0.00",
        "what was refused is not in doubt"
    );
    // What comes meanwhile is taken, and waits.
    let other = env
        .api()
        .post("/v1/reservations", &env.body("AUTH-2", &json!({})));
    env.check(&other, 202);
    assert!(env.log().contains("refuses the credentials"));
    assert_eq!(env.list("/v1/merchants")[0]["paused"], true);
    let resumed = env.api().post("/v1/merchants/default/resume", &json!({}));
    env.check(&resumed, 200);
    env.wait_status(&booking.id, "captured");
    env.wait_status(
        other.json["id"].as_str().expect("an id"),
        "awaiting_payment",
    );
    let acts = judge(&env.provider.effects());
    assert_eq!(acts["AUTH-1"], ["created", "captured 1500.00"]);
    assert_eq!(acts["AUTH-2"], ["created"]);
}
