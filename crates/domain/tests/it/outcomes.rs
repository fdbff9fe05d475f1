//! What the answer to a request means, by answer and operation.

use domain::outcome::{NewLink, Outcome, RefusedBy};
use domain::policy::Channel;
use domain::reservation::{IntentState, Operation};
use testkit::named;

use crate::booking::{Booking, RES, cancel, capture, charge, complete, names, on, refund};

fn operations() -> [Operation; 7] {
    [
        Operation::Submit,
        capture(&[on(1, 400)]),
        charge(100),
        refund("CAP1", &[on(1, 100)]),
        cancel(),
        complete(),
        Operation::Resend {
            by: vec![Channel::Email],
            other_recipient: false,
            slot: Some(1),
        },
    ]
}

/// What an answer to the first attempt, and what it to the second, leads to: facts, reviews, and does it freeze?
fn outcome(
    operation: &Operation,
    answer: &Outcome,
    attempts: u32,
) -> (Vec<&'static str>, Vec<&'static str>, bool) {
    let mut booking = Booking::new(&[1000]).captured(500);
    let id = booking.plan(operation.clone());
    booking.r.intents.last_mut().expect("an intent").progress = IntentState::Planned {
        attempts: attempts - 1,
        in_doubt: None,
    };
    booking.send(&id);
    let facts = booking.answer(&id, answer);
    (names(&facts), booking.reviews(), booking.r.is_frozen())
}

fn refused(by: RefusedBy) -> Outcome {
    Outcome::Rejected {
        by,
        key: "no".to_owned(),
    }
}

#[test]
fn every_refusal_of_every_operation_is_told_by_its_table() {
    let rejected = vec!["attempt_rejected"];
    let asked = vec!["attempt_rejected", "review_raised"];
    let read = vec!["attempt_rejected", "review_raised", "refresh_requested"];
    let slot = vec!["attempt_rejected", "reminder_used"];
    let mut rows = 0;
    for operation in operations() {
        let is_submit = operation == Operation::Submit;
        let is_resend = matches!(operation, Operation::Resend { .. });
        let by_status = matches!(
            operation,
            Operation::Capture { .. } | Operation::Cancel { .. } | Operation::Complete { .. }
        );
        for by in RefusedBy::ALL {
            let wanted = match by {
                RefusedBy::Auth | RefusedBy::Throttled => (vec!["attempt_unsent"], vec![], false),
                RefusedBy::NotFound if is_submit => {
                    (asked.clone(), vec!["missing_at_provider"], true)
                }
                RefusedBy::NotFound => (read.clone(), vec!["missing_at_provider"], true),
                _ if is_submit => (rejected.clone(), vec![], false),
                RefusedBy::Business if is_resend => (
                    vec!["attempt_rejected", "refresh_requested", "reminder_used"],
                    vec![],
                    false,
                ),
                RefusedBy::Business => (read.clone(), vec!["provider_refused"], by_status),
                _ if is_resend => (slot.clone(), vec![], false),
                RefusedBy::CardNotFound => (asked.clone(), vec!["provider_refused"], false),
                RefusedBy::Payload | RefusedBy::WrongVerb => {
                    (asked.clone(), vec!["provider_refused"], true)
                }
            };
            assert_eq!(
                outcome(&operation, &refused(*by), 1),
                wanted,
                "{operation:?} refused by {by}"
            );
            rows += 1;
        }
    }
    assert_eq!(rows, 7 * RefusedBy::ALL.len());
}

