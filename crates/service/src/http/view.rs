//! What reservations, jobs and events look like in answers.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::deadlines::NO_DEADLINE;
use domain::reservation::{LedgerRow, Line, Link, Origin, ReviewReason, RowKind};
use domain::review::{ReviewStatus, subjects};
use domain::{
    CURRENCY, IntentId, JobId, JobKind, JobState, MerchantId, Money, ProviderCustomerId,
    ProviderReference, ProviderReservationId, Reference, Reservation, ReservationId, ReviewId,
    Status, WaitingFor,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use store::queue::{AttemptView, Job, JobDetails, JobFilter};
use store::{MAX_PAGE, Review, StoreError, Stored};

use crate::app::App;

/// The most pages of a reservation's jobs that are looked through for the jobs of its ledger.
const MAX_JOB_PAGES: usize = 10;

/// A time in answers: RFC 3339, UTC, whole seconds unless there is more to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A page of a list.
pub(super) fn page<T: Serialize>(data: &[T], next: Option<impl ToString>) -> Value {
    json!({"data": data, "next_cursor": next.map(|next| next.to_string())})
}

#[derive(Debug, Serialize)]
pub(super) struct ReservationJson {
    id: ReservationId,
    merchant: MerchantId,
    reference: Reference,
    status: Status,
    control: &'static str,
    provider: ProviderJson,
    payment_url: Option<String>,
    currency: &'static str,
    amounts: AmountsJson,
    deadlines: DeadlinesJson,
    lines: Vec<LineJson>,
    ledger: Vec<RowJson>,
    schedule: Vec<PlannedJson>,
    review: Option<NeedsReviewJson>,
    created_at: Time,
    updated_at: Time,
}

#[derive(Debug, Serialize)]
struct ProviderJson {
    reservation_uuid: Option<ProviderReservationId>,
    customer_uuid: Option<ProviderCustomerId>,
    status: Option<String>,
}

#[derive(Debug, Serialize)]
struct AmountsJson {
    total: Money,
    reserved: Money,
    captured: Money,
    charged: Money,
    refunded: Money,
    in_doubt: Money,
}

#[derive(Debug, Serialize)]
struct DeadlinesJson {
    payment_link_due: Time,
    capture_by: Option<Time>,
    charge_by: Option<Time>,
}

#[derive(Debug, Serialize)]
struct LineJson {
    line: u32,
    name: String,
    product_id: Option<String>,
    amount: Money,
    delivered: Money,
    captured: Money,
}

#[derive(Debug, Serialize)]
struct RowJson {
    kind: RowKind,
    amount: Money,
    reference: Option<ProviderReference>,
    at: Time,
    job: Option<JobId>,
    origin: Origin,
}

#[derive(Debug, Serialize)]
struct PlannedJson {
    job: JobId,
    kind: JobKind,
    run_at: Time,
    deadline: Option<Time>,
    state: JobState,
}

#[derive(Debug, Serialize)]
struct NeedsReviewJson {
    /// By countdown.
    reviews: Vec<ReviewId>,
    reason: ReviewReason,
    since: Time,
    act_before: Option<Time>,
    message: String,
}

#[derive(Debug, Serialize)]
pub(super) struct JobJson {
    id: JobId,
    kind: JobKind,
    state: JobState,
    merchant: MerchantId,
    reservation: Option<ReservationId>,
    reference: Option<String>,
    run_at: Time,
    deadline: Option<Time>,
    attempts_used: u32,
    max_attempts: u32,
    waiting_for: Option<WaitingFor>,
    last_error: Option<ErrorJson>,
    result: Option<ResultJson>,
    created_by: String,
    created_at: Time,
    finished_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviews: Option<Vec<JobReviewJson>>,
}

/// A review about the operation of a job. `decision` is null while it is open, and when no person decided it.
#[derive(Debug, Serialize)]
struct JobReviewJson {
    id: ReviewId,
    status: ReviewStatus,
    reason: ReviewReason,
    decision: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct ErrorJson {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Serialize)]
struct ResultJson {
    reference: Value,
    payment_url: Value,
}

#[derive(Debug, Serialize)]
pub(super) struct AttemptJson {
    number: u32,
    started_at: Time,
    finished_at: Option<Time>,
    outcome: &'static str,
    http_status: Option<u16>,
    provider_message: Option<String>,
}

/// A reservation with its live jobs and its open reviews.
pub(super) async fn reservation(app: &App, stored: &Stored) -> Result<ReservationJson, StoreError> {
    let reviews = open_reviews(app, std::slice::from_ref(stored)).await?;
    with_reviews(app, stored, &reviews).await
}

/// The same for each reservation of a list.
pub(super) async fn reservations(
    app: &App,
    all: &[Stored],
) -> Result<Vec<ReservationJson>, StoreError> {
    let reviews = open_reviews(app, all).await?;
    let mut shown = Vec::with_capacity(all.len());
    for stored in all {
        shown.push(with_reviews(app, stored, &reviews).await?);
    }
    Ok(shown)
}

/// The open reviews of some reservations, by countdown.
async fn open_reviews(app: &App, all: &[Stored]) -> Result<Vec<Review>, StoreError> {
    let asked = all.iter().map(|stored| &stored.reservation);
    let asked: Vec<&ReservationId> = asked
        .filter(|r| !subjects(r).is_empty())
        .map(|r| &r.id)
        .collect();
    app.store.open_reviews(&asked).await
}

async fn with_reviews(
    app: &App,
    stored: &Stored,
    reviews: &[Review],
) -> Result<ReservationJson, StoreError> {
    let r = &stored.reservation;
    let jobs = jobs_of(app, r).await?;
    let merchant = app
        .merchants
        .get(&r.merchant)
        .map(|handle| &handle.merchant);
    let schedule = jobs
        .iter()
        .rev()
        .filter(|job| job.state.is_live())
        .map(planned);
    Ok(ReservationJson {
        id: r.id.clone(),
        merchant: r.merchant.clone(),
        reference: r.reference.clone(),
        status: r.status(),
        control: control(r),
        provider: ProviderJson {
            reservation_uuid: r.provider.reservation_uuid.clone(),
            customer_uuid: r.provider.customer_uuid.clone(),
            status: r.provider.status.clone(),
        },
        payment_url: match &r.link {
            Link::Sent { url, .. } => url.clone(),
            Link::Submitting | Link::Expired { .. } | Link::Failed { .. } => None,
        },
        currency: CURRENCY,
        amounts: amounts(r),
        deadlines: DeadlinesJson {
            payment_link_due: Time(r.payment_link_due),
            capture_by: merchant
                .and_then(|merchant| r.capture_by(merchant))
                .map(Time),
            charge_by: merchant
                .and_then(|merchant| r.charge_by(merchant))
                .map(Time),
        },
        lines: r.lines.iter().map(|line| line_of(r, line)).collect(),
        ledger: r.ledger.iter().map(|row| row_of(row, &jobs)).collect(),
        schedule: schedule.collect(),
        review: needs_review(r, reviews),
        created_at: Time(r.created_at),
        updated_at: Time(stored.updated_at),
    })
}

/// The jobs of a reservation, the newest first: all that live, and as far back as the ledger asks for.
async fn jobs_of(app: &App, r: &Reservation) -> Result<Vec<Job>, StoreError> {
    let filter = JobFilter {
        reservation: Some(r.id.clone()),
        ..JobFilter::default()
    };
    let carried = |jobs: &[Job], intent: &IntentId| {
        jobs.iter().any(|job| job.intent.as_ref() == Some(intent))
    };
    let mut jobs: Vec<Job> = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_JOB_PAGES {
        let page = app.store.jobs(&filter, MAX_PAGE, cursor.as_ref()).await?;
        jobs.extend(page.items);
        let whole = r
            .ledger
            .iter()
            .filter_map(|row| row.intent.as_ref())
            .all(|intent| carried(&jobs, intent));
        cursor = page.next;
        if whole || cursor.is_none() {
            break;
        }
    }
    Ok(jobs)
}

fn control(r: &Reservation) -> &'static str {
    match (r.control.paused, r.is_frozen()) {
        (true, _) => "paused",
        (false, true) => "frozen",
        (false, false) => "auto",
    }
}

