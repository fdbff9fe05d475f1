//! What limits a merchant's requests: its rate limit and its pause, shared by all processes.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{MerchantId, WaitingFor};

use crate::db::{ensure_affected, execute, fetch_all, fetch_optional, millis, sql};
use crate::queue::states::PUT_OFF;
use crate::row::Place;
use crate::{Store, StoreError, Tx};

/// The time in which no more requests are made than the limit says.
const WINDOW_MICROS: i64 = 60_000_000;

/// How long a request of a paused merchant waits before it asks again.
const PAUSED_RECHECK: TimeDelta = TimeDelta::seconds(30);

/// The most merchants whose limits are read at once.
const MAX_MERCHANTS: i64 = 10_000;

/// A request of the merchant may not be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBefore {
    /// When to ask again.
    pub at: DateTime<Utc>,
    /// What holds the request back: [`WaitingFor::RateLimit`] or [`WaitingFor::Pause`].
    pub waiting_for: WaitingFor,
}

/// What limits a merchant's requests now. A merchant that has never sent a request nor been paused has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantLimits {
    /// The merchant, which may have left the configuration since.
    pub merchant: MerchantId,
    /// While true, no job that calls the provider is claimed for this merchant.
    pub paused: bool,
    /// When the whole burst may be used again, if no request is made until then.
    pub full_at: DateTime<Utc>,
}

/// A limit of so many requests in any 60 seconds, as a leaky bucket (GCRA).
///
/// A tenth of the limit may go at once, the rest is spread: whenever the burst is used, one more request comes free each
/// `interval`. In a window of 60 s that is at most `burst + 60 s / interval`, which never exceeds the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    burst: i64,
    interval_micros: i64,
}

impl Rate {
    /// The rate for this limit; a limit of 0 counts as 1.
    #[must_use]
    pub fn per_minute(limit: u32) -> Self {
        let limit = i64::from(limit.max(1));
        let burst = (limit / 10).max(1);
        // The first interval that is too long for one more request to fall into the window.
        Self {
            burst,
            interval_micros: WINDOW_MICROS / (limit - burst + 1) + 1,
        }
    }

    /// How far the theoretical arrival time may be ahead.
    const fn tolerance_micros(self) -> i64 {
        (self.burst - 1) * self.interval_micros
    }

    /// How many requests may be made at once now.
    #[must_use]
    pub fn tokens(self, tat_micros: i64, now: DateTime<Utc>) -> u32 {
        let slack = now.timestamp_micros() + self.tolerance_micros() - tat_micros;
        let tokens = if slack < 0 {
            0
        } else {
            (slack / self.interval_micros + 1).min(self.burst)
        };
        u32::try_from(tokens).unwrap_or(0)
    }

