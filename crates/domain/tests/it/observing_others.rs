//! What reads say of payments, links, closings and lines, and of what others do without a word.

use domain::observe::SeenStatus;
use domain::reservation::{Closing, Origin, ReviewReason, RowKind};
use domain::{Fact, IntentFact, Money, ProviderFact, Status};

use crate::booking::{
    Booking, capture, complete, delivered, hours, kr, minutes, monday, names, on, with_capture,
    with_charge,
};

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
        assert_eq!(
            booking.read(&seen),
            [Fact::Provider(ProviderFact::Closed {
                how,
                at,
                origin: Origin::External
            })]
        );
        assert_eq!((booking.r.status(), booking.read(&seen)), (status, vec![]));
    }
}

#[test]
fn what_was_delivered_and_is_released_in_the_portal_reaches_a_person() {
    for (shown, captured, reviews) in [
        (SeenStatus::Cancelled, None, vec!["late_delivery"]),
        (SeenStatus::Completed, Some(300), vec!["late_delivery"]),
        (SeenStatus::Completed, Some(400), vec![]),
    ] {
        let mut booking = Booking::new(&[1000]).held();
        booking.fold(&[delivered("D-1", booking.now, &[on(1, 400)], false)]);
        let mut seen = booking.seen();
        if let Some(kroner) = captured {
            seen = with_capture(&seen, "CAP9", kroner, None);
        }
        seen.status = shown;
        booking.read(&seen);
        assert_eq!(booking.reviews(), reviews, "{captured:?}");
    }
}

#[test]
fn what_is_closed_stays_closed_and_late_truth_is_booked_beside_it() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    booking.accepted(complete(), None);
    let mut seen = with_charge(&booking.seen(), "CHA7", 50, None);
    seen.status = SeenStatus::Completed;
    booking.read(&seen);
    assert_eq!(
        (booking.r.status(), booking.r.booked(RowKind::Charge)),
        (Status::Completed, kr(50))
    );
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
    assert_eq!(
        names(&unpaid.read(&seen)),
        ["lines_synced", "payment_link_expired"]
    );
    assert_eq!(
        (unpaid.r.status(), unpaid.read(&seen)),
        (Status::Expired, vec![])
    );
    let mut held = Booking::new(&[1000]).held();
    let mut seen = held.seen();
    seen.status = SeenStatus::Expired;
    assert_eq!(names(&held.read(&seen)), ["hold_lapsed"]);
    assert_eq!(
        (held.r.status(), held.read(&seen)),
        (Status::Expired, vec![])
    );
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
    assert_eq!(
        booking.read(&seen),
        [],
        "not while something is open about it"
    );
    booking.fold(&[Fact::Intent(
        open,
        IntentFact::Withdrawn {
            reason: "too late".into(),
        },
    )]);
    assert_eq!(names(&booking.read(&seen)), ["hold_lapsed"]);
}

#[test]
fn an_undocumented_status_word_is_shown_to_a_person_and_neither_freezes_nor_crashes() {
    let mut booking = Booking::new(&[1000]).held();
    let mut seen = booking.seen();
    (seen.word, seen.status) = (
        "ON_THE_MOON".into(),
        SeenStatus::Other("ON_THE_MOON".into()),
    );
    booking.read(&seen);
    assert_eq!(
        (booking.reviews(), booking.r.is_frozen()),
        (vec!["incoherent"], false)
    );
    assert_eq!(booking.r.provider.status.as_deref(), Some("ON_THE_MOON"));
    assert_eq!(booking.r.status(), Status::Held, "the amounts tell");
    assert_eq!(booking.read(&seen), [], "it is in review already");
}

