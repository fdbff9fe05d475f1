//! A database that fails at the worst moments: at the commit before a request, and at the one after it. Postgres can be
//! made to refuse a commit, which tests both.

use serde_json::json;

use crate::harness::{Booking, Options, Place, SOON, TestEnv, judge};

/// Unknown outcomes are resolved within a few seconds of the wall.
const IMPATIENT: Options = Options {
    speed: 60,
    merchant: "resolution.reads = [\"10s\", \"30s\", \"60s\", \"90s\", \"2m\", \"3m\", \"4m\", \"5m\"]",
    worker: "",
    services: 1,
    log: "info",
};

/// From now on commits fail that `event` an attempt like this, as if the disk were full.
fn let_commits_fail(env: &TestEnv, event: &str, like: &str) {
    let database = env.postgres().expect("a stand on Postgres");
    for statement in [
        "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$",
        &format!(
            "CREATE CONSTRAINT TRIGGER disk_full AFTER {event} ON attempts DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN ({like}) EXECUTE FUNCTION disk_full()"
        ),
    ] {
        assert_eq!(database.query(statement), "");
    }
}

fn let_commits_succeed(env: &TestEnv) {
    drop(
        env.postgres()
            .expect("a stand on Postgres")
            .query("DROP TRIGGER disk_full ON attempts"),
    );
}

fn capture_jobs(env: &TestEnv, booking: &Booking) -> Vec<serde_json::Value> {
    env.jobs(&format!("reservation={}&kind=capture", booking.id))
}

#[test]
fn case_103_a_commit_that_fails_before_the_request_sends_nothing() {
    let env = TestEnv::start(Place::Postgres, IMPATIENT);
    let booking = env.held("FULL-1", &json!({}));
    let_commits_fail(
        &env,
        "INSERT",
        "NEW.outcome = 'unsent' AND NEW.intent_id IS NOT NULL",
    );
    env.deliver(&booking.id, &json!({"event_id": "D-1"}));
    env.wait_for(
        "the capture has failed to be put on record",
        SOON,
        || capture_jobs(&env, &booking),
        |jobs| jobs.iter().any(|job| !job["last_error"].is_null()),
    );
    assert_eq!(env.provider.requests().get("capture"), None);
    assert_eq!(
        env.reservation(&booking.id)["amounts"]["in_doubt"],
        "0.00",
        "nothing is in doubt"
    );
    let_commits_succeed(&env);
    let job = capture_jobs(&env, &booking)[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    // Its own next try may be a moment ahead.
    let asked = env
        .api()
        .post(&format!("/v1/jobs/{job}/run-now"), &json!({}));
    assert!([200, 409].contains(&asked.status), "{}", asked.status);
    env.wait_status(&booking.id, "captured");
    assert_eq!(env.provider.requests()["capture"], 1);
    assert_eq!(
        judge(&env.provider.effects())["FULL-1"],
        ["created", "captured 1500.00"]
    );
}

#[test]
fn case_102_a_commit_that_fails_after_the_request_leaves_it_unknown_and_it_is_not_sent_again() {
    let mut env = TestEnv::start(Place::Postgres, IMPATIENT);
    let booking = env.held("FULL-2", &json!({}));
    let_commits_fail(&env, "UPDATE", "NEW.outcome = 'accepted'");
    env.deliver(&booking.id, &json!({"event_id": "D-1"}));
    env.wait_effects("the provider has captured", |effects| {
        effects.iter().any(|effect| effect.kind == "captured")
    });
    env.kill_service(0);
    env.start_service(0);
    let seen = env.wait_reservation(&booking.id, "captured and resolved", |seen| {
        seen["amounts"]["captured"] == "1500.00" && seen["amounts"]["in_doubt"] == "0.00"
    });
    assert!(seen["review"].is_null(), "{seen:#}");
    assert_eq!(env.provider.requests()["capture"], 1);
    assert_eq!(
        judge(&env.provider.effects())["FULL-2"],
        ["created", "captured 1500.00"]
    );
    let job = env.job(
        capture_jobs(&env, &booking)[0]["id"]
            .as_str()
            .expect("an id"),
    );
    let accepted = |attempt: &serde_json::Value| attempt["outcome"] == "accepted";
    assert!(
        !job["attempts"]
            .as_array()
            .expect("attempts")
            .iter()
            .any(accepted),
        "no caller had an answer: {job:#}"
    );
}
