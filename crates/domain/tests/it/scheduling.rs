//! The schedule by situation: which jobs, of which kind, when, until when, how urgently, in which state.

use chrono::{DateTime, Utc};
use domain::deadlines::NO_DEADLINE;
use domain::outcome::Outcome;
use domain::policy::Channel;
use domain::reservation::{Operation, Origin, ReviewReason};
use domain::{
    ControlFact, Fact, IntentFact, JobKind, Planned, PlannedState, ProviderFact, ReviewFact,
    Urgency,
};

use crate::booking::{
    Booking, at, cancel, capture, charge, complete, delivered, hours, kr, merchant, minutes,
    monday, on, proven, refund, row,
};

fn times(booking: &Booking, key: &str) -> (DateTime<Utc>, DateTime<Utc>) {
    let job = booking
        .job(key)
        .unwrap_or_else(|| panic!("no {key} among {:?}", booking.keys()));
    (job.run_at, job.deadline)
}

/// Every job of its booking, as far as the policy and not an intent calls for it.
fn policy_keys(booking: &Booking) -> Vec<String> {
    booking
        .jobs()
        .into_iter()
        .filter(|job| job.intent.is_none())
        .map(|job| job.key.to_string())
        .collect()
}

#[test]
fn each_situation_has_its_jobs() {
    let deadlines = [
        "deadline:act",
        "deadline:warn:72h",
        "deadline:warn:48h",
        "deadline:warn:24h",
        "deadline:warn:6h",
    ];
    let with_deadlines = |more: &[&'static str]| -> Vec<&'static str> {
        more.iter()
            .take(1)
            .chain(&deadlines)
            .chain(more.iter().skip(1))
            .copied()
            .collect()
    };
    let deliver = |mut booking: Booking, lines: &[_], complete| {
        booking.fold(&[delivered("D-1", booking.now, lines, complete)]);
        booking
    };
    let with = |mut booking: Booking, fact: Fact| {
        booking.fold(&[fact]);
        booking
    };
    let froze = Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::MissingAtProvider,
        freezes: true,
        at: monday(),
    });
    let held = || Booking::new(&[1000]).held();
    let situations: Vec<(&str, Booking, Vec<&str>)> = vec![
        ("submitting", Booking::new(&[1000]), vec!["submit"]),
        (
            "awaiting payment",
            Booking::new(&[1000]).awaiting(),
            vec!["remind:0", "cancel:expiry", "refresh:open:0"],
        ),
        (
            "held",
            held(),
            [&deadlines[..], &["refresh:open:1"]].concat(),
        ),
        (
            "held and delivered",
            deliver(held(), &[on(1, 1000)], true),
            with_deadlines(&["capture:auto:1", "refresh:open:1"]),
        ),
        (
            "held and delivered in part",
            deliver(held(), &[on(1, 400)], false),
            [&deadlines[..], &["refresh:open:1"]].concat(),
        ),
        (
            "captured and delivered",
            deliver(Booking::new(&[1000]).captured(1000), &[on(1, 1000)], true),
            vec!["complete:auto"],
        ),
        (
            "captured in part, once",
            Booking::new(&[1000]).captured(400),
            vec!["complete:auto"],
        ),
        (
            "completed",
            with(held(), closed(domain::reservation::Closing::Completed)),
            vec![],
        ),
        (
            "cancelled",
            with(held(), closed(domain::reservation::Closing::Cancelled)),
            vec![],
        ),
        (
            "lapsed",
            with(
                held(),
                Fact::Provider(ProviderFact::HoldLapsed { at: monday() }),
            ),
            vec![],
        ),
        (
            "link over",
            with(
                Booking::new(&[1000]).awaiting(),
                Fact::Provider(ProviderFact::LinkExpired { at: monday() }),
            ),
            vec![],
        ),
        (
            "frozen",
            with(held(), froze.clone()),
            vec!["refresh:open:1"],
        ),
        (
            "paused",
            with(held(), Fact::Control(ControlFact::Paused)),
            vec!["refresh:open:1"],
        ),
        (
            "unpaid and paused",
            with(
                Booking::new(&[1000]).awaiting(),
                Fact::Control(ControlFact::Paused),
            ),
            vec!["refresh:open:0"],
        ),
        (
            "unpaid and frozen",
            with(Booking::new(&[1000]).awaiting(), froze),
            vec!["refresh:open:0"],
        ),
        (
            "a job stopped by a person",
            with(
                Booking::new(&[1000]).awaiting(),
                Fact::Control(ControlFact::JobCancelled {
                    key: crate::booking::job_key("remind:0"),
                }),
            ),
            vec!["cancel:expiry", "refresh:open:0"],
        ),
        (
            "a refresh requested",
            with(held(), Fact::Provider(ProviderFact::RefreshRequested)),
            [&deadlines[..], &["refresh:now:1"]].concat(),
        ),
    ];
    for (name, booking, keys) in situations {
        assert_eq!(booking.keys(), keys, "{name}");
    }
}

