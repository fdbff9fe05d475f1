//! An exhaustive model of one operation: every crash, every fault and every order of two workers, within bounds.
//!
//! The decisions are the domain's own. What stands around them is small enough to visit every state of it: two
//! workers that commit as the runner does, a provider that carries requests out early, late or never, a network that
//! loses either half of an exchange, details that lag behind, and time that jumps from one instant that matters to the
//! next. A broken variant is the same model with one safeguard off.

mod calls;
mod intern;
mod invariants;
mod machine;
mod scenario;
mod search;
mod state;
mod steps;

use invariants::Invariant;
use machine::Machine;
use scenario::{CANCEL, CHARGE, COMPLETE, FULL_REFUND, PART_REFUND, SMALL_PART, Scenario, WHOLE_LINE};
use search::{Counterexample, Figures, explore};

/// How much may go wrong in one run.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Requests and reads that network or provider spoil.
    faults: u8,
    /// Workers that die, or are taken for dead.
    losses: u8,
}

const BOUNDS: Bounds = Bounds { faults: 2, losses: 2 };

/// Which safeguard is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// None: this is how it works.
    Nothing,
    /// Details lose the text with the marker.
    Marker,
    /// No commit asks whether the job is still this worker's.
    Fence,
    /// The commit of SENDING alone does not ask.
    SendingFence,
    /// One read without a trace proves that there was no effect.
    Absence,
    /// The request leaves before SENDING is on record.
    Sending,
    /// What nobody knows counts as not sent.
    Unknown,
    /// What nobody knows does not count as spent.
    HeadRoom,
    /// An answer is taken for that of whichever attempt is being sent.
    Answers,
}

fn run(scenario: &Scenario, bounds: Bounds, broken: Broken) -> Result<Figures, Box<Counterexample>> {
    let (mut machine, starts) = Machine::new(scenario, bounds, broken);
    explore(&mut machine, starts)
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what a reader of this test wants to see")]
fn every_promise_holds_in_every_state() {
    for scenario in [WHOLE_LINE, SMALL_PART, CHARGE, PART_REFUND, FULL_REFUND, CANCEL, COMPLETE] {
        let t = std::time::Instant::now();
        match run(&scenario, BOUNDS, Broken::Nothing) {
            Ok(figures) => println!("{}: {figures:?} {:?}", scenario.name, t.elapsed()),
            Err(found) => {
                println!("{}: {}\n{} {:?}", scenario.name, found.violation, found.path, t.elapsed())
            }
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what a reader of this test wants to see")]
fn variants() {
    for (broken, scenario) in [
        (Broken::Marker, SMALL_PART),
        (Broken::Fence, SMALL_PART),
        (Broken::Absence, SMALL_PART),
        (Broken::Sending, SMALL_PART),
        (Broken::Unknown, SMALL_PART),
        (Broken::HeadRoom, SMALL_PART),
        (Broken::Answers, SMALL_PART),
    ] {
        match run(&scenario, BOUNDS, broken) {
            Ok(figures) => println!("{broken:?}: NOT FOUND {figures:?}"),
            Err(found) => println!("{broken:?}: {}\n{}", found.violation, found.path),
        }
    }
}
