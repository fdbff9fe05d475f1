//! Submits: answers that get lost, and payers who look and leave.

use api_client::callback::{Formula, sign};
use chrono::TimeDelta;
use domain::ReservationId;
use sandbox::{Effect, EffectKind, Fault, Operation, What, When};
use serde_json::{Value, json};
use service::operations::{CallbackOutcome, take_callback};

use testkit::env::{TestEnv, in_doubt};
use testkit::faulty::{answer, reset};
use testkit::service::CALLBACK_SECRET;

/// The provider tells of a reservation on its own path.
async fn callback(env: &TestEnv, id: &ReservationId, uuid: &str, status: &str) -> CallbackOutcome {
    let stored = env
        .service
        .app
        .store
        .reservation(id)
        .await
        .expect("read")
        .expect("reservation");
    let pairs = [
        ("orderUuid", uuid),
        ("status", status),
        ("timestamp", "1767225660"),
    ];
    let checksum = sign(Formula::F3All, &pairs, &CALLBACK_SECRET.into());
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let query = format!("{}&checksum={checksum}", query.join("&"));
    take_callback(&env.service.app, &stored.callback_token, &query).await
}

fn created(env: &TestEnv) -> Vec<Effect> {
    env.effects(EffectKind::Created)
}

#[tokio::test]
async fn case_001_a_submit_whose_answer_is_lost_is_confirmed_by_its_callback_and_details() {
    let env = TestEnv::start().await;
    env.changed("submit", 1, |_| reset());
    let id = env.submit("BOOK-1").await;
    env.until(&id, "in doubt", in_doubt).await;
    let uuid = created(&env)[0].reservation_uuid.clone();
    env.world.lock().pay(env.now(), &uuid).expect("payable");
    let query = format!("orderUuid={uuid}");
    let forged = take_callback(&env.service.app, "0123456789abcdef", &query).await;
    assert_eq!(forged, CallbackOutcome::NotFound);
    assert_eq!(
        callback(&env, &id, &uuid, "RESERVED").await,
        CallbackOutcome::Accepted
    );
    let held = env
        .until(&id, "held", |seen| seen["status"] == "held")
        .await;
    assert_eq!(
        (&held["provider"]["reservation_uuid"], &held["review"]),
        (&json!(uuid), &Value::Null)
    );
    assert_eq!(
        (env.sent("submit").len(), env.sent("history").len()),
        (1, 0),
        "the callback was enough"
    );
    assert!(
        !env.sent("details").is_empty(),
        "and was not believed without details"
    );
}

#[tokio::test]
async fn case_001_a_callback_that_names_another_reservation_is_not_adopted_and_hides_nothing() {
    let env = TestEnv::start().await;
    let other = env.linked("BOOK-2").await;
    let others = env.get(&other).await["provider"]["reservation_uuid"]
        .as_str()
        .expect("uuid")
        .to_owned();
    env.changed("submit", 1, |_| reset());
    let id = env.submit("BOOK-1").await;
    env.until(&id, "in doubt", in_doubt).await;
    // The link of the lost one was opened, else the history would not know it.
    env.world.lock().open(env.now(), "BOOK-1").expect("a page");
    callback(&env, &id, &others, "RESERVED").await;
    let found = env
        .until(&id, "found", |seen| seen["status"] == "awaiting_payment")
        .await;
    let own = created(&env)[1].reservation_uuid.clone();
    assert_eq!(
        found["provider"]["reservation_uuid"],
        json!(own),
        "its own, out of the history"
    );
    assert_eq!(env.sent("history").len(), 1, "which is searched at once");
    assert_eq!(
        (env.sent("submit").len(), created(&env).len()),
        (2, 2),
        "nor is it submitted again"
    );
}

