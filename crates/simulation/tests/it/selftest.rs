//! The simulation replays, and does not depend on how it is run.

use simulation::selftest::{Figures, Options, play, run};

/// Runs with processes that die and with many faults are among these.
const SEEDS: std::ops::Range<u64> = 1..13;

#[test]
fn a_run_replays_to_the_byte() {
    for seed in SEEDS {
        let (one, two) = (
            play(seed, false).expect("an environment"),
            play(seed, false).expect("an environment"),
        );
        assert_eq!(one.trace, two.trace, "seed {seed}");
        assert_eq!(one, two, "seed {seed}");
    }
}

#[test]
fn seeds_have_runs_of_their_own() {
    let hash = |seed| play(seed, false).expect("an environment").hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn the_result_does_not_depend_on_how_many_are_played_at_once() {
    let figures = |jobs| -> Figures {
        let mut options = Options::new(1, 6);
        options.jobs = jobs;
        run(&options, &|_| {}).expect("environments").figures
    };
    assert_eq!(figures(1), figures(3));
}

#[test]
fn runs_hold_what_they_are_to_prove() {
    let mut options = Options::new(1, 30);
    options.jobs = 2;
    let figures = run(&options, &|_| {}).expect("environments").figures;
    assert!(figures.crashes > 0, "{figures:?}");
    assert!(figures.resolved > 0, "{figures:?}");
    for fault in ["5xx", "hang", "reset", "outage", "stale details"] {
        assert!(figures.faults.contains_key(fault), "{fault}: {figures:?}");
    }
}