fn closed(how: domain::reservation::Closing) -> Fact {
    Fact::Provider(ProviderFact::Closed {
        how,
        at: monday(),
        origin: Origin::External,
    })
}

#[test]
fn each_policy_job_has_its_kind_time_deadline_and_urgency() {
    let mut booking = Booking::new(&[1000]).held();
    let delivered_at = booking.now + hours(2);
    booking.fold(&[delivered("D-1", delivered_at, &[on(1, 1000)], true)]);
    let reserved_at = monday() + hours(1);
    let by = reserved_at + hours(7 * 24);
    let rows = [
        (
            "capture:auto:1",
            JobKind::Capture,
            delivered_at,
            by - hours(6),
            Urgency::Money,
        ),
        (
            "deadline:act",
            JobKind::Deadline,
            by - hours(48),
            NO_DEADLINE,
            Urgency::Money,
        ),
        (
            "deadline:warn:72h",
            JobKind::Deadline,
            by - hours(72),
            NO_DEADLINE,
            Urgency::Money,
        ),
        (
            "deadline:warn:6h",
            JobKind::Deadline,
            by - hours(6),
            NO_DEADLINE,
            Urgency::Money,
        ),
        (
            "refresh:open:1",
            JobKind::Refresh,
            reserved_at + hours(6),
            NO_DEADLINE,
            Urgency::Normal,
        ),
    ];
    for (key, kind, run_at, deadline, urgency) in rows {
        let state = PlannedState::Scheduled;
        let wanted = Planned {
            key: crate::booking::job_key(key),
            kind,
            run_at,
            deadline,
            urgency,
            state,
            intent: None,
        };
        assert_eq!(booking.job(key), Some(wanted));
    }
    let due = monday() + hours(96);
    let unpaid = Booking::new(&[1000]).awaiting();
    let rows = [
        (
            "remind:0",
            JobKind::Remind,
            monday() + hours(24),
            due,
            Urgency::Remind,
        ),
        (
            "cancel:expiry",
            JobKind::Cancel,
            due + minutes(30),
            NO_DEADLINE,
            Urgency::Money,
        ),
        (
            "refresh:open:0",
            JobKind::Refresh,
            monday() + hours(6),
            NO_DEADLINE,
            Urgency::Normal,
        ),
    ];
    for (key, kind, run_at, deadline, urgency) in rows {
        let state = PlannedState::Scheduled;
        let wanted = Planned {
            key: crate::booking::job_key(key),
            kind,
            run_at,
            deadline,
            urgency,
            state,
            intent: None,
        };
        assert_eq!(unpaid.job(key), Some(wanted));
    }
}

#[test]
fn each_intent_is_carried_by_one_job_in_the_state_it_is_in() {
    let by = vec![Channel::Email];
    let operations = [
        (Operation::Submit, JobKind::Submit, Urgency::Normal),
        (capture(&[on(1, 100)]), JobKind::Capture, Urgency::Money),
        (charge(100), JobKind::Charge, Urgency::Normal),
        (
            refund("CAP1", &[on(1, 100)]),
            JobKind::Refund,
            Urgency::Normal,
        ),
        (cancel(), JobKind::Cancel, Urgency::Money),
        (complete(), JobKind::Complete, Urgency::Normal),
        (
            Operation::Resend {
                by: by.clone(),
                other_recipient: false,
                slot: None,
            },
            JobKind::Resend,
            Urgency::Normal,
        ),
        (
            Operation::Resend {
                by,
                other_recipient: false,
                slot: Some(0),
            },
            JobKind::Remind,
            Urgency::Remind,
        ),
    ];
    for (operation, kind, urgency) in operations {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.plan(operation.clone());
        let key = booking.intent(&id).key.clone();
        let planned = booking.job(&key).expect("a job");
        assert_eq!(
            (planned.kind, planned.urgency, planned.state),
            (kind, urgency, PlannedState::Scheduled)
        );
        assert_eq!(planned.intent.as_ref(), Some(&id));
        booking.send(&id);
        booking.fold(&[Fact::Intent(
            id.clone(),
            IntentFact::OutcomeUnknown {
                reason: "timeout".into(),
            },
        )]);
        let unknown = booking.job(&key).expect("a job");
        assert_eq!(
            (unknown.state, unknown.urgency),
            (PlannedState::Resolving, Urgency::Resolve)
        );
        assert_eq!(
            (unknown.run_at, unknown.deadline),
            (booking.now + at_once(), NO_DEADLINE)
        );
        let reason = operation.review_reason();
        booking.fold(&[Fact::Intent(
            id.clone(),
            IntentFact::Escalated {
                reason,
                at: booking.now,
            },
        )]);
        assert_eq!(
            booking.job(&key).map(|job| job.state),
            Some(PlannedState::NeedsReview),
            "{operation:?}"
        );
        booking.fold(&[Fact::Intent(
            id,
            IntentFact::Withdrawn {
                reason: "no".into(),
            },
        )]);
        assert_eq!(booking.job(&key), None);
    }
}

