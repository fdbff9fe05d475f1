//! `sweep`: reads a window of the merchant's history, and asks for a read of every reservation something happened to.

use api_client::wire::HistoryRow;
use api_client::{Outcome as Answered, RejectionClass};
use chrono::{DateTime, TimeDelta, Utc};
use domain::history::Event;
use domain::reservation::{Hold, RowKind};
use domain::{
    ErrorCode, Fact, PlannedState, ProviderFact, ProviderReservationId, Reservation, WaitingFor,
};
use store::StoreError;
use store::queue::{ClaimedJob, FaultClass, Finished, JobEnd, JobFault};

use crate::app::{App, MerchantHandle};
use crate::jobs::evidence::note_fault;
use crate::jobs::stop_requests::stop_requests;
use crate::provider;

/// Windows overlap by this much: history has minute precision, and its rows may be late.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// How far back the first sweep of a merchant reaches.
const FIRST_WINDOW: TimeDelta = TimeDelta::hours(24);
/// The longest window of one request; a longer gap is caught up step by step.
const LONGEST_WINDOW: TimeDelta = TimeDelta::days(7);

pub(in crate::jobs) async fn run(app: &App, job: &ClaimedJob) -> Result<Finished, JobFault> {
    let Some(handle) = app.merchants.get(&job.merchant) else {
        return Ok(Finished::By(JobEnd::Cancelled {
            reason: "the merchant is not in the configuration".to_owned(),
        }));
    };
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if let Err(wait) = tx
        .take_request(&job.merchant, handle.rate_limit_per_minute)
        .await?
    {
        return Ok(Finished::By(put_off(wait.at, Some(wait.waiting_for))));
    }
    tx.commit().await?;
    let watermark = app.store.watermark(&job.merchant).await?;
    let from = watermark.map_or(now - FIRST_WINDOW, |watermark| watermark - OVERLAP);
    let to = now.min(from + LONGEST_WINDOW);
    let outcome = handle.client.history(from, to).await.outcome;
    let faulted = provider::is_fault(&outcome);
    let rows = match outcome {
        Answered::Accepted(rows) => rows,
        Answered::Rejected(rejection) => return stopped(app, job, handle, rejection.class).await,
        Answered::Unsent(fault) => {
            let error = JobFault::new(FaultClass::Transport, ErrorCode::Unsent, fault.to_string());
            return failed(app, job, error, faulted).await;
        }
        Answered::Unknown(unknown) => {
            let error = JobFault::new(
                FaultClass::ProviderError,
                ErrorCode::HistoryUnreadable,
                unknown.reason.as_str(),
            );
            return failed(app, job, error, faulted).await;
        }
    };
    ask_for_reads(app, handle, &rows).await?;
    let mut tx = app.store.begin().await?;
    tx.save_watermark(&job.merchant, to).await?;
    let next = if to < now {
        now
    } else {
        now + handle.sweep_every.delta()
    };
    tx.finish_job(&job.lease, put_off(next, None)).await?;
    tx.commit().await?;
    Ok(Finished::Already)
}

const fn put_off(until: DateTime<Utc>, waiting_for: Option<WaitingFor>) -> JobEnd {
    JobEnd::Snooze {
        until,
        waiting_for,
        state: PlannedState::Scheduled,
    }
}

async fn failed(
    app: &App,
    job: &ClaimedJob,
    error: JobFault,
    faulted: bool,
) -> Result<Finished, JobFault> {
    let mut tx = app.store.begin().await?;
    if faulted {
        note_fault(&mut tx, &job.merchant).await?;
    }
    tx.finish_job(&job.lease, JobEnd::Retry { error }).await?;
    tx.commit().await?;
    Ok(Finished::Already)
}

async fn stopped(
    app: &App,
    job: &ClaimedJob,
    handle: &MerchantHandle,
    class: RejectionClass,
) -> Result<Finished, JobFault> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let (by, retry_after) = (provider::refused_by(&class), provider::retry_after(&class));
    let wait = stop_requests(&mut tx, handle, by, retry_after).await?;
    match wait {
        Some(_) => tx.commit().await?,
        None => tracing::warn!(merchant.id = %job.merchant, reason = ?class, "history not read"),
    }
    Ok(Finished::By(put_off(
        now + handle.sweep_every.delta(),
        wait.map(|wait| wait.waiting_for),
    )))
}

/// Rows of captures and charges carry no reservation's id; those of reservations do, and that is enough to ask.
/// A row that is older than the last read of its reservation is no news.
async fn ask_for_reads(
    app: &App,
    handle: &MerchantHandle,
    rows: &[HistoryRow],
) -> Result<(), StoreError> {
    let mut uuids: Vec<(ProviderReservationId, Option<DateTime<Utc>>)> = rows
        .iter()
        .filter(|row| !is_about_the_link(provider::event(row)))
        .filter_map(|row| {
            let uuid = row.uuid.as_deref()?;
            Some((
                uuid.parse().ok().filter(|_| uuid.starts_with("RES"))?,
                row.datetime.as_ref().and_then(|time| time.at()),
            ))
        })
        .collect();
    uuids.sort_unstable();
    uuids.dedup_by(|(uuid, _), (before, _)| uuid == before);
    for (uuid, _) in uuids {
        let Some(known) = app
            .store
            .reservation_by_uuid(&handle.merchant.id, &uuid)
            .await?
        else {
            continue;
        };
        if known.reservation.provider.refresh_requested.is_some()
            || !is_news(&known.reservation, rows, &uuid)
        {
            continue;
        }
        let mut tx = app.store.begin().await?;
        if let Some(mut stored) = tx.lock_reservation(&known.reservation.id).await? {
            tx.record(
                &mut stored.reservation,
                &[Fact::Provider(ProviderFact::RefreshRequested)],
                &handle.merchant,
                "sweep",
                None,
            )
            .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Does a row speak of the link alone, so that a read of details would show nothing new?
const fn is_about_the_link(event: Event) -> bool {
    matches!(event, Event::LinkSent | Event::LinkOpened)
}

/// Does the history tell of something that the facts do not have?
fn is_news(r: &Reservation, rows: &[HistoryRow], uuid: &ProviderReservationId) -> bool {
    rows.iter()
        .filter(|row| row.uuid.as_deref() == Some(uuid.as_str()))
        .any(|row| match provider::event(row) {
            Event::LinkSent | Event::LinkOpened => false,
            Event::Reserved => matches!(r.hold, Hold::None),
            Event::CaptureRefunded | Event::ChargeRefunded => {
                r.ledger.iter().all(|row| row.kind != RowKind::Refund)
            }
            // A slug that is not in the provider's documentation may mean anything.
            Event::Captured
            | Event::Charged
            | Event::Completed
            | Event::Cancelled
            | Event::Expired
            | Event::Other => r.is_open(),
        })
}
