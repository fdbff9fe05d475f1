//! What reads say of charges, refunds, cancels, completes and submits, and of what others do without a word.

use domain::observe::{SeenStatus, Snapshot, verdict};
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::{Closing, DeskReason, Operation, RowKind};
use domain::{Fact, IntentId, Money, Status};

use crate::booking::{
    Booking, cancel, capture, charge, complete, hours, kr, minutes, monday, names, on, refund, row,
};

/// Reads the same details at each of the times when a read is due, until the intent is settled otherwise.
fn read_on(booking: &mut Booking, id: &IntentId, seen: &Snapshot, most: u32) -> u32 {
    for read in 0..most {
        let key = booking.intent(id).key.clone();
        let open = matches!(booking.state(id), "unknown" | "accepted");
        let Some(job) = booking.job(&key).filter(|_| open) else { return read };
        booking.now = booking.now.max(job.run_at);
        booking.read(seen);
    }
    most
}

fn with_charge(seen: &Snapshot, reference: &str, kroner: u32, text: Option<String>) -> Snapshot {
    let mut seen = seen.clone();
    seen.charges.push(row(reference, kroner, text));
    seen.charged += kr(kroner);
    seen
}

/// These details with so much given back of the first capture.
fn given_back(seen: &Snapshot, kroner: u32) -> Snapshot {
    let mut seen = seen.clone();
    seen.captures[0].refunded = Some(kr(kroner));
    seen.refunded_captured = kr(kroner);
    seen
}

#[test]
fn charge_rows_01_to_04_are_those_of_captures() {
    type Case = (u32, bool, &'static str, &'static [&'static str]);
    let cases: [Case; 4] = [
        (400, true, "done", &[]),
        (500, true, "done", &["effect_differs"]),
        (400, false, "desk", &["charge_unknown"]),
        (100, false, "unknown", &[]),
    ];
    for (kroner, marked, state, desk) in cases {
        let mut booking = Booking::new(&[1000]).held();
        let before = booking.seen();
        let id = booking.lost(charge(400));
        booking.now += minutes(1);
        let text = marked.then(|| booking.text_of(&id));
        booking.read(&with_charge(&before, "CHA1", kroner, text));
        assert_eq!((booking.state(&id), booking.desk().as_slice()), (state, desk), "{kroner} {marked}");
        assert_eq!(booking.r.booked(RowKind::Charge), kr(kroner));
    }
}

#[test]
fn case_112_a_charge_in_doubt_is_never_sent_again_by_itself() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let id = booking.lost(charge(400));
    let sent_at = booking.now;
    read_on(&mut booking, &id, &seen, 20);
    assert_eq!((booking.state(&id), booking.desk()), ("desk", vec!["charge_unknown"]));
    assert_eq!(booking.now, sent_at + hours(24), "when 24 hours of silence are over");
    assert_eq!(booking.decide_intent(&id), domain::decide::Step::Done);
}

#[test]
fn a_refund_is_confirmed_when_its_row_rose_by_exactly_its_amount() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let before = booking.seen();
    let id = booking.accepted(refund("CAP1", &[on(1, 300)]), None);
    assert_eq!((booking.state(&id), booking.r.refundable("CAP1")), ("accepted", kr(700)));
    assert!(booking.r.booked(RowKind::Refund).is_zero(), "accepted means pending");
    let after = given_back(&before, 300);
    booking.read(&after);
    assert_eq!((booking.state(&id), booking.r.booked(RowKind::Refund)), ("done", kr(300)));
    assert_eq!(booking.r.refundable("CAP1"), kr(700));
    assert_eq!(booking.read(&after), []);
}

#[test]
fn older_details_tell_the_refund_of_a_single_row_by_the_sum() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = booking.lost(refund("CAP1", &[on(1, 300)]));
    let mut seen = given_back(&booking.seen(), 300);
    seen.captures[0].refunded = None;
    booking.read(&seen);
    assert_eq!(booking.state(&id), "done");
}

#[test]
fn a_refund_whose_row_rose_by_another_amount_is_a_conflict() {
    let mut unknown = Booking::new(&[1000]).captured(1000);
    let id = unknown.lost(refund("CAP1", &[on(1, 300)]));
    let seen = given_back(&unknown.seen(), 200);
    unknown.read(&seen);
    assert_eq!((unknown.state(&id), unknown.desk()), ("desk", vec!["refund_unknown"]));
    assert_eq!(unknown.r.refundable("CAP1"), kr(500), "what shows and what may be count both");
    let mut accepted = Booking::new(&[1000]).captured(1000);
    let id = accepted.accepted(refund("CAP1", &[on(1, 300)]), None);
    accepted.read(&given_back(&accepted.seen(), 200));
    assert_eq!((accepted.state(&id), accepted.desk()), ("accepted", vec!["effect_differs"]));
}

