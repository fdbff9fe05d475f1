//! What runs come to in numbers.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use sandbox::{Effect, EffectKind};
use serde::Serialize;

use super::checker::{ApiSnapshot, Judgement, OperationHistory, Resolved, Truth, UnknownOutcome};
use super::plan::LENGTH;
use super::play::Played;

/// Captures of unknown outcome that took effect, by the read that found the effect.
///
/// A read counts when it came after the request was given up and brought an answer that adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FoundBy {
    /// The first read.
    pub first: u64,
    /// The second.
    pub second: u64,
    /// The third.
    pub third: u64,
    /// A later one, or none: a person said so, or nobody did.
    pub later: u64,
}

impl FoundBy {
    fn count(&mut self, unknown: &UnknownOutcome) {
        let place = match (unknown.resolved, unknown.reads) {
            (Some(Resolved::Found), 1) => &mut self.first,
            (Some(Resolved::Found), 2) => &mut self.second,
            (Some(Resolved::Found), 3) => &mut self.third,
            _ => &mut self.later,
        };
        *place += 1;
    }

    fn add(&mut self, other: Self) {
        self.first += other.first;
        self.second += other.second;
        self.third += other.third;
        self.later += other.later;
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.first + self.second + self.third + self.later
    }

    /// How many of a thousand the second read had found; `None` of none.
    #[must_use]
    pub fn by_second_per_mille(&self) -> Option<u64> {
        (self.first + self.second)
            .saturating_mul(1_000)
            .checked_div(self.all())
    }
}

/// Numbers of one run, or of many together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Runs.
    pub runs: u64,
    /// Days of virtual time.
    pub virtual_days: u64,
    /// Reservations that were submitted.
    pub reservations: u64,
    /// Operations that were decided.
    pub operations: u64,
    /// Runs of jobs.
    pub job_runs: u64,
    /// Requests to the provider.
    pub requests: u64,
    /// Processes that died.
    pub crashes: u64,
    /// Faults on the way to the provider, by their names.
    pub faults: BTreeMap<String, u64>,
    /// Reviews that were open at the end, by their reasons.
    pub open_reviews: BTreeMap<String, u64>,
    /// Unknown outcomes that a person decided.
    pub decisions: u64,
    /// Captures of unknown outcome whose effect details could show by the time the request was given up.
    pub captures_shown_at_once: FoundBy,
    /// Those that took effect later, or whose effect details did not show yet.
    pub captures_shown_late: FoundBy,
    /// Captures of unknown outcome that were proven absent.
    pub captures_absent: u64,
    /// Unknown outcomes, of any operation, that reads resolved either way.
    pub resolved: u64,
    /// The reads that this took, of details and of the history.
    pub resolving_reads: u64,
    /// Effects that happened more than once.
    pub double_effects: u64,
    /// Of them, those that reached a person.
    pub double_effects_reviewed: u64,
    /// Operations that were forgotten.
    pub lost_intents: u64,
    /// Differences between our books and the provider's that nothing explains.
    pub unexplained_differences: u64,
    /// What would have broken a promise but for a review or a pause of that very operation or reservation: how often, by
    /// what it was and what excused it.
    pub excuses: BTreeMap<String, u64>,
}

