//! An exhaustive model of one operation: every crash, every fault and every order of two workers, within bounds.
//!
//! The decisions are the domain's own. What stands around them is small enough to visit every state of it: two
//! workers that commit as the runner has to, a provider that carries requests out early, late or never, a network
//! that loses either half of an exchange, details that lag behind, and time that jumps from one instant that
//! matters to the next. A broken variant is the same model with one safeguard off.
//!
//! It is assumed that a request leaves and is carried out within a bound after its release, or never; that details
//! lag behind by a bound, the two together being less than the horizon of absence; that a worker which keeps its
//! lease records at once what it has read; and that nobody else acts. Time passes while there is work to do only
//! as one of the losses.

mod calls;
mod intern;
mod invariants;
mod machine;
mod scenario;
mod search;
mod state;
mod steps;

use chrono::TimeDelta;
use invariants::Invariant;
use machine::Machine;
use scenario::{
    CANCEL, CHARGE, COMPLETE, FULL_REFUND, PART_REFUND, SMALL_PART, Scenario, WHOLE_LINE,
};
use search::explore;

use crate::booking::minutes;

/// How much may go wrong in one run.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Requests and reads that network or provider spoil.
    faults: u8,
    /// Workers that die or are taken for dead, and times at which nobody works.
    losses: u8,
    /// Of both together.
    mishaps: u8,
    /// How far details may lag behind.
    lag: TimeDelta,
}

const BOUNDS: Bounds = Bounds {
    faults: 2,
    losses: 2,
    mishaps: 3,
    lag: minutes(5),
};
/// For what holds, too, when it is not the point.
const FEW: Bounds = Bounds {
    faults: 1,
    losses: 2,
    mishaps: 2,
    lag: minutes(5),
};
/// Outside of what is assumed: details lag behind for longer than absence has to last.
const BLIND: Bounds = Bounds {
    lag: minutes(55),
    ..FEW
};

/// Which safeguard is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// None: this is how it works.
    Nothing,
    /// Details lose the text with the marker.
    Marker,
    /// No commit asks whether the job is still this worker's.
    Fence,
    /// The commit of SENDING alone does not ask; it looks again whether to send.
    Token,
    /// The commit of SENDING does not look again whether to send; it asks whether the job is still its own.
    Look,
    /// The commit of SENDING does neither.
    TokenAndLook,
    /// One read without a trace proves that there was no effect.
    Absence,
    /// The request leaves before SENDING is on record.
    Sending,
    /// A request whose outcome is unknown counts as not sent.
    Unknown,
    /// An amount in doubt does not count as spent.
    HeadRoom,
    /// An answer is taken for that of whichever attempt is being sent.
    Answers,
    /// A worker that wakes up long after its release still sends.
    Waking,
}

/// What a search reaches, so that it cannot shrink without a word.
struct Reach {
    scenario: Scenario,
    bounds: Bounds,
    /// At least so many states.
    states: usize,
    /// Exactly so many attempts: with fewer, absence was never proven; with more, something is sent too often.
    attempts: u32,
    /// These ends, and maybe others.
    ends: &'static [&'static str],
}

const fn reach(
    scenario: Scenario,
    states: usize,
    attempts: u32,
    ends: &'static [&'static str],
) -> Reach {
    Reach {
        scenario,
        bounds: BOUNDS,
        states,
        attempts,
        ends,
    }
}

/// Visits every state, and holds what was visited against what was visited when this was written.
#[expect(
    clippy::print_stdout,
    reason = "how much was visited is what a reader of this test wants to see"
)]
fn holds(table: &[Reach]) {
    for row in table {
        let name = row.scenario.name;
        let (mut machine, starts) = Machine::new(&row.scenario, row.bounds, Broken::Nothing);
        let figures = explore(&mut machine, starts)
            .unwrap_or_else(|found| panic!("{name}: {}\n{}", found.violation, found.path));
        println!(
            "{name}: {} states, {} transitions, up to {} attempts, ends as {:?}",
            figures.states, figures.transitions, figures.attempts, figures.ends
        );
        assert!(
            figures.states >= row.states,
            "{name}: {figures:?} is less than {}",
            row.states
        );
        assert_eq!(figures.attempts, row.attempts, "{name}: {figures:?}");
        assert!(
            row.ends.iter().all(|end| figures.ends.contains(end)),
            "{name}: {figures:?}, not {:?}",
            row.ends
        );
    }
}

