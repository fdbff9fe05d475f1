//! Reads jobs for people: one with its attempts, and lists by filter.

use domain::{JobId, JobKind, JobState, MerchantId, ReservationId};

use crate::db::{fetch_all, fetch_optional, sql};
use crate::queue::attempt::{ATTEMPTS_OF, AttemptRow};
use crate::queue::job::{JOB_COLUMNS, JobRow};
use crate::queue::states::{FAILED, NEEDS_REVIEW};
use crate::queue::{AttemptOutcome, AttemptView, Job, JobDetails};
use crate::{MAX_PAGE, Page, Store, StoreError};

/// The most attempts shown of one job.
const MAX_ATTEMPTS_SHOWN: i64 = 500;

/// Which jobs a list has; everything unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<JobKind>,
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// Of this reservation.
    pub reservation: Option<ReservationId>,
}

const ONE: &str = sql!("SELECT ", JOB_COLUMNS, " FROM jobs WHERE id = $1");

const SELECT: &str = sql!("SELECT ", JOB_COLUMNS, " FROM jobs WHERE ");

/// Ids sort by the time of their making, so the newest come first.
const FILTER: &str =
    " AND (CAST($2 AS TEXT) IS NULL OR state = $2) AND (CAST($3 AS TEXT) IS NULL OR kind = $3)
    AND (CAST($4 AS TEXT) IS NULL OR merchant = $4) AND (CAST($5 AS TEXT) IS NULL OR id < $5)
    ORDER BY id DESC LIMIT CAST($6 AS BIGINT)";

const ANY: &str = "CAST($1 AS TEXT) IS NULL";

const JOBS: &str = sql!(SELECT, ANY, FILTER);
const JOBS_OF_RESERVATION: &str = sql!(SELECT, "reservation_id = $1", FILTER);
// The state stands in the text as well, so that the planner finds the index of what waits for people.
const JOBS_IN_REVIEW: &str = sql!(SELECT, ANY, " AND state", NEEDS_REVIEW, FILTER);
const JOBS_FAILED: &str = sql!(SELECT, ANY, " AND state", FAILED, FILTER);

impl Store {
    /// The job with its attempts.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn job(&self, id: &JobId) -> Result<Option<JobDetails>, StoreError> {
        let mut reader = self.reader().await?;
        let Some(row) = fetch_optional!(reader, JobRow, ONE, id.as_str())? else {
            return Ok(None);
        };
        let rows = fetch_all!(
            reader,
            AttemptRow,
            ATTEMPTS_OF,
            id.as_str(),
            MAX_ATTEMPTS_SHOWN
        )?;
        let job = row.view()?;
        let mut attempts: Vec<AttemptView> = rows
            .into_iter()
            .map(AttemptRow::view)
            .collect::<Result<_, _>>()?;
        attempts.extend(clean_success(&job, attempts.last()));
        Ok(Some(JobDetails { job, attempts }))
    }

    /// A page of at most [`MAX_PAGE`] jobs, the newest first, after the one that `cursor` names.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        limit: u32,
        cursor: Option<&JobId>,
    ) -> Result<Page<Job, JobId>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let sql = match (&filter.reservation, filter.state) {
            (Some(_), _) => JOBS_OF_RESERVATION,
            (None, Some(JobState::NeedsReview)) => JOBS_IN_REVIEW,
            (None, Some(JobState::Failed)) => JOBS_FAILED,
            (None, _) => JOBS,
        };
        let mut reader = self.reader().await?;
        let rows = fetch_all!(
            reader,
            JobRow,
            sql,
            filter.reservation.as_ref().map(ReservationId::as_str),
            filter.state.map(JobState::as_str),
            filter.kind.map(JobKind::as_str),
            filter.merchant.as_ref().map(MerchantId::as_str),
            cursor.map(JobId::as_str),
            // One more than shown tells whether there is a next page.
            i64::from(limit) + 1,
        )?;
        let jobs = rows.iter().map(JobRow::view).collect::<Result<_, _>>()?;
        Ok(Page::of(jobs, limit, |job: &Job| job.id.clone()))
    }
}

/// A job that succeeded without a request has no row for its last run, which its own times tell.
fn clean_success(job: &Job, last: Option<&AttemptView>) -> Option<AttemptView> {
    let (started_at, finished_at) = (job.started_at?, job.finished_at?);
    let recorded = last.is_some_and(|last| last.started_at >= started_at);
    (job.state == JobState::Succeeded && !recorded).then(|| AttemptView {
        number: last.map_or(1, |last| last.number.saturating_add(1)),
        intent: job.intent.clone(),
        started_at,
        finished_at: Some(finished_at),
        outcome: AttemptOutcome::Confirmed,
        http_status: None,
        provider_message: None,
        error_code: None,
        exchange: None,
    })
}
