//! Cases about amounts: what may be asked for, and what a delivery leads to.

use domain::capabilities::MultiCapture;
use domain::decide::Step;
use domain::late_delivery::late_delivery;
use domain::reservation::{
    CaptureRequest, ChargeRequest, Contact, DeliveryRequest, NewLine, Origin, RefundRequest,
    RefundSource, RequestLine,
};
use domain::{
    Fact, IntentFact, JobKind, Merchant, Money, ProviderFact, ReservationId, SeededEntropy,
};
use testkit::named;

use crate::booking::{
    Booking, cancel, capture, charge, complete, delivered, faults, hours, kr, merchant, minutes,
    monday, new_line, new_reservation, on, refund,
};

fn multi(multi_capture: MultiCapture) -> Merchant {
    Merchant {
        multi_capture,
        ..merchant()
    }
}

fn asked(line: u32, kroner: u32) -> RequestLine {
    RequestLine {
        line,
        amount: kr(kroner),
    }
}

fn deliver(booking: &mut Booking, event: &str, lines: Option<Vec<RequestLine>>) -> Vec<String> {
    let request = DeliveryRequest {
        event_id: event.into(),
        delivered_at: None,
        lines,
        complete: None,
    };
    let fact = booking
        .r
        .deliver(&request, booking.now)
        .expect("a delivery")
        .expect("a new one");
    let late = late_delivery(booking.case());
    booking.fold(&std::iter::once(fact).chain(late).collect::<Vec<_>>());
    booking
        .keys()
        .into_iter()
        .filter(|key| key.starts_with("capture"))
        .collect()
}

/// Builds with one line changed, and hands back the fields that are refused.
fn submit_faults(change: impl Fn(&mut NewLine)) -> Vec<String> {
    let mut new = new_reservation(&[1000]);
    change(&mut new.lines[0]);
    let id = ReservationId::new(monday(), &SeededEntropy::new(1));
    match new.build(id, &merchant(), monday()) {
        Ok(_) => vec![],
        refused => faults(refused.map(drop)),
    }
}

#[test]
fn case_015_lines_sum_in_whole_oere() {
    let mut new = new_reservation(&[]);
    let amount = |text: &str| text.parse::<Money>().expect("an amount");
    new.lines = vec![
        new_line("Cabin", amount("4017.86")),
        new_line("Tax", amount("482.14")),
    ];
    let id = ReservationId::new(monday(), &SeededEntropy::new(1));
    let r = new.build(id, &merchant(), monday()).expect("a reservation");
    assert_eq!(r.total(), kr(4500));
}

#[test]
fn case_016_a_tax_that_the_merchant_does_not_use_is_refused() {
    for (percent, fine) in [
        (0, true),
        (12, true),
        (15, true),
        (25, true),
        (11, false),
        (100, false),
    ] {
        let shown = submit_faults(|line| line.tax_percent = percent);
        assert_eq!(shown.is_empty(), fine, "{percent}: {shown:?}");
    }
    assert_eq!(
        submit_faults(|line| line.tax_percent = 24),
        ["lines[0].tax_percent"]
    );
    assert_eq!(submit_faults(|line| line.amount = Money::ZERO), ["lines"]);
    assert_eq!(
        submit_faults(|line| line.product_id = Some("x".repeat(26))),
        ["lines[0].product_id"]
    );
}

#[test]
fn case_038_what_is_delivered_before_the_payment_is_captured_after_it() {
    let mut early = Booking::new(&[1000]).awaiting();
    assert_eq!(deliver(&mut early, "D-1", None), Vec::<String>::new());
    let paid_at = early.now + hours(1);
    early.fold(&[Fact::Provider(ProviderFact::HoldPlaced {
        at: paid_at,
        amount: kr(1000),
    })]);
    assert_eq!(
        early.job("capture:auto:1").map(|job| job.run_at),
        Some(paid_at)
    );
}