#[test]
fn case_113_a_refund_accepted_and_not_shown_for_three_days_is_unknown_and_then_a_persons() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let seen = booking.seen();
    let id = booking.accepted(refund("CAP1", &[on(1, 300)]), None);
    let sent_at = booking.now;
    while booking.state(&id) == "accepted" {
        read_on(&mut booking, &id, &seen, 1);
    }
    assert_eq!((booking.state(&id), booking.now >= sent_at + hours(72)), ("unknown", true));
    read_on(&mut booking, &id, &seen, 20);
    assert_eq!((booking.state(&id), booking.desk()), ("desk", vec!["refund_unknown"]));
}

#[test]
fn money_given_back_by_somebody_else_is_adopted_and_counts() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let after = given_back(&booking.seen(), 250);
    booking.read(&after);
    let row = booking.r.ledger.last().expect("a row");
    assert_eq!((row.kind, row.amount, row.foreign), (RowKind::Refund, kr(250), true));
    assert_eq!((booking.r.refundable("CAP1"), booking.read(&after)), (kr(750), vec![]));
}

#[test]
fn a_refund_that_shows_after_it_was_denied_is_a_late_effect_once() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let before = booking.seen();
    let id = booking.lost(refund("CAP1", &[on(1, 300)]));
    booking.fold(&[Fact::IntentWithdrawn { intent: id.clone(), reason: "it did not happen".into() }]);
    booking.read(&given_back(&before, 300));
    assert_eq!(booking.desk(), ["late_effect"]);
    assert_eq!(booking.r.ledger.last().and_then(|row| row.intent.clone()), Some(id));
    booking.read(&given_back(&before, 600));
    assert!(booking.r.ledger.last().is_some_and(|row| row.foreign), "the next one is somebody else's");
}

#[test]
fn a_cancel_or_complete_in_doubt_is_told_by_the_status() {
    let rows = [
        (cancel(), SeenStatus::Cancelled, Status::Cancelled),
        (complete(), SeenStatus::Completed, Status::Completed),
    ];
    for (operation, shown, status) in rows {
        let booking = Booking::new(&[1000]);
        let taken = matches!(operation, Operation::Complete { .. });
        let mut booking = if taken { booking.captured(1000) } else { booking.held() };
        let id = booking.lost(operation);
        let mut seen = booking.seen();
        seen.status = shown;
        let facts = booking.read(&seen);
        assert_eq!(names(&facts), ["intent_confirmed"]);
        assert_eq!((booking.state(&id), booking.r.status()), ("done", status));
    }
}

#[test]
fn a_cancel_or_complete_that_stays_absent_is_sent_again_three_times_at_most() {
    for operation in [cancel(), complete()] {
        let booking = Booking::new(&[1000]);
        let taken = matches!(operation, Operation::Complete { .. });
        let mut booking = if taken { booking.captured(1000) } else { booking.held() };
        let seen = booking.seen();
        let id = booking.lost(operation);
        let sent_at = booking.now;
        read_on(&mut booking, &id, &seen, 9);
        assert_eq!(booking.state(&id), "planned");
        assert_eq!(booking.now, sent_at + minutes(15), "the first read past the ten minutes");
        for _ in 0..2 {
            booking.lose(&id);
            read_on(&mut booking, &id, &seen, 9);
        }
        assert_eq!((booking.state(&id), booking.desk()), ("desk", vec!["outcome_unknown"]));
    }
}

#[test]
fn a_cancel_that_lost_its_race_against_a_capture_is_given_up() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.lost(cancel());
    let mut seen = booking.seen();
    seen.captures.push(row("CAP7", 1000, None));
    (seen.captured, seen.products[0].captured) = (kr(1000), kr(1000));
    read_on(&mut booking, &id, &seen, 9);
    let key = booking.intent(&id).key.clone();
    booking.run(domain::JobKind::Cancel, &key);
    assert_eq!((booking.state(&id), booking.r.status()), ("withdrawn", Status::Captured));
}

#[test]
fn a_refused_cancel_or_complete_that_the_status_explains_needs_no_person() {
    for (operation, shown) in [(cancel(), SeenStatus::Cancelled), (cancel(), SeenStatus::Expired)] {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.plan(operation);
        booking.send(&id);
        booking.answer(&id, &Outcome::Rejected { by: RefusedBy::Business, key: "already".into() });
        assert!(booking.r.is_frozen());
        let mut seen = booking.seen();
        seen.status = shown;
        booking.read(&seen);
        assert_eq!((booking.desk(), booking.r.is_frozen()), (vec![], false));
    }
}

