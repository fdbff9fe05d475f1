//! What runs of jobs make of the provider's answers, and what callbacks do meanwhile.

use chrono::TimeDelta;
use domain::reservation::{CaptureRequest, ChargeRequest, DeliveryRequest, IntentState, NewLine};
use domain::witness::MarkerEcho;
use domain::{Fact, Money, Reservation, ReservationId};
use serde_json::json;
use worker::service::{Action, CallbackOutcome};

use crate::stage::{Call, EffectKind, Fault, Stage, What, When};

/// How far the clock moves until every job that failed runs again.
const LATER: TimeDelta = TimeDelta::minutes(10);

async fn delivered(stage: &Stage, id: &ReservationId) {
    let all = DeliveryRequest { event_id: "D-1".to_owned(), delivered_at: None, lines: None, complete: None };
    stage.app.act(id, Action::Deliver(all), "test").await.expect("is taken");
}

fn is_in_doubt(r: &Reservation) -> bool {
    r.open_intents().any(|intent| matches!(intent.progress, IntentState::Unknown(_)))
}

#[tokio::test]
async fn a_callback_during_a_read_leaves_the_read_wanted() {
    let mut stage = Stage::new("").await;
    stage.work();
    let id = stage.held("BOOK-1").await;
    stage.gate.hold("details");
    stage.app.act(&id, Action::Refresh, "test").await.expect("is taken");
    // The provider has answered, and the answer is under way.
    stage.gate.reached().await;
    stage.world.lock().capture_in_portal(stage.now(), "BOOK-1", None).expect("captured");
    assert_eq!(stage.deliver_callbacks().await, [CallbackOutcome::Accepted]);
    let reads = stage.requests(Call::Details);
    stage.gate.let_go();
    let seen = stage.until("the capture is seen", &id, |r| !r.ledger.is_empty()).await;
    assert_eq!(stage.requests(Call::Details), reads + 1, "one more read, and one alone");
    assert_eq!(seen.provider.read_wanted, None);
    assert_eq!(seen.provider.called_back.map(|last| last.word).as_deref(), Some("CAPTURED"));
    let facts = stage.facts(&id).await;
    let called = facts.iter().rposition(|fact| matches!(fact, Fact::CalledBack { .. })).expect("on record");
    let reads = facts[called..].iter().filter(|fact| matches!(fact, Fact::DetailsRead { .. }));
    assert_eq!(reads.count(), 2, "the read that was under way, and the one that was left: {facts:#?}");
}

