//! Over a real connection: what breaks, when, and that nothing is ever sent twice.

use std::net::TcpListener;
use std::time::Duration;

use api_client::wire::{Capture, LineAmount, Note};
use api_client::{Client, FaultKind, Outcome, Phase, Settings, TransportFault, UnknownReason};
use domain::Money;

use crate::server::{Act, Server, reply};
use crate::support::{fixture, settings};

fn capture() -> Capture {
    let amount = Money::kroner(10);
    Capture {
        products: vec![LineAmount { id: 1, amount }],
        grand_total: amount,
        additional_text: None,
    }
}

fn unsent<T: std::fmt::Debug>(outcome: Outcome<T>) -> TransportFault {
    let Outcome::Unsent(fault) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(fault.phase, Phase::BeforeSend);
    fault
}

fn reason<T: std::fmt::Debug>(outcome: &Outcome<T>) -> UnknownReason {
    let Outcome::Unknown(unknown) = outcome else {
        panic!("{outcome:?}")
    };
    unknown.reason
}

/// Captures once against a server that does `act`, and returns why the outcome is unknown; one request must have come.
async fn unknown_reason(act: Act, adjust: fn(&mut Settings)) -> UnknownReason {
    let server = Server::start(vec![act]);
    let mut wanted = settings(&server.url());
    adjust(&mut wanted);
    let answer = Client::new(wanted)
        .expect("client")
        .capture("RES1", &capture())
        .await;
    assert_eq!(server.finish().len(), 1, "sent once");
    reason(&answer.outcome)
}

#[tokio::test]
async fn a_refused_connection_is_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    drop(listener);
    let client = Client::new(settings(&url)).expect("client");
    assert_eq!(
        unsent(client.capture("RES1", &capture()).await.outcome).kind,
        FaultKind::Refused
    );
}

/// Captures over https from a server that does `act`: unsent for want of TLS, and no byte of the request was sent.
async fn refuses_to_talk(act: Act) {
    let server = Server::start(vec![act]);
    let url = format!("https://{}", server.address());
    let client = Client::new(settings(&url)).expect("client");
    let fault = unsent(client.capture("RES1", &capture()).await.outcome);
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Tls, "no trusted TLS connection to the provider")
    );
    assert_eq!(
        server.finish(),
        [""],
        "one connection, no request in it, and no other try without TLS"
    );
}

#[tokio::test]
async fn case_100_a_failed_handshake_is_unsent() {
    refuses_to_talk(Act::Greet(b"this is no TLS\r\n\r\n".to_vec())).await;
}

#[tokio::test]
async fn case_100_a_wrong_certificate_is_unsent_and_never_answered_without_tls() {
    refuses_to_talk(Act::Untrusted).await;
}

#[tokio::test]
async fn case_100_plain_http_is_not_spoken_to_anybody_but_this_machine() {
    for url in ["http://demo-api.frontpayment.no", "http://192.0.2.1"] {
        assert!(Client::new(settings(url)).is_err(), "{url}");
    }
}