#[test]
fn case_040_where_several_captures_are_proven_each_delivery_is_captured() {
    let policy = r#"{"capture":{"on_delivery":"each_delivery"}}"#;
    let mut booking = Booking::with(multi(MultiCapture::Proven), &[200, 300], policy).held();
    assert_eq!(
        deliver(&mut booking, "D-1", Some(vec![asked(1, 200)])),
        ["capture:auto:1"]
    );
    booking.run(JobKind::Capture, "capture:auto:1");
    assert_eq!(booking.last_intent().operation, capture(&[on(1, 200)]));
    let first = booking.last_intent().id.clone();
    booking.send(&first);
    let reference = Some(named("CAP1"));
    booking.answer(
        &first,
        &domain::outcome::Outcome::Accepted {
            reference,
            link: None,
        },
    );
    assert_eq!(
        deliver(&mut booking, "D-2", Some(vec![asked(2, 300)])),
        ["capture:auto:2"]
    );
    booking.run(JobKind::Capture, "capture:auto:2");
    assert_eq!(booking.last_intent().operation, capture(&[on(2, 300)]));
}

#[test]
fn case_041_where_they_are_not_one_capture_takes_the_delivered_sum() {
    for known in [MultiCapture::Single, MultiCapture::Unknown] {
        let mut booking = Booking::with(multi(known), &[200, 300], "{}").held();
        assert_eq!(
            deliver(&mut booking, "D-1", Some(vec![asked(1, 200)])),
            Vec::<String>::new()
        );
        booking.now += hours(5 * 24);
        booking.run(JobKind::Deadline, "deadline:act");
        assert_eq!(
            booking.last_intent().operation,
            capture(&[on(1, 200)]),
            "at the latest before the deadline"
        );
        let id = booking.last_intent().id.clone();
        booking.send(&id);
        let reference = Some(named("CAP1"));
        booking.answer(
            &id,
            &domain::outcome::Outcome::Accepted {
                reference,
                link: None,
            },
        );
        assert_eq!(
            deliver(&mut booking, "D-2", None),
            Vec::<String>::new(),
            "the rest is released knowingly"
        );
        assert!(booking.job("complete:auto").is_some());
    }
}

#[test]
fn case_043_no_more_is_captured_than_was_reserved() {
    let mut booking = Booking::new(&[200, 300]).held();
    deliver(
        &mut booking,
        "D-1",
        Some(vec![asked(1, 900), asked(2, 300)]),
    );
    booking.run(JobKind::Capture, "capture:auto:1");
    assert_eq!(
        booking.last_intent().operation,
        capture(&[on(1, 200), on(2, 300)])
    );
}

#[test]
fn case_044_a_capture_above_its_line_is_refused_though_the_sum_would_fit() {
    let booking = Booking::new(&[200, 300]).held();
    let capture_of = |lines: Vec<RequestLine>| {
        let request = CaptureRequest {
            lines: Some(lines),
            ..CaptureRequest::default()
        };
        booking.r.capture(&request, &booking.merchant, booking.now)
    };
    assert_eq!(faults(capture_of(vec![asked(1, 250)])), ["lines"]);
    assert_eq!(
        faults(capture_of(vec![asked(1, 150), asked(1, 51)])),
        ["lines"],
        "nor in two parts"
    );
    assert_eq!(
        faults(capture_of(vec![asked(1, 1), asked(3, 1)])),
        ["lines[1].line"]
    );
    assert_eq!(
        faults(capture_of(vec![asked(1, 0)])),
        ["nothing_capturable"]
    );
    let parts = capture_of(vec![asked(2, 100), asked(1, 150), asked(2, 50)]).expect("a capture");
    assert_eq!(
        parts,
        capture(&[on(1, 150), on(2, 150)]),
        "one part per line"
    );
}

#[test]
fn a_capture_is_asked_for_by_line_by_amount_or_whole() {
    let booking = Booking::new(&[200, 300]).held();
    let capture_of =
        |request: CaptureRequest| booking.r.capture(&request, &booking.merchant, booking.now);
    let whole = capture_of(CaptureRequest::default()).expect("a capture");
    assert_eq!(whole, capture(&[on(1, 200), on(2, 300)]));
    let of = |kroner| CaptureRequest {
        amount: Some(kr(kroner)),
        ..CaptureRequest::default()
    };
    assert_eq!(
        capture_of(of(250)).expect("a capture"),
        capture(&[on(1, 200), on(2, 50)])
    );
    assert_eq!(faults(capture_of(of(501))), ["amount"]);
    let both = CaptureRequest {
        lines: Some(vec![asked(1, 1)]),
        ..of(1)
    };
    assert_eq!(faults(capture_of(both)), ["amount"]);
    let note = CaptureRequest {
        note: Some("a\nb".into()),
        ..CaptureRequest::default()
    };
    assert_eq!(faults(capture_of(note)), ["note"]);
}

