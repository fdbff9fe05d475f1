//! Every call of the domain that the model makes, in one place.

use chrono::{DateTime, TimeDelta, Utc};
use domain::deadlines::send_by;
use domain::decide::{Step, decide};
use domain::history::HistoryRow;
use domain::observe::{Reading, Snapshot, observe, search};
use domain::outcome::{Outcome, outcome};
use domain::reservation::{Intent, Operation, RowKind};
use domain::resolve::history_window;
use domain::resolve::is_duplicate_refused;
use domain::schedule::schedule;
use domain::{
    Case, Fact, JobKey, JobKind, Money, Planned, PlannedState, ProviderReference, Reservation,
};

use super::Broken;
use super::state::Job;
use crate::booking::Booking;

/// The domain with everything about the merchant that it is asked with.
#[derive(Debug)]
pub(super) struct Domain {
    booking: Booking,
    broken: Broken,
}

impl Domain {
    pub(super) fn new(mut booking: Booking, broken: Broken) -> Self {
        if broken == Broken::Absence {
            let resolution = &mut booking.merchant.resolution;
            let at_once = domain::Span::seconds(0);
            resolution.absent_reads = 1;
            let after = &mut resolution.absent_after;
            (after.capture, after.cancel, after.complete) = (at_once, at_once, at_once);
        }
        Self { booking, broken }
    }

    fn case<'a>(&'a self, r: &'a Reservation, now: DateTime<Utc>) -> Case<'a> {
        Case::new(r, &self.booking.merchant, now)
    }

    /// The intent that the model is about: the newest.
    pub(super) fn intent(r: &Reservation) -> &Intent {
        r.intents.last().expect("the intent")
    }

    pub(super) fn decide(&self, r: &Reservation, job: Job, now: DateTime<Utc>) -> Step {
        let intent = Self::intent(r);
        let key = match job {
            Job::Intent => intent.key.clone(),
            Job::Refresh => JobKey::RefreshNow(0),
        };
        decide(self.case(r, now), &key, &self.booking.planner())
    }

    /// What a read of these details means.
    pub(super) fn observe(
        &self,
        r: &Reservation,
        seen: &Snapshot,
        now: DateTime<Utc>,
    ) -> Vec<Fact> {
        // Nobody asks for a read in the middle of another one here.
        let reading = Reading {
            seen,
            since: i64::MAX,
            evidence: &self.booking.evidence,
        };
        observe(self.case(r, now), reading)
    }

    /// The times between which the history is read for a trace of the intent's request.
    pub(super) fn window(
        &self,
        r: &Reservation,
        now: DateTime<Utc>,
    ) -> (DateTime<Utc>, DateTime<Utc>) {
        history_window(Self::intent(r), &self.booking.merchant, now)
    }

    /// What these rows of the history mean.
    pub(super) fn search(
        &self,
        r: &Reservation,
        rows: &[HistoryRow],
        now: DateTime<Utc>,
    ) -> Vec<Fact> {
        let (booking, intent) = (&self.booking, &Self::intent(r).id);
        search(self.case(r, now), intent, rows, &booking.evidence)
    }

    /// What an answer to the intent's request means.
    pub(super) fn outcome(
        &self,
        r: &Reservation,
        answer: &Outcome,
        now: DateTime<Utc>,
    ) -> Vec<Fact> {
        let unsent = |reason: &String| Outcome::Unsent {
            reason: reason.clone(),
        };
        match answer {
            Outcome::Unknown { reason } if self.broken == Broken::Unknown => {
                outcome(Self::intent(r), &unsent(reason), now)
            }
            _ => outcome(Self::intent(r), answer, now),
        }
    }

    /// When each job of the reservation runs: the intent's own, and the read that no unknown outcome calls for.
    pub(super) fn due(&self, r: &Reservation) -> [Option<DateTime<Utc>>; 2] {
        let jobs = schedule(r, &self.booking.merchant);
        let stray = jobs
            .iter()
            .find(|job| job.kind != JobKind::Refresh && job.intent.is_none());
        assert!(
            stray.is_none(),
            "the model knows the intent and the reads, not {stray:?}"
        );
        let runs = |job: &&Planned| job.state != PlannedState::NeedsReview;
        let at = |refresh: bool| {
            let mine = |job: &&Planned| (job.kind == JobKind::Refresh) == refresh;
            jobs.iter().filter(runs).find(mine).map(|job| job.run_at)
        };
        [at(false), at(true)]
    }

    pub(super) fn send_by(&self, r: &Reservation) -> DateTime<Utc> {
        send_by(r, &Self::intent(r).operation, &self.booking.merchant)
    }

    /// Does the provider refuse the intent a second time, whatever happens?
    pub(super) fn is_harmless(&self, r: &Reservation) -> bool {
        let capture = matches!(Self::intent(r).operation, Operation::Capture { .. });
        capture && is_duplicate_refused(r, &Self::intent(r).operation, &self.booking.merchant)
    }

    /// How long absence has to last before it counts.
    pub(super) fn horizon(&self, operation: &Operation) -> TimeDelta {
        let after = &self.booking.merchant.resolution.absent_after;
        let span = match operation {
            Operation::Submit | Operation::Resend { .. } => after.submit,
            Operation::Capture { .. } => after.capture,
            Operation::Charge { .. } => after.charge,
            Operation::Refund { .. } => after.refund,
            Operation::Cancel { .. } => after.cancel,
            Operation::Complete { .. } => after.complete,
        };
        span.delta()
    }

    /// What the hold may still give.
    pub(super) fn capturable(&self, r: &Reservation) -> Money {
        match self.broken {
            Broken::HeadRoom => r.reserved().saturating_sub(r.booked(RowKind::Capture)),
            _ => r.capturable(),
        }
    }

    /// What may still be given back of a row.
    pub(super) fn refundable(&self, r: &Reservation, reference: &ProviderReference) -> Money {
        let row = r.money_row(reference).map_or(Money::ZERO, |row| row.amount);
        match self.broken {
            Broken::HeadRoom => row.saturating_sub(r.given_back(reference)),
            _ => r.refundable(reference),
        }
    }

    /// What counts as charged.
    pub(super) fn charged(&self, r: &Reservation) -> Money {
        let in_doubt = match self.broken {
            Broken::HeadRoom => Money::ZERO,
            _ => r.claimed(RowKind::Charge),
        };
        r.booked(RowKind::Charge) + in_doubt
    }

    /// The reservation without what no decision depends on, so that equal states are found to be equal.
    pub(super) fn normal(mut r: Reservation) -> Reservation {
        (r.version, r.evidence_version) = (0, 0);
        r.provider.refresh_requested = r.provider.refresh_requested.map(|_| 0);
        r.provider.reads = 0;
        r
    }
}
