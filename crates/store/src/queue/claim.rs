//! The statements of one poll cycle: renew, rescue, make available what is due, claim.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::JobKind;

use crate::db::{Sql, ensure_affected, execute, fetch_all, fetch_optional, json_list, millis, sql};
use crate::queue::JobEnd;
use crate::queue::job::{JOB_COLUMNS, JobRow};
use crate::queue::lease::Fence;
use crate::queue::limits::Budgets;
use crate::queue::states::{AVAILABLE, CLAIMABLE, DUE_LATER, RUNNING};
use crate::{Store, StoreError, Tx};

/// The most jobs that one cycle makes available.
const MAX_PROMOTED: i64 = 1_000;

/// The most expired leases that one cycle rescues.
const MAX_RESCUED: i64 = 100;

/// How often one cycle looks for more after a page held several jobs of one reservation, or emptied a bucket.
const MAX_ROUNDS: u32 = 4;

/// Names the claim among Postgres's advisory locks: "holdfast" as bytes.
const CLAIM_LOCK: i64 = 0x686f_6c64_6661_7374;

/// Differs from SQLite because there a write transaction is alone anyway, and the claim names its index. Claims of several
/// processes queue up here, so that no two of them take jobs of the same reservation. Without good statistics Postgres
/// expects few available jobs, and reads and sorts them all for each claim; with that plan disabled it follows the index.
pub(crate) const LOCK_CLAIMS: &str =
    "SELECT pg_advisory_xact_lock($1), set_config('enable_sort', 'off', TRUE),
    set_config('enable_bitmapscan', 'off', TRUE)";

pub(crate) const RENEW_LEASES: &str = sql!(
    "UPDATE jobs SET lease_until = $2 WHERE state",
    RUNNING,
    " AND owner = $1"
);

const EXPIRED: &str = sql!(
    "SELECT id, token, owner FROM jobs WHERE state",
    RUNNING,
    " AND lease_until < $1 ORDER BY lease_until LIMIT CAST($2 AS BIGINT)"
);

// Differs from SQLite because there nobody else can hold a row.
pub(crate) const RESCUE_EXPIRED: Sql = Sql {
    sqlite: EXPIRED,
    postgres: sql!(EXPIRED, " FOR UPDATE SKIP LOCKED"),
};

