//! Every state against every fact: what follows, and what is refused.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::policy::Channel;
use domain::reservation::{
    Closing, Closure, Decision, DecisionRecord, Hold, IntentState, LedgerRow, Link, Met, Operation,
    Origin, ReviewReason, RowKind, SeenLine, Sent, UnknownOutcome,
};
use domain::{
    ControlFact, DeliveryFact, EventType, Fact, IntentFact, IntentId, Money, ProviderFact,
    ReviewFact,
};
use testkit::named;

use crate::booking::{
    Booking, cancel, capture, charge, complete, kr, monday, on, refund, seen_reservation,
};

/// The column of the table below. A new fact has to get one.
const fn column(fact: &IntentFact) -> usize {
    match fact {
        IntentFact::AttemptWritten { .. } => 0,
        IntentFact::AttemptSent { .. } => 1,
        IntentFact::AttemptUnsent { .. } => 2,
        IntentFact::AttemptAccepted { .. } => 3,
        IntentFact::AttemptRejected { .. } => 4,
        IntentFact::OutcomeUnknown { .. } => 5,
        IntentFact::EffectNotSeen { .. } => 6,
        IntentFact::Confirmed { .. } => 7,
        IntentFact::EffectRuledOut { .. } => 8,
        IntentFact::Escalated { .. } => 9,
        IntentFact::Withdrawn { .. } => 10,
        IntentFact::LinkCreated { .. } => LINK,
        IntentFact::LateEffectSeen { .. } => 12,
        IntentFact::HistoryRead { .. } => 13,
        IntentFact::RetryForced { .. } => 14,
        IntentFact::MarkerChecked { .. } => 15,
        IntentFact::ProviderIdSuggested { .. } => SUGGESTED,
    }
}

const LINK: usize = 11;
const SUGGESTED: usize = 16;
const INTENT_FACTS: usize = 17;

/// The row of the table below.
const fn place(state: &IntentState) -> usize {
    match state {
        IntentState::Planned { in_doubt: None, .. } => 0,
        IntentState::Written { in_doubt: None, .. } => 1,
        IntentState::Sending { in_doubt: None, .. } => 2,
        IntentState::Accepted { .. } => 3,
        IntentState::Unknown(_) => 4,
        IntentState::NeedsReview(_) => 5,
        IntentState::Done { .. } => 6,
        IntentState::Rejected { .. } => 7,
        IntentState::Withdrawn { .. } => 8,
        IntentState::Planned {
            in_doubt: Some(_), ..
        } => 9,
        IntentState::Written {
            in_doubt: Some(_), ..
        } => 10,
        IntentState::Sending {
            in_doubt: Some(_), ..
        } => 11,
    }
}

const STATES: usize = 12;

/// The state that follows; `-` where the fact is refused. Columns in the order of [`column`], rows of [`place`]; the last
/// three rows are those of a retry that was forced, behind a request in doubt.
///
/// written, sent, unsent, accepted, rejected, unknown, not seen, confirmed, ruled out, escalated, withdrawn, link, late,
/// history, forced, marker, suggested
#[rustfmt::skip]
const TABLE: [[&str; INTENT_FACTS]; STATES] = [
    ["written", "-",       "-",       "-",    "-",        "-",       "-",        "done", "-",       "-",    "withdrawn", "done", "-", "-", "-", "planned", "unknown"],
    ["written", "sending", "planned", "-",    "-",        "-",       "-",        "done", "-",       "-",    "withdrawn", "done", "-", "-", "-", "written", "unknown"],
    ["-",       "-",       "planned", "done", "rejected", "unknown", "-",        "done", "-",       "-",    "-",         "done", "-", "-", "-", "sending", "sending"],
    ["-",       "-",       "-",       "-",    "-",        "unknown", "accepted", "done", "-",       "-",    "-",         "-",    "-", "accepted", "-", "accepted", "accepted"],
    ["-",       "-",       "-",       "-",    "-",        "-",       "unknown",  "done", "planned", "needs_review", "withdrawn", "done", "-", "unknown", "planned", "unknown", "unknown"],
    ["-",       "-",       "-",       "-",    "-",        "-",       "needs_review", "done", "planned", "needs_review", "withdrawn", "done", "-", "needs_review", "-", "needs_review", "needs_review"],
    ["-",       "-",       "-",       "-",    "-",        "-",       "-",        "-",    "-",       "-",    "-",         "-",    "-", "-", "-", "done", "done"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "rejected", "rejected", "-", "-", "rejected", "rejected"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "withdrawn", "withdrawn", "-", "-", "withdrawn", "withdrawn"],
    ["written", "-",       "-",       "-",    "-",        "unknown", "-",        "done", "-",       "-",    "-",         "done", "-", "-", "-", "planned", "unknown"],
    ["written", "sending", "planned", "-",    "-",        "unknown", "-",        "done", "-",       "-",    "-",         "done", "-", "-", "-", "written", "unknown"],
    ["-",       "-",       "planned", "done", "rejected", "unknown", "-",        "done", "-",       "-",    "-",         "done", "-", "-", "-", "sending", "sending"],
];

