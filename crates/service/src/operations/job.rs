//! Somebody acts on a job: lets it run again, now, or at another time, or withdraws it.

use chrono::{DateTime, Utc};
use domain::payment_link::{self, LinkEvent, LinkState, NotAllowed};
use domain::reservation::{Intent, IntentState};
use domain::review::ReviewStatus;
use domain::{ControlFact, Fact, JobId};
use store::Tx;
use store::queue::Job;

use super::error::OperationError;
use super::locked::merchant_of;
use crate::app::App;

/// Lets a job run again that gave up, or that waits for a person.
///
/// # Errors
/// See [`OperationError`]; refused where nothing would be sent, because what the job carried is over or is a person's.
pub async fn retry_job(app: &App, id: &JobId, actor: &str) -> Result<Job, OperationError> {
    let job = find(app, id).await?;
    let mut tx = app.store.begin().await?;
    // The reservation comes first, as in every run.
    let stored = match &job.reservation {
        Some(reservation) => tx.lock_reservation(reservation).await?,
        None => None,
    };
    on_link(&mut tx, &job, actor, payment_link::rerun).await?;
    drop(tx.retry_job(id).await?);
    let carried = stored
        .as_ref()
        .zip(job.key.as_ref())
        .and_then(|(stored, key)| stored.reservation.intent_of_key(key));
    if let Some(why) = carried.and_then(nothing_to_retry) {
        let reviews = app.store.reviews_of_job(id).await?;
        let review = reviews
            .into_iter()
            .find(|review| review.status() == ReviewStatus::Open);
        return Err(OperationError::NothingToRetry {
            state: job.state,
            why,
            review: review.map(|review| review.id),
        });
    }
    done(app, tx, id, "retry", actor).await
}

/// Why a run of the job of this intent would send nothing; `None` where it may.
fn nothing_to_retry(intent: &Intent) -> Option<&'static str> {
    match &intent.progress {
        IntentState::Rejected { .. } => {
            Some("the provider refused it, and would refuse the very same again")
        }
        IntentState::Withdrawn { .. } => Some("it was given up"),
        IntentState::Done { .. } => Some("it is done"),
        IntentState::NeedsReview(_) => Some("its request may have had its effect"),
        IntentState::Planned { .. }
        | IntentState::Written { .. }
        | IntentState::Sending { .. }
        | IntentState::Accepted { .. }
        | IntentState::Unknown(_) => None,
    }
}

/// Lets a job run at once.
///
/// # Errors
/// See [`OperationError`].
pub async fn run_job_now(app: &App, id: &JobId, actor: &str) -> Result<Job, OperationError> {
    let mut tx = app.store.begin().await?;
    drop(tx.run_job_now(id).await?);
    done(app, tx, id, "run_now", actor).await
}

/// Moves a job to another time.
///
/// # Errors
/// See [`OperationError`].
pub async fn reschedule_job(
    app: &App,
    id: &JobId,
    run_at: DateTime<Utc>,
    actor: &str,
) -> Result<Job, OperationError> {
    let mut tx = app.store.begin().await?;
    drop(tx.reschedule_job(id, run_at).await?);
    done(app, tx, id, "reschedule", actor).await
}

/// Withdraws a job together with what it was to do, so that the schedule does not bring it back.
///
/// # Errors
/// See [`OperationError`]; refused while the outcome of its request is unknown.
pub async fn cancel_job(app: &App, id: &JobId, actor: &str) -> Result<Job, OperationError> {
    let job = find(app, id).await?;
    let mut tx = app.store.begin().await?;
    withdraw(app, &mut tx, &job, actor).await?;
    done(app, tx, id, "cancel", actor).await
}

async fn find(app: &App, id: &JobId) -> Result<Job, OperationError> {
    let details = app.store.job(id).await?;
    Ok(details.ok_or(OperationError::NotFound("job"))?.job)
}

/// Commits, and returns the job as it is afterwards.
async fn done(
    app: &App,
    tx: Tx,
    id: &JobId,
    action: &'static str,
    actor: &str,
) -> Result<Job, OperationError> {
    tx.commit().await?;
    tracing::info!(job.id = %id, action, actor, "job changed by request");
    find(app, id).await
}

async fn withdraw(app: &App, tx: &mut Tx, job: &Job, actor: &str) -> Result<(), OperationError> {
    let reason = "cancelled by a person";
    // The reservation comes first, as in every run: two that lock in different orders wait for each other.
    let mut stored = match &job.reservation {
        Some(reservation) => tx.lock_reservation(reservation).await?,
        None => None,
    };
    on_link(tx, job, actor, |state| {
        payment_link::withdraw(state, reason)
    })
    .await?;
    drop(tx.cancel_job(&job.id, reason).await?);
    let (Some(stored), Some(key), true) = (&mut stored, &job.key, job.managed) else {
        return Ok(());
    };
    let r = &mut stored.reservation;
    let merchant = &merchant_of(app, &r.merchant)?.merchant;
    let facts = match r.intent_of_key(key).filter(|intent| intent.is_open()) {
        Some(intent) if intent.is_unresolved() => {
            let message =
                "its request may have had its effect; it is resolved, not cancelled".to_owned();
            return Err(OperationError::JobState {
                state: job.state,
                message,
            });
        }
        Some(intent) => domain::review::withdrawn(r, intent, reason, merchant),
        None => vec![Fact::Control(ControlFact::JobCancelled {
            key: key.to_owned(),
        })],
    };
    tx.record(r, &facts, merchant, actor, None).await?;
    Ok(())
}

/// Records what an act on a job means for the payment link that the job carries, if it carries one.
async fn on_link(
    tx: &mut Tx,
    job: &Job,
    actor: &str,
    means: impl Fn(&LinkState) -> Result<Option<LinkEvent>, NotAllowed>,
) -> Result<(), OperationError> {
    let Some(mut link) = tx.lock_payment_link(&job.id).await? else {
        return Ok(());
    };
    let event = means(&link.state).map_err(|refused| OperationError::JobState {
        state: job.state,
        message: refused.to_string(),
    })?;
    if let Some(event) = event {
        tx.record_link(&mut link, &event, actor).await?;
    }
    Ok(())
}
