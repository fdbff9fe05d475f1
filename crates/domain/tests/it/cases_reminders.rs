//! Cases about reminders: in contact hours, spaced, few, never past the due date, never after the payment.

use chrono::{DateTime, NaiveDateTime, TimeZone as _, Utc};
use domain::decide::Step;
use domain::observe::SeenStatus;
use domain::outcome::{Outcome, RefusedBy};
use domain::policy::Channel;
use domain::reservation::{Closing, Operation, Origin};
use domain::{Fact, JobKind, ProviderFact, WaitingFor};

use crate::booking::{Booking, hours, kr, merchant, minutes, monday};

fn oslo(text: &str) -> DateTime<Utc> {
    let civil = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a civil time");
    merchant()
        .zone
        .from_local_datetime(&civil)
        .earliest()
        .expect("a time")
        .with_timezone(&Utc)
}

/// An unpaid link, submitted and due at these times in Oslo.
fn unpaid(submitted: &str, due: &str, policy: &str) -> Booking {
    let mut booking = Booking::with(merchant(), &[1000], policy).awaiting();
    (booking.r.created_at, booking.r.payment_link_due) = (oslo(submitted), oslo(due));
    booking.now = oslo(submitted);
    booking
}

fn next(booking: &Booking) -> Option<(String, DateTime<Utc>)> {
    let jobs = booking.jobs().into_iter();
    jobs.filter(|job| job.kind == JobKind::Remind)
        .map(|job| (job.key.to_string(), job.run_at))
        .next()
}

/// Runs the reminder that is due until it is sent, with details as they are.
fn send(booking: &mut Booking, key: &str) -> domain::IntentId {
    loop {
        match booking.run(JobKind::Remind, key) {
            Step::Read => {
                let seen = booking.seen();
                booking.read(&seen);
            }
            Step::Send(id) => {
                booking.send(&id);
                booking.answer(
                    &id,
                    &Outcome::Accepted {
                        reference: None,
                        link: None,
                    },
                );
                return id;
            }
            step => panic!("{key}: {step:?}"),
        }
    }
}

#[test]
fn case_129_the_hours_are_half_open() {
    // Twenty-four hours after the submit.
    for (submitted, sent) in [
        ("2026-11-17 20:59:59", "2026-11-18 20:59:59"),
        ("2026-11-17 21:00:00", "2026-11-19 08:00:00"),
        ("2026-11-17 07:59:59", "2026-11-18 08:00:00"),
        ("2026-11-20 14:59:59", "2026-11-21 14:59:59"),
        ("2026-11-20 15:00:00", "2026-11-23 08:00:00"),
    ] {
        let booking = unpaid(submitted, "2026-11-28 12:00:00", "{}");
        assert_eq!(
            next(&booking),
            Some(("remind:0".into(), oslo(sent))),
            "{submitted}"
        );
    }
}

#[test]
fn case_129_a_reminder_that_was_held_up_into_the_night_waits_for_the_morning() {
    let mut booking = unpaid("2026-11-17 12:00:00", "2026-11-28 12:00:00", "{}");
    booking.now = oslo("2026-11-18 20:59:59");
    let seen = booking.seen();
    booking.read(&seen);
    let Step::Send(id) = booking.run(JobKind::Remind, "remind:0") else {
        panic!("it is a contact time still")
    };
    booking.now = oslo("2026-11-18 21:00:00");
    let until = oslo("2026-11-19 08:00:00");
    let waits = Step::Wait {
        until,
        waiting_for: Some(WaitingFor::ContactHours),
    };
    assert_eq!(
        booking.decide_intent(&id),
        waits,
        "although it has been decided"
    );
    let mut undecided = unpaid("2026-11-17 12:00:00", "2026-11-28 12:00:00", "{}");
    undecided.now = oslo("2026-11-18 23:00:00");
    assert_eq!(undecided.decide(JobKind::Remind, "remind:0"), waits);
}

