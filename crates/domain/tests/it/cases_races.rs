//! Cases about races: who goes first, what waits, and what is given up.

use domain::decide::Step;
use domain::observe::{SeenStatus, Snapshot};
use domain::outcome::Outcome;
use domain::reservation::{Operation, RefundRequest, RefundSource, Refusal, ReviewReason};
use domain::{ControlFact, Fact, IntentFact, JobKind, ReviewFact, Status, WaitingFor};
use testkit::named;

use crate::booking::{
    Booking, RES, cancel, capture, charge, complete, delivered, faults, hours, kr, merchant,
    minutes, monday, names, on, patch, proven, refund, with_capture,
};

#[test]
fn case_001_a_callback_on_the_own_path_confirms_a_submit_that_timed_out() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.lose(&id);
    booking.fold(&[booking.suggested(RES)]);
    assert_eq!(
        booking.job("submit").map(|job| job.run_at),
        Some(booking.now),
        "there is something to read at once"
    );
    assert_eq!(booking.decide_intent(&id), Step::Search(id.clone()));
    assert_eq!(
        booking.r.provider.reservation_uuid, None,
        "a callback alone proves nothing"
    );
    let (intent, at) = (id.clone(), booking.now);
    booking.fold(&[Fact::Intent(
        intent,
        IntentFact::LinkCreated {
            reservation_uuid: named(RES),
            customer_uuid: None,
            url: None,
            at,
        },
    )]);
    assert_eq!(
        (booking.state(&id), booking.r.status()),
        ("done", Status::AwaitingPayment)
    );
}

#[test]
fn case_002_a_callback_before_the_answer_to_the_submit_changes_nothing_of_it() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.send(&id);
    booking.fold(&[booking.suggested(RES)]);
    assert_eq!(booking.state(&id), "sending");
    let link = domain::outcome::NewLink {
        reservation_uuid: named(RES),
        customer_uuid: None,
        url: None,
    };
    booking.answer(
        &id,
        &Outcome::Accepted {
            reference: None,
            link: Some(link),
        },
    );
    assert_eq!(booking.state(&id), "done");
}

#[test]
fn case_018_a_cancel_waits_for_a_submit_in_doubt_and_then_goes_out() {
    let mut booking = Booking::new(&[1000]);
    let submit = booking.r.intents[0].id.clone();
    booking.lose(&submit);
    let operation = booking.r.cancel("Booked by mistake").expect("a cancel");
    let id = booking.plan(operation);
    let Step::Wait { until, waiting_for } = booking.decide_intent(&id) else {
        panic!("it waits")
    };
    assert_eq!(
        (until, waiting_for),
        (
            booking.now + chrono::TimeDelta::seconds(15),
            Some(WaitingFor::Resolution)
        )
    );
    let (intent, at) = (submit, booking.now);
    booking.fold(&[Fact::Intent(
        intent,
        IntentFact::LinkCreated {
            reservation_uuid: named(RES),
            customer_uuid: None,
            url: None,
            at,
        },
    )]);
    assert_eq!(booking.decide_intent(&id), Step::Send(id));
}

#[test]
fn case_070_of_a_capture_and_a_cancel_the_first_decided_goes_and_the_other_is_looked_at_again() {
    let mut booking = Booking::new(&[1000]).held();
    let first = booking.plan(capture(&[on(1, 1000)]));
    let second = booking.plan(cancel());
    assert!(matches!(booking.decide_intent(&second), Step::Wait { .. }));
    booking.send(&first);
    booking.answer(
        &first,
        &Outcome::Accepted {
            reference: Some(named("CAP1")),
            link: None,
        },
    );
    let key = booking.intent(&second).key.clone();
    assert_eq!(booking.run(JobKind::Cancel, &key), Step::Done);
    assert_eq!(booking.state(&second), "withdrawn");
    let Err(Refusal::State { code, message }) = booking.r.cancel("Too late") else {
        panic!("it is refused")
    };
    assert_eq!(code.as_str(), "money_taken");
    assert!(message.contains("refund"), "{message}");

    let mut booking = Booking::new(&[1000]).held();
    let first = booking.plan(cancel());
    let second = booking.plan(capture(&[on(1, 1000)]));
    booking.send(&first);
    booking.answer(
        &first,
        &Outcome::Accepted {
            reference: None,
            link: None,
        },
    );
    let key = booking.intent(&second).key.clone();
    assert!(
        matches!(booking.run(JobKind::Capture, &key), Step::Wait { .. }),
        "until the cancel shows"
    );
    let mut seen = booking.seen();
    seen.status = SeenStatus::Cancelled;
    booking.read(&seen);
    assert_eq!(booking.run(JobKind::Capture, &key), Step::Done);
    assert_eq!(
        (booking.state(&second), booking.r.status()),
        ("withdrawn", Status::Cancelled)
    );
}

