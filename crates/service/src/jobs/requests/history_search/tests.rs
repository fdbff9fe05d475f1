//! Searches before the look-alike.

use chrono::TimeDelta;
use domain::history::Event;
use domain::reservation::{CaptureRequest, Intent, IntentFact, LedgerRow, ProviderFact, RowKind};
use domain::{Money, ReservationId};
use serde_json::json;
use testkit::named;

use super::*;
use crate::operations::{self, Wish};
use crate::test_env::{Call, EffectKind, Fault, TestEnv, What, When};

/// A paid booking whose capture is in doubt: its answer was lost, with or without its effect. No worker runs.
async fn in_doubt(env: &TestEnv, reference: &str, effect: bool) -> (ReservationId, IntentId) {
    let id = env.booked(reference).await;
    let handle = &env.app.merchants[&env.merchant()];
    let stored = env
        .app
        .store
        .reservation(&id)
        .await
        .expect("reads")
        .expect("is there");
    let submit = stored.reservation.intents[0].clone();
    let request = super::super::prepare(&env.app, handle, &stored, &submit, 1)
        .await
        .expect("a request");
    let domain::outcome::Outcome::Accepted {
        link: Some(link), ..
    } = super::super::send(&handle.client, None, request)
        .await
        .outcome
    else {
        panic!("the submit was not accepted");
    };
    env.world.lock().pay(env.now(), reference).expect("payable");
    let (at, uuid) = (env.now(), link.reservation_uuid);
    let created = Fact::Intent(
        submit.id.clone(),
        IntentFact::LinkCreated {
            reservation_uuid: uuid.clone(),
            customer_uuid: None,
            url: None,
            at,
        },
    );
    let attempt = |intent: &Intent| {
        let intent = intent.id.clone();
        [
            Fact::Intent(
                intent.clone(),
                IntentFact::AttemptWritten { attempt: 1, at },
            ),
            Fact::Intent(intent, IntentFact::AttemptSent { attempt: 1, at }),
        ]
    };
    env.record(&id, &attempt(&submit)).await;
    env.record(
        &id,
        &[
            created,
            Fact::Provider(ProviderFact::HoldPlaced {
                at,
                amount: Money::kroner(1000),
            }),
        ],
    )
    .await;
    operations::capture(
        &env.app,
        &id,
        &CaptureRequest::default(),
        "test",
        Wish::Same,
    )
    .await
    .expect("is taken");
    let capture = env.reservation(&id).await.intents[1].clone();
    env.record(&id, &attempt(&capture)).await;
    let lost = Fact::Intent(
        capture.id.clone(),
        IntentFact::OutcomeUnknown {
            reason: "reset".to_owned(),
        },
    );
    env.record(&id, &[lost]).await;
    if effect {
        env.world
            .lock()
            .capture_in_portal(at, uuid.as_str(), None)
            .expect("captured");
    }
    (id, capture.id)
}

async fn search(env: &TestEnv, id: &ReservationId, intent: &IntentId) -> Result<Found, ReadError> {
    let r = env.reservation(id).await;
    look(&env.app, &env.app.merchants[&env.merchant()], &r, intent).await
}

fn rows(found: Result<Found, ReadError>) -> Vec<HistoryRow> {
    match found {
        Ok(Found::Rows(rows)) => rows,
        _ => panic!("the search brought no rows"),
    }
}

fn captures(found: Result<Found, ReadError>) -> Vec<String> {
    let captured = rows(found)
        .into_iter()
        .filter(|row| row.event == Event::Captured);
    captured.filter_map(|row| row.uuid).collect()
}

/// The references of the captures that took place for this booking.
fn taken(env: &TestEnv, reference: &str) -> Vec<String> {
    let world = env.world.lock();
    let of = world
        .ledger()
        .iter()
        .filter(|effect| effect.reference.as_deref() == Some(reference));
    of.filter(|effect| effect.kind == EffectKind::Captured)
        .filter_map(|effect| effect.provider_reference.clone())
        .collect()
}

