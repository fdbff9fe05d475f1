//! What each kind of job does in each situation: at most one request, and none on a guess.

use domain::decide::{Step, decide};
use domain::outcome::Outcome;
use domain::policy::Channel;
use domain::reservation::{Closing, Operation, Origin, ReviewReason};
use domain::resolve::is_duplicate_refused_by_lines;
use domain::{
    ControlFact, Fact, IntentFact, JobKind, ProviderFact, ReviewFact, Status, WaitingFor,
};
use testkit::named;

use crate::booking::{
    Booking, cancel, capture, charge, complete, delivered, hours, job_key, kr, minutes, monday,
    names, on, proven, refund,
};

/// A step in one word, with what it waits for or records.
fn word(booking: &Booking, step: &Step) -> String {
    match step {
        Step::Done => "done".into(),
        Step::Wait { until, waiting_for } => {
            assert!(*until > booking.now, "it waits for what has been");
            format!("wait {}", waiting_for.map_or("-", WaitingFor::as_str))
        }
        Step::Read => "read".into(),
        Step::Search(_) => "search".into(),
        Step::Record(facts) => names(facts).join(" "),
        Step::Send(_) => "send".into(),
    }
}

fn closed(how: Closing) -> Fact {
    Fact::Provider(ProviderFact::Closed {
        how,
        at: monday(),
        origin: Origin::External,
    })
}

fn freeze() -> Fact {
    Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::MissingAtProvider,
        freezes: true,
        at: monday(),
    })
}

/// Situations by name, an hour after the last thing that happened in each.
fn situations() -> Vec<(&'static str, Booking)> {
    let with = |mut booking: Booking, facts: &[Fact]| {
        booking.fold(facts);
        booking.later(hours(1))
    };
    let full = [on(1, 1000)];
    let held = || Booking::new(&[1000]).held();
    let all = |booking: &Booking| delivered("D-1", booking.now, &full, true);
    let arrived = all(&held());
    vec![
        ("submitting", with(Booking::new(&[1000]), &[])),
        ("unpaid", with(Booking::new(&[1000]).awaiting(), &[])),
        (
            "unpaid and paused",
            with(
                Booking::new(&[1000]).awaiting(),
                &[Fact::Control(ControlFact::Paused)],
            ),
        ),
        (
            "unpaid and frozen",
            with(Booking::new(&[1000]).awaiting(), &[freeze()]),
        ),
        (
            "link over",
            with(
                Booking::new(&[1000]).awaiting(),
                &[Fact::Provider(ProviderFact::LinkExpired { at: monday() })],
            ),
        ),
        ("held", with(held(), &[])),
        ("delivered", with(held(), std::slice::from_ref(&arrived))),
        (
            "delivered and paused",
            with(
                held(),
                &[arrived.clone(), Fact::Control(ControlFact::Paused)],
            ),
        ),
        ("delivered and frozen", with(held(), &[arrived, freeze()])),
        ("captured", with(Booking::new(&[1000]).captured(1000), &[])),
        (
            "lapsed",
            with(
                held(),
                &[Fact::Provider(ProviderFact::HoldLapsed { at: monday() })],
            ),
        ),
        (
            "completed",
            with(
                Booking::new(&[1000]).captured(1000),
                &[closed(Closing::Completed)],
            ),
        ),
        ("cancelled", with(held(), &[closed(Closing::Cancelled)])),
    ]
}

