//! What the client sends, and what it keeps of an exchange.

use api_client::wire::{
    Capture, CreateSession, LineAmount, Note, SubmitOrder, SubmitReservation, WireTime,
};
use api_client::{
    CallClass, CancelVerb, FaultKind, OrderDateFormat, Outcome, Phase, RejectionClass,
    UnknownReason,
};
use chrono::DateTime;
use domain::Money;
use serde_json::json;

use crate::support::{Scripted, fixture, response, settings};

fn note() -> Note {
    Note {
        note: "Ødelagt & avlyst".to_owned(),
    }
}

#[tokio::test]
async fn amounts_leave_as_exact_numbers_and_products_as_an_object() {
    let transport = Scripted::new([Ok(response(202, fixture("captured")))]);
    let amount: Money = "4017.86".parse().expect("amount");
    let capture = Capture {
        products: vec![LineAmount { id: 298, amount }],
        grand_total: amount,
        additional_text: Some("R1 7QK2M9XDPA 01".to_owned()),
    };
    let answer = transport.client().capture("RES1943140879", &capture).await;
    assert_eq!(answer.outcome.word(), "accepted");
    let sent = &transport.seen()[0];
    let body = std::str::from_utf8(&sent.body).expect("text");
    assert_eq!(
        body,
        r#"{"products":{"0":{"id":298,"amount":4017.86}},"grandTotal":4017.86,"additionalText":"R1 7QK2M9XDPA 01"}"#
    );
    assert_eq!(
        (sent.path.as_str(), sent.class),
        (
            "connect/reservations/capture/RES1943140879",
            CallClass::Money
        )
    );
    assert_eq!(sent.timeout.as_secs(), 60);
}

#[tokio::test]
async fn every_request_carries_the_same_headers_and_nothing_that_is_resent() {
    let transport = Scripted::new([Ok(response(200, fixture("details")))]);
    transport.client().details("RES1943140879").await;
    let sent = &transport.seen()[0];
    assert_eq!(sent.headers["authorization"], "Bearer a-token");
    assert_eq!(sent.headers["accept"], "application/json");
    assert!(
        sent.headers["user-agent"]
            .to_str()
            .expect("text")
            .starts_with("holdfast/")
    );
    assert!(sent.headers["authorization"].is_sensitive());
    assert_eq!(
        sent.headers.len(),
        3,
        "no body, no content type, no Expect, no cookie"
    );
    assert_eq!((sent.timeout.as_secs(), sent.class), (15, CallClass::Read));
}

#[tokio::test]
async fn the_order_date_is_written_as_the_account_takes_it() {
    for (format, expected) in [
        (OrderDateFormat::Unix, "1756871295"),
        (OrderDateFormat::Legacy, "03 Sep, 2025"),
    ] {
        let mut wanted = settings("https://demo-api.frontpayment.no");
        wanted.order_date = format;
        let mut submit: SubmitReservation =
            serde_json::from_str(&fixture("submit")).expect("request");
        submit.order_date = WireTime::from_text("2025-09-03T05:48:15+02:00");
        let transport = Scripted::new([Ok(response(201, fixture("submitted")))]);
        transport.client_with(wanted.clone()).submit(&submit).await;
        assert_eq!(transport.only_body()["orderDate"], expected);
        let session: CreateSession =
            serde_json::from_str(&fixture("create_session")).expect("request");
        let transport = Scripted::new([Ok(response(201, fixture("session_created")))]);
        transport
            .client_with(wanted.clone())
            .create_session(&session)
            .await;
        assert_ne!(transport.only_body()["orderDate"], json!(null));
        let order: SubmitOrder = serde_json::from_str(&fixture("submit_order")).expect("request");
        let transport = Scripted::new([Ok(response(202, fixture("order_submitted")))]);
        let answer = transport.client_with(wanted).submit_order(&order).await;
        assert_eq!(answer.outcome.word(), "accepted");
    }
}

#[tokio::test]
async fn an_invalid_request_is_not_sent() {
    let transport = Scripted::new([]);
    let client = transport.client();
    let mut submit: SubmitReservation = serde_json::from_str(&fixture("submit")).expect("request");
    submit.customer_details.email = "nobody".into();
    let Outcome::Unsent(fault) = client.submit(&submit).await.outcome else {
        panic!("sent")
    };
    assert_eq!(fault.phase, Phase::BeforeSend);
    let FaultKind::InvalidRequest(faults) = &fault.kind else {
        panic!("{fault:?}")
    };
    assert_eq!(faults[0].field, "customerDetails.email");
    assert!(fault.to_string().contains("customerDetails.email"));
    for uuid in ["", "../submit", "RES1?x", "RES 1", &"R".repeat(41)] {
        let answer = client.details(uuid).await;
        assert_eq!(answer.outcome.word(), "unsent", "{uuid}");
        assert_eq!(answer.exchange.path, "connect/reservations/details");
        assert_eq!(
            client.cancel(uuid, &note()).await.outcome.word(),
            "unsent",
            "{uuid}"
        );
    }
    let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("time");
    assert_eq!(client.history(at(2), at(1)).await.outcome.word(), "unsent");
    assert!(transport.seen().is_empty());
}

