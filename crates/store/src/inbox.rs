//! What arrives from outside and what is kept beside reservations: callbacks, idempotency keys, watermarks, settings.

use chrono::{DateTime, Utc};
use domain::{MerchantId, ReservationId};

use crate::db::{ensure_affected, execute, fetch_optional, millis};
use crate::row::Place;
use crate::{Store, StoreError, Tx};

/// A genuine callback.
#[derive(Clone, Copy, Debug)]
pub struct NewCallback<'a> {
    /// Whose path was called.
    pub reservation: &'a ReservationId,
    /// SHA-256 of the query.
    pub digest: &'a str,
    /// The raw query.
    pub query: &'a str,
    /// The checksum formula that fitted.
    pub formula: &'a str,
}

/// A request that has not been answered for so long was abandoned by a process that died; the API answers within a
/// minute.
const ABANDONED_MS: i64 = 120_000;

/// What is known of a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// It is the first; the key is taken now.
    First,
    /// The same request was answered so.
    Answered {
        /// The status of the answer.
        status: u16,
        /// Its body.
        answer: String,
    },
    /// The same request is being answered.
    Running,
    /// Another request had this key.
    Reused,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    request: String,
    status: Option<i64>,
    answer: Option<String>,
}

#[derive(sqlx::FromRow)]
struct TextRow {
    value: String,
}

#[derive(sqlx::FromRow)]
struct WatermarkRow {
    watermark: i64,
}

impl Tx {
    /// Keeps a callback. Returns whether it is news.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_callback(&mut self, callback: NewCallback<'_>) -> Result<bool, StoreError> {
        let now = millis(self.now());
        let inserted = execute!(
            self,
            "INSERT INTO callbacks (reservation_id, digest, query, formula, received_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (reservation_id, digest) DO NOTHING",
            callback.reservation.as_str(),
            callback.digest,
            callback.query,
            callback.formula,
            now,
        )?;
        Ok(inserted == 1)
    }

    /// Takes an idempotency key, or says what became of the request that had it.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn take_key(
        &mut self,
        actor: &str,
        key: &str,
        request: &str,
    ) -> Result<Idempotency, StoreError> {
        // By the wall clock: what runs out here is the patience with a process that died.
        let now = millis(self.wall());
        let inserted = execute!(
            self,
            "INSERT INTO idempotency_keys (actor, key, request, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (actor, key) DO NOTHING",
            actor,
            key,
            request,
            now,
        )?;
        if inserted == 1 {
            return Ok(Idempotency::First);
        }
        let sql = "UPDATE idempotency_keys SET request = $3, created_at = $4
                   WHERE actor = $1 AND key = $2 AND status IS NULL AND created_at < $5";
        if execute!(self, sql, actor, key, request, now, now - ABANDONED_MS)? == 1 {
            return Ok(Idempotency::First);
        }
        let sql =
            "SELECT request, status, answer FROM idempotency_keys WHERE actor = $1 AND key = $2";
        let Some(row) = fetch_optional!(self, KeyRow, sql, actor, key)? else {
            return Ok(Idempotency::Running);
        };
        if row.request != request {
            return Ok(Idempotency::Reused);
        }
        let place = Place {
            table: "idempotency_keys",
            row: key,
        };
        match (row.status, row.answer) {
            (Some(status), Some(answer)) => Ok(Idempotency::Answered {
                status: place.count("status", status)?,
                answer,
            }),
            _ => Ok(Idempotency::Running),
        }
    }

    /// Keeps the answer to a request with an idempotency key.
    ///
    /// # Errors
    /// [`StoreError::RowsAffected`] when the key was given up on meanwhile; else when the database fails.
    pub async fn answer_key(
        &mut self,
        actor: &str,
        key: &str,
        status: u16,
        answer: &str,
    ) -> Result<(), StoreError> {
        let sql =
            "UPDATE idempotency_keys SET status = $3, answer = $4 WHERE actor = $1 AND key = $2";
        let kept = execute!(self, sql, actor, key, i64::from(status), answer)?;
        ensure_affected("ANSWER_KEY", 1, kept)
    }

    /// Gives an idempotency key back, because its request changed nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_key(&mut self, actor: &str, key: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE actor = $1 AND key = $2 AND status IS NULL";
        // None when it has been answered, or given up on, meanwhile.
        execute!(self, sql, actor, key)?;
        Ok(())
    }

    /// Records that a merchant's history has been read up to here. Never moves back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_watermark(
        &mut self,
        merchant: &MerchantId,
        to: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // None when another sweep has come further.
        execute!(
            self,
            "INSERT INTO sweeps (merchant, watermark) VALUES ($1, $2)
             ON CONFLICT (merchant) DO UPDATE SET watermark = excluded.watermark
             WHERE sweeps.watermark < excluded.watermark",
            merchant.as_str(),
            millis(to),
        )?;
        Ok(())
    }

    /// The setting with this name; `value` becomes it when there is none yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting(&mut self, name: &str, value: &str) -> Result<String, StoreError> {
        let sql =
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        // None when the setting has its value already.
        execute!(self, sql, name, value)?;
        let row = fetch_optional!(
            self,
            TextRow,
            "SELECT value FROM settings WHERE name = $1",
            name
        )?;
        Ok(row.map_or_else(|| value.to_owned(), |row| row.value))
    }
}

impl Store {
    /// Up to where a merchant's history has been read.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn watermark(
        &self,
        merchant: &MerchantId,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut reader = self.reader().await?;
        let sql = "SELECT watermark FROM sweeps WHERE merchant = $1";
        let row = fetch_optional!(reader, WatermarkRow, sql, merchant.as_str())?;
        let place = Place {
            table: "sweeps",
            row: merchant.as_str(),
        };
        Ok(row
            .map(|row| place.time("watermark", row.watermark))
            .transpose()?)
    }
}
