//! Requests that ask for too much are answered with what they asked for, what is left, and what is unknown.

use domain::reservation::{
    CaptureRequest, Operation, RefundRequest, RefundSource, Refusal, RequestLine, ReviewReason,
};
use domain::{Fact, IntentFact, Money};
use testkit::named;

use crate::booking::{Booking, capture, kr, on, refund};

/// The field and the sentence of the only fault, or the code and the sentence of a state.
fn refusal(result: Result<Operation, Refusal>) -> (String, String) {
    match result.expect_err("a refusal") {
        Refusal::Fields(faults) => {
            assert_eq!(faults.len(), 1, "{faults:?}");
            (faults[0].field.clone(), faults[0].message.clone())
        }
        Refusal::State { code, message } => (code.to_string(), message),
    }
}

fn capture_of(
    booking: &Booking,
    lines: Option<&[(u32, u32)]>,
    kroner: Option<u32>,
) -> (String, String) {
    let request = CaptureRequest {
        lines: lines.map(asked),
        amount: kroner.map(kr),
        note: None,
    };
    refusal(booking.r.capture(&request, &booking.merchant, booking.now))
}

fn refund_of(
    booking: &Booking,
    lines: Option<&[(u32, u32)]>,
    kroner: Option<u32>,
) -> (String, String) {
    let (source, reference) = (RefundSource::Captured, Some("CAP1".into()));
    refusal(booking.r.refund(&RefundRequest {
        source,
        reference,
        lines: lines.map(asked),
        amount: kroner.map(kr),
    }))
}

fn asked(lines: &[(u32, u32)]) -> Vec<RequestLine> {
    lines
        .iter()
        .map(|(line, kroner)| RequestLine {
            line: *line,
            amount: kr(*kroner),
        })
        .collect()
}

fn is(refusal: &(String, String), field: &str, message: &str) {
    assert_eq!((refusal.0.as_str(), refusal.1.as_str()), (field, message));
}

#[test]
fn a_capture_over_the_head_room_is_told_what_is_left_and_what_is_unknown() {
    let mut booking = Booking::new(&[200, 300]).held();
    is(
        &capture_of(&booking, None, Some(501)),
        "amount",
        "asks for 501.00, and 500.00 can still be captured",
    );
    let lost = booking.lost(capture(&[on(1, 150)]));
    let left = "350.00 can still be captured; 150.00 is unknown and counts as captured";
    is(
        &capture_of(&booking, None, Some(400)),
        "amount",
        &format!("asks for 400.00, and {left}"),
    );
    let line = "asks for 51.00 of line 1, and 50.00 can still be captured; 150.00 is unknown and counts as captured";
    is(&capture_of(&booking, Some(&[(1, 51)]), None), "lines", line);
    let other = "asks for 301.00 of line 2, and 300.00 can still be captured";
    is(
        &capture_of(&booking, Some(&[(2, 301)]), None),
        "lines",
        other,
    );
    booking.plan(capture(&[on(1, 50), on(2, 300)]));
    let message = "nothing is left to capture: 0.00 can still be captured; 150.00 is unknown and counts as \
                   captured; 350.00 is under way and counts as captured";
    is(
        &capture_of(&booking, None, None),
        "nothing_capturable",
        message,
    );
    let at = booking.now;
    booking.fold(&[Fact::Intent(
        lost,
        IntentFact::Escalated {
            reason: ReviewReason::CaptureUnknown,
            at,
        },
    )]);
    is(
        &capture_of(&booking, None, None),
        "nothing_capturable",
        message,
    );
}

#[test]
fn a_refund_over_the_head_room_is_told_what_is_left_and_what_is_unknown() {
    let mut booking = Booking::new(&[200, 300]).held();
    booking.capture(&[on(1, 200), on(2, 100)], "CAP1");
    is(
        &refund_of(&booking, None, Some(301)),
        "amount",
        "asks for 301.00, and 300.00 can still be refunded",
    );
    booking.lost(refund("CAP1", &[on(1, 120)]));
    let left = "180.00 can still be refunded; 120.00 is unknown and counts as refunded";
    is(
        &refund_of(&booking, None, Some(181)),
        "amount",
        &format!("asks for 181.00, and {left}"),
    );
    let line = "asks for 81.00 of line 1, and 80.00 can still be refunded; 120.00 is unknown and counts as refunded";
    is(&refund_of(&booking, Some(&[(1, 81)]), None), "lines", line);
    booking.plan(refund("CAP1", &[on(1, 80), on(2, 100)]));
    let message = "nothing is left to refund of this row: 0.00 can still be refunded; 120.00 is unknown and counts \
                   as refunded; 180.00 is under way and counts as refunded";
    is(
        &refund_of(&booking, None, None),
        "nothing_refundable",
        message,
    );
}

#[test]
fn what_a_refund_of_another_row_leaves_unknown_is_not_counted() {
    let mut booking = Booking::new(&[200, 300]).held();
    booking.capture(&[on(1, 200)], "CAP1");
    booking.capture(&[on(2, 300)], "CAP2");
    booking.lost(refund("CAP2", &[on(2, 300)]));
    is(
        &refund_of(&booking, None, Some(201)),
        "amount",
        "asks for 201.00, and 200.00 can still be refunded",
    );
    assert_eq!(booking.r.refundable(&named("CAP2")), Money::ZERO);
}
