//! What a selftest came to, for people and for programs.

use std::fmt;

use chrono::TimeDelta;
use serde::Serialize;

use super::figures::{Figures, seconds};

/// The most requests that the undisturbed life of a reservation may take.
const MOST_HAPPY_REQUESTS: u64 = 5;

/// What the figures of unknown captures are figures of.
const DEFINITION: &str = "\
The unknown captures shown at once or late are those that took effect: at once, if details showed the effect by the
time the request was given up. A read counts if it came after that time and its answer adds up.";

/// A run that broke a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What it broke, in words.
    pub broken: Vec<String>,
    /// Everything that happened, and the timelines of its reservations.
    pub trace: String,
}

/// What a selftest came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The seed of the first run.
    pub first_seed: u64,
    /// The seed of the last one.
    pub last_seed: u64,
    /// How many runs were asked for; as many have to be judged.
    pub asked: u64,
    /// Were the declared assumptions broken on purpose?
    pub beyond: bool,
    /// What the threads said that panicked outside of a run; each has left runs undone.
    pub panics: Vec<String>,
    /// How long it took.
    pub wall_milliseconds: u64,
    /// Requests of the undisturbed life of one reservation.
    pub happy_requests: u64,
    /// The numbers of all runs together.
    pub figures: Figures,
    /// How many runs broke a promise.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
}

impl Report {
    /// How unknown captures were resolved, and by which read.
    fn unknown_captures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<42} {value}");
        for (name, found) in [
            (
                "unknown captures shown at once",
                &figures.captures_shown_at_once,
            ),
            ("unknown captures shown late", &figures.captures_shown_late),
        ] {
            row(name, &found.all())?;
            let at = [found.first, found.second, found.third, found.later].map(|n| n.to_string());
            row("  found at the 1st, 2nd, 3rd read, later", &at.join(", "))?;
            if let Some(share) = found.by_second_per_mille() {
                row("  by the second read, %", &Decimal(share, 1))?;
            }
        }
        row("unknown captures proven absent", &figures.captures_absent)?;
        row("unknown outcomes resolved by reads", &figures.resolved)?;
        if let Some(reads) = figures.reads_per_resolved_hundredths() {
            row("reads per resolved unknown", &Decimal(reads, 2))?;
        }
        Ok(())
    }

    /// Whether every run that was asked for was judged, and kept every promise.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.failed == 0
            && self.figures.runs == self.asked
            && self.panics.is_empty()
            && self.happy_requests <= MOST_HAPPY_REQUESTS
    }

    /// The command that replays a run.
    #[must_use]
    pub fn replay(&self, seed: u64) -> String {
        let beyond = if self.beyond { " --beyond" } else { "" };
        format!("holdfast selftest --seed {seed} --runs 1{beyond}")
    }

    /// Runs a second, in tenths.
    #[must_use]
    pub fn runs_per_second_tenths(&self) -> u64 {
        self.figures.runs.saturating_mul(10_000) / self.wall_milliseconds.max(1)
    }
}

/// A number with some of its digits behind the point.
struct Decimal(u64, u32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(self.1);
        let digits = usize::try_from(self.1).unwrap_or(0);
        write!(f, "{}.{:0digits$}", self.0 / unit, self.0 % unit)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        let wall = seconds(TimeDelta::milliseconds(
            i64::try_from(self.wall_milliseconds).unwrap_or(i64::MAX),
        ));
        let speed = Decimal(self.runs_per_second_tenths(), 1);
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<42} {value}");
        row(
            "runs judged, of those asked for",
            &format_args!("{} of {}", figures.runs, self.asked),
        )?;
        for panic in &self.panics {
            row("a thread panicked", panic)?;
        }
        row(
            "seeds",
            &format_args!("{} to {}", self.first_seed, self.last_seed),
        )?;
        row("virtual days", &figures.virtual_days)?;
        row("seconds", &wall)?;
        row("runs a second", &speed)?;
        row("reservations", &figures.reservations)?;
        row("operations", &figures.operations)?;
        row("runs of jobs", &figures.job_runs)?;
        row("requests", &figures.requests)?;
        row("processes that died", &figures.crashes)?;
        for (name, count) in &figures.faults {
            row(&format!("fault: {name}"), count)?;
        }
        self.unknown_captures(f)?;
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<42} {value}");
        row("decided by a person", &figures.decisions)?;
        for (reason, count) in &figures.open_reviews {
            row(&format!("open review at the end: {reason}"), count)?;
        }
        row("double effects", &figures.double_effects)?;
        row("  that reached a person", &figures.double_effects_reviewed)?;
        row("lost intents", &figures.lost_intents)?;
        row("unexplained differences", &figures.unexplained_differences)?;
        for (name, count) in &figures.excuses {
            row(&format!("excused: {name}"), count)?;
        }
        row("requests of a happy life", &self.happy_requests)?;
        row("runs that broke a promise", &self.failed)?;
        writeln!(f, "\n{DEFINITION}")
    }
}
