//! What people, booking systems and the provider ask for: each request is one transaction.

use api_client::callback::{self, Callback};
use chrono::{DateTime, Utc};
use domain::late_delivery::late_delivery;
use domain::reservation::{
    CaptureRequest, ChargeRequest, Contact, DeliveryRequest, Intent, NewReservation, Operation,
    RefundRequest, Refusal,
};
use domain::{
    Case, Chain, ErrorCode, Fact, JobId, JobKind, JobState, MerchantId, PaymentLinkId, Reservation,
    ReservationId,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::queue::{Job, NewJob};
use store::{NewCallback, StoreError, Stored, Submission, Tx};

use crate::app::{App, MerchantHandle, unguessable};
use crate::payment_link::PaymentLinkRequest;
use crate::submission::{SubmissionRecord, SubmitExtras};

/// What somebody does to a reservation.
#[derive(Clone, Debug)]
pub enum Action {
    /// Reports a delivery.
    Deliver(DeliveryRequest),
    /// Asks for a capture.
    Capture(CaptureRequest),
    /// Asks for a charge.
    Charge(ChargeRequest),
    /// Asks for a refund.
    Refund(RefundRequest),
    /// Asks for a cancel.
    Cancel {
        /// Why.
        note: String,
    },
    /// Asks for a complete.
    Complete {
        /// Why.
        note: String,
    },
    /// Asks for the link to be sent again.
    Resend(Contact),
    /// Asks for a read of details.
    Refresh,
    /// Stops everything that is not a read.
    Pause,
    /// Lets it go on.
    Resume,
}

/// What an action led to.
#[derive(Clone, Debug)]
pub struct Acted {
    /// The reservation afterwards.
    pub reservation: Stored,
    /// The job that carries it out, unless it is done already.
    pub job: Option<JobId>,
}

/// What somebody does to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAction {
    /// Lets a job that gave up, or that waits for a person, run again.
    Retry,
    /// Lets a job run at once.
    RunNow,
    /// Withdraws a job.
    Cancel,
    /// Moves a job.
    Reschedule {
        /// To this time.
        run_at: DateTime<Utc>,
    },
}

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// It is genuine.
    Accepted,
    /// Its checksum is wrong, or it speaks of another reservation.
    Refused,
    /// There is no such path.
    NotFound,
    /// It could not be stored; the provider may try again, and the sweep covers it.
    Unavailable,
}

/// Why a request was not carried out. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The facts do not allow it.
    #[error("the request was refused")]
    Refused(#[source] Refusal),
    /// The job's state does not allow it.
    #[error("{message}")]
    JobState {
        /// The state.
        state: JobState,
        /// What is the matter.
        message: String,
    },
    /// The merchant has a reservation with this reference.
    #[error("the reference is taken")]
    ReferenceTaken {
        /// By this one.
        id: Option<ReservationId>,
    },
    /// There is no such merchant in the configuration.
    #[error("there is no such merchant in the configuration")]
    UnknownMerchant,
    /// The database failed.
    #[error("the request could not be carried out")]
    Store(#[source] StoreError),
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ReferenceTaken { by } => Self::ReferenceTaken { id: by },
            StoreError::NoJob { .. } => Self::NotFound("job"),
            StoreError::JobState { state, .. } => Self::JobState {
                state,
                message: error.to_string(),
            },
            StoreError::KeyTaken { .. } => Self::JobState {
                state: JobState::Failed,
                message: error.to_string(),
            },
            error => Self::Store(error),
        }
    }
}

impl From<Refusal> for ServiceError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl App {
    pub(crate) fn handle(&self, merchant: &MerchantId) -> Result<&MerchantHandle, ServiceError> {
        self.merchants
            .get(merchant)
            .ok_or(ServiceError::UnknownMerchant)
    }

