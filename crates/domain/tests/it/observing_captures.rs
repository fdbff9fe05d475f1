//! What reads say of captures, row by row of the decision table, and which details are believed at all.

use domain::Fact;
use domain::observe::{SeenStatus, Snapshot};
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::{DeskReason, RowKind};
use domain::{IntentId, JobKind, Money};

use crate::booking::{Booking, capture, charge, hours, kr, merchant, minutes, names, on, row};

/// A capture of 400 of 1000 whose answer was lost, and details as they were before it.
fn lost() -> (Booking, IntentId, Snapshot) {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let id = booking.lost(capture(&[on(1, 400)]));
    booking.now += minutes(1);
    (booking, id, seen)
}

/// These details with a capture more.
fn with_row(seen: &Snapshot, reference: &str, kroner: u32, text: Option<String>) -> Snapshot {
    let mut seen = seen.clone();
    seen.captures.push(row(reference, kroner, text));
    seen.captured += kr(kroner);
    seen.products[0].captured += kr(kroner);
    seen
}

/// Reads the same details at each of the times when a read is due, until the intent is settled otherwise.
fn read_on(booking: &mut Booking, id: &IntentId, seen: &Snapshot, most: u32) -> u32 {
    for read in 0..most {
        let key = booking.intent(id).key.clone();
        let Some(job) = booking.job(&key).filter(|_| booking.state(id) == "unknown") else { return read };
        booking.now = booking.now.max(job.run_at);
        booking.read(seen);
    }
    most
}

#[test]
fn row_01_one_row_with_our_marker_and_amount_confirms() {
    let (mut booking, id, seen) = lost();
    let seen = with_row(&seen, "CAP1", 400, Some(booking.text_of(&id)));
    let facts = booking.read(&seen);
    assert_eq!(names(&facts), ["lines_seen", "intent_confirmed"]);
    assert_eq!(booking.state(&id), "done");
    let row = &booking.r.ledger[0];
    assert_eq!((row.amount, row.reference.as_deref(), row.confirmed), (kr(400), Some("CAP1"), true));
    assert_eq!((row.foreign, row.lines.as_slice()), (false, &[on(1, 400)][..]));
    assert_eq!(booking.read(&seen), [], "and a second look changes nothing");
}

#[test]
fn row_02_our_marker_with_another_amount_is_booked_as_shown_and_asked() {
    let (mut booking, id, seen) = lost();
    let seen = with_row(&seen, "CAP1", 500, Some(booking.text_of(&id)));
    booking.read(&seen);
    assert_eq!((booking.state(&id), booking.desk()), ("done", vec!["effect_differs"]));
    assert_eq!(booking.r.booked(RowKind::Capture), kr(500));
    assert_eq!(booking.r.captured_on(1), kr(500), "by what details show on the line");
    assert!(booking.r.is_frozen());
}

#[test]
fn row_02_an_accepted_row_shown_with_another_amount_is_corrected_and_asked() {
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    let id = booking.capture(&[on(1, 400)], "CAP1");
    let seen = with_row(&before, "CAP1", 450, Some(booking.text_of(&id)));
    let facts = booking.read(&seen);
    assert_eq!(names(&facts), ["lines_seen", "row_confirmed", "desk_raised"]);
    assert_eq!((booking.r.booked(RowKind::Capture), booking.r.capturable()), (kr(450), kr(550)));
    booking.fold(&[Fact::DeskCleared { reason: DeskReason::EffectDiffers }]);
    assert_eq!(booking.read(&seen), [], "it has been said once");
}

#[test]
fn row_03_two_rows_with_our_marker_are_a_duplicate() {
    let (mut booking, id, seen) = lost();
    let text = booking.text_of(&id);
    let twice = with_row(&with_row(&seen, "CAP1", 400, Some(text.clone())), "CAP2", 400, Some(text));
    booking.read(&twice);
    assert_eq!((booking.state(&id), booking.desk()), ("done", vec!["effect_differs"]));
    assert_eq!(booking.r.booked(RowKind::Capture), kr(800), "both have taken money");
    assert!(booking.r.is_frozen());
    assert!(booking.r.ledger.iter().all(|row| row.intent.as_ref() == Some(&id)));
    assert_eq!(booking.read(&twice), []);
}

#[test]
fn row_03_a_second_row_that_comes_later_is_a_duplicate_too() {
    let (mut booking, id, seen) = lost();
    let text = booking.text_of(&id);
    let once = with_row(&seen, "CAP1", 400, Some(text.clone()));
    booking.read(&once);
    booking.read(&with_row(&once, "CAP2", 400, Some(text)));
    assert_eq!(booking.desk(), ["effect_differs"]);
    assert_eq!(booking.r.booked(RowKind::Capture), kr(800));
}

