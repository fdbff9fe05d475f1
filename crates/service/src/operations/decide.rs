//! Somebody decides a review.

use domain::payment_link::{self, LinkEvent};
use domain::reservation::Intent;
use domain::review::{
    DecisionError, DecisionRequest, ReviewStatus, decide as decide_review, subjects,
};
use domain::{Case, Fact, FieldError, IntentFact, JobId, ReservationId, ReviewId};
use store::{Event, Review, StoreError, Tx};

use super::error::OperationError;
use super::locked::Locked;
use crate::app::App;

/// How many of the events since the evidence was read a refusal lists at most.
const SINCE: usize = 50;

/// Why a decision was not taken. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// There is no such review, or the database failed.
    #[error(transparent)]
    Service(#[from] OperationError),
    /// The review has ended already.
    #[error("the review is decided")]
    Decided(Box<Review>),
    /// Something has happened since the evidence was read.
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

impl From<StoreError> for ReviewError {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

/// Takes a person's decision about an open review. The job behind the review goes on, or ends, by itself.
///
/// # Errors
/// See [`ReviewError`].
pub async fn decide(
    app: &App,
    id: &ReviewId,
    request: &DecisionRequest,
    actor: &str,
) -> Result<(), ReviewError> {
    let missing = || OperationError::NotFound("review");
    let review = app.store.review(id).await?.ok_or_else(missing)?;
    let Some(reservation) = &review.reservation else {
        return decide_payment_link(app, &review, request, actor).await;
    };
    let mut locked = Locked::new(app, reservation, actor).await?;
    // Another person may have decided before the lock was taken.
    let review = locked.tx.review(id).await?.ok_or_else(missing)?;
    let r = &locked.stored.reservation;
    let open = subjects(r).into_iter().find(|about| {
        about.reason == review.reason
            && about.intent.map(|intent| &intent.id) == review.intent.as_ref()
    });
    let about = match open {
        Some(about) if review.status() == ReviewStatus::Open => about,
        _ => {
            locked.tx.rollback().await?;
            return Err(ReviewError::Decided(Box::new(review)));
        }
    };
    let case = Case::new(r, locked.merchant, locked.now());
    let facts = match decide_review(case, &about, request) {
        Ok(facts) => facts,
        Err(error) => {
            locked.tx.rollback().await?;
            return Err(refused(app, reservation, error).await?);
        }
    };
    let job = match &review.intent {
        Some(intent) => locked.tx.job_of_intent(intent).await?,
        None => None,
    };
    if let Some(job) = &job {
        end_withdrawn(&mut locked.tx, job, &facts).await?;
    }
    locked.record(&facts).await?;
    let intent = review.intent.as_ref();
    let intent = intent.and_then(|intent| locked.stored.reservation.intent(intent));
    if let (Some(job), true) = (&job, intent.is_some_and(Intent::is_open)) {
        // The plan's time may be what it was before a person was asked, and would leave the job waiting for one.
        ignore_state_conflict(locked.tx.retry_job(job).await)?;
    }
    locked.commit(job).await?;
    tracing::info!(
        review.id = %id,
        reservation.id = %reservation,
        reason = %review.reason,
        decision = %request.decision,
        actor,
        "review decided"
    );
    Ok(())
}

/// Takes a person's decision about a payment link whose outcome is unknown. The job goes on, or ends, by itself.
async fn decide_payment_link(
    app: &App,
    review: &Review,
    request: &DecisionRequest,
    actor: &str,
) -> Result<(), ReviewError> {
    let missing = || OperationError::NotFound("review");
    let job = review.job.as_ref().ok_or_else(missing)?;
    let mut tx = app.store.begin().await?;
    let mut link = tx.lock_payment_link(job).await?.ok_or_else(missing)?;
    // Another person may have decided before the lock was taken.
    let review = tx.review(&review.id).await?.ok_or_else(missing)?;
    if review.status() == ReviewStatus::Decided {
        tx.rollback().await?;
        return Err(ReviewError::Decided(Box::new(review)));
    }
    let event = match payment_link::review(&link.state, link.version, request) {
        Ok(event) => event,
        Err(DecisionError::EvidenceChanged { given, current }) => {
            return Err(ReviewError::EvidenceChanged {
                given,
                current,
                since: Vec::new(),
            });
        }
        Err(error) => return Err(ReviewError::Refused(error)),
    };
    if let LinkEvent::Confirmed { order, .. } = &event
        && let Some(other) = tx.payment_link_of_order(&link.merchant, order).await?
    {
        let message = format!("names {order}, which is the order of {other}");
        let fault = FieldError::new("reference", message);
        return Err(ReviewError::Refused(DecisionError::Field(fault)));
    }
    tx.record_link(&mut link, &event, actor).await?;
    if link.state.order().is_some() {
        tx.confirm_last_attempt(job).await?;
    }
    ignore_state_conflict(tx.retry_job(job).await)?;
    tx.commit().await?;
    tracing::info!(
        review.id = %review.id,
        job.id = %job,
        reason = %review.reason,
        decision = %request.decision,
        actor,
        "review decided"
    );
    Ok(())
}

/// Why a decision was refused, with what has changed since the evidence was read.
async fn refused(
    app: &App,
    reservation: &ReservationId,
    error: DecisionError,
) -> Result<ReviewError, StoreError> {
    let DecisionError::EvidenceChanged { given, current } = error else {
        return Ok(ReviewError::Refused(error));
    };
    let page = app
        .store
        .events(reservation, store::MAX_PAGE, Some(given.max(0)))
        .await?;
    let mut since = page.items;
    since.retain(|event| event.fact.is_evidence());
    since.truncate(SINCE);
    Ok(ReviewError::EvidenceChanged {
        given,
        current,
        since,
    })
}

/// Ends the job of an operation that is given up with the reason, before the schedule finds it unwanted.
async fn end_withdrawn(tx: &mut Tx, id: &JobId, facts: &[Fact]) -> Result<(), StoreError> {
    let withdrawn = facts.iter().find_map(|fact| match fact {
        Fact::Intent(_, IntentFact::Withdrawn { reason, .. }) => Some(reason),
        _ => None,
    });
    match withdrawn {
        Some(reason) => ignore_state_conflict(tx.cancel_job(id, reason).await),
        None => Ok(()),
    }
}

/// A job that does not wait for a person goes on by itself: it runs just now, or has ended.
fn ignore_state_conflict<T>(changed: Result<T, StoreError>) -> Result<(), StoreError> {
    match changed {
        Ok(_) | Err(StoreError::JobState { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
