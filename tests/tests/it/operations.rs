//! Each operation from the API to the provider and back.

use chrono::TimeDelta;
use domain::Money;
use serde_json::{Value, json};

use crate::harness::{CUSTOMER_EMAIL, Effect, Options, Place, TestEnv, judge, on_both_databases};

on_both_databases! {
    a_submit_goes_to_the_endpoint_that_its_checkout_asks_for;
    a_taken_reference_is_refused_and_a_repeated_key_answers_the_same;
    an_unpaid_link_is_reminded_of_and_then_withdrawn;
    a_link_that_the_provider_lets_expire_is_seen_to_be_over;
    deliveries_capture_what_they_name_once_all_is_delivered;
    captures_are_asked_for_by_line_and_by_amount;
    charges_and_refunds_move_exactly_what_is_asked_for;
    a_held_reservation_is_cancelled_and_takes_nothing_more;
    books_are_closed_on_request;
    case_012_a_link_is_sent_again_to_another_contact;
    a_capture_in_the_portal_is_adopted_as_external;
    a_payment_link_is_made_and_answered_within_the_wait;
    a_paused_reservation_waits_until_it_is_resumed;
}

/// What several captures of one hold need.
const PROVEN: Options = Options {
    speed: 60,
    merchant: "multi_capture = \"proven\"",
    worker: "",
    services: 1,
    log: "info",
};

fn a_submit_goes_to_the_endpoint_that_its_checkout_asks_for(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let checkout = json!({"checkout": {
        "method": "visa", "success_url": "https://shop.example.no/ok", "failure_url": "https://shop.example.no/no",
    }});
    env.book("SUBMIT-1", &json!({}));
    let session = env.book("SUBMIT-2", &checkout);
    let requests = env.provider.requests();
    assert_eq!(
        (requests["submit"], requests["create_session"]),
        (1, 1),
        "{requests:?}"
    );
    let url = env.reservation(&session.id)["payment_url"].clone();
    assert!(
        url.as_str().is_some_and(|url| url.ends_with(&session.uuid)),
        "{url}"
    );
    // The link really opens, and shows what is paid for.
    let path = url
        .as_str()
        .and_then(|url| url.split_once("/pay/"))
        .expect("a path")
        .1;
    let page = env.provider.http().get(&format!("/pay/{path}"));
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Cabin, 2 nights"), "{}", page.text);
    judge(&env.provider.effects());
}

fn a_taken_reference_is_refused_and_a_repeated_key_answers_the_same(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let api = env.api().header("Idempotency-Key", "key-1");
    let body = env.body("TWICE-1", &json!({}));
    let first = api.post("/v1/reservations", &body);
    env.check(&first, 202);
    let second = api.post("/v1/reservations", &body);
    assert_eq!(
        (second.status, &second.json["id"]),
        (202, &first.json["id"]),
        "{}",
        second.text
    );
    assert_eq!(
        second
            .headers
            .get("idempotent-replayed")
            .map(String::as_str),
        Some("true")
    );
    let other = api.post("/v1/reservations", &env.body("TWICE-2", &json!({})));
    assert_eq!(
        (other.status, other.json["code"].as_str()),
        (422, Some("idempotency_key_reused"))
    );
    let taken = env.api().post("/v1/reservations", &body);
    assert_eq!(
        (taken.status, taken.json["code"].as_str()),
        (409, Some("reference_taken"))
    );
    env.wait_status(
        first.json["id"].as_str().expect("an id"),
        "awaiting_payment",
    );
    assert_eq!(env.provider.count("TWICE-1", "created"), 1);
}

