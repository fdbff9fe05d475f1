//! What reads say of captures, and which details are believed at all.

use domain::Money;
use domain::observe::{SeenStatus, Snapshot};
use domain::reservation::{ReviewReason, RowKind};
use domain::{Fact, IntentFact, ProviderFact, ReviewFact};
use testkit::named;

use crate::booking::{
    Booking, capture, charge, kr, lost_capture, merchant, minutes, names, on, row, with_capture,
};

#[test]
fn details_are_believed_only_when_they_add_up() {
    type Change = fn(&mut Snapshot);
    let changes: [(&str, Change); 11] = [
        ("captures do not sum", |seen| seen.captured = kr(401)),
        ("charges do not sum", |seen| seen.charged = kr(1)),
        ("lines sum to more than was taken", |seen| {
            seen.products[0].captured = Some(kr(401));
        }),
        ("more is captured than held", |seen| {
            (seen.reserved, seen.captured) = (kr(300), kr(400));
        }),
        ("a confirmed row is gone", |seen| {
            (seen.captures, seen.captured) = (vec![], Money::ZERO);
        }),
        ("less is held than before", |seen| seen.reserved = kr(900)),
        ("less is given back than before", |seen| {
            seen.captures[0].refunded = Some(kr(50));
        }),
        ("a row has no name", |seen| {
            seen.captures[0].reference = None;
        }),
        ("a new row has no name", |seen| {
            let mut nameless = row("CAP9", 1, None);
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
    booking.fold(&[Fact::Provider(ProviderFact::RefundSeen {
        reference: named("CAP1"),
        refunded: kr(100),
    })]);
    assert!(booking.seen().is_coherent_with(&booking.r));
    for (name, change) in changes {
        let mut seen = booking.seen();
        change(&mut seen);
        assert!(!seen.is_coherent_with(&booking.r), "{name}");
        let mut result = Booking::new(&[1]);
        (result.r, result.now) = (booking.r.clone(), booking.now);
        assert_eq!(
            result.read(&seen),
            [],
            "{name}: nothing is learnt but that it was read"
        );
    }
    for status in [SeenStatus::Expired, SeenStatus::Cancelled] {
        let mut seen = Booking::new(&[1000]).held().seen();
        (seen.status, seen.reserved) = (status, Money::ZERO);
        assert!(
            seen.is_coherent_with(&Booking::new(&[1000]).held().r),
            "what is over holds nothing"
        );
    }
}

#[test]
fn a_capture_accepted_without_a_reference_is_told_by_its_marker_or_else_by_its_amount() {
    for marked in [true, false] {
        let mut booking = Booking::new(&[1000]).held();
        let before = booking.seen();
        let id = booking.accepted(capture(&[on(1, 400)]), None);
        assert_eq!(
            (booking.state(&id), booking.r.unresolved()),
            ("accepted", kr(400))
        );
        let text = marked.then(|| booking.text_of(&id));
        let twice = with_capture(&with_capture(&before, "CAP1", 400, text), "CAP2", 400, None);
        booking.read(&twice);
        assert_eq!(booking.state(&id), "done");
        let ours: Vec<_> = booking
            .r
            .ledger
            .iter()
            .map(|row| row.intent.is_none())
            .collect();
        assert_eq!(ours, [false, true], "each row is somebody's");
    }
}

#[test]
fn case_160_the_reference_in_details_replaces_the_one_of_the_answer() {
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    let id = booking.capture(&[on(1, 400)], "answer-1");
    let shown = with_capture(&before, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!(booking.r.ledger.len(), 1, "it is one row under two names");
    assert_eq!(booking.r.ledger[0].reference, Some(named("CAP1")));
    assert_eq!((booking.reviews(), booking.read(&shown)), (vec![], vec![]));
}

#[test]
fn a_row_that_a_person_vouched_for_without_a_name_takes_the_one_that_shows() {
    for marked in [true, false] {
        let (mut booking, id, seen) = lost_capture();
        let at = booking.now;
        let (intent, amount) = (id.clone(), kr(400));
        booking.fold(&[Fact::Intent(
            intent,
            IntentFact::Confirmed {
                reference: None,
                amount,
                at,
            },
        )]);
        assert!(seen.is_coherent_with(&booking.r), "it need not show yet");
        let text = marked.then(|| booking.text_of(&id));
        booking.read(&with_capture(&seen, "CAP1", 400, text));
        assert_eq!(booking.r.booked(RowKind::Capture), kr(400));
        assert_eq!(booking.r.ledger[0].reference, Some(named("CAP1")));
    }
}

#[test]
fn our_charge_and_our_capture_are_not_taken_for_each_other() {
    let mut booking = Booking::with(merchant(), &[1000], "{}").held();
    let before = booking.seen();
    let id = booking.lost(charge(400));
    booking.now += minutes(1);
    let shown = with_capture(&before, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!(
        booking.state(&id),
        "unknown",
        "a capture with the marker of a charge is not that charge"
    );
    assert!(booking.r.ledger[0].intent.is_none());
}

#[test]
fn row_02_an_accepted_row_shown_with_another_amount_is_corrected_and_asked() {
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    let id = booking.capture(&[on(1, 400)], "CAP1");
    let seen = with_capture(&before, "CAP1", 450, Some(booking.text_of(&id)));
    let facts = booking.read(&seen);
    assert_eq!(
        names(&facts),
        ["lines_synced", "ledger_row_confirmed", "review_raised"]
    );
    assert_eq!(
        (booking.r.booked(RowKind::Capture), booking.r.capturable()),
        (kr(450), kr(550))
    );
    booking.fold(&[Fact::Review(ReviewFact::Closed {
        reason: ReviewReason::EffectDiffers,
    })]);
    assert_eq!(booking.read(&seen), [], "it has been said once");
}