fn amounts(r: &Reservation) -> AmountsJson {
    AmountsJson {
        total: r.total(),
        reserved: r.reserved(),
        captured: r.booked(RowKind::Capture),
        charged: r.booked(RowKind::Charge),
        refunded: r.booked(RowKind::Refund),
        in_doubt: r.unresolved(),
    }
}

fn line_of(r: &Reservation, line: &Line) -> LineJson {
    LineJson {
        line: line.line,
        name: line.name.clone(),
        product_id: line.product_id.clone(),
        amount: line.amount,
        delivered: r.delivered_on(line.line),
        captured: r.captured_on(line.line),
    }
}

fn row_of(row: &LedgerRow, jobs: &[Job]) -> RowJson {
    let job = row
        .intent
        .as_ref()
        .and_then(|intent| jobs.iter().find(|job| job.intent.as_ref() == Some(intent)));
    RowJson {
        kind: row.kind,
        amount: row.amount,
        reference: row.reference.clone(),
        at: Time(row.at),
        job: job.map(|job| job.id.clone()),
        origin: row.origin(),
    }
}

fn planned(job: &Job) -> PlannedJson {
    PlannedJson {
        job: job.id.clone(),
        kind: job.kind,
        run_at: Time(job.run_at),
        deadline: deadline(job),
        state: job.state,
    }
}

