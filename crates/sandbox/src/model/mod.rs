//! The provider's records: reservations with their lines and money rows, and orders.

mod body;
mod order;
mod rules;

use api_client::wire::{CallbackUrls, ProviderStatus, RefundSource};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;
use serde_json::Value;

pub(crate) use body::{Body, NewLine};
pub(crate) use order::{Order, OrderLine};

use crate::effect::LineSum;
use crate::switches::{ChargeUnit, RefundStatus, StatusWins, Switches};

/// A product line; `id` is numeric and the provider's own.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) new: NewLine,
    pub(crate) reserved: Money,
    pub(crate) captured: Money,
}

impl Line {
    /// This much of the line.
    pub(crate) const fn sum(&self, amount: Money) -> LineSum {
        LineSum {
            id: self.id,
            amount,
        }
    }
}

/// A capture or a charge.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) source: RefundSource,
    pub(crate) reference: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) amount: Money,
    pub(crate) lines: Vec<LineSum>,
    /// `additionalText` as details show it.
    pub(crate) text: Option<String>,
}

/// A refund, accepted and perhaps paid out.
#[derive(Clone)]
pub(crate) struct Refund {
    pub(crate) accepted_at: DateTime<Utc>,
    pub(crate) paid_out_at: Option<DateTime<Utc>>,
    pub(crate) source: RefundSource,
    pub(crate) reference: String,
    pub(crate) amount: Money,
    pub(crate) lines: Vec<LineSum>,
}

/// A refund that is asked for.
pub(crate) struct RefundRequest {
    pub(crate) source: RefundSource,
    pub(crate) reference: String,
    pub(crate) lines: Vec<LineSum>,
}

/// A reservation with everything that the provider knows of it; `Switches` decide how it is shown.
#[derive(Clone)]
pub(crate) struct Reservation {
    pub(crate) uuid: String,
    pub(crate) customer_uuid: String,
    /// Whose it is: the place of the token in the options.
    pub(crate) account: usize,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) status: ProviderStatus,
    /// `customerDetails` without the personal number.
    pub(crate) customer: Value,
    pub(crate) order_date: String,
    pub(crate) due: DateTime<Utc>,
    pub(crate) reference: Option<String>,
    pub(crate) customer_reference: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) terms: Option<String>,
    pub(crate) send_sms: bool,
    pub(crate) send_email: bool,
    pub(crate) charge_validity: Option<String>,
    pub(crate) secure: bool,
    pub(crate) partly_refundable: bool,
    pub(crate) callbacks: CallbackUrls,
    pub(crate) method: String,
    pub(crate) total: Money,
    pub(crate) lines: Vec<Line>,
    /// The lines that charges brought.
    pub(crate) charge_lines: Vec<Line>,
    pub(crate) reserved_at: Option<DateTime<Utc>>,
    /// When what was not captured went back to the payer.
    pub(crate) released_at: Option<DateTime<Utc>>,
    /// When the authorisation ended, once it has.
    pub(crate) hold_ended_at: Option<DateTime<Utc>>,
    pub(crate) rows: Vec<Row>,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) approval_requested: bool,
}

impl Reservation {
    pub(crate) fn reserved(&self) -> Money {
        self.lines.iter().map(|line| line.reserved).sum()
    }

    /// The sum of the captures, or of the charges.
    pub(crate) fn taken(&self, source: RefundSource) -> Money {
        self.rows
            .iter()
            .filter(|row| row.source == source)
            .map(|row| row.amount)
            .sum()
    }

    /// What is paid out of the refunds of a source.
    pub(crate) fn refunded(&self, source: RefundSource) -> Money {
        let paid_out = self
            .refunds
            .iter()
            .filter(|refund| refund.paid_out_at.is_some());
        paid_out
            .filter(|refund| refund.source == source)
            .map(|refund| refund.amount)
            .sum()
    }

    /// What is paid out of the refunds of one capture or charge.
    pub(crate) fn refunded_of(&self, reference: &str) -> Money {
        let paid_out = self
            .refunds
            .iter()
            .filter(|refund| refund.paid_out_at.is_some());
        paid_out
            .filter(|refund| refund.reference == reference)
            .map(|refund| refund.amount)
            .sum()
    }

    /// What is left of the hold.
    pub(crate) fn runway(&self) -> Money {
        if self.released_at.is_some() {
            return Money::ZERO;
        }
        self.reserved()
            .saturating_sub(self.taken(RefundSource::Captured))
    }

    /// When the hold ends.
    pub(crate) fn hold_ends(&self, switches: &Switches) -> Option<DateTime<Utc>> {
        let window = TimeDelta::days(switches.capture_window_days.into());
        self.hold_ended_at
            .or_else(|| Some(self.reserved_at? + window))
    }

    /// When the card cannot be charged any longer.
    pub(crate) fn charge_ends(&self, switches: &Switches) -> Option<DateTime<Utc>> {
        let reserved_at = self.reserved_at?;
        let validity = self
            .charge_validity
            .as_deref()
            .and_then(|digits| digits.parse::<u32>().ok());
        let span = match (validity.map(i64::from), switches.charge_unit) {
            (None, _) => TimeDelta::days(switches.charge_days.into()),
            (Some(count), ChargeUnit::Minutes) => TimeDelta::minutes(count),
            (Some(count), ChargeUnit::Hours) => TimeDelta::hours(count),
            (Some(count), ChargeUnit::Days) => TimeDelta::days(count),
        };
        Some(
            reserved_at
                .checked_add_signed(span)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        )
    }

    /// The status after a capture or charge.
    pub(crate) fn status_after(&self, latest: RefundSource, switches: &Switches) -> ProviderStatus {
        let has = |source| self.rows.iter().any(|row| row.source == source);
        let both = has(RefundSource::Captured) && has(RefundSource::Charged);
        let shown = match switches.status_wins {
            StatusWins::Captured if both => RefundSource::Captured,
            StatusWins::Charged if both => RefundSource::Charged,
            _ => latest,
        };
        match shown {
            RefundSource::Captured => ProviderStatus::Captured,
            RefundSource::Charged => ProviderStatus::Charged,
        }
    }

    /// The status after a refund was paid out.
    pub(crate) fn status_after_refund(&self, switches: &Switches) -> ProviderStatus {
        if switches.refund_status == RefundStatus::Unchanged
            || self.status == ProviderStatus::Completed
        {
            return self.status.clone();
        }
        let taken = self.taken(RefundSource::Captured) + self.taken(RefundSource::Charged);
        let back = self.refunded(RefundSource::Captured) + self.refunded(RefundSource::Charged);
        if back < taken {
            ProviderStatus::PartialRefunded
        } else {
            ProviderStatus::Refunded
        }
    }

    pub(crate) fn is_unpaid(&self) -> bool {
        matches!(
            self.status,
            ProviderStatus::Sent | ProviderStatus::ReservedNotPaid
        )
    }

    /// A text of the payer's details, such as `email` or `address.city`.
    pub(crate) fn payer(&self, path: &str) -> String {
        Body(&self.customer).text(path).unwrap_or_default()
    }
}

/// Whether the status is one in which the link cannot be paid any longer.
pub(crate) const fn is_over(status: &ProviderStatus) -> bool {
    !matches!(
        status,
        ProviderStatus::Sent | ProviderStatus::ReservedNotPaid
    )
}

/// The source that a refund names; everything but `charged` is the captured amount.
pub(crate) fn refund_source(word: Option<&str>) -> RefundSource {
    if word == Some("charged") {
        RefundSource::Charged
    } else {
        RefundSource::Captured
    }
}
