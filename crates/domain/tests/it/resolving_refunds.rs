//! Refunds in doubt: they have no marker, and two independent sources resolve them.

use domain::history::{Event, HistoryRow};
use domain::observe::{SeenRefund, Snapshot};
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::{Operation, RowKind};
use domain::{Fact, IntentFact, IntentId};
use testkit::named;

use crate::booking::{
    Booking, RES, capture, charge, given_back, history_row, hours, kr, minutes, names, on, refund,
};

#[test]
fn a_refund_is_confirmed_when_its_row_rose_by_exactly_its_amount() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let before = booking.seen();
    let id = booking.accepted(refund("CAP1", &[on(1, 300)]), None);
    assert_eq!(
        (booking.state(&id), booking.r.refundable(&named("CAP1"))),
        ("accepted", kr(700))
    );
    assert!(
        booking.r.booked(RowKind::Refund).is_zero(),
        "accepted means pending"
    );
    let after = given_back(&before, 300);
    booking.read(&after);
    assert_eq!(
        (booking.state(&id), booking.r.booked(RowKind::Refund)),
        ("done", kr(300))
    );
    assert_eq!(booking.r.refundable(&named("CAP1")), kr(700));
    assert_eq!(booking.read(&after), []);
}

#[test]
fn row_03_a_refund_whose_row_rose_by_another_amount_is_a_conflict() {
    let mut unknown = Booking::new(&[1000]).captured(1000);
    let id = unknown.lost(refund("CAP1", &[on(1, 300)]));
    let seen = given_back(&unknown.seen(), 200);
    unknown.read(&seen);
    assert_eq!(
        (unknown.state(&id), unknown.reviews()),
        ("needs_review", vec!["refund_unknown"])
    );
    assert_eq!(
        unknown.r.refundable(&named("CAP1")),
        kr(500),
        "what shows and what may be count both"
    );
    let mut accepted = Booking::new(&[1000]).captured(1000);
    let id = accepted.accepted(refund("CAP1", &[on(1, 300)]), None);
    accepted.read(&given_back(&accepted.seen(), 200));
    assert_eq!(
        (accepted.state(&id), accepted.reviews()),
        ("accepted", vec!["effect_differs"])
    );
}

#[test]
fn case_113_a_refund_accepted_and_not_shown_for_three_days_is_unknown_and_then_a_persons() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let seen = booking.seen();
    let id = booking.accepted(refund("CAP1", &[on(1, 300)]), None);
    let sent_at = booking.now;
    while booking.state(&id) == "accepted" {
        booking.look(&id, &seen, &[], 1);
    }
    assert_eq!(
        (booking.state(&id), booking.now >= sent_at + hours(72)),
        ("unknown", true)
    );
    booking.look(&id, &seen, &[], 20);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["refund_unknown"])
    );
}

#[test]
fn money_given_back_by_somebody_else_is_adopted_and_counts() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let after = given_back(&booking.seen(), 250);
    booking.read(&after);
    let row = booking.r.ledger.last().expect("a row");
    assert_eq!(
        (row.kind, row.amount, row.intent.is_none()),
        (RowKind::Refund, kr(250), true)
    );
    assert_eq!(
        (booking.r.refundable(&named("CAP1")), booking.read(&after)),
        (kr(750), vec![])
    );
}

#[test]
fn a_refund_that_shows_after_it_was_denied_is_a_late_effect_once() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let before = booking.seen();
    let id = booking.lost(refund("CAP1", &[on(1, 300)]));
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Withdrawn {
            reason: "it did not happen".into(),
        },
    )]);
    booking.read(&given_back(&before, 300));
    assert_eq!(booking.reviews(), ["late_effect"]);
    assert_eq!(
        booking.r.ledger.last().and_then(|row| row.intent.clone()),
        Some(id)
    );
    booking.read(&given_back(&before, 600));
    assert!(
        booking
            .r
            .ledger
            .last()
            .is_some_and(|row| row.intent.is_none()),
        "the next one is somebody else's"
    );
}