#[test]
fn every_situation_answers_every_policy_job() {
    let keys = [
        (JobKind::Remind, "remind:0"),
        (JobKind::Cancel, "cancel:expiry"),
        (JobKind::Capture, "capture:auto:1"),
        (JobKind::Deadline, "deadline:act"),
        (JobKind::Deadline, "deadline:warn:24h"),
        (JobKind::Complete, "complete:auto"),
        (JobKind::Refresh, "refresh:open:0"),
    ];
    let (no, rest) = ("done", "read");
    let asks = "deadline_handled review_raised";
    #[rustfmt::skip]
    let table: [(&str, [&str; 7]); 13] = [
        ("submitting",           [no,     no,     no,               no,   no,            no,               no]),
        ("unpaid",               ["read", "read", no,               no,   no,            no,               rest]),
        ("unpaid and paused",    [no,     no,     no,               no,   no,            no,               rest]),
        ("unpaid and frozen",    [no,     no,     no,               no,   no,            no,               rest]),
        ("link over",            [no,     no,     no,               no,   no,            no,               rest]),
        ("held",                 [no,     no,     no,               asks, "deadline_handled", no,               rest]),
        ("delivered",            [no,     no,     "intent_planned", "deadline_handled intent_planned", "deadline_handled", no, rest]),
        ("delivered and paused", [no,     no,     no,               no,   no,            no,               rest]),
        ("delivered and frozen", [no,     no,     no,               no,   no,            no,               rest]),
        ("captured",             [no,     no,     no,               no,   no,            "intent_planned", rest]),
        ("lapsed",               [no,     no,     no,               no,   no,            no,               rest]),
        ("completed",            [no,     no,     no,               no,   no,            no,               rest]),
        ("cancelled",            [no,     no,     no,               no,   no,            no,               rest]),
    ];
    let situations = situations();
    assert_eq!(situations.len(), table.len());
    for ((name, booking), (row, steps)) in situations.iter().zip(&table) {
        assert_eq!(name, row);
        for ((kind, key), wanted) in keys.iter().zip(steps) {
            let step = word(booking, &booking.decide(*kind, *key));
            assert_eq!(step, *wanted, "{key} when {name}");
        }
    }
}

#[test]
fn jobs_that_belong_to_no_reservation_or_to_another_plan_have_nothing_to_do() {
    for (name, booking) in situations() {
        for key in [
            "sweep",
            "payment_link:lnk_00000000000000000000000000",
            "intent:int_00000000000000000000000000",
            "remind:7",
            "remind:7:other",
            "capture:auto:9",
            "deadline:act:9",
            "deadline:uncaptured:9",
            "deadline:warn:120h",
        ] {
            let step = decide(booking.case(), &job_key(key), &booking.planner());
            assert_eq!(step, Step::Done, "{key} when {name}");
        }
    }
}

#[test]
fn a_planned_operation_is_sent_read_for_put_off_or_withdrawn() {
    let all = [on(1, 1000)];
    let resend = |slot| Operation::Resend {
        by: vec![Channel::Email],
        other_recipient: false,
        slot,
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Operation, &str)> = vec![
        ("unpaid",               Operation::Submit,         "wait another_operation"),
        ("held",                 capture(&all),             "send"),
        ("held",                 capture(&[on(1, 300)]),    "read"),
        ("held",                 charge(100),               "read"),
        ("held",                 cancel(),                  "send"),
        ("held",                 resend(None),              "intent_withdrawn"),
        ("unpaid",               cancel(),                  "send"),
        ("unpaid",               resend(None),              "send"),
        ("unpaid",               resend(Some(0)),           "read"),
        ("unpaid",               capture(&all),             "intent_withdrawn"),
        ("captured",             capture(&[on(1, 1)]),      "intent_withdrawn"),
        ("captured",             refund("CAP1", &all),      "read"),
        ("captured",             refund("CAP9", &all),      "intent_withdrawn"),
        ("captured",             refund("CAP1", &[on(1, 1001)]), "intent_withdrawn"),
        ("captured",             cancel(),                  "intent_withdrawn"),
        ("captured",             complete(),                "send"),
        ("lapsed",               capture(&all),             "intent_withdrawn"),
        ("lapsed",               charge(100),               "read"),
        ("completed",            charge(100),               "read"),
        ("completed",            refund("CAP1", &all),      "read"),
        ("completed",            cancel(),                  "intent_withdrawn"),
        ("completed",            complete(),                "intent_withdrawn"),
        ("cancelled",            capture(&all),             "intent_withdrawn"),
        ("cancelled",            charge(100),               "intent_withdrawn"),
        ("delivered and paused", capture(&all),             "wait -"),
        ("delivered and frozen", capture(&all),             "wait -"),
        ("unpaid and paused",    cancel(),                  "wait -"),
    ];
    for (situation, operation, wanted) in rows {
        let found = situations()
            .into_iter()
            .find(|(name, _)| *name == situation);
        let (_, mut booking) = found.expect("a situation");
        if operation == Operation::Submit {
            // A second submit beside one that is not over.
            booking = Booking::new(&[1000]);
        }
        let id = booking.plan(operation.clone());
        assert_eq!(
            word(&booking, &booking.decide_intent(&id)),
            wanted,
            "{operation:?} when {situation}"
        );
    }
}