    /// When the next request may be made.
    fn next(self, tat_micros: i64) -> DateTime<Utc> {
        // Rounded up to the millisecond that tables hold, so that whoever comes then is not too early.
        let millis = (tat_micros - self.tolerance_micros() + 999).div_euclid(1_000);
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

#[derive(sqlx::FromRow)]
struct LimitsRow {
    merchant: String,
    tat: i64,
    paused: bool,
}

/// Takes one request from the bucket if there is one, in one statement so that it holds between processes.
const TAKE: &str = "INSERT INTO merchant_limits (merchant, tat, paused) VALUES ($1, $2 + $3, FALSE)
    ON CONFLICT (merchant) DO UPDATE SET tat = CASE WHEN merchant_limits.tat > $2 THEN merchant_limits.tat ELSE $2 END + $3
        WHERE merchant_limits.tat - $4 <= $2 AND NOT merchant_limits.paused";

const ONE: &str = "SELECT merchant, tat, paused FROM merchant_limits WHERE merchant = $1";
const ALL: &str =
    "SELECT merchant, tat, paused FROM merchant_limits ORDER BY merchant LIMIT CAST($1 AS BIGINT)";

const PAUSE: &str = "INSERT INTO merchant_limits (merchant, tat, paused) VALUES ($1, 0, $2)
    ON CONFLICT (merchant) DO UPDATE SET paused = $2";

/// What waits for a pause that has ended need not wait any longer.
const RESUME: &str = sql!(
    "UPDATE jobs SET run_at = $2, waiting_for = NULL WHERE merchant = $1 AND waiting_for = 'pause' AND state",
    PUT_OFF,
    " AND run_at > $2"
);

const HOLD: &str = "INSERT INTO merchant_limits (merchant, tat, paused) VALUES ($1, $2, FALSE)
    ON CONFLICT (merchant) DO UPDATE SET tat = CASE WHEN merchant_limits.tat > $2 THEN merchant_limits.tat ELSE $2 END";

impl Tx {
    /// Counts one request against the merchant's budget, or says when to come again.
    ///
    /// In any 60 s of business time no more requests are let through than the limit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_request(
        &mut self,
        merchant: &MerchantId,
        limit_per_minute: u32,
    ) -> Result<Result<(), NotBefore>, StoreError> {
        self.take_requests(merchant, limit_per_minute, 1).await
    }

    /// Counts so many requests against the merchant's budget, at most as many as it ever has at once; or none, and
    /// says when to come again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_requests(
        &mut self,
        merchant: &MerchantId,
        limit_per_minute: u32,
        requests: u32,
    ) -> Result<Result<(), NotBefore>, StoreError> {
        let rate = Rate::per_minute(limit_per_minute);
        let now = self.now();
        let micros = now.timestamp_micros();
        let requests = i64::from(requests).clamp(1, rate.burst);
        // As many as there are beyond the first have to be free besides it.
        let beyond = (requests - 1) * rate.interval_micros;
        let (cost, tolerance) = (
            requests * rate.interval_micros,
            rate.tolerance_micros() - beyond,
        );
        if execute!(self, TAKE, merchant.as_str(), micros, cost, tolerance)? == 1 {
            return Ok(Ok(()));
        }
        let limits = fetch_optional!(self, LimitsRow, ONE, merchant.as_str())?;
        Ok(Err(match limits {
            Some(limits) if !limits.paused => NotBefore {
                at: rate.next(limits.tat + beyond),
                waiting_for: WaitingFor::RateLimit,
            },
            _ => NotBefore {
                at: now + PAUSED_RECHECK,
                waiting_for: WaitingFor::Pause,
            },
        }))
    }

    /// Lets no request of the merchant through before `until`, as when the provider says `Retry-After`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_requests(
        &mut self,
        merchant: &MerchantId,
        limit_per_minute: u32,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tat = until.timestamp_micros() + Rate::per_minute(limit_per_minute).tolerance_micros();
        let held = execute!(self, HOLD, merchant.as_str(), tat)?;
        ensure_affected("HOLD", 1, held)
    }

    /// Pauses the merchant, or lets it go on: while paused, nothing that calls the provider is claimed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_paused(
        &mut self,
        merchant: &MerchantId,
        paused: bool,
    ) -> Result<(), StoreError> {
        let set = execute!(self, PAUSE, merchant.as_str(), paused)?;
        ensure_affected("PAUSE", 1, set)?;
        if !paused {
            let now = millis(self.now());
            // As many as wait for the pause, which may be none.
            execute!(self, RESUME, merchant.as_str(), now)?;
        }
        self.wake_on_commit();
        Ok(())
    }

    /// The theoretical arrival time and the pause of every merchant that has a row; the others have a full budget.
    pub(crate) async fn merchant_limits(
        &mut self,
    ) -> Result<HashMap<String, (i64, bool)>, StoreError> {
        let rows = fetch_all!(self, LimitsRow, ALL, MAX_MERCHANTS)?;
        Ok(rows
            .into_iter()
            .map(|row| (row.merchant, (row.tat, row.paused)))
            .collect())
    }
}

impl Store {
    /// Has nothing claimed any more that calls the provider for this merchant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause_merchant(&self, merchant: &MerchantId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.set_paused(merchant, true).await?;
        tx.commit().await
    }

    /// Lets a paused merchant go on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resume_merchant(&self, merchant: &MerchantId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.set_paused(merchant, false).await?;
        tx.commit().await
    }

    /// The limits of the merchants that have sent a request or been paused, by merchant.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn merchant_limits(&self) -> Result<Vec<MerchantLimits>, StoreError> {
        let mut reader = self.reader().await?;
        let rows = fetch_all!(reader, LimitsRow, ALL, MAX_MERCHANTS)?;
        rows.iter().map(|row| Ok(view(row)?)).collect()
    }
}

