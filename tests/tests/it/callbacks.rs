//! Callbacks: hints to read, believed only with a right checksum, and not needed.

use serde_json::{Value, json};
use tests::Http;

use crate::harness::{Options, Place, SOON, TestEnv, judge, on_both_databases};

on_both_databases! {
    a_wrong_checksum_is_refused_and_changes_nothing;
    a_repeated_callback_is_accepted_and_leads_to_no_second_read;
    a_lost_callback_is_found_by_the_slow_read;
    a_lost_callback_is_found_by_the_sweep;
    case_002_a_callback_that_overtakes_the_answer_of_the_submit_is_understood;
}

/// The base and the path of a callback's URL.
fn split(callback: &Value) -> (Http, String) {
    let url = callback["url"].as_str().expect("a URL");
    let path = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .expect("a path");
    (
        Http::new(&format!("http://{}", path.0)),
        format!("/{}", path.1),
    )
}

fn a_wrong_checksum_is_refused_and_changes_nothing(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.book("FORGED-1", &json!({}));
    let before = env.events(&booking.id).len();
    env.provider.fault(&json!({"callback": "wrong_checksum"}));
    env.provider.pay(&booking.uuid);
    let callbacks = env.provider.callbacks();
    let (service, path) = split(&callbacks[0]);
    let (token_path, _) = path.split_once('?').expect("a query");
    for (path, status) in [
        (path.as_str(), 403),
        (token_path, 403),
        (
            &format!(
                "{token_path}?orderUuid={}&status=RESERVED&checksum=",
                booking.uuid
            ),
            403,
        ),
        (&format!("{token_path}?{}", "a=b&".repeat(2000)), 403),
        ("/callbacks/0123456789abcdef", 404),
        ("/callbacks/..%2f", 404),
    ] {
        assert_eq!(service.get(path).status, status, "{path}");
    }
    let seen = env.reservation(&booking.id);
    assert_eq!(seen["status"], "awaiting_payment");
    assert_eq!(env.events(&booking.id).len(), before);
    assert_eq!(env.provider.requests().get("details"), None);
}

fn a_repeated_callback_is_accepted_and_leads_to_no_second_read(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.book("AGAIN-1", &json!({}));
    env.provider.fault(&json!({"callback": "duplicate"}));
    env.provider.pay(&booking.uuid);
    env.wait_status(&booking.id, "held");
    let callbacks = env.provider.callbacks();
    assert_eq!(callbacks.len(), 2, "{callbacks:#?}");
    let reads = env.provider.requests()["details"];
    for _ in 0..5 {
        let (service, path) = split(&callbacks[0]);
        assert_eq!(service.get(&path).status, 200);
    }
    // Nothing is planned to be read now.
    let reads_planned: Vec<Value> = env
        .jobs(&format!("reservation={}&kind=refresh", booking.id))
        .into_iter()
        .filter(|job| matches!(job["state"].as_str(), Some("available" | "running")))
        .collect();
    assert!(reads_planned.is_empty(), "{reads_planned:#?}");
    assert_eq!(env.provider.requests()["details"], reads);
    assert!(reads <= 2, "{reads} reads");
}

fn a_lost_callback_is_found_by_the_slow_read(place: Place) {
    let often = Options {
        merchant: "refresh_open_every = \"5m\"",
        ..Options::default()
    };
    let env = TestEnv::start(place, often);
    let booking = env.book("SLOW-1", &json!({}));
    env.provider.fault(&json!({"callback": "lost"}));
    env.provider.pay(&booking.uuid);
    env.wait_status(&booking.id, "held");
    judge(&env.provider.effects());
}

fn a_lost_callback_is_found_by_the_sweep(place: Place) {
    let often = Options {
        merchant: "sweep_every = \"2m\"\nrefresh_open_every = \"7d\"",
        ..Options::default()
    };
    let env = TestEnv::start(place, often);
    let booking = env.book("SWEEP-1", &json!({}));
    env.provider.fault(&json!({"callback": "lost"}));
    env.provider.pay(&booking.uuid);
    env.wait_status(&booking.id, "held");
    assert!(env.provider.requests()["history"] >= 1);
    judge(&env.provider.effects());
}

fn case_002_a_callback_that_overtakes_the_answer_of_the_submit_is_understood(place: Place) {
    let env = TestEnv::start(place, Options::default());
    env.provider.fault(&json!({
        "operation": "submit", "reservation": "EARLY-1", "when": "after_effect", "what": {"delay": 3000},
    }));
    let reply = env
        .api()
        .post("/v1/reservations", &env.body("EARLY-1", &json!({})));
    env.check(&reply, 202);
    let id = reply.json["id"].as_str().expect("an id");
    env.wait_effects("the provider has it", |effects| {
        effects.iter().any(|effect| effect.kind == "created")
    });
    env.provider.pay("EARLY-1");
    let what = "the callback is on record before the answer";
    let overtaken = env.wait_for(
        what,
        SOON,
        || env.events(id),
        |events| events.iter().any(|event| event["actor"] == "provider"),
    );
    assert!(
        overtaken
            .iter()
            .all(|event| event["type"] != "payment_link_created"),
        "{overtaken:#?}"
    );
    env.wait_status(id, "held");
    assert_eq!(judge(&env.provider.effects())["EARLY-1"], ["created"]);
    assert_eq!(env.provider.requests()["submit"], 1);
}
