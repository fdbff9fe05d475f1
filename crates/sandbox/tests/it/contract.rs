//! Every endpoint with the real client over a loopback connection: what is accepted, and what details say then.

use std::sync::Arc;

use api_client::wire::{
    CallbackUrls, CreateSession, InternalReferences, Note, OrderPayment, OrderProduct, OrderSums,
    PaymentVia, ProviderStatus, RefundSource, Resend, SendInvoiceBy, SubmitOrder, SubmitPayment,
    WireTime,
};
use api_client::{CancelVerb, Client, Outcome, RejectionClass, Settings, UnknownReason};
use chrono::TimeDelta;
use domain::{ManualClock, Money};
use sandbox::{By, EffectKind, Fault, Handle, InProcess, Operation, Server, What, When, World};
use serde_json::json;

use crate::test_env::{TOKEN, TestEnv, booking, capture, charge, client, options, refund, start};

pub(crate) fn order(env: &TestEnv) -> SubmitOrder {
    let product = OrderProduct {
        name: "Boat".to_owned(),
        product_id: None,
        quantity: 1,
        rate: Money::kroner(450),
        discount: Money::ZERO,
        tax: 12,
        amount: Money::kroner(450),
    };
    SubmitOrder {
        products: vec![product],
        order_summary: OrderSums {
            sub_total: "401.79".parse().expect("amount"),
            total_tax: "48.21".parse().expect("amount"),
            total_discount: Money::ZERO,
            shipping_cost: Money::ZERO,
            grand_total: Money::kroner(450),
        },
        order_date: WireTime::unix(env.now()),
        due_date_for_payment_link: Some(WireTime::unix(env.now() + TimeDelta::days(1))),
        send_order_by: SendInvoiceBy::default(),
        with_customer: false,
        customer_details: None,
        invoice_references: None,
        internal_references: Some(InternalReferences {
            reference_no: Some("ORDER-1".to_owned()),
            notes: None,
        }),
        reference_no: None,
        customer_reference: None,
        invoice_as_payment_option: false,
        is_credit_check_available: false,
        submit_payment: OrderPayment {
            via: PaymentVia::Vipps,
            currency: Some("NOK".to_owned()),
        },
        callback: CallbackUrls {
            callback_url: None,
            success: Some("https://shop.example.no/yes".to_owned()),
            failure: Some("https://shop.example.no/no".to_owned()),
        },
    }
}

#[tokio::test]
async fn a_reservation_lives_from_submit_to_complete() {
    let env = TestEnv::new().await;
    let submitted = env.client.submit(&booking("BOOK-1", env.now())).await;
    assert_eq!(submitted.exchange.http_status, Some(201));
    let submitted = submitted.outcome.accepted().expect("accepted");
    let uuid = submitted.reservation_uuid.as_str();
    assert_eq!(submitted.url, Some(format!("{}/pay/{uuid}", env.url)));

    let details = env.details(uuid).await;
    assert_eq!(details.status, ProviderStatus::Sent);
    assert_eq!(details.reference_number.as_deref(), Some("BOOK-1"));
    assert_eq!(
        details
            .payment_details
            .as_ref()
            .and_then(|p| p.reserved_amount),
        Some(Money::ZERO)
    );

    env.world.lock().pay(env.now(), "BOOK-1").expect("payable");
    let details = env.details(uuid).await;
    let reserved_at = details
        .payment_details
        .as_ref()
        .and_then(|p| p.reserved_at.clone());
    assert_eq!(
        (details.status, reserved_at.and_then(|at| at.at())),
        (ProviderStatus::Reserved, Some(env.now()))
    );

    let reference = env
        .capture(uuid, 600)
        .await
        .accepted()
        .expect("accepted")
        .expect("reference");
    assert!(
        reference.starts_with("CAP") && reference.len() == 13,
        "{reference}"
    );
    let charged = env
        .client
        .charge(uuid, &charge(150))
        .await
        .outcome
        .accepted()
        .expect("accepted");
    let details = env.details(uuid).await;
    let history = details.payment_history.expect("history");
    assert_eq!(
        history.captured[0].reference.as_deref(),
        Some(reference.as_str())
    );
    assert_eq!(
        history.captured[0].additional_text.as_deref(),
        Some("R1 MARKER 01")
    );
    assert_eq!(history.charged[0].reference, charged.uuid);
    let captured: Vec<_> = details
        .product_list
        .iter()
        .filter_map(|line| line.captured)
        .collect();
    assert_eq!(
        captured,
        [Money::kroner(600), Money::ZERO, Money::ZERO],
        "the charge's line is listed too"
    );

    let note = Note {
        note: "all done".to_owned(),
    };
    assert_eq!(
        env.client.complete(uuid, &note).await.outcome,
        Outcome::Accepted(())
    );
    assert_eq!(env.details(uuid).await.status, ProviderStatus::Completed);
    let kinds: Vec<EffectKind> = env
        .world
        .lock()
        .ledger()
        .iter()
        .map(|effect| effect.kind)
        .collect();
    use EffectKind::{Captured, Charged, Completed, Created, LinkSent, Released, Reserved};
    assert_eq!(
        kinds,
        [
            Created, LinkSent, Reserved, Captured, Charged, Completed, Released
        ]
    );
}

