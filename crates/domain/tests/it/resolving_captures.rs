//! What details say of a capture whose answer was lost, row by row of its decision table: what shows resolves it.

use chrono::{DateTime, Utc};
use domain::history::Event;
use domain::observe::{SeenStatus, Snapshot};
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::{Operation, RowKind};
use domain::resolve::MarkerEcho;
use domain::{Fact, IntentFact, IntentId, JobKind, Money, ProviderFact};
use testkit::named;

use crate::booking::{
    Booking, capture, charge, history_row, hours, kr, lost_capture, merchant, minutes, names, on,
    proven, with_capture, with_charge,
};

#[test]
fn row_01_one_row_with_our_marker_and_amount_confirms() {
    let (mut booking, id, seen) = lost_capture();
    let seen = with_capture(&seen, "CAP1", 400, Some(booking.text_of(&id)));
    let facts = booking.read(&seen);
    assert_eq!(names(&facts), ["lines_synced", "intent_confirmed"]);
    assert_eq!(booking.state(&id), "done");
    let row = &booking.r.ledger[0];
    assert_eq!(
        (row.amount, row.reference.clone(), row.confirmed),
        (kr(400), Some(named("CAP1")), true)
    );
    assert_eq!(
        (row.intent.is_none(), row.lines.as_slice()),
        (false, &[on(1, 400)][..])
    );
    assert_eq!(booking.read(&seen), [], "and a second look changes nothing");
}

#[test]
fn row_02_our_marker_with_another_amount_is_booked_as_shown_and_asked() {
    let (mut booking, id, seen) = lost_capture();
    let seen = with_capture(&seen, "CAP1", 500, Some(booking.text_of(&id)));
    booking.read(&seen);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("done", vec!["effect_differs"])
    );
    assert_eq!(booking.r.booked(RowKind::Capture), kr(500));
    assert_eq!(
        booking.r.captured_on(1),
        kr(500),
        "by what details show on the line"
    );
    assert!(booking.r.is_frozen());
}

#[test]
fn row_03_two_rows_with_our_marker_are_a_duplicate() {
    let (mut booking, id, seen) = lost_capture();
    let text = booking.text_of(&id);
    let twice = with_capture(
        &with_capture(&seen, "CAP1", 400, Some(text.clone())),
        "CAP2",
        400,
        Some(text),
    );
    booking.read(&twice);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("done", vec!["effect_differs"])
    );
    assert_eq!(
        booking.r.booked(RowKind::Capture),
        kr(800),
        "both have taken money"
    );
    assert!(booking.r.is_frozen());
    assert!(
        booking
            .r
            .ledger
            .iter()
            .all(|row| row.intent.as_ref() == Some(&id))
    );
    assert_eq!(booking.read(&twice), []);
}

#[test]
fn row_03_a_second_row_that_comes_later_is_a_duplicate_too() {
    let (mut booking, id, seen) = lost_capture();
    let text = booking.text_of(&id);
    let once = with_capture(&seen, "CAP1", 400, Some(text.clone()));
    booking.read(&once);
    booking.read(&with_capture(&once, "CAP2", 400, Some(text)));
    assert_eq!(booking.reviews(), ["effect_differs"]);
    assert_eq!(booking.r.booked(RowKind::Capture), kr(800));
}

#[test]
fn row_04_an_equal_row_without_our_marker_is_booked_as_external_and_asked() {
    let (mut booking, id, seen) = lost_capture();
    let seen = with_capture(&seen, "CAP7", 400, Some("by hand".into()));
    booking.read(&seen);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
    assert!(booking.r.ledger[0].intent.is_none());
    assert_eq!(
        booking.r.capturable(),
        kr(200),
        "both count as spent until a person has said which it is"
    );
}

#[test]
fn case_106_a_marker_found_at_the_first_read_is_one_capture_for_two_requests() {
    let (mut booking, id, seen) = lost_capture();
    let shown = with_capture(&seen, "CAP1", 400, Some(booking.text_of(&id)));
    booking.now = booking.intent(&id).sent().expect("sent").at;
    assert_eq!(
        booking.look(&id, &shown, &[], 9),
        (1, 0),
        "fifteen seconds after it was sent"
    );
    assert_eq!(
        (booking.state(&id), booking.r.booked(RowKind::Capture)),
        ("done", kr(400))
    );
    assert_eq!(booking.intent(&id).attempts(), 1);
}

