//! When silence resolves an operation whose answer was lost: what the proof of absence takes, and what a deadline does.

use chrono::TimeDelta;
use domain::capabilities::LineRunway;
use domain::decide::Step;
use domain::history::Event;
use domain::reservation::{IntentState, Operation, UnknownOutcome};
use domain::resolve::{absence_outcome, is_duplicate_refused, is_duplicate_refused_by_lines};
use domain::{Fact, IntentFact, IntentId, ProviderFact};

use crate::booking::{
    Booking, RES, cancel, capture, charge, complete, history_row, hours, kr, lost_capture, minutes,
    on, refund, with_capture,
};

/// An exposed capture that meets the whole standard of absence at its next read, an hour after it was sent.
fn nearly_absent() -> (Booking, IntentId) {
    let (mut booking, id, _) = lost_capture();
    let sent = booking.intent(&id).sent().expect("sent");
    let unknown = UnknownOutcome {
        reads: 4,
        clean_reads: 2,
        last_read_at: Some(sent.at + minutes(15)),
        history_silent_at: Some(sent.at + minutes(45)),
        ..UnknownOutcome::new(sent, "timeout")
    };
    booking.now = sent.at + hours(1);
    booking.evidence.shown_until = Some(sent.at + minutes(40));
    unknown_of(&mut booking, &id, |known| *known = unknown.clone());
    (booking, id)
}

fn unknown_of(booking: &mut Booking, id: &IntentId, change: impl Fn(&mut UnknownOutcome)) {
    let mut intents = booking.r.intents.iter_mut();
    let intent = intents.find(|intent| intent.id == *id).expect("an intent");
    match &mut intent.progress {
        IntentState::Unknown(unknown) => change(unknown),
        state => panic!("{} is not unknown", state.name()),
    }
}

/// The result of a coherent read without a trace.
fn told_by_silence(booking: &Booking, id: &IntentId) -> Option<&'static str> {
    absence_outcome(booking.case(), booking.intent(id), true, &booking.evidence)
        .map(|fact| fact.name())
}

#[test]
fn row_09_absence_takes_everything_that_its_standard_names() {
    type Change = fn(&mut Booking, &IntentId);
    let lacks: [(&str, Change); 9] = [
        ("a third read", |b, id| {
            unknown_of(b, id, |unknown| unknown.clean_reads = 1);
        }),
        ("a read past the horizon", |b, _| b.now -= minutes(31)),
        ("the history", |b, id| {
            unknown_of(b, id, |unknown| unknown.history_silent_at = None);
        }),
        ("the history past the horizon", |b, id| {
            unknown_of(b, id, |unknown| {
                unknown.history_silent_at = Some(unknown.sent.at + minutes(29));
            });
        }),
        ("anything newer that shows", |b, _| {
            b.evidence.shown_until = None;
        }),
        ("something that is newer", |b, id| {
            b.evidence.shown_until = b.intent(id).sent().map(|sent| sent.at);
        }),
        ("a provider that is well", |b, _| {
            b.evidence.faulted_at = Some(b.now - minutes(14));
        }),
        ("a provider that is well again", |b, _| {
            b.evidence.faulted_at = Some(b.now);
        }),
        ("reads at all", |b, id| {
            unknown_of(b, id, |unknown| unknown.clean_reads = 0);
        }),
    ];
    for (what, without) in lacks {
        let (mut booking, id) = nearly_absent();
        without(&mut booking, &id);
        assert_eq!(told_by_silence(&booking, &id), None, "without {what}");
    }
    let (mut booking, id) = nearly_absent();
    assert_eq!(told_by_silence(&booking, &id), Some("effect_ruled_out"));
    booking.evidence.faulted_at = Some(booking.now - minutes(15));
    assert_eq!(
        told_by_silence(&booking, &id),
        Some("effect_ruled_out"),
        "what was long ago is over"
    );
    let row = history_row(Event::Captured, "CAP9", 400, booking.now - minutes(50));
    unknown_of(&mut booking, &id, |unknown| {
        unknown.history_row = Some(row.clone());
    });
    assert_eq!(
        told_by_silence(&booking, &id),
        None,
        "a row of the history speaks against it"
    );
    booking.now += hours(4);
    assert_eq!(
        told_by_silence(&booking, &id),
        Some("intent_escalated"),
        "and is still nobody else's after hours"
    );
}