/// The table, with what depends on the operation: only a submit has a link, or an id that is suggested, and only a link
/// makes it done; an accepted refund is pending, and an accepted cancel has to show.
fn expected(operation: &Operation, state: usize, fact: usize) -> &'static str {
    match (operation, TABLE[state][fact], fact) {
        (Operation::Submit, "done", 3) => "-",
        (Operation::Refund { .. } | Operation::Cancel { .. }, "done", 3) => "accepted",
        (Operation::Submit, after, _) => after,
        (_, _, LINK | SUGGESTED) => "-",
        (_, after, _) => after,
    }
}

/// What of the reservation, beside its intents, a fact moves. A new fact has to say so here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moves {
    Hold,
    Link,
    Closure,
    Rest,
}

const fn moves(fact: &Fact) -> Moves {
    match fact {
        Fact::Provider(fact) => match fact {
            ProviderFact::HoldPlaced { .. } | ProviderFact::HoldLapsed { .. } => Moves::Hold,
            ProviderFact::LinkExpired { .. } => Moves::Link,
            ProviderFact::Closed { .. } => Moves::Closure,
            ProviderFact::DetailsRead { .. }
            | ProviderFact::RefreshRequested
            | ProviderFact::CallbackReceived { .. }
            | ProviderFact::LinesSynced { .. }
            | ProviderFact::CaptureWindowClosed { .. }
            | ProviderFact::RowPosted { .. }
            | ProviderFact::RowConfirmed { .. }
            | ProviderFact::RefundSeen { .. }
            | ProviderFact::DuplicateSeen { .. }
            | ProviderFact::DuplicatesSearched { .. } => Moves::Rest,
        },
        Fact::Review(
            ReviewFact::Raised { .. } | ReviewFact::Closed { .. } | ReviewFact::Decided { .. },
        )
        | Fact::Control(
            ControlFact::ReminderUsed { .. }
            | ControlFact::DeadlineHandled { .. }
            | ControlFact::JobSkipped { .. }
            | ControlFact::Paused
            | ControlFact::Resumed
            | ControlFact::JobCancelled { .. }
            | ControlFact::JobRestored { .. },
        )
        | Fact::Created
        | Fact::Planned(_)
        | Fact::Delivery(DeliveryFact::Reported { .. })
        | Fact::Intent(..) => Moves::Rest,
    }
}

fn operations() -> [Operation; 7] {
    let by = vec![Channel::Email];
    [
        Operation::Submit,
        capture(&[on(1, 100)]),
        charge(100),
        refund("CAP9", &[on(1, 100)]),
        cancel(),
        complete(),
        Operation::Resend {
            by,
            other_recipient: false,
            slot: Some(0),
        },
    ]
}

/// One of each state, as after a second attempt: what went before it has been ruled out, or is still in doubt.
fn states(now: DateTime<Utc>) -> [IntentState; STATES] {
    let (sent, before) = (
        Sent {
            attempt: 2,
            at: now,
        },
        Sent {
            attempt: 1,
            at: now,
        },
    );
    let unknown = UnknownOutcome {
        reads: 2,
        clean_reads: 1,
        last_read_at: Some(now),
        ..UnknownOutcome::new(sent, "timeout")
    };
    let (in_doubt, attempts) = (None, 2);
    let behind = Some(before);
    [
        IntentState::Planned {
            attempts: 1,
            in_doubt,
        },
        IntentState::Written { sent, in_doubt },
        IntentState::Sending { sent, in_doubt },
        IntentState::Accepted {
            sent,
            reference: None,
            reads: 1,
        },
        IntentState::Unknown(unknown.clone()),
        IntentState::NeedsReview(unknown),
        IntentState::Done {
            attempts,
            reference: Some(named("CAP1")),
        },
        IntentState::Rejected {
            attempts,
            key: "no".to_owned(),
        },
        IntentState::Withdrawn {
            attempts,
            reason: "no".into(),
        },
        IntentState::Planned {
            attempts: 1,
            in_doubt: behind,
        },
        IntentState::Written {
            sent,
            in_doubt: behind,
        },
        IntentState::Sending {
            sent,
            in_doubt: behind,
        },
    ]
}