fn at_once() -> chrono::TimeDelta {
    chrono::TimeDelta::seconds(15)
}

#[test]
fn an_operation_is_of_use_until_its_own_deadline() {
    let mut booking = Booking::new(&[1000]).held();
    let reserved_at = booking.now;
    let rows = [
        (capture(&[on(1, 100)]), reserved_at + hours(7 * 24 - 6)),
        (charge(100), reserved_at + hours(90 * 24 - 1)),
        (refund("CAP1", &[on(1, 1)]), NO_DEADLINE),
        (cancel(), NO_DEADLINE),
        (complete(), NO_DEADLINE),
        (Operation::Submit, booking.r.payment_link_due),
        (
            Operation::Resend {
                by: vec![],
                other_recipient: false,
                slot: None,
            },
            booking.r.payment_link_due,
        ),
    ];
    for (operation, deadline) in rows {
        let id = booking.plan(operation.clone());
        let key = booking.intent(&id).key.clone();
        assert_eq!(
            times(&booking, &key.to_string()).1,
            deadline,
            "{operation:?}"
        );
    }
}

#[test]
fn the_refresh_looks_again_when_the_window_has_closed() {
    let mut booking = Booking::new(&[1000]).held();
    let closes = booking.now + hours(7 * 24);
    booking.now = closes - hours(2);
    let seen = booking.seen();
    booking.read(&seen);
    assert_eq!(
        times(&booking, "refresh:open:2").0,
        closes + hours(1),
        "rather than six hours later"
    );
    booking.now = closes + hours(1);
    booking.plan(capture(&[on(1, 1000)]));
    booking.read(&seen);
    assert_eq!(
        times(&booking, "refresh:open:3").0,
        booking.now + hours(6),
        "once is enough"
    );
}

#[test]
fn a_row_on_the_providers_word_alone_is_read_for_even_when_the_books_are_closed() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    booking.accepted(complete(), None);
    assert_eq!(booking.keys(), Vec::<String>::new());
    booking.now += hours(24);
    booking.accepted(charge(200), Some("CHA1"));
    assert_eq!(times(&booking, "refresh:open:2").0, booking.now + hours(6));
    let mut seen = booking.seen();
    seen.status = domain::observe::SeenStatus::Completed;
    booking.read(&seen);
    assert_eq!(booking.keys(), Vec::<String>::new(), "it is confirmed");
}

#[test]
fn details_that_do_not_add_up_are_read_again_soon_and_slowly_once_a_person_is_asked() {
    let mut booking = Booking::new(&[1000]).held();
    let mut wrong = booking.seen();
    wrong.captured = kr(1);
    for (read, pause) in [(2, minutes(1)), (3, minutes(1)), (4, hours(6))] {
        booking.now += hours(6);
        booking.read(&wrong);
        assert_eq!(
            times(&booking, &format!("refresh:open:{read}")).0,
            booking.now + pause
        );
    }
    booking.fold(&[Fact::Provider(ProviderFact::RefreshRequested)]);
    assert_eq!(
        times(&booking, "refresh:now:4").0,
        booking.now + hours(6),
        "nor does a callback make it faster"
    );
}

#[test]
fn neither_a_pause_nor_a_persons_cancel_stops_finding_out_what_became_of_a_request() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.plan(capture(&[on(1, 1000)]));
    let key = booking.intent(&id).key.clone();
    booking.fold(&[
        Fact::Control(ControlFact::Paused),
        Fact::Control(ControlFact::JobCancelled { key: key.clone() }),
    ]);
    assert_eq!(booking.job(&key), None, "nothing has been sent");
    booking.send(&id);
    assert!(
        booking.job(&key).is_some(),
        "a worker may have died over it"
    );
    booking.answer(
        &id,
        &Outcome::Unknown {
            reason: "timeout".into(),
        },
    );
    assert_eq!(
        booking.job(&key).map(|job| job.state),
        Some(PlannedState::Resolving)
    );
}

