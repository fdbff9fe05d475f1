//! What was resolved and shows itself later: the watch over it, and what becomes of a late effect.

use chrono::TimeDelta;
use domain::decide::Step;
use domain::observe::{SeenStatus, Snapshot};
use domain::outcome::Outcome;
use domain::reservation::{Closing, Origin, RowKind};
use domain::{Fact, IntentFact, JobKind, ProviderFact, Status};
use testkit::named;

use crate::booking::{
    Booking, cancel, capture, charge, complete, hours, kr, lost_capture, minutes, on, refund,
    with_capture,
};

#[test]
fn case_109_an_effect_that_shows_after_a_person_denied_it_is_a_late_effect() {
    let (mut booking, id, seen) = lost_capture();
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Withdrawn {
            reason: "it did not happen".into(),
        },
    )]);
    let shown = with_capture(&seen, "CAP1", 400, Some(booking.text_of(&id)));
    booking.read(&shown);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("withdrawn", vec!["late_effect"])
    );
    assert_eq!(booking.r.booked(RowKind::Capture), kr(400));
    assert!(booking.r.is_frozen());
    assert_eq!(booking.read(&shown), []);
}

#[test]
fn case_107_a_capture_sent_again_whose_first_effect_shows_too_is_a_duplicate() {
    let (mut booking, id, seen) = lost_capture();
    booking.look(&id, &seen, &[], 12);
    booking.send(&id);
    booking.answer(
        &id,
        &Outcome::Accepted {
            reference: Some(named("CAP2")),
            link: None,
        },
    );
    let text = booking.text_of(&id);
    booking.read(&with_capture(
        &with_capture(&seen, "CAP2", 400, Some(text.clone())),
        "CAP1",
        400,
        Some(text),
    ));
    assert_eq!(booking.reviews(), ["effect_differs"]);
    assert_eq!(
        (booking.r.booked(RowKind::Capture), booking.r.is_frozen()),
        (kr(800), true)
    );
}

#[test]
fn case_107_an_effect_that_shows_before_the_next_attempt_is_not_repeated() {
    let (mut booking, id, seen) = lost_capture();
    booking.look(&id, &seen, &[], 12);
    assert_eq!(booking.state(&id), "planned");
    booking.read(&with_capture(
        &seen,
        "CAP1",
        400,
        Some(booking.text_of(&id)),
    ));
    assert_eq!(booking.state(&id), "done");
    let key = booking.intent(&id).key.clone();
    assert_eq!(
        booking.decide(JobKind::Capture, &key),
        domain::decide::Step::Done
    );
}

/// Lets time run on, reading the same details whenever a read is due, and hands back how long there were reads.
fn watched(booking: &mut Booking, seen: &Snapshot) -> TimeDelta {
    let since = booking.now;
    for _ in 0..1_000 {
        let mut refreshes = booking
            .jobs()
            .into_iter()
            .filter(|job| job.kind == JobKind::Refresh);
        let Some(job) = refreshes.next() else {
            return booking.now - since;
        };
        booking.now = booking.now.max(job.run_at);
        booking.read(seen);
    }
    panic!("it is read without end")
}

fn withdrawn(booking: &mut Booking, operation: domain::reservation::Operation) -> domain::IntentId {
    let id = booking.lost(operation);
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Withdrawn {
            reason: "it did not happen".into(),
        },
    )]);
    id
}

#[test]
fn what_was_in_doubt_is_watched_for_a_fortnight_and_a_charge_for_ninety_days() {
    let cases = [
        (capture(&[on(1, 400)]), 14),
        (charge(100), 90),
        (refund("CAP1", &[on(1, 100)]), 14),
        (complete(), 14),
    ];
    for (operation, days) in cases {
        let mut booking = Booking::new(&[1000]).captured(500);
        withdrawn(&mut booking, operation.clone());
        booking.accepted(complete(), None);
        let seen = Snapshot {
            status: SeenStatus::Completed,
            ..booking.seen()
        };
        booking.fold(&[Fact::Provider(ProviderFact::DetailsRead {
            at: booking.now,
            status: None,
            coherent: true,
            since: i64::MAX,
        })]);
        let first = booking
            .jobs()
            .into_iter()
            .find(|job| job.kind == JobKind::Refresh)
            .expect("a read");
        assert_eq!(first.run_at, booking.now + hours(24), "daily");
        assert_eq!(
            booking.r.status(),
            Status::Completed,
            "though the books are closed"
        );
        assert_eq!(
            watched(&mut booking, &seen),
            TimeDelta::days(days),
            "{operation:?}"
        );
    }
}

