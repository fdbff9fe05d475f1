//! What finding out costs: how soon captures whose answer was lost are settled, and by how many requests.
//!
//! The selftest counts the same of whole histories: captures that took effect, and of them those that details could show
//! by the time the request was given up; a read counts if it came after that and its answer adds up.

use chrono::TimeDelta;
use domain::reservation::IntentState;
use domain::{Fact, IntentFact, IntentId, ProviderFact};

use crate::booking::{Booking, capture, merchant, on};
use crate::world::{Fate, World};

/// How many captures lose their answer.
const HISTORIES: u64 = 600;

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

/// Reads that brought an answer that adds up, from when the request was given up until they settled it.
fn settling_reads(world: &World, id: &IntentId) -> u32 {
    let given_up = |fact: &&Fact| matches!(fact, Fact::Intent(intent, IntentFact::OutcomeUnknown { .. }) if intent == id);
    let settled = |fact: &&Fact| matches!(fact, Fact::Intent(intent, IntentFact::Confirmed { .. }) | Fact::Intent(intent, IntentFact::EffectRuledOut { .. }) if intent == id);
    let is_read = |fact: &&Fact| match fact {
        Fact::Provider(ProviderFact::DetailsRead { coherent, .. }) => *coherent,
        Fact::Intent(intent, IntentFact::HistoryRead { .. }) => intent == id,
        _ => false,
    };
    let since = world.facts.iter().skip_while(|fact| !given_up(fact));
    let reads = since
        .take_while(|fact| !settled(fact))
        .filter(is_read)
        .count();
    u32::try_from(reads).expect("a few reads")
}

#[test]
fn captures_whose_answer_was_lost_are_settled_by_the_second_read_and_by_three_requests_on_average()
{
    let (mut by_second, mut took_effect, mut reads, mut requests) = (0_u32, 0_u32, 0_u32, 0_u32);
    for seed in 0..HISTORIES {
        let mut world = paid(seed);
        // Most answers are lost behind the effect, since that is where the time goes; the rest is lost before.
        let fate = match seed % 20 {
            0..=2 => Fate::Never,
            3 => Fate::Late,
            _ => Fate::Done,
        };
        world.fate = Some(fate);
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
        let settling = settling_reads(&world, &id);
        reads += settling;
        // What took effect late, or not at all, takes the whole horizon by design.
        if fate == Fate::Done {
            took_effect += 1;
            by_second += u32::from(settling <= 2);
        }
        let state = world.booking.intent(&id).progress.name();
        assert!(
            !matches!(state, "unknown" | "needs_review"),
            "seed {seed}, {fate:?}: {state}\n{}",
            world.story()
        );
        world.trouble = 0;
        world.advance(TimeDelta::days(1));
        world.check_effects();
    }
    let all = u32::try_from(HISTORIES).expect("a small number");
    println!(
        "by the second read: {by_second} of {took_effect}; of {all}: {reads} reads, {requests} requests"
    );
    assert!(
        by_second * 100 >= took_effect * 95,
        "{by_second} of {took_effect}"
    );
    assert!(requests <= 3 * all, "{requests} requests for {all}");
}
