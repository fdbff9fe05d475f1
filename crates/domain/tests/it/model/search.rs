//! Visits every state that can be reached, nearest first, so that the way to a broken promise is the shortest.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::rc::Rc;

use super::calls::Domain;
use super::intern::Set;
use super::invariants::{Invariant, Violation, check, effects, is_at_rest};
use super::machine::Machine;
use super::state::{State, Step};
use super::steps::steps;

/// How much was visited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) states: usize,
    pub(super) transitions: usize,
    /// The most attempts that were made.
    pub(super) attempts: u32,
    /// States in which the intent took effect more than once.
    pub(super) doubles: usize,
    /// How the intent ended where nothing was left to happen.
    pub(super) ends: BTreeSet<&'static str>,
}

/// A promise that is broken, and how it comes about.
#[derive(Debug)]
pub(super) struct Counterexample {
    pub(super) violation: Violation,
    pub(super) path: String,
}

/// A state, and the step that led to it first.
struct Visited {
    state: Rc<State>,
    from: Option<(usize, Step)>,
}

/// Visits everything, up to the first promise that is broken.
pub(super) fn explore(
    machine: &mut Machine,
    starts: Vec<State>,
) -> Result<Figures, Box<Counterexample>> {
    let mut visited: Vec<Visited> = Vec::new();
    let mut known: Set<Rc<State>> = Set::default();
    let mut figures = Figures::default();
    for state in starts {
        let state = Rc::new(state);
        known.insert(Rc::clone(&state));
        visited.push(Visited { state, from: None });
    }
    let mut next = 0;
    while next < visited.len() {
        let from = Rc::clone(&visited[next].state);
        for (step, led) in steps(machine, &from) {
            figures.transitions += 1;
            // A commit that cannot follow what is known is rolled back.
            if !machine.looks_at(Invariant::Legal)
                && led
                    .as_ref()
                    .is_err_and(|violation| violation.invariant == Invariant::Legal)
            {
                continue;
            }
            let sound = led.and_then(|state| {
                let state = Rc::new(state);
                if known.insert(Rc::clone(&state)) {
                    check(machine, &state)?;
                    visited.push(Visited {
                        state,
                        from: Some((next, step)),
                    });
                }
                Ok(())
            });
            if let Err(violation) = sound {
                return Err(Box::new(Counterexample {
                    violation,
                    path: path(&visited, next, step),
                }));
            }
        }
        let intent = Domain::intent(machine.r(&from));
        figures.attempts = figures.attempts.max(intent.attempts());
        figures.doubles += usize::from(effects(machine, &from) > 1);
        if is_at_rest(machine, &from) {
            figures.ends.insert(intent.progress.name());
        }
        next += 1;
    }
    figures.states = visited.len();
    Ok(figures)
}

/// The steps from the start, one a line, each with the time since then.
fn path(visited: &[Visited], last: usize, step: Step) -> String {
    let mut steps = vec![(last, step)];
    let mut at = last;
    while let Some((from, step)) = visited[at].from {
        steps.push((from, step));
        at = from;
    }
    let start = visited[at].state.now;
    let mut text = String::new();
    for (from, step) in steps.into_iter().rev() {
        let after = (visited[from].state.now - start).num_seconds();
        let (hours, minutes, seconds) = (after / 3600, after / 60 % 60, after % 60);
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {hours:02}:{minutes:02}:{seconds:02}  {step}");
    }
    text
}
