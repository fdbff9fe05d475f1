//! The desk: evidence for people, and what they decide, each decision one transaction.

use domain::review::{
    Clearing, DecisionError, Evidence, PastDecision, Resolution, Subject, clear, evidence,
    in_doubt, resolve, subjects,
};
use domain::{Fact, JobId, JobState, Merchant, Reservation, ReservationId};
use serde_json::json;
use store::queue::{AttemptView, Job};
use store::{Event, StoreError, Stored, Tx};

use crate::app::App;
use crate::service::ServiceError;

/// How many of the newest events a pack shows, and how many a refusal lists at most.
const TIMELINE: u32 = 50;

/// The evidence for one thing on the desk, with what the database adds to it.
#[derive(Clone, Debug)]
pub struct Pack {
    /// What the reservation tells.
    pub evidence: Evidence,
    /// The job of the operation that it is about.
    pub job: Option<JobId>,
    /// The newest events, oldest first.
    pub timeline: Vec<Event>,
    /// The requests and runs of that job, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// Why a decision was not taken. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such job or reservation, or the database failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The job waits for nobody's decision.
    #[error("{message}")]
    NotAtDesk {
        /// Where the job is.
        state: JobState,
        /// What is the matter.
        message: String,
    },
    /// A request in doubt is behind the item; it is decided through this job.
    #[error("a request in doubt is behind it, which is resolved through its job")]
    InDoubt {
        /// The job.
        job: Option<JobId>,
    },
    /// Something has happened since the evidence was looked at.
    #[error("the evidence has changed")]
    EvidenceChanged {
        /// The version that the decision names.
        given: i64,
        /// The version in force.
        current: i64,
        /// What has happened since, oldest first, without what was only looked for in vain.
        since: Vec<Event>,
    },
    /// The decision does not fit.
    #[error("the decision was refused")]
    Refused(#[source] DecisionError),
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

/// The decisions of a journal.
fn past(events: Vec<Event>) -> Vec<PastDecision> {
    let decided = |event: Event| match event.fact {
        Fact::Decided {
            intent,
            reason,
            decision,
        } => Some(PastDecision {
            seq: event.seq,
            at: event.at,
            by: event.actor,
            intent,
            reason,
            decision,
        }),
        _ => None,
    };
    events.into_iter().filter_map(decided).collect()
}

impl App {
    /// The evidence for everything that lies on a reservation's desk, the oldest first.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn packs(&self, r: &Reservation) -> Result<Vec<Pack>, StoreError> {
        self.packs_about(r, &subjects(r)).await
    }

    /// The evidence for the request in doubt that a job carries; `None` when nobody has to decide about it.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn pack_of_job(&self, job: &Job) -> Result<Option<Pack>, StoreError> {
        let (Some(id), Some(intent)) = (&job.reservation, &job.intent) else {
            return Ok(None);
        };
        let Some(Stored { reservation: r, .. }) = self.store.reservation(id).await? else {
            return Ok(None);
        };
        let subject = r.intent(intent).and_then(|intent| in_doubt(&r, intent));
        Ok(self.packs_about(&r, subject.as_slice()).await?.pop())
    }

