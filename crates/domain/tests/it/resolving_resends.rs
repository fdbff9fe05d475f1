//! Messages in doubt: looked for in the history, never repeated in their slot, and holding nothing up.

use chrono::TimeDelta;
use domain::decide::Step;
use domain::history::Event;
use domain::outcome::Outcome;
use domain::policy::Channel;
use domain::reservation::{CaptureRequest, Operation};
use domain::{Fact, IntentFact, IntentId, JobKind, ProviderFact};

use crate::booking::{
    Booking, RES, at, complete, delivered, history_row, hours, merchant, minutes, on,
};

fn message(slot: Option<u32>) -> Operation {
    Operation::Resend {
        by: vec![Channel::Email],
        other_recipient: false,
        slot,
    }
}

fn lost_message(slot: Option<u32>) -> (Booking, IntentId) {
    let mut booking = Booking::new(&[1000]).awaiting();
    let key = slot.map(|slot| format!("remind:{slot}"));
    let id = booking.plan_as(message(slot), key.as_deref());
    booking.lose(&id);
    (booking, id)
}

/// Looks at a history that stays the same until the message is resolved: how often.
fn searched(booking: &mut Booking, id: &IntentId, rows: &[domain::history::HistoryRow]) -> u32 {
    let seen = booking.seen();
    let (reads, searches) = booking.look(id, &seen, rows, 20);
    assert_eq!(reads, 0, "details show no messages");
    searches
}

#[test]
fn case_137_a_message_in_doubt_uses_up_its_slot_and_is_not_repeated_in_it() {
    let (booking, id) = lost_message(Some(0));
    assert_eq!(booking.state(&id), "unknown");
    assert_eq!(
        (booking.r.reminders.slots, booking.r.reminders.sent),
        (1, 1)
    );
    let jobs: Vec<_> = booking
        .jobs()
        .into_iter()
        .filter(|job| job.kind == JobKind::Remind)
        .collect();
    assert_eq!(
        jobs.iter()
            .map(|job| job.key.to_string())
            .collect::<Vec<_>>(),
        ["remind:0", "remind:1"]
    );
    assert_eq!(
        jobs[0].intent.as_ref(),
        Some(&id),
        "the first one only looks for what became of it"
    );
    let (by_hand, id) = lost_message(None);
    assert_eq!(
        (by_hand.state(&id), by_hand.r.reminders.slots),
        ("unknown", 0)
    );
    assert_eq!(
        by_hand.r.reminders.last_at,
        by_hand.intent(&id).sent().map(|sent| sent.at),
        "it may have gone out"
    );
}

#[test]
fn a_message_that_the_history_shows_is_done() {
    for slot in [Some(0), None] {
        let (mut booking, id) = lost_message(slot);
        let row = history_row(Event::LinkSent, RES, 0, booking.now);
        assert_eq!(searched(&mut booking, &id, &[row]), 1);
        assert_eq!(booking.state(&id), "done");
        assert_eq!(
            booking.r.reminders.sent,
            u32::from(slot.is_some()),
            "counted once"
        );
    }
}

#[test]
fn a_message_that_the_history_does_not_show_for_half_an_hour_is_given_up() {
    let (mut booking, id) = lost_message(Some(0));
    let sent_at = booking.now;
    let others = [
        history_row(Event::LinkSent, "RES9", 0, booking.now),
        history_row(Event::LinkSent, RES, 0, booking.now - minutes(3)),
        history_row(Event::Captured, RES, 0, booking.now),
    ];
    assert_eq!(searched(&mut booking, &id, &others), 5);
    assert_eq!(
        (booking.state(&id), booking.now),
        ("withdrawn", sent_at + hours(1))
    );
    assert!(
        booking.job("remind:1").is_some() && booking.job("remind:0:other").is_none(),
        "the next one follows"
    );
}

#[test]
fn a_message_in_doubt_holds_nothing_up() {
    let (mut booking, id) = lost_message(None);
    booking.fold(&[Fact::Provider(ProviderFact::HoldPlaced {
        at: booking.now,
        amount: booking.r.total(),
    })]);
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
    assert!(booking.job("capture:auto:1").is_some());
    let asked = booking
        .r
        .capture(&CaptureRequest::default(), &booking.merchant, booking.now);
    let capture = booking.accepted(asked.expect("a capture"), Some("CAP1"));
    assert_eq!(booking.state(&capture), "done");
    let seen = booking.seen();
    booking.read(&seen);
    assert_eq!(booking.r.complete("Done").map(drop), Ok(()));
    assert!(booking.job("complete:auto").is_some());
    let closing = booking.plan(complete());
    assert!(matches!(booking.decide_intent(&closing), Step::Send(_)));
    booking.now += minutes(1);
    let (kind, key) = (JobKind::Resend, booking.intent(&id).key.clone());
    assert_eq!(booking.run(kind, &key), Step::Done);
    assert_eq!(
        booking.state(&id),
        "withdrawn",
        "whether it went out makes no difference any more"
    );
}