#[tokio::test]
async fn a_refund_is_pending_until_it_is_paid_out() {
    let env = TestEnv::new().await;
    let uuid = env.held().await;
    let [id, _] = env.ids(&uuid).await;
    let reference = env
        .capture(&uuid, 600)
        .await
        .accepted()
        .flatten()
        .expect("reference");
    let request = refund(RefundSource::Captured, &reference, &[(id, 200)]);
    assert_eq!(
        env.client.refund(&uuid, &request).await.outcome,
        Outcome::Accepted(())
    );
    let refunded = |details: api_client::wire::Details| {
        details
            .payment_details
            .and_then(|p| p.amount_refunded)
            .and_then(|sums| sums.from_captured)
    };
    assert_eq!(refunded(env.details(&uuid).await), Some(Money::ZERO));
    env.pass(TimeDelta::seconds(60));
    let details = env.details(&uuid).await;
    let row = details
        .payment_history
        .clone()
        .expect("history")
        .refunded
        .remove(0);
    assert_eq!(
        (row.amount, row.is_partial),
        (Money::kroner(200), Some(true))
    );
    assert_eq!(row.reference.as_deref(), Some(reference.as_str()));
    assert_eq!(refunded(details), Some(Money::kroner(200)));
}

#[tokio::test]
async fn a_reservation_is_cancelled_by_either_verb() {
    for (verb, patch) in [
        (CancelVerb::Post, json!({"cancel_verb": "post"})),
        (CancelVerb::Get, json!({"cancel_verb": "get"})),
        (
            CancelVerb::Get,
            json!({"cancel_verb": "get", "get_note": "query"}),
        ),
        (
            CancelVerb::Get,
            json!({"cancel_verb": "get", "get_note": "body"}),
        ),
        (CancelVerb::Auto, json!({"cancel_verb": "get"})),
        (CancelVerb::Auto, json!({"cancel_verb": "post"})),
    ] {
        let env = TestEnv::turned(&patch).await;
        let uuid = env.held().await;
        let client = client(&env.url, TOKEN, verb);
        let answer = client
            .cancel(
                &uuid,
                &Note {
                    note: "not coming".to_owned(),
                },
            )
            .await;
        assert_eq!(answer.outcome, Outcome::Accepted(()), "{verb:?} {patch}");
        let effects = env.effects(EffectKind::Cancelled);
        assert_eq!(effects[0].text.as_deref(), Some("not coming"));
        assert_eq!(
            env.effects(EffectKind::Released)[0].amount,
            Money::kroner(1_000)
        );
    }
}

#[tokio::test]
async fn the_wrong_verb_and_a_stripped_body_cancel_nothing() {
    for (verb, patch, class) in [
        (
            CancelVerb::Get,
            json!({"cancel_verb": "post"}),
            RejectionClass::WrongVerb,
        ),
        (
            CancelVerb::Post,
            json!({"cancel_verb": "get"}),
            RejectionClass::WrongVerb,
        ),
        (
            CancelVerb::Get,
            json!({"get_note": "neither"}),
            RejectionClass::Payload,
        ),
    ] {
        let env = TestEnv::turned(&patch).await;
        let uuid = env.held().await;
        let answer = client(&env.url, TOKEN, verb)
            .cancel(
                &uuid,
                &Note {
                    note: "no".to_owned(),
                },
            )
            .await;
        let Outcome::Rejected(rejection) = answer.outcome else {
            panic!("{patch}")
        };
        assert_eq!(rejection.class, class, "{patch}");
        assert!(env.effects(EffectKind::Cancelled).is_empty());
    }
}

