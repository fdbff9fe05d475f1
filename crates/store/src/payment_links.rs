//! One-time payment links and their journal: an event is folded in and saved in one transaction.

use chrono::{DateTime, Utc};
use domain::deadlines::NO_DEADLINE;
use domain::payment_link::{LinkEvent, LinkState, NEEDS_REVIEW, OrderId};
use domain::reservation::{Decision, ReviewReason};
use domain::{JobId, MerchantId, PaymentLinkId, ProviderReference, ReviewId};
use serde::Serialize;
use serde_json::Value;

use crate::db::{Sql, execute, fetch_all, fetch_optional, millis};
use crate::error::RowError;
use crate::row::Place;
use crate::{Store, StoreError, Tx};

/// A one-time payment link as it stands in the database.
#[derive(Clone)]
pub struct PaymentLink {
    /// Its id, `lnk_…`.
    pub id: PaymentLinkId,
    /// Whose account it is on.
    pub merchant: MerchantId,
    /// The job that carries it.
    pub job: JobId,
    /// What was asked for, in the service's own JSON. Personal.
    pub request: Value,
    /// How far it has come; the fold of its events.
    pub state: LinkState,
    /// How many events are folded in. Every save names the version it read.
    pub version: i64,
}

/// One event of a payment link's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEntry {
    /// Its number, from 1 without gaps: the version of the link that it made.
    pub seq: i64,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// Who did it: `provider`, `worker`, or a key of the API.
    pub actor: String,
    /// What happened.
    pub event: LinkEvent,
}

#[derive(sqlx::FromRow)]
struct LinkRow {
    id: String,
    merchant: String,
    job_id: String,
    request: String,
    state: String,
    version: i64,
}

impl LinkRow {
    fn decode(self) -> Result<PaymentLink, RowError> {
        let place = Place {
            table: "payment_links",
            row: &self.id,
        };
        Ok(PaymentLink {
            id: place.parse("id", &self.id)?,
            merchant: place.parse("merchant", &self.merchant)?,
            job: place.parse("job_id", &self.job_id)?,
            request: place.json("request", &self.request)?,
            state: place.json("state", &self.state)?,
            version: self.version,
        })
    }
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    seq: i64,
    at: i64,
    actor: String,
    event: String,
}

#[derive(sqlx::FromRow)]
struct IdRow {
    id: String,
}

/// The columns of [`LinkRow`].
macro_rules! link_columns {
    () => {
        "id, merchant, job_id, request, state, version"
    };
}

const OF_JOB: &str = concat!(
    "SELECT ",
    link_columns!(),
    " FROM payment_links WHERE job_id = $1"
);

// Differs from Postgres because SQLite has one writer, which this transaction is.
const LOCK: Sql = Sql {
    sqlite: OF_JOB,
    postgres: concat!(
        "SELECT ",
        link_columns!(),
        " FROM payment_links WHERE job_id = $1 FOR UPDATE"
    ),
};

const CREATE: &str =
    "INSERT INTO payment_links (id, merchant, job_id, status, version, state, request, created_at, updated_at)
    VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $7)";

const SAVE: &str =
    "UPDATE payment_links SET status = $3, order_id = $4, version = $2 + 1, state = $5, updated_at = $6
    WHERE id = $1 AND version = $2";

const APPEND: &str =
    "INSERT INTO payment_link_events (payment_link_id, seq, at, actor, name, event)
    VALUES ($1, $2, $3, $4, $5, $6)";

const JOURNAL: &str =
    "SELECT seq, at, actor, event FROM payment_link_events WHERE payment_link_id = $1 ORDER BY seq";

const OF_ORDER: &str = "SELECT id FROM payment_links WHERE merchant = $1 AND order_id = $2";

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::Encode)
}

