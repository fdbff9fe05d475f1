//! The workers: every job of the queue is handed to what runs its kind.
//!
//! | kind | key | who runs it | how it ends |
//! | --- | --- | --- | --- |
//! | `submit` | `submit`, or the intent's | `engine.rs`, `requests/submit.rs` | the provider has the reservation, or refused it |
//! | `remind` | `remind:SLOT`, by another channel `remind:SLOT:…` | `engine.rs`, `requests/resend.rs` | the message is out, or no longer wanted |
//! | `resend` | the intent's | `engine.rs`, `requests/resend.rs` | the message is out, or no link is open |
//! | `capture` | `capture:auto:N`, or the intent's | `engine.rs`, `requests/capture.rs` | confirmed by details, refused, or withdrawn |
//! | `charge` | the intent's | `engine.rs`, `requests/charge.rs` | confirmed by details, refused, or decided by a person |
//! | `refund` | the intent's | `engine.rs`, `requests/refund.rs` | confirmed by details, refused, or decided by a person |
//! | `cancel` | the policy's for an unpaid link, or the intent's | `engine.rs`, `requests/cancel.rs` | details show the end, or it is refused |
//! | `complete` | the policy's, or the intent's | `engine.rs`, `requests/complete.rs` | details show the end, or it is refused |
//! | `payment_link` | `payment_link:ID` | `whole/payment_link.rs`, `requests/payment_link.rs` | the link is made, refused, or a person decides |
//! | `refresh` | `refresh:WHY:N` | `engine.rs`, `requests/details.rs` | one read of details is recorded |
//! | `sweep` | `sweep`, one a merchant | `whole/sweep.rs` | never: puts itself off by `sweep_every` |
//! | `deadline` | by deadline and warning | `engine.rs`, which decides and sends nothing itself | the deadline is handled, or a person is warned |
//!
//! A job that carries an intent waits as `resolving` while its outcome is unknown, and becomes a person's when the
//! evidence runs out. `docs/jobs.md` has the states.

mod call;
mod engine;
mod evidence;
mod next_state;
mod requests;
mod stop_requests;
mod whole;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::{JobKey, JobKind, MerchantId};
use futures::future::BoxFuture;
use serde_json::json;
use store::StoreError;
use store::queue::{ClaimedJob, Finished, Handler, JobFault, NewJob, WorkerError, WorkerOptions};

use crate::app::App;

/// How the workers run.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// Jobs at a time.
    pub concurrency: usize,
    /// How long a claim holds without a heartbeat, by the wall clock.
    pub lease: Duration,
    /// How often the queue is looked at when nothing wakes the workers.
    pub poll_interval: Duration,
    /// How long running jobs may go on after a stop.
    pub shutdown_grace: Duration,
}

/// Why the workers ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The database failed before the workers had begun.
    #[error("the workers could not begin")]
    Begin(#[source] StoreError),
    /// The workers gave up.
    #[error("the workers ended")]
    Workers(#[source] WorkerError),
}

/// A handler's request ends by the client's own timeouts; this catches what hangs elsewhere.
const JOB_TIMEOUT: Duration = Duration::from_secs(150);

/// The handler of every kind.
pub fn handler(app: Arc<App>) -> impl Handler {
    Dispatch(app)
}

struct Dispatch(Arc<App>);

impl Handler for Dispatch {
    fn run(&self, job: ClaimedJob) -> BoxFuture<'static, Result<Finished, JobFault>> {
        let app = Arc::clone(&self.0);
        Box::pin(async move {
            match job.kind {
                JobKind::Sweep => whole::sweep::run(&app, &job).await,
                JobKind::PaymentLink => whole::payment_link::run(&app, &job).await,
                JobKind::Submit
                | JobKind::Remind
                | JobKind::Resend
                | JobKind::Capture
                | JobKind::Charge
                | JobKind::Refund
                | JobKind::Cancel
                | JobKind::Complete
                | JobKind::Refresh
                | JobKind::Deadline => engine::run(&app, &job).await,
            }
        })
    }
}

/// Runs the workers until `shutdown`, then lets running jobs finish.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    app: Arc<App>,
    settings: WorkerSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    plan_sweeps(&app).await.map_err(RunError::Begin)?;
    let options = options(&app, settings);
    let store = app.store.clone();
    store::queue::run_workers(store, options, handler(app), shutdown)
        .await
        .map_err(RunError::Workers)
}

/// What a worker set of this service claims, and how.
pub fn options(app: &App, settings: WorkerSettings) -> WorkerOptions {
    let limits: HashMap<MerchantId, u32> = app
        .merchants
        .iter()
        .map(|(id, handle)| (id.clone(), handle.rate_limit_per_minute))
        .collect();
    WorkerOptions {
        concurrency: settings.concurrency,
        lease: settings.lease,
        poll_interval: settings.poll_interval,
        shutdown_grace: settings.shutdown_grace,
        job_timeout: JOB_TIMEOUT,
        kinds: JobKind::ALL.to_vec(),
        limits,
    }
}

/// Every merchant's history is swept for ever, by one job that puts itself off.
///
/// # Errors
/// When the database fails.
pub async fn plan_sweeps(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    for (merchant, handle) in &app.merchants {
        tx.enqueue(&NewJob {
            kind: JobKind::Sweep,
            urgency: JobKind::Sweep.urgency(),
            merchant: merchant.clone(),
            reservation: None,
            key: Some(JobKey::Sweep),
            run_at: now + handle.sweep_every.delta(),
            deadline: domain::deadlines::NO_DEADLINE,
            payload: json!({}),
            intent: None,
            max_attempts: u32::from(u16::MAX),
            created_by: "worker".to_owned(),
            planned_at: None,
        })
        .await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_this_module_has_a_row_for_every_kind() {
        let rows = include_str!("mod.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
        let kinds = JobKind::ALL.iter().map(|kind| kind.as_str());
        assert!(
            rows.eq(kinds),
            "a row for every kind, in the order of JobKind"
        );
    }
}