#[tokio::test]
async fn an_unknown_host_is_unsent() {
    let client = Client::new(settings("https://provider.invalid")).expect("client");
    assert_eq!(
        unsent(client.capture("RES1", &capture()).await.outcome).kind,
        FaultKind::Dns
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_unknown_and_not_tried_again() {
    assert_eq!(
        unknown_reason(Act::Close, |_| ()).await,
        UnknownReason::Reset
    );
    assert_eq!(
        unknown_reason(Act::Write(Vec::new()), |_| ()).await,
        UnknownReason::Reset
    );
    assert_eq!(
        unknown_reason(Act::Write(b"HTTP/1.1 202 Acc".to_vec()), |_| ()).await,
        UnknownReason::Reset
    );
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_unknown() {
    assert_eq!(
        unknown_reason(Act::Write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()), |_| ()).await,
        UnknownReason::Protocol
    );
}

#[tokio::test]
async fn a_truncated_body_is_unknown() {
    let body = fixture("captured");
    let announced = format!(
        "HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\n\r\n",
        body.len() + 1
    );
    let whole_but_announced_longer = [announced.as_bytes(), body.as_bytes()].concat();
    assert_eq!(
        unknown_reason(Act::Write(whole_but_announced_longer), |_| ()).await,
        UnknownReason::Truncated
    );
    let chunked = format!(
        "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
        body.len()
    );
    assert_eq!(
        unknown_reason(Act::Write(chunked.into_bytes()), |_| ()).await,
        UnknownReason::Truncated
    );
}

#[tokio::test]
async fn a_page_a_redirect_and_a_flood_are_unknown() {
    let page = reply(
        "200 OK",
        "content-type: text/html\r\n",
        "<html>maintenance</html>",
    );
    assert_eq!(
        unknown_reason(Act::Write(page), |_| ()).await,
        UnknownReason::Html
    );
    let redirect = reply("307 Temporary Redirect", "location: /elsewhere\r\n", "");
    assert_eq!(
        unknown_reason(Act::Write(redirect), |_| ()).await,
        UnknownReason::Redirect
    );
    let flood = reply("202 Accepted", "", &" ".repeat(1024 * 1024 + 1));
    assert_eq!(
        unknown_reason(Act::Write(flood), |_| ()).await,
        UnknownReason::BodyTooLarge
    );
    let whole = format!("{}{}", fixture("captured"), " ".repeat(1000 * 1024));
    let server = Server::start(vec![Act::Write(reply("202 Accepted", "", &whole))]);
    let answer = Client::new(settings(&server.url()))
        .expect("client")
        .capture("RES1", &capture())
        .await;
    assert_eq!(answer.outcome.word(), "accepted");
    server.finish();
}

#[tokio::test]
async fn no_answer_in_time_is_unknown_and_not_tried_again() {
    let impatient = |settings: &mut Settings| settings.timeouts.money = Duration::from_millis(150);
    assert_eq!(
        unknown_reason(Act::Hang, impatient).await,
        UnknownReason::Timeout
    );
    let half = b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\n{".to_vec();
    assert_eq!(
        unknown_reason(Act::Stall(half), impatient).await,
        UnknownReason::Timeout
    );
}

#[tokio::test]
async fn case_099_an_answer_that_comes_after_its_timeout_is_nobodys() {
    let hasty = |url: &str| {
        let mut wanted = settings(url);
        wanted.timeouts.read = Duration::from_millis(150);
        wanted.timeouts.money = Duration::from_millis(150);
        Client::new(wanted).expect("client")
    };
    let other = fixture("details").replace("RES1943140879", "RES2");
    let late = reply("200 OK", "", &fixture("details"));
    let server = Server::start(vec![
        Act::Late(late),
        Act::Write(reply("200 OK", "", &other)),
    ]);
    let client = hasty(&server.url());
    assert_eq!(
        reason(&client.details("RES1943140879").await.outcome),
        UnknownReason::Timeout
    );
    let second = client
        .details("RES2")
        .await
        .outcome
        .accepted()
        .expect("its own answer");
    assert_eq!(second.reservation_uuid, "RES2");
    assert_eq!(
        server.finish().len(),
        2,
        "each request on a connection of its own"
    );

    let late = reply("202 Accepted", "", &fixture("captured"));
    let own = reply(
        "202 Accepted",
        "",
        &fixture("captured").replace("CAP1234567890", "CAP2"),
    );
    let server = Server::start(vec![Act::Late(late), Act::Write(own)]);
    let client = hasty(&server.url());
    assert_eq!(
        reason(&client.capture("RES1", &capture()).await.outcome),
        UnknownReason::Timeout
    );
    let second = client
        .capture("RES2", &capture())
        .await
        .outcome
        .accepted()
        .expect("its own answer");
    assert_eq!(second.uuid.as_deref(), Some("CAP2"));
    assert_eq!(
        server.finish().len(),
        2,
        "each request on a connection of its own"
    );
}

#[tokio::test]
async fn case_153_a_cancel_by_get_may_not_be_cached_and_has_a_connection_of_its_own() {
    // The connections stay open: a second request on one of them would hang.
    let done = || Act::Stall(reply("202 Accepted", "", &fixture("cancelled")));
    let server = Server::start(vec![done(), done()]);
    let mut wanted = settings(&server.url());
    wanted.cancel_verb = api_client::CancelVerb::Get;
    wanted.timeouts.money = Duration::from_secs(20);
    let client = Client::new(wanted).expect("client");
    for uuid in ["RES1", "RES1"] {
        let answer = client
            .cancel(
                uuid,
                &Note {
                    note: "R1 7QK2M9XDPA 01".to_owned(),
                },
            )
            .await;
        assert_eq!(answer.outcome, Outcome::Accepted(()));
    }
    let seen = server.finish();
    assert_eq!(seen.len(), 2, "{seen:#?}");
    for request in seen {
        let lower = request.to_ascii_lowercase();
        assert!(
            lower.starts_with("get ") && lower.contains("\r\ncache-control: no-store\r\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_refused_post_of_a_cancel_becomes_a_get_with_its_body() {
    let refused = reply("405 Method Not Allowed", "allow: GET\r\n", "");
    let done = reply("202 Accepted", "", &fixture("cancelled"));
    let server = Server::start(vec![Act::Write(refused), Act::Write(done)]);
    let client = Client::new(settings(&server.url())).expect("client");
    let answer = client
        .cancel(
            "RES1",
            &Note {
                note: "no show".to_owned(),
            },
        )
        .await;
    assert_eq!(answer.outcome, Outcome::Accepted(()));
    let seen = server.finish();
    assert_eq!(seen.len(), 2);
    assert!(
        seen[0].starts_with("POST /api/v1/connect/reservations/cancel/RES1 HTTP/1.1\r\n"),
        "{}",
        seen[0]
    );
    assert!(
        seen[1]
            .starts_with("GET /api/v1/connect/reservations/cancel/RES1?note=no+show HTTP/1.1\r\n"),
        "{}",
        seen[1]
    );
    for request in &seen {
        let lower = request.to_ascii_lowercase();
        assert!(request.ends_with(r#"{"note":"no show"}"#), "{request}");
        assert!(
            lower.contains("authorization: bearer a-token\r\n")
                && lower.contains("content-type: application/json")
        );
        assert!(
            !lower.contains("expect:") && !lower.contains("cookie"),
            "{request}"
        );
    }
    assert!(
        seen[1]
            .to_ascii_lowercase()
            .contains("cache-control: no-store")
    );
}

#[tokio::test]
async fn a_read_comes_back_whole() {
    let headers = "content-type: application/json\r\nx-ratelimit-limit: 240\r\nx-ratelimit-remaining: 238\r\n";
    let server = Server::start(vec![Act::Write(reply(
        "200 OK",
        headers,
        &fixture("details"),
    ))]);
    let answer = Client::new(settings(&server.url()))
        .expect("client")
        .details("RES1943140879")
        .await;
    assert_eq!(answer.outcome.word(), "accepted");
    assert_eq!(answer.exchange.rate.remaining, Some(238));
    assert!(
        server.finish()[0]
            .starts_with("GET /api/v1/connect/reservations/details/RES1943140879 HTTP/1.1\r\n")
    );
}
