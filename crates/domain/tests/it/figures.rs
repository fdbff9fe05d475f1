//! What finding out costs: how soon captures whose answer was lost are settled, and by how many requests.

use chrono::TimeDelta;
use domain::Fact;
use domain::reservation::IntentState;

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

#[test]
fn captures_whose_answer_was_lost_are_settled_by_the_second_look_and_by_three_requests_on_average() {
    let (mut by_second, mut took_effect, mut requests) = (0_u32, 0_u32, 0_u32);
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
            world.booking.witnesses.shown_until = Some(now - TimeDelta::minutes(1));
            if !matches!(world.booking.intent(&id).progress, IntentState::Unknown(_)) {
                break;
            }
        }
        requests += world.reads + world.searches - before;
        let looks = world
            .facts
            .iter()
            .filter(|fact| matches!(fact, Fact::TraceMissing { intent, .. } if *intent == id));
        let settled = looks.count() + 1;
        if fate == Fate::Done {
            took_effect += 1;
            by_second += u32::from(settled <= 2);
        }
        let state = world.booking.intent(&id).progress.name();
        assert!(!matches!(state, "unknown" | "desk"), "seed {seed}, {fate:?}: {state}\n{}", world.story());
        world.trouble = 0;
        world.advance(TimeDelta::days(1));
        world.check_effects();
    }
    let all = u32::try_from(HISTORIES).expect("a small number");
    println!("by the second look: {by_second} of {took_effect}; requests: {requests} for {all}");
    assert!(by_second * 100 >= took_effect * 95, "{by_second} of {took_effect}");
    assert!(requests <= 3 * all, "{requests} requests for {all}");
}
