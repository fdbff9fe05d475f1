//! Every state against every fact: what follows, and what is refused.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::policy::Channel;
use domain::reservation::{
    Closing, Closure, Decision, DecisionRecord, Doubt, Hold, IntentState, LedgerRow, Link,
    Operation, ReviewReason, RowKind, SeenLine, Sent,
};
use domain::{Case, Fact, IntentId, Money};

use crate::booking::{
    Booking, cancel, capture, charge, complete, kr, monday, on, refund, seen_reservation,
};

/// What a fact is about. A new fact has to say so here, and gets a column in the table below if it is an intent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Intent(usize),
    Hold,
    Link,
    Closure,
    Rest,
}

const fn about(fact: &Fact) -> About {
    match fact {
        Fact::AttemptWritten { .. } => About::Intent(0),
        Fact::AttemptSending { .. } => About::Intent(1),
        Fact::AttemptUnsent { .. } => About::Intent(2),
        Fact::AttemptAccepted { .. } => About::Intent(3),
        Fact::AttemptRejected { .. } => About::Intent(4),
        Fact::AttemptUnknown { .. } => About::Intent(5),
        Fact::TraceMissing { .. } => About::Intent(6),
        Fact::IntentConfirmed { .. } => About::Intent(7),
        Fact::IntentAbsent { .. } => About::Intent(8),
        Fact::IntentToDesk { .. } => About::Intent(9),
        Fact::IntentWithdrawn { .. } => About::Intent(10),
        Fact::LinkCreated { .. } => About::Intent(11),
        Fact::LateEffect { .. } => About::Intent(12),
        Fact::HistoryRead { .. } => About::Intent(13),
        Fact::IntentPressed { .. } => About::Intent(14),
        Fact::MarkerEchoed { .. } => About::Intent(15),
        Fact::Held { .. } | Fact::HoldExpired { .. } => About::Hold,
        Fact::LinkExpired { .. } => About::Link,
        Fact::Closed { .. } => About::Closure,
        Fact::Created
        | Fact::IntentPlanned { .. }
        | Fact::DetailsRead { .. }
        | Fact::ReadWanted
        | Fact::CalledBack { .. }
        | Fact::UuidHinted { .. }
        | Fact::LinesSeen { .. }
        | Fact::CaptureClosed { .. }
        | Fact::ForeignRow { .. }
        | Fact::RowConfirmed { .. }
        | Fact::RefundSeen { .. }
        | Fact::DuplicateSeen { .. }
        | Fact::DuplicatesSought { .. }
        | Fact::Delivered { .. }
        | Fact::ReminderUsed { .. }
        | Fact::GuardActed { .. }
        | Fact::DeskRaised { .. }
        | Fact::DeskCleared { .. }
        | Fact::Decided { .. }
        | Fact::Paused
        | Fact::Resumed
        | Fact::JobStopped { .. }
        | Fact::JobResumed { .. } => About::Rest,
    }
}

const INTENT_FACTS: usize = 16;

/// The row of the table below.
const fn place(state: &IntentState) -> usize {
    match state {
        IntentState::Planned => 0,
        IntentState::Written(_) => 1,
        IntentState::Sending(_) => 2,
        IntentState::Accepted { .. } => 3,
        IntentState::Unknown(_) => 4,
        IntentState::Desk(_) => 5,
        IntentState::Done { .. } => 6,
        IntentState::Rejected { .. } => 7,
        IntentState::Withdrawn { .. } => 8,
    }
}

/// The state that follows; `-` where the fact is refused. Columns in the order of [`about`], rows of [`place`].
///
/// written, sending, unsent, accepted, rejected, unknown, silent, confirmed, absent, desk, withdrawn, link, late, history,
/// pressed, echoed
#[rustfmt::skip]
const TABLE: [[&str; INTENT_FACTS]; 9] = [
    ["written", "-",       "-",       "-",    "-",        "-",       "-",        "done", "-",       "-",    "withdrawn", "done", "-", "-", "-", "planned"],
    ["written", "sending", "planned", "-",    "-",        "-",       "-",        "done", "-",       "-",    "withdrawn", "done", "-", "-", "-", "written"],
    ["-",       "-",       "planned", "done", "rejected", "unknown", "-",        "done", "-",       "-",    "-",         "done", "-", "-", "-", "sending"],
    ["-",       "-",       "-",       "-",    "-",        "unknown", "accepted", "done", "-",       "-",    "-",         "-",    "-", "accepted", "-", "accepted"],
    ["-",       "-",       "-",       "-",    "-",        "-",       "unknown",  "done", "planned", "desk", "withdrawn", "done", "-", "unknown", "planned", "unknown"],
    ["-",       "-",       "-",       "-",    "-",        "-",       "desk",     "done", "planned", "desk", "withdrawn", "done", "-", "desk", "-", "desk"],
    ["-",       "-",       "-",       "-",    "-",        "-",       "-",        "-",    "-",       "-",    "-",         "-",    "-", "-", "-", "done"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "rejected", "rejected", "-", "-", "rejected"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "withdrawn", "withdrawn", "-", "-", "withdrawn"],
];