#[test]
fn a_later_attempt_refused_by_the_business_is_evidence_of_an_earlier_success() {
    for operation in operations() {
        let (facts, reviews, _) = outcome(&operation, &refused(RefusedBy::Business), 2);
        let wanted: (&[_], &[_]) = match operation {
            Operation::Submit => (&["attempt_rejected"], &[]),
            Operation::Resend { .. } => (
                &["attempt_rejected", "refresh_requested", "reminder_used"],
                &[],
            ),
            Operation::Capture { .. } => (
                &["outcome_unknown", "intent_escalated", "refresh_requested"],
                &["capture_unknown"],
            ),
            Operation::Charge { .. } => (
                &["outcome_unknown", "intent_escalated", "refresh_requested"],
                &["charge_unknown"],
            ),
            Operation::Refund { .. } => (
                &["outcome_unknown", "intent_escalated", "refresh_requested"],
                &["refund_unknown"],
            ),
            Operation::Cancel { .. } | Operation::Complete { .. } => {
                (&["outcome_unknown", "refresh_requested"], &[])
            }
        };
        assert_eq!(
            (facts.as_slice(), reviews.as_slice()),
            wanted,
            "{operation:?}"
        );
    }
}

#[test]
fn what_was_not_sent_may_be_sent_again_under_the_same_number() {
    for answer in [
        Outcome::Unsent {
            reason: "dns".into(),
        },
        refused(RefusedBy::Auth),
        refused(RefusedBy::Throttled),
    ] {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.plan(capture(&[on(1, 1000)]));
        booking.send(&id);
        booking.answer(&id, &answer);
        assert_eq!(
            (booking.state(&id), booking.intent(&id).attempts()),
            ("planned", 0),
            "{answer:?}"
        );
    }
}

#[test]
fn case_005_a_submit_accepted_without_an_id_is_unknown() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.send(&id);
    booking.answer(
        &id,
        &Outcome::Accepted {
            reference: None,
            link: None,
        },
    );
    assert_eq!(booking.state(&id), "unknown");
    assert_eq!(booking.r.provider.reservation_uuid, None);
}

#[test]
fn a_link_belongs_to_a_submit_and_to_nothing_else() {
    let link = || {
        Some(NewLink {
            reservation_uuid: named("RES9"),
            customer_uuid: None,
            url: None,
        })
    };
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.plan(capture(&[on(1, 1000)]));
    booking.send(&id);
    booking.answer(
        &id,
        &Outcome::Accepted {
            reference: Some(named("CAP1")),
            link: link(),
        },
    );
    assert_eq!(booking.r.provider.reservation_uuid, Some(named(RES)));
    assert_eq!(booking.r.ledger.len(), 1);
}

#[test]
fn a_refused_submit_is_a_failed_reservation() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.send(&id);
    booking.answer(&id, &refused(RefusedBy::Payload));
    assert_eq!(booking.r.status(), domain::Status::Failed);
    assert_eq!(booking.keys(), Vec::<String>::new());
}

#[test]
fn a_capture_after_the_window_closes_it_for_good() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.plan(capture(&[on(1, 1000)]));
    booking.send(&id);
    let key = "paymentcapturedeadlineexceed".to_owned();
    booking.answer(
        &id,
        &Outcome::Rejected {
            by: RefusedBy::Business,
            key,
        },
    );
    assert_eq!(booking.r.capture_by(&booking.merchant), Some(booking.now));
    assert_eq!(booking.reviews(), ["deadline_passed"]);
    assert!(booking.job("refresh:now:1").is_some() && booking.job("capture:auto:1").is_none());
    let seen = booking.seen();
    booking.read(&seen);
    assert_eq!(booking.r.status(), domain::Status::Expired);
}

#[test]
fn a_worker_that_died_over_a_request_leaves_it_unknown() {
    let message = Operation::Resend {
        by: vec![Channel::Email],
        other_recipient: false,
        slot: Some(0),
    };
    for (operation, used) in [(capture(&[on(1, 1000)]), 0), (message, 1)] {
        let mut booking = Booking::new(&[1000]);
        booking = if used == 0 {
            booking.held()
        } else {
            booking.awaiting()
        };
        let id = booking.plan(operation);
        booking.send(&id);
        let (kind, key) = (
            booking.intent(&id).operation.job_kind(),
            booking.intent(&id).key.clone(),
        );
        booking.run(kind, &key);
        assert_eq!(
            (booking.state(&id), booking.r.reminders.slots),
            ("unknown", used)
        );
    }
}
