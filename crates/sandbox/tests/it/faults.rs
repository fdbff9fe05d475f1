//! Faults on a real connection: what the client makes of the answer, and what the ledger says took place.

use std::time::Duration;

use api_client::wire::{Note, ProviderStatus};
use api_client::{CancelVerb, Client, Outcome, RejectionClass, Settings, Timeouts, UnknownReason};
use chrono::TimeDelta;
use domain::Money;
use sandbox::{EffectKind, Fault, Operation, What, When};

use crate::test_env::{TOKEN, TestEnv, booking, capture, charge, options, raw};

fn unknown_reason<T>(outcome: Outcome<T>) -> UnknownReason {
    match outcome {
        Outcome::Unknown(unknown) => unknown.reason,
        other => panic!("{} is not unknown", other.word()),
    }
}

/// A client that does not wait long for an answer that never comes.
fn impatient(env: &TestEnv) -> Client {
    let mut settings = Settings::new(env.url.parse().expect("url"), TOKEN.into());
    settings.timeouts = Timeouts {
        money: Duration::from_millis(200),
        ..Timeouts::default()
    };
    settings.cancel_verb = CancelVerb::Auto;
    Client::new(settings).expect("client")
}

/// Waits until the look-alike has seen a call of this operation.
async fn handled(env: &TestEnv, operation: Operation) {
    let seen = async {
        while !env
            .world
            .lock()
            .requests()
            .operations
            .contains_key(&operation)
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen)
        .await
        .expect("the request arrives");
}

#[tokio::test]
async fn the_ledger_tells_whether_a_broken_capture_took_place() {
    use UnknownReason::{
        Contradicting, Empty, Html, Malformed, Reset, ServerError, Timeout, Truncated,
    };
    for (what, reason) in [
        (What::Reset, Reset),
        (What::Hang, Timeout),
        (What::Status(500), ServerError),
        (What::Status(502), ServerError),
        (What::Status(510), ServerError),
        (What::Html, Html),
        (What::Garbage, Malformed),
        (What::Empty, Empty),
        (What::Truncated(20), Truncated),
        (What::Truncated(0), Truncated),
        (What::WrongCode, Contradicting),
    ] {
        for (when, captures) in [(When::BeforeEffect, 0), (When::AfterEffect, 1)] {
            let env = TestEnv::new().await;
            let uuid = env.held().await;
            let [id, _] = env.ids(&uuid).await;
            env.world
                .lock()
                .faults()
                .calls
                .push(Fault::once(Operation::Capture, when, what));
            let request = capture(&[(id, 600)], "R1 MARKER 01");
            let answer = match what {
                What::Hang => impatient(&env).capture(&uuid, &request).await,
                _ => env.client.capture(&uuid, &request).await,
            };
            assert_eq!(unknown_reason(answer.outcome), reason, "{what:?} {when:?}");
            // The client may have given up before the request was even read.
            handled(&env, Operation::Capture).await;
            assert_eq!(
                env.effects(EffectKind::Captured).len(),
                captures,
                "{what:?} {when:?}"
            );
            let shown = env
                .details(&uuid)
                .await
                .payment_details
                .and_then(|p| p.captured_amount);
            let taken = if captures == 1 {
                Money::kroner(600)
            } else {
                Money::ZERO
            };
            assert_eq!(shown, Some(taken), "{what:?} {when:?}");
        }
    }
}

#[tokio::test]
async fn a_refusing_fault_is_classified_as_what_it_says() {
    for (status, class) in [
        (401, RejectionClass::Auth),
        (403, RejectionClass::Auth),
        (
            429,
            RejectionClass::Throttled {
                retry_after: Some(Duration::from_secs(30)),
            },
        ),
        (404, RejectionClass::NotFound),
    ] {
        let env = TestEnv::new().await;
        let uuid = env.held().await;
        let fault = Fault::once(Operation::Charge, When::BeforeEffect, What::Status(status));
        env.world.lock().faults().calls.push(fault);
        let Outcome::Rejected(rejection) = env.client.charge(&uuid, &charge(5)).await.outcome
        else {
            panic!("{status}")
        };
        assert_eq!(rejection.class, class, "{status}");
        assert!(env.effects(EffectKind::Charged).is_empty());
    }
}

#[tokio::test]
async fn an_effect_may_come_after_its_request_was_given_up() {
    let env = TestEnv::new().await;
    let uuid = env.held().await;
    env.world.lock().faults().calls.push(Fault::once(
        Operation::Charge,
        When::Later(300),
        What::Reset,
    ));
    assert_eq!(
        unknown_reason(env.client.charge(&uuid, &charge(70)).await.outcome),
        UnknownReason::Reset
    );
    env.pass(TimeDelta::seconds(299));
    assert!(env.effects(EffectKind::Charged).is_empty());
    env.pass(TimeDelta::seconds(1));
    assert_eq!(
        env.effects(EffectKind::Charged)[0].amount,
        Money::kroner(70)
    );
}

