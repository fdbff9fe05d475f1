//! Submits in doubt: looked for in the history, and sent again only once that is harmless.

use chrono::{DateTime, Utc};
use domain::callback::fact_of_callback;
use domain::decide::Step;
use domain::observe::{Submitted, duplicates, submitted};
use domain::outcome::{NewLink, Outcome, RefusedBy};
use domain::reservation::{Decision, ReviewReason, SeenReservation};
use domain::resolve::{absence_outcome, duplicates_window, history_window};
use domain::review::{RemedyAct, Risk};
use domain::{
    Case, ControlFact, Fact, IntentFact, IntentId, JobKind, ProviderFact, ProviderReference,
    ReviewFact, Status,
};
use testkit::named;

use crate::booking::{Booking, RES, hours, kr, minutes, names, seen_reservation};
use crate::review_decisions::{confirming, decided};
use crate::review_packs::{pack, recommended};

/// The key of the job that searches for duplicates.
const WATCH: &str = "refresh:duplicates";

#[test]
fn case_003_a_submit_that_stays_absent_goes_out_again_and_not_without_end() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    for attempt in 1..=3 {
        booking.lose(&id);
        let mut last = None;
        while booking.state(&id) == "unknown" {
            booking.now = booking.job("submit").expect("a job").run_at;
            let missing = Fact::Intent(
                id.clone(),
                IntentFact::EffectNotSeen {
                    clean: true,
                    at: booking.now,
                },
            );
            last = absence_outcome(booking.case(), booking.intent(&id), true, &booking.evidence);
            booking.fold(
                &std::iter::once(missing)
                    .chain(last.clone())
                    .collect::<Vec<_>>(),
            );
        }
        let wanted = if attempt < 3 {
            "effect_ruled_out"
        } else {
            "intent_escalated"
        };
        assert_eq!(
            last.as_ref().map(Fact::name),
            Some(wanted),
            "after attempt {attempt}"
        );
    }
    assert_eq!(booking.reviews(), ["outcome_unknown"]);
}

/// A submit whose answer was lost, at a merchant of whom nothing newer has been seen.
fn lost_submit() -> (Booking, IntentId) {
    let mut booking = Booking::new(&[1000]);
    booking.evidence.shown_until = None;
    let id = booking.r.intents[0].id.clone();
    booking.lose(&id);
    (booking, id)
}

/// Looks at each time when a look is due, in vain, until something is decided.
fn in_vain(booking: &mut Booking, id: &IntentId) -> Option<&'static str> {
    for _ in 0..20 {
        booking.now = booking
            .now
            .max(booking.job("submit").expect("a job").run_at);
        let (intent, at) = (id.clone(), booking.now);
        let fact = absence_outcome(booking.case(), booking.intent(id), true, &booking.evidence);
        booking.fold(&[Fact::Intent(
            intent,
            IntentFact::EffectNotSeen { clean: true, at },
        )]);
        booking.fold(fact.as_slice());
        if let Some(fact) = fact {
            return Some(fact.name());
        }
    }
    None
}

#[test]
fn case_003_a_submit_is_absent_once_something_newer_shows_or_after_four_hours() {
    for (newer, after) in [(true, hours(1)), (false, hours(4))] {
        let (mut booking, id) = lost_submit();
        let sent_at = booking.now;
        booking.evidence.shown_until = newer.then(|| sent_at + minutes(40));
        assert_eq!(
            in_vain(&mut booking, &id),
            Some("effect_ruled_out"),
            "{newer}"
        );
        assert_eq!(
            booking.now,
            sent_at + after,
            "a second link moves no money by itself"
        );
    }
}

#[test]
fn a_submit_that_a_callback_has_named_is_never_sent_again_by_itself() {
    let (mut booking, id) = lost_submit();
    booking.fold(&[booking.suggested("RES9")]);
    assert_eq!(
        in_vain(&mut booking, &id),
        Some("intent_escalated"),
        "it has arrived, wherever it is"
    );
}

#[test]
fn a_callback_that_comes_between_two_searches_calls_for_one_at_once() {
    let (mut booking, id) = lost_submit();
    for _ in 0..3 {
        booking.now = booking.job("submit").expect("a job").run_at;
        booking.fold(&[Fact::Intent(
            id.clone(),
            IntentFact::EffectNotSeen {
                clean: true,
                at: booking.now,
            },
        )]);
    }
    booking.now += minutes(1);
    assert!(booking.job("submit").expect("a job").run_at > booking.now);
    booking.fold(&[booking.suggested("RES9")]);
    assert!(booking.job("submit").expect("a job").run_at <= booking.now);
    booking.fold(&[Fact::Intent(
        id,
        IntentFact::EffectNotSeen {
            clean: true,
            at: booking.now,
        },
    )]);
    assert!(booking.job("submit").expect("a job").run_at > booking.now);
    assert_eq!(
        fact_of_callback(&booking.r, &named("RES9"), "Reserved", booking.now),
        None,
        "the same word again is no news"
    );
}

