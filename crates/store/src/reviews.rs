//! Reviews: a row for each thing that a person must decide or has decided. The rows follow the facts.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::deadlines::NO_DEADLINE;
use domain::reservation::{Decision, DecisionRecord, ReviewReason};
use domain::review::{OpenReview, ReviewStatus, message, open_reviews};
use domain::{
    Fact, IntentId, JobId, Merchant, MerchantId, Money, ProviderReference, Reservation,
    ReservationId, ReviewFact, ReviewId,
};

use crate::db::{Sql, execute, fetch_all, fetch_optional, json_list, millis};
use crate::error::RowError;
use crate::row::Place;
use crate::{MAX_PAGE, Page, Store, StoreError, Tx};

/// A review as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Its id, made when the review was raised.
    pub id: ReviewId,
    /// On whose account.
    pub merchant: MerchantId,
    /// The reservation it is about; `None` of a payment link's, which its job carries.
    pub reservation: Option<ReservationId>,
    /// The booking system's reference of that reservation.
    pub reference: Option<String>,
    /// The intent whose request has an unknown outcome; `None` when no such request stands behind the review.
    pub intent: Option<IntentId>,
    /// The job of the operation it is about, if it is about one.
    pub job: Option<JobId>,
    /// Why a person must decide.
    pub reason: ReviewReason,
    /// The money that goes wrong at worst while nobody decides.
    pub amount: Money,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// From this instant on it is too late to act; `None` where nothing runs out.
    pub act_before: Option<DateTime<Utc>>,
    /// Is nothing sent for the reservation while it is open?
    pub freezes: bool,
    /// What a person has to find out or decide, as a sentence.
    pub message: String,
    /// Of an open review the version of the evidence in force, of a decided one that which it was decided on.
    pub evidence_version: i64,
    /// How it ended; `None` while it is open.
    pub end: Option<ReviewEnd>,
}

/// How a review ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewEnd {
    /// When.
    pub at: DateTime<Utc>,
    /// Who recorded what ended it: the key of the API of a person who decided, else who saw what answered the review.
    pub actor: String,
    /// What the person decided; `None` when no person did, because what happened answered the review.
    pub decision: Option<DecisionRecord>,
}

impl Review {
    /// Does it still wait?
    #[must_use]
    pub const fn status(&self) -> ReviewStatus {
        match self.end {
            None => ReviewStatus::Open,
            Some(_) => ReviewStatus::Decided,
        }
    }

    /// Where the page that ends with this review ends.
    fn cursor(&self) -> ReviewCursor {
        ReviewCursor {
            act_before: self.act_before.unwrap_or(NO_DEADLINE),
            id: self.id.clone(),
        }
    }
}

/// Which reviews to list. Unset conditions hold for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewFilter {
    /// Open ones, or decided ones.
    pub status: Option<ReviewStatus>,
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// Raised for this reason.
    pub reason: Option<ReviewReason>,
    /// On which it is too late to act from before this instant on.
    pub due_before: Option<DateTime<Utc>>,
}

/// Where a page of reviews ended: by countdown, and by id among those with the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewCursor {
    act_before: DateTime<Utc>,
    id: ReviewId,
}

/// A text that is no cursor of a list of reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no cursor of a list of reviews")]
pub struct ReviewCursorError;

impl fmt::Display for ReviewCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", millis(self.act_before), self.id)
    }
}

impl FromStr for ReviewCursor {
    type Err = ReviewCursorError;

