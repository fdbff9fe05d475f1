//! Reservations and their journal: facts are folded in, saved and scheduled in one transaction.

use chrono::{DateTime, Utc};
use domain::review::subjects;
use domain::{
    Fact, IntentFact, JobId, Merchant, MerchantId, ProviderReservationId, Reservation,
    ReservationId, Status,
};
use serde_json::Value;

use crate::db::{Sql, execute, fetch_all, fetch_optional, millis};
use crate::error::RowError;
use crate::evidence::references;
use crate::queue::enqueue::IdRow;
use crate::row::Place;
use crate::{MAX_PAGE, Page, Store, StoreError, Tx};

/// A reservation as it stands in the database.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What is known of it.
    pub reservation: Reservation,
    /// The unguessable end of its callback path.
    pub callback_token: String,
    /// When its last event was recorded.
    pub updated_at: DateTime<Utc>,
}

/// What only the provider needs to know, as the worker wrote it: customer, texts, checkout. Personal.
#[derive(Clone)]
pub struct Submission {
    /// The worker's own JSON.
    pub request: Value,
    /// The customer's personal number, until the submit is confirmed.
    pub personal_number: Option<String>,
}

/// One event of a reservation's journal.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number, from 1 without gaps.
    pub seq: i64,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// What happened.
    pub fact: Fact,
}

/// Which reservations to list. Unset conditions hold for all.
#[derive(Clone, Debug, Default)]
pub struct ReservationFilter {
    /// Of this status.
    pub status: Option<Status>,
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// With this reference.
    pub reference: Option<String>,
    /// With a window that closes before this.
    pub capture_by_before: Option<DateTime<Utc>>,
    /// With or without an open review.
    pub needs_review: Option<bool>,
}

#[derive(sqlx::FromRow)]
struct ReservationRow {
    id: String,
    callback_token: String,
    state: String,
    updated_at: i64,
}

impl ReservationRow {
    fn decode(self) -> Result<Stored, RowError> {
        let place = Place {
            table: "reservations",
            row: &self.id,
        };
        Ok(Stored {
            reservation: place.json("state", &self.state)?,
            updated_at: place.time("updated_at", self.updated_at)?,
            callback_token: self.callback_token,
        })
    }
}

#[derive(sqlx::FromRow)]
struct EventRow {
    seq: i64,
    at: i64,
    actor: String,
    fact: String,
}

impl EventRow {
    fn decode(self, reservation: &ReservationId) -> Result<Event, RowError> {
        let place = Place {
            table: "events",
            row: reservation.as_str(),
        };
        Ok(Event {
            seq: self.seq,
            at: place.time("at", self.at)?,
            fact: place.json("fact", &self.fact)?,
            actor: self.actor,
        })
    }
}

#[derive(sqlx::FromRow)]
struct SubmissionRow {
    id: String,
    submission: String,
    personal_number: Option<String>,
}

