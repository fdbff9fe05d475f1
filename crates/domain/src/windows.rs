//! How long a hold can be captured and a card charged. All derived: the provider returns none of these.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::calendar::plus_civil_days;
use crate::job::words;
use crate::span::Span;

/// How long a hold can be captured: 7 to 31 days, by the merchant's trade (the provider's reservation page).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Span", into = "Span")]
pub struct CaptureWindow(u8);

/// A window outside the provider's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not between 7d and 31d in whole days; ask Front Payment for your window, and leave 7d if unsure"
)]
pub struct CaptureWindowError;

impl CaptureWindow {
    /// The shortest window, and the default: planning for it is never too late.
    pub const SHORTEST: Self = Self(7);

    /// A window of so many days.
    ///
    /// # Errors
    /// Outside 7 to 31.
    pub const fn days(days: u8) -> Result<Self, CaptureWindowError> {
        if days >= 7 && days <= 31 {
            Ok(Self(days))
        } else {
            Err(CaptureWindowError)
        }
    }
}

impl TryFrom<Span> for CaptureWindow {
    type Error = CaptureWindowError;
    fn try_from(span: Span) -> Result<Self, CaptureWindowError> {
        let days = span.delta().num_days();
        if TimeDelta::days(days) != span.delta() {
            return Err(CaptureWindowError);
        }
        Self::days(u8::try_from(days).map_err(|_| CaptureWindowError)?)
    }
}

impl From<CaptureWindow> for Span {
    fn from(window: CaptureWindow) -> Self {
        Self::hours(u16::from(window.0) * 24)
    }
}

words! {
    /// What one unit of `chargeValidity` is; the provider's pages say both.
    ChargeValidityUnit {
        /// Nobody has found out: the earliest reading counts.
        Unknown = "unknown",
        /// Minutes.
        Minutes = "minutes",
        /// Days.
        Days = "days",
    }
}

/// A card may be charged for 90 days after the hold, unless `chargeValidity` says less.
const CHARGE_DAYS: i64 = 90;

/// From this instant on the hold must not be captured any more: the earlier of so many exact days and
/// the same civil time so many days later, or what the provider once said.
#[must_use]
pub fn capture_by(
    reserved_at: DateTime<Utc>,
    window: CaptureWindow,
    zone: Tz,
    provider_said: Option<DateTime<Utc>>,
) -> DateTime<Utc> {
    let exact = reserved_at + TimeDelta::days(i64::from(window.0));
    let civil = plus_civil_days(zone, reserved_at, u64::from(window.0));
    exact.min(civil).min(provider_said.unwrap_or(exact))
}

/// From this instant on the card must not be charged any more.
#[must_use]
pub fn charge_by(
    reserved_at: DateTime<Utc>,
    charge_validity: Option<u32>,
    unit: ChargeValidityUnit,
) -> DateTime<Utc> {
    let longest = TimeDelta::days(CHARGE_DAYS);
    let validity = charge_validity.map(i64::from).map(|number| match unit {
        ChargeValidityUnit::Days => TimeDelta::days(number),
        // The earliest reading of an unknown unit is the shorter one.
        ChargeValidityUnit::Minutes | ChargeValidityUnit::Unknown => TimeDelta::minutes(number),
    });
    reserved_at + validity.map_or(longest, |validity| validity.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OSLO: Tz = Tz::Europe__Oslo;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("time")
    }

    #[test]
    fn a_window_is_7_to_31_whole_days() {
        for days in 0..=40 {
            assert_eq!(
                CaptureWindow::days(days).is_ok(),
                (7..=31).contains(&days),
                "{days}"
            );
        }
        let read = |text: &str| {
            text.parse::<Span>()
                .map(CaptureWindow::try_from)
                .expect("span")
        };
        assert!(read("168h").is_ok());
        for wrong in ["6d", "32d", "169h", "700d", "0ms"] {
            assert_eq!(read(wrong), Err(CaptureWindowError), "{wrong}");
        }
    }

    #[test]
    fn case_057_the_earlier_reading_of_a_window_over_a_clock_change_counts() {
        // Autumn: 12:00 to 12:00 lasts 169 hours, so the exact week ends at 11:00 Oslo time.
        let autumn = capture_by(
            utc("2026-10-24T10:00:00Z"),
            CaptureWindow::SHORTEST,
            OSLO,
            None,
        );
        assert_eq!(autumn, utc("2026-10-31T10:00:00Z"));
        // Spring: it lasts 167 hours, so the civil reading is the earlier one.
        let spring = capture_by(
            utc("2026-03-28T11:00:00Z"),
            CaptureWindow::SHORTEST,
            OSLO,
            None,
        );
        assert_eq!(spring, utc("2026-04-04T10:00:00Z"));
        let said = capture_by(
            utc("2026-03-28T11:00:00Z"),
            CaptureWindow::SHORTEST,
            OSLO,
            Some(utc("2026-04-01T00:00:00Z")),
        );
        assert_eq!(said, utc("2026-04-01T00:00:00Z"));
    }

    #[test]
    fn case_128_an_unknown_unit_of_charge_validity_is_read_as_the_earliest() {
        let reserved = utc("2026-01-01T00:00:00Z");
        for (validity, unit, by) in [
            (None, ChargeValidityUnit::Unknown, "2026-04-01T00:00:00Z"),
            (
                Some(55),
                ChargeValidityUnit::Unknown,
                "2026-01-01T00:55:00Z",
            ),
            (
                Some(55),
                ChargeValidityUnit::Minutes,
                "2026-01-01T00:55:00Z",
            ),
            (Some(55), ChargeValidityUnit::Days, "2026-02-25T00:00:00Z"),
            (Some(400), ChargeValidityUnit::Days, "2026-04-01T00:00:00Z"),
        ] {
            assert_eq!(
                charge_by(reserved, validity, unit),
                utc(by),
                "{validity:?} {unit}"
            );
        }
    }
}