#[tokio::test]
async fn a_session_is_created_and_a_link_sent_again() {
    let env = TestEnv::new().await;
    let session = CreateSession {
        reservation: booking("BOOK-2", env.now()),
        submit_payment: SubmitPayment {
            via: PaymentVia::Mastercard,
        },
    };
    let submitted = env
        .client
        .create_session(&session)
        .await
        .outcome
        .accepted()
        .expect("accepted");
    assert!(
        submitted
            .url
            .is_some_and(|url| url.ends_with(&submitted.reservation_uuid))
    );
    let resend = Resend {
        country_code: Some("+47".to_owned()),
        msisdn: Some("46567468".into()),
        email: Some("kari@example.no".into()),
    };
    let answer = env
        .client
        .resend(&submitted.reservation_uuid, &resend)
        .await;
    assert_eq!(answer.outcome, Outcome::Accepted(()));
    assert_eq!(
        env.effects(EffectKind::LinkSent).len(),
        3,
        "one at submit, two now"
    );
}

#[tokio::test]
async fn history_tells_what_happened_in_a_window() {
    let env = TestEnv::new().await;
    let uuid = env.held().await;
    let reference = env
        .capture(&uuid, 600)
        .await
        .accepted()
        .flatten()
        .expect("reference");
    env.world
        .lock()
        .capture_in_portal(env.now(), &uuid, None)
        .expect("captured");
    let hour = TimeDelta::hours(1);
    let rows = env
        .client
        .history(env.now() - hour, env.now() + hour)
        .await
        .outcome
        .accepted()
        .expect("rows");
    let titles: Vec<_> = rows.iter().filter_map(|row| row.title.as_deref()).collect();
    assert_eq!(
        titles,
        [
            "payment-link-sent-to-customer",
            "amount-reserved",
            "amount-captured-from-reservation",
            "amount-captured-from-reservation"
        ]
    );
    assert_eq!(
        rows[2].uuid.as_deref(),
        Some(reference.as_str()),
        "not the reservation's"
    );
    assert_eq!(rows[2].amount, Some(Money::kroner(600)));
    assert_eq!(
        rows[0].sent_to.as_deref().map(|text| text.starts_with(' ')),
        Some(true)
    );
    let civil = rows[1]
        .datetime
        .as_ref()
        .and_then(|time| time.civil())
        .expect("civil time");
    assert_eq!(
        civil.to_string(),
        "2025-08-24 03:46:00",
        "Oslo in summer, to the minute"
    );
    let by_people: Vec<_> = env
        .effects(EffectKind::Captured)
        .iter()
        .map(|effect| effect.by)
        .collect();
    assert_eq!(by_people, [By::Api, By::Portal]);
    let empty = env
        .client
        .history(env.now() + hour, env.now() + hour)
        .await
        .outcome
        .accepted();
    assert_eq!(empty, Some(Vec::new()), "a 404 means an empty list");
}

#[tokio::test]
async fn a_one_time_link_is_made_paid_and_read() {
    let env = TestEnv::new().await;
    let answer = env.client.submit_order(&order(&env)).await;
    assert_eq!(answer.exchange.http_status, Some(201));
    let submitted = answer.outcome.accepted().expect("accepted");
    let uuid = submitted.order_uuid.as_str();
    assert_eq!(
        submitted.payment_url,
        Some(format!("{}/pay/{uuid}", env.url))
    );
    let status = async || {
        env.client
            .order_status(uuid)
            .await
            .outcome
            .accepted()
            .expect("status")
    };
    assert_eq!(status().await.status, ProviderStatus::Sent);
    let details = env.client.order_details(uuid).await.outcome;
    let details = details.accepted().expect("details");
    let due = order(&env).due_date_for_payment_link;
    assert_eq!(details.payment_link_due_date, due);
    let hour = TimeDelta::hours(1);
    let history = env.client.history(env.now() - hour, env.now());
    let rows = history.await.outcome.accepted().expect("rows");
    let shown = rows.iter().filter(|row| row.uuid.as_deref() == Some(uuid));
    let titles: Vec<_> = shown.filter_map(|row| row.title.as_deref()).collect();
    assert_eq!(titles, ["order-created"]);
    env.world.lock().pay(env.now(), "ORDER-1").expect("payable");
    let paid = status().await;
    assert_eq!(
        (paid.status, paid.order_amount),
        (ProviderStatus::Paid, Some(Money::kroner(450)))
    );
    let stranger = env.client.order_status("ODR1").await.outcome;
    let Outcome::Rejected(rejection) = stranger else {
        panic!("an order that is not there")
    };
    assert_eq!(
        (rejection.class, rejection.key.as_str()),
        (RejectionClass::NotFound, "ordernotfound")
    );
}