#[test]
fn a_refund_that_never_left_does_not_keep_an_external_one_from_being_booked() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = booking.plan(refund("CAP1", &[on(1, 300)]));
    let at = booking.now;
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::AttemptWritten { attempt: 1, at },
    )]);
    assert!(
        !booking.intent(&id).was_sent(),
        "a crash before SENDING sent nothing"
    );
    let equal = given_back(&booking.seen(), 300);
    booking.read(&equal);
    assert_eq!((booking.state(&id), booking.reviews()), ("written", vec![]));
    assert!(
        booking
            .r
            .ledger
            .last()
            .is_some_and(|row| row.intent.is_none() && row.amount == kr(300))
    );
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Withdrawn {
            reason: "not needed".into(),
        },
    )]);
    let more = given_back(&equal, 600);
    booking.read(&more);
    assert_eq!(
        booking.reviews(),
        Vec::<&str>::new(),
        "nor is a later one its late effect"
    );
    assert_eq!(
        (
            booking.intent(&id).attempts(),
            booking.r.booked(RowKind::Refund)
        ),
        (0, kr(600))
    );
}

#[test]
fn a_refund_resolved_as_absent_does_not_keep_an_external_one_from_being_booked() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = booking.lost(refund("CAP1", &[on(1, 300)]));
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::EffectRuledOut { at: booking.now },
    )]);
    let seen = given_back(&booking.seen(), 200);
    booking.read(&seen);
    assert_eq!((booking.state(&id), booking.reviews()), ("planned", vec![]));
    assert_eq!(booking.r.booked(RowKind::Refund), kr(200));
}

/// Details that show a refund of 300 from `CAP1` in these places: its row, the list of refunds, the sum.
fn shown_in(seen: &Snapshot, row: bool, list: bool, sum: bool) -> Snapshot {
    let mut seen = seen.clone();
    let back = |shown: bool| if shown { kr(300) } else { kr(0) };
    (seen.captures[0].refunded, seen.refunded_captured) = (Some(back(row)), back(sum));
    if list {
        seen.refunds.push(SeenRefund {
            reference: Some(named("CAP1")),
            amount: kr(300),
            at: None,
        });
    }
    seen
}

fn refunding(accepted: bool) -> (Booking, IntentId, Snapshot) {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let seen = booking.seen();
    let operation = refund("CAP1", &[on(1, 300)]);
    let id = if accepted {
        booking.accepted(operation, None)
    } else {
        booking.lost(operation)
    };
    booking.now += minutes(1);
    (booking, id, seen)
}

#[test]
fn row_01_two_independent_sources_confirm_a_refund_and_row_02_one_does_not() {
    for accepted in [true, false] {
        for places in 0..8_u8 {
            let (row, list, sum) = (places & 1 > 0, places & 2 > 0, places & 4 > 0);
            let (mut booking, id, seen) = refunding(accepted);
            let before = booking.state(&id);
            booking.read(&shown_in(&seen, row, list, sum));
            let state = if places.count_ones() >= 2 {
                "done"
            } else {
                before
            };
            let context = format!("row {row}, list {list}, sum {sum}");
            assert_eq!(
                (booking.state(&id), booking.reviews()),
                (state, vec![]),
                "{context}"
            );
            let booked = if state == "done" { 300 } else { 0 };
            assert_eq!(booking.r.booked(RowKind::Refund), kr(booked), "{context}");
            assert!(
                booking.r.ledger.iter().all(|row| row.intent.is_some()),
                "{context}"
            );
        }
    }
}