#[test]
fn row_02_our_marker_on_other_lines_is_booked_and_asked() {
    let mut booking = Booking::new(&[600, 400]).held();
    let seen = booking.seen();
    let id = booking.lost(capture(&[on(1, 300)]));
    let mut shown = with_capture(&seen, "CAP1", 300, Some(booking.text_of(&id)));
    (shown.products[0].captured, shown.products[1].captured) = (Some(Money::ZERO), Some(kr(300)));
    booking.read(&shown);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("done", vec!["effect_differs"])
    );
    let mut untold = Booking::new(&[600, 400]).held();
    let id = untold.lost(capture(&[on(1, 300)]));
    shown.captures[0].text = Some(untold.text_of(&id));
    shown.products[1].captured = Some(Money::ZERO);
    untold.read(&shown);
    assert_eq!(
        (untold.state(&id), untold.reviews()),
        ("done", vec![]),
        "details that do not tell lines accuse nobody"
    );
}

#[test]
fn row_04_a_text_that_shows_late_attributes_the_row_after_all() {
    let (mut booking, id, seen) = lost_capture();
    booking.read(&with_capture(&seen, "CAP7", 400, None));
    assert_eq!(
        (booking.state(&id), booking.r.ledger[0].intent.is_none()),
        ("needs_review", true)
    );
    booking.read(&with_capture(
        &seen,
        "CAP7",
        400,
        Some(booking.text_of(&id)),
    ));
    assert_eq!((booking.state(&id), booking.reviews()), ("done", vec![]));
    let row = &booking.r.ledger[0];
    assert_eq!(
        (
            booking.r.ledger.len(),
            row.intent.is_none(),
            row.intent.as_ref()
        ),
        (1, false, Some(&id))
    );
}

/// A lost operation at a merchant whose markers do not come back, and details that show it without one, at its time.
fn unmarked(operation: Operation) -> (Booking, IntentId, Snapshot) {
    let mut booking = Booking::new(&[9000]).held();
    booking.evidence.marker_echo = MarkerEcho::Broken;
    let (seen, kroner) = (
        booking.seen(),
        u32::try_from(operation.amount().minor() / 100).expect("kroner"),
    );
    let mut shown = match operation.row_kind() {
        Some(RowKind::Charge) => with_charge(&seen, "CHA1", kroner, None),
        _ => with_capture(&seen, "CAP1", kroner, None),
    };
    let id = booking.lost(operation);
    for row in shown.captures.iter_mut().chain(&mut shown.charges) {
        row.at = Some(booking.now);
    }
    booking.now += minutes(1);
    (booking, id, shown)
}

fn call_back(booking: &mut Booking, word: &str, at: DateTime<Utc>) {
    booking.fold(&[Fact::Provider(ProviderFact::CallbackReceived {
        event_type: word.into(),
        at,
    })]);
}

#[test]
fn row_05_an_unmarked_row_is_ours_once_a_second_source_says_so() {
    for (operation, word, event, uuid) in [
        (capture(&[on(1, 400)]), "captured", Event::Captured, "CAP1"),
        (charge(400), "Charged", Event::Charged, "CHA1"),
    ] {
        let (mut booking, id, shown) = unmarked(operation.clone());
        let sent_at = booking.intent(&id).sent().expect("sent").at;
        call_back(&mut booking, word, sent_at);
        let facts = booking.read(&shown);
        assert!(
            names(&facts).contains(&"intent_confirmed"),
            "a callback since the sending: {facts:?}"
        );
        assert_eq!((booking.state(&id), booking.reviews()), ("done", vec![]));
        assert!(booking.r.ledger[0].intent.is_some());
        assert_eq!(booking.read(&shown), []);
        let (mut booking, id, shown) = unmarked(operation);
        booking.read(&shown);
        assert_eq!(
            (booking.state(&id), booking.r.ledger[0].intent.is_none()),
            ("unknown", true),
            "nobody's so far"
        );
        let facts = booking.search(&id, &[history_row(event, uuid, 400, sent_at)]);
        assert_eq!(names(&facts), ["history_read", "intent_confirmed"]);
        let row = &booking.r.ledger[0];
        assert_eq!(
            (
                booking.r.ledger.len(),
                row.intent.is_none(),
                row.intent.as_ref()
            ),
            (1, false, Some(&id))
        );
    }
}

#[test]
fn row_05_without_a_second_source_the_history_is_asked_at_once_and_then_a_person() {
    let (mut booking, id, shown) = unmarked(capture(&[on(1, 400)]));
    assert_eq!(booking.look(&id, &shown, &[], 9), (1, 1));
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
    assert_eq!(
        booking.now,
        booking.intent(&id).sent().expect("sent").at + minutes(1),
        "no time is lost over it"
    );
    let now = booking.now;
    call_back(&mut booking, "captured", now);
    booking.read(&shown);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("done", vec![]),
        "evidence that comes late resolves it too"
    );
}