#[test]
fn a_submit_whose_link_is_due_before_anything_is_proven_is_a_persons() {
    let (mut booking, id) = lost_submit();
    booking.r.payment_link_due = booking.now + minutes(30);
    assert_eq!(in_vain(&mut booking, &id), Some("intent_escalated"));
    assert!(
        booking.now < booking.r.payment_link_due,
        "while there is time"
    );
}

const OTHER: &str = "RES2";

/// The submit goes out once more, after the first was not found, and is answered; a day later.
fn sent_twice() -> (Booking, IntentId) {
    let (mut booking, id) = lost_submit();
    booking.evidence.shown_until = Some(booking.now + hours(1));
    assert_eq!(in_vain(&mut booking, &id), Some("effect_ruled_out"));
    booking.send(&id);
    let link = NewLink {
        reservation_uuid: named(RES),
        customer_uuid: None,
        url: None,
    };
    booking.answer(
        &id,
        &Outcome::Accepted {
            reference: None,
            link: Some(link),
        },
    );
    booking.now += hours(24);
    (booking, id)
}

/// Searches as the watch does, and finds these at the provider.
fn look(booking: &mut Booking, id: &IntentId, ours: &[SeenReservation]) -> Vec<&'static str> {
    let found = Submitted {
        ours: ours.to_vec(),
        ..Submitted::default()
    };
    let facts = duplicates(&booking.r, booking.intent(id), &found, booking.now);
    booking.fold(&facts);
    names(&facts)
}

/// Folds in what a search for a submit in doubt has found.
fn find(booking: &mut Booking, id: &IntentId, found: &Submitted) {
    let facts = submitted(booking.case(), booking.intent(id), found, &booking.evidence);
    booking.fold(&facts);
}

fn watch(booking: &Booking) -> Option<DateTime<Utc>> {
    booking.job(WATCH).map(|job| job.run_at)
}

#[test]
fn a_second_reservation_of_a_submit_sent_twice_is_named_beside_the_first_and_freezes() {
    // Which of the two is paid, as `(ours, the other)`: what is to be withdrawn, and whether by a call of the API.
    for ((ours, other), (withdrawn, by_call)) in [
        ((0, 0), (format!("withdraws {OTHER} "), false)),
        ((1000, 0), (format!("withdraws {OTHER} "), false)),
        ((0, 1000), (format!("withdraws {RES},"), true)),
        (
            (1000, 1000),
            (format!("releases 1000.00 on {OTHER} "), false),
        ),
    ] {
        let row = format!("{ours} held on ours, {other} on the other");
        let (mut booking, id) = sent_twice();
        if ours > 0 {
            booking.fold(&[Fact::Provider(ProviderFact::HoldPlaced {
                at: booking.now,
                amount: kr(ours),
            })]);
        }
        let seen = [seen_reservation(RES, ours), seen_reservation(OTHER, other)];
        assert_eq!(
            look(&mut booking, &id, &seen),
            ["duplicate_seen", "review_raised", "duplicates_searched"],
            "{row}"
        );
        assert_eq!(
            (booking.reviews(), booking.r.is_frozen()),
            (vec!["effect_differs"], true),
            "{row}"
        );
        assert_eq!(
            booking.r.provider.reservation_uuid,
            Some(named(RES)),
            "{row}: nothing is swapped"
        );
        let pack = pack(&booking, ReviewReason::EffectDiffers, &[]);
        assert_eq!(pack.row.about.as_ref(), Some(&id), "{row}");
        let named: Vec<_> = pack
            .evidence
            .signs
            .iter()
            .filter_map(|sign| sign.reference.as_deref())
            .collect();
        assert_eq!(named, [RES, OTHER], "{row}");
        let [remedy] = pack.remedies.as_slice() else {
            panic!("{row}: {:?}", pack.remedies)
        };
        assert!(remedy.does.starts_with(&withdrawn), "{row}: {remedy:?}");
        assert_eq!(
            matches!(remedy.act, RemedyAct::Cancel { .. }),
            by_call,
            "{row}"
        );
        let worst = pack.option("wait").worst_case;
        assert_eq!(
            (worst.risk, worst.amount),
            (Risk::DoubleHold, kr(1000)),
            "{row}"
        );
        assert_eq!(
            look(&mut booking, &id, &seen),
            ["duplicates_searched"],
            "{row}: the same again is no news"
        );
    }
}