#[test]
fn row_02_the_history_is_the_second_source_where_details_show_one() {
    for accepted in [true, false] {
        let (mut booking, id, seen) = refunding(accepted);
        let row = history_row(Event::CaptureRefunded, RES, 300, booking.now);
        let shown = shown_in(&seen, true, false, false);
        assert_eq!(
            booking.look(&id, &shown, &[row], 9),
            (1, 1),
            "accepted {accepted}"
        );
        assert_eq!(
            (booking.state(&id), booking.r.booked(RowKind::Refund)),
            ("done", kr(300))
        );
        assert_eq!(booking.r.refundable(&named("CAP1")), kr(700));
    }
}

#[test]
fn row_02_older_details_tell_the_refund_of_a_single_row_by_the_sum() {
    let (mut booking, id, seen) = refunding(false);
    let mut older = shown_in(&seen, false, false, true);
    older.captures[0].refunded = None;
    booking.read(&older);
    assert_eq!(booking.state(&id), "unknown", "that is one source");
    booking.search(
        &id,
        &[history_row(Event::CaptureRefunded, RES, 300, booking.now)],
    );
    assert_eq!(
        (booking.state(&id), booking.r.booked(RowKind::Refund)),
        ("done", kr(300))
    );
}

#[test]
fn row_02_one_source_keeps_being_looked_after_and_is_a_persons_after_three_days() {
    let (mut booking, id, seen) = refunding(true);
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    let shown = shown_in(&seen, true, false, false);
    let (reads, searches) = booking.look(&id, &shown, &[], 40);
    assert!(
        reads.abs_diff(searches) <= 2,
        "details and the history take turns: {reads}, {searches}"
    );
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["refund_unknown"])
    );
    assert!(
        booking.now >= sent_at + hours(72),
        "{}",
        booking.now - sent_at
    );
}

#[test]
fn row_02_a_row_of_the_history_that_came_first_waits_for_details() {
    let (mut booking, id, seen) = refunding(false);
    booking.search(
        &id,
        &[history_row(Event::CaptureRefunded, RES, 300, booking.now)],
    );
    assert_eq!(booking.state(&id), "unknown", "that is one source");
    booking.read(&shown_in(&seen, false, false, true));
    assert_eq!(
        (booking.state(&id), booking.r.booked(RowKind::Refund)),
        ("done", kr(300))
    );
}

#[test]
fn row_02_a_full_refund_that_one_source_has_seen_is_never_absent() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let mut seen = booking.seen();
    let id = booking.lost(refund("CAP1", &[on(1, 1000)]));
    seen.refunds.push(SeenRefund {
        reference: Some(named("CAP1")),
        amount: kr(1000),
        at: None,
    });
    booking.look(&id, &seen, &[], 40);
    assert_eq!(
        (booking.state(&id), booking.intent(&id).attempts()),
        ("needs_review", 1)
    );
}

#[test]
fn only_a_row_of_the_history_that_fits_speaks_for_a_refund() {
    let (booking, id, _) = refunding(false);
    let now = booking.now;
    let by_charge = refund("CHA1", &[on(1, 300)]);
    let rows: [(&str, HistoryRow, bool); 6] = [
        (
            "its own",
            history_row(Event::CaptureRefunded, RES, 300, now),
            true,
        ),
        (
            "by the row it gives back from",
            history_row(Event::CaptureRefunded, "CAP1", 300, now),
            true,
        ),
        (
            "without an amount",
            history_row(Event::CaptureRefunded, RES, 0, now),
            true,
        ),
        (
            "of another amount",
            history_row(Event::CaptureRefunded, RES, 299, now),
            false,
        ),
        (
            "of another reservation",
            history_row(Event::CaptureRefunded, "RES9", 300, now),
            false,
        ),
        (
            "of a charge",
            history_row(Event::ChargeRefunded, RES, 300, now),
            false,
        ),
    ];
    for (what, row, fits) in rows {
        let mut result = Booking::new(&[1]);
        (result.r, result.now) = (booking.r.clone(), now);
        let facts = result.search(&id, std::slice::from_ref(&row));
        let found = matches!(
            &facts[0],
            Fact::Intent(_, IntentFact::HistoryRead { row: Some(_), .. })
        );
        assert_eq!(found, fits, "{what}");
    }
    let mut charged = Booking::new(&[1000]).held();
    charged.accepted(charge(300), Some("CHA1"));
    let id = charged.lost(by_charge);
    let facts = charged.search(
        &id,
        &[history_row(Event::ChargeRefunded, RES, 300, charged.now)],
    );
    assert!(matches!(
        &facts[0],
        Fact::Intent(_, IntentFact::HistoryRead { row: Some(_), .. })
    ));
}