#[test]
fn row_09_a_callback_during_the_read_puts_the_decision_off() {
    let (mut booking, id) = nearly_absent();
    let (seen, since) = (booking.seen(), booking.r.version);
    booking.fold(&[Fact::Provider(ProviderFact::CallbackReceived {
        event_type: "captured".into(),
        at: booking.now,
    })]);
    let reading = domain::observe::Reading {
        seen: &seen,
        since,
        evidence: &booking.evidence,
    };
    let facts = domain::observe::observe(booking.case(), reading);
    booking.fold(&facts);
    assert_eq!(booking.state(&id), "unknown");
    booking.read(&seen);
    assert_eq!(
        booking.state(&id),
        "planned",
        "the next read saw nothing either"
    );
}

#[test]
fn row_09_where_a_duplicate_is_refused_nothing_newer_has_to_show() {
    for (operation, proven) in [
        (capture(&[on(1, 501)]), true),
        (capture(&[on(1, 500)]), false),
    ] {
        let mut booking = Booking::new(&[1000]).held();
        let seen = booking.seen();
        booking.evidence.shown_until = None;
        let id = booking.lost(operation.clone());
        booking.look(&id, &seen, &[], 6);
        assert_eq!(booking.state(&id) == "planned", proven, "{operation:?}");
    }
}

#[test]
fn row_09_an_exposed_capture_that_nothing_can_prove_absent_goes_to_a_person_in_time() {
    let (mut booking, id, seen) = lost_capture();
    booking.now = booking.intent(&id).sent().expect("sent").at;
    booking.evidence.shown_until = None;
    booking.look(&id, &seen, &[], 20);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
    assert_eq!(
        booking.now,
        booking.intent(&id).sent().expect("sent").at + hours(4)
    );
}

#[test]
fn row_09_an_exposed_capture_above_the_limit_is_sent_again_by_a_person_only() {
    for (kroner, state) in [(5000, "planned"), (5001, "needs_review")] {
        let mut booking = Booking::new(&[20_000]).held();
        let seen = booking.seen();
        let id = booking.lost(capture(&[on(1, kroner)]));
        booking.look(&id, &seen, &[], 12);
        assert_eq!(booking.state(&id), state, "{kroner}");
    }
    let mut refused = Booking::new(&[20_000]).held();
    let seen = refused.seen();
    let id = refused.lost(capture(&[on(1, 20_000)]));
    refused.look(&id, &seen, &[], 12);
    assert_eq!(
        refused.state(&id),
        "planned",
        "a duplicate of it would be refused"
    );
}

#[test]
fn row_09_a_provider_that_stays_ill_leaves_it_to_a_person_after_a_day() {
    let (mut booking, id, seen) = lost_capture();
    booking.now = booking.intent(&id).sent().expect("sent").at;
    while booking.state(&id) == "unknown" {
        booking.evidence.faulted_at = Some(booking.now + hours(500));
        booking.look(&id, &seen, &[], 1);
    }
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
    assert_eq!(
        booking.now,
        booking.intent(&id).sent().expect("sent").at + hours(48),
        "the first look past the day"
    );
}

#[test]
fn row_09_lasting_silence_is_absence_and_the_capture_may_go_out_again() {
    let (mut booking, id, seen) = lost_capture();
    let looks = booking.look(&id, &seen, &[], 12);
    assert_eq!(
        looks,
        (5, 1),
        "the fifth read comes after the horizon, and the history is asked before it"
    );
    assert_eq!(
        (booking.state(&id), booking.intent(&id).attempts()),
        ("planned", 1)
    );
    assert!(booking.now >= booking.intent(&id).created_at + minutes(30));
}

#[test]
fn row_09_reads_that_come_late_do_not_prove_absence_in_one_moment() {
    let (mut booking, id, seen) = lost_capture();
    booking.now += hours(12);
    let woken = booking.now;
    let looks = booking.look(&id, &seen, &[], 12);
    assert_eq!((looks, booking.state(&id)), ((3, 1), "planned"));
    assert!(
        booking.now >= woken + minutes(4),
        "silence has to last: {}",
        booking.now - woken
    );
}