    /// Takes a reservation: it is durable, and its submit is due, once this returns.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn submit(
        &self,
        merchant: &MerchantId,
        new: &NewReservation,
        extras: SubmitExtras,
        actor: &str,
    ) -> Result<Acted, ServiceError> {
        let merchant = &self.handle(merchant)?.merchant;
        let now = self.clock.now();
        let mut r = new.build(ReservationId::new(now, &*self.entropy), merchant, now)?;
        let mut customer = new.customer.clone();
        let personal_number = customer.personal_number.take();
        let record = SubmissionRecord {
            customer,
            send_sms: extras.send_sms,
            send_email: extras.send_email,
            checkout: extras.checkout,
            notes: extras.notes,
            terms: extras.terms,
            secure_details: new.secure_details,
        };
        let request = serde_json::to_value(&record).map_err(StoreError::Encode)?;
        let submission = Submission {
            request,
            personal_number,
        };
        let intent = self.planner().intent(
            Case::new(&r, merchant, now),
            Operation::Submit,
            Some("submit"),
            actor,
        );
        let token = unguessable(&*self.entropy);
        let mut tx = self.store.begin().await?;
        tx.create_reservation(&r, &submission, &token).await?;
        let id = intent.id.clone();
        tx.record(
            &mut r,
            &[Fact::Created, Fact::IntentPlanned { intent }],
            merchant,
            actor,
            None,
        )
        .await?;
        let job = tx.job_of_intent(&id).await?;
        let updated_at = tx.now();
        tx.commit().await?;
        Ok(Acted {
            reservation: Stored {
                reservation: r,
                callback_token: token,
                updated_at,
            },
            job,
        })
    }

    /// Carries out what somebody does to a reservation, as far as that is deciding; jobs do the rest.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn act(
        &self,
        id: &ReservationId,
        action: Action,
        actor: &str,
    ) -> Result<Acted, ServiceError> {
        let mut tx = self.store.begin().await?;
        let Some(mut stored) = tx.lock_reservation(id).await? else {
            return Err(ServiceError::NotFound("reservation"));
        };
        let merchant = &self.handle(&stored.reservation.merchant)?.merchant;
        let r = &mut stored.reservation;
        let now = tx.now();
        let job = match action {
            Action::Deliver(request) => {
                if let Some(fact) = r.deliver(&request, now)? {
                    let late = late_delivery(Case::new(r, merchant, now));
                    let facts: Vec<Fact> = std::iter::once(fact).chain(late).collect();
                    tx.record(r, &facts, merchant, actor, None).await?;
                }
                None
            }
            Action::Capture(request) => {
                let operation = r.capture(&request, merchant, now);
                let again = |operation: &Operation| request.is_done_by(operation);
                self.ask(&mut tx, r, merchant, operation, again, actor)
                    .await?
            }
            Action::Charge(request) => {
                let operation = r.charge(&request, merchant, now);
                self.ask(&mut tx, r, merchant, operation, |_| false, actor)
                    .await?
            }
            Action::Refund(request) => {
                let operation = r.refund(&request);
                let again = |operation: &Operation| request.is_done_by(operation);
                self.ask(&mut tx, r, merchant, operation, again, actor)
                    .await?
            }
            Action::Cancel { note } => {
                let operation = r.cancel(&note);
                self.ask(&mut tx, r, merchant, operation, |_| false, actor)
                    .await?
            }
            Action::Complete { note } => {
                let operation = r.complete(&note);
                self.ask(&mut tx, r, merchant, operation, |_| false, actor)
                    .await?
            }
            Action::Resend(contact) => self.resend(&mut tx, r, merchant, &contact, actor).await?,
            Action::Refresh => {
                if r.provider.reservation_uuid.is_none() {
                    return Err(not_at_provider(r).into());
                }
                tx.record(r, &[Fact::ReadWanted], merchant, actor, None)
                    .await?;
                tx.live_job(id, JobKind::Refresh).await?
            }
            Action::Pause => {
                self.control(&mut tx, r, merchant, Fact::Paused, actor)
                    .await?
            }
            Action::Resume => {
                self.control(&mut tx, r, merchant, Fact::Resumed, actor)
                    .await?
            }
        };
        stored.updated_at = now;
        tx.commit().await?;
        Ok(Acted {
            reservation: stored,
            job,
        })
    }

    async fn control(
        &self,
        tx: &mut Tx,
        r: &mut Reservation,
        merchant: &domain::Merchant,
        fact: Fact,
        actor: &str,
    ) -> Result<Option<JobId>, ServiceError> {
        if r.control.paused != matches!(fact, Fact::Paused) {
            tx.record(r, &[fact], merchant, actor, None).await?;
        }
        Ok(None)
    }

    /// Decides an operation that somebody asks for. The same one, asked for twice while the first is open, is one;
    /// `again` tells it where the first leaves too little for a second.
    async fn ask(
        &self,
        tx: &mut Tx,
        r: &mut Reservation,
        merchant: &domain::Merchant,
        operation: Result<Operation, Refusal>,
        again: impl Fn(&Operation) -> bool,
        actor: &str,
    ) -> Result<Option<JobId>, ServiceError> {
        let same =
            |operation: &Operation| r.open_intents().find(|open| open.operation == *operation);
        let operation = match operation {
            Ok(operation) => operation,
            // A second click finds too little left to ask for: the first one is the answer.
            Err(refusal) => match first_click(r, &refusal, again) {
                Some(first) => return Ok(tx.job_of_intent(&first).await?),
                None => return Err(refusal.into()),
            },
        };
        if let Some(first) = same(&operation) {
            return Ok(tx.job_of_intent(&first.id.clone()).await?);
        }
        let case = Case::new(r, merchant, tx.now());
        let intent = self.planner().intent(case, operation, None, actor);
        let id = intent.id.clone();
        tx.record(r, &[Fact::IntentPlanned { intent }], merchant, actor, None)
            .await?;
        Ok(tx.job_of_intent(&id).await?)
    }

    async fn resend(
        &self,
        tx: &mut Tx,
        r: &mut Reservation,
        merchant: &domain::Merchant,
        contact: &Contact,
        actor: &str,
    ) -> Result<Option<JobId>, ServiceError> {
        let operation = r.resend(contact)?;
        let elsewhere = matches!(
            operation,
            Operation::Resend {
                elsewhere: true,
                ..
            }
        );
        let case = Case::new(r, merchant, tx.now());
        let intent = self.planner().intent(case, operation, None, actor);
        let id = intent.id.clone();
        tx.record(r, &[Fact::IntentPlanned { intent }], merchant, actor, None)
            .await?;
        if elsewhere {
            tx.save_contact(&r.id, &id, &json!(contact)).await?;
        }
        Ok(tx.job_of_intent(&id).await?)
    }

    /// Takes a callback: verified, kept, and turned into at most one read. Nothing is booked from it.
    pub async fn callback(&self, token: &str, raw_query: &str) -> CallbackOutcome {
        match self.take_callback(token, raw_query).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "callback not stored");
                CallbackOutcome::Unavailable
            }
        }
    }

    async fn take_callback(
        &self,
        token: &str,
        raw_query: &str,
    ) -> Result<CallbackOutcome, StoreError> {
        let Some(stored) = self.store.reservation_by_callback(token).await? else {
            return Ok(CallbackOutcome::NotFound);
        };
        let id = stored.reservation.id.clone();
        let Some(handle) = self.merchants.get(&stored.reservation.merchant) else {
            return Ok(CallbackOutcome::NotFound);
        };
        let verified =
            match callback::verify(raw_query, &handle.callback_secrets, handle.legacy_callbacks) {
                Ok(verified) => verified,
                Err(refused) => {
                    tracing::warn!(reservation.id = %id, reason = %refused, "callback refused");
                    return Ok(CallbackOutcome::Refused);
                }
            };
        let uuid = verified.callback.order_uuid.as_str();
        let known = stored.reservation.provider.reservation_uuid.as_deref();
        let another = known.is_some_and(|known| known != uuid);
        // A submit that was sent twice may have made both.
        if another && !stored.reservation.may_be_there_twice() {
            tracing::error!(reservation.id = %id, "callback refused: it names another reservation than its path");
            return Ok(CallbackOutcome::Refused);
        }
        let digest = domain::hex(&Sha256::digest(raw_query.as_bytes()));
        let formula = format!("{:?}", verified.formula);
        let mut tx = self.store.begin().await?;
        let callback = NewCallback {
            reservation: &id,
            digest: &digest,
            query: raw_query,
            formula: &formula,
        };
        let news = tx.save_callback(callback).await?;
        if news && let Some(mut stored) = tx.lock_reservation(&id).await? {
            let r = &mut stored.reservation;
            if let Some(fact) = told(r, &verified.callback, tx.now()) {
                tx.record(r, &[fact], &handle.merchant, "provider", None)
                    .await?;
            }
        }
        tx.commit().await?;
        Ok(CallbackOutcome::Accepted)
    }

    /// Takes a one-time payment link.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn payment_link(
        &self,
        merchant: &MerchantId,
        request: &PaymentLinkRequest,
        actor: &str,
    ) -> Result<JobId, ServiceError> {
        let merchant = &self.handle(merchant)?.merchant;
        let faults = request.faults(merchant);
        if !faults.is_empty() {
            return Err(Refusal::Fields(faults).into());
        }
        let now = self.clock.now();
        let id = PaymentLinkId::new(now, &*self.entropy);
        let record = serde_json::to_value(request).map_err(StoreError::Encode)?;
        let mut tx = self.store.begin().await?;
        tx.create_payment_link(&id, &merchant.id, &record).await?;
        let job = tx
            .enqueue(&NewJob {
                kind: JobKind::PaymentLink,
                urgency: JobKind::PaymentLink.urgency(),
                merchant: merchant.id.clone(),
                reservation: None,
                key: Some(format!("payment_link:{id}")),
                run_at: now,
                deadline: now + chrono::TimeDelta::days(1),
                payload: json!({"payment_link": id}),
                intent: None,
                max_attempts: 20,
                created_by: actor.to_owned(),
                planned_at: None,
            })
            .await?;
        tx.commit().await?;
        Ok(job.job)
    }

    /// Carries out what somebody does to a job.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn job_action(
        &self,
        id: &JobId,
        action: JobAction,
        actor: &str,
    ) -> Result<Job, ServiceError> {
        let known = self
            .store
            .job(id)
            .await?
            .ok_or(ServiceError::NotFound("job"))?
            .job;
        let mut tx = self.store.begin().await?;
        match action {
            JobAction::Retry => drop(tx.retry_job(id).await?),
            JobAction::RunNow => drop(tx.run_job_now(id).await?),
            JobAction::Reschedule { run_at } => drop(tx.reschedule_job(id, run_at).await?),
            JobAction::Cancel => self.cancel_job(&mut tx, &known, actor).await?,
        }
        tx.commit().await?;
        tracing::info!(job.id = %id, ?action, actor, "job changed by request");
        Ok(self
            .store
            .job(id)
            .await?
            .ok_or(ServiceError::NotFound("job"))?
            .job)
    }

    /// Withdraws a job together with what it was to do, so that the schedule does not bring it back.
    async fn cancel_job(&self, tx: &mut Tx, job: &Job, actor: &str) -> Result<(), ServiceError> {
        let reason = "cancelled by a person";
        // The reservation comes first, as in every run: two that lock in different orders wait for each other.
        let mut stored = match &job.reservation {
            Some(reservation) => tx.lock_reservation(reservation).await?,
            None => None,
        };
        drop(tx.cancel_job(&job.id, reason).await?);
        let (Some(stored), Some(key), true) = (&mut stored, job.plan_key(), job.managed) else {
            return Ok(());
        };
        let r = &mut stored.reservation;
        let merchant = &self.handle(&r.merchant)?.merchant;
        let facts = match r.intent_of_key(key).filter(|intent| intent.is_open()) {
            Some(intent) if intent.is_unresolved() => {
                let message =
                    "its request may have had its effect; it is resolved, not cancelled".to_owned();
                return Err(ServiceError::JobState {
                    state: job.state,
                    message,
                });
            }
            Some(intent) => domain::review::withdrawn(r, intent, reason, merchant),
            None => vec![Fact::JobStopped {
                key: key.to_owned(),
            }],
        };
        tx.record(r, &facts, merchant, actor, None).await?;
        Ok(())
    }
}