fn view(row: &LimitsRow) -> Result<MerchantLimits, crate::RowError> {
    let place = Place {
        table: "merchant_limits",
        row: &row.merchant,
    };
    Ok(MerchantLimits {
        merchant: place.parse("merchant", &row.merchant)?,
        paused: row.paused,
        full_at: place.time("tat", row.tat.div_euclid(1_000))?,
    })
}

/// What the claim may take of each merchant's jobs that call the provider.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    /// Paused, or without a token.
    pub(crate) blocked: Vec<String>,
    /// How many more may be claimed, for those that have a limit.
    left: HashMap<String, u32>,
    /// When the first of those without a token has one again.
    pub(crate) refill_at: Option<DateTime<Utc>>,
}

impl Budgets {
    pub(crate) fn new(
        limits: &HashMap<MerchantId, u32>,
        known: &HashMap<String, (i64, bool)>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut budgets = Self::default();
        let paused = known.iter().filter(|(_, (_, paused))| *paused);
        budgets
            .blocked
            .extend(paused.map(|(merchant, _)| merchant.clone()));
        for (merchant, limit) in limits {
            let rate = Rate::per_minute(*limit);
            let (tat, paused) = known.get(merchant.as_str()).copied().unwrap_or_default();
            let tokens = rate.tokens(tat, now);
            if tokens == 0 && !paused {
                budgets.blocked.push(merchant.as_str().to_owned());
                let next = rate.next(tat);
                budgets.refill_at = Some(budgets.refill_at.map_or(next, |at| at.min(next)));
            }
            budgets.left.insert(merchant.as_str().to_owned(), tokens);
        }
        budgets
    }

    /// May one more job of this merchant be claimed? Takes its token, and blocks the merchant with the last one.
    pub(crate) fn take(&mut self, merchant: &str) -> bool {
        match self.left.get_mut(merchant) {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                if *left == 0 {
                    self.blocked.push(merchant.to_owned());
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs the bucket as the statement does.
    fn take(rate: Rate, tat: &mut i64, now_micros: i64) -> bool {
        let free = *tat - rate.tolerance_micros() <= now_micros;
        if free {
            *tat = (*tat).max(now_micros) + rate.interval_micros;
        }
        free
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_requests_than_the_limit(
            limit in 1_u32..600,
            gaps in prop::collection::vec(0_i64..2_000_000, 1..2_000),
        ) {
            let rate = Rate::per_minute(limit);
            let (mut tat, mut now, mut passed) = (0, 1_000_000_000, Vec::new());
            for gap in gaps {
                now += gap;
                if take(rate, &mut tat, now) {
                    passed.push(now);
                }
            }
            for (first, start) in passed.iter().enumerate() {
                let within = passed[first..].iter().take_while(|at| **at <= start + WINDOW_MICROS).count();
                prop_assert!(within <= limit as usize, "{within} requests in a minute of limit {limit}");
            }
        }

        #[test]
        fn tokens_are_what_can_be_taken_at_once(limit in 1_u32..600, ahead in 0_i64..70_000_000) {
            let rate = Rate::per_minute(limit);
            let now = DateTime::from_timestamp_micros(1_000_000_000).expect("a time");
            let mut tat = now.timestamp_micros() + ahead;
            let tokens = rate.tokens(tat, now);
            let next = rate.next(tat);
            for _ in 0..tokens {
                prop_assert!(take(rate, &mut tat, now.timestamp_micros()));
            }
            prop_assert!(!take(rate, &mut tat, now.timestamp_micros()));
            prop_assert_eq!(tokens == 0, next > now);
        }
    }

    #[test]
    fn a_limit_is_used_to_nine_tenths_when_requests_never_stop() {
        for limit in [1_u32, 2, 9, 10, 60, 240, 1_000] {
            let rate = Rate::per_minute(limit);
            let (mut tat, mut passed) = (0, 0_i64);
            let minutes = 10;
            for step in 0..minutes * 60_000 {
                while take(rate, &mut tat, 1_000_000_000 + step * 1_000) {
                    passed += 1;
                }
            }
            assert!(
                passed * 10 >= i64::from(limit) * minutes * 9 - 10,
                "{passed} of limit {limit}"
            );
        }
    }
}