#[test]
fn each_state_refuses_what_it_cannot_do_by_a_stable_code() {
    type Ask = fn(&Booking) -> Vec<String>;
    let asks: [(&str, Ask); 6] = [
        ("capture", |b| {
            faults(b.r.capture(&CaptureRequest::default(), &b.merchant, b.now))
        }),
        ("charge", |b| {
            let lines = vec![new_line("Minibar", kr(1))];
            faults(b.r.charge(&ChargeRequest { lines, note: None }, &b.merchant, b.now))
        }),
        ("refund", |b| {
            let (source, reference, lines, amount) = (RefundSource::Captured, None, None, None);
            faults(b.r.refund(&RefundRequest {
                source,
                reference,
                lines,
                amount,
            }))
        }),
        ("cancel", |b| faults(b.r.cancel("Not needed"))),
        ("complete", |b| faults(b.r.complete("Done"))),
        ("resend", |b| faults(b.r.resend(&Contact::default()))),
    ];
    let closed = |how| {
        let mut booking = Booking::new(&[1000]).captured(1000);
        booking.fold(&[Fact::Provider(ProviderFact::Closed {
            how,
            at: monday(),
            origin: Origin::External,
        })]);
        booking
    };
    let late = Booking::new(&[1000]).held().later(hours(91 * 24));
    let rows: [(Booking, &[(&str, &str)]); 6] = [
        (
            Booking::new(&[1000]),
            &[
                ("capture", "not_held"),
                ("charge", "no_card"),
                ("resend", "no_open_link"),
            ],
        ),
        (
            Booking::new(&[1000]).awaiting(),
            &[
                ("capture", "not_held"),
                ("refund", "nothing_refundable"),
                ("complete", "no_money_taken"),
            ],
        ),
        (
            Booking::new(&[1000]).captured(1000),
            &[("cancel", "money_taken"), ("resend", "no_open_link")],
        ),
        (
            closed(domain::reservation::Closing::Completed),
            &[
                ("capture", "closed"),
                ("cancel", "closed"),
                ("complete", "closed"),
            ],
        ),
        (
            closed(domain::reservation::Closing::Cancelled),
            &[("charge", "closed"), ("complete", "closed")],
        ),
        (
            late,
            &[
                ("capture", "capture_window_closed"),
                ("charge", "charge_window_closed"),
            ],
        ),
    ];
    for (booking, refusals) in rows {
        for (what, code) in refusals {
            let (_, ask) = asks
                .iter()
                .find(|(name, _)| name == what)
                .expect("a request");
            assert_eq!(ask(&booking), [*code], "{what} when {}", booking.r.status());
        }
    }
}

#[test]
fn case_046_a_delivery_after_a_cancel_goes_to_a_person() {
    let mut booking = Booking::new(&[1000]).held();
    booking.accepted(cancel(), None);
    assert_eq!(deliver(&mut booking, "D-1", None), Vec::<String>::new());
    assert_eq!(booking.reviews(), ["late_delivery"]);
}

/// Delivers everything at `delivered_at`, a day after a window of seven days.
fn delivered_after_the_window(policy: &str, expired: bool, backdated: bool) -> Vec<&'static str> {
    let mut booking = Booking::with(merchant(), &[1000], policy)
        .held()
        .later(hours(8 * 24));
    if expired {
        booking.fold(&[Fact::Provider(ProviderFact::HoldLapsed { at: booking.now })]);
    }
    let delivered_at = backdated.then(|| booking.now - hours(3 * 24));
    let request = DeliveryRequest {
        event_id: "D-1".into(),
        delivered_at,
        lines: None,
        complete: None,
    };
    let fact = booking
        .r
        .deliver(&request, booking.now)
        .expect("a delivery")
        .expect("a new one");
    let late = late_delivery(booking.case());
    booking.fold(&std::iter::once(fact).chain(late).collect::<Vec<_>>());
    for job in booking
        .jobs()
        .into_iter()
        .filter(|job| job.kind == JobKind::Capture)
    {
        booking.run(job.kind, &job.key);
    }
    assert!(
        booking.r.open_intents().next().is_none(),
        "nothing is captured"
    );
    booking.reviews()
}