impl Figures {
    pub(super) fn of(played: &Played, snapshots: &[ApiSnapshot], judgement: &Judgement) -> Self {
        let (requests, faults) = played.env.faults.counts();
        let broken = |promise| {
            let count = judgement
                .violations
                .iter()
                .filter(|broken| broken.promise == promise)
                .count();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut figures = Self {
            runs: 1,
            virtual_days: u64::try_from(LENGTH.num_days()).unwrap_or(0),
            reservations: count(snapshots.len()),
            operations: count(snapshots.iter().map(|book| book.operations.len()).sum()),
            job_runs: played.workers.runs,
            requests,
            crashes: played.workers.crashes,
            faults: faults
                .into_iter()
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            decisions: played.decisions,
            double_effects: judgement.doubles,
            double_effects_reviewed: judgement.doubles_reviewed,
            lost_intents: broken(3),
            unexplained_differences: broken(4),
            excuses: judgement.excuses.clone(),
            ..Self::default()
        };
        for review in snapshots.iter().flat_map(|book| &book.reviews) {
            let reason = review.reason.clone();
            *figures.open_reviews.entry(reason).or_default() += 1;
        }
        let world = played.env.world.lock();
        for book in snapshots {
            figures.count_unknown_outcomes(book, world.ledger());
        }
        figures
    }

    fn count_unknown_outcomes(&mut self, book: &ApiSnapshot, ledger: &[Effect]) {
        let truth = Truth::of(ledger, &book.reference);
        for operation in &book.operations {
            for unknown in &operation.unknown_outcomes {
                if unknown.resolved.is_some() {
                    self.resolved += 1;
                    self.resolving_reads += unknown.reads;
                }
                if operation.kind == "capture" {
                    self.count_capture(operation, unknown, &truth);
                }
            }
        }
    }

    fn count_capture(
        &mut self,
        operation: &OperationHistory,
        unknown: &UnknownOutcome,
        truth: &Truth<'_>,
    ) {
        self.captures_absent += u64::from(unknown.resolved == Some(Resolved::Absent));
        let Some(effect) =
            truth.of_request(EffectKind::Captured, operation, unknown.sent, unknown.next)
        else {
            return;
        };
        let at_once = effect.shown_at.is_some_and(|at| at <= unknown.since);
        if at_once {
            &mut self.captures_shown_at_once
        } else {
            &mut self.captures_shown_late
        }
        .count(unknown);
    }

    /// Adds the numbers of others.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.runs, other.runs),
            (&mut self.virtual_days, other.virtual_days),
            (&mut self.reservations, other.reservations),
            (&mut self.operations, other.operations),
            (&mut self.job_runs, other.job_runs),
            (&mut self.requests, other.requests),
            (&mut self.crashes, other.crashes),
            (&mut self.decisions, other.decisions),
            (&mut self.captures_absent, other.captures_absent),
            (&mut self.resolved, other.resolved),
            (&mut self.resolving_reads, other.resolving_reads),
            (&mut self.double_effects, other.double_effects),
            (
                &mut self.double_effects_reviewed,
                other.double_effects_reviewed,
            ),
            (&mut self.lost_intents, other.lost_intents),
            (
                &mut self.unexplained_differences,
                other.unexplained_differences,
            ),
        ] {
            *mine += theirs;
        }
        self.captures_shown_at_once
            .add(other.captures_shown_at_once);
        self.captures_shown_late.add(other.captures_shown_late);
        for (mine, theirs) in [
            (&mut self.open_reviews, &other.open_reviews),
            (&mut self.faults, &other.faults),
            (&mut self.excuses, &other.excuses),
        ] {
            for (name, count) in theirs {
                *mine.entry(name.clone()).or_default() += count;
            }
        }
    }

    /// Reads per resolved unknown outcome, in hundredths.
    #[must_use]
    pub fn reads_per_resolved_hundredths(&self) -> Option<u64> {
        self.resolving_reads
            .saturating_mul(100)
            .checked_div(self.resolved)
    }
}