#[test]
fn row_04_a_full_refund_that_stays_absent_is_sent_again_once() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let seen = booking.seen();
    let id = booking.lost(refund("CAP1", &[on(1, 1000)]));
    let sent_at = booking.now;
    booking.look(&id, &seen, &[], 40);
    assert_eq!(
        (booking.state(&id), booking.now >= sent_at + hours(72)),
        ("planned", true)
    );
    booking.lose(&id);
    booking.look(&id, &seen, &[], 40);
    assert_eq!(
        (booking.state(&id), booking.intent(&id).attempts()),
        ("needs_review", 2)
    );
}

#[test]
fn row_05_a_partial_refund_that_stays_absent_is_a_persons() {
    let (mut booking, id, seen) = refunding(false);
    booking.look(&id, &seen, &[], 40);
    assert_eq!(
        (booking.state(&id), booking.intent(&id).attempts()),
        ("needs_review", 1)
    );
    assert_eq!(booking.reviews(), ["refund_unknown"]);
}

#[test]
fn row_06_a_refund_above_the_merchants_limits_is_refused_and_not_repeated() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = booking.plan(refund("CAP1", &[on(1, 300)]));
    booking.send(&id);
    let key = "refundrejectionforweeklythresholdexceed".to_owned();
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::Business,
            key,
        },
    );
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("rejected", vec!["provider_refused"])
    );
    assert_eq!(
        (booking.r.refundable(&named("CAP1")), booking.r.is_frozen()),
        (kr(1000), false)
    );
}

#[test]
fn row_07_a_refund_that_was_seen_and_vanishes_for_good_is_a_late_effect() {
    let (mut booking, id, seen) = refunding(true);
    booking.read(&given_back(&seen, 300));
    assert_eq!(booking.state(&id), "done");
    for read in 1..=3 {
        assert_eq!(
            booking.reviews(),
            Vec::<&str>::new(),
            "a view that lags, before read {read}"
        );
        booking.now += minutes(2);
        booking.read(&seen);
    }
    assert_eq!(
        (booking.reviews(), booking.r.is_frozen()),
        (vec!["late_effect"], true)
    );
    assert_eq!(
        booking.r.booked(RowKind::Refund),
        kr(300),
        "no review is opened until it is resolved"
    );
}

#[test]
fn a_refund_about_to_be_sent_again_that_shows_in_one_place_is_not() {
    let (mut booking, id, seen) = refunding(false);
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::EffectRuledOut { at: booking.now },
    )]);
    let facts = booking.read(&shown_in(&seen, true, false, false));
    assert!(names(&facts).contains(&"intent_confirmed"), "{facts:?}");
    assert_eq!(booking.state(&id), "done");
}

#[test]
fn refunds_go_one_after_the_other_and_none_beside_a_capture_or_charge_in_doubt() {
    for other in [
        refund("CAP1", &[on(1, 100)]),
        capture(&[on(1, 100)]),
        charge(100),
    ] {
        let mut booking = Booking::new(&[1000]).captured(500);
        booking.lost(other.clone());
        let id = booking.plan(Operation::clone(&refund("CAP1", &[on(1, 300)])));
        let step = booking.decide_intent(&id);
        assert!(
            matches!(step, domain::decide::Step::Wait { .. }),
            "{other:?}: {step:?}"
        );
    }
}
