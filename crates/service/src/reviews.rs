//! Reviews: the evidence for people, and what they decide, each decision one transaction.

use domain::payment_link::{self, LinkEvent};
use domain::reservation::Intent;
use domain::review::{
    DecisionError, DecisionRequest, Evidence, PastDecision, Remedy, ReviewOption, ReviewStatus,
    Subject, decide as decide_review, evidence, options, remedies, subjects,
};
use domain::{Case, Fact, FieldError, JobId, Merchant, Reservation, ReservationId, ReviewId};
use store::queue::AttemptView;
use store::{Event, Review, StoreError, Stored, Tx};

use crate::app::App;
use crate::operations::{OperationError, merchant_of};

/// How many of the newest events a review shows, and how many a refusal lists at most.
const TIMELINE: u32 = 50;

/// A review with everything that a decision about it rests on.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The review as the database has it.
    pub review: Review,
    /// What the reservation shows; `None` when it is not there, or its merchant is not configured any more.
    pub evidence: Option<Evidence>,
    /// What can be decided; empty once the review is decided.
    pub options: Vec<ReviewOption>,
    /// What would put a wrong effect right; empty once the review is decided.
    pub remedies: Vec<Remedy>,
    /// The newest events of the reservation, oldest first.
    pub timeline: Vec<Event>,
    /// The requests and runs of the review's job, oldest first.
    pub attempts: Vec<AttemptView>,
}

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

/// The review with this id, and everything that a decision about it rests on.
///
/// # Errors
/// There is no such review, or the database failed.
pub async fn dossier(app: &App, id: &ReviewId) -> Result<Dossier, OperationError> {
    let review = app.store.review(id).await?;
    let mut dossier = Dossier {
        review: review.ok_or(OperationError::NotFound("review"))?,
        evidence: None,
        options: Vec::new(),
        remedies: Vec::new(),
        timeline: Vec::new(),
        attempts: Vec::new(),
    };
    if let Some(job) = &dossier.review.job {
        let details = app.store.job(job).await?;
        dossier.attempts = details.map(|job| job.attempts).unwrap_or_default();
    }
    let Some(reservation) = &dossier.review.reservation else {
        return Ok(dossier);
    };
    let Some(Stored { reservation: r, .. }) = app.store.reservation(reservation).await? else {
        return Ok(dossier);
    };
    let before = (r.version - i64::from(TIMELINE)).max(0);
    let timeline = app.store.events(&r.id, TIMELINE, Some(before)).await?;
    dossier.timeline = timeline.items;
    if let Some(handle) = app.merchants.get(&r.merchant) {
        let decided = past(app.store.decisions(&r.id).await?);
        dossier.fill(app, &r, &handle.merchant, &decided);
    }
    Ok(dossier)
}

impl Dossier {
    fn fill(&mut self, app: &App, r: &Reservation, merchant: &Merchant, decided: &[PastDecision]) {
        let (case, about) = (
            Case::new(r, merchant, app.clock.now()),
            subject(r, &self.review),
        );
        self.evidence = Some(evidence(case, &about, decided));
        if self.review.status() == ReviewStatus::Open {
            self.options = options(case, &about);
            self.remedies = remedies(case, &about);
        }
    }
}

/// What a review is, or was, about.
fn subject<'r>(r: &'r Reservation, review: &Review) -> Subject<'r> {
    Subject {
        reason: review.reason,
        since: review.raised_at,
        freezes: review.freezes,
        intent: review.intent.as_ref().and_then(|id| r.intent(id)),
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
            actor: event.actor,
            intent,
            reason,
            record: decision,
        }),
        _ => None,
    };
    events.into_iter().filter_map(decided).collect()
}

/// Takes a person's decision about an open review. The job behind it goes on, or ends, by itself.
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
    let (mut tx, mut stored, merchant) = lock(app, reservation).await?;
    // Another person may have decided before the lock was taken.
    let review = tx.review(id).await?.ok_or_else(missing)?;
    let r = &mut stored.reservation;
    let open = subjects(r).into_iter().find(|about| {
        about.reason == review.reason
            && about.intent.map(|intent| &intent.id) == review.intent.as_ref()
    });
    let about = match open {
        Some(about) if review.status() == ReviewStatus::Open => about,
        _ => {
            tx.rollback().await?;
            return Err(ReviewError::Decided(Box::new(review)));
        }
    };
    let facts = match decide_review(Case::new(r, merchant, tx.now()), &about, request) {
        Ok(facts) => facts,
        Err(error) => {
            tx.rollback().await?;
            return Err(refused(app, &stored.reservation, error).await?);
        }
    };
    if let Some(job) = &review.job {
        end_withdrawn(&mut tx, job, &facts).await?;
    }
    tx.record(r, &facts, merchant, actor, None).await?;
    let goes_on = |intent| r.intent(intent).is_some_and(Intent::is_open);
    if let (Some(job), Some(true)) = (&review.job, review.intent.as_ref().map(goes_on)) {
        // The plan's time may be what it was before a person was asked, and would leave the job waiting for one.
        ignore_state_conflict(tx.retry_job(job).await)?;
    }
    tx.commit().await?;
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

async fn lock<'a>(
    app: &'a App,
    id: &ReservationId,
) -> Result<(Tx, Stored, &'a Merchant), OperationError> {
    let mut tx = app.store.begin().await?;
    let stored = tx
        .lock_reservation(id)
        .await?
        .ok_or(OperationError::NotFound("reservation"))?;
    let merchant = &merchant_of(app, &stored.reservation.merchant)?.merchant;
    Ok((tx, stored, merchant))
}

/// Why a decision was refused, with what has changed since the evidence was read.
async fn refused(
    app: &App,
    r: &Reservation,
    error: DecisionError,
) -> Result<ReviewError, StoreError> {
    let DecisionError::EvidenceChanged { given, current } = error else {
        return Ok(ReviewError::Refused(error));
    };
    let page = store::queue::MAX_PAGE;
    let mut since = app
        .store
        .events(&r.id, page, Some(given.max(0)))
        .await?
        .items;
    since.retain(|event| event.fact.is_evidence());
    since.truncate(usize::try_from(TIMELINE).unwrap_or(usize::MAX));
    Ok(ReviewError::EvidenceChanged {
        given,
        current,
        since,
    })
}

/// Ends the job of an operation that is given up with the reason, before the schedule finds it unwanted.
async fn end_withdrawn(tx: &mut Tx, id: &JobId, facts: &[Fact]) -> Result<(), StoreError> {
    let withdrawn = facts.iter().find_map(|fact| match fact {
        Fact::IntentWithdrawn { reason, .. } => Some(reason),
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
