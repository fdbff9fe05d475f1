//! Submits: answers that get lost, and payers who look and leave.

use api_client::callback::{Formula, sign};
use chrono::TimeDelta;
use domain::ReservationId;
use sandbox::{Effect, EffectKind, Fault, Operation, What, When};
use serde_json::{Value, json};
use service::operations::{CallbackOutcome, take_callback};

use super::stage::{Stage, answer, in_doubt, reset};
use testkit::service::CALLBACK_SECRET;

/// The provider tells of a reservation on its own path.
async fn callback(stage: &Stage, id: &ReservationId, uuid: &str, status: &str) -> CallbackOutcome {
    let stored = stage
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
    take_callback(&stage.service.app, &stored.callback_token, &query).await
}

fn created(stage: &Stage) -> Vec<Effect> {
    stage.effects(EffectKind::Created)
}

#[tokio::test]
async fn case_001_a_submit_whose_answer_is_lost_is_confirmed_by_its_callback_and_details() {
    let stage = Stage::start().await;
    stage.changed("submit", 1, |_| reset());
    let id = stage.submit("BOOK-1").await;
    stage.until(&id, "in doubt", in_doubt).await;
    let uuid = created(&stage)[0].reservation_uuid.clone();
    stage.world.lock().pay(stage.now(), &uuid).expect("payable");
    let query = format!("orderUuid={uuid}");
    let forged = take_callback(&stage.service.app, "0123456789abcdef", &query).await;
    assert_eq!(forged, CallbackOutcome::NotFound);
    assert_eq!(
        callback(&stage, &id, &uuid, "RESERVED").await,
        CallbackOutcome::Accepted
    );
    let held = stage
        .until(&id, "held", |seen| seen["status"] == "held")
        .await;
    assert_eq!(
        (&held["provider"]["reservation_uuid"], &held["review"]),
        (&json!(uuid), &Value::Null)
    );
    assert_eq!(
        (stage.sent("submit").len(), stage.sent("history").len()),
        (1, 0),
        "the callback was enough"
    );
    assert!(
        !stage.sent("details").is_empty(),
        "and was not believed without details"
    );
}

#[tokio::test]
async fn case_001_a_callback_that_names_another_reservation_is_not_adopted_and_hides_nothing() {
    let stage = Stage::start().await;
    let other = stage.linked("BOOK-2").await;
    let others = stage.get(&other).await["provider"]["reservation_uuid"]
        .as_str()
        .expect("uuid")
        .to_owned();
    stage.changed("submit", 1, |_| reset());
    let id = stage.submit("BOOK-1").await;
    stage.until(&id, "in doubt", in_doubt).await;
    // The link of the lost one was opened, else the history would not know it.
    stage
        .world
        .lock()
        .open(stage.now(), "BOOK-1")
        .expect("a page");
    callback(&stage, &id, &others, "RESERVED").await;
    let found = stage
        .until(&id, "found", |seen| seen["status"] == "awaiting_payment")
        .await;
    let own = created(&stage)[1].reservation_uuid.clone();
    assert_eq!(
        found["provider"]["reservation_uuid"],
        json!(own),
        "its own, out of the history"
    );
    assert_eq!(stage.sent("history").len(), 1, "which is searched at once");
    assert_eq!(
        (stage.sent("submit").len(), created(&stage).len()),
        (2, 2),
        "nor is it submitted again"
    );
}