#[test]
fn case_130_a_reminder_whose_next_contact_time_time_is_past_the_due_date_goes_out_before() {
    let policy = r#"{"reminders":{"at":["-2h"]}}"#;
    for (due, sent) in [
        ("2026-11-22 12:00:00", "2026-11-21 14:59:00"),
        ("2026-11-19 07:30:00", "2026-11-18 20:59:00"),
        ("2026-11-19 10:30:00", "2026-11-19 08:30:00"),
    ] {
        let booking = unpaid("2026-11-17 12:00:00", due, policy);
        assert_eq!(
            next(&booking),
            Some(("remind:0".into(), oslo(sent))),
            "{due}"
        );
    }
    let mut late = unpaid("2026-11-17 12:00:00", "2026-11-22 12:00:00", policy);
    late.now = oslo("2026-11-21 15:00:00");
    assert_eq!(
        late.run(JobKind::Remind, "remind:0"),
        Step::Done,
        "and not at all once that has passed"
    );
    assert_eq!((late.r.reminders.slots, late.r.reminders.sent), (1, 0));
}

#[test]
fn case_131_no_reminder_on_sundays_and_holidays() {
    for (submitted, sent) in [
        ("2026-05-16 12:00:00", "2026-05-18 08:00:00"),
        ("2026-04-01 12:00:00", "2026-04-04 10:00:00"),
        ("2026-12-24 12:00:00", "2026-12-28 08:00:00"),
    ] {
        let due = oslo(submitted) + hours(10 * 24);
        let mut booking = unpaid(submitted, submitted, "{}");
        booking.r.payment_link_due = due;
        assert_eq!(
            next(&booking),
            Some(("remind:0".into(), oslo(sent))),
            "{submitted}"
        );
    }
}

#[test]
fn where_the_policy_says_any_hour_any_hour_it_is() {
    let any = r#"{"reminders":{"contact_hours":"any","at":["+24h"]}}"#;
    let mut booking = unpaid("2026-11-21 03:00:00", "2026-11-28 12:00:00", any);
    assert_eq!(
        next(&booking),
        Some(("remind:0".into(), oslo("2026-11-22 03:00:00")))
    );
    booking.now = oslo("2026-11-22 03:00:00");
    assert_eq!(booking.decide(JobKind::Remind, "remind:0"), Step::Read);
}

#[test]
fn case_133_the_channels_take_turns_and_there_are_three_messages_at_most() {
    let policy = r#"{"reminders":{"at":["+24h","+48h","+72h","+96h"],"channels":["sms","email"]}}"#;
    let mut booking = unpaid("2026-11-16 12:00:00", "2026-11-28 12:00:00", policy);
    let mut channels = Vec::new();
    while let Some((key, run_at)) = next(&booking) {
        booking.now = run_at;
        let id = send(&mut booking, &key);
        let Operation::Resend { by, slot, .. } = &booking.intent(&id).operation else {
            panic!("a message")
        };
        channels.push((*slot, by.clone()));
    }
    let wanted = [
        (Some(0), Channel::Sms),
        (Some(1), Channel::Email),
        (Some(2), Channel::Sms),
    ];
    assert_eq!(channels, wanted.map(|(slot, by)| (slot, vec![by])));
}

#[test]
fn case_135_paying_cancelling_or_expiring_cancels_the_reminders_at_once() {
    let mut paid = Booking::new(&[1000]).awaiting();
    assert!(next(&paid).is_some());
    let planned = paid.plan_as(
        Operation::Resend {
            by: vec![Channel::Email],
            other_recipient: false,
            slot: Some(0),
        },
        Some("remind:0"),
    );
    let ends = [
        Fact::Provider(ProviderFact::HoldPlaced {
            at: monday(),
            amount: kr(1000),
        }),
        Fact::Provider(ProviderFact::Closed {
            how: Closing::Cancelled,
            at: monday(),
            origin: Origin::External,
        }),
        Fact::Provider(ProviderFact::LinkExpired { at: monday() }),
    ];
    for end in ends {
        let mut booking = Booking::new(&[1000]).awaiting();
        booking.fold(std::slice::from_ref(&end));
        assert_eq!(next(&booking), None, "{end:?}");
        let mut decided = Booking::new(&[1]);
        (decided.r, decided.now) = (paid.r.clone(), paid.now);
        decided.fold(&[end]);
        assert_eq!(decided.run(JobKind::Remind, "remind:0"), Step::Done);
        assert_eq!(
            decided.state(&planned),
            "withdrawn",
            "even one that had been decided"
        );
    }
}

