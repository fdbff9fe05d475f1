//! Charges in doubt: what shows resolves them, and silence never sends one again.

use domain::observe::{SeenStatus, Snapshot};
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::RowKind;
use domain::{Fact, IntentFact, IntentId};

use crate::booking::{Booking, charge, hours, kr, minutes, with_charge};

/// A charge of 400 whose answer was lost a minute ago, and details as they were before it.
fn lost_charge() -> (Booking, IntentId, Snapshot) {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let id = booking.lost(charge(400));
    booking.now += minutes(1);
    (booking, id, seen)
}

#[test]
fn rows_01_02_04_and_06_of_a_charge_are_those_of_a_capture() {
    type Case = (u32, bool, &'static str, &'static [&'static str]);
    let cases: [Case; 4] = [
        (400, true, "done", &[]),
        (500, true, "done", &["effect_differs"]),
        (400, false, "needs_review", &["charge_unknown"]),
        (100, false, "unknown", &[]),
    ];
    for (kroner, marked, state, reviews) in cases {
        let mut booking = Booking::new(&[1000]).held();
        let before = booking.seen();
        let id = booking.lost(charge(400));
        booking.now += minutes(1);
        let text = marked.then(|| booking.text_of(&id));
        booking.read(&with_charge(&before, "CHA1", kroner, text));
        assert_eq!(
            (booking.state(&id), booking.reviews().as_slice()),
            (state, reviews),
            "{kroner} {marked}"
        );
        assert_eq!(booking.r.booked(RowKind::Charge), kr(kroner));
    }
}

#[test]
fn case_112_a_charge_in_doubt_is_never_sent_again_by_itself() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let id = booking.lost(charge(400));
    let sent_at = booking.now;
    booking.look(&id, &seen, &[], 20);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["charge_unknown"])
    );
    assert_eq!(
        booking.now,
        sent_at + hours(24),
        "when 24 hours of silence are over"
    );
    assert_eq!(booking.decide_intent(&id), domain::decide::Step::Done);
}

#[test]
fn row_03_two_rows_with_the_marker_of_a_charge_are_a_duplicate() {
    let (mut booking, id, seen) = lost_charge();
    let text = Some(booking.text_of(&id));
    let once = with_charge(&seen, "CHA1", 400, text.clone());
    booking.read(&with_charge(&once, "CHA2", 400, text));
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("done", vec!["effect_differs"])
    );
    assert_eq!(
        (booking.r.booked(RowKind::Charge), booking.r.is_frozen()),
        (kr(800), true)
    );
}

#[test]
fn row_07_sums_of_charges_that_moved_before_the_rows_resolve_nothing() {
    let (mut booking, id, seen) = lost_charge();
    booking.read(&Snapshot {
        charged: kr(400),
        ..seen
    });
    assert_eq!(
        (booking.state(&id), booking.r.control.incoherent_reads),
        ("unknown", 1)
    );
}

#[test]
fn row_08_silence_after_a_charge_means_the_next_read() {
    let (mut booking, id, seen) = lost_charge();
    let sent_at = booking.intent(&id).sent().expect("sent").at;
    booking.now = sent_at;
    for next in [minutes(1), minutes(5), minutes(15), hours(1), hours(4)] {
        booking.look(&id, &seen, &[], 1);
        let key = booking.intent(&id).key.clone();
        assert_eq!(
            booking.job(&key).map(|job| job.run_at),
            Some(sent_at + next)
        );
    }
    assert_eq!(booking.state(&id), "unknown");
}

#[test]
fn row_09_silence_makes_a_charge_a_persons_whatever_proves_its_absence() {
    let (mut booking, id, seen) = lost_charge();
    booking.merchant.resolution.unmarked_match_limit = kr(1_000_000);
    let (_, searches) = booking.look(&id, &seen, &[], 20);
    assert_eq!(
        (booking.state(&id), searches),
        ("needs_review", 1),
        "the person sees that the history is silent too"
    );
}

#[test]
fn row_11_a_charge_that_a_person_sends_again_and_that_is_refused_is_evidence_of_the_first() {
    let (mut booking, id, seen) = lost_charge();
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::EffectRuledOut { at: booking.now },
    )]);
    booking.send(&id);
    let key = "paymentchargerunwayexceed".to_owned();
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::Business,
            key,
        },
    );
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("needs_review", vec!["charge_unknown"])
    );
    booking.read(&seen);
    assert_eq!(booking.state(&id), "needs_review", "there is no third try");
    booking.read(&with_charge(&seen, "CHA1", 400, Some(booking.text_of(&id))));
    assert_eq!((booking.state(&id), booking.reviews()), ("done", vec![]));
}

#[test]
fn row_13_details_that_do_not_add_up_resolve_no_charge() {
    let (mut booking, id, seen) = lost_charge();
    let wrong = Snapshot {
        captured: kr(1),
        status: SeenStatus::Paid,
        ..seen
    };
    for _ in 0..3 {
        booking.now += minutes(2);
        booking.read(&wrong);
    }
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("unknown", vec!["incoherent"])
    );
}

#[test]
fn a_charge_without_a_card_is_refused_and_not_repeated() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.plan(charge(400));
    booking.send(&id);
    let key = "paymentcardnotfound".to_owned();
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::CardNotFound,
            key,
        },
    );
    assert_eq!(
        (booking.state(&id), booking.reviews(), booking.r.is_frozen()),
        ("rejected", vec!["provider_refused"], false)
    );
}
