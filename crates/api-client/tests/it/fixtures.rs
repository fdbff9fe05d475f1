//! The provider's own examples, repaired where they are not JSON, are read and written.

use api_client::Operation;
use api_client::wire::{
    Capture, CaptureAccepted, Charge, ChargeAccepted, CreateSession, Details, HistoryRow, Note,
    OrderDetails, OrderStatus, OrderSubmitted, ProviderStatus, Refund, Resend, SubmitOrder,
    SubmitReservation, Submitted,
};
use domain::Money;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{fixture, judge};

/// Reads a request, writes it, reads it again.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    name: &str,
) -> (T, Value) {
    let read: T = serde_json::from_str(&fixture(name)).expect(name);
    let written = serde_json::to_value(&read).expect(name);
    assert_eq!(
        serde_json::from_value::<T>(written.clone()).expect(name),
        read,
        "{name}"
    );
    (read, written)
}

fn amount(text: &str) -> Money {
    text.parse().expect(text)
}

#[test]
fn every_request_of_the_pages_is_read_written_and_valid() {
    let taxes = [0, 12, 15, 25];
    let (submit, written) = round_trip::<SubmitReservation>("submit");
    assert_eq!(submit.validate(&taxes), Ok(()));
    assert_eq!(
        written["products"],
        json!({"0": {"name": "Test", "rate": 1, "tax": 0, "amount": 1}})
    );
    let (session, written) = round_trip::<CreateSession>("create_session");
    assert_eq!(session.validate(&taxes), Ok(()));
    assert_eq!(written["submitPayment"], json!({"via": "visa"}));
    let (capture, written) = round_trip::<Capture>("capture");
    assert_eq!(capture.validate(), Ok(()));
    assert_eq!(written["products"]["1"], json!({"id": 299, "amount": 50}));
    let (charge, _) = round_trip::<Charge>("charge");
    assert_eq!(charge.validate(&taxes), Ok(()));
    let (note, _) = round_trip::<Note>("note");
    assert_eq!(note.validate(), Ok(()));
    let (resend, _) = round_trip::<Resend>("resend");
    assert_eq!(resend.validate(), Ok(()));
    let (refund, written) = round_trip::<Refund>("refund");
    assert_eq!(refund.validate(), Ok(()));
    assert_eq!(written["products"], json!([{"id": 510, "amount": 15}]));
    let (order, written) = round_trip::<SubmitOrder>("submit_order");
    assert_eq!(order.validate(&taxes), Ok(()));
    assert_eq!(
        written["orderSummary"]["shippingCost"],
        json!(0),
        "required by the validator"
    );
    assert!(written["products"].is_array());
}

#[test]
fn every_success_of_the_pages_is_accepted() {
    let submitted = judge::<Submitted>(Operation::Submit, 201, fixture("submitted"))
        .accepted()
        .expect("accepted");
    assert_eq!(submitted.reservation_uuid, "RES1943140879");
    let session = judge::<Submitted>(Operation::CreateSession, 201, fixture("session_created"));
    let url = session
        .accepted()
        .and_then(|session| session.url)
        .expect("url");
    assert!(url.starts_with("https://v1.checkout.bambora.com/"));
    let captured = judge::<CaptureAccepted>(Operation::Capture, 202, fixture("captured"));
    assert_eq!(
        captured.accepted().and_then(|done| done.uuid).as_deref(),
        Some("CAP1234567890")
    );
    let charged = judge::<ChargeAccepted>(Operation::Charge, 202, fixture("charged"));
    assert_eq!(
        charged.accepted().and_then(|done| done.uuid).as_deref(),
        Some("CHA12345678")
    );
    for (operation, name) in [
        (Operation::Cancel, "cancelled"),
        (Operation::Complete, "completed"),
        (Operation::Resend, "resent"),
        (Operation::Refund, "refunded"),
    ] {
        assert_eq!(
            judge::<()>(operation, 202, fixture(name)).word(),
            "accepted",
            "{name}"
        );
    }
    let order = judge::<OrderSubmitted>(Operation::SubmitOrder, 202, fixture("order_submitted"));
    assert_eq!(
        order.accepted().map(|order| order.order_uuid).as_deref(),
        Some("ODR123456789")
    );
    let status = judge::<OrderStatus>(Operation::OrderStatus, 200, fixture("order_status"))
        .accepted()
        .expect("status");
    assert_eq!(status.status, ProviderStatus::PartialRefunded);
    assert_eq!(status.refunded_amount, Some(amount("100.50")));
}