    /// What people have decided about the request that a job carries, oldest first.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn decisions_of_job(&self, job: &Job) -> Result<Vec<PastDecision>, StoreError> {
        let (Some(id), Some(intent)) = (&job.reservation, &job.intent) else {
            return Ok(Vec::new());
        };
        let mut decided = past(self.store.decisions(id).await?);
        decided.retain(|past| past.intent.as_ref() == Some(intent));
        Ok(decided)
    }

    async fn packs_about(
        &self,
        r: &Reservation,
        about: &[Subject<'_>],
    ) -> Result<Vec<Pack>, StoreError> {
        let Some(handle) = self
            .merchants
            .get(&r.merchant)
            .filter(|_| !about.is_empty())
        else {
            return Ok(Vec::new());
        };
        let decided = past(self.store.decisions(&r.id).await?);
        let before = (r.version - i64::from(TIMELINE)).max(0);
        let timeline = self
            .store
            .events(&r.id, TIMELINE, Some(before))
            .await?
            .items;
        let now = self.clock.now();
        let mut packs = Vec::with_capacity(about.len());
        for subject in about {
            let evidence = evidence(r, subject, &handle.merchant, &decided, now);
            let job = match &evidence.operation {
                Some(operation) => self.store.job_of_intent(&operation.intent).await?,
                None => None,
            };
            let attempts = match &job {
                Some(job) => self.store.job(job).await?.map(|details| details.attempts),
                None => None,
            };
            let attempts = attempts.unwrap_or_default();
            packs.push(Pack {
                evidence,
                job,
                timeline: timeline.clone(),
                attempts,
            });
        }
        Ok(packs)
    }

    /// Takes a person's decision about the request in doubt that a job carries. The job goes on by itself.
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn resolve(
        &self,
        id: &JobId,
        resolution: &Resolution,
        actor: &str,
    ) -> Result<Job, DeskError> {
        let job = self.job(id).await?;
        let (Some(reservation), Some(intent)) = (&job.reservation, &job.intent) else {
            return Err(not_at_desk(
                &job,
                "it carries no operation whose outcome could be unknown",
            ));
        };
        let (mut tx, mut stored, merchant) = self.lock(reservation).await?;
        let r = &mut stored.reservation;
        let facts = match resolve(r, intent, resolution, merchant, tx.now()) {
            Ok(facts) => facts,
            Err(error) => {
                tx.rollback().await?;
                return Err(self.refused(&stored.reservation, id, error).await?);
            }
        };
        leave_desk(&mut tx, id, &facts).await?;
        tx.record(r, &facts, merchant, actor, None).await?;
        if r.intent(intent)
            .is_some_and(domain::reservation::Intent::is_open)
        {
            // The plan's time may be what it was before the job came to the desk, and would leave it there.
            elsewhere(tx.retry_job(id).await)?;
        }
        tx.commit().await?;
        tracing::info!(job.id = %id, decision = %resolution.outcome, actor, "review decided");
        Ok(self.job(id).await?)
    }

    /// Takes an item off a reservation's desk that a person has dealt with.
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn clear(
        &self,
        id: &ReservationId,
        clearing: &Clearing,
        actor: &str,
    ) -> Result<Stored, DeskError> {
        let (mut tx, mut stored, merchant) = self.lock(id).await?;
        let r = &mut stored.reservation;
        let facts = match clear(r, clearing) {
            Ok(facts) => facts,
            Err(DecisionError::InDoubt { intent, .. }) => {
                let job = tx.job_of_intent(&intent).await?;
                return Err(DeskError::InDoubt { job });
            }
            Err(DecisionError::EvidenceChanged { given, current }) => {
                tx.rollback().await?;
                return Err(self.changed(&stored.reservation, given, current).await?);
            }
            Err(error) => return Err(DeskError::Refused(error)),
        };
        tx.record(r, &facts, merchant, actor, None).await?;
        stored.updated_at = tx.now();
        tx.commit().await?;
        tracing::info!(reservation.id = %id, reason = %clearing.reason, actor, "review dismissed");
        Ok(stored)
    }

    async fn job(&self, id: &JobId) -> Result<Job, ServiceError> {
        Ok(self
            .store
            .job(id)
            .await?
            .ok_or(ServiceError::NotFound("job"))?
            .job)
    }

    async fn lock(&self, id: &ReservationId) -> Result<(Tx, Stored, &Merchant), ServiceError> {
        let mut tx = self.store.begin().await?;
        let stored = tx
            .lock_reservation(id)
            .await?
            .ok_or(ServiceError::NotFound("reservation"))?;
        let merchant = &self.handle(&stored.reservation.merchant)?.merchant;
        Ok((tx, stored, merchant))
    }

    /// Why a decision about a job was refused, with what has changed.
    async fn refused(
        &self,
        r: &Reservation,
        id: &JobId,
        error: DecisionError,
    ) -> Result<DeskError, DeskError> {
        match error {
            DecisionError::EvidenceChanged { given, current } => {
                self.changed(r, given, current).await
            }
            DecisionError::NotAtDesk { state } => {
                let job = self.job(id).await?;
                Ok(not_at_desk(&job, &format!("its operation is {state}")))
            }
            error => Ok(DeskError::Refused(error)),
        }
    }

    async fn changed(
        &self,
        r: &Reservation,
        given: i64,
        current: i64,
    ) -> Result<DeskError, DeskError> {
        let mut since = self
            .store
            .events(&r.id, store::queue::MAX_PAGE, Some(given.max(0)))
            .await?
            .items;
        since.retain(|event| event.fact.is_evidence());
        since.truncate(usize::try_from(TIMELINE).unwrap_or(usize::MAX));
        Ok(DeskError::EvidenceChanged {
            given,
            current,
            since,
        })
    }
}

fn not_at_desk(job: &Job, why: &str) -> DeskError {
    // A job comes to the desk by crashing too, and then there is no request to decide about.
    let hint = match job.state {
        JobState::NeedsReview => "; it waits here for another reason, see last_error: retry it",
        _ => "",
    };
    let message = format!(
        "the job is {}, and there is nothing to decide: {why}{hint}",
        job.state
    );
    DeskError::NotAtDesk {
        state: job.state,
        message,
    }
}

/// Ends the job of an operation that is over, before the schedule finds that nobody wants it any more.
async fn leave_desk(tx: &mut Tx, id: &JobId, facts: &[Fact]) -> Result<(), StoreError> {
    for fact in facts {
        match fact {
            Fact::IntentConfirmed { reference, .. } => {
                let result = reference
                    .as_ref()
                    .map(|reference| json!({"reference": reference}));
                elsewhere(tx.confirm_job(id, result.as_ref()).await)?;
            }
            Fact::IntentWithdrawn { reason, .. } => elsewhere(tx.cancel_job(id, reason).await)?,
            _ => {}
        }
    }
    Ok(())
}

/// A job that is not at the desk goes on by itself: it runs just now, or has ended.
fn elsewhere<T>(changed: Result<T, StoreError>) -> Result<(), StoreError> {
    match changed {
        Ok(_) | Err(StoreError::JobState { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