#[tokio::test]
async fn a_search_shows_what_is_ours_or_nobody_s_yet_and_not_what_is_another_s() {
    let env = TestEnv::new().await;
    let (other, _) = in_doubt(&env, "BOOK-1", true).await;
    let (id, capture) = in_doubt(&env, "BOOK-2", true).await;
    let mut both = [taken(&env, "BOOK-1"), taken(&env, "BOOK-2")].concat();
    both.sort_unstable();
    let mut seen = captures(search(&env, &id, &capture).await);
    seen.sort_unstable();
    assert_eq!(seen, both, "whose the first one is cannot be known yet");
    let row = LedgerRow {
        kind: RowKind::Capture,
        amount: Money::kroner(1000),
        lines: Vec::new(),
        reference: taken(&env, "BOOK-1").first().map(|name| named(name)),
        alias: None,
        at: env.now(),
        intent: None,
        confirmed: true,
        refunded_seen: Money::ZERO,
    };
    env.record(&other, &[Fact::Provider(ProviderFact::RowPosted { row })])
        .await;
    let left = search(&env, &id, &capture).await;
    let own = env.reservation(&id).await.provider.reservation_uuid;
    let own = own.map(String::from);
    let found = rows(left);
    let mut left: Vec<(Event, Option<String>)> =
        found.into_iter().map(|row| (row.event, row.uuid)).collect();
    left.sort();
    let mut expected = vec![
        (Event::Captured, taken(&env, "BOOK-2").pop()),
        (Event::Reserved, own),
    ];
    expected.sort();
    assert_eq!(left, expected);
}