    fn from_str(text: &str) -> Result<Self, ReviewCursorError> {
        let (at, id) = text.split_once('.').ok_or(ReviewCursorError)?;
        let at = at.parse().ok().and_then(DateTime::from_timestamp_millis);
        Ok(Self {
            act_before: at.ok_or(ReviewCursorError)?,
            id: id.parse().map_err(|_not_an_id| ReviewCursorError)?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ReviewRow {
    id: String,
    merchant: String,
    reservation_id: Option<String>,
    reference: Option<String>,
    intent_id: Option<String>,
    job_id: Option<String>,
    reason: String,
    amount: i64,
    raised_at: i64,
    act_before: i64,
    freezes: bool,
    message: String,
    evidence_version: i64,
    decided_at: Option<i64>,
    decision: Option<String>,
    decision_reference: Option<String>,
    note: Option<String>,
    actor: Option<String>,
}

impl ReviewRow {
    fn decode(self) -> Result<Review, RowError> {
        let place = Place {
            table: "reviews",
            row: &self.id,
        };
        let act_before = place.time("act_before", self.act_before)?;
        let decision = match self.decision {
            None => None,
            Some(word) => Some(DecisionRecord {
                decision: Decision::parse(&word, self.decision_reference)
                    .map_err(|fault| place.wrong("decision", fault))?,
                note: self.note.unwrap_or_default(),
                evidence_version: self.evidence_version,
            }),
        };
        let end = place
            .time_optional("decided_at", self.decided_at)?
            .map(|at| ReviewEnd {
                at,
                actor: self.actor.unwrap_or_default(),
                decision,
            });
        Ok(Review {
            id: place.parse("id", &self.id)?,
            merchant: place.parse("merchant", &self.merchant)?,
            reservation: place.parse_optional("reservation_id", self.reservation_id.as_deref())?,
            intent: place.parse_optional("intent_id", self.intent_id.as_deref())?,
            job: place.parse_optional("job_id", self.job_id.as_deref())?,
            reason: place.parse("reason", &self.reason)?,
            amount: Money::from_minor(self.amount).map_err(|error| place.wrong("amount", error))?,
            raised_at: place.time("raised_at", self.raised_at)?,
            act_before: Some(act_before).filter(|at| *at < NO_DEADLINE),
            reference: self.reference,
            freezes: self.freezes,
            message: self.message,
            evidence_version: self.evidence_version,
            end,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, merchant, reservation_id, reference, intent_id, job_id, reason, amount, raised_at,
                act_before, freezes, message, evidence_version, decided_at, decision, decision_reference,
                note, actor
             FROM reviews ",
            $rest
        )
    };
}

const ONE: &str = select!("WHERE id = $1");
const OPEN_OF_RESERVATION: &str = select!("WHERE reservation_id = $1 AND status = 'open'");
const OF_JOB: &str = select!("WHERE job_id = $1 ORDER BY id DESC LIMIT CAST($2 AS BIGINT)");

// Differs because each has its own way to read a JSON list.
const OPEN_OF_RESERVATIONS: Sql = Sql {
    sqlite: select!(
        "WHERE status = 'open' AND reservation_id IN (SELECT value FROM json_each($1))"
    ),
    postgres: select!(
        "WHERE status = 'open' AND reservation_id IN (SELECT json_array_elements_text(CAST($1 AS JSON)))"
    ),
};

macro_rules! list {
    ($where:literal) => {
        concat!(
            select!("WHERE "),
            $where,
            " AND (CAST($2 AS TEXT) IS NULL OR merchant = $2) AND (CAST($3 AS TEXT) IS NULL OR reason = $3)
              AND (CAST($4 AS BIGINT) IS NULL OR act_before < $4)
              AND (act_before, id) > ($5, $6)
              ORDER BY act_before, id LIMIT CAST($7 AS BIGINT)"
        )
    };
}

/// The open ones, which have an index of their own.
const LIST_OPEN: &str = list!("CAST($1 AS TEXT) IS NOT NULL AND status = 'open'");
const LIST: &str = list!("(CAST($1 AS TEXT) IS NULL OR status = $1)");

impl Tx {
    /// Makes the rows of a reservation's reviews follow the facts that have just been folded in: what is open has an
    /// open row, and what is not open any more is decided, by the person whose decision is among the facts, else by
    /// what happened.
    pub(crate) async fn sync_reviews(
        &mut self,
        r: &Reservation,
        facts: &[Fact],
        merchant: &Merchant,
        actor: &str,
    ) -> Result<(), StoreError> {
        let mut wanted = open_reviews(r, merchant);
        let rows = fetch_all!(self, ReviewRow, OPEN_OF_RESERVATION, r.id.as_str())?;
        for row in rows {
            let known = row.decode()?;
            let same =
                |open: &OpenReview| open.reason == known.reason && open.intent == known.intent;
            match wanted.iter().position(same) {
                Some(index) => {
                    let open = wanted.swap_remove(index);
                    self.update_review(r, &known, &open).await?;
                }
                None => self.end_review(r, &known, facts, actor).await?,
            }
        }
        for open in wanted {
            self.raise_review(r, &open).await?;
        }
        Ok(())
    }

    async fn raise_review(&mut self, r: &Reservation, open: &OpenReview) -> Result<(), StoreError> {
        let id = ReviewId::new(self.now(), self.entropy());
        let job = match &open.about {
            Some(intent) => self.job_of_intent(intent).await?,
            None => None,
        };
        execute!(
            self,
            "INSERT INTO reviews (id, merchant, reservation_id, reference, intent_id, job_id, reason, amount,
                raised_at, act_before, freezes, message, evidence_version, status)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'open')",
            id.as_str(),
            r.merchant.as_str(),
            r.id.as_str(),
            r.reference.as_str(),
            open.intent.as_ref().map(IntentId::as_str),
            job.as_ref().map(JobId::as_str),
            open.reason.as_str(),
            open.amount.minor(),
            millis(open.raised_at),
            millis(open.act_before.unwrap_or(NO_DEADLINE)),
            open.freezes,
            message(open.reason),
            r.evidence_version,
        )?;
        Ok(())
    }

    /// Brings the row of a review that is still open up to date, if anything of it has changed.
    async fn update_review(
        &mut self,
        r: &Reservation,
        known: &Review,
        open: &OpenReview,
    ) -> Result<(), StoreError> {
        let same = known.amount == open.amount
            && known.act_before == open.act_before
            && known.freezes == open.freezes
            && known.evidence_version == r.evidence_version;
        if same {
            return Ok(());
        }
        let updated = execute!(
            self,
            "UPDATE reviews SET amount = $2, act_before = $3, freezes = $4, evidence_version = $5
             WHERE id = $1 AND status = 'open'",
            known.id.as_str(),
            open.amount.minor(),
            millis(open.act_before.unwrap_or(NO_DEADLINE)),
            open.freezes,
            r.evidence_version,
        )?;
        one(updated, r)
    }

    async fn end_review(
        &mut self,
        r: &Reservation,
        known: &Review,
        facts: &[Fact],
        actor: &str,
    ) -> Result<(), StoreError> {
        let decided = facts.iter().find_map(|fact| match fact {
            Fact::Review(ReviewFact::Decided {
                intent,
                reason,
                decision,
            }) if *intent == known.intent && *reason == known.reason => Some(decision),
            _ => None,
        });
        let now = millis(self.now());
        let version = decided.map_or(r.evidence_version, |record| record.evidence_version);
        let ended = execute!(
            self,
            "UPDATE reviews SET status = 'decided', decided_at = $2, decision = $3, decision_reference = $4,
                note = $5, actor = $6, evidence_version = $7
             WHERE id = $1 AND status = 'open'",
            known.id.as_str(),
            now,
            decided.map(|record| record.decision.word()),
            decided.and_then(|record| record.decision.reference()).map(ProviderReference::as_str),
            decided.map(|record| record.note.as_str()),
            actor,
            version,
        )?;
        one(ended, r)
    }

    /// The review with this id, as this transaction sees it.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn review(&mut self, id: &ReviewId) -> Result<Option<Review>, StoreError> {
        let row = fetch_optional!(self, ReviewRow, ONE, id.as_str())?;
        Ok(row.map(ReviewRow::decode).transpose()?)
    }
}

impl Store {
    /// The review with this id.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn review(&self, id: &ReviewId) -> Result<Option<Review>, StoreError> {
        let mut reader = self.reader().await?;
        let row = fetch_optional!(reader, ReviewRow, ONE, id.as_str())?;
        Ok(row.map(ReviewRow::decode).transpose()?)
    }

    /// A page of at most [`MAX_PAGE`] reviews by countdown, those where nothing runs out last, after the one that
    /// `cursor` names. Those with the same countdown go by id, the oldest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn reviews(
        &self,
        filter: &ReviewFilter,
        limit: u32,
        cursor: Option<&ReviewCursor>,
    ) -> Result<Page<Review, ReviewCursor>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let sql = match filter.status {
            Some(ReviewStatus::Open) => LIST_OPEN,
            Some(ReviewStatus::Decided) | None => LIST,
        };
        let mut reader = self.reader().await?;
        let rows = fetch_all!(
            reader,
            ReviewRow,
            sql,
            filter.status.map(ReviewStatus::as_str),
            filter.merchant.as_ref().map(MerchantId::as_str),
            filter.reason.map(ReviewReason::as_str),
            filter.due_before.map(millis),
            cursor.map_or(i64::MIN, |cursor| millis(cursor.act_before)),
            cursor.map_or("", |cursor| cursor.id.as_str()),
            i64::from(limit) + 1,
        )?;
        Ok(Page::of(decode_all(rows)?, limit, Review::cursor))
    }

    /// The open reviews of these reservations, by countdown.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn open_reviews(&self, of: &[&ReservationId]) -> Result<Vec<Review>, StoreError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = of.iter().map(|id| id.as_str()).collect();
        let mut reader = self.reader().await?;
        let rows = fetch_all!(reader, ReviewRow, OPEN_OF_RESERVATIONS, json_list(&ids))?;
        let mut reviews = decode_all(rows)?;
        reviews.sort_by_key(|review| (review.act_before.unwrap_or(NO_DEADLINE), review.id.clone()));
        Ok(reviews)
    }

    /// The reviews about the operation of a job, the newest [`MAX_PAGE`], oldest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn reviews_of_job(&self, job: &JobId) -> Result<Vec<Review>, StoreError> {
        let mut reader = self.reader().await?;
        let rows = fetch_all!(reader, ReviewRow, OF_JOB, job.as_str(), i64::from(MAX_PAGE))?;
        let mut reviews = decode_all(rows)?;
        reviews.reverse();
        Ok(reviews)
    }
}

fn decode_all(rows: Vec<ReviewRow>) -> Result<Vec<Review>, RowError> {
    rows.into_iter().map(ReviewRow::decode).collect()
}

/// Another transaction has ended the review: the reservation is not what it was when it was read.
fn one(rows: u64, r: &Reservation) -> Result<(), StoreError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict {
            reservation: r.id.clone(),
        })
    }
}
