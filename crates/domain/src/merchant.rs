//! What is known of a merchant's account that decisions depend on.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::capabilities::{LineRunway, MultiCapture};
use crate::id::MerchantId;
use crate::money::Money;
use crate::policy::Policy;
use crate::span::Span;
use crate::windows::{CaptureWindow, ChargeValidityUnit};

/// A merchant, as far as decisions depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Its name in the configuration.
    pub id: MerchantId,
    /// The zone of its civil times.
    pub zone: Tz,
    /// How long its holds can be captured.
    pub capture_window: CaptureWindow,
    /// The unit of `chargeValidity`.
    pub charge_validity_unit: ChargeValidityUnit,
    /// Whether a hold can be captured more than once.
    pub multi_capture: MultiCapture,
    /// Whether the provider refuses a capture or refund beyond what each line has left.
    pub line_runway: LineRunway,
    /// The tax rates it may use, in percent.
    pub tax_percents: Vec<u8>,
    /// How long before `capture_by` captures have to be sent.
    pub safety_margin: Span,
    /// How often a reservation with something open is read.
    pub refresh_open_every: Span,
    /// How old details may be when a call relies on them, in business time.
    pub baseline_max_age: TimeDelta,
    /// How unknown outcomes are resolved.
    pub resolution: Resolution,
    /// What happens by itself.
    pub policy: Policy,
}

impl Merchant {
    /// A merchant with every default.
    #[must_use]
    pub fn new(id: MerchantId) -> Self {
        Self {
            id,
            zone: Tz::Europe__Oslo,
            capture_window: CaptureWindow::SHORTEST,
            charge_validity_unit: ChargeValidityUnit::Unknown,
            multi_capture: MultiCapture::Unknown,
            line_runway: LineRunway::Unknown,
            tax_percents: vec![0, 12, 15, 25],
            safety_margin: Span::hours(6),
            refresh_open_every: Span::hours(6),
            baseline_max_age: TimeDelta::seconds(30),
            resolution: Resolution::default(),
            policy: Policy::default(),
        }
    }
}

/// How unknown outcomes are resolved: when to read, and how long absence must last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resolution {
    /// When to read after the request was sent; daily after the last.
    pub reads: Vec<Span>,
    /// How long no trace may be seen before an effect counts as absent.
    pub absent_after: AbsentAfter,
    /// How many coherent reads without a trace that takes.
    pub absent_reads: u32,
    /// Where nothing newer has shown since, which would prove that the view is not frozen: after so long without a
    /// trace a submit counts as absent all the same, since a second link moves no money by itself, and a capture that
    /// could go through twice goes to a person.
    pub stale_view_timeout: Span,
    /// The most that is resolved without a person where a mistake would move money: an effect known without its
    /// marker, or another attempt of a capture that could go through twice.
    pub unmarked_match_limit: Money,
}

impl Default for Resolution {
    fn default() -> Self {
        let minutes =
            [5, 15, 60, 4 * 60, 12 * 60, 24 * 60].map(|minutes| Span::seconds(minutes * 60));
        Self {
            reads: [Span::seconds(15), Span::seconds(60)]
                .into_iter()
                .chain(minutes)
                .collect(),
            absent_after: AbsentAfter::default(),
            absent_reads: 3,
            stale_view_timeout: Span::hours(4),
            unmarked_match_limit: Money::kroner(5000),
        }
    }
}

impl Resolution {
    /// How long after sending the read that follows `taken` earlier ones is due.
    #[must_use]
    pub fn read_after(&self, taken: u32) -> TimeDelta {
        let taken = usize::try_from(taken).unwrap_or(usize::MAX);
        let last = self
            .reads
            .last()
            .map_or(TimeDelta::zero(), |span| span.delta());
        match self.reads.get(taken) {
            Some(span) => span.delta(),
            None => {
                let extra =
                    i64::try_from(taken - self.reads.len()).unwrap_or(i64::from(u16::MAX)) + 1;
                last + TimeDelta::days(extra.min(i64::from(u16::MAX)))
            }
        }
    }

    /// When the read that follows `taken` earlier ones is due, the last of which took place at `last`.
    #[must_use]
    pub fn next_read(
        &self,
        sent_at: DateTime<Utc>,
        taken: u32,
        last: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        let after = self.read_after(taken);
        let planned = sent_at + after;
        // Reads that were late are not made up for in a row: silence has to last to prove anything.
        match (taken.checked_sub(1), last) {
            (Some(before), Some(last)) => planned.max(last + (after - self.read_after(before))),
            _ => planned,
        }
    }
}

/// How long no trace may be seen before an effect counts as absent, by operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AbsentAfter {
    /// A capture.
    pub capture: Span,
    /// A cancel.
    pub cancel: Span,
    /// A complete.
    pub complete: Span,
    /// A submit.
    pub submit: Span,
    /// A charge.
    pub charge: Span,
    /// A refund.
    pub refund: Span,
}

impl Default for AbsentAfter {
    fn default() -> Self {
        let minutes = |minutes: u32| Span::seconds(minutes * 60);
        Self {
            capture: minutes(30),
            cancel: minutes(10),
            complete: minutes(10),
            submit: minutes(30),
            charge: Span::hours(24),
            refund: Span::hours(72),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_follow_the_list_and_then_come_daily() {
        let resolution = Resolution::default();
        let at = |taken| resolution.read_after(taken);
        assert_eq!(at(0), TimeDelta::seconds(15));
        assert_eq!(at(1), TimeDelta::seconds(60));
        assert_eq!(at(7), TimeDelta::hours(24));
        assert_eq!(at(8), TimeDelta::hours(48));
        assert_eq!(at(9), TimeDelta::hours(72));
    }
}
