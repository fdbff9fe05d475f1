//! The fence: a claim's proof that the job is still its own.

use std::sync::Arc;

use domain::JobId;

use crate::db::{Sql, fetch_optional, sql};
use crate::{StoreError, Tx};

/// What a claim gives its worker. Every later write names it, and fails if the job was claimed anew since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The claimed job.
    pub job: JobId,
    /// One more with each claim of the job.
    pub token: i64,
    /// The worker set that claimed it, unique per start.
    pub owner: Arc<str>,
}

impl Lease {
    pub(crate) fn fence(&self) -> Fence<'_> {
        Fence {
            id: self.job.as_str(),
            token: self.token,
            owner: &self.owner,
        }
    }

    pub(crate) fn lost(&self) -> StoreError {
        StoreError::LeaseLost {
            job: self.job.clone(),
        }
    }
}

/// A lease as the statements bind it; the id may be one that does not parse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence<'l> {
    pub(crate) id: &'l str,
    pub(crate) token: i64,
    pub(crate) owner: &'l str,
}

/// What deciding about a held job needs to know of it.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct LeaseState {
    pub(crate) attempts_used: i64,
    pub(crate) max_attempts: i64,
    pub(crate) crashes: i64,
    pub(crate) deadline: i64,
    /// Has the run left an attempt open?
    pub(crate) attempting: bool,
}

const HELD: &str = "SELECT attempts_used, crashes,
        CASE WHEN planned_at IS NULL THEN max_attempts ELSE 9223372036854775807 END AS max_attempts,
        CASE WHEN planned_at IS NULL THEN deadline ELSE 9223372036854775807 END AS deadline,
        EXISTS (SELECT 1 FROM attempts WHERE job_id = $1 AND token = $2 AND finished_at IS NULL) AS attempting
    FROM jobs WHERE id = $1 AND token = $2 AND owner = $3";

/// An element of a schedule ends neither by count nor by deadline: its decision gives up, in words that reach a
/// person, and until then it is tried again.
// Only a running job has an owner, by a constraint of the table, so the fence need not name the state. Named, it would
// tempt Postgres to walk the index of what runs.
pub(crate) const LEASE_STATE: Sql = Sql {
    sqlite: HELD,
    // Differs from SQLite because there another writer could rescue the job between this check and the commit.
    postgres: sql!(HELD, " FOR UPDATE"),
};

/// The state of a job that is still held under this fence; `None` when the lease was lost.
pub(crate) async fn lease_state(
    tx: &mut Tx,
    fence: Fence<'_>,
) -> Result<Option<LeaseState>, StoreError> {
    fetch_optional!(
        tx,
        LeaseState,
        LEASE_STATE,
        fence.id,
        fence.token,
        fence.owner
    )
}

impl Tx {
    /// Makes sure that the lease still holds, and that it goes on to hold until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job was rescued or claimed by another.
    pub async fn check_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        lease_state(self, lease.fence())
            .await?
            .map(|_| ())
            .ok_or_else(|| lease.lost())
    }
}