/// The table, with what depends on the operation: only a submit has a link, and only a link makes it done; an
/// accepted refund is pending, and an accepted cancel has to show.
fn expected(operation: &Operation, state: usize, fact: usize) -> &'static str {
    match (operation, TABLE[state][fact], fact) {
        (Operation::Submit, "done", 3) => "-",
        (Operation::Refund { .. } | Operation::Cancel { .. }, "done", 3) => "accepted",
        (Operation::Submit, after, _) => after,
        (_, _, 11) => "-",
        (_, after, _) => after,
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
            elsewhere: false,
            slot: Some(0),
        },
    ]
}

fn states(now: DateTime<Utc>) -> [IntentState; 9] {
    let sent = Sent {
        attempt: 1,
        at: now,
    };
    let doubt = Doubt {
        reads: 2,
        clean_reads: 1,
        last_read_at: Some(now),
        ..Doubt::new(sent, "timeout")
    };
    [
        IntentState::Planned,
        IntentState::Written(sent),
        IntentState::Sending(sent),
        IntentState::Accepted {
            sent,
            reference: None,
            reads: 1,
        },
        IntentState::Unknown(doubt.clone()),
        IntentState::Desk(doubt),
        IntentState::Done {
            reference: Some("CAP1".into()),
        },
        IntentState::Rejected { key: "no".into() },
        IntentState::Withdrawn {
            reason: "no".into(),
        },
    ]
}