#[tokio::test]
async fn whatever_zone_the_history_is_in_its_rows_may_lie_in_the_window_that_was_asked_for() {
    for zone in ["oslo", "utc"] {
        let env = TestEnv::new().await;
        let switches = env
            .world
            .lock()
            .switches()
            .patched(&json!({"time_zone": zone}))
            .expect("valid");
        env.world.lock().set_switches(switches);
        let (id, capture) = in_doubt(&env, "BOOK-1", true).await;
        let sent_at = env.now();
        env.pass(TimeDelta::minutes(5));
        for row in rows(search(&env, &id, &capture).await) {
            let (at, until) = (row.at.expect("a time"), row.until.expect("a time"));
            assert!(
                until >= sent_at - TimeDelta::minutes(2) && at <= env.now(),
                "{zone}: {row:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_event_that_comes_late_is_not_found_before() {
    let env = TestEnv::new().await;
    let switches = env
        .world
        .lock()
        .switches()
        .patched(&json!({"history_lag_seconds": 120}))
        .expect("valid");
    env.world.lock().set_switches(switches);
    let (id, capture) = in_doubt(&env, "BOOK-1", true).await;
    assert_eq!(
        captures(search(&env, &id, &capture).await),
        Vec::<String>::new()
    );
    env.pass(TimeDelta::minutes(2));
    assert_eq!(
        captures(search(&env, &id, &capture).await),
        taken(&env, "BOOK-1")
    );
}

#[tokio::test]
async fn a_search_is_one_request_and_its_silence_is_on_record() {
    let env = TestEnv::new().await;
    let (id, capture) = in_doubt(&env, "BOOK-1", false).await;
    let before = env.world.lock().requests().total;
    let found = search(&env, &id, &capture).await;
    assert_eq!(env.world.lock().requests().total, before + 1);
    let r = env.reservation(&id).await;
    let merchant = &env.app.merchants[&env.merchant()].merchant;
    let found = found.unwrap_or_else(|_| panic!("the search brought nothing"));
    let facts = facts(
        Case::new(&r, merchant, env.now()),
        &capture,
        &found,
        &Evidence::default(),
    );
    let silent = Fact::Intent(
        capture,
        IntentFact::HistoryRead {
            row: None,
            at: env.now(),
        },
    );
    assert_eq!(facts, [silent]);
}

#[tokio::test]
async fn a_search_that_fails_says_how() {
    use domain::outcome::RefusedBy;
    let env = TestEnv::new().await;
    let (id, capture) = in_doubt(&env, "BOOK-1", false).await;
    for (what, expected) in [
        (What::Reset, Err(true)),
        (What::Status(502), Err(true)),
        (What::Status(417), Err(false)),
        (What::Status(401), Ok(RefusedBy::Auth)),
        (What::Status(429), Ok(RefusedBy::Throttled)),
    ] {
        env.world
            .lock()
            .faults()
            .calls
            .push(Fault::once(Call::History, When::BeforeEffect, what));
        let seen = match search(&env, &id, &capture).await {
            Err(ReadError::Refused(by, _)) => Ok(by),
            Err(ReadError::Nothing { faulted, .. }) => Err(faulted),
            _ => panic!("{what:?} is not noticed"),
        };
        assert_eq!(seen, expected, "{what:?}");
    }
}

/// Submits a booking as the provider sees it, without a word on our side; the id there.
async fn submitted_unseen(env: &TestEnv, id: &ReservationId) -> ProviderReservationId {
    let handle = &env.app.merchants[&env.merchant()];
    let stored = env
        .app
        .store
        .reservation(id)
        .await
        .expect("reads")
        .expect("is there");
    let submit = stored.reservation.intents[0].clone();
    let request = super::super::prepare(&env.app, handle, &stored, &submit, 1)
        .await
        .expect("a request");
    let sent = super::super::send(&handle.client, None, request)
        .await
        .outcome;
    let domain::outcome::Outcome::Accepted {
        link: Some(link), ..
    } = sent
    else {
        panic!("{sent:?}")
    };
    env.world
        .lock()
        .open(env.now(), link.reservation_uuid.as_str())
        .expect("a page");
    link.reservation_uuid
}

#[tokio::test]
async fn a_second_reservation_is_found_among_however_many_strangers() {
    let env = TestEnv::new().await;
    let id = env.booked("BOOK-1").await;
    let (ours, other) = (
        submitted_unseen(&env, &id).await,
        submitted_unseen(&env, &id).await,
    );
    for stranger in 2..13 {
        let stranger = env.booked(&format!("BOOK-{stranger}")).await;
        submitted_unseen(&env, &stranger).await;
    }
    let submit = env.reservation(&id).await.intents[0].id.clone();
    let at = env.now();
    for attempt in 1..=2 {
        let (one, two) = (submit.clone(), submit.clone());
        env.record(
            &id,
            &[Fact::Intent(
                one,
                IntentFact::AttemptWritten { attempt, at },
            )],
        )
        .await;
        env.record(
            &id,
            &[Fact::Intent(two, IntentFact::AttemptSent { attempt, at })],
        )
        .await;
        if attempt == 1 {
            let lost = Fact::Intent(
                submit.clone(),
                IntentFact::OutcomeUnknown {
                    reason: "reset".to_owned(),
                },
            );
            env.record(
                &id,
                &[
                    lost,
                    Fact::Intent(submit.clone(), IntentFact::EffectRuledOut { at }),
                ],
            )
            .await;
        }
    }
    let (customer_uuid, url) = (None, None);
    let created = Fact::Intent(
        submit.clone(),
        IntentFact::LinkCreated {
            reservation_uuid: ours,
            customer_uuid,
            url,
            at,
        },
    );
    env.record(&id, &[created]).await;
    let mut seen = Vec::new();
    let most = u64::try_from(1 + MAX_CANDIDATES).expect("a small number");
    for (look, whole) in [false, false, true].into_iter().enumerate() {
        let before = env.world.lock().requests().total;
        let Ok(Found::Duplicates(found)) = search(&env, &id, &submit).await else {
            panic!("look {look}")
        };
        assert!(
            env.world.lock().requests().total - before <= most,
            "look {look}"
        );
        assert_eq!(found.up_to.is_none(), whole, "look {look}");
        seen.extend(found.ours.iter().map(|seen| seen.reservation_uuid.clone()));
        let r = env.reservation(&id).await;
        let found = Found::Duplicates(found);
        let merchant = &env.app.merchants[&env.merchant()].merchant;
        env.record(
            &id,
            &facts(
                Case::new(&r, merchant, env.now()),
                &submit,
                &found,
                &Evidence::default(),
            ),
        )
        .await;
    }
    assert_eq!(seen, std::slice::from_ref(&other), "once, and no stranger");
    let r = env.reservation(&id).await;
    let known: Vec<&str> = r
        .provider
        .duplicates
        .iter()
        .map(|seen| seen.reservation_uuid.as_str())
        .collect();
    assert_eq!(
        (known, r.is_frozen(), r.provider.duplicate_search.until),
        (vec![other.as_str()], true, Some(env.now()))
    );
}
