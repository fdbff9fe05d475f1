//! Cases about windows and clocks: strict at the instant itself, civil where people read the time.

use chrono::{DateTime, TimeDelta, Utc};
use domain::decide::Step;
use domain::observe::SeenStatus;
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::CaptureRequest;
use domain::{ControlFact, Fact, JobKind, ProviderFact, ReservationId, SeededEntropy, Status};
use testkit::named;

use crate::booking::{
    Booking, at, capture, charge, delivered, faults, hours, kr, merchant, minutes, monday,
    new_reservation, on,
};

const MOMENT: TimeDelta = TimeDelta::milliseconds(1);

/// Paid and read at this time.
fn held_at(paid_at: DateTime<Utc>) -> Booking {
    let mut booking = Booking::new(&[1000]).awaiting();
    booking.now = paid_at;
    let mut seen = booking.seen();
    (seen.status, seen.reserved, seen.reserved_at) = (SeenStatus::Paid, kr(1000), Some(paid_at));
    booking.read(&seen);
    booking
}

#[test]
fn case_006_a_link_is_due_ten_minutes_from_now_at_the_earliest_and_in_a_year_at_the_latest() {
    let rows = [
        (TimeDelta::zero(), false),
        (minutes(10) - MOMENT, false),
        (minutes(10), true),
        (hours(366 * 24), true),
        (hours(366 * 24) + MOMENT, false),
    ];
    for (ahead, fine) in rows {
        let mut new = new_reservation(&[1000]);
        new.payment_link_due = monday() + ahead;
        let result = new.build(
            ReservationId::new(monday(), &SeededEntropy::new(1)),
            &merchant(),
            monday(),
        );
        if fine {
            assert!(result.is_ok(), "{ahead}");
        } else {
            assert_eq!(faults(result.map(drop)), ["payment_link_due"], "{ahead}");
        }
    }
}

#[test]
fn case_007_at_the_due_date_itself_nobody_is_reminded_and_a_payment_still_counts() {
    let mut booking = Booking::new(&[1000]).awaiting();
    booking.now = booking.r.payment_link_due;
    let used = booking.decide(JobKind::Remind, "remind:0");
    assert_eq!(
        used,
        Step::Record(vec![Fact::Control(ControlFact::ReminderUsed {
            slot: 0,
            sent: false,
            at: booking.now
        })])
    );
    let mut seen = booking.seen();
    (seen.status, seen.reserved) = (SeenStatus::Paid, kr(1000));
    booking.read(&seen);
    assert_eq!(booking.r.status(), Status::Held);
}

#[test]
fn case_008_a_payment_at_the_last_moment_stops_the_expiry_even_when_it_has_been_decided() {
    let mut booking = Booking::new(&[1000]).awaiting();
    booking.now = booking.r.payment_link_due + minutes(30);
    assert_eq!(
        booking.decide(JobKind::Cancel, "cancel:expiry"),
        Step::Read,
        "it looks before it decides"
    );
    let unpaid = booking.seen();
    booking.read(&unpaid);
    let Step::Send(id) = booking.run(JobKind::Cancel, "cancel:expiry") else {
        panic!("it is sent")
    };
    booking.now += minutes(5);
    assert_eq!(
        booking.decide(JobKind::Cancel, "cancel:expiry"),
        Step::Read,
        "and again when it was put off"
    );
    let mut paid = unpaid;
    (paid.status, paid.reserved) = (SeenStatus::Paid, kr(1000));
    booking.read(&paid);
    assert_eq!(booking.run(JobKind::Cancel, "cancel:expiry"), Step::Done);
    assert_eq!(
        (booking.state(&id), booking.r.status()),
        ("withdrawn", Status::Held)
    );
}

#[test]
fn case_008_a_payment_after_the_link_was_over_is_held_all_the_same() {
    let mut booking = Booking::new(&[1000]).awaiting();
    booking.fold(&[Fact::Provider(ProviderFact::LinkExpired {
        at: booking.now,
    })]);
    let mut seen = booking.seen();
    (seen.status, seen.reserved) = (SeenStatus::Paid, kr(1000));
    booking.read(&seen);
    assert_eq!(booking.r.status(), Status::Held);
}

#[test]
fn case_055_a_capture_is_sent_before_its_time_and_never_at_it() {
    for (before, sent) in [(MOMENT, true), (TimeDelta::zero(), false), (-MOMENT, false)] {
        let mut booking = held_at(monday() + hours(1));
        let by = booking.r.capture_by(&booking.merchant).expect("a window") - hours(6);
        let id = booking.plan(capture(&[on(1, 1000)]));
        booking.now = by - before;
        let step = booking.decide_intent(&id);
        assert_eq!(step == Step::Send(id.clone()), sent, "{before}: {step:?}");
        if !sent {
            let key = booking.intent(&id).key.clone();
            assert_eq!(booking.run(JobKind::Capture, &key), Step::Done);
            assert_eq!(
                (booking.state(&id), booking.reviews()),
                ("withdrawn", vec!["deadline_passed"])
            );
        }
    }
}

#[test]
fn case_055_a_delivery_that_comes_too_late_to_be_captured_is_told_once() {
    let mut booking = held_at(monday() + hours(1));
    booking.now = booking.r.capture_by(&booking.merchant).expect("a window") - hours(6);
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
    assert_eq!(booking.run(JobKind::Capture, "capture:auto:1"), Step::Done);
    assert_eq!(booking.reviews(), ["deadline_passed"]);
    assert!(
        !booking.keys().iter().any(|key| key.starts_with("capture")),
        "{:?}",
        booking.keys()
    );
}

