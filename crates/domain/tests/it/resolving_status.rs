//! Cancels and completes in doubt: the status resolves them.

use domain::Status;
use domain::history::{Event, HistoryRow};
use domain::observe::{SeenStatus, Snapshot};
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::Operation;

use crate::booking::{
    Booking, RES, cancel, capture, charge, complete, history_row, minutes, names, on, with_capture,
};

#[test]
fn a_cancel_or_complete_in_doubt_is_told_by_the_status() {
    let rows = [
        (cancel(), SeenStatus::Cancelled, Status::Cancelled),
        (complete(), SeenStatus::Completed, Status::Completed),
    ];
    for (operation, shown, status) in rows {
        let booking = Booking::new(&[1000]);
        let taken = matches!(operation, Operation::Complete { .. });
        let mut booking = if taken {
            booking.captured(1000)
        } else {
            booking.held()
        };
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
        let mut booking = if taken {
            booking.captured(1000)
        } else {
            booking.held()
        };
        let seen = booking.seen();
        let id = booking.lost(operation);
        let sent_at = booking.now;
        booking.look(&id, &seen, &[], 9);
        assert_eq!(booking.state(&id), "planned");
        assert_eq!(
            booking.now,
            sent_at + minutes(15),
            "the first read past the ten minutes"
        );
        for _ in 0..2 {
            booking.lose(&id);
            booking.look(&id, &seen, &[], 9);
        }
        assert_eq!(
            (booking.state(&id), booking.reviews()),
            ("needs_review", vec!["outcome_unknown"])
        );
    }
}

#[test]
fn a_refused_cancel_or_complete_that_the_status_explains_needs_no_person() {
    for (operation, shown) in [
        (cancel(), SeenStatus::Cancelled),
        (cancel(), SeenStatus::Expired),
    ] {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.plan(operation);
        booking.send(&id);
        booking.answer(
            &id,
            &Outcome::Rejected {
                by: RefusedBy::Business,
                key: "already".to_owned(),
            },
        );
        assert!(booking.r.is_frozen());
        let mut seen = booking.seen();
        seen.status = shown;
        booking.read(&seen);
        assert_eq!((booking.reviews(), booking.r.is_frozen()), (vec![], false));
    }
}

#[test]
fn a_later_cancel_refused_because_the_first_one_worked_is_ours() {
    let mut booking = Booking::new(&[1000]).held();
    let seen = booking.seen();
    let id = booking.lost(cancel());
    booking.look(&id, &seen, &[], 9);
    booking.send(&id);
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::Business,
            key: "already".to_owned(),
        },
    );
    let mut cancelled = seen;
    cancelled.status = SeenStatus::Cancelled;
    assert_eq!(names(&booking.read(&cancelled)), ["intent_confirmed"]);
    assert_eq!(booking.reviews(), Vec::<&str>::new());
}

#[test]
fn a_cancel_that_lost_its_race_against_a_capture_fails_and_whoever_asked_for_it_is_told() {
    for (by, reviews) in [("a key", vec!["external_change"]), ("policy", vec![])] {
        let mut booking = Booking::with(crate::booking::merchant(), &[1000], MANUAL).held();
        let seen = booking.seen();
        let id = booking.plan(cancel());
        booking.r.intents.last_mut().expect("an intent").created_by = by.into();
        booking.lose(&id);
        booking.read(&with_capture(&seen, "CAP7", 1000, None));
        assert_eq!(
            (booking.state(&id), booking.r.status()),
            ("withdrawn", Status::Captured),
            "{by}"
        );
        assert_eq!(booking.reviews(), reviews, "{by}: the capture stands");
    }
}

/// Deliveries are not what captures follow, so an external one breaks no plan.
const MANUAL: &str = r#"{"capture":{"on_delivery":"manual"}}"#;

#[test]
fn what_is_over_in_another_way_ends_a_cancel_or_complete_in_doubt() {
    let rows = [
        (cancel(), SeenStatus::Expired, "withdrawn"),
        (cancel(), SeenStatus::Completed, "withdrawn"),
        (cancel(), SeenStatus::Paid, "unknown"),
        (complete(), SeenStatus::Cancelled, "withdrawn"),
        (complete(), SeenStatus::Expired, "withdrawn"),
        (complete(), SeenStatus::Paid, "unknown"),
    ];
    for (operation, status, state) in rows {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.lost(operation.clone());
        booking.read(&Snapshot {
            status: status.clone(),
            ..booking.seen()
        });
        assert_eq!(booking.state(&id), state, "{operation:?} {status:?}");
    }
}

#[test]
fn a_complete_refused_though_money_is_on_the_books_does_not_add_up_and_is_not_repeated() {
    for attempts in [1, 2] {
        let mut booking = Booking::new(&[1000]).captured(1000);
        let seen = booking.seen();
        let id = booking.plan(complete());
        if attempts == 2 {
            booking.lose(&id);
            booking.look(&id, &seen, &[], 9);
        }
        booking.send(&id);
        let key = "prerequisitefailedtocompletereservation".to_owned();
        booking.answer(
            &id,
            &Outcome::Rejected {
                by: RefusedBy::Business,
                key,
            },
        );
        assert_eq!(
            (booking.state(&id), booking.reviews()),
            ("rejected", vec!["incoherent"]),
            "{attempts}"
        );
        assert!(booking.r.is_frozen() && booking.job("complete:auto").is_none());
    }
}

#[test]
fn our_own_words_in_the_history_confirm_a_cancel_or_complete() {
    for (operation, event) in [(cancel(), Event::Cancelled), (complete(), Event::Completed)] {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.lost(operation);
        let plain = history_row(event, RES, 0, booking.now);
        booking.search(&id, std::slice::from_ref(&plain));
        assert_eq!(booking.state(&id), "unknown", "the status will tell");
        let marked = HistoryRow {
            note: Some(booking.text_of(&id)),
            ..plain
        };
        booking.search(&id, &[marked]);
        assert_eq!(booking.state(&id), "done");
    }
}

#[test]
fn no_cancel_leaves_while_a_capture_or_charge_is_in_doubt() {
    for other in [capture(&[on(1, 400)]), charge(100)] {
        let mut booking = Booking::new(&[1000]).held();
        booking.lost(other.clone());
        let id = booking.plan(cancel());
        let step = booking.decide_intent(&id);
        assert!(
            matches!(step, domain::decide::Step::Wait { .. }),
            "{other:?}: {step:?}"
        );
    }
}

#[test]
fn a_cancel_of_the_expiry_that_found_a_payment_is_not_sent_again() {
    let mut booking = Booking::new(&[1000]).awaiting();
    booking.now = booking.r.payment_link_due + minutes(30);
    let unpaid = booking.seen();
    booking.read(&unpaid);
    let id = booking.plan_as(cancel(), Some("cancel:expiry"));
    booking.lose(&id);
    let paid = Snapshot {
        status: SeenStatus::Paid,
        reserved: booking.r.total(),
        ..unpaid
    };
    booking.look(&id, &paid, &[], 9);
    let key = booking.intent(&id).key.clone();
    booking.run(domain::JobKind::Cancel, &key);
    assert_eq!(
        (booking.state(&id), booking.r.status()),
        ("withdrawn", Status::Held)
    );
}