#[test]
fn row_04_an_equal_row_without_our_marker_is_booked_as_foreign_and_asked() {
    let (mut booking, id, seen) = lost();
    let seen = with_row(&seen, "CAP7", 400, Some("by hand".into()));
    booking.read(&seen);
    assert_eq!((booking.state(&id), booking.desk()), ("desk", vec!["capture_unknown"]));
    assert!(booking.r.ledger[0].foreign);
    assert_eq!(booking.r.capturable(), kr(200), "both count as spent until a person has said which it is");
}

#[test]
fn row_06_a_row_of_another_amount_is_foreign_and_the_question_stays_open() {
    let (mut booking, id, seen) = lost();
    let seen = with_row(&seen, "CAP7", 100, None);
    let facts = booking.read(&seen);
    assert_eq!(names(&facts), ["lines_seen", "foreign_row", "trace_missing"]);
    assert_eq!((booking.state(&id), booking.r.capturable()), ("unknown", kr(500)));
    assert_eq!(booking.read(&seen).len(), 1, "it is adopted once");
}

#[test]
fn row_07_sums_that_moved_before_the_rows_settle_nothing_and_start_the_count_again() {
    let (mut booking, id, seen) = lost();
    booking.read(&seen);
    let mut partial = seen;
    partial.captured = kr(400);
    assert_eq!(names(&booking.read(&partial)), ["trace_missing"]);
    let progress = serde_json::to_value(&booking.intent(&id).progress).expect("JSON");
    assert_eq!((progress["reads"].as_u64(), progress["clean_reads"].as_u64()), (Some(2), Some(0)));
}

#[test]
fn row_08_silence_before_the_horizon_means_the_next_read() {
    let (mut booking, id, seen) = lost();
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    for (read, next) in [(1, minutes(1)), (2, minutes(5)), (3, minutes(15)), (4, hours(1))] {
        let key = booking.intent(&id).key.clone();
        booking.now = booking.job(&key).expect("a job").run_at;
        booking.read(&seen);
        assert_eq!(booking.state(&id), "unknown", "after read {read}");
        assert_eq!(booking.job(&key).map(|job| job.run_at), Some(sent_at + next));
    }
}

#[test]
fn row_09_lasting_silence_is_absence_and_the_capture_may_go_out_again() {
    let (mut booking, id, seen) = lost();
    assert_eq!(read_on(&mut booking, &id, &seen, 9), 5, "the fifth read comes after the horizon");
    assert_eq!((booking.state(&id), booking.intent(&id).attempts), ("planned", 1));
    assert!(booking.now >= booking.intent(&id).created_at + minutes(30));
}

#[test]
fn row_09_reads_that_come_late_do_not_prove_absence_in_one_moment() {
    let (mut booking, id, seen) = lost();
    booking.now += hours(12);
    let woken = booking.now;
    let reads = read_on(&mut booking, &id, &seen, 9);
    assert_eq!((reads, booking.state(&id)), (3, "planned"));
    assert!(booking.now >= woken + minutes(4), "silence has to last: {}", booking.now - woken);
}

#[test]
fn row_09_a_third_attempt_that_stays_absent_is_the_last() {
    let (mut booking, id, seen) = lost();
    for attempt in 2..=3 {
        read_on(&mut booking, &id, &seen, 9);
        assert_eq!(booking.state(&id), "planned");
        booking.lose(&id);
        assert_eq!(booking.intent(&id).attempts, attempt);
    }
    read_on(&mut booking, &id, &seen, 9);
    assert_eq!((booking.state(&id), booking.desk()), ("desk", vec!["capture_unknown"]));
}

#[test]
fn row_10_a_closing_window_hands_an_exposed_capture_to_a_person() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    booking.now = booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - minutes(1);
    let exposed = booking.lost(capture(&[on(1, 400)]));
    booking.now += minutes(2);
    booking.read(&seen);
    assert_eq!((booking.state(&exposed), booking.desk()), ("desk", vec!["capture_unknown"]));
}

#[test]
fn row_10_a_guarded_capture_waits_for_the_proof_and_then_for_a_person() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    booking.now = booking.r.capture_by(&booking.merchant).expect("a window") - hours(6) - minutes(1);
    let guarded = booking.lost(capture(&[on(1, 1000)]));
    booking.now += minutes(2);
    booking.read(&seen);
    assert_eq!(booking.state(&guarded), "unknown");
    read_on(&mut booking, &guarded, &seen, 9);
    assert_eq!(booking.state(&guarded), "desk", "nothing is sent after its time");
}