fn an_unpaid_link_is_reminded_of_and_then_withdrawn(place: Place) {
    let env = TestEnv::start(
        place,
        Options {
            speed: 120,
            ..Options::default()
        },
    );
    // The provider leaves the link payable after its due date, so that it is up to the policy to end it.
    env.provider.switch(&json!({"link_expiry": false}));
    let booking = env.book(
        "UNPAID-1",
        &json!({
            "payment_link_due": env.later(TimeDelta::minutes(12)),
            "policy": {
                "reminders": {"at": ["+2m", "-2m"], "contact_hours": "any", "min_spacing": "1m",
                              "channels": ["sms", "email"]},
                "expiry": {"cancel_after_due": "1m"},
            },
        }),
    );
    env.wait_status(&booking.id, "cancelled");
    let effects = env.provider.effects_of("UNPAID-1");
    let sent = effects
        .iter()
        .filter(|effect| effect.kind == "link_sent")
        .count();
    // The provider sends the link once by itself; the rest are the two reminders.
    assert_eq!(sent, 3, "{effects:#?}");
    assert_eq!(env.provider.requests()["resend"], 2);
    assert!(
        env.jobs(&format!("reservation={}&state=scheduled", booking.id))
            .is_empty()
    );
    assert_eq!(
        judge(&env.provider.effects())["UNPAID-1"],
        ["created", "cancelled"]
    );
}

fn a_link_that_the_provider_lets_expire_is_seen_to_be_over(place: Place) {
    let env = TestEnv::start(
        place,
        Options {
            speed: 120,
            ..Options::default()
        },
    );
    let due = env.later(TimeDelta::minutes(12));
    let booking = env.book(
        "EXPIRED-1",
        &json!({"payment_link_due": due, "policy": {"reminders": {"at": []}}}),
    );
    env.provider.act("expire", &booking.uuid, &json!({}));
    env.done(&booking.id, "refresh", &json!({}));
    let over = env.wait_status(&booking.id, "expired");
    assert_eq!(over["review"], Value::Null);
    assert_eq!(judge(&env.provider.effects())["EXPIRED-1"], ["created"]);
}

fn deliveries_capture_what_they_name_once_all_is_delivered(place: Place) {
    let env = TestEnv::start(place, PROVEN);
    let whole = env.held("DELIVER-1", &json!({}));
    let each = env.held(
        "DELIVER-2",
        &json!({"policy": {"capture": {"on_delivery": "each_delivery"}}}),
    );
    let part = json!({"event_id": "D-1", "lines": [{"line": 1, "amount": "400.00"}]});
    let rest = json!({"event_id": "D-2", "lines": [{"line": 1, "amount": "600.00"}, {"line": 2, "amount": "500.00"}]});

    let partly = env.deliver(&whole.id, &part);
    assert_eq!(partly["lines"][0]["delivered"], "400.00");
    env.deliver(&each.id, &part);
    env.wait_effects("the first delivery is captured", |effects| {
        taken(effects, "DELIVER-2") == [kroner(400)]
    });
    assert!(
        taken(&env.provider.effects(), "DELIVER-1").is_empty(),
        "the rest is not delivered yet"
    );

    env.deliver(&whole.id, &rest);
    env.deliver(&each.id, &rest);
    env.wait_effects("all is captured", |effects| {
        taken(effects, "DELIVER-1") == [kroner(1500)]
            && taken(effects, "DELIVER-2") == [kroner(400), kroner(1100)]
    });
    for id in [&whole.id, &each.id] {
        env.wait_reservation(id, "captured as a whole", |seen| {
            seen["amounts"]["captured"] == "1500.00"
        });
    }
    judge(&env.provider.effects());
}