#[test]
fn case_074_a_second_click_on_a_capture_finds_nothing_left_to_capture() {
    let mut booking = Booking::new(&[1000]).held();
    let ask = |booking: &Booking| {
        booking.r.capture(
            &domain::reservation::CaptureRequest::default(),
            &booking.merchant,
            booking.now,
        )
    };
    let operation = ask(&booking).expect("a capture");
    booking.plan(operation);
    assert_eq!(
        faults(ask(&booking)),
        ["nothing_capturable"],
        "the first one is the answer"
    );
}

#[test]
fn case_076_a_refund_waits_while_a_capture_is_in_doubt() {
    let mut booking = Booking::new(&[1000, 500]).held();
    booking.capture(&[on(1, 1000)], "CAP1");
    booking.lost(capture(&[on(2, 500)]));
    let request = RefundRequest {
        source: RefundSource::Captured,
        reference: None,
        lines: None,
        amount: Some(kr(100)),
    };
    let operation = booking.r.refund(&request).expect("a refund");
    let id = booking.plan(operation);
    let Step::Wait { waiting_for, .. } = booking.decide_intent(&id) else {
        panic!("it waits")
    };
    assert_eq!(waiting_for, Some(WaitingFor::Resolution));
}

#[test]
fn case_078_the_books_are_not_closed_over_an_open_operation() {
    for open in [refund("CAP1", &[on(1, 100)]), charge(100)] {
        let mut booking = Booking::new(&[1000]).captured(1000);
        let id = booking.plan(open);
        assert_eq!(faults(booking.r.complete("Done")), ["operation_open"]);
        booking.now += hours(80);
        assert_eq!(
            booking.decide(JobKind::Complete, "complete:auto"),
            Step::Done,
            "nor by themselves"
        );
        booking.fold(&[Fact::Intent(
            id,
            IntentFact::Withdrawn {
                reason: "no".into(),
            },
        )]);
        assert_eq!(
            booking.r.complete("Done"),
            Ok(Operation::Complete {
                note: "Done".into()
            })
        );
    }
}

#[test]
fn case_078_a_charge_and_a_refund_are_still_possible_once_the_books_are_closed() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    booking.accepted(complete(), None);
    let charged = booking.accepted(charge(100), Some("CHA1"));
    assert_eq!(
        (booking.state(&charged), booking.r.status()),
        ("done", Status::Completed)
    );
    let id = booking.plan(refund("CHA1", &[on(1, 100)]));
    assert_eq!(
        booking.decide_intent(&id),
        Step::Send(id),
        "details are fresh"
    );
}

#[test]
fn case_080_an_intent_keeps_the_version_of_the_policy_it_was_decided_under() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.plan(capture(&[on(1, 1000)]));
    booking.r.policy.version = 2;
    assert_eq!(booking.intent(&id).policy_version, 1);
    assert_eq!(
        booking.decide_intent(&id),
        Step::Send(id.clone()),
        "and is carried out"
    );
    let later = booking.plan(cancel());
    assert_eq!(booking.intent(&later).policy_version, 2);
    let changed = merchant().policy.with(
        &patch(r#"{"completion":{"after":"24h"}}"#),
        merchant().multi_capture,
    );
    assert_eq!(changed.expect("a policy").version, 1);
}