fn deadline(job: &Job) -> Option<Time> {
    Some(job.deadline)
        .filter(|deadline| *deadline < NO_DEADLINE)
        .map(Time)
}

/// What a person has to decide about a reservation: the gravest of its open reviews, one that stops it before one that
/// does not, and the earliest instant at which something runs out. `reviews` come by countdown.
fn needs_review(r: &Reservation, reviews: &[Review]) -> Option<NeedsReviewJson> {
    let mine: Vec<&Review> = reviews
        .iter()
        .filter(|review| review.reservation.as_ref() == Some(&r.id))
        .collect();
    let gravest = mine.iter().min_by_key(|review| !review.freezes)?;
    Some(NeedsReviewJson {
        reason: gravest.reason,
        since: Time(gravest.raised_at),
        act_before: mine.iter().find_map(|review| review.act_before).map(Time),
        message: gravest.message.clone(),
        reviews: mine.iter().map(|review| review.id.clone()).collect(),
    })
}

/// A job, with the reference of its reservation.
pub(super) fn job(job: &Job, reference: Option<String>) -> JobJson {
    let (code, message) = (job.last_error_code.clone(), job.last_error_message.clone());
    let has_error = code.is_some() || message.is_some();
    let pick = |result: &Value, key: &str| result.get(key).cloned().unwrap_or_default();
    JobJson {
        id: job.id.clone(),
        kind: job.kind,
        state: job.state,
        merchant: job.merchant.clone(),
        reservation: job.reservation.clone(),
        reference,
        run_at: Time(job.run_at),
        deadline: deadline(job),
        attempts_used: job.attempts_used,
        max_attempts: job.max_attempts,
        waiting_for: job.waiting_for,
        last_error: has_error.then_some(ErrorJson { code, message }),
        result: job.result.as_ref().map(|result| ResultJson {
            reference: pick(result, "reference"),
            payment_url: pick(result, "payment_url"),
        }),
        created_by: job.created_by.clone(),
        created_at: Time(job.created_at),
        finished_at: job.finished_at.map(Time),
        attempts: None,
        reviews: None,
    }
}

/// A job with its attempts and the reviews about its operation.
pub(super) fn job_with_attempts(
    details: &JobDetails,
    reference: Option<String>,
    reviews: &[Review],
) -> JobJson {
    JobJson {
        attempts: Some(details.attempts.iter().map(attempt).collect()),
        reviews: Some(reviews.iter().map(review_of_job).collect()),
        ..job(&details.job, reference)
    }
}

fn review_of_job(review: &Review) -> JobReviewJson {
    let record = review.end.as_ref().and_then(|end| end.decision.as_ref());
    JobReviewJson {
        id: review.id.clone(),
        status: review.status(),
        reason: review.reason,
        decision: record.map(|record| record.decision.word()),
    }
}

pub(super) fn attempt(attempt: &AttemptView) -> AttemptJson {
    AttemptJson {
        number: attempt.number,
        started_at: Time(attempt.started_at),
        finished_at: attempt.finished_at.map(Time),
        outcome: attempt.outcome.as_str(),
        http_status: attempt.http_status,
        provider_message: attempt.provider_message.clone(),
    }
}