impl Tx {
    /// Puts a payment link on record that this job carries, with nothing of it on its way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_payment_link(
        &mut self,
        id: &PaymentLinkId,
        merchant: &MerchantId,
        job: &JobId,
        request: &Value,
    ) -> Result<(), StoreError> {
        let now = millis(self.now());
        execute!(
            self,
            CREATE,
            id.as_str(),
            merchant.as_str(),
            job.as_str(),
            LinkState::NEW.as_str(),
            json(&LinkState::NEW)?,
            request.to_string(),
            now,
        )?;
        Ok(())
    }

    /// The payment link that a job carries, locked until the transaction ends; `None` when it carries none.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn lock_payment_link(
        &mut self,
        job: &JobId,
    ) -> Result<Option<PaymentLink>, StoreError> {
        let row = fetch_optional!(self, LinkRow, LOCK, job.as_str())?;
        Ok(row.map(LinkRow::decode).transpose()?)
    }

    /// Folds an event into a payment link and appends it to the link's journal. The link's review follows: it is open
    /// while the link needs one.
    ///
    /// # Errors
    /// [`StoreError::IllegalLinkEvent`] when the event cannot follow, with nothing changed;
    /// [`StoreError::LinkConflict`] when the link has changed since it was read. The transaction is then of no use.
    pub async fn record_link(
        &mut self,
        link: &mut PaymentLink,
        event: &LinkEvent,
        actor: &str,
    ) -> Result<(), StoreError> {
        let next = link
            .state
            .next(event)
            .map_err(StoreError::IllegalLinkEvent)?;
        let now = millis(self.now());
        let waited = matches!(link.state, LinkState::NeedsReview { .. });
        let saved = execute!(
            self,
            SAVE,
            link.id.as_str(),
            link.version,
            next.as_str(),
            next.order().map(|order| order.id.as_str()),
            json(&next)?,
            now,
        )?;
        if saved != 1 {
            return Err(StoreError::LinkConflict {
                link: link.id.clone(),
            });
        }
        (link.state, link.version) = (next, link.version + 1);
        execute!(
            self,
            APPEND,
            link.id.as_str(),
            link.version,
            now,
            actor,
            event.name(),
            json(event)?,
        )?;
        match (waited, &link.state) {
            (false, LinkState::NeedsReview { .. }) => self.raise_link_review(link).await,
            (true, LinkState::NeedsReview { .. }) | (false, _) => Ok(()),
            (true, _) => self.end_link_review(link, event, actor).await,
        }
    }

    /// The payment link that this order of a merchant's account is known to be.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn payment_link_of_order(
        &mut self,
        merchant: &MerchantId,
        order: &OrderId,
    ) -> Result<Option<PaymentLinkId>, StoreError> {
        let row = fetch_optional!(self, IdRow, OF_ORDER, merchant.as_str(), order.as_str())?;
        let id = |row: IdRow| {
            let place = Place {
                table: "payment_links",
                row: &row.id,
            };
            place.parse("id", &row.id)
        };
        Ok(row.map(id).transpose()?)
    }

    /// Raises the review of a payment link whose outcome nothing proves.
    async fn raise_link_review(&mut self, link: &PaymentLink) -> Result<(), StoreError> {
        let id = ReviewId::new(self.now(), self.entropy());
        let now = millis(self.now());
        execute!(
            self,
            "INSERT INTO reviews (id, merchant, reference, job_id, reason, amount, raised_at, act_before, freezes,
                message, evidence_version, status)
             VALUES ($1, $2, $3, $4, $5, 0, $6, $7, FALSE, $8, $9, 'open')",
            id.as_str(),
            link.merchant.as_str(),
            link.request["reference"].as_str(),
            link.job.as_str(),
            ReviewReason::OutcomeUnknown.as_str(),
            now,
            millis(NO_DEADLINE),
            NEEDS_REVIEW,
            link.version,
        )?;
        Ok(())
    }

    /// Ends the open review of a payment link, by the person whose decision the event is, else by what happened.
    async fn end_link_review(
        &mut self,
        link: &PaymentLink,
        event: &LinkEvent,
        actor: &str,
    ) -> Result<(), StoreError> {
        let decided = event.decision();
        let decision = decided.as_ref().map(|(decision, _)| decision);
        let now = millis(self.now());
        let ended = execute!(
            self,
            "UPDATE reviews SET status = 'decided', decided_at = $2, decision = $3, decision_reference = $4,
                note = $5, actor = $6
             WHERE job_id = $1 AND reservation_id IS NULL AND status = 'open'",
            link.job.as_str(),
            now,
            decision.map(Decision::word),
            decision.and_then(Decision::reference).map(ProviderReference::as_str),
            decided.as_ref().map(|(_, note)| *note),
            actor,
        )?;
        if ended == 1 {
            Ok(())
        } else {
            Err(StoreError::LinkConflict {
                link: link.id.clone(),
            })
        }
    }
}

impl Store {
    /// The payment link that a job carries; `None` when it carries none.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn payment_link_of_job(
        &self,
        job: &JobId,
    ) -> Result<Option<PaymentLink>, StoreError> {
        let mut reader = self.reader().await?;
        let row = fetch_optional!(reader, LinkRow, OF_JOB, job.as_str())?;
        Ok(row.map(LinkRow::decode).transpose()?)
    }

    /// Everything that happened to a payment link, oldest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn payment_link_events(
        &self,
        id: &PaymentLinkId,
    ) -> Result<Vec<LinkEntry>, StoreError> {
        let mut reader = self.reader().await?;
        let rows = fetch_all!(reader, EntryRow, JOURNAL, id.as_str())?;
        let place = Place {
            table: "payment_link_events",
            row: id.as_str(),
        };
        let entry = |row: EntryRow| {
            Ok(LinkEntry {
                seq: row.seq,
                at: place.time("at", row.at)?,
                event: place.json("event", &row.event)?,
                actor: row.actor,
            })
        };
        Ok(rows
            .into_iter()
            .map(entry)
            .collect::<Result<_, RowError>>()?)
    }
}