#[test]
fn an_order_s_details_tell_when_it_is_due_and_what_it_is_for() {
    let order = judge::<OrderDetails>(Operation::OrderDetails, 200, fixture("order_details"))
        .accepted()
        .expect("details");
    let due = order.payment_link_due_date.and_then(|due| due.at());
    assert_eq!(due.map(|due| due.timestamp()), Some(1_757_476_095));
    let total = order.order_summary.and_then(|sums| sums.grand_total);
    assert_eq!(total, Some(amount("450")));
    let line = &order.product_list[0];
    assert_eq!(
        (line.name.as_deref(), line.amount),
        (Some("Deposit"), Some(amount("450")))
    );
    assert_eq!(order.payment_link, None, "the newer pages leave it out");
}

#[test]
fn details_are_read_whole() {
    let details = judge::<Details>(Operation::Details, 200, fixture("details"))
        .accepted()
        .expect("details");
    assert_eq!(details.status, ProviderStatus::Captured);
    assert_eq!(details.grand_total, Some(amount("1000")));
    assert_eq!(details.product_list[0].captured, Some(amount("400.50")));
    assert_eq!(details.product_list[0].quantity, Some(1));
    let payment = details.payment_details.clone().expect("payment");
    assert_eq!(payment.captured_amount, Some(amount("400.50")));
    assert_eq!(
        payment.amount_refunded.and_then(|sums| sums.from_captured),
        Some(amount("100"))
    );
    let history = details.payment_history.clone().expect("history");
    assert_eq!(
        history.captured[0].reference.as_deref(),
        Some("CAP1234567890")
    );
    assert!(
        history.captured[0]
            .additional_text
            .as_deref()
            .is_some_and(|text| text.starts_with("R1 7QK2M9XDPA 01"))
    );
    assert!(
        history.charged[0]
            .at
            .as_ref()
            .is_some_and(|at| at.civil().is_some())
    );
    assert_eq!(history.refunded[0].is_partial, Some(true));
    let written = serde_json::to_value(&details).expect("JSON");
    assert_eq!(Details::deserialize(written).expect("details"), details);
}

#[test]
fn details_of_the_oldest_revision_are_read_as_well() {
    let details = judge::<Details>(Operation::Details, 200, fixture("details_oldest"))
        .accepted()
        .expect("details");
    assert_eq!(
        (details.status, details.is_paid),
        (ProviderStatus::Reserved, Some(true))
    );
    assert_eq!(
        (details.product_list[0].id, details.product_list[0].captured),
        (298, None)
    );
    assert_eq!(
        details
            .payment_link_due_date
            .as_ref()
            .map(|due| (due.raw(), due.at())),
        Some(("soon", None))
    );
    assert!(
        details
            .payment_history
            .is_some_and(|history| history.refunded.is_empty())
    );
}

#[test]
fn history_rows_are_read_with_their_oddities() {
    let rows = judge::<Vec<HistoryRow>>(Operation::History, 200, fixture("history"))
        .accepted()
        .expect("rows");
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0].sent_to.as_deref(), Some(" kari@example.no"));
    assert_eq!(rows[2].uuid.as_deref(), Some("CAP1234567890"));
    assert_eq!(
        rows[4].amount,
        Some(amount("200")),
        "the first revision says refundAmount"
    );
    let at = rows[3]
        .datetime
        .as_ref()
        .and_then(|time| time.at())
        .map(|at| at.to_rfc3339());
    assert_eq!(at.as_deref(), Some("2024-01-21T04:00:00+00:00"));
}

#[test]
fn nothing_personal_is_debugged() {
    let submit: SubmitReservation = serde_json::from_str(&fixture("submit")).expect("request");
    let details = judge::<Details>(Operation::Details, 200, fixture("details"));
    let rows = judge::<Vec<HistoryRow>>(Operation::History, 200, fixture("history"));
    let shown = format!("{submit:?} {details:?} {rows:?}");
    for secret in [
        "46567468",
        "kari@",
        "Kari",
        "01010112345",
        "Luramyrveien",
        "51000000",
        "post@",
        "Ola",
    ] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

proptest! {
    #[test]
    fn an_amount_is_written_exactly_and_read_back(minor in 0_i64..=100_000_000_000) {
        #[derive(Serialize, Deserialize)]
        struct Line {
            #[serde(with = "api_client::wire::amount")]
            amount: Money,
        }
        let amount = Money::from_minor(minor).expect("in bounds");
        let text = serde_json::to_string(&Line { amount }).expect("JSON");
        let number = text.trim_start_matches("{\"amount\":").trim_end_matches('}');
        prop_assert_eq!(number.parse::<Money>(), Ok(amount), "{}", text);
        prop_assert_eq!(serde_json::from_str::<Line>(&text).expect("line").amount, amount);
        let quoted = format!("{{\"amount\":\"{amount}\"}}");
        prop_assert_eq!(serde_json::from_str::<Line>(&quoted).expect("line").amount, amount);
    }
}