#[tokio::test]
async fn case_003_a_submit_without_a_trace_is_sent_once_more_with_the_same_reference() {
    let stage = Stage::start().await;
    stage.instead("submit", 1, reset());
    let id = stage.submit("BOOK-1").await;
    stage.until(&id, "in doubt", in_doubt).await;
    let began = stage.now();
    let found = stage
        .run_until(&id, TimeDelta::hours(6), "at the provider", |seen| {
            seen["status"] == "awaiting_payment"
        })
        .await;
    assert!(
        stage.now() - began >= TimeDelta::minutes(30),
        "absence takes its time: {}",
        stage.now() - began
    );
    let references: Vec<Value> = stage
        .sent("submit")
        .iter()
        .map(|body| body["referenceNo"].clone())
        .collect();
    assert_eq!(
        references,
        ["BOOK-1", "BOOK-1"],
        "two attempts under one name"
    );
    assert_eq!(created(&stage).len(), 1, "and one reservation");
    assert_eq!(
        found["provider"]["reservation_uuid"],
        json!(created(&stage)[0].reservation_uuid)
    );
    let job = stage.job(&id, "submit").await;
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
async fn made_twice(stage: &Stage) -> (ReservationId, String, String) {
    let late = Fault::once(Operation::Submit, When::Later(6 * 3_600), What::Reset);
    stage.world.lock().faults().calls.push(late);
    let id = stage.submit("BOOK-1").await;
    let linked = |seen: &Value| seen["status"] == "awaiting_payment";
    stage
        .run_until(&id, TimeDelta::hours(5), "at the provider", linked)
        .await;
    stage.pass(TimeDelta::hours(6)).await;
    stage.world.lock().advance(stage.now());
    let made = created(stage)
        .into_iter()
        .filter(|effect| effect.reference.as_deref() == Some("BOOK-1"));
    let uuids: Vec<String> = made.map(|effect| effect.reservation_uuid).collect();
    let [ours, other] = uuids.try_into().expect("two of them");
    assert_eq!(
        stage.get(&id).await["provider"]["reservation_uuid"],
        json!(ours)
    );
    (id, ours, other)
}

/// The references that the signs of the only open review name, and what it drafts.
async fn drafted(stage: &Stage, seen: &Value) -> (Vec<(String, String)>, Value) {
    let ids = seen["review"]["reviews"].as_array().expect("reviews");
    let [id] = ids.as_slice() else {
        panic!("{seen:#}")
    };
    let path = format!("/v1/reviews/{}", id.as_str().expect("an id"));
    let review = stage.service.get(&path).await.ok(200);
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
    let stage = Stage::start().await;
    let (id, ours, other) = made_twice(&stage).await;
    let frozen = |seen: &Value| seen["control"] == "frozen";
    let seen = stage
        .run_until(&id, TimeDelta::hours(25), "frozen", frozen)
        .await;
    assert_eq!(seen["review"]["reason"], "effect_differs");
    let (named, remedies) = drafted(&stage, &seen).await;
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
    stage.pass(TimeDelta::days(3)).await;
    assert_eq!(
        (stage.sent("submit").len(), stage.sent("cancel").len()),
        (2, 0)
    );
    let reads = stage.sent(&format!("details/{other}")).len();
    assert_eq!(
        reads, 2,
        "it is read while the history is new that tells of it, and not daily"
    );
}

#[tokio::test]
async fn a_callback_that_names_the_second_reservation_of_a_submit_sent_twice_is_read_at_once() {
    let stage = Stage::start().await;
    let stranger = stage.linked("BOOK-2").await;
    let strangers = stage.get(&stranger).await["provider"]["reservation_uuid"]
        .as_str()
        .expect("uuid")
        .to_owned();
    let (id, ours, other) = made_twice(&stage).await;
    stage
        .world
        .lock()
        .pay(stage.now(), &other)
        .expect("payable");
    assert_eq!(
        callback(&stage, &id, &other, "RESERVED").await,
        CallbackOutcome::Accepted
    );
    let seen = stage
        .until(&id, "frozen", |seen| seen["control"] == "frozen")
        .await;
    assert_eq!(
        (&seen["status"], &seen["amounts"]["reserved"]),
        (&json!("awaiting_payment"), &json!("0.00"))
    );
    let (named, remedies) = drafted(&stage, &seen).await;
    assert_eq!(
        named,
        [
            ("in_the_books".to_owned(), ours.clone()),
            ("duplicate".to_owned(), other.clone())
        ]
    );
    // The other one is paid, and stays: what nobody has paid is withdrawn by the drafted call.
    let path = remedies[0]["path"].as_str().expect("a call");
    let job = stage.service.post(path, &remedies[0]["body"]).await.ok(202);
    assert_eq!(
        (&job["kind"], stage.sent("cancel").len()),
        (&json!("cancel"), 0)
    );
    // A name proves nothing.
    assert_eq!(
        callback(&stage, &id, &strangers, "RESERVED").await,
        CallbackOutcome::Accepted
    );
    stage.idle().await;
    let seen = stage.get(&id).await;
    assert_eq!(drafted(&stage, &seen).await.0, named);
    // A submit that was sent once has made one.
    assert_eq!(
        callback(&stage, &stranger, &other, "RESERVED").await,
        CallbackOutcome::Refused
    );
}

#[tokio::test]
async fn case_151_a_submit_answered_510_is_searched_for_and_never_sent_blindly() {
    for orphan in [true, false] {
        let stage = Stage::start().await;
        let body = r#"{"status_code":510,"status_message":"Internal Dependency Error","message":"Payment Gateway
            Error(Submit Payment): Failed to Create Payment Link","is_error":true,"errors":["PAR156"]}"#;
        match orphan {
            true => stage.changed("submit", 1, move |_| Ok(answer(510, body))),
            false => stage.instead("submit", 1, Ok(answer(510, body))),
        }
        let id = stage.submit("BOOK-1").await;
        stage.until(&id, "in doubt", in_doubt).await;
        stage.pass(TimeDelta::minutes(10)).await;
        assert_eq!(
            stage.sent("submit").len(),
            1,
            "not before its absence is proven"
        );
        stage
            .run_until(&id, TimeDelta::hours(6), "at the provider", |seen| {
                seen["status"] == "awaiting_payment"
            })
            .await;
        assert_eq!(
            (stage.sent("submit").len(), created(&stage).len()),
            (if orphan { 1 } else { 2 }, 1)
        );
        // The link that the lost answer held reaches the payer by a resend.
        stage.act(&id, "resend", &json!({})).await;
        stage.idle().await;
        assert_eq!(stage.sent("resend").len(), 1);
    }
}

#[tokio::test]
async fn case_011_a_payer_who_looks_and_leaves_changes_nothing() {
    let stage = Stage::start().await;
    let id = stage.linked("BOOK-1").await;
    stage.pass(TimeDelta::hours(1)).await;
    let plan = |seen: &Value| {
        let jobs = seen["schedule"].as_array().expect("jobs").clone();
        let own = |job: &Value| json!([job["kind"], job["run_at"], job["deadline"]]);
        jobs.iter().map(own).collect::<Vec<_>>()
    };
    let before = stage.get(&id).await;
    let uuid = before["provider"]["reservation_uuid"]
        .as_str()
        .expect("uuid")
        .to_owned();
    let reads = stage.sent("details").len();
    for _ in 0..3 {
        stage.world.lock().open(stage.now(), &uuid).expect("a page");
        stage.pass(TimeDelta::minutes(20)).await;
    }
    assert!(stage.sent("history").len() >= 6, "the sweep has seen it");
    let after = stage.get(&id).await;
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
        stage.sent("details").len(),
        reads,
        "a look is not worth a request"
    );
}