#[test]
fn a_later_cancel_refused_because_the_first_one_worked_is_ours() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let id = booking.lost(cancel());
    read_on(&mut booking, &id, &seen, 9);
    booking.send(&id);
    booking.answer(&id, &Outcome::Rejected { by: RefusedBy::Business, key: "already".into() });
    let mut cancelled = seen;
    cancelled.status = SeenStatus::Cancelled;
    assert_eq!(names(&booking.read(&cancelled)), ["intent_confirmed"]);
    assert_eq!(booking.desk(), Vec::<&str>::new());
}

#[test]
fn closings_by_somebody_else_are_adopted_once() {
    for (shown, how, status) in [
        (SeenStatus::Cancelled, Closing::Cancelled, Status::Cancelled),
        (SeenStatus::Completed, Closing::Completed, Status::Completed),
    ] {
        let mut booking = Booking::new(&[1000]).held();
        let mut seen = booking.seen();
        seen.status = shown;
        let at = booking.now;
        assert_eq!(booking.read(&seen), [Fact::Closed { how, at, foreign: true }]);
        assert_eq!((booking.r.status(), booking.read(&seen)), (status, vec![]));
    }
}

#[test]
fn what_is_closed_stays_closed_and_late_truth_is_booked_beside_it() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    booking.accepted(complete(), None);
    let mut seen = with_charge(&booking.seen(), "CHA7", 50, None);
    seen.status = SeenStatus::Completed;
    booking.read(&seen);
    assert_eq!((booking.r.status(), booking.r.booked(RowKind::Charge)), (Status::Completed, kr(50)));
    let mut paid = seen;
    paid.status = SeenStatus::Paid;
    booking.read(&paid);
    assert_eq!(booking.r.status(), Status::Completed);
}

#[test]
fn a_payment_is_held_since_when_details_say_or_else_since_the_earliest_it_can_have_been() {
    for (said, held_since) in [
        (Some(monday() + minutes(90)), monday() + minutes(90)),
        (Some(monday() + hours(50)), monday() + hours(2)),
        (None, monday()),
    ] {
        let mut booking = Booking::new(&[1000]).awaiting().later(hours(2));
        let mut seen = booking.seen();
        (seen.status, seen.reserved, seen.reserved_at) = (SeenStatus::Paid, kr(1000), said);
        booking.read(&seen);
        assert_eq!(booking.r.reserved_at(), Some(held_since), "{said:?}");
    }
}

#[test]
fn a_link_or_hold_that_is_over_is_seen_once() {
    let mut unpaid = Booking::new(&[1000]).awaiting();
    let mut seen = unpaid.seen();
    seen.status = SeenStatus::Expired;
    assert_eq!(names(&unpaid.read(&seen)), ["lines_seen", "link_expired"]);
    assert_eq!((unpaid.r.status(), unpaid.read(&seen)), (Status::Expired, vec![]));
    let mut held = Booking::new(&[1000]).held();
    let mut seen = held.seen();
    seen.status = SeenStatus::Expired;
    assert_eq!(names(&held.read(&seen)), ["hold_expired"]);
    assert_eq!((held.r.status(), held.read(&seen)), (Status::Expired, vec![]));
}

#[test]
fn a_hold_that_the_provider_leaves_as_it_was_is_over_with_its_window() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let by = booking.r.capture_by(&booking.merchant).expect("a window");
    booking.now = by - chrono::TimeDelta::milliseconds(1);
    assert_eq!(booking.read(&seen), []);
    booking.now = by;
    let open = booking.plan(capture(&[on(1, 1000)]));
    assert_eq!(booking.read(&seen), [], "not while something is open about it");
    booking.fold(&[Fact::IntentWithdrawn { intent: open, reason: "too late".into() }]);
    assert_eq!(names(&booking.read(&seen)), ["hold_expired"]);
}

#[test]
fn a_word_nobody_knows_freezes_and_never_crashes() {
    let mut booking = Booking::new(&[1000]).held();
    let mut seen = booking.seen();
    (seen.word, seen.status) = ("ON_THE_MOON".into(), SeenStatus::Other("ON_THE_MOON".into()));
    booking.read(&seen);
    assert_eq!((booking.desk(), booking.r.is_frozen()), (vec!["incoherent"], true));
    assert_eq!(booking.r.provider.status.as_deref(), Some("ON_THE_MOON"));
    assert_eq!(booking.read(&seen), [], "it lies on the desk already");
}

