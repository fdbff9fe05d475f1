//! What finding out costs: how soon captures whose answer was lost are resolved, and by how many requests.
//!
//! The selftest counts the same of whole runs: captures that took effect, and of them those that details could show
//! by the time the request was given up; a read counts if it came after that and its answer adds up.

use chrono::TimeDelta;
use domain::reservation::IntentState;
use domain::{Fact, IntentFact, IntentId, ProviderFact};

use crate::booking::{Booking, capture, merchant, on};
use crate::world::{ExpectedOutcome, World};

/// How many captures lose their answer.
const RUNS: u64 = 600;

/// A reservation that is paid and known to be, among reads of which one in twenty goes wrong.
fn paid(seed: u64) -> World {
    let policy = r#"{"capture":{"on_delivery":"manual"},"reminders":{"max":0}}"#;
    let mut world = World::new(Booking::with(merchant(), &[1000], policy), seed, 0);
    world.provider.echoes = true;
    world.advance(TimeDelta::minutes(1));
    world.provider.pay(world.booking.now);
    world.callback();
    world.advance(TimeDelta::minutes(1));
    world.trouble = 5;
    world
}

/// Reads that brought an answer that adds up, from when the request was given up until they resolved it.
fn resolving_reads(world: &World, id: &IntentId) -> u32 {
    let given_up = |fact: &&Fact| matches!(fact, Fact::Intent(intent, IntentFact::OutcomeUnknown { .. }) if intent == id);
    let resolved = |fact: &&Fact| matches!(fact, Fact::Intent(intent, IntentFact::Confirmed { .. }) | Fact::Intent(intent, IntentFact::EffectRuledOut { .. }) if intent == id);
    let is_read = |fact: &&Fact| match fact {
        Fact::Provider(ProviderFact::DetailsRead { coherent, .. }) => *coherent,
        Fact::Intent(intent, IntentFact::HistoryRead { .. }) => intent == id,
        _ => false,
    };
    let since = world.facts.iter().skip_while(|fact| !given_up(fact));
    let reads = since
        .take_while(|fact| !resolved(fact))
        .filter(is_read)
        .count();
    u32::try_from(reads).expect("a few reads")
}

#[test]
fn captures_whose_answer_was_lost_are_resolved_by_the_second_read_and_by_three_requests_on_average()
{
    let (mut by_second, mut took_effect, mut reads, mut requests) = (0_u32, 0_u32, 0_u32, 0_u32);
    for seed in 0..RUNS {
        let mut world = paid(seed);
        // Most answers are lost behind the effect, since that is where the time goes; the rest is lost before.
        let expected = match seed % 20 {
            0..=2 => ExpectedOutcome::Never,
            3 => ExpectedOutcome::Late,
            _ => ExpectedOutcome::Done,
        };
        world.expected = Some(expected);
        let before = world.reads + world.searches;
        let kroner = if seed.is_multiple_of(2) { 1000 } else { 400 };
        world.ask(capture(&[on(1, kroner)]));
        let id = world.booking.last_intent().id.clone();
        // Something else happens at this merchant, as it does all the time.
        for _ in 0..(48 * 60) {
            world.advance(TimeDelta::minutes(1));
            let now = world.booking.now;
            world.booking.evidence.shown_until = Some(now - TimeDelta::minutes(1));
            if !matches!(world.booking.intent(&id).progress, IntentState::Unknown(_)) {
                break;
            }
        }
        requests += world.reads + world.searches - before;
        let resolving = resolving_reads(&world, &id);
        reads += resolving;
        // What took effect late, or not at all, takes the whole horizon by design.
        if expected == ExpectedOutcome::Done {
            took_effect += 1;
            by_second += u32::from(resolving <= 2);
        }
        let state = world.booking.intent(&id).progress.name();
        assert!(
            !matches!(state, "unknown" | "needs_review"),
            "seed {seed}, {expected:?}: {state}\n{}",
            world.story()
        );
        world.trouble = 0;
        world.advance(TimeDelta::days(1));
        world.check_effects();
    }
    let all = u32::try_from(RUNS).expect("a small number");
    println!(
        "by the second read: {by_second} of {took_effect}; of {all}: {reads} reads, {requests} requests"
    );
    assert!(
        by_second * 100 >= took_effect * 95,
        "{by_second} of {took_effect}"
    );
    assert!(requests <= 3 * all, "{requests} requests for {all}");
}
