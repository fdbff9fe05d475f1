//! Throttling and refused credentials: nothing is executed, and nothing is lost.

use serde_json::{Value, json};

use crate::harness::{Options, Place, Stand, judge, on_both_databases};

on_both_databases! {
    case_083_throttling_is_waited_out_and_uses_no_attempt;
    case_081_refused_credentials_pause_the_merchant_and_lose_nothing;
}

fn capture_job(stand: &Stand, reservation: &str) -> Value {
    let jobs = stand.jobs(&format!("reservation={reservation}&kind=capture"));
    assert_eq!(jobs.len(), 1, "{jobs:#?}");
    jobs[0].clone()
}

fn case_083_throttling_is_waited_out_and_uses_no_attempt(place: Place) {
    let stand = Stand::start(place, Options::default());
    let easy = stand.captured("EASY-1", &json!({}));
    let hard = stand.held("HARD-1", &json!({}));
    let throttled = json!({"operation": "capture", "what": {"status": 429}, "times": 2});
    stand.provider.fault(&throttled);
    stand.deliver(&hard.id, &json!({"event_id": "D-1"}));
    stand.wait_status(&hard.id, "captured");
    let (easy, hard) = (capture_job(&stand, &easy.id), capture_job(&stand, &hard.id));
    assert_eq!(hard["attempts_used"], easy["attempts_used"], "{hard:#}");
    assert_eq!(stand.provider.requests()["capture"], 4);
    assert_eq!(
        judge(&stand.provider.effects())["HARD-1"],
        ["created", "captured 1500.00"]
    );
    // The provider asked for half a minute each time, and that is what passed at the least.
    let history = stand.job(hard["id"].as_str().expect("an id"));
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
    let stand = Stand::start(place, Options::default());
    let booking = stand.held("AUTH-1", &json!({}));
    stand
        .provider
        .fault(&json!({"operation": "capture", "what": {"status": 401}}));
    stand.deliver(&booking.id, &json!({"event_id": "D-1"}));
    let what = "the capture waits for the pause to end";
    stand.wait_for(
        what,
        crate::harness::SOON,
        || capture_job(&stand, &booking.id),
        |job| job["waiting_for"] == "pause" && job["state"] == "scheduled",
    );
    let seen = stand.reservation(&booking.id);
    assert_eq!(seen["status"], "held");
    assert_eq!(
        seen["amounts"]["in_doubt"], "0.00",
        "what was refused is not in doubt"
    );
    // What comes meanwhile is taken, and waits.
    let other = stand
        .api()
        .post("/v1/reservations", &stand.body("AUTH-2", &json!({})));
    stand.check(&other, 202);
    assert!(stand.log().contains("refuses the credentials"));
    assert_eq!(stand.list("/v1/merchants")[0]["paused"], true);
    let resumed = stand.api().post("/v1/merchants/default/resume", &json!({}));
    stand.check(&resumed, 200);
    stand.wait_status(&booking.id, "captured");
    stand.wait_status(
        other.json["id"].as_str().expect("an id"),
        "awaiting_payment",
    );
    let acts = judge(&stand.provider.effects());
    assert_eq!(acts["AUTH-1"], ["created", "captured 1500.00"]);
    assert_eq!(acts["AUTH-2"], ["created"]);
}