fn ledger_row() -> LedgerRow {
    LedgerRow {
        kind: RowKind::Capture,
        amount: kr(100),
        lines: vec![],
        reference: Some(named("CAP7")),
        alias: None,
        at: monday(),
        intent: None,
        confirmed: true,
        refunded_seen: Money::ZERO,
    }
}

fn decision() -> DecisionRecord {
    let note = "seen in the portal".to_owned();
    DecisionRecord {
        decision: Decision::Dismiss,
        note,
        evidence_version: 3,
    }
}

fn intent_facts() -> Vec<IntentFact> {
    let at = monday();
    let reference = Some(named("CAP1"));
    vec![
        IntentFact::AttemptWritten { attempt: 2, at },
        IntentFact::AttemptSent { attempt: 2, at },
        IntentFact::AttemptUnsent {
            reason: "dns".into(),
        },
        IntentFact::AttemptAccepted {
            reference: reference.clone(),
            at,
        },
        IntentFact::AttemptRejected {
            key: "no".to_owned(),
        },
        IntentFact::OutcomeUnknown {
            reason: "timeout".into(),
        },
        IntentFact::EffectNotSeen { clean: true, at },
        IntentFact::Confirmed {
            reference,
            amount: kr(100),
            at,
        },
        IntentFact::EffectRuledOut { at },
        IntentFact::Escalated {
            reason: ReviewReason::CaptureUnknown,
            at,
        },
        IntentFact::Withdrawn {
            reason: "no".into(),
        },
        IntentFact::LinkCreated {
            reservation_uuid: named("RES1"),
            customer_uuid: None,
            url: None,
            at,
        },
        IntentFact::LateEffectSeen { row: ledger_row() },
        IntentFact::HistoryRead { row: None, at },
        IntentFact::RetryForced { at },
        IntentFact::MarkerChecked { shown: true },
        IntentFact::ProviderIdSuggested {
            uuid: named("RES1"),
        },
    ]
}

/// One of each fact that is about no intent.
fn other_facts(booking: &Booking) -> Vec<Fact> {
    let at = monday();
    let intent = booking
        .planner()
        .intent(booking.case(), cancel(), None, "a test");
    let key = || crate::booking::job_key("deadline:act");
    vec![
        Fact::Created,
        Fact::Planned(Box::new(intent.clone())),
        Fact::Provider(ProviderFact::DetailsRead {
            at,
            status: Some("RESERVED".into()),
            coherent: true,
            since: 0,
        }),
        Fact::Provider(ProviderFact::RefreshRequested),
        Fact::Provider(ProviderFact::CallbackReceived {
            event_type: "Captured".into(),
            at,
        }),
        Fact::Provider(ProviderFact::LinesSynced {
            lines: vec![SeenLine {
                line: 1,
                provider_id: 9,
                captured: kr(1),
            }],
            extra: vec![],
        }),
        Fact::Provider(ProviderFact::HoldPlaced {
            at,
            amount: kr(900),
        }),
        Fact::Provider(ProviderFact::HoldLapsed { at }),
        Fact::Provider(ProviderFact::LinkExpired { at }),
        Fact::Provider(ProviderFact::CaptureWindowClosed { at }),
        Fact::Provider(ProviderFact::RowPosted { row: ledger_row() }),
        Fact::Provider(ProviderFact::RowConfirmed {
            reference: named("CAP7"),
            amount: kr(100),
            intent: None,
        }),
        Fact::Provider(ProviderFact::RefundSeen {
            reference: named("CAP7"),
            refunded: kr(1),
        }),
        Fact::Provider(ProviderFact::DuplicateSeen {
            seen: seen_reservation("RES2", 0),
        }),
        Fact::Provider(ProviderFact::DuplicatesSearched {
            up_to: None,
            missed: false,
            at,
        }),
        Fact::Delivery(DeliveryFact::Reported {
            event_id: "D-1".into(),
            at,
            lines: vec![on(1, 10)],
            complete: false,
        }),
        Fact::Provider(ProviderFact::Closed {
            how: Closing::Completed,
            at,
            origin: Origin::External,
        }),
        Fact::Provider(ProviderFact::Closed {
            how: Closing::Cancelled,
            at,
            origin: Origin::External,
        }),
        Fact::Control(ControlFact::ReminderUsed {
            slot: 0,
            sent: true,
            at,
        }),
        Fact::Control(ControlFact::DeadlineHandled { key: key(), at }),
        Fact::Control(ControlFact::JobSkipped { key: key(), at }),
        Fact::Review(ReviewFact::Raised {
            reason: ReviewReason::ExternalChange,
            freezes: true,
            at,
        }),
        Fact::Review(ReviewFact::Closed {
            reason: ReviewReason::ExternalChange,
        }),
        Fact::Review(ReviewFact::Decided {
            intent: None,
            reason: ReviewReason::ExternalChange,
            decision: decision(),
        }),
        Fact::Control(ControlFact::Paused),
        Fact::Control(ControlFact::Resumed),
        Fact::Control(ControlFact::JobCancelled { key: key() }),
        Fact::Control(ControlFact::JobRestored { key: key() }),
    ]
}

