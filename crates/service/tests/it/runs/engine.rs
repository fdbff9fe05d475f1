//! What runs of jobs make of the provider's answers, and what callbacks do meanwhile.

use chrono::TimeDelta;
use domain::resolve::MarkerEcho;
use domain::{Fact, Money, ProviderFact};
use sandbox::{EffectKind, Fault, Operation as Call, What, When};
use serde_json::json;
use service::operations::CallbackOutcome;

use testkit::env::{TestEnv, in_doubt};

/// How far the clock moves until every job that failed runs again.
const LATER: TimeDelta = TimeDelta::minutes(10);

#[tokio::test]
async fn a_callback_during_a_read_leaves_the_read_requested() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    let answer = env.hold("details");
    env.act(&id, "refresh", &json!({})).await;
    // The provider has answered, and the answer is under way.
    answer.reached().await;
    env.world
        .lock()
        .capture_in_portal(env.now(), "BOOK-1", None)
        .expect("captured");
    assert_eq!(env.deliver_callbacks().await, [CallbackOutcome::Accepted]);
    let reads = env.sent("details").len();
    answer.let_go();
    let seen = env
        .until_known(&id, "the capture is seen", |r| !r.ledger.is_empty())
        .await;
    assert_eq!(
        env.sent("details").len(),
        reads + 1,
        "one more read, and one alone"
    );
    assert_eq!(seen.provider.refresh_requested, None);
    assert_eq!(
        seen.provider
            .last_callback
            .map(|last| last.event_type)
            .as_deref(),
        Some("CAPTURED")
    );
    let facts = env.facts(&id).await;
    let called = facts
        .iter()
        .rposition(|fact| matches!(fact, Fact::Provider(ProviderFact::CallbackReceived { .. })))
        .expect("on record");
    let reads = facts[called..]
        .iter()
        .filter(|fact| matches!(fact, Fact::Provider(ProviderFact::DetailsRead { .. })));
    assert_eq!(
        reads.count(),
        2,
        "the read that was under way, and the one that was left: {facts:#?}"
    );
}

#[tokio::test]
async fn a_flood_of_callbacks_is_one_read_and_every_new_word_is_kept() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    let answer = env.hold("details");
    env.act(&id, "refresh", &json!({})).await;
    answer.reached().await;
    let reads = env.sent("details").len();
    let line = |kroner| sandbox::LineSum {
        id: 511,
        amount: Money::kroner(kroner),
    };
    for kroner in [10, 20, 30] {
        let mut world = env.world.lock();
        // The word is the same, the query another one each time.
        world
            .capture_in_portal(env.now(), "BOOK-1", Some(vec![line(kroner)]))
            .expect("captured");
        drop(world);
        env.advance(TimeDelta::seconds(1));
        assert_eq!(
            env.deliver_callbacks().await,
            [CallbackOutcome::Accepted],
            "{kroner}"
        );
    }
    env.world
        .lock()
        .charge_in_portal(env.now(), "BOOK-1", Money::kroner(5), "Soap")
        .expect("charged");
    assert_eq!(env.deliver_callbacks().await, [CallbackOutcome::Accepted]);
    let facts = env.facts(&id).await;
    let words: Vec<&str> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Provider(ProviderFact::CallbackReceived {
                event_type: word, ..
            }) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(words, ["RESERVED", "CAPTURED", "CHARGED"]);
    answer.let_go();
    env.until_known(&id, "all is seen", |r| {
        r.ledger.len() == 4 && r.provider.refresh_requested.is_none()
    })
    .await;
    assert_eq!(env.sent("details").len(), reads + 1);
}

#[tokio::test]
async fn a_word_that_comes_since_a_request_was_sent_is_news_though_it_was_said_before() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    env.service
        .record(
            &id,
            &[Fact::Provider(ProviderFact::CallbackReceived {
                event_type: "CAPTURED".to_owned(),
                at: env.now(),
            })],
        )
        .await;
    env.idle().await;
    env.advance(TimeDelta::seconds(10));
    env.world.lock().faults().calls.push(Fault::once(
        Call::Capture,
        When::AfterEffect,
        What::Reset,
    ));
    env.act(&id, "capture", &json!({})).await;
    env.until(&id, "in doubt", in_doubt).await;
    let answer = env.hold("details");
    env.act(&id, "refresh", &json!({})).await;
    // A read is wanted, and under way.
    answer.reached().await;
    assert_eq!(env.deliver_callbacks().await, [CallbackOutcome::Accepted]);
    let result = env.facts(&id).await;
    let times = result
        .iter()
        .filter(|fact| matches!(fact, Fact::Provider(ProviderFact::CallbackReceived { event_type: word, .. }) if word == "CAPTURED"));
    assert_eq!(times.count(), 2, "{result:#?}");
}