#[test]
fn a_duplicate_that_is_paid_later_raises_a_review_again() {
    let (mut booking, id) = sent_twice();
    look(&mut booking, &id, &[seen_reservation(OTHER, 0)]);
    booking.fold(&[Fact::Review(ReviewFact::Closed {
        reason: ReviewReason::EffectDiffers,
    })]);
    booking.fold(&[booking.suggested(OTHER)]);
    assert!(
        watch(&booking).is_some_and(|at| at <= booking.now),
        "a callback calls for a look at once"
    );
    look(&mut booking, &id, &[seen_reservation(OTHER, 1000)]);
    assert_eq!(booking.reviews(), ["effect_differs"]);
    assert_eq!(
        booking.r.provider.duplicates,
        [seen_reservation(OTHER, 1000)]
    );
    assert!(watch(&booking).is_some_and(|at| at > booking.now), "once");
}

#[test]
fn the_history_is_searched_for_duplicates_daily_and_for_a_fortnight() {
    let (mut booking, id) = sent_twice();
    let last_unknown_at = booking
        .intent(&id)
        .last_unknown_at
        .expect("it was in doubt");
    let mut looks = Vec::new();
    while let Some(at) = watch(&booking) {
        booking.now = at;
        assert_eq!(
            booking.decide(JobKind::Refresh, WATCH),
            Step::Search(id.clone())
        );
        let (from, to) = duplicates_window(
            Case::new(&booking.r, &booking.merchant, at),
            booking.intent(&id),
        );
        // A row may come a day late, and the clock be off.
        let since = looks
            .last()
            .map_or(last_unknown_at, |last: &DateTime<Utc>| *last - hours(24))
            .max(last_unknown_at);
        assert_eq!((from, to), (since - minutes(2), at));
        look(&mut booking, &id, &[]);
        looks.push(at);
    }
    let daily: Vec<_> = (1..=14)
        .map(|day| last_unknown_at + hours(24 * day))
        .collect();
    assert_eq!(looks, daily);
    assert_eq!(booking.reviews(), Vec::<String>::new());
}

#[test]
fn what_a_callback_named_and_turned_out_to_be_anothers_is_no_duplicate() {
    // Whether details knew the one that was named: what is in review, and whether it is looked for at once.
    for (missed, reviews) in [(false, vec![]), (true, vec!["effect_differs"])] {
        let (mut booking, id) = lost_submit();
        booking.fold(&[booking.suggested(OTHER)]);
        let found = Submitted {
            ours: vec![seen_reservation(RES, 0)],
            up_to: None,
            missed,
        };
        find(&mut booking, &id, &found);
        assert_eq!(
            (booking.state(&id), booking.reviews()),
            ("done", reviews),
            "{missed}"
        );
        assert_eq!(watch(&booking).is_some_and(|at| at <= booking.now), missed);
    }
}

#[test]
fn a_submit_in_doubt_that_was_sent_twice_is_looked_for_since_the_first() {
    let (mut booking, id) = lost_submit();
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::EffectRuledOut { at: booking.now },
    )]);
    booking.now += hours(3);
    booking.lose(&id);
    let (from, _) = history_window(booking.intent(&id), &booking.merchant, booking.now);
    assert_eq!(from, booking.intent(&id).created_at - minutes(2));
}

#[test]
fn neither_a_pause_nor_a_person_ends_the_search_for_duplicates() {
    let (mut booking, _) = sent_twice();
    let before = watch(&booking);
    booking.fold(&[
        Fact::Control(ControlFact::Paused),
        Fact::Control(ControlFact::JobCancelled {
            key: crate::booking::job_key(WATCH),
        }),
    ]);
    assert_eq!((watch(&booking), before.is_some()), (before, true));
}

#[test]
fn a_submit_that_was_sent_once_or_never_in_doubt_is_not_searched_for_again() {
    assert_eq!(watch(&Booking::new(&[1000]).awaiting()), None);
    let (mut booking, id) = lost_submit();
    let found = Submitted {
        ours: vec![seen_reservation(RES, 0)],
        ..Submitted::default()
    };
    find(&mut booking, &id, &found);
    assert_eq!((booking.state(&id), watch(&booking)), ("done", None));
}