#[test]
fn case_047_a_delivery_after_the_hold_has_expired_goes_to_a_person_unless_the_policy_says_nothing()
{
    assert_eq!(
        delivered_after_the_window("{}", true, false),
        ["late_delivery"]
    );
    let nothing = r#"{"capture":{"late":"nothing"}}"#;
    assert_eq!(
        delivered_after_the_window(nothing, true, false),
        Vec::<&str>::new()
    );
}

#[test]
fn case_049_a_backdated_delivery_after_the_window_is_treated_like_any_late_one() {
    for backdated in [false, true] {
        let shown = delivered_after_the_window("{}", false, backdated);
        assert!(shown.contains(&"late_delivery"), "{backdated}: {shown:?}");
        let shown =
            delivered_after_the_window(r#"{"capture":{"late":"nothing"}}"#, false, backdated);
        assert!(!shown.contains(&"late_delivery"), "{backdated}: {shown:?}");
    }
}

#[test]
fn a_late_delivery_of_what_was_taken_long_ago_asks_nobody() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    booking.accepted(complete(), None);
    deliver(&mut booking, "D-1", None);
    assert_eq!(booking.reviews(), Vec::<&str>::new());
}

#[test]
fn case_048_a_delivery_in_the_future_is_captured_at_its_time_and_announced_a_day_ahead_at_most() {
    let mut booking = Booking::new(&[1000]).held();
    let at = |ahead| DeliveryRequest {
        event_id: "D-1".into(),
        delivered_at: Some(booking.now + ahead),
        lines: None,
        complete: None,
    };
    assert_eq!(
        faults(booking.r.deliver(&at(hours(24) + minutes(1)), booking.now)),
        ["delivered_at"]
    );
    let fact = booking
        .r
        .deliver(&at(hours(24)), booking.now)
        .expect("a delivery")
        .expect("a fact");
    booking.fold(&[fact]);
    assert_eq!(
        booking.job("capture:auto:1").map(|job| job.run_at),
        Some(booking.now + hours(24))
    );
}

#[test]
fn case_050_a_delivery_of_nothing_is_counted_and_captures_nothing() {
    let mut booking = Booking::new(&[1000]).held();
    let request = DeliveryRequest {
        event_id: "D-1".into(),
        delivered_at: None,
        lines: Some(vec![asked(1, 0)]),
        complete: Some(true),
    };
    let fact = booking
        .r
        .deliver(&request, booking.now)
        .expect("a delivery")
        .expect("a fact");
    booking.fold(&[fact]);
    assert!(booking.r.delivery.complete && booking.job("capture:auto:1").is_none());
    assert_eq!(
        booking.r.deliver(&request, booking.now),
        Ok(None),
        "a repeated event changes nothing"
    );
}

#[test]
fn a_delivery_becomes_complete_by_itself_and_stays_so() {
    let mut booking = Booking::new(&[200, 300]).held();
    deliver(&mut booking, "D-2", Some(vec![asked(2, 300)]));
    assert!(!booking.r.delivery.complete);
    deliver(&mut booking, "D-1", Some(vec![asked(1, 200)]));
    assert!(booking.r.delivery.complete);
    let mut early = Booking::new(&[200, 300]).held();
    early.fold(&[delivered("D-9", early.now, &[on(1, 200)], true)]);
    deliver(&mut early, "D-3", Some(vec![asked(2, 100)]));
    assert!(
        early.r.delivery.complete,
        "an earlier part that arrives later does not reopen it"
    );
}