#[test]
fn what_was_never_in_doubt_or_is_known_to_have_worked_at_once_is_not_watched() {
    let mut happy = Booking::new(&[1000]).captured(1000);
    happy.accepted(complete(), None);
    assert_eq!(happy.keys(), Vec::<String>::new());
    let mut resolved = Booking::new(&[1000]).held();
    let seen = resolved.seen();
    let id = resolved.lost(capture(&[on(1, 1000)]));
    resolved.now += minutes(1);
    resolved.read(&with_capture(
        &seen,
        "CAP1",
        1000,
        Some(resolved.text_of(&id)),
    ));
    resolved.accepted(complete(), None);
    assert_eq!(
        resolved.keys(),
        Vec::<String>::new(),
        "its only request had its effect"
    );
    let mut twice = Booking::new(&[1000]).held();
    let seen = twice.seen();
    let id = twice.lost(capture(&[on(1, 1000)]));
    twice.look(&id, &seen, &[], 12);
    twice.send(&id);
    twice.answer(
        &id,
        &Outcome::Accepted {
            reference: Some(named("CAP1")),
            link: None,
        },
    );
    let shown = twice.seen();
    twice.read(&shown);
    twice.accepted(complete(), None);
    assert_eq!(
        twice.keys(),
        ["refresh:open:7"],
        "of two requests, one is not accounted for"
    );
}

#[test]
fn a_second_effect_of_what_was_denied_is_a_duplicate_besides() {
    let (mut booking, id, seen) = lost_capture();
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Withdrawn {
            reason: "it did not happen".into(),
        },
    )]);
    let text = Some(booking.text_of(&id));
    let once = with_capture(&seen, "CAP1", 400, text.clone());
    booking.read(&with_capture(&once, "CAP2", 400, text));
    assert_eq!(booking.reviews(), ["late_effect", "effect_differs"]);
    assert_eq!(booking.r.booked(RowKind::Capture), kr(800));
}

#[test]
fn a_release_or_a_closing_that_shows_after_it_was_denied_is_a_late_effect() {
    for (operation, status, how) in [
        (cancel(), SeenStatus::Cancelled, Closing::Cancelled),
        (complete(), SeenStatus::Completed, Closing::Completed),
    ] {
        let mut booking = Booking::new(&[1000]).held();
        withdrawn(&mut booking, operation);
        let shown = Snapshot {
            status,
            ..booking.seen()
        };
        let facts = booking.read(&shown);
        assert_eq!(
            facts[0],
            Fact::Provider(ProviderFact::Closed {
                how,
                at: booking.now,
                origin: Origin::Holdfast
            })
        );
        assert_eq!(booking.reviews(), ["late_effect"]);
        assert_eq!(booking.read(&shown), []);
    }
}

#[test]
fn an_external_row_that_a_person_gives_to_an_intent_is_taken_over_and_not_booked_twice() {
    for reference in [Some(named("CAP7")), None] {
        let (mut booking, id, seen) = lost_capture();
        booking.read(&with_capture(&seen, "CAP7", 400, None));
        assert!(booking.r.ledger[0].intent.is_none());
        let (intent, amount, at) = (id.clone(), kr(400), booking.now);
        booking.fold(&[Fact::Intent(
            intent,
            IntentFact::Confirmed {
                reference,
                amount,
                at,
            },
        )]);
        let row = &booking.r.ledger[0];
        assert_eq!(
            (booking.r.ledger.len(), row.intent.is_none(), row.confirmed),
            (1, false, true)
        );
        assert_eq!(
            (row.intent.as_ref(), row.lines.as_slice()),
            (Some(&id), &[on(1, 400)][..])
        );
        assert_eq!(row.reference, Some(named("CAP7")));
    }
    let mut booking = Booking::new(&[1000]).held();
    let seen = with_capture(&booking.seen(), "CAP7", 400, None);
    booking.read(&seen);
    let id = booking.lost(capture(&[on(1, 400)]));
    let (intent, amount, at) = (id, kr(400), booking.now);
    booking.fold(&[Fact::Intent(
        intent,
        IntentFact::Confirmed {
            reference: None,
            amount,
            at,
        },
    )]);
    assert_eq!(
        booking.r.ledger.len(),
        2,
        "what was there before the request is not its effect"
    );
}

#[test]
fn a_person_who_lets_it_be_sent_again_does_not_outrun_its_effect() {
    let (mut booking, id, seen) = lost_capture();
    let (intent, at) = (id.clone(), booking.now);
    booking.fold(&[Fact::Intent(intent, IntentFact::EffectRuledOut { at })]);
    assert_eq!(
        booking.decide_intent(&id),
        Step::Read,
        "an exposed capture is not sent without a look"
    );
    booking.read(&with_capture(
        &seen,
        "CAP1",
        400,
        Some(booking.text_of(&id)),
    ));
    assert_eq!(
        (booking.state(&id), booking.decide_intent(&id)),
        ("done", Step::Done)
    );
}