#[tokio::test]
async fn case_013_the_provider_is_told_norwegian_for_a_language_that_it_does_not_speak() {
    let stage = Stage::start().await;
    for (number, (language, told)) in [("fi", "no"), ("DE", "de"), ("nn", "no")]
        .into_iter()
        .enumerate()
    {
        let mut body = testkit::service::booking();
        body["reference"] = json!(format!("BOOK-{number}"));
        body["customer"]["language"] = json!(language);
        body.as_object_mut().expect("object").remove("checkout");
        stage.service.post("/v1/reservations", &body).await.ok(202);
        stage.idle().await;
        let sent = stage.sent("submit");
        assert_eq!(
            sent.last().expect("a submit")["customerDetails"]["preferredLanguage"],
            told,
            "{language}"
        );
    }
}

#[tokio::test]
async fn case_018_a_cancel_waits_for_a_submit_in_doubt_and_then_cancels_what_was_found() {
    let stage = Stage::start().await;
    stage.changed("submit", 1, |_| reset());
    let id = stage.submit("BOOK-1").await;
    stage.until(&id, "in doubt", in_doubt).await;
    let job = stage
        .act(&id, "cancel", &json!({"note": "Booked by mistake"}))
        .await;
    stage.idle().await;
    assert_eq!(
        stage.sent("cancel").len(),
        0,
        "there is nothing to cancel yet"
    );
    assert_eq!(
        stage.job(&id, "cancel").await["waiting_for"],
        "resolution",
        "{job}"
    );
    let most = TimeDelta::hours(1);
    stage
        .run_until(&id, most, "cancelled", |seen| seen["status"] == "cancelled")
        .await;
    assert_eq!(
        (
            created(&stage).len(),
            stage.effects(EffectKind::Cancelled).len()
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn case_012_a_new_contact_is_used_once_and_the_customer_stays_as_he_was() {
    let stage = Stage::start().await;
    let id = stage.linked("BOOK-1").await;
    for body in [
        json!({"email": "ola@example.no"}),
        json!({"country_code": "+46", "msisdn": "701234567"}),
        json!({}),
    ] {
        stage.act(&id, "resend", &body).await;
        stage.idle().await;
    }
    let sent = stage.sent("resend");
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
    let events = stage
        .service
        .get(&format!("/v1/reservations/{id}/events?limit=200"))
        .await
        .ok(200);
    let planned = events["data"]
        .as_array()
        .expect("data")
        .iter()
        .filter(|event| event["type"] == "intent_planned");
    let elsewhere: Vec<Value> = planned
        .map(|event| event["data"]["other_recipient"].clone())
        .filter(Value::is_boolean)
        .collect();
    assert_eq!(
        elsewhere,
        [true, true, false],
        "each is an event of its own"
    );
    assert_eq!(
        stage.sent("submit").len(),
        1,
        "the provider's record of the customer is not touched"
    );
}