#[test]
fn row_05_anything_that_does_not_fit_is_a_persons() {
    type Change = fn(&mut Booking, &mut Snapshot);
    let changes: [(&str, Change); 7] = [
        ("markers come back", |booking, _| {
            booking.evidence.marker_echo = MarkerEcho::Verified;
        }),
        ("whether they do is unknown", |booking, _| {
            booking.evidence.marker_echo = MarkerEcho::Unverified;
        }),
        ("too much for a weak proof", |booking, _| {
            booking.merchant.resolution.unmarked_match_limit = kr(399);
        }),
        ("long before the request", |booking, seen| {
            seen.captures[0].at = Some(booking.now - minutes(4));
        }),
        ("long after the request", |booking, seen| {
            booking.now += minutes(30);
            seen.captures[0].at = Some(booking.now - minutes(10));
        }),
        ("the time is unknown", |_, seen| seen.captures[0].at = None),
        ("two such rows", |_, seen| {
            let again = seen.captures[0].clone();
            seen.captures.push(domain::observe::SeenRow {
                reference: Some(named("CAP2")),
                ..again
            });
            (seen.captured, seen.products[0].captured) = (kr(800), Some(kr(800)));
        }),
    ];
    for (name, change) in changes {
        let (mut booking, id, mut shown) = unmarked(capture(&[on(1, 400)]));
        let sent_at = booking.intent(&id).sent().expect("sent").at;
        call_back(&mut booking, "captured", sent_at);
        change(&mut booking, &mut shown);
        booking.read(&shown);
        assert_eq!(booking.state(&id), "needs_review", "{name}");
        assert!(
            booking.r.ledger.iter().all(|row| row.intent.is_none()),
            "{name}"
        );
    }
    let (mut early, id, shown) = unmarked(capture(&[on(1, 400)]));
    let before = early.intent(&id).sent().expect("sent").at - minutes(1);
    call_back(&mut early, "captured", before);
    early.read(&shown);
    assert_eq!(
        early.state(&id),
        "unknown",
        "a callback from before the sending is no evidence"
    );
}

#[test]
fn row_05_an_unmarked_row_beside_another_capture_that_is_open_is_a_persons() {
    let (mut booking, id, shown) = unmarked(capture(&[on(1, 400)]));
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    call_back(&mut booking, "captured", sent_at);
    booking.plan(capture(&[on(1, 100)]));
    booking.read(&shown);
    assert_eq!(booking.state(&id), "needs_review");
}

#[test]
fn row_05_an_unmarked_row_on_other_lines_is_a_persons() {
    let (mut booking, id, mut shown) = unmarked(capture(&[on(1, 400)]));
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    call_back(&mut booking, "captured", sent_at);
    let mut other = shown.products[0].clone();
    (other.id, other.captured) = (900, Some(kr(400)));
    shown.products[0].captured = Some(Money::ZERO);
    shown.products.push(other);
    booking.read(&shown);
    assert_eq!(booking.state(&id), "needs_review");
}

#[test]
fn row_06_a_row_of_another_amount_is_external_and_the_question_stays_open() {
    let (mut booking, id, seen) = lost_capture();
    let seen = with_capture(&seen, "CAP7", 100, None);
    let facts = booking.read(&seen);
    assert_eq!(
        names(&facts),
        [
            "lines_synced",
            "ledger_row_posted",
            "review_raised",
            "effect_not_seen"
        ]
    );
    assert_eq!(
        (booking.state(&id), booking.r.capturable()),
        ("unknown", kr(500))
    );
    assert_eq!(
        (booking.reviews(), booking.r.is_frozen()),
        (vec!["external_change"], false)
    );
    assert_eq!(booking.read(&seen).len(), 1, "it is adopted once");
}

#[test]
fn row_07_sums_that_moved_before_the_rows_resolve_nothing_and_start_the_count_again() {
    let (mut booking, id, seen) = lost_capture();
    booking.read(&seen);
    let mut partial = seen;
    partial.captured = kr(400);
    assert_eq!(names(&booking.read(&partial)), ["effect_not_seen"]);
    let progress = serde_json::to_value(&booking.intent(&id).progress).expect("JSON");
    assert_eq!(
        (progress["reads"].as_u64(), progress["clean_reads"].as_u64()),
        (Some(2), Some(0))
    );
}

#[test]
fn row_08_silence_before_the_horizon_means_the_next_read() {
    let (mut booking, id, seen) = lost_capture();
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    for (read, next) in [
        (1, minutes(1)),
        (2, minutes(5)),
        (3, minutes(15)),
        (4, minutes(30)),
    ] {
        let key = booking.intent(&id).key.clone();
        booking.now = booking.job(&key).expect("a job").run_at;
        booking.read(&seen);
        assert_eq!(booking.state(&id), "unknown", "after read {read}");
        assert_eq!(
            booking.job(&key).map(|job| job.run_at),
            Some(sent_at + next)
        );
    }
    assert_eq!(
        booking.look(&id, &seen, &[], 1),
        (0, 1),
        "once the horizon is over, the history first"
    );
    let key = booking.intent(&id).key.clone();
    assert_eq!(
        booking.job(&key).map(|job| job.run_at),
        Some(sent_at + hours(1))
    );
}