/// The last reminder before the due date, two hours before it, of which nothing is heard.
fn last_reminder(policy: &str) -> (Booking, IntentId) {
    let mut booking = Booking::with(merchant(), &[1000], policy).awaiting();
    (booking.r.created_at, booking.r.payment_link_due) =
        (at("2026-11-16T11:00:00Z"), at("2026-11-18T18:00:00Z"));
    booking.now = at("2026-11-18T16:00:00Z");
    let id = booking.plan_as(message(Some(0)), Some("remind:0"));
    booking.lose(&id);
    (booking, id)
}

const LAST: &str = r#"{"reminders":{"at":["-2h"]}}"#;

#[test]
fn the_last_reminder_that_did_not_go_out_is_tried_once_by_the_other_channel() {
    let (mut booking, id) = last_reminder(LAST);
    let sent_at = booking.now;
    assert_eq!(
        booking.job("remind:0:other"),
        None,
        "not while it may have gone out"
    );
    searched(&mut booking, &id, &[]);
    assert_eq!(
        (booking.state(&id), booking.now),
        ("withdrawn", sent_at + hours(1))
    );
    let job = booking.job("remind:0:other").expect("one more try");
    assert_eq!(
        (job.kind, job.run_at <= booking.now),
        (JobKind::Remind, true)
    );
    assert_eq!(
        booking.run(JobKind::Remind, "remind:0:other"),
        Step::Read,
        "nobody who has paid is reminded"
    );
    let seen = booking.seen();
    booking.read(&seen);
    let Step::Send(other) = booking.run(JobKind::Remind, "remind:0:other") else {
        panic!("it is sent")
    };
    let by = vec![Channel::Sms];
    assert_eq!(
        booking.intent(&other).operation,
        Operation::Resend {
            by,
            other_recipient: false,
            slot: Some(0)
        }
    );
    booking.lose(&other);
    searched(&mut booking, &other, &[]);
    assert_eq!(booking.state(&other), "withdrawn");
    let reminders = booking
        .jobs()
        .into_iter()
        .filter(|job| job.kind == JobKind::Remind);
    assert_eq!(reminders.count(), 0, "and that was all");
}

#[test]
fn nothing_is_tried_by_another_channel_where_it_could_be_too_much_or_too_late() {
    let one_channel = r#"{"reminders":{"at":["-2h"],"channels":["email"]}}"#;
    let next_follows = r#"{"reminders":{"at":["-2h","-30m"],"min_spacing":"1h"}}"#;
    let given_up = |booking: &mut Booking, id: &IntentId| {
        booking.fold(&[Fact::Intent(
            id.clone(),
            IntentFact::Withdrawn {
                reason: "silent".into(),
            },
        )]);
    };
    for (name, policy, other) in [
        ("two channels", LAST, true),
        ("one channel", one_channel, false),
        ("a next one", next_follows, false),
    ] {
        let (mut booking, id) = last_reminder(policy);
        given_up(&mut booking, &id);
        assert_eq!(booking.job("remind:0:other").is_some(), other, "{name}");
    }
    let (mut late, id) = last_reminder(LAST);
    given_up(&mut late, &id);
    late.r.payment_link_due = late.now + minutes(30);
    assert_eq!(late.job("remind:0:other"), None, "the link is due before");
    let (mut refused, id) = last_reminder(LAST);
    refused.fold(&[Fact::Intent(
        id,
        IntentFact::Withdrawn {
            reason: "silent".into(),
        },
    )]);
    let by_hand = refused.plan(message(None));
    refused.now += minutes(10);
    refused.send(&by_hand);
    refused.answer(
        &by_hand,
        &Outcome::Accepted {
            reference: None,
            link: None,
        },
    );
    refused.now += hours(1);
    let step = refused.run(JobKind::Remind, "remind:0:other");
    assert_eq!(
        step,
        Step::Done,
        "another message went out meanwhile, and the spacing leaves no room"
    );
    assert_eq!(refused.job("remind:0:other"), None);
    assert!(TimeDelta::zero() < refused.r.payment_link_due - refused.now);
}
