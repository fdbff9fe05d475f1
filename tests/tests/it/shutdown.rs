//! A service that is asked to end: what runs is finished or handed back, and nothing is left half done.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Options, Place, SOON, TestEnv, judge, on_both_databases};

on_both_databases! {
    a_running_request_is_answered_and_its_job_finished_before_the_end;
    a_job_that_outlasts_the_grace_is_handed_back_without_an_attempt;
}

fn a_running_request_is_answered_and_its_job_finished_before_the_end(place: Place) {
    let mut env = TestEnv::start(place, Options::default());
    env.provider
        .fault(&json!({"operation": "submit", "what": {"delay": 1500}}));
    let api = env.api().header("Prefer", "wait=10");
    let body = env.body("STOP-1", &json!({}));
    let request = thread::spawn(move || api.post("/v1/reservations", &body));
    env.wait_effects("the submit is under way", |effects| {
        effects.iter().any(|effect| effect.kind == "created")
    });
    let process = env.process(0);
    process.terminate();
    let status = process.wait_for_exit(SOON);
    assert_eq!(status.code(), Some(0), "{}", env.log());
    let reply = request.join().expect("an answer");
    env.check(&reply, 201);

    assert_nothing_runs(&mut env);
    let seen = env.reservation("ref:STOP-1");
    assert_eq!(seen["status"], "awaiting_payment");
    assert_eq!(judge(&env.provider.effects())["STOP-1"], ["created"]);
}

fn a_job_that_outlasts_the_grace_is_handed_back_without_an_attempt(place: Place) {
    let mut env = TestEnv::start(
        place,
        Options {
            worker: "shutdown_grace = \"1s\"",
            ..Options::default()
        },
    );
    let booking = env.held("GRACE-1", &json!({}));
    env.provider
        .fault(&json!({"operation": "details", "what": "hang"}));
    let reads = env.provider.requests()["details"];
    let job = env.act(&booking.id, "refresh", &json!({}));
    env.wait_for(
        "the read is under way",
        SOON,
        || env.provider.requests()["details"],
        |now| *now > reads,
    );
    let process = env.process(0);
    process.terminate();
    assert_eq!(
        process.wait_for_exit(Duration::from_secs(20)).code(),
        Some(0),
        "{}",
        env.log()
    );

    assert_nothing_runs(&mut env);
    let id = job["id"].as_str().expect("a job");
    assert_eq!(env.job(id)["attempts_used"], 0);
    env.kill_service(0);
    env.start_service(0);
    env.wait_job(id, "succeeded");
}

/// Looks at the database through a service without workers.
#[track_caller]
fn assert_nothing_runs(env: &mut TestEnv) {
    env.kill_service(0);
    env.start_service_with(0, &["--roles", "api"]);
    let running = env.jobs("state=running");
    assert!(running.is_empty(), "{running:#?}");
}
