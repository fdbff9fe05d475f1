//! A reservation under its lock: what every operation on one begins and ends with.

use chrono::{DateTime, Utc};
use domain::reservation::Operation;
use domain::{Case, Fact, IntentId, JobId, Merchant, MerchantId, ReservationId};
use store::{StoreError, Stored, Tx};

use super::error::OperationError;
use crate::app::{App, MerchantHandle};

/// What an operation led to.
#[derive(Clone, Debug)]
pub struct Acted {
    /// The reservation afterwards.
    pub reservation: Stored,
    /// The job that carries it out; `None` when it is done already, or while the reservation is paused.
    pub job: Option<JobId>,
    /// Was the same under way already, so that the job is the earlier request's?
    pub is_repeated: bool,
}

/// A merchant of the configuration.
pub(super) fn merchant_of<'a>(
    app: &'a App,
    merchant: &MerchantId,
) -> Result<&'a MerchantHandle, OperationError> {
    app.merchants
        .get(merchant)
        .ok_or(OperationError::UnknownMerchant)
}

/// A reservation whose row is locked for this transaction.
pub(super) struct Locked<'a> {
    app: &'a App,
    actor: &'a str,
    pub(super) tx: Tx,
    pub(super) stored: Stored,
    pub(super) merchant: &'a Merchant,
}

impl<'a> Locked<'a> {
    /// Locks a reservation on behalf of `actor`, who stands in the events.
    pub(super) async fn new(
        app: &'a App,
        id: &ReservationId,
        actor: &'a str,
    ) -> Result<Self, OperationError> {
        let mut tx = app.store.begin().await?;
        let Some(stored) = tx.lock_reservation(id).await? else {
            return Err(OperationError::NotFound("reservation"));
        };
        let merchant = &merchant_of(app, &stored.reservation.merchant)?.merchant;
        Ok(Self {
            app,
            actor,
            tx,
            stored,
            merchant,
        })
    }

    /// The time that the whole transaction counts as.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.tx.now()
    }

    pub(super) async fn record(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        let r = &mut self.stored.reservation;
        self.tx
            .record(r, facts, self.merchant, self.actor, None)
            .await
    }

    /// Plans an intent, which is due at once under a job of its own.
    pub(super) async fn plan(&mut self, operation: Operation) -> Result<IntentId, StoreError> {
        let case = Case::new(&self.stored.reservation, self.merchant, self.tx.now());
        let intent = self.app.planner().intent(case, operation, None, self.actor);
        let id = intent.id.clone();
        self.record(&[Fact::Planned(Box::new(intent))]).await?;
        Ok(id)
    }

    /// Commits, with the job that carries out what was asked for.
    pub(super) async fn commit(mut self, job: Option<JobId>) -> Result<Acted, OperationError> {
        self.stored.updated_at = self.tx.now();
        self.tx.commit().await?;
        Ok(Acted {
            reservation: self.stored,
            job,
            is_repeated: false,
        })
    }
}