/// A reservation with an intent to do `operation` that is in `state`.
fn in_state(operation: &Operation, state: &IntentState) -> (Booking, IntentId) {
    let mut booking = Booking::new(&[1000]);
    let id = booking.plan(operation.clone());
    let mine = booking.r.intents.last_mut().expect("an intent");
    mine.progress = state.clone();
    (booking, id)
}

#[test]
fn every_state_of_every_operation_meets_every_fact_of_an_intent() {
    let mut pairs = 0;
    for (operation, state) in operations()
        .iter()
        .flat_map(|operation| states(monday()).map(|state| (operation, state)))
    {
        let (booking, id) = in_state(operation, &state);
        for fact in intent_facts() {
            let wanted = expected(operation, place(&state), column(&fact));
            let fact = Fact::Intent(id.clone(), fact);
            let mut after = booking.r.clone();
            let became = match after.apply(&fact) {
                Ok(()) => after.intent(&id).expect("an intent").progress.name(),
                Err(illegal) => {
                    assert_eq!(after, booking.r, "a refused fact changes nothing");
                    let met = Met::Intent(state.kind());
                    assert_eq!((illegal.fact, illegal.state), (fact.event_type(), met));
                    "-"
                }
            };
            let context = format!("{operation:?}: {state:?} meets {}", fact.name());
            assert_eq!(became, wanted, "{context}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 7 * STATES * INTENT_FACTS);
}

/// How many attempts there are after a fact, and which request is in doubt behind the next one.
fn carried(state: &IntentState) -> (u32, Option<Sent>) {
    let in_doubt = match state {
        IntentState::Planned { in_doubt, .. }
        | IntentState::Written { in_doubt, .. }
        | IntentState::Sending { in_doubt, .. } => *in_doubt,
        _ => None,
    };
    (state.attempts(), in_doubt)
}

#[test]
fn every_state_takes_over_the_attempts_and_the_request_in_doubt() {
    for state in states(monday()) {
        let (booking, id) = in_state(&capture(&[on(1, 100)]), &state);
        let (attempts, in_doubt) = carried(&state);
        for fact in intent_facts() {
            let mut after = booking.r.clone();
            let context = format!("{state:?} meets {fact:?}");
            if after
                .apply(&Fact::Intent(id.clone(), fact.clone()))
                .is_err()
            {
                continue;
            }
            let written = matches!(state, IntentState::Written { .. });
            let wanted = match fact {
                IntentFact::AttemptWritten { attempt, .. } => (attempt, in_doubt),
                IntentFact::AttemptSent { attempt, .. } => (attempt, in_doubt),
                // Its number is free again.
                IntentFact::AttemptUnsent { .. } => (attempts - 1, in_doubt),
                IntentFact::Withdrawn { .. } if written => (attempts - 1, None),
                // The one before it is unknown, and it is not sent.
                IntentFact::OutcomeUnknown { .. } if written => (attempts - 1, None),
                IntentFact::RetryForced { .. } => (attempts, booking.intent(&id).sent()),
                IntentFact::MarkerChecked { .. } => (attempts, in_doubt),
                _ => (attempts, None),
            };
            let progress = &after.intent(&id).expect("an intent").progress;
            assert_eq!(carried(progress), wanted, "{context}");
        }
    }
}

#[test]
fn no_state_of_an_intent_is_moved_by_a_fact_about_something_else() {
    for state in states(monday()) {
        let (booking, id) = in_state(&cancel(), &state);
        for fact in other_facts(&booking) {
            let mut after = booking.r.clone();
            // A hold that was never placed does not lapse; all else can follow.
            let lapsed = matches!(fact, Fact::Provider(ProviderFact::HoldLapsed { .. }));
            assert_eq!(after.apply(&fact).is_err(), lapsed, "{}", fact.name());
            assert_eq!(
                after.intent(&id).map(|intent| &intent.progress),
                Some(&state)
            );
        }
    }
}

#[test]
fn the_sample_holds_every_fact_there_is() {
    let booking = Booking::new(&[1000]);
    let (intent_facts, other_facts) = (intent_facts(), other_facts(&booking));
    let columns: Vec<usize> = intent_facts.iter().map(column).collect();
    assert_eq!(columns, (0..INTENT_FACTS).collect::<Vec<_>>());
    let id = || booking.r.intents[0].id.clone();
    let types: BTreeSet<EventType> = intent_facts
        .into_iter()
        .map(|fact| Fact::Intent(id(), fact))
        .chain(other_facts)
        .map(|fact| fact.event_type())
        .collect();
    assert_eq!(
        types,
        EventType::ALL.iter().copied().collect(),
        "a new fact stands in one of the two lists"
    );
}

#[test]
fn every_hold_link_and_closure_meets_every_other_fact() {
    let now = monday();
    let holds = [
        Hold::None,
        Hold::Reserved {
            at: now,
            amount: kr(1000),
        },
        Hold::Expired {
            at: now,
            amount: kr(1000),
        },
    ];
    let links = [
        Link::Submitting,
        Link::Sent { url: None, at: now },
        Link::Expired { at: now },
        Link::Failed {
            reason: "no".into(),
        },
    ];
    let closures = [
        Closure::Open,
        Closure::Completed { at: now },
        Closure::Cancelled { at: now },
    ];
    let mut pairs = 0;
    let places = (0..3).flat_map(|hold| {
        (0..4).flat_map(move |link| (0..3).map(move |closure| (hold, link, closure)))
    });
    for (hold, link, closure) in places {
        let (hold, link, closure) = (&holds[hold], &links[link], &closures[closure]);
        let mut booking = Booking::new(&[1000]);
        (booking.r.hold, booking.r.link, booking.r.closure) = (*hold, link.clone(), *closure);
        for fact in other_facts(&booking) {
            let mut after = booking.r.clone();
            let applied = after.apply(&fact);
            let moves = moves(&fact);
            let illegal = matches!(
                (&fact, hold),
                (
                    Fact::Provider(ProviderFact::HoldPlaced { .. }),
                    Hold::Expired { .. }
                ) | (
                    Fact::Provider(ProviderFact::HoldLapsed { .. }),
                    Hold::None | Hold::Expired { .. }
                )
            );
            let legal = !illegal;
            let context = format!("{hold:?} {link:?} {closure:?} meets {}", fact.name());
            assert_eq!(applied.is_ok(), legal, "{context}");
            assert_eq!(
                after.version,
                booking.r.version + i64::from(legal),
                "{context}"
            );
            // Each fact moves its own subject and no other.
            assert!(after.hold == *hold || moves == Moves::Hold, "{context}");
            assert!(after.link == *link || moves == Moves::Link, "{context}");
            assert!(
                after.closure == *closure || moves == Moves::Closure,
                "{context}"
            );
            pairs += 1;
        }
    }
    assert_eq!(pairs, 3 * 4 * 3 * 28);
}

#[test]
fn a_cancel_and_a_capture_or_charge_accepted_without_a_reference_still_have_to_show() {
    for operation in operations() {
        let shows = operation.row_kind().is_some() || matches!(operation, Operation::Cancel { .. });
        let is_submit = operation == Operation::Submit;
        let mut booking = Booking::new(&[1000]);
        let id = booking.plan(operation);
        booking.send(&id);
        let result = booking.r.apply(&Fact::Intent(
            id.clone(),
            IntentFact::AttemptAccepted {
                reference: None,
                at: monday(),
            },
        ));
        assert_eq!(result.is_err(), is_submit);
        let wanted = if shows { "accepted" } else { "done" };
        assert_eq!(
            booking.state(&id),
            if is_submit { "sending" } else { wanted }
        );
        assert!(
            booking.r.ledger.is_empty(),
            "nothing is booked before it shows"
        );
    }
}

#[test]
fn facts_about_an_intent_nobody_planned_are_refused() {
    let other = Booking::new(&[1]).last_intent().id.clone();
    let mut booking = Booking::with(crate::booking::merchant(), &[1000], "{}");
    booking.r.intents.clear();
    for fact in intent_facts() {
        let fact = Fact::Intent(other.clone(), fact);
        let refused = booking.r.apply(&fact).expect_err("no such intent");
        assert_eq!(refused.state, Met::NoIntent);
    }
    let planned = Fact::Planned(Box::new(booking.planner().intent(
        booking.case(),
        cancel(),
        None,
        "a test",
    )));
    booking.fold(std::slice::from_ref(&planned));
    let refused = booking.r.apply(&planned).expect_err("planned already");
    assert_eq!(refused.state, Met::AnIntent);
}