#[test]
fn a_sent_operation_is_read_for_at_its_time() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.lost(capture(&[on(1, 1000)]));
    let until = booking.now + chrono::TimeDelta::seconds(15);
    let waiting_for = Some(WaitingFor::Resolution);
    assert_eq!(
        booking.decide_intent(&id),
        Step::Wait { until, waiting_for }
    );
    booking.now = until;
    assert_eq!(booking.decide_intent(&id), Step::Read);
    let mut submit = Booking::new(&[1000]);
    let id = submit.r.intents[0].id.clone();
    submit.lose(&id);
    submit.now += minutes(1);
    assert_eq!(submit.decide_intent(&id), Step::Search(id.clone()));
    submit.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Escalated {
            reason: ReviewReason::OutcomeUnknown,
            at: submit.now,
        },
    )]);
    assert_eq!(submit.decide_intent(&id), Step::Done, "a person decides");
}

#[test]
fn a_callback_makes_a_submit_in_doubt_look_at_once_and_one_about_to_be_repeated_look_first() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.lose(&id);
    booking.fold(&[booking.suggested("RES7")]);
    assert_eq!(booking.decide_intent(&id), Step::Search(id.clone()));
    let mut absent = Booking::new(&[1000]);
    let id = absent.r.intents[0].id.clone();
    absent.lose(&id);
    absent.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::EffectRuledOut { at: absent.now },
    )]);
    assert_eq!(
        absent.decide_intent(&id),
        Step::Send(id.clone()),
        "nothing speaks against it"
    );
    absent.fold(&[absent.suggested("RES7")]);
    assert_eq!(
        absent.decide_intent(&id),
        Step::Search(id),
        "its first attempt has arrived after all"
    );
}

#[test]
fn a_capture_needs_the_providers_numbers_and_a_person_when_details_do_not_show_them() {
    let mut booking = Booking::new(&[1000]).awaiting();
    let mut seen = booking.seen();
    (seen.status, seen.reserved) = (domain::observe::SeenStatus::Paid, kr(1000));
    seen.products[0].name = Some("Something else".into());
    booking.read(&seen);
    let id = booking.plan(capture(&[on(1, 1000)]));
    let (kind, key) = (JobKind::Capture, booking.intent(&id).key.clone());
    assert_eq!(booking.run(kind, &key), Step::Done);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("withdrawn", vec!["incoherent"])
    );
    assert!(booking.r.is_frozen(), "nothing else is tried in the dark");
}

#[test]
fn details_have_to_be_fresh_and_coherent_where_a_call_relies_on_them() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.plan(capture(&[on(1, 300)]));
    assert_eq!(
        booking.decide_intent(&id),
        Step::Send(id.clone()),
        "read a moment ago"
    );
    booking.now += chrono::TimeDelta::seconds(30);
    assert_eq!(booking.decide_intent(&id), Step::Send(id.clone()));
    booking.now += chrono::TimeDelta::seconds(1);
    assert_eq!(booking.decide_intent(&id), Step::Read);
    let mut wrong = booking.seen();
    wrong.captured = kr(1);
    booking.read(&wrong);
    let until = booking.now + minutes(1);
    assert_eq!(
        booking.decide_intent(&id),
        Step::Wait {
            until,
            waiting_for: None
        },
        "not again at once"
    );
    booking.now = until;
    assert_eq!(booking.decide_intent(&id), Step::Read);
}

