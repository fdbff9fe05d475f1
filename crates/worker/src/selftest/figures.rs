//! What histories come to in numbers.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Serialize;

use super::checker::{Book, End, Judgement};
use super::history::Played;
use super::plan::LENGTH;

/// Numbers of one history, or of many together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Histories.
    pub histories: u64,
    /// Days of virtual time.
    pub virtual_days: u64,
    /// Reservations that were submitted.
    pub reservations: u64,
    /// Operations that were decided.
    pub operations: u64,
    /// Runs of jobs.
    pub runs: u64,
    /// Requests to the provider.
    pub requests: u64,
    /// Processes that died.
    pub crashes: u64,
    /// Faults on the way to the provider, by their names.
    pub faults: BTreeMap<String, u64>,
    /// Questions that were open on the desk at the end, by their reasons.
    pub at_desk: BTreeMap<String, u64>,
    /// Unknown outcomes that a person decided.
    pub decisions: u64,
    /// Captures of unknown outcome whose effect a read showed, by the number of that read: first, second, third or later.
    pub captures_found: [u64; 3],
    /// Captures of unknown outcome that were proven absent.
    pub captures_absent: u64,
    /// Unknown outcomes, of any operation, that reads settled.
    pub settled: u64,
    /// The reads that this took.
    pub settling_reads: u64,
    /// Effects that happened more than once.
    pub double_effects: u64,
    /// Of them, those that reached a person.
    pub double_effects_told: u64,
    /// Operations that were forgotten.
    pub lost_intents: u64,
    /// Differences between our books and the provider's that nothing explains.
    pub unexplained_differences: u64,
    /// Differences that a question on the desk explains.
    pub explained_differences: u64,
}

impl Figures {
    pub(super) fn of(played: &Played, books: &[Book], judgement: &Judgement) -> Self {
        let (requests, faults) = played.stage.weather.counts();
        let broken = |promise| {
            let count = judgement.violations.iter().filter(|broken| broken.promise == promise).count();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut figures = Self {
            histories: 1,
            virtual_days: u64::try_from(LENGTH.num_days()).unwrap_or(0),
            reservations: count(books.len()),
            operations: count(books.iter().map(|book| book.tales.len()).sum()),
            runs: played.crew.runs,
            requests,
            crashes: played.crew.crashes,
            faults: faults.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
            decisions: played.decisions,
            double_effects: judgement.doubles,
            double_effects_told: judgement.doubles_told,
            lost_intents: broken(3),
            unexplained_differences: broken(4),
            explained_differences: judgement.explained,
            ..Self::default()
        };
        for book in books {
            if let Some(reason) = &book.attention {
                *figures.at_desk.entry(reason.clone()).or_default() += 1;
            }
            figures.count_settled(book);
        }
        figures
    }

    fn count_settled(&mut self, book: &Book) {
        for tale in book.tales.iter().filter(|tale| tale.was_unknown) {
            let capture = tale.operation == "capture";
            if tale.found && tale.end == End::Done {
                self.settled += 1;
                // The read that shows it is not among the silent ones.
                let reads = tale.silent_reads + 1;
                self.settling_reads += reads;
                let place = usize::try_from(reads.min(3)).unwrap_or(3) - 1;
                if let Some(found) = self.captures_found.get_mut(place).filter(|_| capture) {
                    *found += 1;
                }
            } else if tale.absent {
                self.settled += 1;
                self.settling_reads += tale.silent_reads_to_absence;
                self.captures_absent += u64::from(capture);
            }
        }
    }

    /// Adds the numbers of others.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.histories, other.histories),
            (&mut self.virtual_days, other.virtual_days),
            (&mut self.reservations, other.reservations),
            (&mut self.operations, other.operations),
            (&mut self.runs, other.runs),
            (&mut self.requests, other.requests),
            (&mut self.crashes, other.crashes),
            (&mut self.decisions, other.decisions),
            (&mut self.captures_absent, other.captures_absent),
            (&mut self.settled, other.settled),
            (&mut self.settling_reads, other.settling_reads),
            (&mut self.double_effects, other.double_effects),
            (&mut self.double_effects_told, other.double_effects_told),
            (&mut self.lost_intents, other.lost_intents),
            (&mut self.unexplained_differences, other.unexplained_differences),
            (&mut self.explained_differences, other.explained_differences),
        ] {
            *mine += theirs;
        }
        for (mine, theirs) in self.captures_found.iter_mut().zip(other.captures_found) {
            *mine += theirs;
        }
        for (reason, count) in &other.at_desk {
            *self.at_desk.entry(reason.clone()).or_default() += count;
        }
        for (name, count) in &other.faults {
            *self.faults.entry(name.clone()).or_default() += count;
        }
    }

    /// How many of a thousand captures that took effect unknown were found by the second read.
    #[must_use]
    pub fn found_by_second_read_per_mille(&self) -> Option<u64> {
        let [first, second, later] = self.captures_found;
        (first + second).saturating_mul(1_000).checked_div(first + second + later)
    }

    /// Reads per settled unknown outcome, in hundredths.
    #[must_use]
    pub fn reads_per_settled_hundredths(&self) -> Option<u64> {
        self.settling_reads.saturating_mul(100).checked_div(self.settled)
    }
}

/// A time in seconds, for people.
pub(super) fn seconds(span: TimeDelta) -> String {
    format!("{}.{:01}", span.num_seconds(), span.num_milliseconds().rem_euclid(1_000) / 100)
}
