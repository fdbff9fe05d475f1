//! The happy life of one reservation, from the link to the closed books.

use serde_json::json;

use crate::harness::{Options, Place, TestEnv, judge, ledger_of, on_both_databases};

on_both_databases! {
    a_happy_life_costs_at_most_five_requests_and_both_ledgers_agree;
    the_api_and_the_workers_may_run_in_processes_of_their_own;
}

/// What the provider may be asked for one reservation that nothing happens to.
const BUDGET: u64 = 5;

fn a_happy_life_costs_at_most_five_requests_and_both_ledgers_agree(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.book(
        "HAPPY-1",
        &json!({"policy": {"completion": {"after": "5m"}}}),
    );
    let waiting = env.reservation(&booking.id);
    assert_eq!(waiting["status"], "awaiting_payment");
    assert!(
        waiting["payment_url"]
            .as_str()
            .is_some_and(|url| url.starts_with("http")),
        "{waiting}"
    );
    assert_eq!(env.reservation("ref:HAPPY-1")["id"], booking.id.as_str());

    env.provider.pay(&booking.uuid);
    let held = env.wait_status(&booking.id, "held");
    assert_eq!(held["amounts"]["reserved"], "1500.00");
    assert!(held["deadlines"]["capture_by"].is_string(), "{held}");

    let delivery = json!({"event_id": "D-1", "complete": true});
    let delivered = env.deliver(&booking.id, &delivery);
    assert_eq!(delivered["lines"][0]["delivered"], "1000.00");
    env.deliver(&booking.id, &delivery);
    let completed = env.wait_status(&booking.id, "completed");
    assert_eq!(completed["amounts"]["captured"], "1500.00");
    assert_eq!(completed["amounts"]["in_doubt"], "0.00");
    assert_eq!(completed["control"], "auto");

    let effects = env.provider.effects();
    let acts = judge(&effects);
    assert_eq!(
        acts["HAPPY-1"],
        ["created", "captured 1500.00", "completed"]
    );
    let captured = effects
        .iter()
        .find(|effect| effect.kind == "captured")
        .expect("a capture");
    let theirs = (
        "capture".to_owned(),
        captured.amount,
        captured.provider_reference.clone(),
    );
    assert_eq!(ledger_of(&completed), [theirs]);

    let requests = env.provider.requests();
    let total: u64 = requests.values().sum();
    assert!(total <= BUDGET, "{total} requests: {requests:?}");

    let times: Vec<_> = env
        .events(&booking.id)
        .iter()
        .map(|event| event["at"].to_string())
        .collect();
    assert!(times.is_sorted() && times.len() >= 5, "{times:?}");
}

fn the_api_and_the_workers_may_run_in_processes_of_their_own(place: Place) {
    let mut env = TestEnv::start(
        place,
        Options {
            services: 2,
            ..Options::default()
        },
    );
    for (service, role) in [(0, "api"), (1, "worker")] {
        env.kill_service(service);
        env.start_service_with(service, &["--roles", role]);
    }
    let booking = env.captured("APART-1", &json!({}));
    env.done(&booking.id, "complete", &json!({"note": "Paid"}));
    assert_eq!(
        judge(&env.provider.effects())["APART-1"],
        ["created", "captured 1500.00", "completed"]
    );
}
