//! One row per line of the table that says what an observation proves.

use std::time::Duration;

use api_client::wire::{CaptureAccepted, HistoryRow, Submitted};
use api_client::{
    FaultKind, Operation, Outcome, Phase, Rejection, RejectionClass, TransportFault, UnknownReason,
    WireResponse, classify,
};

use crate::support::{fixture, judge, response};

fn capture(status: u16, body: impl Into<String>) -> Outcome<CaptureAccepted> {
    judge(Operation::Capture, status, body)
}

fn reason<T>(outcome: &Outcome<T>) -> Option<UnknownReason> {
    match outcome {
        Outcome::Unknown(unknown) => Some(unknown.reason),
        _ => None,
    }
}

fn rejection<T>(outcome: Outcome<T>) -> Option<Rejection> {
    match outcome {
        Outcome::Rejected(rejection) => Some(rejection),
        _ => None,
    }
}

type Observed = Result<WireResponse, TransportFault>;

fn before(kind: FaultKind) -> Observed {
    Err(TransportFault::new(Phase::BeforeSend, kind))
}

fn after(kind: FaultKind) -> Observed {
    Err(TransportFault::new(Phase::AfterSend, kind))
}

/// Every observation of a capture that the rules name, with the class and the reason it leads to.
fn observations() -> Vec<(&'static str, Observed, &'static str, &'static str)> {
    let answer = |status: u16, body: &str| -> Observed { Ok(response(status, body)) };
    let captured = fixture("captured");
    let refused = fixture("runway_exceeded");
    let strange = refused.replace("requestedCapture", "somethingNew");
    let contradicting = captured.replace("\"status_code\": 202", "\"status_code\": 400");
    let cut = WireResponse {
        truncated: true,
        ..response(202, &captured[..40])
    };
    vec![
        ("DNS", before(FaultKind::Dns), "unsent", ""),
        ("refused", before(FaultKind::Refused), "unsent", ""),
        ("TLS", before(FaultKind::Tls), "unsent", ""),
        (
            "no connection in time",
            before(FaultKind::ConnectTimeout),
            "unsent",
            "",
        ),
        (
            "reset while connecting",
            before(FaultKind::Connect),
            "unsent",
            "",
        ),
        (
            "not sent because of a deadline, a breaker or a budget",
            before(FaultKind::NotSent),
            "unsent",
            "",
        ),
        (
            "reset before the first byte",
            after(FaultKind::Reset),
            "unknown",
            "reset",
        ),
        (
            "reset after the first byte",
            Ok(cut.clone()),
            "unknown",
            "truncated",
        ),
        ("no HTTP", after(FaultKind::Protocol), "unknown", "protocol"),
        ("timeout", after(FaultKind::Timeout), "unknown", "timeout"),
        (
            "longer than 1 MiB",
            after(FaultKind::BodyTooLarge),
            "unknown",
            "body_too_large",
        ),
        ("2xx", answer(202, &captured), "accepted", ""),
        ("2xx, empty", answer(202, ""), "unknown", "empty"),
        ("2xx with HTML", answer(200, "<html>"), "unknown", "html"),
        (
            "2xx with a truncated body",
            answer(202, &captured[..60]),
            "unknown",
            "truncated",
        ),
        (
            "2xx with a contradicting body",
            answer(202, &contradicting),
            "unknown",
            "contradicting",
        ),
        (
            "2xx with another message",
            answer(202, &fixture("cancelled")),
            "unknown",
            "unexpected_message",
        ),
        ("301", answer(301, ""), "unknown", "redirect"),
        ("400, known", answer(400, &refused), "rejected", "business"),
        (
            "400, unknown",
            answer(400, &strange),
            "unknown",
            "unknown_business_message",
        ),
        ("401", answer(401, ""), "rejected", "auth"),
        ("403", answer(403, ""), "rejected", "auth"),
        (
            "404",
            answer(404, &fixture("not_found_data")),
            "rejected",
            "not_found",
        ),
        (
            "404, no card",
            answer(404, &fixture("card_not_found")),
            "rejected",
            "card_not_found",
        ),
        ("405", answer(405, ""), "rejected", "wrong_verb"),
        ("408", answer(408, ""), "unknown", "timeout"),
        ("409", answer(409, ""), "unknown", "unexpected_status"),
        (
            "417",
            answer(417, &fixture("payload_refused")),
            "rejected",
            "payload",
        ),
        ("429", answer(429, ""), "rejected", "throttled"),
        (
            "500",
            answer(500, &fixture("internal_error")),
            "unknown",
            "server_error",
        ),
        ("502", answer(502, "<html>"), "unknown", "server_error"),
        (
            "510",
            answer(510, &fixture("gateway_error")),
            "unknown",
            "server_error",
        ),
        ("524", answer(524, ""), "unknown", "server_error"),
    ]
}