#[test]
fn case_054_only_kroner_and_oere() {
    for text in ["1.001", "NaN", "-1", "1e3", "1,00", "USD 1"] {
        assert!(text.parse::<Money>().is_err(), "{text}");
        let line = format!(r#"{{"name":"x","rate":"1.00","tax_percent":0,"amount":"{text}"}}"#);
        assert!(serde_json::from_str::<NewLine>(&line).is_err(), "{text}");
    }
}

fn refund_of(
    booking: &Booking,
    lines: Option<Vec<RequestLine>>,
    amount: Option<Money>,
) -> Vec<String> {
    let request = RefundRequest {
        source: RefundSource::Captured,
        reference: Some("CAP1".into()),
        lines,
        amount,
    };
    match booking.r.refund(&request) {
        Ok(operation) => vec![operation.amount().to_string()],
        refused => faults(refused),
    }
}

#[test]
fn case_115_no_more_is_refunded_of_a_line_than_was_captured_on_it() {
    let mut booking = Booking::new(&[200, 300]).held();
    booking.capture(&[on(1, 200), on(2, 100)], "CAP1");
    assert_eq!(
        refund_of(&booking, Some(vec![asked(2, 101)]), None),
        ["lines"]
    );
    assert_eq!(
        refund_of(&booking, Some(vec![asked(2, 60), asked(2, 60)]), None),
        ["lines"],
        "nor in two parts"
    );
    assert_eq!(
        refund_of(&booking, Some(vec![asked(2, 100), asked(1, 200)]), None),
        ["300.00"]
    );
    assert_eq!(refund_of(&booking, None, None), ["300.00"]);
    assert_eq!(refund_of(&booking, None, Some(kr(301))), ["amount"]);
    assert_eq!(
        refund_of(&booking, Some(vec![asked(1, 1)]), Some(kr(1))),
        ["amount"]
    );
}

#[test]
fn case_118_a_reference_of_another_reservation_or_kind_is_refused() {
    let booking = Booking::new(&[1000]).captured(1000);
    for (source, reference) in [
        (RefundSource::Captured, "CAP9"),
        (RefundSource::Charged, "CAP1"),
    ] {
        let request = RefundRequest {
            source,
            reference: Some(reference.into()),
            lines: None,
            amount: Some(kr(1)),
        };
        assert_eq!(faults(booking.r.refund(&request)), ["reference"]);
    }
    let mut two = Booking::new(&[1000]).held();
    two.capture(&[on(1, 300)], "CAP1");
    two.capture(&[on(1, 300)], "CAP2");
    let request = RefundRequest {
        source: RefundSource::Captured,
        reference: None,
        lines: None,
        amount: Some(kr(1)),
    };
    assert_eq!(
        faults(two.r.refund(&request)),
        ["reference"],
        "which of the two is not guessed"
    );
}

#[test]
fn a_charge_that_is_refundable_in_full_only_is_refunded_in_full() {
    let mut booking = Booking::new(&[1000]).held();
    booking.r.charge_partially_refundable = false;
    booking.accepted(charge(400), Some("CHA1"));
    let of = |amount| RefundRequest {
        source: RefundSource::Charged,
        reference: None,
        lines: None,
        amount,
    };
    assert_eq!(faults(booking.r.refund(&of(Some(kr(100))))), ["amount"]);
    assert_eq!(
        booking.r.refund(&of(None)),
        Ok(refund("CHA1", &[on(1, 400)]))
    );
}

#[test]
fn case_077_a_second_refund_of_the_same_is_refused_while_the_first_is_open_or_unknown() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let first = booking.plan(refund("CAP1", &[on(1, 1000)]));
    assert_eq!(refund_of(&booking, None, None), ["nothing_refundable"]);
    booking.lose(&first);
    assert_eq!(
        refund_of(&booking, None, Some(kr(1))),
        ["amount"],
        "an unknown one counts as given"
    );
    let id = first.clone();
    booking.fold(&[Fact::Intent(
        id,
        IntentFact::Withdrawn {
            reason: "it did not happen".into(),
        },
    )]);
    assert_eq!(refund_of(&booking, None, None), ["1000.00"]);
}

#[test]
fn case_052_a_merchant_with_one_capture_gets_no_second_one_by_itself() {
    let mut booking = Booking::with(multi(MultiCapture::Single), &[200, 300], "{}").held();
    booking.capture(&[on(1, 200)], "CAP1");
    assert_eq!(deliver(&mut booking, "D-1", None), Vec::<String>::new());
    assert_eq!(
        booking.decide(JobKind::Capture, "capture:auto:1"),
        Step::Done
    );
}

#[test]
fn what_is_delivered_behind_the_only_capture_reaches_a_person_in_time() {
    let mut booking = Booking::new(&[1000]).captured(400);
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 400)], false)]);
    assert_eq!(
        booking
            .keys()
            .iter()
            .filter(|key| key.starts_with("deadline:uncaptured"))
            .count(),
        0,
        "all is captured"
    );
    booking.fold(&[delivered("D-2", booking.now, &[on(1, 600)], true)]);
    let key = "deadline:uncaptured:2";
    assert_eq!(booking.run(JobKind::Deadline, key), Step::Done);
    assert_eq!(
        (booking.reviews(), booking.job(key)),
        (vec!["late_delivery"], None),
        "once"
    );
    assert!(
        booking.job("complete:auto").is_none(),
        "the books stay open until it is decided"
    );
}