#[test]
fn case_079_a_read_before_the_message_stops_it_when_the_payment_has_just_come() {
    let mut booking = Booking::new(&[1000]).awaiting().later(hours(24));
    assert_eq!(booking.decide(JobKind::Remind, "remind:0"), Step::Read);
    let mut seen = booking.seen();
    (seen.status, seen.reserved) = (SeenStatus::Paid, kr(1000));
    booking.read(&seen);
    assert_eq!(booking.decide(JobKind::Remind, "remind:0"), Step::Done);
    let mut put_off = Booking::new(&[1000]).awaiting().later(hours(24));
    let unpaid = put_off.seen();
    put_off.read(&unpaid);
    let Step::Send(id) = put_off.run(JobKind::Remind, "remind:0") else {
        panic!("it is sent")
    };
    put_off.now += minutes(1);
    assert_eq!(
        put_off.decide_intent(&id),
        Step::Read,
        "the budget held it up, so it looks again"
    );
}

#[test]
fn case_138_the_spacing_is_exact_also_over_the_night_that_changes_the_clock() {
    let any = r#"{"reminders":{"contact_hours":"any","at":["+24h","+25h"],"min_spacing":"20h"}}"#;
    let mut booking = unpaid("2026-10-23 18:00:00", "2026-10-30 12:00:00", any);
    booking.now = oslo("2026-10-24 18:00:00");
    send(&mut booking, "remind:0");
    assert_eq!(
        next(&booking),
        Some(("remind:1".into(), booking.now + hours(20)))
    );
    assert_eq!(
        oslo("2026-10-25 13:00:00"),
        booking.now + hours(20),
        "an hour earlier by the clock on the wall"
    );
}

#[test]
fn a_message_that_somebody_asked_for_counts_for_the_spacing_even_of_a_decided_reminder() {
    let mut booking = unpaid("2026-11-16 12:00:00", "2026-11-28 12:00:00", "{}");
    booking.now = oslo("2026-11-17 12:00:00");
    let seen = booking.seen();
    booking.read(&seen);
    let Step::Send(id) = booking.run(JobKind::Remind, "remind:0") else {
        panic!("it is sent")
    };
    let by_hand = Operation::Resend {
        by: vec![Channel::Email],
        other_recipient: false,
        slot: None,
    };
    booking.accepted(by_hand, None);
    let until = oslo("2026-11-18 08:00:00");
    assert_eq!(
        booking.decide_intent(&id),
        Step::Wait {
            until,
            waiting_for: Some(WaitingFor::ContactHours)
        }
    );
}

#[test]
fn a_slot_that_does_not_fit_before_the_due_date_is_passed_over() {
    let mut booking = unpaid("2026-11-16 12:00:00", "2026-11-19 12:00:00", "{}");
    for (key, at) in [
        ("remind:0", "2026-11-17 12:00:00"),
        ("remind:1", "2026-11-18 12:00:00"),
    ] {
        assert_eq!(next(&booking), Some((key.into(), oslo(at))));
        booking.now = oslo(at);
        send(&mut booking, key);
    }
    assert_eq!(
        next(&booking),
        Some(("remind:2".into(), oslo("2026-11-19 10:00:00")))
    );
    let mut short = unpaid("2026-11-16 12:00:00", "2026-11-18 05:00:00", "{}");
    short.now = oslo("2026-11-17 12:00:00");
    send(&mut short, "remind:0");
    assert_eq!(next(&short), None, "twenty hours on it would be due");
}

#[test]
fn a_reminder_that_the_provider_refuses_is_not_repeated() {
    let mut booking = Booking::new(&[1000]).awaiting().later(hours(24));
    let seen = booking.seen();
    booking.read(&seen);
    let Step::Send(id) = booking.run(JobKind::Remind, "remind:0") else {
        panic!("it is sent")
    };
    booking.send(&id);
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::Payload,
            key: "the number is wrong".to_owned(),
        },
    );
    assert_eq!(
        next(&booking).map(|(key, _)| key).as_deref(),
        Some("remind:1")
    );
}