#[test]
fn a_capture_of_more_than_half_of_what_is_left_of_each_line_is_duplicate_refused_by_lines() {
    let mut booking = Booking::new(&[1000, 500]).held();
    let rows = [
        (vec![on(1, 1000), on(2, 500)], true),
        (vec![on(1, 501)], true),
        (vec![on(1, 500)], false),
        (vec![on(1, 1000), on(2, 250)], false),
    ];
    for (lines, refused) in rows {
        assert_eq!(
            is_duplicate_refused_by_lines(&booking.r, &capture(&lines)),
            refused,
            "{lines:?}"
        );
    }
    booking.capture(&[on(1, 600)], "CAP1");
    assert!(
        is_duplicate_refused_by_lines(&booking.r, &capture(&[on(1, 201)])),
        "400 are left"
    );
    for other in [
        Operation::Submit,
        charge(1),
        refund("CAP1", &[]),
        cancel(),
        complete(),
    ] {
        assert!(!is_duplicate_refused_by_lines(&booking.r, &other));
    }
}

#[test]
fn one_operation_at_a_time_in_the_order_of_deciding() {
    let mut booking = Booking::new(&[1000, 500]).held();
    let first = booking.plan(capture(&[on(1, 1000)]));
    let second = booking.plan(capture(&[on(2, 500)]));
    assert_eq!(word(&booking, &booking.decide_intent(&first)), "send");
    assert_eq!(
        word(&booking, &booking.decide_intent(&second)),
        "wait another_operation"
    );
    booking.send(&first);
    assert_eq!(
        word(&booking, &booking.decide_intent(&second)),
        "wait resolution"
    );
    booking.answer(
        &first,
        &Outcome::Unknown {
            reason: "timeout".into(),
        },
    );
    assert_eq!(
        word(&booking, &booking.decide_intent(&second)),
        "wait resolution"
    );
    let id = first.clone();
    booking.fold(&[Fact::Intent(
        id,
        IntentFact::Escalated {
            reason: ReviewReason::CaptureUnknown,
            at: booking.now,
        },
    )]);
    assert_eq!(
        word(&booking, &booking.decide_intent(&second)),
        "wait resolution"
    );
    // Its deadline is not hidden by the wait, however long a person takes.
    booking.now =
        booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - minutes(1);
    let Step::Wait { until, .. } = booking.decide_intent(&second) else {
        panic!("it waits")
    };
    assert_eq!(until, booking.now + minutes(1));
    booking.now = until;
    assert_eq!(
        word(&booking, &booking.decide_intent(&second)),
        "intent_withdrawn review_raised"
    );
}

#[test]
fn a_message_does_not_hold_up_money_and_waits_for_it() {
    let mut booking = Booking::new(&[1000]).awaiting();
    let message = booking.plan(Operation::Resend {
        by: vec![Channel::Email],
        other_recipient: false,
        slot: None,
    });
    let release = booking.plan(cancel());
    assert_eq!(word(&booking, &booking.decide_intent(&release)), "send");
    booking.lose(&release);
    assert_eq!(
        word(&booking, &booking.decide_intent(&message)),
        "wait resolution"
    );
}