impl Tx {
    /// Puts a new reservation on record. Its first facts follow with [`record`](Self::record).
    ///
    /// # Errors
    /// [`StoreError::ReferenceTaken`] when the merchant has a reservation with this reference.
    pub async fn create_reservation(
        &mut self,
        r: &Reservation,
        submission: &Submission,
        callback_token: &str,
    ) -> Result<(), StoreError> {
        let state = json(r)?;
        let now = millis(r.created_at);
        let inserted = execute!(
            self,
            "INSERT INTO reservations (id, merchant, reference, status, needs_review, callback_token, version, state,
                submission, personal_number, created_at, updated_at)
             VALUES ($1, $2, $3, $4, FALSE, $5, $6, $7, $8, $9, $10, $10)
             ON CONFLICT (merchant, reference) DO NOTHING",
            r.id.as_str(),
            r.merchant.as_str(),
            r.reference.as_str(),
            r.status().as_str(),
            callback_token,
            r.version,
            state.as_str(),
            submission.request.to_string(),
            submission.personal_number.as_deref(),
            now,
        )?;
        if inserted == 1 {
            return Ok(());
        }
        let taken = fetch_optional!(
            self,
            IdRow,
            "SELECT id FROM reservations WHERE merchant = $1 AND reference = $2",
            r.merchant.as_str(),
            r.reference.as_str(),
        )?;
        Err(StoreError::ReferenceTaken {
            by: taken.and_then(|row| row.id.parse().ok()),
        })
    }

    /// The reservation, locked until the transaction ends.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn lock_reservation(
        &mut self,
        id: &ReservationId,
    ) -> Result<Option<Stored>, StoreError> {
        // Differs from Postgres because SQLite has one writer, which this transaction is.
        let sql = Sql {
            sqlite: "SELECT id, callback_token, state, updated_at FROM reservations WHERE id = $1",
            postgres: "SELECT id, callback_token, state, updated_at FROM reservations WHERE id = $1 FOR UPDATE",
        };
        let row = fetch_optional!(self, ReservationRow, sql, id.as_str())?;
        Ok(row.map(ReservationRow::decode).transpose()?)
    }

    /// Folds facts into a reservation, appends them to its journal, and makes its reviews and its jobs follow.
    ///
    /// `running` is the caller's own job, whose end is left to it.
    ///
    /// # Errors
    /// [`StoreError::IllegalTransition`] when a fact cannot follow what is known, [`StoreError::Conflict`] when the
    /// reservation has changed since it was read. The transaction is then of no use.
    pub async fn record(
        &mut self,
        r: &mut Reservation,
        facts: &[Fact],
        merchant: &Merchant,
        actor: &str,
        running: Option<&JobId>,
    ) -> Result<(), StoreError> {
        let (before, now) = (r.version, self.now());
        let (named, asked) = (references(r), !subjects(r).is_empty());
        for fact in facts {
            r.apply(fact).map_err(StoreError::IllegalTransition)?;
            self.append_event(r, fact, actor, now).await?;
            if let Fact::Intent(intent, IntentFact::Confirmed { reference, .. }) = fact {
                self.confirm_attempts(intent).await?;
                self.confirm_jobs_of(intent, reference.as_ref(), running)
                    .await?;
            }
        }
        self.save(r, before, merchant, now).await?;
        self.index_references(r, &named).await?;
        if asked || !subjects(r).is_empty() {
            self.sync_reviews(r, facts, merchant, actor).await?;
        }
        let planned = domain::schedule::schedule(r, merchant);
        self.sync_schedule(&r.merchant, &r.id, &planned, running, actor)
            .await?;
        if facts.iter().any(Fact::releases) {
            self.end_waits(r, running).await?;
        }
        Ok(())
    }

    async fn append_event(
        &mut self,
        r: &Reservation,
        fact: &Fact,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "INSERT INTO events (reservation_id, seq, at, actor, name, fact) VALUES ($1, $2, $3, $4, $5, $6)",
            r.id.as_str(),
            r.version,
            millis(now),
            actor,
            fact.name(),
            json(fact)?,
        )?;
        Ok(())
    }

    async fn save(
        &mut self,
        r: &Reservation,
        before: i64,
        merchant: &Merchant,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let capture_by = r
            .capture_by(merchant)
            .filter(|_| !r.capturable().is_zero())
            .map(millis);
        let needs_review = !subjects(r).is_empty();
        // The personal number has done its service once the provider has the reservation or has refused it.
        let submitting = r.status() == Status::Submitting;
        let saved = execute!(
            self,
            "UPDATE reservations SET status = $3, needs_review = $4, capture_by = $5, reservation_uuid = $6, version = $7,
                state = $8, updated_at = $9, personal_number = CASE WHEN $10 THEN personal_number END
             WHERE id = $1 AND version = $2",
            r.id.as_str(),
            before,
            r.status().as_str(),
            needs_review,
            capture_by,
            r.provider.reservation_uuid.as_ref().map(ProviderReservationId::as_str),
            r.version,
            json(r)?,
            millis(now),
            submitting,
        )?;
        if saved == 1 {
            Ok(())
        } else {
            Err(StoreError::Conflict {
                reservation: r.id.clone(),
            })
        }
    }

    /// Keeps the contact of a resend that goes elsewhere than to the customer's own. Personal.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_contact(
        &mut self,
        reservation: &ReservationId,
        intent: &domain::IntentId,
        contact: &Value,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "INSERT INTO contacts (intent_id, reservation_id, contact) VALUES ($1, $2, $3)",
            intent.as_str(),
            reservation.as_str(),
            contact.to_string(),
        )?;
        Ok(())
    }
}