/// A time in seconds, for people.
pub(super) fn seconds(span: TimeDelta) -> String {
    format!(
        "{}.{:01}",
        span.num_seconds(),
        span.num_milliseconds().rem_euclid(1_000) / 100
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::selftest::checker::Answers;

    const MARKER: &str = "AAAAAAAAAA";

    fn at(seconds: i64) -> String {
        format!("2026-01-05T09:{:02}:{:02}Z", seconds / 60, seconds % 60)
    }

    fn event(seconds: i64, name: &str, data: &Value) -> Value {
        json!({"at": at(seconds), "type": name, "data": data})
    }

    /// A capture that is given up after a second, and what happens then.
    fn book(then: &[Value]) -> ApiSnapshot {
        let planned = json!({"intent": "int_1", "operation": "capture", "marker": MARKER});
        let before = [
            event(0, "intent_planned", &planned),
            event(0, "attempt_sent", &json!({"intent": "int_1", "attempt": 1})),
            event(
                1,
                "outcome_unknown",
                &json!({"intent": "int_1", "reason": "timeout"}),
            ),
        ];
        let events: Vec<Value> = before.iter().chain(then).cloned().collect();
        let answers = Answers {
            reservation: &json!({"reference": "BOOK-1"}),
            events: &events,
            jobs: &[],
            reviews: &[],
        };
        ApiSnapshot::read(answers, false).expect("a timeline")
    }

    /// What the request did, and from when on details show it.
    fn effect(shown_at: i64) -> Effect {
        let what = json!({
            "seq": 1, "at": at(0), "shown_at": at(shown_at), "kind": "captured", "reservation_uuid": "RES1",
            "reference": "BOOK-1", "provider_reference": "CAP1", "amount": "100.00", "lines": [],
            "text": format!("R1 {MARKER} 01 text"), "by": "api"
        });
        serde_json::from_value(what).expect("an effect")
    }

    fn figures(then: &[Value], ledger: &[Effect]) -> Figures {
        let mut figures = Figures::default();
        figures.count_unknown_outcomes(&book(then), ledger);
        figures
    }

    #[test]
    fn a_read_counts_when_it_brings_an_answer_that_adds_up() {
        let read = |seconds, coherent: bool| {
            event(seconds, "details_read", &json!({"coherent": coherent}))
        };
        let of_it = |seconds, name| event(seconds, name, &json!({"intent": "int_1"}));
        let found = |reads: &[Value]| {
            let confirmed = of_it(200, "intent_confirmed");
            figures(
                &reads.iter().cloned().chain([confirmed]).collect::<Vec<_>>(),
                &[effect(0)],
            )
        };
        let by = |first, second, third, later| FoundBy {
            first,
            second,
            third,
            later,
        };
        let silent = of_it(15, "effect_not_seen");
        for (case, reads, counted, expected) in [
            ("the first", vec![read(15, true)], 1, by(1, 0, 0, 0)),
            (
                "the second",
                vec![read(15, true), silent.clone(), read(60, true)],
                2,
                by(0, 1, 0, 0),
            ),
            (
                "one that does not add up",
                vec![read(15, false), silent, read(60, true)],
                1,
                by(1, 0, 0, 0),
            ),
            (
                "one of the history",
                vec![read(15, true), of_it(30, "history_read"), read(60, true)],
                3,
                by(0, 0, 1, 0),
            ),
            (
                "a person",
                vec![read(15, true), of_it(60, "review_decided")],
                0,
                by(0, 0, 0, 1),
            ),
        ] {
            let figures = found(&reads);
            assert_eq!(figures.captures_shown_at_once, expected, "{case}");
            assert_eq!(
                (figures.resolving_reads, figures.resolved),
                (counted, u64::from(counted > 0)),
                "{case}"
            );
        }
    }

    #[test]
    fn captures_that_are_shown_late_or_had_no_effect_are_counted_apart() {
        let read = event(15, "details_read", &json!({"coherent": true}));
        let end = |name| [read.clone(), event(15, name, &json!({"intent": "int_1"}))];
        let counts = |figures: &Figures| {
            let (at_once, late) = (figures.captures_shown_at_once, figures.captures_shown_late);
            (at_once.all(), late.all(), figures.captures_absent)
        };
        let confirmed = end("intent_confirmed");
        assert_eq!(
            counts(&figures(&confirmed, &[effect(1)])),
            (1, 0, 0),
            "shown when it is given up"
        );
        assert_eq!(
            counts(&figures(&confirmed, &[effect(2)])),
            (0, 1, 0),
            "shown later"
        );
        assert_eq!(
            counts(&figures(&end("effect_ruled_out"), &[])),
            (0, 0, 1),
            "no effect"
        );
        let open = figures(&[], &[effect(0)]);
        assert_eq!(
            (counts(&open), open.captures_shown_at_once.later),
            ((1, 0, 0), 1),
            "nobody found it"
        );
    }
}
