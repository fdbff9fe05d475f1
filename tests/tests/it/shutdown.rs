//! A service that is asked to end: what runs is finished or handed back, and nothing is left half done.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Options, Place, SOON, Stand, judge, on_both_databases};

on_both_databases! {
    a_running_request_is_answered_and_its_job_finished_before_the_end;
    a_job_that_outlasts_the_grace_is_handed_back_without_an_attempt;
}

fn a_running_request_is_answered_and_its_job_finished_before_the_end(place: Place) {
    let mut stand = Stand::start(place, Options::default());
    stand
        .provider
        .fault(&json!({"operation": "submit", "what": {"delay": 1500}}));
    let api = stand.api().header("Prefer", "wait=10");
    let body = stand.body("STOP-1", &json!({}));
    let request = thread::spawn(move || api.post("/v1/reservations", &body));
    stand.wait_effects("the submit is under way", |effects| {
        effects.iter().any(|effect| effect.kind == "created")
    });
    let process = stand.process(0);
    process.terminate();
    let status = process.wait_for_exit(SOON);
    assert_eq!(status.code(), Some(0), "{}", stand.log());
    let reply = request.join().expect("an answer");
    stand.check(&reply, 201);

    assert_nothing_runs(&mut stand);
    let seen = stand.reservation("ref:STOP-1");
    assert_eq!(seen["status"], "awaiting_payment");
    assert_eq!(judge(&stand.provider.effects())["STOP-1"], ["created"]);
}

fn a_job_that_outlasts_the_grace_is_handed_back_without_an_attempt(place: Place) {
    let mut stand = Stand::start(
        place,
        Options {
            worker: "shutdown_grace = \"1s\"",
            ..Options::default()
        },
    );
    let booking = stand.held("GRACE-1", &json!({}));
    stand
        .provider
        .fault(&json!({"operation": "details", "what": "hang"}));
    let reads = stand.provider.requests()["details"];
    let job = stand.act(&booking.id, "refresh", &json!({}));
    stand.wait_for(
        "the read is under way",
        SOON,
        || stand.provider.requests()["details"],
        |now| *now > reads,
    );
    let process = stand.process(0);
    process.terminate();
    assert_eq!(
        process.wait_for_exit(Duration::from_secs(20)).code(),
        Some(0),
        "{}",
        stand.log()
    );

    assert_nothing_runs(&mut stand);
    let id = job["id"].as_str().expect("a job");
    assert_eq!(stand.job(id)["attempts_used"], 0);
    stand.kill_service(0);
    stand.start_service(0);
    stand.wait_job(id, "succeeded");
}

/// Looks at the database through a service without workers.
#[track_caller]
fn assert_nothing_runs(stand: &mut Stand) {
    stand.kill_service(0);
    stand.start_service_with(0, &["--roles", "api"]);
    let running = stand.jobs("state=running");
    assert!(running.is_empty(), "{running:#?}");
}
