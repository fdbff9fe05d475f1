//! Times as the provider writes them: the text itself, and what it most likely means.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::lenient::{self, scalar};
use super::oddity::Found;

/// The longest text that is tried as a time.
const MAX_TEXT: usize = 40;
/// The years that a civil time may name: `1.2.3` is a version, not the year 3.
const YEARS: std::ops::Range<i32> = 2000..2200;

/// A time on the wire. Reading never fails: a text in an unknown form is kept, with no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireTime {
    raw: String,
    parsed: Option<Parsed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parsed {
    Instant(DateTime<Utc>),
    Civil(NaiveDateTime),
}

impl WireTime {
    /// Unix seconds, the newer form of `orderDate` and the only one of `dueDateForPaymentLink`.
    #[must_use]
    pub fn unix(at: DateTime<Utc>) -> Self {
        Self::from_text(at.timestamp().to_string())
    }

    /// `02 Aug, 2023`, the older form of `orderDate`: the day in Norway, which is never behind the day in UTC.
    #[must_use]
    pub fn legacy(at: DateTime<Utc>) -> Self {
        Self::from_text(
            at.with_timezone(&chrono_tz::Europe::Oslo)
                .format("%d %b, %Y")
                .to_string(),
        )
    }

    /// `21.01.2024 04:00` in UTC, the form of history rows.
    #[must_use]
    pub fn minute(at: DateTime<Utc>) -> Self {
        Self::from_text(at.format("%d.%m.%Y %H:%M").to_string())
    }

    /// The time that a text means, if any.
    #[must_use]
    pub fn from_text(raw: impl Into<String>) -> Self {
        let raw = raw.into();
        let parsed = parse(raw.trim());
        Self { raw, parsed }
    }

    /// The time that a value of an answer means: a number, a text, or PHP's object of `date` and `timezone`. `None` for
    /// what cannot be a time.
    pub(crate) fn of(raw: &RawValue) -> Option<Self> {
        match Found::of(raw) {
            Found::Number | Found::Text => scalar(raw).map(Self::from_text),
            Found::Object => {
                let PhpTime { date, timezone } = serde_json::from_str(raw.get()).ok()?;
                let civil = civil(date.trim())?;
                let zone = timezone.unwrap_or_default();
                let text = zoned(civil, zone.trim()).map(|at| at.to_rfc3339());
                Some(Self::from_text(text.unwrap_or(date)))
            }
            _ => None,
        }
    }

    /// The text as it came.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The instant. A text without a zone is read as UTC, since the provider never says which zone it means.
    #[must_use]
    pub fn at(&self) -> Option<DateTime<Utc>> {
        self.parsed.map(|parsed| match parsed {
            Parsed::Instant(at) => at,
            Parsed::Civil(civil) => civil.and_utc(),
        })
    }

    /// The civil time of a text without a zone, for a caller who knows the zone.
    #[must_use]
    pub fn civil(&self) -> Option<NaiveDateTime> {
        match self.parsed {
            Some(Parsed::Civil(civil)) => Some(civil),
            _ => None,
        }
    }

    /// Whether the time was written as Unix seconds, digits alone.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        self.parsed.is_some() && self.raw.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// A time as PHP prints it.
#[derive(Deserialize)]
struct PhpTime {
    date: String,
    #[serde(default)]
    timezone: Option<String>,
}

fn parse(text: &str) -> Option<Parsed> {
    if text.is_empty() || text.len() > MAX_TEXT {
        return None;
    }
    instant(text)
        .map(Parsed::Instant)
        .or_else(|| civil(text).map(Parsed::Civil))
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((seconds, fraction)) = text.split_once('.')
        && digits(seconds)
        && digits(fraction)
    {
        let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        return DateTime::from_timestamp(seconds.parse().ok()?, nanos);
    }
    if digits(text) {
        let number = text.parse().ok()?;
        // Thirteen digits are milliseconds: as seconds they would be after the year 30,000.
        return if text.len() >= 13 {
            DateTime::from_timestamp_millis(number)
        } else {
            DateTime::from_timestamp(number, 0)
        };
    }
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| at.with_timezone(&Utc))
}

