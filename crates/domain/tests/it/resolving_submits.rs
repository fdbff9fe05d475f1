//! Submits in doubt: looked for in the history, and sent again only once that is harmless.

use domain::observe::verdict;
use domain::{Fact, IntentId};

use crate::booking::{Booking, hours, minutes};

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

/// A submit whose answer was lost, at a merchant of whom nothing newer has been seen.
fn lost_submit() -> (Booking, IntentId) {
    let mut booking = Booking::new(&[1000]);
    booking.witnesses.shown_until = None;
    let id = booking.r.intents[0].id.clone();
    booking.lose(&id);
    (booking, id)
}

/// Looks at each time when a look is due, in vain, until something is decided.
fn in_vain(booking: &mut Booking, id: &IntentId) -> Option<&'static str> {
    for _ in 0..20 {
        booking.now = booking.now.max(booking.job("submit").expect("a job").run_at);
        let (intent, at) = (id.clone(), booking.now);
        let told = verdict(&booking.r, booking.intent(id), true, &booking.witnesses, &booking.merchant, at);
        booking.fold(&[Fact::TraceMissing { intent, clean: true, at }]);
        booking.fold(told.as_slice());
        if let Some(fact) = told {
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
        booking.witnesses.shown_until = newer.then(|| sent_at + minutes(40));
        assert_eq!(in_vain(&mut booking, &id), Some("intent_absent"), "{newer}");
        assert_eq!(booking.now, sent_at + after, "a second link moves no money by itself");
    }
}

#[test]
fn a_submit_that_a_callback_has_named_is_never_sent_again_by_itself() {
    let (mut booking, id) = lost_submit();
    booking.fold(&[Fact::UuidHinted { uuid: "RES9".into() }]);
    assert_eq!(in_vain(&mut booking, &id), Some("intent_to_desk"), "it has arrived, wherever it is");
}

#[test]
fn a_callback_that_comes_between_two_searches_calls_for_one_at_once() {
    let (mut booking, id) = lost_submit();
    for _ in 0..3 {
        booking.now = booking.job("submit").expect("a job").run_at;
        booking.fold(&[Fact::TraceMissing { intent: id.clone(), clean: true, at: booking.now }]);
    }
    booking.now += minutes(1);
    assert!(booking.job("submit").expect("a job").run_at > booking.now);
    let hint = Fact::UuidHinted { uuid: "RES9".into() };
    booking.fold(std::slice::from_ref(&hint));
    assert!(booking.job("submit").expect("a job").run_at <= booking.now);
    booking.fold(&[Fact::TraceMissing { intent: id, clean: true, at: booking.now }, hint]);
    assert!(booking.job("submit").expect("a job").run_at > booking.now, "the same word again is no news");
}

#[test]
fn a_submit_whose_link_is_due_before_anything_is_proven_is_a_persons() {
    let (mut booking, id) = lost_submit();
    booking.r.payment_link_due = booking.now + minutes(30);
    assert_eq!(in_vain(&mut booking, &id), Some("intent_to_desk"));
    assert!(booking.now < booking.r.payment_link_due, "while there is time");
}