/// What there is to do, and when the next job is due: most cycles find nothing and end with this. The first of an order
/// is asked for, since Postgres would look for any row without the index.
pub(crate) const PEEK: &str = sql!(
    "SELECT
        (SELECT MIN(run_at) FROM jobs WHERE state",
    DUE_LATER,
    ") AS next_due,
        (SELECT id FROM jobs WHERE state",
    CLAIMABLE,
    " ORDER BY urgency, deadline, run_at, id LIMIT 1) IS NOT NULL AS available,
        COALESCE((SELECT MIN(lease_until) FROM jobs WHERE state",
    RUNNING,
    ") < $1, FALSE) AS expired"
);

const DUE: &str = sql!(
    "SELECT id FROM jobs WHERE state",
    DUE_LATER,
    " AND run_at <= $1 ORDER BY run_at LIMIT CAST($2 AS BIGINT)"
);

// Differs from SQLite because there nobody else can hold a row.
pub(crate) const PREPARE_CLAIM: Sql = Sql {
    sqlite: sql!(
        "UPDATE jobs SET state",
        AVAILABLE,
        " WHERE id IN (",
        DUE,
        ")"
    ),
    postgres: sql!(
        "UPDATE jobs SET state",
        AVAILABLE,
        " WHERE id = ANY(ARRAY(",
        DUE,
        " FOR UPDATE SKIP LOCKED))"
    ),
};

/// None of a reservation that has a job running, in the order of claiming.
const UP_NEXT: &str = sql!(
    " AND (j.reservation_id IS NULL OR NOT EXISTS (SELECT 1 FROM jobs r WHERE r.state",
    RUNNING,
    " AND r.reservation_id = j.reservation_id))
        ORDER BY j.urgency, j.deadline, j.run_at, j.id LIMIT CAST($4 AS BIGINT)"
);

// Differs from Postgres because the statement names the index for SQLite's planner, and nobody else can hold a row.
pub(crate) const CANDIDATES: Sql = Sql {
    sqlite: sql!(
        "SELECT j.id, j.kind, j.merchant, j.reservation_id FROM jobs j INDEXED BY jobs_available WHERE j.state",
        CLAIMABLE,
        " AND j.kind IN (SELECT value FROM json_each($1))
            AND NOT (j.merchant IN (SELECT value FROM json_each($2)) AND j.kind IN (SELECT value FROM json_each($3)))",
        UP_NEXT
    ),
    postgres: sql!(
        "SELECT j.id, j.kind, j.merchant, j.reservation_id FROM jobs j WHERE j.state",
        CLAIMABLE,
        " AND j.kind = ANY(ARRAY(SELECT json_array_elements_text(CAST($1 AS JSON))))
            AND NOT (j.merchant = ANY(ARRAY(SELECT json_array_elements_text(CAST($2 AS JSON))))
                AND j.kind = ANY(ARRAY(SELECT json_array_elements_text(CAST($3 AS JSON)))))",
        UP_NEXT,
        " FOR UPDATE OF j SKIP LOCKED"
    ),
};

const SET_CLAIMED: &str = sql!(
    "UPDATE jobs SET state",
    RUNNING,
    ", token = token + 1, owner = $2, lease_until = $3, started_at = $4, waiting_for = NULL WHERE id "
);

// Does not ask for the state again: this transaction holds the candidates, and the question would tempt Postgres to walk
// the index of what is available. Differs from Postgres because each has its own way of reading a list from JSON.
pub(crate) const TAKE: Sql = Sql {
    sqlite: sql!(
        SET_CLAIMED,
        "IN (SELECT value FROM json_each($1)) RETURNING ",
        JOB_COLUMNS
    ),
    postgres: sql!(
        SET_CLAIMED,
        "= ANY(ARRAY(SELECT json_array_elements_text(CAST($1 AS JSON)))) RETURNING ",
        JOB_COLUMNS
    ),
};

#[derive(sqlx::FromRow)]
struct Expired {
    id: String,
    token: i64,
    owner: String,
}

/// What a cycle finds when it looks at the queue.
#[derive(Debug, Default, sqlx::FromRow)]
pub(crate) struct Peek {
    next_due: Option<i64>,
    /// Is there something to claim?
    pub(crate) available: bool,
    /// Has a lease run out?
    expired: bool,
}

#[derive(sqlx::FromRow)]
struct Candidate {
    id: String,
    kind: String,
    merchant: String,
    reservation_id: Option<String>,
}

/// What a claim may take, and for whom.
#[derive(Debug)]
pub(crate) struct ClaimTerms<'t> {
    /// The worker set.
    pub(crate) owner: &'t str,
    /// How long it holds what it claims.
    pub(crate) lease: Duration,
    /// The kinds it has handlers for, as a JSON list.
    pub(crate) kinds: &'t str,
    /// No more than this.
    pub(crate) slots: usize,
}

/// What a claim took.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    /// The jobs, in the order of claiming.
    pub(crate) jobs: Vec<JobRow>,
    /// May there be more that could be claimed at once?
    pub(crate) more: bool,
}

impl Store {
    /// Looks at the queue without a transaction.
    pub(crate) async fn peek(&self) -> Result<Peek, StoreError> {
        let mut reader = self.reader().await?;
        let wall = millis(self.clock.wall());
        Ok(fetch_optional!(reader, Peek, PEEK, wall)?.unwrap_or_default())
    }
}

impl Peek {
    /// Is there nothing to claim, to rescue or to make available?
    pub(crate) fn is_idle(&self, now: DateTime<Utc>) -> bool {
        !self.available && !self.expired && self.next_due.is_none_or(|due| due > millis(now))
    }

    /// When the next job is due.
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.next_due.and_then(DateTime::from_timestamp_millis)
    }
}

impl Tx {
    /// Makes this the only claim until the transaction ends.
    pub(crate) async fn lock_claims(&mut self) -> Result<(), StoreError> {
        if self.is_postgres() {
            execute!(self, LOCK_CLAIMS, CLAIM_LOCK)?;
        }
        Ok(())
    }

    /// Renews all leases of an owner. They run on the wall clock of the machine that renews, and are judged by those of
    /// others: clocks may differ by less than two thirds of the lease.
    pub(crate) async fn renew_leases(
        &mut self,
        owner: &str,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let until = lease_end(self.wall(), lease);
        // As many as the owner holds by now: those it lost belong to others.
        execute!(self, RENEW_LEASES, owner, until)?;
        Ok(())
    }

    /// Looks at the queue.
    pub(crate) async fn peek(&mut self) -> Result<Peek, StoreError> {
        let wall = millis(self.wall());
        Ok(fetch_optional!(self, Peek, PEEK, wall)?.unwrap_or_default())
    }

    /// Rescues what others have lost and makes available what is due, as a peek has shown. Says what it then looks
    /// like, and whether more may be due than one cycle makes available.
    pub(crate) async fn prepare_claim(&mut self, peek: Peek) -> Result<(Peek, bool), StoreError> {
        let now = millis(self.now());
        if peek.expired {
            self.rescue_expired().await?;
        } else if peek.next_due.is_none_or(|due| due > now) {
            return Ok((peek, false));
        }
        let promoted = execute!(self, PREPARE_CLAIM, now, MAX_PROMOTED)?;
        Ok((self.peek().await?, promoted >= MAX_PROMOTED.unsigned_abs()))
    }

    /// Counts a crash for each job whose lease ran out, and frees it.
    async fn rescue_expired(&mut self) -> Result<(), StoreError> {
        let wall = millis(self.wall());
        for job in fetch_all!(self, Expired, RESCUE_EXPIRED, wall, MAX_RESCUED)? {
            let fence = Fence {
                id: &job.id,
                token: job.token,
                owner: &job.owner,
            };
            let end = JobEnd::Crashed {
                message: "the worker that ran it vanished".to_owned(),
                at_once: true,
            };
            let held = self.finish_fenced(fence, &end).await?;
            // This transaction holds the row, or is the only one that writes.
            ensure_affected("RESCUE_EXPIRED", 1, u64::from(held))?;
            tracing::warn!(job.id = job.id, "rescued a job whose lease ran out");
        }
        Ok(())
    }

    /// Claims what is due by urgency, deadline and time: at most one job per reservation, none of a reservation that has
    /// one running, and no more per merchant than its budget allows.
    pub(crate) async fn claim(
        &mut self,
        terms: &ClaimTerms<'_>,
        budgets: &mut Budgets,
    ) -> Result<Claimed, StoreError> {
        let mut claimed = Claimed::default();
        for _ in 0..MAX_ROUNDS {
            let want = terms.slots - claimed.jobs.len();
            claimed.more = false;
            if want == 0 {
                break;
            }
            let page = self.candidates(terms, budgets, want).await?;
            let full = page.len() == want;
            let picked = pick(page, budgets);
            if picked.is_empty() {
                break;
            }
            claimed.jobs.extend(self.take(terms, &picked).await?);
            claimed.more = full;
            if !full {
                break;
            }
        }
        claimed.more &= claimed.jobs.len() < terms.slots;
        Ok(claimed)
    }

    async fn candidates(
        &mut self,
        terms: &ClaimTerms<'_>,
        budgets: &Budgets,
        want: usize,
    ) -> Result<Vec<Candidate>, StoreError> {
        let (blocked, metered) = (json_list(&budgets.blocked), metered_kinds());
        let limit = i64::try_from(want).unwrap_or(i64::MAX);
        fetch_all!(
            self,
            Candidate,
            CANDIDATES,
            terms.kinds,
            blocked,
            metered,
            limit
        )
    }

    async fn take(
        &mut self,
        terms: &ClaimTerms<'_>,
        ids: &[String],
    ) -> Result<Vec<JobRow>, StoreError> {
        let (until, now) = (lease_end(self.wall(), terms.lease), millis(self.now()));
        let mut rows = fetch_all!(self, JobRow, TAKE, json_list(ids), terms.owner, until, now)?;
        ensure_affected(
            "TAKE",
            ids.len(),
            u64::try_from(rows.len()).unwrap_or(u64::MAX),
        )?;
        // `RETURNING` keeps no order.
        let place: HashMap<&str, usize> = ids
            .iter()
            .enumerate()
            .map(|(place, id)| (id.as_str(), place))
            .collect();
        rows.sort_by_key(|row| place.get(row.id.as_str()).copied());
        Ok(rows)
    }
}

/// One job per reservation, and no more per merchant than the budget.
fn pick(page: Vec<Candidate>, budgets: &mut Budgets) -> Vec<String> {
    let mut reservations = HashSet::new();
    let mut picked = Vec::with_capacity(page.len());
    for candidate in page {
        let metered = candidate
            .kind
            .parse::<JobKind>()
            .is_ok_and(JobKind::calls_provider);
        if candidate
            .reservation_id
            .as_ref()
            .is_some_and(|id| reservations.contains(id))
        {
            continue;
        }
        if metered && !budgets.take(&candidate.merchant) {
            continue;
        }
        reservations.extend(candidate.reservation_id);
        picked.push(candidate.id);
    }
    picked
}

/// The kinds that count against a merchant's budget, as a JSON list.
fn metered_kinds() -> String {
    let kinds = JobKind::ALL.iter().filter(|kind| kind.calls_provider());
    json_list(&kinds.map(|kind| kind.as_str()).collect::<Vec<_>>())
}

fn lease_end(wall: DateTime<Utc>, lease: Duration) -> i64 {
    let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX);
    millis(
        wall.checked_add_signed(lease)
            .unwrap_or(DateTime::<Utc>::MAX_UTC),
    )
}