#[tokio::test]
async fn a_request_that_fails_on_the_way_or_by_the_provider_s_fault_marks_the_merchant() {
    use Call::{Capture, Details, History};
    let env = TestEnv::configured("sweep_every = \"1m\"\nrefresh_open_every = \"7d\"").await;
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
        // What went wrong before is resolved, and the budget is there again.
        env.pass(LATER).await;
        let id = env.held(&format!("BOOK-{number}")).await;
        env.idle().await;
        let path = match call {
            Details => "details",
            Capture => "capture",
            _ => "history",
        };
        let (before, asked) = (env.evidence().await, env.sent(path).len());
        env.world
            .lock()
            .faults()
            .calls
            .push(Fault::once(call, When::BeforeEffect, what));
        match call {
            Details => drop(env.act(&id, "refresh", &json!({})).await),
            Capture => drop(env.act(&id, "capture", &json!({})).await),
            _ => env.advance(TimeDelta::minutes(1)),
        }
        env.eventually("it is asked", async || env.sent(path).len() > asked)
            .await;
        env.idle().await;
        let expected = if faulted {
            Some(env.now())
        } else {
            before.faulted_at
        };
        assert_eq!(env.evidence().await.faulted_at, expected, "{row}");
    }
    assert_ne!(env.evidence().await.faulted_at, None);
}

#[tokio::test]
async fn a_charge_carries_its_marker_in_text_name_and_product_id() {
    let env = TestEnv::start().await;
    let id = env.held("BOOK-1").await;
    let line = |name: &str, product_id: Option<&str>| {
        json!({"name": name, "product_id": product_id, "rate": "50.00", "tax_percent": 12,
            "amount": "50.00"})
    };
    // The longest name that a charge may have; the provider's own bound is further off.
    let long = "x".repeat(200);
    let lines = [line("Late check-out", None), line(&long, Some("WIN-1"))];
    env.act(&id, "charge", &json!({"lines": lines})).await;
    let charged = env
        .until_known(&id, "it is charged", |r| !r.ledger.is_empty())
        .await;
    let marker = format!(
        "R1 {} 01",
        charged.intents.last().expect("an intent").marker
    );
    env.act(&id, "refresh", &json!({})).await;
    let shown = env
        .until_known(&id, "it is seen", |r| r.provider.extra_products.len() == 2)
        .await;
    let names: Vec<_> = shown
        .provider
        .extra_products
        .iter()
        .map(|product| product.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            format!("{marker} Late check-out"),
            format!("{marker} {long}")
        ]
    );
    let ids: Vec<_> = shown
        .provider
        .extra_products
        .iter()
        .map(|product| product.product_id.clone())
        .collect();
    assert_eq!(ids, [Some(marker.clone()), Some("WIN-1".to_owned())]);
    assert_eq!(
        env.effects(EffectKind::Charged)[0].text.as_deref(),
        Some(marker.as_str())
    );
}

#[tokio::test]
async fn whether_details_show_our_texts_and_how_new_they_are_is_learnt_for_the_merchant() {
    for (marker, expected) in [
        ("echoed", MarkerEcho::Verified),
        ("dropped", MarkerEcho::Broken),
    ] {
        let env = TestEnv::start().await;
        let switches = env
            .world
            .lock()
            .switches()
            .patched(&json!({"marker": marker}))
            .expect("valid");
        env.world.lock().set_switches(switches);
        let id = env.held("BOOK-1").await;
        let held_at = env.now();
        assert_eq!(
            env.evidence().await.marker_echo,
            MarkerEcho::Unverified,
            "{marker}"
        );
        env.pass(TimeDelta::minutes(3)).await;
        env.act(&id, "capture", &json!({})).await;
        env.until_known(&id, "it is captured", |r| !r.ledger.is_empty())
            .await;
        env.pass(TimeDelta::minutes(3)).await;
        env.act(&id, "refresh", &json!({})).await;
        env.until_known(&id, "it is seen", |r| r.ledger[0].confirmed)
            .await;
        let known = env.evidence().await;
        assert_eq!(known.marker_echo, expected, "{marker}");
        assert!(
            known
                .shown_until
                .is_some_and(|at| at > held_at && at < env.now()),
            "{known:?}"
        );
    }
}

#[tokio::test]
async fn case_051_a_lost_capture_whose_text_is_not_shown_is_resolved_by_the_history() {
    let env = TestEnv::start().await;
    let switches = env
        .world
        .lock()
        .switches()
        .patched(&json!({"marker": "dropped"}))
        .expect("valid");
    env.world.lock().set_switches(switches);
    let first = env.held("BOOK-1").await;
    env.act(&first, "capture", &json!({})).await;
    env.until_known(&first, "it is captured", |r| !r.ledger.is_empty())
        .await;
    env.act(&first, "refresh", &json!({})).await;
    env.until_known(&first, "it is seen", |r| r.ledger[0].confirmed)
        .await;
    assert_eq!(env.evidence().await.marker_echo, MarkerEcho::Broken);
    let id = env.held("BOOK-2").await;
    env.world.lock().faults().calls.push(Fault::once(
        Call::Capture,
        When::AfterEffect,
        What::Reset,
    ));
    env.act(&id, "capture", &json!({})).await;
    env.until(&id, "in doubt", in_doubt).await;
    let history = env.sent("history").len();
    env.pass(TimeDelta::seconds(15)).await;
    env.until(&id, "settled", |seen| !in_doubt(seen)).await;
    let known = env.known(&id).await;
    assert_eq!(known.unresolved(), Money::ZERO, "{known:#?}");
    let row = &known.ledger[0];
    assert!(row.confirmed && row.intent.is_some(), "{row:?}");
    assert_eq!(
        env.sent("history").len(),
        history + 1,
        "one search, for the second source"
    );
    assert_eq!(env.sent("capture").len(), 2, "one each");
}