fn ledger_row() -> LedgerRow {
    LedgerRow {
        kind: RowKind::Capture,
        amount: kr(100),
        lines: vec![],
        reference: Some("CAP7".into()),
        alias: None,
        at: monday(),
        intent: None,
        foreign: true,
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

fn intent_facts(intent: &IntentId) -> Vec<Fact> {
    let (intent, at) = (intent.clone(), monday());
    let reference = Some("CAP1".to_owned());
    vec![
        Fact::AttemptWritten {
            intent: intent.clone(),
            attempt: 2,
            at,
        },
        Fact::AttemptSending {
            intent: intent.clone(),
            attempt: 2,
            at,
        },
        Fact::AttemptUnsent {
            intent: intent.clone(),
            reason: "dns".into(),
        },
        Fact::AttemptAccepted {
            intent: intent.clone(),
            reference: reference.clone(),
            at,
        },
        Fact::AttemptRejected {
            intent: intent.clone(),
            key: "no".into(),
        },
        Fact::AttemptUnknown {
            intent: intent.clone(),
            reason: "timeout".into(),
        },
        Fact::TraceMissing {
            intent: intent.clone(),
            clean: true,
            at,
        },
        Fact::IntentConfirmed {
            intent: intent.clone(),
            reference,
            amount: kr(100),
            at,
        },
        Fact::IntentAbsent {
            intent: intent.clone(),
            at,
        },
        Fact::IntentToDesk {
            intent: intent.clone(),
            reason: ReviewReason::CaptureUnknown,
            at,
        },
        Fact::IntentWithdrawn {
            intent: intent.clone(),
            reason: "no".into(),
        },
        Fact::LinkCreated {
            intent: intent.clone(),
            reservation_uuid: "RES1".into(),
            customer_uuid: None,
            url: None,
            at,
        },
        Fact::LateEffect {
            intent: intent.clone(),
            row: ledger_row(),
        },
        Fact::HistoryRead {
            intent: intent.clone(),
            row: None,
            at,
        },
        Fact::IntentPressed {
            intent: intent.clone(),
            at,
        },
        Fact::MarkerEchoed {
            intent,
            echoed: true,
        },
    ]
}

/// One of each fact that is about no intent.
fn other_facts(booking: &Booking) -> Vec<Fact> {
    let at = monday();
    let intent = booking.planner().intent(
        Case::new(&booking.r, &booking.merchant, at),
        cancel(),
        None,
        "a test",
    );
    let (key, id) = (|| "guard:deadline".to_owned(), || intent.id.clone());
    vec![
        Fact::Created,
        Fact::IntentPlanned {
            intent: intent.clone(),
        },
        Fact::DetailsRead {
            at,
            status: Some("RESERVED".into()),
            coherent: true,
            since: 0,
        },
        Fact::ReadWanted,
        Fact::CalledBack {
            word: "Captured".into(),
            at,
        },
        Fact::UuidHinted {
            uuid: "RES1".into(),
        },
        Fact::LinesSeen {
            lines: vec![SeenLine {
                line: 1,
                provider_id: 9,
                captured: kr(1),
            }],
            extra: vec![],
        },
        Fact::Held {
            at,
            amount: kr(900),
        },
        Fact::HoldExpired { at },
        Fact::LinkExpired { at },
        Fact::CaptureClosed { at },
        Fact::ForeignRow { row: ledger_row() },
        Fact::RowConfirmed {
            reference: "CAP7".into(),
            amount: kr(100),
            intent: None,
        },
        Fact::RefundSeen {
            reference: "CAP7".into(),
            refunded: kr(1),
        },
        Fact::DuplicateSeen {
            intent: id(),
            seen: seen_reservation("RES2", 0),
        },
        Fact::DuplicatesSought {
            intent: id(),
            up_to: None,
            missed: false,
            at,
        },
        Fact::Delivered {
            event_id: "D-1".into(),
            at,
            lines: vec![on(1, 10)],
            complete: false,
        },
        Fact::Closed {
            how: Closing::Completed,
            at,
            foreign: true,
        },
        Fact::Closed {
            how: Closing::Cancelled,
            at,
            foreign: true,
        },
        Fact::ReminderUsed {
            slot: 0,
            sent: true,
            at,
        },
        Fact::GuardActed { key: key(), at },
        Fact::DeskRaised {
            reason: ReviewReason::ExternalChange,
            freezes: true,
            at,
        },
        Fact::DeskCleared {
            reason: ReviewReason::ExternalChange,
        },
        Fact::Decided {
            intent: None,
            reason: ReviewReason::ExternalChange,
            decision: decision(),
        },
        Fact::Paused,
        Fact::Resumed,
        Fact::JobStopped { key: key() },
        Fact::JobResumed { key: key() },
    ]
}

#[test]
fn every_state_of_every_operation_meets_every_fact() {
    let mut pairs = 0;
    for operation in operations() {
        for state in states(monday()) {
            let mut booking = Booking::new(&[1000]);
            let id = booking.plan(operation.clone());
            let mine = booking.r.intents.last_mut().expect("an intent");
            (mine.progress, mine.attempts) = (state.clone(), 1);
            for fact in intent_facts(&id) {
                let About::Intent(column) = about(&fact) else {
                    panic!("{} is about no intent", fact.name())
                };
                let wanted = expected(&operation, place(&state), column);
                let mut after = booking.r.clone();
                let told = match after.apply(&fact) {
                    Ok(()) => after.intent(&id).expect("an intent").progress.name(),
                    Err(refused) => {
                        assert_eq!(after, booking.r, "a refused fact changes nothing");
                        assert_eq!(
                            (refused.fact, refused.state.as_str()),
                            (fact.name(), state.name())
                        );
                        "-"
                    }
                };
                assert_eq!(
                    told,
                    wanted,
                    "{operation:?}: {} meets {}",
                    state.name(),
                    fact.name()
                );
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 7 * 9 * INTENT_FACTS);
}

#[test]
fn the_sample_holds_every_fact_there_is() {
    let booking = Booking::new(&[1000]);
    let intent_facts = intent_facts(&booking.r.intents[0].id);
    let other_facts = other_facts(&booking);
    let columns: Vec<About> = intent_facts.iter().map(about).collect();
    assert_eq!(
        columns,
        (0..INTENT_FACTS).map(About::Intent).collect::<Vec<_>>()
    );
    assert!(
        other_facts
            .iter()
            .all(|fact| !matches!(about(fact), About::Intent(_)))
    );
    let names: BTreeSet<_> = intent_facts
        .iter()
        .chain(&other_facts)
        .map(Fact::name)
        .collect();
    // Both ways of closing are one fact.
    assert_eq!(names.len(), intent_facts.len() + other_facts.len() - 1);
    assert_eq!(names.len(), 43, "a new fact stands in one of the two lists");
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
            let told = after.apply(&fact);
            let about = about(&fact);
            let illegal = matches!(
                (&fact, hold),
                (Fact::Held { .. }, Hold::Expired { .. })
                    | (Fact::HoldExpired { .. }, Hold::None | Hold::Expired { .. })
            );
            let legal = !illegal;
            let context = format!("{hold:?} {link:?} {closure:?} meets {}", fact.name());
            assert_eq!(told.is_ok(), legal, "{context}");
            assert_eq!(
                after.version,
                booking.r.version + i64::from(legal),
                "{context}"
            );
            // Each fact moves its own subject and no other.
            assert!(after.hold == *hold || about == About::Hold, "{context}");
            assert!(after.link == *link || about == About::Link, "{context}");
            assert!(
                after.closure == *closure || about == About::Closure,
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
        let told = booking.r.apply(&Fact::AttemptAccepted {
            intent: id.clone(),
            reference: None,
            at: monday(),
        });
        assert_eq!(told.is_err(), is_submit);
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
    for fact in intent_facts(&other) {
        let refused = booking.r.apply(&fact).expect_err("no such intent");
        assert_eq!(refused.state, "no such intent");
    }
}
