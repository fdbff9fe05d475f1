//! Durations as people write them: `90d`, `36h`, `15m`, `30s`, `250ms`.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// An exact, non-negative duration of at most ten years. A `d` is 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(TimeDelta);

/// A text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a duration like \"90d\", \"36h\", \"15m\", \"30s\" or \"250ms\" (at most ten years)"
)]
pub struct SpanError;

const UNITS: [(&str, i64); 5] = [
    ("ms", 1),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
];
const MAX_MILLIS: i64 = 3_653 * 86_400_000;

impl Span {
    /// So many hours.
    #[must_use]
    pub const fn hours(hours: u16) -> Self {
        Self(TimeDelta::milliseconds(hours as i64 * 3_600_000))
    }

    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        Self(TimeDelta::milliseconds(seconds as i64 * 1_000))
    }

    /// As a difference between two times.
    #[must_use]
    pub const fn delta(self) -> TimeDelta {
        self.0
    }

    /// As a duration of the standard library.
    #[must_use]
    pub fn std(self) -> std::time::Duration {
        self.0.to_std().unwrap_or_default()
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let millis = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, millis)| *millis)
            .ok_or(SpanError)?;
        let number: i64 = number.parse().map_err(|_| SpanError)?;
        let total = number
            .checked_mul(millis)
            .filter(|total| *total <= MAX_MILLIS)
            .ok_or(SpanError)?;
        Ok(Self(TimeDelta::milliseconds(total)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.num_milliseconds();
        // "7d" and "30m", but "48h" and "72h": days only from a week on, as deadlines are spoken of.
        let days = millis >= 7 * 86_400_000;
        let (unit, size) = UNITS[1..]
            .iter()
            .find(|(unit, size)| millis % size == 0 && millis != 0 && (*unit != "d" || days))
            .unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", millis / size)
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;
    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_alike() {
        for text in [
            "90d", "36h", "15m", "30s", "250ms", "48h", "7d", "0ms", "90s",
        ] {
            assert_eq!(
                text.parse::<Span>().map(|span| span.to_string()).as_deref(),
                Ok(text)
            );
        }
        assert_eq!(
            "120m"
                .parse::<Span>()
                .map(|span| span.to_string())
                .as_deref(),
            Ok("2h")
        );
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "7",
            "d",
            "-1d",
            "1.5h",
            "7 d",
            "1w",
            "99999999999d",
            "4000d",
        ] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text}");
        }
    }
}