#[test]
fn row_09_a_third_attempt_that_stays_absent_is_the_last() {
    let (mut booking, id, seen) = lost_capture();
    for attempt in 2..=3 {
        booking.look(&id, &seen, &[], 12);
        assert_eq!(booking.state(&id), "planned");
        booking.lose(&id);
        assert_eq!(booking.intent(&id).attempts(), attempt);
    }
    booking.look(&id, &seen, &[], 12);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
}

#[test]
fn row_10_a_closing_window_hands_an_exposed_capture_to_a_person() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    booking.now =
        booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - minutes(1);
    let exposed = booking.lost(capture(&[on(1, 400)]));
    booking.now += minutes(2);
    booking.read(&seen);
    assert_eq!(
        (booking.state(&exposed), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
}

#[test]
fn row_10_after_its_time_a_capture_whose_duplicate_is_refused_is_not_sent_and_a_person_hears_of_it()
{
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    booking.now =
        booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - minutes(1);
    let refused = booking.lost(capture(&[on(1, 1000)]));
    booking.now += minutes(2);
    booking.read(&seen);
    assert_eq!(
        (booking.state(&refused), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
    let shown = with_capture(&seen, "CAP1", 1000, Some(booking.text_of(&refused)));
    booking.read(&shown);
    assert_eq!(
        (booking.state(&refused), booking.reviews()),
        ("done", vec![]),
        "what shows needs no person"
    );
}

#[test]
fn row_10_a_capture_whose_duplicate_is_refused_is_sent_again_when_its_absence_cannot_be_proven_in_time()
 {
    for (before, sent) in [(minutes(59), true), (minutes(61), false)] {
        let mut booking = Booking::new(&[1000]).held();
        let seen = booking.seen();
        let by = booking.r.capture_by(&booking.merchant).expect("a window") - hours(6);
        booking.now = by - before;
        let id = booking.lost(capture(&[on(1, 1000)]));
        booking.now += TimeDelta::seconds(15);
        let facts = booking.read(&seen);
        let last = facts.last().map(Fact::name);
        assert_eq!(
            last == Some("retry_forced"),
            sent,
            "{before} before: {facts:?}"
        );
        let next = booking.decide_intent(&id);
        assert_eq!(next == Step::Send(id), sent, "{before} before: {next:?}");
    }
}

#[test]
fn row_10_nothing_is_sent_again_by_details_that_do_not_add_up() {
    let mut booking = Booking::new(&[1000]).held();
    let mut wrong = booking.seen();
    wrong.captured = kr(1000);
    booking.now =
        booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - minutes(30);
    let id = booking.lost(capture(&[on(1, 1000)]));
    booking.now += minutes(1);
    booking.read(&wrong);
    assert_eq!(
        booking.state(&id),
        "unknown",
        "they may be about to show it"
    );
}

#[test]
fn row_10_an_exposed_capture_is_a_persons_as_soon_as_its_proof_would_come_too_late() {
    for (before, state) in [(minutes(59), "needs_review"), (minutes(61), "unknown")] {
        let mut booking = Booking::new(&[1000]).held();
        let seen = booking.seen();
        booking.now =
            booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - before;
        let id = booking.lost(capture(&[on(1, 400)]));
        booking.now += TimeDelta::seconds(15);
        booking.read(&seen);
        assert_eq!(booking.state(&id), state, "{before} before");
    }
}

#[test]
fn row_10_where_time_is_short_the_last_read_is_not_given_up_for_the_history() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    booking.now =
        booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - minutes(90);
    let id = booking.lost(capture(&[on(1, 1000)]));
    for _ in 0..4 {
        booking.look(&id, &seen, &[], 1);
    }
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    booking.now = sent_at + hours(1);
    assert_eq!(booking.decide_intent(&id), Step::Read);
    booking.read(&seen);
    assert_eq!(
        booking.state(&id),
        "planned",
        "sent again: the next look would come after its time"
    );
}

#[test]
fn the_refusal_of_duplicates_is_proven_by_the_whole_reservation_or_by_a_line_where_the_merchants_lines_are()
 {
    let mut booking = Booking::new(&[1000, 500]).held();
    #[rustfmt::skip]
    let rows = [
        (vec![on(1, 751)],             true,  true,  true),
        (vec![on(1, 750)],             true,  false, true),
        (vec![on(2, 500)],             true,  false, true),
        (vec![on(1, 100), on(2, 251)], false, false, true),
        (vec![on(1, 500), on(2, 250)], false, false, false),
        (vec![on(1, 1000), on(2, 500)], true, true,  true),
    ];
    for (lines, happy, by_whole, by_line) in rows {
        let operation = capture(&lines);
        let mut merchant = booking.merchant.clone();
        let whole = is_duplicate_refused(&booking.r, &operation, &merchant);
        merchant.line_runway = LineRunway::Proven;
        let line = is_duplicate_refused(&booking.r, &operation, &merchant);
        assert_eq!(
            (
                is_duplicate_refused_by_lines(&booking.r, &operation),
                whole,
                line
            ),
            (happy, by_whole, by_line),
            "{lines:?}"
        );
    }
    booking.capture(&[on(1, 1000)], "CAP1");
    let refused =
        |operation: Operation| is_duplicate_refused(&booking.r, &operation, &booking.merchant);
    assert!(refused(capture(&[on(2, 251)])), "500 are left");
    assert!(refused(refund("CAP1", &[on(1, 1000)])) && !refused(refund("CAP1", &[on(1, 999)])));
    assert!(refused(cancel()) && refused(complete()));
    assert!(!refused(charge(1)) && !refused(Operation::Submit));
}

#[test]
fn the_history_is_asked_once_before_absence_and_of_the_right_rows() {
    let (mut booking, id, seen) = lost_capture();
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    let external = [
        history_row(Event::Charged, "CHA9", 400, sent_at),
        history_row(Event::Captured, "CAP9", 399, sent_at),
        history_row(Event::Captured, "CAP9", 400, sent_at - minutes(3)),
        history_row(Event::LinkSent, RES, 0, sent_at),
    ];
    assert_eq!(
        booking.look(&id, &seen, &external, 12),
        (5, 1),
        "none of them can be it"
    );
    assert_eq!(booking.state(&id), "planned");
    let (mut booking, id, seen) = lost_capture();
    let fitting = [history_row(Event::Captured, "CAP9", 400, sent_at)];
    assert_eq!(
        booking.look(&id, &seen, &fitting, 12),
        (6, 2),
        "it may turn out another's until hours have passed"
    );
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
}

#[test]
fn reads_that_others_asked_for_do_not_keep_the_history_from_being_asked() {
    let (mut booking, id, seen) = lost_capture();
    let key = booking.intent(&id).key.clone();
    for _ in 0..4 {
        booking.now += hours(6);
        booking.read(&seen);
    }
    assert_eq!(booking.state(&id), "unknown", "details alone prove nothing");
    assert!(booking.job(&key).expect("a job").run_at <= booking.now);
    assert_eq!(booking.decide_intent(&id), Step::Search(id));
}

#[test]
fn a_row_that_is_booked_for_another_operation_is_no_trace_of_this_one() {
    let mut booking = Booking::new(&[1000]).captured(300);
    let id = booking.lost(capture(&[on(1, 300)]));
    let row = history_row(Event::Captured, "CAP1", 300, booking.now);
    let silent = Fact::Intent(
        id.clone(),
        IntentFact::HistoryRead {
            row: None,
            at: booking.now,
        },
    );
    assert_eq!(booking.search(&id, &[row]), [silent]);
    let unnamed = domain::history::HistoryRow {
        uuid: None,
        ..history_row(Event::Captured, "", 300, booking.now)
    };
    let facts = booking.search(&id, std::slice::from_ref(&unnamed));
    let (intent, at) = (id, booking.now);
    assert_eq!(
        facts,
        [Fact::Intent(
            intent,
            IntentFact::HistoryRead {
                row: Some(unnamed),
                at
            }
        )]
    );
}