#[test]
fn case_055_a_capture_is_asked_for_before_the_window_closes_and_never_at_it() {
    let mut booking = held_at(monday() + hours(1));
    let by = booking.r.capture_by(&booking.merchant).expect("a window");
    let ask = |booking: &Booking| {
        booking
            .r
            .capture(&CaptureRequest::default(), &booking.merchant, booking.now)
    };
    booking.now = by - MOMENT;
    assert!(ask(&booking).is_ok());
    booking.now = by;
    assert_eq!(faults(ask(&booking)), ["capture_window_closed"]);
}

#[test]
fn case_056_an_answer_after_the_deadline_is_the_answer() {
    let mut booking = held_at(monday() + hours(1));
    let id = booking.plan(capture(&[on(1, 1000)]));
    booking.now = booking.r.capture_by(&booking.merchant).expect("a window")
        - hours(6)
        - TimeDelta::seconds(1);
    booking.send(&id);
    booking.now += TimeDelta::seconds(2);
    let mut refused = Booking::new(&[1]);
    (refused.r, refused.now) = (booking.r.clone(), booking.now);
    booking.answer(
        &id,
        &Outcome::Accepted {
            reference: Some(named("CAP1")),
            link: None,
        },
    );
    assert_eq!(booking.state(&id), "done");
    let key = "paymentcapturedeadlineexceed".to_owned();
    refused.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::Business,
            key,
        },
    );
    assert_eq!(refused.reviews(), ["deadline_passed"]);
    assert_eq!(refused.r.capture_by(&refused.merchant), Some(refused.now));
}

#[test]
fn case_057_the_plan_follows_the_earlier_reading_of_a_window_over_a_clock_change() {
    let mut booking = Booking::new(&[1000]).awaiting();
    let fold = |booking: &mut Booking, at| {
        booking.fold(&[Fact::Provider(ProviderFact::HoldPlaced {
            at,
            amount: kr(1000),
        })]);
    };
    fold(&mut booking, at("2026-10-24T10:00:00Z"));
    let by = booking.r.capture_by(&booking.merchant);
    assert_eq!(
        by,
        Some(at("2026-10-31T10:00:00Z")),
        "168 hours, which is 11:00 in Oslo"
    );
    let job = booking.job("deadline:act").expect("a deadline job");
    assert_eq!(job.run_at, at("2026-10-29T10:00:00Z"));
}

#[test]
fn case_062_windows_are_exact_and_peoples_hours_are_civil() {
    // Paid in the hour that comes twice; the reminder of the day after goes out at eight in the morning in Oslo.
    let night = at("2026-10-25T01:30:00Z");
    let mut booking = Booking::new(&[1000]).awaiting();
    booking.r.created_at = night - hours(24);
    booking.r.payment_link_due = night + hours(96);
    assert_eq!(
        booking.job("remind:0").map(|job| job.run_at),
        Some(at("2026-10-26T07:00:00Z"))
    );
    booking.fold(&[Fact::Provider(ProviderFact::HoldPlaced {
        at: night,
        amount: kr(1000),
    })]);
    assert_eq!(
        booking.r.capture_by(&booking.merchant),
        Some(night + hours(7 * 24))
    );
}

#[test]
fn case_068_money_is_moved_on_holidays_and_messages_are_not() {
    // Maundy Thursday 2026; the window closes a week later, the deadline job acts on Easter Monday.
    let mut booking = Booking::new(&[1000]).awaiting();
    let thursday = at("2026-04-01T10:00:00Z");
    booking.r.created_at = thursday - hours(24);
    booking.r.payment_link_due = thursday + hours(200);
    assert_eq!(
        booking.job("remind:0").map(|job| job.run_at),
        Some(thursday)
    );
    booking.r.reminders.slots = 1;
    booking.fold(&[Fact::Provider(ProviderFact::HoldPlaced {
        at: thursday,
        amount: kr(1000),
    })]);
    let job = booking.job("deadline:act").expect("a deadline job");
    assert_eq!(job.run_at, at("2026-04-06T10:00:00Z"));
    booking.now = job.run_at;
    booking.fold(&[delivered("D-1", thursday, &[on(1, 400)], false)]);
    booking.run(JobKind::Deadline, "deadline:act");
    assert_eq!(booking.last_intent().operation, capture(&[on(1, 400)]));
}

#[test]
fn case_127_a_charge_is_sent_before_its_time_and_never_at_it() {
    for (before, wanted) in [(MOMENT, "read"), (TimeDelta::zero(), "given up")] {
        let mut booking = held_at(monday() + hours(1));
        let id = booking.plan(charge(100));
        booking.now = booking.r.charge_by(&booking.merchant).expect("a card") - hours(1) - before;
        let result = if booking.decide_intent(&id) == Step::Read {
            "read"
        } else {
            "given up"
        };
        assert_eq!(result, wanted, "{before}");
    }
}

#[test]
fn case_128_a_charge_validity_of_an_unknown_unit_ends_at_its_earliest_reading() {
    let mut booking = held_at(monday());
    booking.r.charge_validity = Some(55);
    assert_eq!(
        booking.r.charge_by(&booking.merchant),
        Some(monday() + minutes(55))
    );
}

#[test]
fn a_submit_that_cannot_be_sent_before_its_link_is_due_is_given_up() {
    let mut booking = Booking::new(&[1000]);
    booking.now = booking.r.payment_link_due;
    assert_eq!(booking.run(JobKind::Submit, "submit"), Step::Done);
    assert_eq!(
        (booking.r.status(), booking.reviews()),
        (Status::Failed, vec!["deadline_passed"])
    );
}
