//! Details and history in our words, and what counts as a fault.

use api_client::{Phase, Rejection, TransportFault, UnknownOutcome};
use domain::decide::Planner;
use domain::reservation::Operation;
use domain::{Case, Marker};

use super::*;
use crate::test_env::{self, noon};

fn wire(title: &str, uuid: Option<&str>) -> wire::HistoryRow {
    wire::HistoryRow {
        uuid: uuid.map(str::to_owned),
        title: Some(title.to_owned()),
        datetime: Some(WireTime::from_text("05.01.2026 13:00")),
        sent_to: Some(" kari@example.no".into()),
        action_by: Some("Ola Portal".into()),
        note: None,
        payment_method: Some("Visa".to_owned()),
        is_refundable: Some(false),
        amount: Some(Money::kroner(100)),
    }
}

/// A reservation with one intent, whose marker is the second value.
async fn marked() -> (Reservation, Marker, Merchant) {
    let env = test_env::TestEnv::new().await;
    let id = env.booked("BOOK-1").await;
    let r = env.reservation(&id).await;
    let marker = r.intents[0].marker.clone();
    (
        r,
        marker,
        env.app.merchants[&env.merchant()].merchant.clone(),
    )
}

#[tokio::test]
async fn every_slug_of_the_history_is_an_event() {
    let (r, _, merchant) = marked().await;
    for (title, uuid, expected) in [
        ("payment-link-sent-to-customer", "RES1", Event::LinkSent),
        ("payment-link-opened", "RES1", Event::LinkOpened),
        ("amount-reserved", "RES1", Event::Reserved),
        ("amount-captured-from-reservation", "CAP1", Event::Captured),
        ("amount-charged-from-card", "CHA1", Event::Charged),
        ("refund-sent-from-captured", "RES1", Event::CaptureRefunded),
        ("refund-sent-from-charged", "RES1", Event::ChargeRefunded),
        ("refund-sent", "CAP1", Event::CaptureRefunded),
        ("refund-sent", "CHA1", Event::ChargeRefunded),
        ("refund-sent", "RES1", Event::Other),
        ("reservation-completed", "RES1", Event::Completed),
        ("reservation-cancelled", "RES1", Event::Cancelled),
        ("reservation-expired", "RES1", Event::Expired),
        ("something-new", "RES1", Event::Other),
        ("", "RES1", Event::Other),
    ] {
        let row = history_row(&wire(title, Some(uuid)), &r, &merchant);
        assert_eq!(row.event, expected, "{title} {uuid}");
        assert_eq!(
            (row.uuid.as_deref(), row.amount),
            (Some(uuid), Some(Money::kroner(100))),
            "{title}"
        );
    }
}

#[tokio::test]
async fn a_time_of_the_history_is_the_earliest_that_it_can_mean() {
    let (r, _, mut merchant) = marked().await;
    let hours = |hours| Some(noon() + TimeDelta::hours(hours));
    for (text, zone, expected) in [
        // Noon in winter is 13:00 in Oslo; nobody says that the provider writes Oslo's time, or any other.
        ("05.01.2026 13:00", "Europe/Oslo", hours(-1)),
        ("05.01.2026 12:00", "UTC", hours(-2)),
        ("05.01.2026 18:00", "Asia/Tokyo", hours(-3)),
        ("1767614400", "Europe/Oslo", hours(0)),
        ("yesterday", "Europe/Oslo", None),
    ] {
        merchant.zone = zone.parse().expect("a zone");
        let row = wire::HistoryRow {
            datetime: Some(WireTime::from_text(text)),
            ..wire("x", None)
        };
        let decoded = history_row(&row, &r, &merchant);
        assert_eq!(decoded.at, expected, "{text} {zone}");
        assert!(decoded.until >= decoded.at, "{text} {zone}");
    }
    let row = wire::HistoryRow {
        datetime: None,
        ..wire("x", None)
    };
    assert_eq!(history_row(&row, &r, &merchant).at, None);
}

#[tokio::test]
async fn a_hold_whose_time_has_no_zone_counts_from_the_earliest_instant() {
    let (_, _, merchant) = marked().await;
    for (text, expected) in [
        ("05.01.2026 13:00", "2026-01-05T11:00:00Z"),
        ("05.07.2026 13:00", "2026-07-05T11:00:00Z"),
        // The clock goes from two to three on this day, and back on the other.
        ("29.03.2026 02:30", "2026-03-29T00:30:00Z"),
        ("25.10.2026 02:30", "2026-10-25T00:30:00Z"),
        ("1767614400", "2026-01-05T12:00:00Z"),
    ] {
        let details = serde_json::json!({
            "reservationUuid": "RES1", "status": "RESERVED", "paymentDetails": {"reservedAt": text},
        });
        let details: wire::Details = serde_json::from_value(details).expect("details");
        let expected: DateTime<Utc> = expected.parse().expect("a time");
        assert_eq!(
            snapshot(&details, &merchant).reserved_at,
            Some(expected),
            "{text}"
        );
    }
}