#[tokio::test]
async fn a_merchant_sees_only_its_own() {
    let env = TestEnv::new().await;
    let uuid = env.held().await;
    let other = client(&env.url, "token-b", CancelVerb::Auto);
    for outcome in [
        other.details(&uuid).await.outcome.word(),
        other
            .capture(&uuid, &capture(&[(511, 1)], "x"))
            .await
            .outcome
            .word(),
        other.charge(&uuid, &charge(1)).await.outcome.word(),
        other
            .cancel(
                &uuid,
                &Note {
                    note: "mine?".to_owned(),
                },
            )
            .await
            .outcome
            .word(),
    ] {
        assert_eq!(outcome, "rejected");
    }
    let hour = TimeDelta::hours(1);
    let rows = other
        .history(env.now() - hour, env.now() + hour)
        .await
        .outcome
        .accepted();
    assert_eq!(rows, Some(Vec::new()));
}

#[tokio::test]
async fn the_budget_is_shared_by_all_calls_of_an_account_for_a_minute() {
    let env = TestEnv::with(sandbox::Options {
        limit_per_minute: 3,
        ..options()
    })
    .await;
    let uuid = env.submitted().await;
    let second = env.client.details(&uuid).await;
    assert_eq!(
        (second.exchange.rate.limit, second.exchange.rate.remaining),
        (Some(3), Some(1))
    );
    let third = env.client.details("RES1").await;
    assert_eq!(
        third.exchange.rate.remaining,
        Some(0),
        "a 404 costs as much"
    );
    env.clock.advance(TimeDelta::seconds(50));
    let Outcome::Rejected(rejection) = env.client.details(&uuid).await.outcome else {
        panic!("throttled")
    };
    let RejectionClass::Throttled {
        retry_after: Some(wait),
    } = rejection.class
    else {
        panic!("{rejection:?}")
    };
    assert!((10..=11).contains(&wait.as_secs()), "{wait:?}");
    let other = client(&env.url, "token-b", CancelVerb::Auto);
    assert!(!matches!(
        other.details(&uuid).await.outcome,
        Outcome::Rejected(r) if matches!(r.class, RejectionClass::Throttled { .. })
    ));
    env.clock.advance(TimeDelta::seconds(10));
    assert!(env.client.details(&uuid).await.outcome.accepted().is_some());
    let requests = env.world.lock().requests().clone();
    assert_eq!((requests.total, requests.throttled), (6, 1));
    assert_eq!(requests.operations[&Operation::Details], 5);
}

#[tokio::test]
async fn a_token_is_asked_for() {
    let env = TestEnv::new().await;
    let stranger = client(&env.url, "token-x", CancelVerb::Auto);
    let Outcome::Rejected(rejection) = stranger.details("RES1").await.outcome else {
        panic!("refused")
    };
    assert_eq!(
        (rejection.class, rejection.http_status),
        (RejectionClass::Auth, 401)
    );
}

#[tokio::test]
async fn the_same_client_works_without_a_connection() {
    let clock = Arc::new(ManualClock::at(start()));
    let world = Handle::new(World::new(options()));
    let transport = Arc::new(InProcess::new(world.clone(), clock.clone()));
    let settings = Settings::new("http://localhost".parse().expect("url"), TOKEN.into());
    let client = Client::with_transport(settings, transport).expect("client");
    let submitted = client
        .submit(&booking("BOOK-1", start()))
        .await
        .outcome
        .accepted()
        .expect("accepted");
    let uuid = submitted.reservation_uuid;
    world.lock().pay(start(), &uuid).expect("payable");
    let details = client
        .details(&uuid)
        .await
        .outcome
        .accepted()
        .expect("details");
    assert_eq!(details.status, ProviderStatus::Reserved);
    for (what, reason) in [
        (What::Reset, UnknownReason::Reset),
        (What::Hang, UnknownReason::Timeout),
        (What::Truncated(9), UnknownReason::Truncated),
    ] {
        world
            .lock()
            .faults()
            .calls
            .push(Fault::once(Operation::Charge, When::AfterEffect, what));
        let Outcome::Unknown(unknown) = client.charge(&uuid, &charge(1)).await.outcome else {
            panic!("{what:?}")
        };
        assert_eq!(unknown.reason, reason);
    }
    let charges = world
        .lock()
        .ledger()
        .iter()
        .filter(|effect| effect.kind == EffectKind::Charged)
        .count();
    assert_eq!(charges, 3);
}

#[tokio::test]
async fn a_server_stops_when_it_is_told_to_and_frees_its_port() {
    let clock = Arc::new(ManualClock::at(start()));
    let listen = "127.0.0.1:0".parse().expect("address");
    let server = Server::bind(listen, World::new(options()), clock.clone())
        .await
        .expect("a free port");
    let address = server
        .url()
        .trim_start_matches("http://")
        .parse()
        .expect("address");
    server.run(std::future::ready(())).await.expect("stopped");
    assert!(
        Server::bind(address, World::new(options()), clock)
            .await
            .is_ok()
    );
}