#[test]
fn lines_are_matched_once_by_name_and_then_by_number_and_the_rest_is_extra() {
    let mut booking = Booking::new(&[500, 500, 200]).awaiting();
    let mut seen = booking.seen();
    for product in &mut seen.products {
        product.name = Some("Line 1".into());
    }
    seen.products[2].name = Some("Line 3".into());
    (booking.r.lines[0].name, booking.r.lines[1].name) = ("Line 1".into(), "Line 1".into());
    let mut late = seen.products[0].clone();
    (late.id, late.name) = (900, Some("Minibar".into()));
    seen.products.insert(0, late);
    booking.read(&seen);
    let ids: Vec<_> = booking
        .r
        .lines
        .iter()
        .map(|line| line.provider_id)
        .collect();
    assert_eq!(ids, [Some(101), Some(102), Some(103)], "two alike are two");
    assert_eq!(booking.r.provider.extra_products.len(), 1);
    seen.products[1].name = Some("Renamed in the portal".into());
    assert_eq!(booking.read(&seen), [], "a number once learnt stays");
}

#[test]
fn what_details_do_not_show_of_a_line_is_matched_by_the_rest_and_leaves_what_was_known() {
    type Hide = fn(&mut domain::observe::SeenProduct);
    let hidden: [(&str, Hide); 3] = [
        ("its name", |product| product.name = None),
        ("its amount", |product| product.amount = None),
        ("what is captured on it", |product| product.captured = None),
    ];
    for (what, hide) in hidden {
        let mut booking = Booking::new(&[500, 300]).awaiting();
        let mut seen = booking.seen();
        hide(&mut seen.products[0]);
        booking.read(&seen);
        let ids = booking.r.lines.iter().map(|line| line.provider_id);
        assert_eq!(ids.collect::<Vec<_>>(), [Some(101), Some(102)], "{what}");
        booking.r.lines[0].captured_seen = Money::kroner(100);
        seen.products[0].captured = None;
        booking.read(&seen);
        assert_eq!(
            booking.r.lines[0].captured_seen,
            Money::kroner(100),
            "{what}"
        );
    }
    let mut booking = Booking::new(&[500, 500]).awaiting();
    let mut seen = booking.seen();
    seen.products
        .iter_mut()
        .for_each(|product| product.name = None);
    booking.read(&seen);
    let ids = booking.r.lines.iter().map(|line| line.provider_id);
    assert_eq!(
        ids.collect::<Vec<_>>(),
        [None, None],
        "which is which does not show"
    );
}

#[test]
fn a_hold_is_never_older_than_its_link() {
    for (hours, expected) in [(-26, 0), (-24 * 20_000, 0), (-2, -2), (1, 0)] {
        let mut booking = Booking::new(&[1000]).awaiting();
        let mut seen = Booking::new(&[1000]).held().seen();
        let domain::reservation::Link::Sent { at, .. } = booking.r.link else {
            panic!("a link")
        };
        booking.now = at;
        seen.reserved_at = Some(at + chrono::TimeDelta::hours(hours));
        booking.read(&seen);
        let expected = at + chrono::TimeDelta::hours(expected);
        let domain::reservation::Hold::Reserved { at, .. } = booking.r.hold else {
            panic!("a hold")
        };
        assert_eq!(at, expected, "{hours} h");
    }
}

#[test]
fn a_review_that_ends_takes_its_question_along_unless_another_asks_the_same() {
    let mut booking = Booking::new(&[1000]).held();
    let first = booking.lost(capture(&[on(1, 100)]));
    let second = booking.lost(capture(&[on(1, 200)]));
    let (reason, at) = (ReviewReason::CaptureUnknown, booking.now);
    for intent in [&first, &second] {
        booking.fold(&[Fact::Intent(
            intent.clone(),
            IntentFact::Escalated { reason, at },
        )]);
    }
    booking.fold(&[Fact::Intent(first, IntentFact::EffectRuledOut { at })]);
    assert_eq!(booking.reviews(), ["capture_unknown"]);
    booking.fold(&[Fact::Intent(
        second,
        IntentFact::Withdrawn {
            reason: "no".into(),
        },
    )]);
    assert_eq!(booking.reviews(), Vec::<&str>::new());
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