#[tokio::test]
async fn of_the_texts_of_a_row_only_a_note_with_our_marker_is_kept() {
    let (r, marker, merchant) = marked().await;
    let ours = marker.of_attempt(1).to_string();
    let stranger = Planner {
        entropy: &domain::SystemEntropy,
        marker_key: b"another",
    };
    let other = stranger
        .intent(
            Case::new(&r, &merchant, noon()),
            Operation::Submit,
            None,
            "test",
        )
        .marker;
    let long = format!("{ours} {}", "x".repeat(1_000));
    for (note, kept) in [
        (ours.as_str(), Some(ours.clone())),
        (
            &format!("{ours} Too late"),
            Some(format!("{ours} Too late")),
        ),
        (&long, Some(long.chars().take(MAX_NOTE).collect())),
        (other.of_attempt(1).as_str(), None),
        ("Kari called 46567468", None),
        ("CAP1", None),
    ] {
        let row = wire::HistoryRow {
            note: Some(note.to_owned()),
            ..wire("reservation-cancelled", None)
        };
        assert_eq!(history_row(&row, &r, &merchant).note, kept, "{note}");
    }
    let row = history_row(
        &wire("payment-link-sent-to-customer", Some(&"9".repeat(100))),
        &r,
        &merchant,
    );
    assert_eq!(row.uuid.map(|uuid| uuid.len()), Some(MAX_UUID));
    let text =
        serde_json::to_string(&history_row(&wire("x", Some("RES1")), &r, &merchant)).expect("JSON");
    for personal in ["kari", "Ola", "Visa"] {
        assert!(!text.contains(personal), "{text}");
    }
}

#[test]
fn a_fault_is_what_fails_on_the_way_or_by_the_provider() {
    let unsent = |kind| Outcome::Unsent(TransportFault::new(Phase::BeforeSend, kind));
    let unknown = |reason| {
        Outcome::Unknown(UnknownOutcome {
            reason,
            http_status: None,
        })
    };
    let rejected = |class| {
        let key = String::new();
        Outcome::Rejected(Rejection {
            class,
            key,
            http_status: 400,
            sentences: Vec::new(),
        })
    };
    for (outcome, expected) in [
        (Outcome::Accepted(()), false),
        (rejected(RejectionClass::Business), false),
        (rejected(RejectionClass::Auth), false),
        (
            rejected(RejectionClass::Throttled { retry_after: None }),
            false,
        ),
        (unsent(FaultKind::Dns), true),
        (unsent(FaultKind::Refused), true),
        (unsent(FaultKind::Tls), true),
        (unsent(FaultKind::ConnectTimeout), true),
        (unsent(FaultKind::NotSent), false),
        (unsent(FaultKind::InvalidRequest(Vec::new())), false),
        (unknown(UnknownReason::ServerError), true),
        (unknown(UnknownReason::Timeout), true),
        (unknown(UnknownReason::Reset), true),
        (unknown(UnknownReason::Protocol), true),
        (unknown(UnknownReason::Redirect), true),
        (unknown(UnknownReason::Html), true),
        (unknown(UnknownReason::Truncated), true),
        (unknown(UnknownReason::Contradicting), true),
        (unknown(UnknownReason::Empty), true),
        (unknown(UnknownReason::Malformed), true),
        (unknown(UnknownReason::BodyTooLarge), true),
        (unknown(UnknownReason::UnknownBusinessMessage), false),
        (unknown(UnknownReason::UnexpectedMessage), false),
        (unknown(UnknownReason::UnexpectedStatus), false),
        (unknown(UnknownReason::MissingReference), false),
    ] {
        assert_eq!(is_fault(&outcome), expected, "{outcome:?}");
    }
}

fn details(is_paid: &str, status: &str) -> wire::Details {
    let text = format!(
        r#"{{"reservationUuid": "RES1", "status": "{status}", "isPaid": {is_paid}, "grandTotal": 1000,
            "productList": [{{"id": 7, "name": "Cabin", "amount": 1000, "captured": 400}}],
            "paymentDetails": {{"reservedAt": 1756871400, "reservedAmount": 1000, "capturedAmount": 400}},
            "paymentHistory": {{"captured": [{{"at": 1756880000, "amount": 400, "reference": "CAP1"}}]}}}}"#
    );
    serde_json::from_str(&text).expect("details")
}

#[test]
fn case_159_is_paid_tells_nothing_of_money() {
    let merchant = Merchant::new("default".parse().expect("a merchant"));
    let decoded = snapshot(&details("true", "CAPTURED"), &merchant);
    assert_eq!(
        (decoded.captured, decoded.captures.len()),
        (Money::kroner(400), 1)
    );
    for is_paid in ["false", "null", "\"1\"", "0"] {
        assert_eq!(
            snapshot(&details(is_paid, "CAPTURED"), &merchant),
            decoded,
            "{is_paid}"
        );
    }
    let held = snapshot(&details("false", "RESERVED"), &merchant);
    assert_eq!(
        (held.captured, held.status),
        (decoded.captured, decoded.status),
        "nor does the word for held"
    );
}

#[test]
fn a_row_whose_name_can_be_none_has_no_name() {
    let merchant = Merchant::new("default".parse().expect("a merchant"));
    let long = "9".repeat(200);
    for (written, read) in [
        ("CAP1", Some("CAP1")),
        ("", None),
        (" ", None),
        ("CAP\n1", None),
        (&long, None),
    ] {
        let mut details = details("true", "CAPTURED");
        let history = details.payment_history.as_mut().expect("a history");
        history.captured[0].reference = Some(written.to_owned());
        let row = snapshot(&details, &merchant).captures.remove(0);
        assert_eq!(row.reference, read.map(testkit::named), "{written:?}");
    }
}