#[test]
fn row_11_a_later_attempt_refused_is_evidence_and_the_row_confirms_it() {
    let (mut booking, id, seen) = lost();
    read_on(&mut booking, &id, &seen, 9);
    booking.send(&id);
    let refused = Outcome::Rejected { by: RefusedBy::Business, key: "runway".into() };
    booking.answer(&id, &refused);
    assert_eq!((booking.state(&id), booking.desk()), ("desk", vec!["capture_unknown"]));
    let shown = with_row(&seen, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!((booking.state(&id), booking.desk()), ("done", vec![]), "what is settled needs no person");
}

#[test]
fn case_111_row_11_without_a_row_a_person_decides_and_there_is_no_third_try() {
    let (mut booking, id, seen) = lost();
    read_on(&mut booking, &id, &seen, 9);
    booking.send(&id);
    booking.answer(&id, &Outcome::Rejected { by: RefusedBy::Business, key: "runway".into() });
    for _ in 0..5 {
        booking.now += hours(24);
        booking.read(&seen);
    }
    assert_eq!((booking.state(&id), booking.intent(&id).attempts), ("desk", 2));
}

#[test]
fn row_12_a_reservation_that_is_over_without_a_row_took_nothing() {
    for status in [SeenStatus::Cancelled, SeenStatus::Expired, SeenStatus::Completed] {
        let (mut booking, id, mut seen) = lost();
        seen.status = status.clone();
        booking.read(&seen);
        assert_eq!(booking.state(&id), "withdrawn", "{status:?}");
        assert_eq!(booking.r.booked(RowKind::Capture), Money::ZERO);
    }
}

#[test]
fn row_13_details_that_do_not_add_up_three_times_reach_a_person() {
    let (mut booking, id, seen) = lost();
    let mut wrong = seen.clone();
    wrong.charged = kr(1);
    for read in 1..=3 {
        assert_eq!(booking.desk(), Vec::<&str>::new(), "before read {read}");
        booking.now += minutes(2);
        booking.read(&wrong);
    }
    assert_eq!(booking.desk(), ["incoherent"]);
    assert_eq!(booking.state(&id), "unknown", "no verdict from nonsense");
    booking.now += minutes(2);
    booking.read(&seen);
    assert_eq!(booking.r.control.incoherent_reads, 0);
}

#[test]
fn details_are_believed_only_when_they_add_up() {
    type Change = fn(&mut Snapshot);
    let changes: [(&str, Change); 12] = [
        ("captures do not sum", |seen| seen.captured = kr(401)),
        ("charges do not sum", |seen| seen.charged = kr(1)),
        ("lines sum to more than was taken", |seen| seen.products[0].captured = kr(401)),
        ("more is captured than held", |seen| (seen.reserved, seen.captured) = (kr(300), kr(400))),
        ("a confirmed row is gone", |seen| (seen.captures, seen.captured) = (vec![], Money::ZERO)),
        ("less is held than before", |seen| seen.reserved = kr(900)),
        ("less is given back than before", |seen| seen.captures[0].refunded = Some(kr(50))),
        ("a row has no name", |seen| seen.captures[0].reference = None),
        ("a row has an empty name", |seen| seen.captures[0].reference = Some(String::new())),
        ("a new row has no name", |seen| {
            let mut nameless = row("", 1, None);
            nameless.reference = None;
            seen.captures.push(nameless);
            seen.captured += kr(1);
        }),
        ("two rows share a name", |seen| {
            seen.captures.push(row("CAP1", 100, None));
            seen.captured += kr(100);
        }),
        ("a charge has the name of a capture", |seen| {
            seen.charges.push(row("CAP1", 100, None));
            seen.charged += kr(100);
        }),
    ];
    let mut booking = Booking::new(&[1000]).captured(400);
    booking.fold(&[Fact::RefundSeen { reference: "CAP1".into(), refunded: kr(100) }]);
    assert!(booking.seen().is_coherent_with(&booking.r));
    for (name, change) in changes {
        let mut seen = booking.seen();
        change(&mut seen);
        assert!(!seen.is_coherent_with(&booking.r), "{name}");
        let mut told = Booking::new(&[1]);
        (told.r, told.now) = (booking.r.clone(), booking.now);
        assert_eq!(told.read(&seen), [], "{name}: nothing is learnt but that it was read");
    }
    for status in [SeenStatus::Expired, SeenStatus::Cancelled] {
        let mut seen = Booking::new(&[1000]).held().seen();
        (seen.status, seen.reserved) = (status, Money::ZERO);
        assert!(seen.is_coherent_with(&Booking::new(&[1000]).held().r), "what is over holds nothing");
    }
}

#[test]
fn a_capture_accepted_without_a_reference_is_told_by_its_marker_or_else_by_its_amount() {
    for marked in [true, false] {
        let mut booking = Booking::new(&[1000]).held();
        let before = booking.seen();
        let id = booking.accepted(capture(&[on(1, 400)]), None);
        assert_eq!((booking.state(&id), booking.r.unresolved()), ("accepted", kr(400)));
        let text = marked.then(|| booking.text_of(&id));
        let twice = with_row(&with_row(&before, "CAP1", 400, text), "CAP2", 400, None);
        booking.read(&twice);
        assert_eq!(booking.state(&id), "done");
        let ours: Vec<_> = booking.r.ledger.iter().map(|row| row.foreign).collect();
        assert_eq!(ours, [false, true], "each row is somebody's");
    }
}

#[test]
fn case_051_a_row_shown_under_its_reference_needs_no_marker() {
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    booking.capture(&[on(1, 400)], "CAP1");
    let facts = booking.read(&with_row(&before, "CAP1", 400, None));
    assert_eq!(names(&facts), ["lines_seen", "row_confirmed"]);
}

#[test]
fn case_160_the_reference_in_details_replaces_the_one_of_the_answer() {
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    let id = booking.capture(&[on(1, 400)], "answer-1");
    let shown = with_row(&before, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!(booking.r.ledger.len(), 1, "it is one row under two names");
    assert_eq!(booking.r.ledger[0].reference.as_deref(), Some("CAP1"));
    assert_eq!((booking.desk(), booking.read(&shown)), (vec![], vec![]));
}

#[test]
fn a_row_that_a_person_vouched_for_without_a_name_takes_the_one_that_shows() {
    for marked in [true, false] {
        let (mut booking, id, seen) = lost();
        let at = booking.now;
        let (intent, amount) = (id.clone(), kr(400));
        booking.fold(&[Fact::IntentConfirmed { intent, reference: None, amount, at }]);
        assert!(seen.is_coherent_with(&booking.r), "it need not show yet");
        let text = marked.then(|| booking.text_of(&id));
        booking.read(&with_row(&seen, "CAP1", 400, text));
        assert_eq!(booking.r.booked(RowKind::Capture), kr(400));
        assert_eq!(booking.r.ledger[0].reference.as_deref(), Some("CAP1"));
    }
}

#[test]
fn case_109_an_effect_that_shows_after_a_person_denied_it_is_a_late_effect() {
    let (mut booking, id, seen) = lost();
    booking.fold(&[Fact::IntentWithdrawn { intent: id.clone(), reason: "it did not happen".into() }]);
    let shown = with_row(&seen, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!((booking.state(&id), booking.desk()), ("withdrawn", vec!["late_effect"]));
    assert_eq!(booking.r.booked(RowKind::Capture), kr(400));
    assert!(booking.r.is_frozen());
    assert_eq!(booking.read(&shown), []);
}

#[test]
fn case_107_a_capture_sent_again_whose_first_effect_shows_too_is_a_duplicate() {
    let (mut booking, id, seen) = lost();
    read_on(&mut booking, &id, &seen, 9);
    booking.send(&id);
    booking.answer(&id, &Outcome::Accepted { reference: Some("CAP2".into()), link: None });
    let text = booking.text_of(&id);
    booking.read(&with_row(&with_row(&seen, "CAP2", 400, Some(text.clone())), "CAP1", 400, Some(text)));
    assert_eq!(booking.desk(), ["effect_differs"]);
    assert_eq!((booking.r.booked(RowKind::Capture), booking.r.is_frozen()), (kr(800), true));
}

#[test]
fn case_107_an_effect_that_shows_before_the_next_attempt_is_not_repeated() {
    let (mut booking, id, seen) = lost();
    read_on(&mut booking, &id, &seen, 9);
    assert_eq!(booking.state(&id), "planned");
    booking.read(&with_row(&seen, "CAP1", 400, Some(booking.text_of(&id))));
    assert_eq!(booking.state(&id), "done");
    let key = booking.intent(&id).key.clone();
    assert_eq!(booking.decide(JobKind::Capture, &key), domain::decide::Step::Done);
}

#[test]
fn our_charge_and_our_capture_are_not_taken_for_each_other() {
    let mut booking = Booking::with(merchant(), &[1000], "{}").held();
    let before = booking.seen();
    let id = booking.lost(charge(400));
    booking.now += minutes(1);
    let shown = with_row(&before, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!(booking.state(&id), "unknown", "a capture with the marker of a charge is not that charge");
    assert!(booking.r.ledger[0].foreign);
}