#[test]
fn completion_waits_for_the_last_money_row_the_rest_of_the_hold_and_every_open_question() {
    let mut booking = Booking::with(proven(), &[1000, 500], "{}").captured(400);
    let taken_at = booking.now;
    let (by, after) = (taken_at + hours(7 * 24), hours(72));
    assert_eq!(
        times(&booking, "complete:auto").0,
        by + after,
        "the rest may still be delivered"
    );
    booking.fold(&[delivered("D-1", taken_at, &[on(1, 400)], true)]);
    assert_eq!(
        times(&booking, "complete:auto").0,
        taken_at + after,
        "nothing more will be"
    );
    booking.fold(&[delivered("D-2", taken_at, &[on(2, 500)], false)]);
    assert_eq!(booking.job("complete:auto"), None, "a capture is due first");
    assert!(booking.job("capture:auto:1").is_some());
    let ask = Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::LateDelivery,
        freezes: false,
        at: taken_at,
    });
    let mut asked = Booking::new(&[1000]).captured(1000);
    asked.fold(&[ask]);
    assert_eq!(policy_keys(&asked), Vec::<String>::new());
    let mut open = Booking::new(&[1000]).captured(1000);
    open.plan(refund("CAP1", &[on(1, 1)]));
    assert_eq!(policy_keys(&open), Vec::<String>::new());
}

#[test]
fn what_is_switched_off_is_not_scheduled() {
    let off = r#"{"completion":{"after":"off"},"expiry":{"cancel_after_due":"off"},"reminders":{"max":0},
        "warnings":{"at":[]},"capture":{"on_delivery":"manual"}}"#;
    let unpaid = Booking::with(merchant(), &[1000], off).awaiting();
    assert_eq!(unpaid.keys(), ["refresh:open:0"]);
    let mut held = Booking::with(merchant(), &[1000], off).held();
    held.fold(&[delivered("D-1", held.now, &[on(1, 1000)], true)]);
    assert_eq!(held.keys(), ["deadline:act", "refresh:open:1"]);
    assert_eq!(
        Booking::with(merchant(), &[1000], off)
            .captured(1000)
            .keys(),
        Vec::<String>::new()
    );
}

#[test]
fn what_the_provider_refused_is_not_repeated_by_itself() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    assert_eq!(booking.keys(), ["complete:auto"]);
    let id = booking.plan_as(complete(), Some("complete:auto"));
    booking.send(&id);
    let key = "prerequisitefailedtocompletereservation".to_owned();
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: domain::outcome::RefusedBy::Business,
            key,
        },
    );
    booking.fold(&[Fact::Review(ReviewFact::Closed {
        reason: ReviewReason::ProviderRefused,
    })]);
    assert_eq!(
        booking.keys(),
        ["refresh:now:2"],
        "a person has seen it and can ask for it again"
    );
}

#[test]
fn warnings_come_while_something_is_capturable_and_never_before_the_payment() {
    let week = Booking::new(&[1000]).held();
    assert_eq!(
        week.job("deadline:warn:7d"),
        None,
        "the window is seven days long"
    );
    let mut merchant = merchant();
    merchant.capture_window = domain::windows::CaptureWindow::days(31).expect("a window");
    let month = Booking::with(merchant, &[1000], "{}").held();
    let by = month.now + hours(31 * 24);
    assert_eq!(times(&month, "deadline:warn:7d").0, by - hours(7 * 24));
    let mut acted = month;
    acted.fold(&[Fact::Control(ControlFact::DeadlineHandled {
        key: crate::booking::job_key("deadline:warn:7d"),
        at: monday(),
    })]);
    assert_eq!(acted.job("deadline:warn:7d"), None, "once is enough");
    let mut claimed = Booking::new(&[1000]).held();
    claimed.plan(capture(&[on(1, 1000)]));
    assert_eq!(
        policy_keys(&claimed),
        ["refresh:open:1"],
        "nothing is left to warn of"
    );
}

#[test]
fn a_card_that_was_charged_does_not_hide_what_is_delivered_and_not_captured() {
    let mut booking = Booking::with(
        merchant(),
        &[1000],
        r#"{"capture":{"on_delivery":"manual"}}"#,
    )
    .held();
    booking.accepted(charge(200), Some("CHA1"));
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
    assert!(
        booking.job("deadline:act").is_some(),
        "{:?}",
        booking.keys()
    );
}

#[test]
fn an_external_capture_is_seen_on_its_line_beside_ours() {
    let mut booking = Booking::with(proven(), &[500, 500], "{}").held();
    let mut seen = booking.seen();
    seen.captures.push(row("CAP7", 200, None));
    (seen.captured, seen.products[0].captured) = (kr(200), Some(kr(200)));
    booking.read(&seen);
    booking.capture(&[on(1, 200)], "CAP8");
    assert_eq!(
        booking.r.captured_on(1),
        kr(400),
        "what was accepted since comes on top of what was seen"
    );
    assert_eq!(
        (booking.r.capturable_on(1), booking.r.capturable()),
        (kr(100), kr(600))
    );
    booking.fold(&[Fact::Provider(ProviderFact::DetailsRead {
        at: at("2026-11-17T00:00:00Z"),
        status: None,
        coherent: true,
        since: i64::MAX,
    })]);
}
