//! The provider's rules of business: whether a call is taken, and the key that refuses it.

use api_client::wire::{ProviderStatus, RefundSource};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;

use super::{Reservation, Row};
use crate::effect::LineSum;
use crate::switches::{CancelRule, Switches};

/// The key of a refusal.
pub(crate) type Key = &'static str;

const RUNWAY: Key = "requestedCaptureAmountExceedAvailableCaptureRunway";
const ALREADY_COMPLETED: Key = "reservationStatusAlreadyCompleted";
const ALREADY_CANCELLED: Key = "reservationStatusAlreadyCancelled";

fn sum(lines: &[LineSum]) -> Money {
    lines.iter().map(|line| line.amount).sum()
}

/// What all these lines ask of one product.
fn asked(lines: &[LineSum], id: i64) -> Money {
    lines
        .iter()
        .filter(|line| line.id == id)
        .map(|line| line.amount)
        .sum()
}

impl Reservation {
    fn closed(&self, switches: &Switches) -> Result<(), Key> {
        match self.status {
            _ if switches.money_after_closing => Ok(()),
            ProviderStatus::Cancelled => Err(ALREADY_CANCELLED),
            ProviderStatus::Completed => Err(ALREADY_COMPLETED),
            _ => Ok(()),
        }
    }

    /// Whether these lines can be captured at `now` (F2.4), else the key that refuses them.
    pub(crate) fn may_capture(
        &self,
        lines: &[LineSum],
        now: DateTime<Utc>,
        s: &Switches,
    ) -> Result<(), Key> {
        if self.status == ProviderStatus::Cancelled {
            return Err(ALREADY_CANCELLED);
        }
        self.closed(s)?;
        let ends = self.hold_ends(s).ok_or(RUNWAY)?;
        if now >= ends {
            return Err("paymentCaptureDeadlineExceed");
        }
        for line in lines {
            let held = self
                .lines
                .iter()
                .find(|held| held.id == line.id)
                .ok_or("requestProductIdNotAvailable")?;
            let left = held.reserved.saturating_sub(held.captured);
            if s.per_line_runway && asked(lines, line.id) > left {
                return Err(RUNWAY);
            }
        }
        if sum(lines) > self.runway() {
            Err(RUNWAY)
        } else {
            Ok(())
        }
    }

    /// Whether this amount can be charged at `now` (F2.5). That there is no card is another kind of refusal, tested before.
    pub(crate) fn may_charge(
        &self,
        amount: Money,
        now: DateTime<Utc>,
        s: &Switches,
    ) -> Result<(), Key> {
        self.closed(s)?;
        if s.charge_deadline && self.charge_ends(s).is_some_and(|ends| now >= ends) {
            return Err("paymentChargeDeadlineExceed");
        }
        let Some(percent) = s.charge_ceiling_percent else {
            return Ok(());
        };
        let ceiling = self.reserved().minor().saturating_mul(percent.into()) / 100;
        let total = self.taken(RefundSource::Charged) + amount;
        if total.minor() > ceiling {
            Err("paymentChargeRunwayExceed")
        } else {
            Ok(())
        }
    }

    /// Whether the reservation can be cancelled (F2.6, F4.3).
    pub(crate) fn may_cancel(&self, s: &Switches) -> Result<(), Key> {
        let allowed = match self.status {
            ProviderStatus::Cancelled if s.distinct_cancelled_key => return Err(ALREADY_CANCELLED),
            ProviderStatus::Completed | ProviderStatus::Cancelled => return Err(ALREADY_COMPLETED),
            ProviderStatus::Reserved => s.cancel_rule != CancelRule::A2,
            ProviderStatus::Sent | ProviderStatus::ReservedNotPaid => {
                s.cancel_rule != CancelRule::A1
            }
            _ => false,
        };
        if allowed {
            Ok(())
        } else {
            Err("prerequisiteFailedToCancelReservation")
        }
    }

    /// Whether the reservation can be completed (F2.7).
    pub(crate) fn may_complete(&self, s: &Switches) -> Result<(), Key> {
        match self.status {
            ProviderStatus::Completed => Err("reservationStatusAlreadyParamCompleted"),
            ProviderStatus::Cancelled => Err("reservationStatusAlreadyParamCancelled"),
            ProviderStatus::Reserved if s.complete_reserved => Ok(()),
            _ if self.rows.is_empty() => Err("prerequisiteFailedToCompleteReservation"),
            _ => Ok(()),
        }
    }

    /// Whether the payment link can be sent again (F2.8).
    pub(crate) fn may_resend(&self) -> Result<(), Key> {
        match self.status {
            ProviderStatus::Completed => Err("orderStatusAlreadyCompleted"),
            ProviderStatus::Cancelled => Err("orderStatusAlreadyCancelled"),
            _ => Ok(()),
        }
    }

    /// Whether these lines can be paid back from this row (F2.9). `week` is what the account had refunded in the seven days
    /// before.
    pub(crate) fn may_refund(
        &self,
        row: &Row,
        lines: &[LineSum],
        week: Money,
        s: &Switches,
    ) -> Result<(), Key> {
        let amount = sum(lines);
        let known = |id: i64| {
            self.lines
                .iter()
                .chain(&self.charge_lines)
                .any(|line| line.id == id)
        };
        if !lines.iter().all(|line| known(line.id)) {
            return Err("requestProductIdNotAvailable");
        }
        let promised = self
            .refunds
            .iter()
            .filter(|refund| refund.reference == row.reference);
        let spent: Money = promised.clone().map(|refund| refund.amount).sum();
        if amount > row.amount.saturating_sub(spent) {
            return Err("refundRejectionForRefundRequestGreaterThanOrderAmount");
        }
        for line in &row.lines {
            let gone: Money = promised
                .clone()
                .map(|refund| asked(&refund.lines, line.id))
                .sum();
            if asked(lines, line.id) > line.amount.saturating_sub(gone) {
                return Err("refundRejectionForProductAmountExceed");
            }
        }
        // A captured line is paid back only from the capture that took it.
        let of_other_row = |line: &&LineSum| !row.lines.iter().any(|own| own.id == line.id);
        let strict = row.source == RefundSource::Captured;
        let whole_only = row.source == RefundSource::Charged && !self.partly_refundable;
        if (strict && lines.iter().any(|line| of_other_row(&line)))
            || (whole_only && amount != row.amount)
        {
            return Err("refundRejectionForProductAmountExceed");
        }
        if s.refund_request_limit.is_some_and(|limit| amount > limit) {
            return Err("refundRejectionForRequestAmountThresholdExceed");
        }
        if s.refund_weekly_limit
            .is_some_and(|limit| week + amount > limit)
        {
            return Err("refundRejectionForWeeklyThresholdExceed");
        }
        Ok(())
    }

    /// What was accepted for refund in the seven days before `now`.
    pub(crate) fn refunded_in_week(&self, now: DateTime<Utc>) -> Money {
        let recent = self
            .refunds
            .iter()
            .filter(|refund| refund.accepted_at > now - TimeDelta::days(7));
        recent.map(|refund| refund.amount).sum()
    }
}