#[tokio::test]
async fn case_003_a_submit_without_a_trace_is_sent_once_more_with_the_same_reference() {
    let env = TestEnv::start().await;
    env.instead("submit", 1, reset());
    let id = env.submit("BOOK-1").await;
    env.until(&id, "in doubt", in_doubt).await;
    let began = env.now();
    let found = env
        .run_until(&id, TimeDelta::hours(6), "at the provider", |seen| {
            seen["status"] == "awaiting_payment"
        })
        .await;
    assert!(
        env.now() - began >= TimeDelta::minutes(30),
        "absence takes its time: {}",
        env.now() - began
    );
    let references: Vec<Value> = env
        .sent("submit")
        .iter()
        .map(|body| body["referenceNo"].clone())
        .collect();
    assert_eq!(
        references,
        ["BOOK-1", "BOOK-1"],
        "two attempts under one name"
    );
    assert_eq!(created(&env).len(), 1, "and one reservation");
    assert_eq!(
        found["provider"]["reservation_uuid"],
        json!(created(&env)[0].reservation_uuid)
    );
    let job = env.job(&id, "submit").await;
    let outcomes: Vec<&str> = job["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .filter_map(|attempt| attempt["outcome"].as_str())
        .collect();
    let sent: Vec<&&str> = outcomes
        .iter()
        .filter(|outcome| **outcome != "snoozed")
        .collect();
    assert_eq!(sent, [&"unknown", &"accepted"], "{job:#}");
}

/// A submit that is sent once more, before its first request takes effect six hours late: ours, and the other one.
async fn made_twice(env: &TestEnv) -> (ReservationId, String, String) {
    let late = Fault::once(Operation::Submit, When::Later(6 * 3_600), What::Reset);
    env.world.lock().faults().calls.push(late);
    let id = env.submit("BOOK-1").await;
    let linked = |seen: &Value| seen["status"] == "awaiting_payment";
    env.run_until(&id, TimeDelta::hours(5), "at the provider", linked)
        .await;
    env.pass(TimeDelta::hours(6)).await;
    env.world.lock().advance(env.now());
    let made = created(env)
        .into_iter()
        .filter(|effect| effect.reference.as_deref() == Some("BOOK-1"));
    let uuids: Vec<String> = made.map(|effect| effect.reservation_uuid).collect();
    let [ours, other] = uuids.try_into().expect("two of them");
    assert_eq!(
        env.get(&id).await["provider"]["reservation_uuid"],
        json!(ours)
    );
    (id, ours, other)
}

/// The references that the signs of the only open review name, and what it drafts.
async fn drafted(env: &TestEnv, seen: &Value) -> (Vec<(String, String)>, Value) {
    let ids = seen["review"]["reviews"].as_array().expect("reviews");
    let [id] = ids.as_slice() else {
        panic!("{seen:#}")
    };
    let path = format!("/v1/reviews/{}", id.as_str().expect("an id"));
    let review = env.service.get(&path).await.ok(200);
    let signs = review["evidence"]["signs"].as_array().expect("signs");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = signs
        .iter()
        .filter_map(|sign| Some((text(&sign["kind"])?, text(&sign["reference"])?)));
    (named.collect(), review["remedies"].clone())
}

#[tokio::test]
async fn a_second_reservation_of_a_submit_sent_twice_is_found_within_a_day_and_never_withdrawn_by_itself()
 {
    let env = TestEnv::start().await;
    let (id, ours, other) = made_twice(&env).await;
    let frozen = |seen: &Value| seen["control"] == "frozen";
    let seen = env
        .run_until(&id, TimeDelta::hours(25), "frozen", frozen)
        .await;
    assert_eq!(seen["review"]["reason"], "effect_differs");
    let (named, remedies) = drafted(&env, &seen).await;
    assert_eq!(
        named,
        [
            ("in_the_books".to_owned(), ours.clone()),
            ("duplicate".to_owned(), other.clone())
        ]
    );
    let does = remedies[0]["does"].as_str().expect("a sentence");
    assert!(
        does.contains(&other) && remedies[0].get("path").is_none(),
        "only the portal can: {remedies:#}"
    );
    env.pass(TimeDelta::days(3)).await;
    assert_eq!((env.sent("submit").len(), env.sent("cancel").len()), (2, 0));
    let reads = env.sent(&format!("details/{other}")).len();
    assert_eq!(
        reads, 2,
        "it is read while the history is new that tells of it, and not daily"
    );
}

#[tokio::test]
async fn a_callback_that_names_the_second_reservation_of_a_submit_sent_twice_is_read_at_once() {
    let env = TestEnv::start().await;
    let stranger = env.linked("BOOK-2").await;
    let strangers = env.get(&stranger).await["provider"]["reservation_uuid"]
        .as_str()
        .expect("uuid")
        .to_owned();
    let (id, ours, other) = made_twice(&env).await;
    env.world.lock().pay(env.now(), &other).expect("payable");
    assert_eq!(
        callback(&env, &id, &other, "RESERVED").await,
        CallbackOutcome::Accepted
    );
    let seen = env
        .until(&id, "frozen", |seen| seen["control"] == "frozen")
        .await;
    assert_eq!(
        (&seen["status"], &seen["amounts"]["reserved"]),
        (&json!("awaiting_payment"), &json!("0.00"))
    );
    let (named, remedies) = drafted(&env, &seen).await;
    assert_eq!(
        named,
        [
            ("in_the_books".to_owned(), ours.clone()),
            ("duplicate".to_owned(), other.clone())
        ]
    );
    // The other one is paid, and stays: what nobody has paid is withdrawn by the drafted call.
    let path = remedies[0]["path"].as_str().expect("a call");
    let job = env.service.post(path, &remedies[0]["body"]).await.ok(202);
    assert_eq!(
        (&job["kind"], env.sent("cancel").len()),
        (&json!("cancel"), 0)
    );
    // A name proves nothing.
    assert_eq!(
        callback(&env, &id, &strangers, "RESERVED").await,
        CallbackOutcome::Accepted
    );
    env.idle().await;
    let seen = env.get(&id).await;
    assert_eq!(drafted(&env, &seen).await.0, named);
    // A submit that was sent once has made one.
    assert_eq!(
        callback(&env, &stranger, &other, "RESERVED").await,
        CallbackOutcome::Refused
    );
}

#[tokio::test]
async fn case_151_a_submit_answered_510_is_searched_for_and_never_sent_blindly() {
    for orphan in [true, false] {
        let env = TestEnv::start().await;
        let body = r#"{"status_code":510,"status_message":"Internal Dependency Error","message":"Payment Gateway
            Error(Submit Payment): Failed to Create Payment Link","is_error":true,"errors":["PAR156"]}"#;
        match orphan {
            true => env.changed("submit", 1, move |_| Ok(answer(510, body))),
            false => env.instead("submit", 1, Ok(answer(510, body))),
        }
        let id = env.submit("BOOK-1").await;
        env.until(&id, "in doubt", in_doubt).await;
        env.pass(TimeDelta::minutes(10)).await;
        assert_eq!(
            env.sent("submit").len(),
            1,
            "not before its absence is proven"
        );
        env.run_until(&id, TimeDelta::hours(6), "at the provider", |seen| {
            seen["status"] == "awaiting_payment"
        })
        .await;
        assert_eq!(
            (env.sent("submit").len(), created(&env).len()),
            (if orphan { 1 } else { 2 }, 1)
        );
        // The link that the lost answer held reaches the payer by a resend.
        env.act(&id, "resend", &json!({})).await;
        env.idle().await;
        assert_eq!(env.sent("resend").len(), 1);
    }
}

#[tokio::test]
async fn case_011_a_payer_who_looks_and_leaves_changes_nothing() {
    let env = TestEnv::start().await;
    let id = env.linked("BOOK-1").await;
    env.pass(TimeDelta::hours(1)).await;
    let plan = |seen: &Value| {
        let jobs = seen["schedule"].as_array().expect("jobs").clone();
        let own = |job: &Value| json!([job["kind"], job["run_at"], job["deadline"]]);
        jobs.iter().map(own).collect::<Vec<_>>()
    };
    let before = env.get(&id).await;
    let uuid = before["provider"]["reservation_uuid"]
        .as_str()
        .expect("uuid")
        .to_owned();
    let reads = env.sent("details").len();
    for _ in 0..3 {
        env.world.lock().open(env.now(), &uuid).expect("a page");
        env.pass(TimeDelta::minutes(20)).await;
    }
    assert!(env.sent("history").len() >= 6, "the sweep has seen it");
    let after = env.get(&id).await;
    assert_eq!(
        (&after["status"], plan(&after)),
        (&json!("awaiting_payment"), plan(&before)),
        "the cadence goes on"
    );
    assert!(
        before["schedule"].to_string().contains("remind"),
        "{before:#}"
    );
    assert_eq!(
        env.sent("details").len(),
        reads,
        "a look is not worth a request"
    );
}

#[tokio::test]
async fn case_013_the_provider_is_told_norwegian_for_a_language_that_it_does_not_speak() {
    let env = TestEnv::start().await;
    for (number, (language, shown)) in [("fi", "no"), ("DE", "de"), ("nn", "no")]
        .into_iter()
        .enumerate()
    {
        let mut body = testkit::service::booking();
        body["reference"] = json!(format!("BOOK-{number}"));
        body["customer"]["language"] = json!(language);
        body.as_object_mut().expect("object").remove("checkout");
        env.service.post("/v1/reservations", &body).await.ok(202);
        env.idle().await;
        let sent = env.sent("submit");
        assert_eq!(
            sent.last().expect("a submit")["customerDetails"]["preferredLanguage"],
            shown,
            "{language}"
        );
    }
}

#[tokio::test]
async fn case_018_a_cancel_waits_for_a_submit_in_doubt_and_then_cancels_what_was_found() {
    let env = TestEnv::start().await;
    env.changed("submit", 1, |_| reset());
    let id = env.submit("BOOK-1").await;
    env.until(&id, "in doubt", in_doubt).await;
    let job = env
        .act(&id, "cancel", &json!({"note": "Booked by mistake"}))
        .await;
    env.idle().await;
    assert_eq!(
        env.sent("cancel").len(),
        0,
        "there is nothing to cancel yet"
    );
    assert_eq!(
        env.job(&id, "cancel").await["waiting_for"],
        "resolution",
        "{job}"
    );
    let most = TimeDelta::hours(1);
    env.run_until(&id, most, "cancelled", |seen| seen["status"] == "cancelled")
        .await;
    assert_eq!(
        (
            created(&env).len(),
            env.effects(EffectKind::Cancelled).len()
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn case_012_a_new_contact_is_used_once_and_the_customer_stays_as_he_was() {
    let env = TestEnv::start().await;
    let id = env.linked("BOOK-1").await;
    for body in [
        json!({"email": "ola@example.no"}),
        json!({"country_code": "+46", "msisdn": "701234567"}),
        json!({}),
    ] {
        env.act(&id, "resend", &body).await;
        env.idle().await;
    }
    let sent = env.sent("resend");
    let contacts: Vec<Value> = sent
        .iter()
        .map(|body| json!([body["email"], body["countryCode"], body["msisdn"]]))
        .collect();
    let expected = [
        json!(["ola@example.no", null, null]),
        json!([null, "+46", "701234567"]),
        json!(["kari@example.no", null, null]),
    ];
    assert_eq!(contacts, expected);
    let events = env
        .service
        .get(&format!("/v1/reservations/{id}/events?limit=200"))
        .await
        .ok(200);
    let planned = events["data"]
        .as_array()
        .expect("data")
        .iter()
        .filter(|event| event["type"] == "intent_planned");
    let other_bookings: Vec<Value> = planned
        .map(|event| event["data"]["other_recipient"].clone())
        .filter(Value::is_boolean)
        .collect();
    assert_eq!(
        other_bookings,
        [true, true, false],
        "each is an event of its own"
    );
    assert_eq!(
        env.sent("submit").len(),
        1,
        "the provider's record of the customer is not touched"
    );
}

#[tokio::test]
async fn a_line_of_nothing_is_never_sent_in_a_capture_or_a_refund() {
    let env = TestEnv::start().await;
    let mut body = testkit::service::booking();
    body["reference"] = "BOOK-1".into();
    body["payment_link_due"] = (env.now() + TimeDelta::days(5)).to_rfc3339().into();
    body["policy"] =
        json!({"reminders": {"at": []}, "warnings": {"at": []}, "completion": {"after": "off"}});
    body.as_object_mut().expect("object").remove("checkout");
    body.as_object_mut()
        .expect("object")
        .remove("charge_validity");
    let breakfast =
        json!({"name": "Breakfast", "rate": "0.00", "tax_percent": 0, "amount": "0.00"});
    body["lines"].as_array_mut().expect("lines").push(breakfast);
    let taken = env.service.post("/v1/reservations", &body).await.ok(202);
    let id: ReservationId = taken["id"].as_str().expect("id").parse().expect("id");
    env.until(&id, "linked", |seen| seen["status"] == "awaiting_payment")
        .await;
    env.pay(&id).await;
    env.act(&id, "delivery", &json!({"event_id": "D-1"})).await;
    env.until(&id, "captured", |seen| {
        seen["amounts"]["captured"] == "1000.00"
    })
    .await;
    env.act(&id, "refund", &json!({"source": "captured"})).await;
    env.eventually("the refund is sent", async || {
        !env.sent("refund").is_empty()
    })
    .await;
    for call in ["capture", "refund"] {
        let sent = env.sent(call);
        let products = &sent[0]["products"];
        let lines = products.as_array().map_or_else(
            || products.as_object().map_or(0, serde_json::Map::len),
            Vec::len,
        );
        assert_eq!(lines, 1, "{call}: {sent:?}");
    }
}