#[test]
fn a_search_that_could_not_look_at_everything_goes_on_where_it_was() {
    let (mut booking, id) = sent_twice();
    let mut look = |up_to: Option<&str>, missed| {
        let found = Submitted {
            ours: Vec::new(),
            up_to: up_to.map(named),
            missed,
        };
        let facts = duplicates(&booking.r, booking.intent(&id), &found, booking.now);
        booking.fold(&facts);
        let wait = watch(&booking).expect("it goes on") - booking.now;
        (wait, booking.r.provider.duplicate_search.until.is_some())
    };
    assert_eq!(look(Some("RES5"), false), (minutes(1), false));
    assert_eq!(look(Some("RES7"), true), (minutes(1), false));
    assert_eq!(
        look(None, false),
        (hours(24), false),
        "what details did not know is looked for again"
    );
    assert_eq!(look(None, false), (hours(24), true));
}

#[test]
fn a_reservation_that_appears_after_its_submit_was_given_up_is_a_late_effect_and_in_the_books() {
    let given_up = Fact::Intent(
        lost_submit().1,
        IntentFact::Withdrawn {
            reason: "it did not happen".into(),
        },
    );
    let refused = Outcome::Rejected {
        by: RefusedBy::Payload,
        key: "no".to_owned(),
    };
    for refused in [None, Some(refused)] {
        let (mut booking, id) = lost_submit();
        match &refused {
            None => booking.fold(std::slice::from_ref(&given_up)),
            Some(refused) => {
                booking.fold(&[Fact::Intent(
                    id.clone(),
                    IntentFact::EffectRuledOut { at: booking.now },
                )]);
                booking.send(&id);
                booking.answer(&id, refused);
            }
        }
        let state = booking.state(&id);
        booking.now += hours(24);
        assert_eq!(
            booking.decide(JobKind::Refresh, WATCH),
            Step::Search(id.clone()),
            "{state}"
        );
        // Of two, the one that is paid is taken into the books.
        look(
            &mut booking,
            &id,
            &[seen_reservation(OTHER, 0), seen_reservation(RES, 1000)],
        );
        assert_eq!(
            (booking.state(&id), booking.reviews()),
            (state, vec!["late_effect", "effect_differs"])
        );
        assert_eq!(booking.r.provider.reservation_uuid, Some(named(RES)));
        assert_eq!(
            (booking.r.status(), booking.r.is_frozen()),
            (Status::AwaitingPayment, true)
        );
        let pack = pack(&booking, ReviewReason::LateEffect, &[]);
        assert_eq!(pack.row.about, Some(id));
        let act = &pack.remedies[0].act;
        assert!(matches!(act, RemedyAct::Cancel { .. }), "{act:?}");
    }
}

#[test]
fn a_reservation_that_appears_while_its_submit_waits_to_go_out_again_is_simply_found() {
    let (mut booking, id) = lost_submit();
    booking.fold(&[
        Fact::Intent(id.clone(), IntentFact::EffectRuledOut { at: booking.now }),
        Fact::Control(ControlFact::Paused),
    ]);
    booking.now += hours(24);
    look(&mut booking, &id, &[seen_reservation(RES, 0)]);
    assert_eq!((booking.state(&id), booking.reviews()), ("done", vec![]));
}

#[test]
fn several_reservations_of_a_submit_in_doubt_are_a_persons_and_the_others_come_back() {
    let (mut booking, id) = lost_submit();
    let found = Submitted {
        ours: vec![seen_reservation(OTHER, 0), seen_reservation(RES, 1000)],
        ..Submitted::default()
    };
    find(&mut booking, &id, &found);
    let pack = pack(&booking, ReviewReason::OutcomeUnknown, &[]);
    let named: Vec<_> = pack
        .evidence
        .signs
        .iter()
        .filter_map(|sign| sign.reference.as_deref())
        .collect();
    assert_eq!(named, [OTHER, RES]);
    assert_eq!(recommended(&pack), "confirm");
    let confirm = pack.option("confirm").decision.as_ref();
    let stays = confirm.and_then(Decision::reference);
    assert_eq!(
        stays.map(ProviderReference::as_str),
        Some(RES),
        "the one that is paid"
    );
    let facts = decided(&booking, &id, &confirming(&booking, RES)).expect("taken");
    booking.fold(&facts);
    let found = Submitted {
        ours: vec![seen_reservation(RES, 1000)],
        ..Submitted::default()
    };
    find(&mut booking, &id, &found);
    assert_eq!(
        (booking.state(&id), booking.reviews()),
        ("done", vec!["effect_differs"])
    );
    assert_eq!(booking.r.provider.duplicates, [seen_reservation(OTHER, 0)]);
}
