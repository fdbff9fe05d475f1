//! The proof that ships with the product, run as a user runs it. It keeps every core busy, so it stands apart from tests
//! whose clocks run fast.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// What has to hold before a change is merged.
const RUNS: &str = "2000";

/// Each run takes every core, and says how fast it was.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[expect(
    clippy::print_stdout,
    reason = "the figures belong to the output of the tests"
)]
fn selftest(arguments: &[&str]) -> Value {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["selftest", "--json"])
        .args(arguments)
        .output()
        .expect("the binary starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{stderr}\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    println!("{report:#}");
    report
}

#[test]
fn runs_with_faults_crashes_and_people_break_no_promise() {
    let report = selftest(&["--seed", "1", "--runs", RUNS]);
    let figures = &report["figures"];
    assert_eq!(figures["runs"].to_string(), RUNS);
    for promise in ["double_effects", "lost_intents", "unexplained_differences"] {
        assert_eq!(figures[promise], 0, "{promise}");
    }
    unknown_outcomes_are_resolved_soon(figures);
}

/// Unknown captures that the provider shows at once are resolved by the second read, and none takes many reads.
fn unknown_outcomes_are_resolved_soon(figures: &Value) {
    let number = |path: &str| figures.pointer(path).and_then(Value::as_u64).expect(path);
    let found = |read: &str| number(&format!("/captures_shown_at_once/{read}"));
    let by_second = found("first") + found("second");
    let all = by_second + found("third") + found("later");
    assert!(all >= 50, "{all} unknown captures are too few to tell");
    assert!(
        by_second * 100 >= all * 95,
        "{by_second} of {all} unknown captures by the second read"
    );
    let (reads, resolved) = (number("/resolving_reads"), number("/resolved"));
    assert!(
        reads <= resolved * 3,
        "{reads} reads for {resolved} unknown outcomes"
    );
}

/// Outside of what is assumed of the provider, effects do happen twice.
const BEYOND: &str = "300";

#[test]
fn beyond_the_assumptions_every_double_effect_reaches_a_person() {
    let report = selftest(&["--beyond", "--seed", "1", "--runs", BEYOND]);
    let figures = &report["figures"];
    assert_eq!(figures["runs"].to_string(), BEYOND);
    assert_ne!(
        figures["double_effects"], 0,
        "the assumptions were not broken"
    );
    assert_eq!(
        figures["double_effects_reviewed"],
        figures["double_effects"]
    );
    assert_eq!(
        report["failed"], 0,
        "every other promise holds: {}",
        report["failures"]
    );
}