#[tokio::test]
async fn an_orphan_is_left_when_the_gateway_fails_after_the_reservation_was_made() {
    let env = TestEnv::new().await;
    let fault = Fault::once(Operation::Submit, When::AfterEffect, What::Status(510));
    env.world.lock().faults().calls.push(fault);
    let answer = env.client.submit(&booking("BOOK-7", env.now())).await;
    assert_eq!(
        answer.exchange.provider_message.as_deref(),
        Some("Payment Gateway Error(Submit Payment): Failed to Create Payment Link")
    );
    assert_eq!(unknown_reason(answer.outcome), UnknownReason::ServerError);
    let orphans = env.world.lock().reservations();
    assert_eq!(orphans[0].reference.as_deref(), Some("BOOK-7"));
}

#[tokio::test]
async fn details_stay_behind_for_some_reads_or_some_time() {
    let env = TestEnv::new().await;
    let uuid = env.held().await;
    let stale = |reads, seconds| {
        Fault::once(
            Operation::Capture,
            When::BeforeEffect,
            What::StaleDetails { reads, seconds },
        )
    };
    let status = async || env.details(&uuid).await.status;
    // The ids are read before the capture, so that they cost none of the stale reads.
    let [id, _] = env.ids(&uuid).await;
    env.world.lock().faults().calls.push(stale(Some(2), None));
    env.client
        .capture(&uuid, &capture(&[(id, 100)], "a"))
        .await
        .outcome
        .accepted()
        .expect("captured");
    assert_eq!(status().await, ProviderStatus::Reserved);
    assert_eq!(status().await, ProviderStatus::Reserved);
    assert_eq!(status().await, ProviderStatus::Captured);

    let captured = async || {
        env.details(&uuid)
            .await
            .payment_details
            .and_then(|p| p.captured_amount)
    };
    env.world.lock().faults().calls.push(stale(None, Some(600)));
    env.client
        .capture(&uuid, &capture(&[(id, 100)], "b"))
        .await
        .outcome
        .accepted()
        .expect("captured");
    assert_eq!(captured().await, Some(Money::kroner(100)));
    env.pass(TimeDelta::seconds(600));
    assert_eq!(captured().await, Some(Money::kroner(200)));
}

#[tokio::test]
async fn a_fault_can_pick_its_reservation_by_the_bookings_reference() {
    let env = TestEnv::new().await;
    let mut fault = Fault::once(Operation::Submit, When::BeforeEffect, What::Status(502));
    fault.reservation = Some("BOOK-2".to_owned());
    env.world.lock().faults().calls.push(fault);
    for (reference, word) in [
        ("BOOK-1", "accepted"),
        ("BOOK-2", "unknown"),
        ("BOOK-2", "accepted"),
    ] {
        let answer = env.client.submit(&booking(reference, env.now())).await;
        assert_eq!(answer.outcome.word(), word, "{reference}");
    }
}

#[tokio::test]
async fn a_late_answer_still_arrives() {
    let env = TestEnv::new().await;
    let uuid = env.held().await;
    env.world.lock().faults().calls.push(Fault::once(
        Operation::Cancel,
        When::BeforeEffect,
        What::Delay(20),
    ));
    let answer = env
        .client
        .cancel(
            &uuid,
            &Note {
                note: "late".to_owned(),
            },
        )
        .await;
    assert_eq!(answer.outcome, Outcome::Accepted(()));
    assert_eq!(env.effects(EffectKind::Cancelled).len(), 1);
}

#[tokio::test]
async fn connections_break_where_the_fault_says() {
    let env = TestEnv::with(sandbox::Options {
        tokens: Vec::new(),
        ..options()
    })
    .await;
    let ask = async |what| {
        env.world.lock().faults().calls.push(Fault::once(
            Operation::Details,
            When::AfterEffect,
            what,
        ));
        let path = "/api/v1/connect/reservations/details/RES1";
        raw(&env.url, "GET", path, "Authorization: Bearer any\r\n", "").await
    };
    assert_eq!(ask(What::Reset).await, "", "closed without a byte");
    let cut = ask(What::Truncated(7)).await;
    let (head, body) = cut.split_once("\r\n\r\n").expect("the head came");
    assert_eq!(body.len(), 7);
    assert!(!head.contains("content-length: 7"), "{head}");
}

#[tokio::test]
async fn the_latency_option_slows_every_answer_of_the_api_and_no_other() {
    let latency = Duration::from_millis(300);
    let env = TestEnv::with(sandbox::Options {
        latency,
        ..options()
    })
    .await;
    let client = impatient(&env);
    let answer = client.charge("RES1", &charge(5)).await;
    assert_eq!(
        unknown_reason(answer.outcome),
        UnknownReason::Timeout,
        "200 ms are not enough for 300"
    );
    let ledger = raw(&env.url, "GET", "/__sandbox/ledger", "", "").await;
    assert!(ledger.starts_with("HTTP/1.1 200"));
}