#[test]
fn row_11_a_later_attempt_refused_is_evidence_and_the_row_confirms_it() {
    let (mut booking, id, seen) = lost_capture();
    booking.look(&id, &seen, &[], 12);
    booking.send(&id);
    let refused = Outcome::Rejected {
        by: RefusedBy::Business,
        key: "runway".to_owned(),
    };
    booking.answer(&id, &refused);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["capture_unknown"])
    );
    let shown = with_capture(&seen, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("done", vec![]),
        "what is resolved needs no person"
    );
}

#[test]
fn case_111_row_11_without_a_row_a_person_decides_and_there_is_no_third_try() {
    let (mut booking, id, seen) = lost_capture();
    booking.look(&id, &seen, &[], 12);
    booking.send(&id);
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::Business,
            key: "runway".to_owned(),
        },
    );
    for _ in 0..5 {
        booking.now += hours(24);
        booking.read(&seen);
    }
    assert_eq!(
        (booking.state(&id), booking.intent(&id).attempts()),
        ("needs_review", 2)
    );
}

#[test]
fn row_12_a_reservation_that_is_over_without_a_row_took_nothing() {
    for status in [
        SeenStatus::Cancelled,
        SeenStatus::Expired,
        SeenStatus::Completed,
    ] {
        let (mut booking, id, mut seen) = lost_capture();
        seen.status = status.clone();
        booking.read(&seen);
        assert_eq!(booking.state(&id), "withdrawn", "{status:?}");
        assert_eq!(booking.r.booked(RowKind::Capture), Money::ZERO);
    }
}

#[test]
fn row_13_details_that_do_not_add_up_three_times_reach_a_person() {
    let (mut booking, id, seen) = lost_capture();
    let mut wrong = seen.clone();
    wrong.charged = kr(1);
    for read in 1..=3 {
        assert_eq!(booking.reviews(), Vec::<&str>::new(), "before read {read}");
        booking.now += minutes(2);
        booking.read(&wrong);
    }
    assert_eq!(booking.reviews(), ["incoherent"]);
    assert_eq!(booking.state(&id), "unknown", "no decision from nonsense");
    booking.now += minutes(2);
    booking.read(&seen);
    assert_eq!(booking.r.control.incoherent_reads, 0);
}

#[test]
fn row_12_a_hold_that_is_over_resolves_what_is_in_review() {
    let (mut booking, id, seen) = lost_capture();
    let (intent, at) = (id.clone(), booking.now);
    let reason = domain::reservation::ReviewReason::CaptureUnknown;
    booking.fold(&[Fact::Intent(intent, IntentFact::Escalated { reason, at })]);
    booking.read(&Snapshot {
        status: SeenStatus::Expired,
        ..seen
    });
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("withdrawn", vec![])
    );
}

#[test]
fn row_12_an_earlier_capture_does_not_speak_for_a_later_one() {
    let mut booking = Booking::with(proven(), &[1000], "{}").captured(400);
    let seen = booking.seen();
    let id = booking.lost(capture(&[on(1, 300)]));
    booking.read(&Snapshot {
        status: SeenStatus::Completed,
        ..seen
    });
    assert_eq!(
        (booking.state(&id), booking.r.booked(RowKind::Capture)),
        ("withdrawn", kr(400))
    );
}

#[test]
fn row_13_time_alone_resolves_nothing() {
    let (mut booking, id, _) = lost_capture();
    let before = booking.r.clone();
    booking.now += hours(48);
    let key = booking.intent(&id).key.clone();
    assert_eq!(
        booking.decide(JobKind::Capture, &key),
        domain::decide::Step::Read,
        "whatever failed before"
    );
    assert_eq!(booking.r, before, "a read that failed leaves no mark");
}

#[test]
fn case_114_an_external_capture_above_what_was_delivered_is_for_a_person() {
    for (delivered, taken, reviews) in [(400, 400, vec![]), (400, 401, vec!["external_change"])] {
        let mut booking = Booking::new(&[1000]).held();
        let seen = booking.seen();
        booking.fold(&[crate::booking::delivered(
            "D-1",
            booking.now,
            &[on(1, delivered)],
            false,
        )]);
        booking.read(&with_capture(&seen, "CAP7", taken, None));
        assert_eq!(
            (booking.reviews(), booking.r.is_frozen()),
            (reviews, false),
            "{delivered} {taken}"
        );
    }
    let manual = r#"{"capture":{"on_delivery":"manual"}}"#;
    let mut booking = Booking::with(merchant(), &[1000], manual).held();
    let seen = booking.seen();
    booking.read(&with_capture(&seen, "CAP7", 400, None));
    assert_eq!(
        booking.reviews(),
        Vec::<&str>::new(),
        "where deliveries are not what captures follow"
    );
}
