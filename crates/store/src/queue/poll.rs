//! One poll cycle of the queue: who claims and on which terms, for the producer and for whoever drives jobs without one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::MerchantId;

use crate::db::json_list;
use crate::queue::claim::{ClaimTerms, Claimed, Peek};
use crate::queue::limits::Budgets;
use crate::queue::{ClaimedJob, WorkerOptions};
use crate::{Store, StoreError, Tx};

/// The most jobs that one cycle claims, and about the most runs that it finishes.
pub(crate) const MAX_BATCH: usize = 1_000;

/// Who claims jobs, and on which terms: one worker set from its start to its end.
#[derive(Clone, Debug)]
pub struct Claimant {
    pub(crate) owner: Arc<str>,
    pub(crate) lease: Duration,
    /// The kinds it has handlers for, as a JSON list.
    kinds: String,
    limits: HashMap<MerchantId, u32>,
}

/// What one cycle came to.
#[derive(Debug)]
pub struct PollCycle {
    /// What was claimed, to be run and finished. In the order of claiming.
    pub jobs: Vec<ClaimedJob>,
    /// May there be more that could be claimed at once?
    pub more: bool,
    /// When something will be due, in business time.
    pub next: Option<DateTime<Utc>>,
}

impl Claimant {
    /// A worker set with these options; `owner` is unique per start.
    #[must_use]
    pub fn new(owner: impl Into<Arc<str>>, options: &WorkerOptions) -> Self {
        Self {
            owner: owner.into(),
            lease: options.lease,
            kinds: json_list(
                &options
                    .kinds
                    .iter()
                    .map(|kind| kind.as_str())
                    .collect::<Vec<_>>(),
            ),
            limits: options.limits.clone(),
        }
    }

    /// Its name in the table of jobs.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl Tx {
    /// Rescues what others have lost, makes available what is due, and claims no more than `free` jobs, if a peek at the
    /// queue has shown any of these. Says when something will be due. The transaction holds the lock of claims.
    pub(crate) async fn poll_within(
        &mut self,
        claimant: &Claimant,
        free: usize,
        peek: Peek,
    ) -> Result<(Claimed, Option<DateTime<Utc>>), StoreError> {
        let (peek, more_due) = self.prepare_claim(peek).await?;
        if !peek.available {
            return Ok((Claimed::default(), peek.next_due()));
        }
        let known = self.merchant_limits().await?;
        let mut budgets = Budgets::new(&claimant.limits, &known, self.now());
        let terms = ClaimTerms {
            owner: &claimant.owner,
            lease: claimant.lease,
            kinds: &claimant.kinds,
            slots: free.min(MAX_BATCH),
        };
        let mut claimed = self.claim(&terms, &mut budgets).await?;
        let left = free - claimed.jobs.len();
        claimed.more |= left > 0 && (more_due || claimed.jobs.len() == MAX_BATCH);
        let next = [peek.next_due(), budgets.refill_at]
            .into_iter()
            .flatten()
            .min();
        Ok((claimed, next))
    }
}

impl Store {
    /// One cycle for a worker set that has no producer, such as one in a simulation: claims up to `free` jobs. Each is then
    /// run by its handler within the lease, and finished as [`JobEnd::after`] says.
    ///
    /// [`JobEnd::after`]: crate::queue::JobEnd::after
    ///
    /// # Errors
    /// When the database fails or a job cannot be read.
    pub async fn poll(&self, claimant: &Claimant, free: usize) -> Result<PollCycle, StoreError> {
        let peek = self.peek().await?;
        if peek.is_idle(self.now()) {
            return Ok(PollCycle {
                jobs: Vec::new(),
                more: false,
                next: peek.next_due(),
            });
        }
        let mut tx = self.begin().await?;
        tx.lock_claims().await?;
        let (claimed, next) = tx.poll_within(claimant, free, peek).await?;
        tx.commit().await?;
        let jobs: Result<Vec<_>, _> = claimed
            .jobs
            .iter()
            .map(|row| row.claimed(&claimant.owner))
            .collect();
        Ok(PollCycle {
            jobs: jobs?,
            more: claimed.more,
            next,
        })
    }
}