fn captures_are_asked_for_by_line_and_by_amount(place: Place) {
    let env = TestEnv::start(place, PROVEN);
    let manual = json!({"policy": {"capture": {"on_delivery": "manual"}}});
    let booking = env.held("CAPTURE-1", &manual);
    let lines = json!({"lines": [{"line": 2, "amount": "200.00"}], "note": "Boat, one day"});
    let job = env.done(&booking.id, "capture", &lines);
    let reference = job["result"]["reference"]
        .as_str()
        .expect("a reference")
        .to_owned();
    env.done(&booking.id, "capture", &json!({"amount": "300.50"}));
    let too_much = env.api().post(
        &format!("/v1/reservations/{}/capture", booking.id),
        &json!({"amount": "1000"}),
    );
    env.check(&too_much, 422);
    env.done(&booking.id, "capture", &json!({}));
    let effects = env.provider.effects();
    let first = effects
        .iter()
        .find(|effect| effect.kind == "captured")
        .expect("a capture");
    assert_eq!(
        first.provider_reference.as_deref(),
        Some(reference.as_str())
    );
    assert!(
        first
            .text
            .as_deref()
            .is_some_and(|text| text.ends_with("Boat, one day")),
        "{first:?}"
    );
    let sums = [
        kroner(200),
        "300.50".parse().expect("money"),
        "999.50".parse().expect("money"),
    ];
    assert_eq!(taken(&effects, "CAPTURE-1"), sums);
    judge(&effects);
}

fn charges_and_refunds_move_exactly_what_is_asked_for(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.captured(
        "MONEY-1",
        &json!({"settings": {"charge_partially_refundable": true}}),
    );
    let damage = json!({
        "lines": [{"name": "Broken window", "rate": "250.00", "tax_percent": 25, "amount": "250.00"}],
        "note": "Seen at check-out",
    });
    let charge = env.done(&booking.id, "charge", &damage);
    let charged = charge["result"]["reference"]
        .as_str()
        .expect("a reference")
        .to_owned();
    assert!(charged.starts_with("CHA"), "{charged}");

    env.done(
        &booking.id,
        "refund",
        &json!({"source": "captured", "lines": [{"line": 1, "amount": "120.00"}]}),
    );
    let back = json!({"source": "charged", "reference": charged, "amount": "50.00"});
    env.done(&booking.id, "refund", &back);
    let seen = env.wait_reservation(&booking.id, "refunded", |seen| {
        seen["amounts"]["refunded"] == "170.00"
    });
    assert_eq!(seen["amounts"]["charged"], "250.00");
    assert_eq!(seen["amounts"]["captured"], "1500.00");
    assert_eq!(seen["review"], Value::Null);
    let acts = judge(&env.provider.effects());
    let expected = [
        "created",
        "captured 1500.00",
        "charged 250.00",
        "refund_accepted 120.00",
        "refund_accepted 50.00",
    ];
    assert_eq!(acts["MONEY-1"], expected);
}

fn a_held_reservation_is_cancelled_and_takes_nothing_more(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.held("CANCEL-1", &json!({}));
    env.done(&booking.id, "cancel", &json!({"note": "The guest is ill"}));
    env.wait_status(&booking.id, "cancelled");
    for (action, body) in [
        ("capture", json!({})),
        (
            "charge",
            json!({"lines": [{"name": "Fee", "rate": "1", "tax_percent": 0, "amount": "1"}]}),
        ),
        ("refund", json!({"source": "captured"})),
        ("cancel", json!({"note": "Again"})),
        ("complete", json!({"note": "Again"})),
    ] {
        let reply = env
            .api()
            .post(&format!("/v1/reservations/{}/{action}", booking.id), &body);
        assert_eq!(reply.status, 409, "{action}: {}", reply.text);
    }
    let acts = judge(&env.provider.effects());
    assert_eq!(acts["CANCEL-1"], ["created", "cancelled"]);
    let note = env
        .provider
        .effects_of("CANCEL-1")
        .into_iter()
        .find_map(|effect| effect.text);
    assert!(note.is_some_and(|note| note.ends_with("The guest is ill")));
}

fn books_are_closed_on_request(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.captured("COMPLETE-1", &json!({}));
    env.done(&booking.id, "complete", &json!({"note": "Paid"}));
    env.wait_status(&booking.id, "completed");
    assert_eq!(
        judge(&env.provider.effects())["COMPLETE-1"],
        ["created", "captured 1500.00", "completed"]
    );
}

