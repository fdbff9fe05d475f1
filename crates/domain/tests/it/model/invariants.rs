//! What must hold in every state, and what else once nothing more happens without a person.

use std::fmt;

use domain::reservation::{IntentState, RowKind};
use domain::{Money, Reservation};

use super::calls::Domain;
use super::machine::Machine;
use super::state::{At, Request, State, Worker};
use super::steps::is_resolved;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invariant {
    /// Every commit can follow what is known.
    Legal,
    /// At most one request of the reservation is unresolved, and none is on its way that is taken for resolved.
    OneAtATime,
    /// The provider carries an intent out at most once.
    AtMostOnce,
    /// No effect is booked as somebody else's, and nothing is booked that did not happen.
    Attribution,
    /// In the end an intent is done if and only if its effect exists, or a person has been asked.
    NothingLost,
    /// What may have been spent counts as spent.
    HeadRoom,
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) invariant: Invariant,
    what: String,
}

impl Violation {
    pub(super) fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        Self {
            invariant,
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)
    }
}

/// What does not hold in this state.
pub(super) fn check(machine: &mut Machine, state: &State) -> Result<(), Violation> {
    let key = (state.r, state.provider, outstanding(machine, state));
    if !machine.sound.contains(&key) {
        always(machine, state)?;
        machine.sound.insert(key);
    }
    if machine.looks_at(Invariant::NothingLost) && is_at_rest(machine, state) {
        nothing_lost(machine, state)?;
    }
    Ok(())
}

/// What has to hold whatever is under way.
fn always(machine: &Machine, state: &State) -> Result<(), Violation> {
    type Check = fn(&Machine, &State) -> Result<(), Violation>;
    let promises: [(Invariant, Check); 4] = [
        (Invariant::OneAtATime, one_at_a_time),
        (Invariant::AtMostOnce, at_most_once),
        (Invariant::Attribution, nothing_invented),
        (Invariant::HeadRoom, head_room),
    ];
    let mut looked_at = promises
        .iter()
        .filter(|(invariant, _)| machine.looks_at(*invariant));
    looked_at.try_for_each(|(_, check)| check(machine, state))
}

/// Is nobody at work, and nothing left to wait for?
pub(super) fn is_at_rest(machine: &Machine, state: &State) -> bool {
    is_resolved(machine, state) && state.workers.iter().all(Worker::is_idle)
}

/// The requests that may still have an effect: those on their way, and those that may still leave.
fn outstanding(machine: &Machine, state: &State) -> Vec<Request> {
    let leaving = state.workers.iter().filter_map(|worker| match &worker.at {
        At::Released(request) if state.now < request.at + machine.effect_within => Some(*request),
        _ => None,
    });
    state
        .wires
        .iter()
        .map(|wire| wire.request)
        .chain(leaving)
        .collect()
}

fn one_at_a_time(machine: &Machine, state: &State) -> Result<(), Violation> {
    let broken = |what: String| Err(Violation::new(Invariant::OneAtATime, what));
    let outstanding = outstanding(machine, state);
    // A duplicate that the provider refuses may be sent while the first request is under way, when time is short.
    if machine.domain.is_harmless(machine.r(state)) {
        return Ok(());
    }
    if outstanding.len() > 1 {
        return broken(format!("{} requests are on their way", outstanding.len()));
    }
    let r = machine.r(state);
    if r.open_intents()
        .filter(|intent| intent.is_unresolved())
        .count()
        > 1
    {
        return broken("two intents are unresolved".to_owned());
    }
    let intent = Domain::intent(r);
    let known = |request: &Request| {
        intent.is_unresolved()
            && intent
                .sent()
                .is_some_and(|sent| sent.attempt == request.attempt)
    };
    match outstanding.iter().find(|request| !known(request)) {
        Some(request) => {
            let (attempt, state) = (request.attempt, intent.progress.name());
            broken(format!(
                "request {attempt} may still have its effect, and the intent is \"{state}\""
            ))
        }
        None => Ok(()),
    }
}