#[test]
fn case_102_an_attempt_found_as_being_sent_is_unknown_and_one_on_record_is_not() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.plan(capture(&[on(1, 1000)]));
    let at = booking.now;
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::AttemptWritten { attempt: 1, at },
    )]);
    assert_eq!(
        booking.decide_intent(&id),
        Step::Send(id.clone()),
        "a crash before SENDING sent nothing"
    );
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::AttemptSent { attempt: 1, at },
    )]);
    let key = booking.intent(&id).key.clone();
    assert!(matches!(
        booking.run(JobKind::Capture, &key),
        Step::Wait { .. }
    ));
    assert_eq!(booking.state(&id), "unknown");
}

#[test]
fn a_pause_or_a_freeze_between_deciding_and_sending_holds_the_request_back() {
    let freeze = || {
        Fact::Review(ReviewFact::Raised {
            reason: domain::reservation::ReviewReason::MissingAtProvider,
            freezes: true,
            at: crate::booking::monday(),
        })
    };
    for stop in [Fact::Control(ControlFact::Paused), freeze()] {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.plan(capture(&[on(1, 1000)]));
        booking.fold(&[stop]);
        let until = booking.now + hours(6);
        assert_eq!(
            booking.decide_intent(&id),
            Step::Wait {
                until,
                waiting_for: None
            }
        );
    }
}

#[test]
fn what_is_decided_behind_an_operation_that_waits_for_a_person_waits_as_long() {
    let mut booking = Booking::new(&[1000]).held();
    let _ = booking.plan(capture(&[on(1, 400)]));
    let second = booking.plan(capture(&[on(1, 300)]));
    let soon = booking.decide_intent(&second);
    assert!(
        matches!(soon, Step::Wait { until, .. } if until < booking.now + minutes(1)),
        "{soon:?}"
    );
    booking.fold(&[Fact::Control(ControlFact::Paused)]);
    let late = booking.decide_intent(&second);
    let until = booking.now + hours(6);
    assert_eq!(
        late,
        Step::Wait {
            until,
            waiting_for: None
        },
        "the person who lets the first go wakes it"
    );
}

#[test]
fn what_waits_for_a_read_that_is_overdue_looks_the_less_often_the_longer_that_lasts() {
    let mut booking = Booking::new(&[1000]).held();
    let _ = booking.lost(capture(&[on(1, 400)]));
    let second = booking.plan(capture(&[on(1, 300)]));
    let mut waits = Vec::new();
    for _ in 0..3 {
        let Step::Wait { until, .. } = booking.decide_intent(&second) else {
            panic!("it waits")
        };
        waits.push((until - booking.now).num_seconds());
        booking.now += minutes(10);
    }
    assert_eq!(waits, [15, 292, 592]);
}

#[test]
fn what_was_delivered_does_not_lapse_without_a_word_when_the_deadline_job_was_held_up() {
    let stops = [
        Fact::Control(ControlFact::Paused),
        Fact::Control(ControlFact::JobCancelled {
            key: crate::booking::job_key("deadline:act"),
        }),
    ];
    let asks = Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::WindowClosing,
        freezes: false,
        at: monday(),
    });
    for (stop, asked) in stops
        .into_iter()
        .map(|stop| (stop, true))
        .chain([(asks, false)])
    {
        let mut booking = Booking::with(
            merchant(),
            &[1000],
            r#"{"capture": {"on_delivery": "manual"}}"#,
        )
        .held();
        booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
        booking.fold(&[stop]);
        let by = booking.r.capture_by(&booking.merchant).expect("a window");
        booking.now = by + minutes(1);
        let facts = booking.read(&booking.seen());
        assert!(names(&facts).contains(&"hold_lapsed"), "{facts:?}");
        assert_eq!(
            booking.reviews().contains(&"late_delivery"),
            asked,
            "{facts:?}"
        );
    }
}