#[tokio::test]
async fn history_is_asked_for_with_both_ends() {
    let transport = Scripted::new([Ok(response(404, fixture("not_found_data")))]);
    let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("time");
    let answer = transport
        .client()
        .history(at(1_706_674_723), at(1_706_678_323))
        .await;
    assert_eq!(answer.outcome, Outcome::Accepted(Vec::new()));
    assert_eq!(
        transport.seen()[0].path,
        "connect/reservations/history/1706674723/1706678323"
    );
}

#[tokio::test]
async fn details_of_another_reservation_are_inconclusive() {
    let transport = Scripted::new([Ok(response(200, fixture("details")))]);
    let answer = transport.client().details("RES1").await;
    let Outcome::Unknown(unknown) = answer.outcome else {
        panic!("accepted")
    };
    assert_eq!(
        (unknown.reason, unknown.http_status),
        (UnknownReason::Contradicting, Some(200))
    );
}

#[tokio::test]
async fn number_1_a_refused_verb_is_answered_with_the_other_one_and_remembered() {
    let (no, yes) = (
        || Ok(response(405, "")),
        || Ok(response(202, fixture("cancelled"))),
    );
    let transport = Scripted::new([no(), yes(), yes(), no(), yes(), no(), no()]);
    let client = transport.client();
    for _ in 0..3 {
        assert_eq!(
            client.cancel("RES1", &note()).await.outcome.word(),
            "accepted"
        );
    }
    let Outcome::Rejected(rejection) = client.cancel("RES1", &note()).await.outcome else {
        panic!("accepted")
    };
    assert_eq!(rejection.class, RejectionClass::WrongVerb);
    let verbs: Vec<String> = transport
        .seen()
        .iter()
        .map(|request| request.method.to_string())
        .collect();
    assert_eq!(verbs, ["POST", "GET", "GET", "GET", "POST", "POST", "GET"]);
    let get = &transport.seen()[1];
    assert_eq!(get.query.as_deref(), Some("note=%C3%98delagt+%26+avlyst"));
    assert_eq!(get.headers["cache-control"], "no-store");
    assert_eq!(get.headers["content-type"], "application/json");
    assert_eq!(
        serde_json::from_slice::<Note>(&get.body).expect("note"),
        note()
    );
}

#[tokio::test]
async fn a_configured_verb_is_the_only_one() {
    for (verb, method) in [(CancelVerb::Post, "POST"), (CancelVerb::Get, "GET")] {
        let mut wanted = settings("https://demo-api.frontpayment.no");
        wanted.cancel_verb = verb;
        let transport = Scripted::new([Ok(response(405, ""))]);
        let answer = transport.client_with(wanted).cancel("RES1", &note()).await;
        assert_eq!(answer.outcome.word(), "rejected");
        assert_eq!(answer.exchange.method, method);
    }
}

#[tokio::test]
async fn an_exchange_keeps_what_an_argument_needs_and_nothing_personal() {
    let mut answer = response(
        404,
        fixture("not_found_data").replace("reservationNotFound", "kari@example.no is 46567468"),
    );
    for (name, value) in [
        ("x-ratelimit-limit", "240"),
        ("x-ratelimit-remaining", "226"),
        ("date", "Tue, 15 Jul 2025 21:42:11 GMT"),
    ] {
        answer.headers.insert(name, value.parse().expect("header"));
    }
    let transport = Scripted::new([Ok(answer)]);
    let exchange = transport.client().cancel("RES1", &note()).await.exchange;
    assert_eq!(
        (exchange.method.as_str(), exchange.path.as_str()),
        ("POST", "connect/reservations/cancel/RES1")
    );
    assert_eq!(
        (exchange.http_status, exchange.provider_message.as_deref()),
        (Some(404), Some("… is …"))
    );
    assert_eq!(
        (exchange.rate.limit, exchange.rate.remaining),
        (Some(240), Some(226))
    );
    assert_eq!(exchange.date.map(|at| at.timestamp()), Some(1_752_615_731));
    assert_eq!(
        (
            exchange.request_sha256.len(),
            exchange.response_sha256.as_ref().map(String::len)
        ),
        (64, Some(64))
    );
    let text = serde_json::to_string(&exchange).expect("JSON");
    assert!(
        !text.contains("a-token") && !text.contains("avlyst"),
        "{text}"
    );
    assert_eq!(
        serde_json::from_str::<api_client::Exchange>(&text).expect("exchange"),
        exchange
    );
    let request = &transport.seen()[0];
    assert!(!format!("{request:?} {:?}", transport.client()).contains("a-token"));
}