#[tokio::test]
async fn a_flood_of_callbacks_is_one_read_and_every_new_word_is_kept() {
    let mut stage = Stage::new("").await;
    stage.work();
    let id = stage.held("BOOK-1").await;
    stage.gate.hold("details");
    stage.app.act(&id, Action::Refresh, "test").await.expect("is taken");
    stage.gate.reached().await;
    let reads = stage.requests(Call::Details);
    let line = |kroner| sandbox::LineSum { id: 511, amount: Money::kroner(kroner) };
    for kroner in [10, 20, 30] {
        let mut world = stage.world.lock();
        // The word is the same, the query another one each time.
        world.capture_in_portal(stage.now(), "BOOK-1", Some(vec![line(kroner)])).expect("captured");
        drop(world);
        stage.pass(TimeDelta::seconds(1));
        assert_eq!(stage.deliver_callbacks().await, [CallbackOutcome::Accepted], "{kroner}");
    }
    stage.world.lock().charge_in_portal(stage.now(), "BOOK-1", Money::kroner(5), "Soap").expect("charged");
    assert_eq!(stage.deliver_callbacks().await, [CallbackOutcome::Accepted]);
    let facts = stage.facts(&id).await;
    let words: Vec<&str> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::CalledBack { word, .. } => Some(word.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(words, ["RESERVED", "CAPTURED", "CHARGED"]);
    stage.gate.let_go();
    stage.until("all is seen", &id, |r| r.ledger.len() == 4 && r.provider.read_wanted.is_none()).await;
    assert_eq!(stage.requests(Call::Details), reads + 1);
}

#[tokio::test]
async fn a_word_that_comes_since_a_request_was_sent_is_news_though_it_was_said_before() {
    let mut stage = Stage::new("").await;
    stage.work();
    let id = stage.held("BOOK-1").await;
    stage.record(&id, &[Fact::CalledBack { word: "CAPTURED".to_owned(), at: stage.now() }]).await;
    stage.idle().await;
    stage.pass(TimeDelta::seconds(10));
    stage.world.lock().faults().calls.push(Fault::once(Call::Capture, When::AfterEffect, What::Reset));
    stage.app.act(&id, Action::Capture(CaptureRequest::default()), "test").await.expect("is taken");
    stage.until("the capture is in doubt", &id, is_in_doubt).await;
    stage.gate.hold("details");
    stage.record(&id, &[Fact::ReadWanted]).await;
    // A read is wanted, and under way.
    stage.gate.reached().await;
    assert_eq!(stage.deliver_callbacks().await, [CallbackOutcome::Accepted]);
    let told = stage.facts(&id).await;
    let times =
        told.iter().filter(|fact| matches!(fact, Fact::CalledBack { word, .. } if word == "CAPTURED"));
    assert_eq!(times.count(), 2, "{told:#?}");
}

#[tokio::test]
async fn a_request_that_fails_on_the_way_or_by_the_provider_s_fault_marks_the_merchant() {
    use Call::{Capture, Details, History};
    let mut stage = Stage::new("sweep_every = \"1m\"\nrefresh_open_every = \"7d\"").await;
    stage.work();
    for (number, (call, what, faulted)) in (0..).zip([
        (Details, What::Reset, true),
        (Details, What::Status(502), true),
        (Details, What::Html, true),
        (Details, What::Status(417), false),
        (Details, What::Status(429), false),
        (Capture, What::Hang, true),
        (Capture, What::Status(500), true),
        (Capture, What::Status(510), true),
        (Capture, What::Status(417), false),
        (Capture, What::Status(429), false),
        (History, What::Reset, true),
        (History, What::Status(500), true),
        (History, What::Status(429), false),
    ]) {
        let row = format!("{call:?} {what:?}");
        // What went wrong before is settled, and the budget is there again.
        stage.pass(LATER);
        let id = stage.held(&format!("BOOK-{number}")).await;
        stage.idle().await;
        let (before, asked) = (stage.witnesses().await, stage.requests(call));
        stage.world.lock().faults().calls.push(Fault::once(call, When::BeforeEffect, what));
        match call {
            Capture => delivered(&stage, &id).await,
            Details => drop(stage.app.act(&id, Action::Refresh, "test").await.expect("is taken")),
            _ => stage.pass(LATER),
        }
        stage.until_requests(call, asked + 1).await;
        stage.idle().await;
        let expected = if faulted { Some(stage.now()) } else { before.faulted_at };
        assert_eq!(stage.witnesses().await.faulted_at, expected, "{row}");
    }
    assert_ne!(stage.witnesses().await.faulted_at, None);
}

#[tokio::test]
async fn a_submit_whose_callback_names_a_stranger_is_looked_for_in_the_history() {
    let mut stage = Stage::new("").await;
    stage.work();
    let stranger = stage.held("BOOK-1").await;
    let stranger = stage.reservation(&stranger).await.provider.reservation_uuid.expect("a name");
    stage.world.lock().faults().calls.push(Fault::once(Call::Submit, When::AfterEffect, What::Reset));
    let id = stage.booked("BOOK-2").await;
    stage.until("the submit is in doubt", &id, is_in_doubt).await;
    let history = stage.requests(Call::History);
    // The link of the lost one was opened, else the history would not know it.
    stage.world.lock().open(stage.now(), "BOOK-2").expect("there");
    stage.record(&id, &[Fact::UuidHinted { uuid: stranger }]).await;
    let found = stage.until("it is found", &id, |r| r.provider.reservation_uuid.is_some()).await;
    let world = stage.world.lock();
    assert_eq!(found.provider.reservation_uuid, world.find("BOOK-2"));
    drop(world);
    assert_eq!(stage.requests(Call::History), history + 1);
    assert_eq!(stage.requests(Call::Submit), 2, "never a second one for the same booking");
}

#[tokio::test]
async fn a_charge_carries_its_marker_in_text_name_and_product_id() {
    let mut stage = Stage::new("").await;
    stage.work();
    let id = stage.held("BOOK-1").await;
    let line = |name: &str, product_id: Option<&str>| NewLine {
        name: name.to_owned(),
        product_id: product_id.map(str::to_owned),
        rate: Money::kroner(50),
        tax_percent: 12,
        amount: Money::kroner(50),
    };
    // The longest name that a charge may have; the provider's own bound is further off.
    let long = "x".repeat(200);
    let lines = vec![line("Late check-out", None), line(&long, Some("WIN-1"))];
    stage.app.act(&id, Action::Charge(ChargeRequest { lines, note: None }), "test").await.expect("is taken");
    let charged = stage.until("it is charged", &id, |r| !r.ledger.is_empty()).await;
    let marker = format!("R1 {} 01", charged.intents.last().expect("an intent").marker);
    stage.record(&id, &[Fact::ReadWanted]).await;
    let shown = stage.until("it is seen", &id, |r| r.provider.extra_products.len() == 2).await;
    let names: Vec<_> = shown.provider.extra_products.iter().map(|product| product.name.as_str()).collect();
    assert_eq!(names, [format!("{marker} Late check-out"), format!("{marker} {long}")]);
    let ids: Vec<_> =
        shown.provider.extra_products.iter().map(|product| product.product_id.clone()).collect();
    assert_eq!(ids, [Some(marker.clone()), Some("WIN-1".to_owned())]);
    let world = stage.world.lock();
    let effect = world.ledger().iter().find(|effect| effect.kind == EffectKind::Charged).expect("a charge");
    assert_eq!(effect.text.as_deref(), Some(marker.as_str()));
}

#[tokio::test]
async fn whether_details_show_our_texts_and_how_new_they_are_is_learnt_for_the_merchant() {
    for (marker, expected) in [("echoed", MarkerEcho::Verified), ("dropped", MarkerEcho::Broken)] {
        let mut stage = Stage::new("").await;
        stage.work();
        let switches = stage.world.lock().switches().patched(&json!({"marker": marker})).expect("valid");
        stage.world.lock().set_switches(switches);
        let id = stage.held("BOOK-1").await;
        let held_at = stage.now();
        assert_eq!(stage.witnesses().await.marker_echo, MarkerEcho::Unverified, "{marker}");
        stage.pass(TimeDelta::minutes(3));
        delivered(&stage, &id).await;
        stage.until("it is captured", &id, |r| !r.ledger.is_empty()).await;
        stage.pass(TimeDelta::minutes(3));
        stage.record(&id, &[Fact::ReadWanted]).await;
        stage.until("it is seen", &id, |r| r.ledger[0].confirmed).await;
        let known = stage.witnesses().await;
        assert_eq!(known.marker_echo, expected, "{marker}");
        assert!(known.shown_until.is_some_and(|at| at > held_at && at < stage.now()), "{known:?}");
    }
}

#[tokio::test]
async fn case_051_a_lost_capture_whose_text_is_not_shown_is_settled_by_the_history() {
    let mut stage = Stage::new("").await;
    stage.work();
    let switches = stage.world.lock().switches().patched(&json!({"marker": "dropped"})).expect("valid");
    stage.world.lock().set_switches(switches);
    let first = stage.held("BOOK-1").await;
    delivered(&stage, &first).await;
    stage.until("it is captured", &first, |r| !r.ledger.is_empty()).await;
    stage.record(&first, &[Fact::ReadWanted]).await;
    stage.until("it is seen", &first, |r| r.ledger[0].confirmed).await;
    assert_eq!(stage.witnesses().await.marker_echo, MarkerEcho::Broken);
    let id = stage.held("BOOK-2").await;
    stage.world.lock().faults().calls.push(Fault::once(Call::Capture, When::AfterEffect, What::Reset));
    delivered(&stage, &id).await;
    stage.until("the capture is in doubt", &id, is_in_doubt).await;
    let history = stage.requests(Call::History);
    stage.pass(TimeDelta::seconds(15));
    let settled = stage.until("it is settled", &id, |r| !is_in_doubt(r)).await;
    assert_eq!(settled.unresolved(), Money::ZERO, "{settled:#?}");
    let row = &settled.ledger[0];
    assert!(row.confirmed && !row.foreign && row.intent.is_some(), "{row:?}");
    assert_eq!(stage.requests(Call::History), history + 1, "one search, for the second witness");
    assert_eq!(stage.requests(Call::Capture), 2, "one each");
}