#[test]
fn every_observation_has_its_class() {
    for (name, observed, class, why) in observations() {
        let outcome = classify::<CaptureAccepted>(Operation::Capture, &observed);
        let found = match &outcome {
            Outcome::Unknown(unknown) => unknown.reason.as_str().to_owned(),
            Outcome::Rejected(rejection) => {
                match serde_json::to_value(rejection.class).expect("a word") {
                    serde_json::Value::String(word) => word,
                    // Throttling comes with how long to wait.
                    object => object
                        .as_object()
                        .and_then(|fields| fields.keys().next().cloned())
                        .expect("a word"),
                }
            }
            Outcome::Unsent(_) | Outcome::Accepted(_) => String::new(),
        };
        assert_eq!((outcome.word(), found.as_str()), (class, why), "{name}");
    }
}

#[test]
fn a_fault_before_the_send_is_unsent_and_after_it_unknown() {
    for kind in [
        FaultKind::Dns,
        FaultKind::Refused,
        FaultKind::Tls,
        FaultKind::ConnectTimeout,
        FaultKind::Connect,
        FaultKind::Reset,
        FaultKind::NotSent,
    ] {
        let fault = TransportFault::new(Phase::BeforeSend, kind);
        let outcome = classify::<CaptureAccepted>(Operation::Capture, &Err(fault.clone()));
        assert_eq!(outcome, Outcome::Unsent(fault));
    }
    for (kind, expected) in [
        (FaultKind::Reset, UnknownReason::Reset),
        (FaultKind::Timeout, UnknownReason::Timeout),
        (FaultKind::Protocol, UnknownReason::Protocol),
        (FaultKind::BodyTooLarge, UnknownReason::BodyTooLarge),
    ] {
        let fault = TransportFault::new(Phase::AfterSend, kind);
        assert_eq!(
            reason(&classify::<()>(Operation::Cancel, &Err(fault))),
            Some(expected)
        );
    }
}