#[test]
fn lines_are_matched_once_by_name_and_then_by_number_and_the_rest_is_extra() {
    let mut booking = Booking::new(&[500, 500, 200]).awaiting();
    let mut seen = booking.seen();
    for product in &mut seen.products {
        product.name = "Line 1".into();
    }
    seen.products[2].name = "Line 3".into();
    (booking.r.lines[0].name, booking.r.lines[1].name) = ("Line 1".into(), "Line 1".into());
    let mut late = seen.products[0].clone();
    (late.id, late.name) = (900, "Minibar".into());
    seen.products.insert(0, late);
    booking.read(&seen);
    let ids: Vec<_> = booking.r.lines.iter().map(|line| line.provider_id).collect();
    assert_eq!(ids, [Some(101), Some(102), Some(103)], "two alike are two");
    assert_eq!(booking.r.provider.extra_products.len(), 1);
    seen.products[1].name = "Renamed in the portal".into();
    assert_eq!(booking.read(&seen), [], "a number once learnt stays");
}

#[test]
fn case_003_a_submit_that_stays_absent_goes_out_again_and_not_without_end() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    for attempt in 1..=3 {
        booking.lose(&id);
        let mut last = None;
        while booking.state(&id) == "unknown" {
            booking.now = booking.job("submit").expect("a job").run_at;
            let missing = Fact::TraceMissing { intent: id.clone(), clean: true, at: booking.now };
            last = verdict(
                &booking.r,
                booking.intent(&id),
                true,
                &booking.witnesses,
                &booking.merchant,
                booking.now,
            );
            booking.fold(&std::iter::once(missing).chain(last.clone()).collect::<Vec<_>>());
        }
        let wanted = if attempt < 3 { "intent_absent" } else { "intent_to_desk" };
        assert_eq!(last.as_ref().map(Fact::name), Some(wanted), "after attempt {attempt}");
    }
    assert_eq!(booking.desk(), ["outcome_unknown"]);
}

#[test]
fn what_leaves_the_desk_takes_its_question_along_unless_another_asks_the_same() {
    let mut booking = Booking::new(&[1000]).held();
    let first = booking.lost(capture(&[on(1, 100)]));
    let second = booking.lost(capture(&[on(1, 200)]));
    let (reason, at) = (DeskReason::CaptureUnknown, booking.now);
    for intent in [&first, &second] {
        booking.fold(&[Fact::IntentToDesk { intent: intent.clone(), reason, at }]);
    }
    booking.fold(&[Fact::IntentAbsent { intent: first, at }]);
    assert_eq!(booking.desk(), ["capture_unknown"]);
    booking.fold(&[Fact::IntentWithdrawn { intent: second, reason: "no".into() }]);
    assert_eq!(booking.desk(), Vec::<&str>::new());
}

#[test]
fn case_159_the_amounts_tell_and_not_the_word() {
    let mut booking = Booking::new(&[1000]).awaiting();
    let mut seen = booking.seen();
    (seen.word, seen.status) = ("CAPTURED".into(), SeenStatus::Paid);
    booking.read(&seen);
    assert_eq!(
        (booking.r.status(), booking.r.booked(RowKind::Capture)),
        (Status::AwaitingPayment, Money::ZERO)
    );
}

#[test]
fn a_refund_that_never_left_does_not_keep_a_foreign_one_from_being_booked() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = booking.plan(refund("CAP1", &[on(1, 300)]));
    let at = booking.now;
    booking.fold(&[Fact::AttemptWritten { intent: id.clone(), attempt: 1, at }]);
    assert!(!booking.intent(&id).was_sent(), "a crash before SENDING sent nothing");
    let equal = given_back(&booking.seen(), 300);
    booking.read(&equal);
    assert_eq!((booking.state(&id), booking.desk()), ("written", vec![]));
    assert!(booking.r.ledger.last().is_some_and(|row| row.foreign && row.amount == kr(300)));
    booking.fold(&[Fact::IntentWithdrawn { intent: id.clone(), reason: "not needed".into() }]);
    let more = given_back(&equal, 600);
    booking.read(&more);
    assert_eq!(booking.desk(), Vec::<&str>::new(), "nor is a later one its late effect");
    assert_eq!((booking.intent(&id).attempts, booking.r.booked(RowKind::Refund)), (0, kr(600)));
}

#[test]
fn a_refund_settled_as_absent_does_not_keep_a_foreign_one_from_being_booked() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = booking.lost(refund("CAP1", &[on(1, 300)]));
    booking.fold(&[Fact::IntentAbsent { intent: id.clone(), at: booking.now }]);
    let seen = given_back(&booking.seen(), 200);
    booking.read(&seen);
    assert_eq!((booking.state(&id), booking.desk()), ("planned", vec![]));
    assert_eq!(booking.r.booked(RowKind::Refund), kr(200));
}