/// The instant of a civil time in a zone by name, or by offset such as `+02:00`; the earlier one of an hour that there is
/// twice. `None` for a zone that has no entry in the database of zones.
fn zoned(civil: NaiveDateTime, zone: &str) -> Option<DateTime<Utc>> {
    if zone.eq_ignore_ascii_case("utc") || zone == "Z" {
        return Some(civil.and_utc());
    }
    if let Ok(zone) = zone.parse::<chrono_tz::Tz>() {
        let at = civil.and_local_timezone(zone).earliest()?;
        return Some(at.with_timezone(&Utc));
    }
    let offset: FixedOffset = zone.parse().ok()?;
    let at = civil.and_local_timezone(offset).single()?;
    Some(at.with_timezone(&Utc))
}

fn civil(text: &str) -> Option<NaiveDateTime> {
    const TIMES: [&str; 5] = [
        "%d.%m.%Y %H:%M",
        "%d.%m.%Y %H:%M:%S",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ];
    const DAYS: [&str; 3] = ["%d %b, %Y", "%d.%m.%Y", "%Y-%m-%d"];
    let day = || {
        DAYS.iter()
            .find_map(|form| NaiveDate::parse_from_str(text, form).ok())?
            .and_hms_opt(0, 0, 0)
    };
    let time = TIMES
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    time.or_else(day)
        .filter(|civil| YEARS.contains(&civil.year()))
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.raw)
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        lenient::text_of(&value)
            .map(Self::from_text)
            .ok_or_else(|| de::Error::custom("is not a time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_provider_is_read() {
        for (json, expected) in [
            ("1756871295", "2025-09-03T03:48:15+00:00"),
            ("\"1756871295\"", "2025-09-03T03:48:15+00:00"),
            ("1677047770.652", "2023-02-22T06:36:10.652+00:00"),
            ("\"1677047770.652\"", "2023-02-22T06:36:10.652+00:00"),
            ("1756871295123", "2025-09-03T03:48:15.123+00:00"),
            ("\"21.01.2024 04:00\"", "2024-01-21T04:00:00+00:00"),
            ("\"02 Aug, 2023\"", "2023-08-02T00:00:00+00:00"),
            ("\"2025-09-03T05:48:15+02:00\"", "2025-09-03T03:48:15+00:00"),
            ("\"2025-09-03 05:48:15\"", "2025-09-03T05:48:15+00:00"),
            ("\"2025-09-03\"", "2025-09-03T00:00:00+00:00"),
        ] {
            let time: WireTime = serde_json::from_str(json).expect(json);
            assert_eq!(
                time.at().map(|at| at.to_rfc3339()).as_deref(),
                Some(expected),
                "{json}"
            );
        }
    }

    #[test]
    fn an_object_of_a_date_and_its_zone_is_a_time() {
        let day = "2024-08-22 04:42:04.000000";
        for (zone, expected) in [
            ("UTC", Some("2024-08-22T04:42:04+00:00")),
            ("Europe/Oslo", Some("2024-08-22T02:42:04+00:00")),
            ("+02:00", Some("2024-08-22T02:42:04+00:00")),
            // No zone that anybody knows: a civil time, like a text without one.
            ("Moon/Base", None),
        ] {
            let json = format!(r#"{{"date":"{day}","timezone_type":3,"timezone":"{zone}"}}"#);
            let raw = RawValue::from_string(json).expect("JSON");
            let time = WireTime::of(&raw).expect("a time");
            let at = time.at().map(|at| at.to_rfc3339());
            assert_eq!(
                (at.as_deref(), time.civil().is_some()),
                (
                    expected.or(Some("2024-08-22T04:42:04+00:00")),
                    expected.is_none()
                ),
                "{zone}"
            );
        }
        for json in [
            r#"{"date":null}"#,
            r#"{"date":"soon"}"#,
            "{}",
            "[1]",
            "true",
        ] {
            let raw = RawValue::from_string(json.to_owned()).expect("JSON");
            assert_eq!(WireTime::of(&raw), None, "{json}");
        }
    }

    #[test]
    fn a_text_in_no_known_form_is_kept_without_a_time() {
        for text in [
            "",
            "Timestamp",
            "31.02.2024 04:00",
            "99999999999999999999999",
            "1.2.3",
        ] {
            let time = WireTime::from_text(text);
            assert_eq!((time.raw(), time.at()), (text, None));
        }
    }

    #[test]
    fn the_legacy_day_is_the_day_in_norway() {
        let at = DateTime::from_timestamp(1_690_930_800, 0).expect("time");
        assert_eq!(at.to_rfc3339(), "2023-08-01T23:00:00+00:00");
        assert_eq!(WireTime::legacy(at).raw(), "02 Aug, 2023");
        assert!(WireTime::legacy(at).civil().is_some());
        assert!(WireTime::unix(at).is_unix());
    }
}