/// The longest word of a callback that is kept.
const MAX_WORD: usize = 40;

/// What a genuine callback tells. Asked under the lock: the answer to the submit may have come a moment ago.
fn told(r: &Reservation, callback: &Callback, now: DateTime<Utc>) -> Option<Fact> {
    let uuid = &callback.order_uuid;
    match &r.provider.reservation_uuid {
        None => return Some(Fact::UuidHinted { uuid: uuid.clone() }),
        // Another one that our submit may have made: read at once, and while that is wanted, the same is no news.
        Some(known) if known != uuid => {
            let news = r.provider.hinted_uuid.as_ref() != Some(uuid);
            return news.then(|| Fact::UuidHinted { uuid: uuid.clone() });
        }
        Some(_) => {}
    }
    let word: String = callback.status.as_str().chars().take(MAX_WORD).collect();
    // A flood coalesces: what was said already, since the last request and while a read is wanted, is no news.
    let sent = r
        .open_intents()
        .filter_map(Intent::sent)
        .map(|sent| sent.at)
        .max();
    let last = r
        .provider
        .called_back
        .as_ref()
        .filter(|last| sent.is_none_or(|sent| last.at >= sent));
    let said = r.provider.read_wanted.is_some() && last.is_some_and(|last| last.word == word);
    (!said).then_some(Fact::CalledBack { word, at: now })
}

/// The open operation that was asked for already by whoever asks for what is refused now.
fn first_click(
    r: &Reservation,
    refusal: &Refusal,
    again: impl Fn(&Operation) -> bool,
) -> Option<domain::IntentId> {
    let is_same = |operation: &Operation| match refusal {
        Refusal::State {
            code: ErrorCode::NothingCapturable,
            ..
        } => matches!(operation, Operation::Capture { .. }),
        Refusal::State {
            code: ErrorCode::NothingRefundable,
            ..
        } => matches!(operation, Operation::Refund { .. }),
        Refusal::State { .. } => false,
        Refusal::Fields(_) => again(operation),
    };
    let open: Vec<_> = r
        .open_intents()
        .filter(|open| is_same(&open.operation))
        .collect();
    open.last().map(|open| open.id.clone())
}

fn not_at_provider(r: &Reservation) -> Refusal {
    let message = format!(
        "the provider does not have it yet: the reservation is {}",
        r.status()
    );
    Refusal::State {
        code: ErrorCode::NotAtProvider,
        message,
    }
}