#[test]
fn case_089_a_success_that_does_not_say_so_whole_is_unknown() {
    let ok = fixture("captured");
    let cases = [
        ("", UnknownReason::Empty),
        (" \n", UnknownReason::Empty),
        ("<html><body>Bad gateway</body></html>", UnknownReason::Html),
        (&ok[..ok.len() - 10], UnknownReason::Truncated),
        ("garbage", UnknownReason::Malformed),
        ("[]", UnknownReason::Malformed),
        (
            r#"[202,"OK","reservationCapturedSuccessfully",true,{"uuid":"CAP1"}]"#,
            UnknownReason::Malformed,
        ),
        ("null", UnknownReason::Malformed),
        ("{}", UnknownReason::Malformed),
        ("{\"status_code\":NaN}", UnknownReason::Malformed),
        (
            &ok.replace("\"status_code\": 202", "\"message\": \"x\""),
            UnknownReason::Malformed,
        ),
        (
            &ok.replace("\"status_code\": 202", "\"status_code\": 400"),
            UnknownReason::Contradicting,
        ),
        (
            &ok.replace("\"is_data\": true", "\"is_error\": true"),
            UnknownReason::Contradicting,
        ),
        (
            &ok.replace("Captured", "Queued"),
            UnknownReason::UnexpectedMessage,
        ),
        (
            &ok.replace(
                "reservationCapturedSuccessfully",
                "reservationChargedSuccessfully",
            ),
            UnknownReason::UnexpectedMessage,
        ),
        (
            &ok.replace("\"message\"", "\"massage\""),
            UnknownReason::UnexpectedMessage,
        ),
        (
            &ok.replace("{ \"uuid\": \"CAP1234567890\" }", "[1]"),
            UnknownReason::Malformed,
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(reason(&capture(202, body)), Some(expected), "{body}");
    }
}

#[test]
fn a_body_that_ends_before_its_announced_end_is_unknown_however_whole_it_looks() {
    let cut = WireResponse {
        truncated: true,
        ..response(202, fixture("captured"))
    };
    assert_eq!(
        reason(&classify::<CaptureAccepted>(Operation::Capture, &Ok(cut))),
        Some(UnknownReason::Truncated)
    );
}

#[test]
fn case_005_a_submit_without_a_uuid_of_the_right_form_is_unknown() {
    let ok = fixture("submitted");
    for uuid in [
        "",
        "1943140879",
        "ODR1943140879",
        "RES",
        "RES19x",
        "res1943140879",
        "RES1943140879/..",
    ] {
        let body = ok.replace("\"RES1943140879\"", &format!("\"{uuid}\""));
        let found = reason(&judge::<Submitted>(Operation::Submit, 201, body));
        assert_eq!(found, Some(UnknownReason::MissingReference), "{uuid}");
    }
    let two = ok.replace(
        "\"reservationUuid\"",
        "\"orderUuid\": \"RES2\", \"reservationUuid\"",
    );
    let found = reason(&judge::<Submitted>(Operation::Submit, 201, two));
    assert_eq!(
        found,
        Some(UnknownReason::MissingReference),
        "two reservations"
    );
    for body in [
        fixture("refunded"),
        fixture("cancelled"),
        ok.replace("reservationUuid", "uuid"),
    ] {
        let found = reason(&judge::<Submitted>(Operation::Submit, 202, body));
        assert_eq!(found, Some(UnknownReason::MissingReference));
    }
}

#[test]
fn refusals_that_prove_that_nothing_was_executed_are_rejected() {
    let business = |message: &str| {
        fixture("runway_exceeded").replace(
            "requestedCaptureAmountExceedAvailableCaptureRunway",
            message,
        )
    };
    let cases = [
        (400, fixture("runway_exceeded"), RejectionClass::Business),
        (
            400,
            business("paymentCaptureDeadlineExceed"),
            RejectionClass::Business,
        ),
        (
            400,
            business("Payment Capture Deadline Exceed"),
            RejectionClass::Business,
        ),
        (
            400,
            business("reservationStatusAlreadyCancelled"),
            RejectionClass::Business,
        ),
        (
            400,
            business("payloadValidationErrors"),
            RejectionClass::Payload,
        ),
        (417, fixture("payload_refused"), RejectionClass::Payload),
        (
            417,
            fixture("payload_refused_placeholder"),
            RejectionClass::Payload,
        ),
        (
            401,
            "{\"message\":\"Unauthenticated.\"}".to_owned(),
            RejectionClass::Auth,
        ),
        (401, String::new(), RejectionClass::Auth),
        (403, "<html>".to_owned(), RejectionClass::Auth),
        (404, fixture("not_found_data"), RejectionClass::NotFound),
        (404, fixture("not_found_errors"), RejectionClass::NotFound),
        (
            404,
            "<html>nginx</html>".to_owned(),
            RejectionClass::NotFound,
        ),
        (404, fixture("card_not_found"), RejectionClass::CardNotFound),
        (405, "<html>".to_owned(), RejectionClass::WrongVerb),
        (
            429,
            "{\"message\":\"Too Many Attempts.\"}".to_owned(),
            RejectionClass::Throttled { retry_after: None },
        ),
    ];
    for (status, body, class) in cases {
        let rejection = rejection(capture(status, body.clone())).expect(&body);
        assert_eq!(
            (rejection.class, rejection.http_status),
            (class, status),
            "{body}"
        );
    }
}

#[test]
fn case_083_a_throttled_call_says_how_long_to_wait() {
    let mut throttled = response(429, "");
    throttled
        .headers
        .insert("retry-after", "30".parse().expect("header"));
    let rejection =
        rejection(classify::<()>(Operation::Complete, &Ok(throttled))).expect("rejected");
    assert_eq!(
        rejection.class,
        RejectionClass::Throttled {
            retry_after: Some(Duration::from_secs(30))
        }
    );
}

#[test]
fn everything_else_is_unknown() {
    let unknown = fixture("runway_exceeded").replace("requestedCapture", "somethingNew");
    let contradicting =
        fixture("payload_refused").replace("\"status_code\": 417", "\"status_code\": 202");
    let ambiguous =
        fixture("runway_exceeded").replace("\"status_code\": 400", "\"status_code\": 510");
    let cases = [
        (400, unknown, UnknownReason::UnknownBusinessMessage),
        (
            400,
            "<html>".to_owned(),
            UnknownReason::UnknownBusinessMessage,
        ),
        (400, ambiguous, UnknownReason::Contradicting),
        (417, contradicting, UnknownReason::Contradicting),
        (402, String::new(), UnknownReason::UnexpectedStatus),
        (409, String::new(), UnknownReason::UnexpectedStatus),
        (413, String::new(), UnknownReason::UnexpectedStatus),
        (422, String::new(), UnknownReason::UnexpectedStatus),
        (101, String::new(), UnknownReason::UnexpectedStatus),
        (408, String::new(), UnknownReason::Timeout),
        (301, String::new(), UnknownReason::Redirect),
        (302, "<html>".to_owned(), UnknownReason::Redirect),
        (304, String::new(), UnknownReason::Redirect),
        (500, fixture("internal_error"), UnknownReason::ServerError),
        (502, "<html>".to_owned(), UnknownReason::ServerError),
        (503, String::new(), UnknownReason::ServerError),
        (510, fixture("gateway_error"), UnknownReason::ServerError),
        (524, String::new(), UnknownReason::ServerError),
        (599, String::new(), UnknownReason::ServerError),
    ];
    for (status, body, expected) in cases {
        let Outcome::Unknown(unknown) = capture(status, body.clone()) else {
            panic!("{status} {body}")
        };
        assert_eq!(
            (unknown.reason, unknown.http_status),
            (expected, Some(status)),
            "{status} {body}"
        );
    }
}

#[test]
fn case_087_a_510_to_a_capture_is_unknown_whatever_its_words() {
    let exception = r#"{"status_code":510,"status_message":"Execution Exception Occurred","message":"Something Went
        Wrong","is_error":true,"errors":["Something Went Wrong"]}"#;
    let said_so = fixture("captured").replace("\"status_code\": 202", "\"status_code\": 510");
    let refused =
        fixture("runway_exceeded").replace("\"status_code\": 400", "\"status_code\": 510");
    for body in [exception, &said_so, &refused, "<html>", ""] {
        assert_eq!(
            reason(&capture(510, body)),
            Some(UnknownReason::ServerError),
            "{body}"
        );
    }
}

#[test]
fn case_151_a_510_to_a_submit_is_unknown_although_it_says_that_no_link_was_made() {
    let session = fixture("gateway_error").replace(
        "Payment Gateway Error(Submit Payment): Failed to Create Payment Link",
        "Payment Gateway Error: Failed to Create Checkout Session",
    );
    for operation in [Operation::Submit, Operation::CreateSession] {
        for body in [fixture("gateway_error"), session.clone()] {
            let found = reason(&judge::<Submitted>(operation, 510, body));
            assert_eq!(found, Some(UnknownReason::ServerError), "{operation:?}");
        }
    }
}

#[test]
fn an_empty_history_may_be_a_404_but_only_one_that_says_so() {
    for name in ["not_found_data", "not_found_errors"] {
        let rows = judge::<Vec<HistoryRow>>(Operation::History, 404, fixture(name)).accepted();
        assert_eq!(rows, Some(Vec::new()));
    }
    let page = judge::<Vec<HistoryRow>>(Operation::History, 404, "<html>no such route</html>");
    assert_eq!(
        rejection(page).map(|rejection| rejection.class),
        Some(RejectionClass::NotFound)
    );
}

#[test]
fn sentences_are_kept_bounded_and_without_personal_data() {
    let refused = rejection(capture(417, fixture("payload_refused"))).expect("rejected");
    assert_eq!(refused.key, "payloadvalidationerrors");
    assert_eq!(
        refused.sentences[0],
        "The order date does not match the format d M, Y."
    );
    let many: Vec<String> = (0..100)
        .map(|_| "kari@example.no 19635464524 ".repeat(100))
        .collect();
    let body =
        serde_json::json!({"status_code": 417, "message": "m".repeat(9_999), "errors": many})
            .to_string();
    let refused = rejection(capture(417, body)).expect("rejected");
    assert_eq!((refused.sentences.len(), refused.key.len()), (20, 100));
    assert!(
        refused
            .sentences
            .iter()
            .all(|sentence| !sentence.contains("kari") && sentence.chars().count() <= 200)
    );
    let keyed =
        r#"{"status_code":417,"message":"x","errors":{"email":["is wrong"],"name":"is missing"}}"#;
    assert_eq!(
        rejection(capture(417, keyed)).expect("rejected").sentences,
        ["is wrong", "is missing"]
    );
}