impl Store {
    /// The reservation with this id.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn reservation(&self, id: &ReservationId) -> Result<Option<Stored>, StoreError> {
        let mut reader = self.reader().await?;
        let sql = "SELECT id, callback_token, state, updated_at FROM reservations WHERE id = $1";
        let row = fetch_optional!(reader, ReservationRow, sql, id.as_str())?;
        Ok(row.map(ReservationRow::decode).transpose()?)
    }

    /// The reservation whose callback path ends with this token.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn reservation_by_callback(&self, token: &str) -> Result<Option<Stored>, StoreError> {
        let mut reader = self.reader().await?;
        let sql = "SELECT id, callback_token, state, updated_at FROM reservations WHERE callback_token = $1";
        let row = fetch_optional!(reader, ReservationRow, sql, token)?;
        Ok(row.map(ReservationRow::decode).transpose()?)
    }

    /// The reservation that the provider calls by this id.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn reservation_by_uuid(
        &self,
        merchant: &MerchantId,
        uuid: &ProviderReservationId,
    ) -> Result<Option<Stored>, StoreError> {
        let mut reader = self.reader().await?;
        let sql = "SELECT id, callback_token, state, updated_at FROM reservations
                   WHERE reservation_uuid = $1 AND merchant = $2";
        let row = fetch_optional!(
            reader,
            ReservationRow,
            sql,
            uuid.as_str(),
            merchant.as_str()
        )?;
        Ok(row.map(ReservationRow::decode).transpose()?)
    }

    /// A page of at most [`MAX_PAGE`] reservations, the newest first, after the one that `cursor` names.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn reservations(
        &self,
        filter: &ReservationFilter,
        limit: u32,
        cursor: Option<&ReservationId>,
    ) -> Result<Page<Stored, ReservationId>, StoreError> {
        let mut reader = self.reader().await?;
        let limit = limit.clamp(1, MAX_PAGE);
        let rows = fetch_all!(
            reader,
            ReservationRow,
            "SELECT id, callback_token, state, updated_at FROM reservations
             WHERE (CAST($1 AS TEXT) IS NULL OR status = $1) AND (CAST($2 AS TEXT) IS NULL OR merchant = $2)
               AND (CAST($3 AS TEXT) IS NULL OR reference = $3) AND (CAST($4 AS BIGINT) IS NULL OR capture_by < $4)
               AND ($5 IS NULL OR needs_review = $5) AND (CAST($6 AS TEXT) IS NULL OR id < $6)
             ORDER BY id DESC LIMIT CAST($7 AS BIGINT)",
            filter.status.map(Status::as_str),
            filter.merchant.as_ref().map(MerchantId::as_str),
            filter.reference.as_deref(),
            filter.capture_by_before.map(millis),
            filter.needs_review,
            cursor.map(ReservationId::as_str),
            i64::from(limit) + 1,
        )?;
        let stored = rows
            .into_iter()
            .map(ReservationRow::decode)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(stored, limit, |stored| {
            stored.reservation.id.clone()
        }))
    }

    /// A reservation's journal, oldest first. The cursor is the number of the last event seen.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn events(
        &self,
        id: &ReservationId,
        limit: u32,
        cursor: Option<i64>,
    ) -> Result<Page<Event, i64>, StoreError> {
        let mut reader = self.reader().await?;
        let limit = limit.clamp(1, MAX_PAGE);
        let rows = fetch_all!(
            reader,
            EventRow,
            "SELECT seq, at, actor, fact FROM events WHERE reservation_id = $1 AND seq > $2 ORDER BY seq LIMIT CAST($3 AS BIGINT)",
            id.as_str(),
            cursor.unwrap_or(0),
            i64::from(limit) + 1,
        )?;
        let decode = |row: EventRow| row.decode(id);
        let events = rows
            .into_iter()
            .map(decode)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(events, limit, |event| event.seq))
    }

    /// What people have decided about a reservation, oldest first: at most [`MAX_PAGE`] events, the newest ones.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn decisions(&self, id: &ReservationId) -> Result<Vec<Event>, StoreError> {
        let mut reader = self.reader().await?;
        let sql =
            "SELECT seq, at, actor, fact FROM events WHERE reservation_id = $1 AND name = 'review_decided'
                   ORDER BY seq DESC LIMIT CAST($2 AS BIGINT)";
        let rows = fetch_all!(reader, EventRow, sql, id.as_str(), i64::from(MAX_PAGE))?;
        Ok(rows
            .into_iter()
            .rev()
            .map(|row| row.decode(id))
            .collect::<Result<_, _>>()?)
    }

    /// What only the provider needs to know of a reservation. Personal.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn submission(&self, id: &ReservationId) -> Result<Option<Submission>, StoreError> {
        let mut reader = self.reader().await?;
        let sql = "SELECT id, submission, personal_number FROM reservations WHERE id = $1";
        let Some(row) = fetch_optional!(reader, SubmissionRow, sql, id.as_str())? else {
            return Ok(None);
        };
        let place = Place {
            table: "reservations",
            row: &row.id,
        };
        let request = place.json("submission", &row.submission)?;
        Ok(Some(Submission {
            request,
            personal_number: row.personal_number,
        }))
    }

    /// Where a resend goes that does not go to the customer's own contact. Personal.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn contact(&self, intent: &domain::IntentId) -> Result<Option<Value>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct ContactRow {
            contact: String,
        }
        let mut reader = self.reader().await?;
        let sql = "SELECT contact FROM contacts WHERE intent_id = $1";
        let row = fetch_optional!(reader, ContactRow, sql, intent.as_str())?;
        let place = Place {
            table: "contacts",
            row: intent.as_str(),
        };
        Ok(row
            .map(|row| place.json("contact", &row.contact))
            .transpose()?)
    }
}

/// The JSON of a value of ours, which always has one.
fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::Encode)
}