fn case_012_a_link_is_sent_again_to_another_contact(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.book("RESEND-1", &json!({}));
    let other_recipient = json!({"email": "somebody.else@kunde-eksempel.no"});
    let job = env.done(&booking.id, "resend", &other_recipient);
    assert!(!job.to_string().contains("somebody.else"), "{job}");
    env.done(&booking.id, "resend", &json!({}));
    assert_eq!(env.provider.count("RESEND-1", "link_sent"), 3);
    let timeline = json!(env.events(&booking.id)).to_string();
    assert!(
        !timeline.contains("somebody.else") && !timeline.contains(CUSTOMER_EMAIL),
        "{timeline}"
    );
}

fn a_capture_in_the_portal_is_adopted_as_external(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.held("EXTERNAL-1", &json!({}));
    let portal = env.provider.act("capture", &booking.uuid, &json!({}));
    env.done(&booking.id, "refresh", &json!({}));
    let seen = env.wait_status(&booking.id, "captured");
    assert_eq!(seen["ledger"][0]["origin"], "external", "{seen}");
    assert_eq!(seen["ledger"][0]["reference"], portal["reference"]);
    assert_eq!(seen["ledger"][0]["amount"], "1500.00");
    // What was taken in the portal is not taken again.
    env.deliver(&booking.id, &json!({"event_id": "D-1"}));
    let again = env.api().post(
        &format!("/v1/reservations/{}/capture", booking.id),
        &json!({}),
    );
    env.check(&again, 409);
    assert_eq!(taken(&env.provider.effects(), "EXTERNAL-1"), [kroner(1500)]);
}

fn a_payment_link_is_made_and_answered_within_the_wait(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let mut body = env.body(
        "LINK-1",
        &json!({
            "method": "mastercard",
            "success_url": "https://shop.example.no/ok",
            "failure_url": "https://shop.example.no/no",
        }),
    );
    let fields = body.as_object_mut().expect("an object");
    for name in ["payment_link_due", "send"] {
        fields.remove(name);
    }
    let reply = env
        .api()
        .header("Prefer", "wait=20")
        .post("/v1/payment-links", &body);
    env.check(&reply, 201);
    assert_eq!(
        reply.headers.get("preference-applied").map(String::as_str),
        Some("wait")
    );
    let result = &reply.json["result"];
    assert!(
        result["payment_url"]
            .as_str()
            .is_some_and(|url| url.starts_with("http")),
        "{result}"
    );
    assert!(
        result["reference"]
            .as_str()
            .is_some_and(|uuid| uuid.starts_with("ODR")),
        "{result}"
    );
    assert_eq!(env.provider.count("LINK-1", "order_created"), 1);
}

fn a_paused_reservation_waits_until_it_is_resumed(place: Place) {
    let env = TestEnv::start(place, Options::default());
    let booking = env.held("PAUSE-1", &json!({}));
    let at = |action: &str| format!("/v1/reservations/{}/{action}", booking.id);
    let paused = env.api().post(&at("pause"), &json!({}));
    assert_eq!(
        (paused.status, paused.json["control"].as_str()),
        (200, Some("paused")),
        "{}",
        paused.text
    );
    env.deliver(&booking.id, &json!({"event_id": "D-1"}));
    // A read is not held back, and its end says that the workers have looked.
    env.done(&booking.id, "refresh", &json!({}));
    assert_eq!(env.provider.count("PAUSE-1", "captured"), 0);
    env.check(&env.api().post(&at("resume"), &json!({})), 200);
    env.wait_status(&booking.id, "captured");
    assert_eq!(taken(&env.provider.effects(), "PAUSE-1"), [kroner(1500)]);
}

/// The captures of a booking, in order.
fn taken(effects: &[Effect], reference: &str) -> Vec<Money> {
    let own = effects
        .iter()
        .filter(|effect| effect.reference == reference && effect.kind == "captured");
    own.map(|effect| effect.amount).collect()
}

fn kroner(kroner: u32) -> Money {
    Money::kroner(kroner)
}