#[test]
fn every_promise_holds_in_every_state_of_a_capture() {
    holds(&[
        reach(
            WHOLE_LINE,
            110_000,
            3,
            &["needs_review", "done", "rejected", "withdrawn"],
        ),
        reach(
            SMALL_PART,
            100_000,
            3,
            &["needs_review", "done", "rejected", "withdrawn"],
        ),
    ]);
}

#[test]
fn every_promise_holds_in_every_state_of_a_charge() {
    holds(&[reach(
        CHARGE,
        120_000,
        1,
        &["needs_review", "done", "rejected", "withdrawn"],
    )]);
}

#[test]
fn every_promise_holds_in_every_state_of_a_refund() {
    holds(&[
        reach(
            PART_REFUND,
            190_000,
            1,
            &["needs_review", "done", "rejected"],
        ),
        // It may be sent twice, which makes for many more states.
        Reach {
            bounds: FEW,
            ..reach(
                FULL_REFUND,
                190_000,
                2,
                &["needs_review", "done", "rejected"],
            )
        },
    ]);
}

#[test]
fn every_promise_holds_in_every_state_of_a_cancel_and_a_complete() {
    holds(&[
        reach(CANCEL, 60_000, 3, &["needs_review", "done", "rejected"]),
        reach(COMPLETE, 48_000, 3, &["needs_review", "done", "rejected"]),
    ]);
}

/// Each safeguard that is off, the operation that shows it, and the promise that is broken for want of it.
const OFF: &[(Broken, Scenario, Invariant)] = &[
    (Broken::Marker, SMALL_PART, Invariant::Attribution),
    (Broken::Marker, CHARGE, Invariant::Attribution),
    (Broken::Fence, SMALL_PART, Invariant::Legal),
    (Broken::TokenAndLook, SMALL_PART, Invariant::Legal),
    (Broken::Absence, SMALL_PART, Invariant::OneAtATime),
    (Broken::Absence, SMALL_PART, Invariant::AtMostOnce),
    (Broken::Sending, SMALL_PART, Invariant::OneAtATime),
    (Broken::Sending, CHARGE, Invariant::AtMostOnce),
    (Broken::Unknown, CHARGE, Invariant::AtMostOnce),
    (Broken::Unknown, PART_REFUND, Invariant::AtMostOnce),
    (Broken::HeadRoom, SMALL_PART, Invariant::HeadRoom),
    (Broken::HeadRoom, CHARGE, Invariant::HeadRoom),
    (Broken::HeadRoom, PART_REFUND, Invariant::HeadRoom),
    (Broken::Answers, SMALL_PART, Invariant::AtMostOnce),
    (Broken::Waking, SMALL_PART, Invariant::AtMostOnce),
];

#[test]
fn each_safeguard_that_is_off_breaks_a_promise() {
    for (broken, scenario, invariant) in OFF {
        let name = scenario.name;
        let (mut machine, starts) = Machine::new(scenario, BOUNDS, *broken);
        machine.only = Some(*invariant);
        match explore(&mut machine, starts) {
            Ok(figures) => panic!("{broken:?} off, {name}: nobody misses it in {figures:?}"),
            Err(found) => {
                println!(
                    "{broken:?} off, {name}: {}\n{}",
                    found.violation, found.path
                );
                assert_eq!(
                    found.violation.invariant, *invariant,
                    "{broken:?} off, {name}"
                );
            }
        }
    }
}

/// A second safeguard stands behind each of these two; [`Broken::TokenAndLook`] has neither.
#[test]
fn the_token_and_the_second_look_before_sending_each_suffice_alone() {
    for broken in [Broken::Token, Broken::Look] {
        let (mut machine, starts) = Machine::new(&SMALL_PART, FEW, broken);
        if let Err(found) = explore(&mut machine, starts) {
            panic!("{broken:?} off: {}\n{}", found.violation, found.path);
        }
    }
}

#[test]
fn outside_of_what_is_assumed_every_double_effect_reaches_a_person() {
    let (mut machine, starts) = Machine::new(&SMALL_PART, BLIND, Broken::Nothing);
    machine.only = Some(Invariant::NothingLost);
    match explore(&mut machine, starts) {
        Ok(figures) => assert!(figures.doubles > 0, "nothing happened twice in {figures:?}"),
        Err(found) => panic!("{}\n{}", found.violation, found.path),
    }
}