fn at_most_once(machine: &Machine, state: &State) -> Result<(), Violation> {
    let times = effects(machine, state);
    if times > 1 {
        return Err(Violation::new(
            Invariant::AtMostOnce,
            format!("it has been carried out {times} times"),
        ));
    }
    Ok(())
}

/// How often the provider has carried the intent out.
pub(super) fn effects(machine: &Machine, state: &State) -> usize {
    let intent = Domain::intent(machine.r(state));
    machine
        .provider(state)
        .effects
        .iter()
        .filter(|id| **id == intent.id)
        .count()
}

fn nothing_invented(machine: &Machine, state: &State) -> Result<(), Violation> {
    let (r, provider) = (machine.r(state), machine.provider(state));
    for kind in RowKind::ALL {
        let (booked, shown) = (r.booked(*kind), provider.taken(*kind));
        if booked > shown {
            let what = format!("{kind}: {booked} is booked and {shown} took place");
            return Err(Violation::new(Invariant::Attribution, what));
        }
    }
    Ok(())
}

fn head_room(machine: &Machine, state: &State) -> Result<(), Violation> {
    let (r, provider) = (machine.r(state), machine.provider(state));
    let intent = Domain::intent(r);
    let refused = machine.domain.is_harmless(r) && effects(machine, state) > 0;
    let under_way = match outstanding(machine, state).is_empty() || refused {
        true => Money::ZERO,
        false => intent.operation.amount(),
    };
    let spent = |kind: RowKind| {
        provider.taken(kind)
            + if intent.operation.row_kind() == Some(kind) {
                under_way
            } else {
                Money::ZERO
            }
    };
    let check = |what: &str, offered: Money, whole: Money, spent: Money| {
        let left = whole.saturating_sub(spent);
        if offered <= left {
            return Ok(());
        }
        Err(Violation::new(
            Invariant::HeadRoom,
            format!("{offered} is offered to {what}, and {left} is left"),
        ))
    };
    check(
        "capture",
        machine.domain.capturable(r),
        r.reserved(),
        spent(RowKind::Capture),
    )?;
    for row in r.ledger.iter().filter(|row| row.kind != RowKind::Refund) {
        let offered = row.reference.as_ref();
        let offered = offered.map_or(Money::ZERO, |name| machine.domain.refundable(r, name));
        check("refund", offered, row.amount, spent(RowKind::Refund))?;
    }
    let counted = machine.domain.charged(r);
    let charged = spent(RowKind::Charge);
    if counted < charged {
        let what = format!("{counted} counts as charged, and {charged} may be");
        return Err(Violation::new(Invariant::HeadRoom, what));
    }
    Ok(())
}

/// Nothing is left to happen but the reads that come by themselves: after them, the books tell the truth or a
/// person has been asked.
fn nothing_lost(machine: &mut Machine, state: &State) -> Result<(), Violation> {
    let mut end = state.clone();
    let seen = machine.details(state).fresh;
    // A read that changes nothing but when it took place is the last that counts.
    for _ in 0..4 {
        let Some(at) = machine.due(&end)[1] else {
            break;
        };
        end.now = end.now.max(at);
        machine.observe(&mut end, seen)?;
    }
    always(machine, &end)?;
    let r = machine.r(&end);
    let intent = Domain::intent(r);
    let done = matches!(intent.progress, IntentState::Done { .. });
    let times = effects(machine, &end);
    if is_asked(r) {
        return Ok(());
    }
    if intent.is_open() || times != usize::from(done) {
        let state = intent.progress.name();
        let what =
            format!("the intent ends \"{state}\", took place {times} times, and nobody is asked");
        return Err(Violation::new(Invariant::NothingLost, what));
    }
    let untold = RowKind::ALL
        .iter()
        .find(|kind| r.booked(**kind) != machine.provider(&end).taken(**kind));
    match untold {
        Some(kind) => Err(Violation::new(
            Invariant::NothingLost,
            format!("the books lack a {kind}"),
        )),
        None => Ok(()),
    }
}

fn is_asked(r: &Reservation) -> bool {
    !r.control.reviews.is_empty()
}