#[test]
fn before_the_deadline_the_policy_acts_once() {
    let part = [on(1, 400)];
    let rows: [(&str, &[_], Option<Operation>, &[&str]); 8] = [
        (r#"{}"#, &part, Some(capture(&part)), &[]),
        (r#"{}"#, &[], None, &["window_closing"]),
        (
            r#"{"capture":{"before_deadline":"warn"}}"#,
            &part,
            None,
            &["window_closing"],
        ),
        (
            r#"{"capture":{"before_deadline":"capture_all","legal_basis":"the contract"}}"#,
            &[],
            Some(capture(&[on(1, 1000)])),
            &[],
        ),
        (
            r#"{"capture":{"before_deadline":"capture_all","legal_basis":"the contract"}}"#,
            &part,
            Some(capture(&[on(1, 1000)])),
            &[],
        ),
        (
            r#"{"capture":{"before_deadline":"cancel"}}"#,
            &[],
            Some(Operation::Cancel {
                note: "The hold was released before it would have lapsed.".into(),
            }),
            &[],
        ),
        (
            r#"{"capture":{"before_deadline":"cancel"}}"#,
            &part,
            None,
            &["window_closing"],
        ),
        (
            r#"{"capture":{"on_delivery":"manual"}}"#,
            &part,
            Some(capture(&part)),
            &[],
        ),
    ];
    for (policy, lines, planned, reviews) in rows {
        let mut booking = Booking::with(proven(), &[1000], policy).held();
        if !lines.is_empty() {
            booking.fold(&[delivered("D-1", booking.now, lines, false)]);
        }
        let before = booking.r.intents.len();
        booking.now += hours(5 * 24);
        assert_eq!(booking.run(JobKind::Deadline, "deadline:act"), Step::Done);
        let made = booking
            .r
            .intents
            .get(before)
            .map(|intent| intent.operation.clone());
        assert_eq!(
            (made, booking.reviews()),
            (planned, reviews.to_vec()),
            "{policy} {lines:?}"
        );
        assert_eq!(booking.job("deadline:act"), None);
    }
}

#[test]
fn a_deadline_job_that_a_person_let_run_early_looks_again_at_what_is_delivered_later() {
    let manual = r#"{"capture":{"on_delivery":"manual"}}"#;
    let mut booking = Booking::with(proven(), &[1000, 500], manual).held();
    let due = booking.job("deadline:act").expect("a deadline job").run_at;
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], false)]);
    booking.run(JobKind::Deadline, "deadline:act");
    let first = booking.last_intent().id.clone();
    booking.send(&first);
    booking.answer(
        &first,
        &Outcome::Accepted {
            reference: Some(named("CAP1")),
            link: None,
        },
    );
    booking.now += hours(24);
    assert_eq!(booking.job("deadline:act:1"), None, "it has seen that");
    booking.fold(&[delivered("D-2", booking.now, &[on(2, 500)], true)]);
    assert_eq!(
        booking.job("deadline:act:2").map(|job| job.run_at),
        Some(due)
    );
    booking.now = due;
    booking.run(JobKind::Deadline, "deadline:act:2");
    assert_eq!(booking.last_intent().operation, capture(&[on(2, 500)]));
    assert_eq!(booking.job("deadline:act:2"), None);
}

#[test]
fn before_the_deadline_nothing_is_decided_beside_an_open_operation_and_a_person_hears_of_it() {
    let asked = vec!["window_closing"];
    let rows = [
        (capture(&[on(1, 400)]), vec![]),
        (capture(&[on(1, 100)]), asked.clone()),
        (cancel(), asked.clone()),
        (charge(100), asked),
    ];
    for (operation, reviews) in rows {
        let mut booking = Booking::new(&[1000]).held();
        booking.fold(&[delivered("D-1", booking.now, &[on(1, 400)], false)]);
        booking.lost(operation.clone());
        let intents = booking.r.intents.len();
        booking.run(JobKind::Deadline, "deadline:act");
        assert_eq!(
            (booking.r.intents.len(), booking.reviews()),
            (intents, reviews),
            "{operation:?}"
        );
    }
}

#[test]
fn the_books_are_closed_on_what_details_have_shown() {
    let mut booking = Booking::new(&[1000]).held();
    booking.capture(&[on(1, 1000)], "CAP1");
    booking.now += hours(72);
    assert_eq!(
        booking.decide(JobKind::Complete, "complete:auto"),
        Step::Read,
        "it stands on the provider's word"
    );
    let seen = booking.seen();
    booking.read(&seen);
    let step = booking.run(JobKind::Complete, "complete:auto");
    assert_eq!(step, Step::Send(booking.last_intent().id.clone()));
    assert_eq!(booking.r.status(), Status::Captured);
}

#[test]
fn a_row_that_never_shows_reaches_a_person_before_the_books_are_closed() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    booking.capture(&[on(1, 1000)], "CAP1");
    booking.now += hours(72);
    booking.read(&seen);
    assert_eq!(booking.reviews(), ["capture_unknown"]);
    assert_eq!(
        booking.decide(JobKind::Complete, "complete:auto"),
        Step::Done
    );
}

#[test]
fn a_policy_job_whose_last_decision_was_given_up_decides_anew_and_does_not_spin() {
    let mut booking = Booking::new(&[1000]).captured(1000).later(hours(72));
    let id = booking.plan_as(complete(), Some("complete:auto"));
    booking.lose(&id);
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Withdrawn {
            reason: "it did not happen".into(),
        },
    )]);
    assert!(booking.job("complete:auto").is_some());
    let Step::Send(again) = booking.run(JobKind::Complete, "complete:auto") else {
        panic!("it is decided anew")
    };
    assert_ne!(again, id);
}