#[test]
fn what_was_to_be_captured_does_not_lapse_without_a_word_though_nobody_may_act() {
    let manual = r#"{"capture": {"on_delivery": "manual"}}"#;
    for sent in [false, true] {
        let mut booking = Booking::with(merchant(), &[1000], manual).held();
        booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
        let id = booking.plan(capture(&[on(1, 1000)]));
        if sent {
            booking.lose(&id);
        }
        booking.fold(&[Fact::Control(ControlFact::Paused)]);
        booking.now = booking.r.capture_by(&booking.merchant).expect("a window") + minutes(1);
        let expired = Snapshot {
            status: SeenStatus::Expired,
            ..booking.seen()
        };
        booking.read(&expired);
        assert_eq!(booking.reviews(), ["deadline_passed"], "sent: {sent}");
        booking.fold(&[Fact::Control(ControlFact::Resumed)]);
        booking.run(JobKind::Capture, &booking.intent(&id).key.clone());
        assert_eq!(
            (booking.state(&id), booking.reviews()),
            ("withdrawn", vec!["deadline_passed"])
        );
    }
}

#[test]
fn what_the_deadline_job_was_to_capture_and_somebody_took_a_part_of_reaches_a_person() {
    let manual = r#"{"capture": {"on_delivery": "manual"}}"#;
    let mut booking = Booking::with(proven(), &[1000], manual).held();
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], false)]);
    booking.now = booking.job("deadline:act").expect("a deadline job").run_at;
    booking.run(JobKind::Deadline, "deadline:act");
    let id = booking.last_intent().id.clone();
    booking.read(&with_capture(&booking.seen(), "CAP9", 200, None));
    booking.run(JobKind::Capture, "capture:deadline");
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("withdrawn", vec![])
    );
    assert!(
        booking
            .job("deadline:uncaptured:1")
            .is_some_and(|job| job.run_at <= booking.now)
    );
    booking.run(JobKind::Deadline, "deadline:uncaptured:1");
    assert_eq!(
        (booking.reviews(), booking.job("deadline:uncaptured:1")),
        (vec!["window_closing"], None)
    );
}

#[test]
fn the_rest_of_what_was_delivered_does_not_lapse_without_a_word_when_a_pause_or_a_person_keeps_the_deadline_job_away()
 {
    let manual = r#"{"capture": {"on_delivery": "manual"}}"#;
    for stop in [
        Fact::Control(ControlFact::Paused),
        Fact::Control(ControlFact::JobCancelled {
            key: crate::booking::job_key("deadline:act"),
        }),
    ] {
        let mut booking = Booking::with(proven(), &[1000], manual).held();
        booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
        assert_eq!(
            booking.job("deadline:uncaptured:1"),
            None,
            "the deadline job will see to it"
        );
        booking.capture(&[on(1, 300)], "CAP1");
        booking.fold(&[stop]);
        let job = booking
            .job("deadline:uncaptured:1")
            .expect("a deadline job");
        let by = booking.r.capture_by(&booking.merchant).expect("a window");
        assert_eq!(job.run_at, by - booking.merchant.safety_margin.delta());
        booking.now = job.run_at;
        booking.run(JobKind::Deadline, "deadline:uncaptured:1");
        assert_eq!(
            (booking.reviews(), booking.job("deadline:uncaptured:1")),
            (vec!["late_delivery"], None)
        );
    }
}

#[test]
fn nobody_is_asked_about_what_was_delivered_while_its_cancel_is_under_way() {
    let manual = r#"{"capture": {"on_delivery": "manual"}}"#;
    let mut booking = Booking::with(merchant(), &[1000], manual).held();
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
    let id = booking.lost(cancel());
    assert!(
        !booking
            .keys()
            .iter()
            .any(|key| key.starts_with("deadline:uncaptured")),
        "{:?}",
        booking.keys()
    );
    assert_eq!((booking.state(&id), booking.reviews()), ("unknown", vec![]));
}
