//! Civil time: Norwegian holidays, contact hours, and both days that change the clock.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// The instant a civil time names in `zone`.
///
/// A time that the spring change skips is the first instant after the gap; one that the autumn change
/// repeats is its first occurrence.
#[must_use]
pub fn instant(zone: Tz, date: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    let mut civil = date.and_time(time);
    // No zone skips more than a day; a quarter of an hour divides every change of the clock.
    for _ in 0..=96 {
        if let Some(found) = zone.from_local_datetime(&civil).earliest() {
            return found.with_timezone(&Utc);
        }
        let past_quarter = civil.and_utc().timestamp().rem_euclid(900);
        civil += TimeDelta::seconds(900 - past_quarter);
    }
    civil.and_utc()
}

/// The same civil time `days` later, in `zone`.
#[must_use]
pub fn plus_civil_days(zone: Tz, from: DateTime<Utc>, days: u64) -> DateTime<Utc> {
    let local = from.with_timezone(&zone);
    match local.date_naive().checked_add_days(Days::new(days)) {
        Some(date) => instant(zone, date, local.time()),
        None => DateTime::<Utc>::MAX_UTC,
    }
}

/// Easter Sunday of a year of the Gregorian calendar (the Meeus, Jones and Butcher method).
fn easter(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 19 * l) / 433;
    let month = (h + l - 7 * m + 90) / 25;
    let day = (h + l - 7 * m + 33 * month + 19) % 32;
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

/// Is this a Norwegian public holiday (Sundays aside)?
#[must_use]
pub fn is_holiday(date: NaiveDate) -> bool {
    let fixed = matches!(
        (date.month(), date.day()),
        (1, 1) | (5, 1 | 17) | (12, 25 | 26)
    );
    // Maundy Thursday, Good Friday, Easter Sunday and Monday, Ascension, Whit Sunday and Monday.
    let moving = easter(date.year())
        .is_some_and(|easter| matches!((date - easter).num_days(), -3 | -2 | 0 | 1 | 39 | 49 | 50));
    fixed || moving
}

/// The contact hours of a day, from and until, half-open; `None` on days of rest.
fn contact_hours(date: NaiveDate) -> Option<(NaiveTime, NaiveTime)> {
    let (from, until) = match date.weekday() {
        _ if is_holiday(date) => return None,
        Weekday::Sun => return None,
        Weekday::Sat => (10, 15),
        _ => (8, 21),
    };
    Some((
        NaiveTime::from_hms_opt(from, 0, 0)?,
        NaiveTime::from_hms_opt(until, 0, 0)?,
    ))
}

/// A fortnight holds every run of days of rest.
const SEARCH_DAYS: u64 = 14;

/// The first time within contact hours at or after `at`.
#[must_use]
pub fn next_contact_time(zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let today = at.with_timezone(&zone).date_naive();
    (0..SEARCH_DAYS)
        .filter_map(|days| today.checked_add_days(Days::new(days)))
        .filter_map(|date| {
            contact_hours(date)
                .map(|(from, until)| (instant(zone, date, from), instant(zone, date, until)))
        })
        .find(|(_, until)| at < *until)
        .map_or(at, |(from, _)| from.max(at))
}

/// The last time within contact hours at or before `at`: a minute before the hours close, when they have closed.
#[must_use]
pub fn last_contact_time(zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let today = at.with_timezone(&zone).date_naive();
    (0..SEARCH_DAYS)
        .filter_map(|days| today.checked_sub_days(Days::new(days)))
        .filter_map(|date| {
            contact_hours(date)
                .map(|(from, until)| (instant(zone, date, from), instant(zone, date, until)))
        })
        .find(|(from, _)| *from <= at)
        .map_or(at, |(_, until)| at.min(until - TimeDelta::minutes(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OSLO: Tz = Tz::Europe__Oslo;

    fn oslo(text: &str) -> DateTime<Utc> {
        let civil =
            chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("civil time");
        OSLO.from_local_datetime(&civil)
            .earliest()
            .expect("exists")
            .with_timezone(&Utc)
    }

    #[test]
    fn case_059_both_days_that_change_the_clock() {
        let at = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).expect("time");
        let spring = NaiveDate::from_ymd_opt(2026, 3, 29).expect("date");
        let autumn = NaiveDate::from_ymd_opt(2026, 10, 25).expect("date");
        assert_eq!(
            instant(OSLO, spring, at(2, 30)).to_rfc3339(),
            "2026-03-29T01:00:00+00:00"
        );
        assert_eq!(
            instant(OSLO, autumn, at(2, 30)).to_rfc3339(),
            "2026-10-25T00:30:00+00:00"
        );
    }

    #[test]
    fn easter_and_its_holidays_are_found() {
        for (year, month, day) in [
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2038, 4, 25),
        ] {
            assert_eq!(easter(year), NaiveDate::from_ymd_opt(year, month, day));
        }
        let holiday =
            |month, day| is_holiday(NaiveDate::from_ymd_opt(2026, month, day).expect("date"));
        for (month, day) in [
            (1, 1),
            (4, 2),
            (4, 3),
            (4, 6),
            (5, 1),
            (5, 14),
            (5, 17),
            (5, 25),
            (12, 25),
            (12, 26),
        ] {
            assert!(holiday(month, day), "{month}-{day}");
        }
        assert!(!holiday(4, 7) && !holiday(12, 24));
    }

    #[test]
    fn case_129_the_hours_are_half_open() {
        let thursday = oslo("2026-11-19 20:59:59");
        assert_eq!(next_contact_time(OSLO, thursday), thursday);
        assert_eq!(
            next_contact_time(OSLO, oslo("2026-11-19 21:00:00")),
            oslo("2026-11-20 08:00:00")
        );
        assert_eq!(
            next_contact_time(OSLO, oslo("2026-11-21 15:00:00")),
            oslo("2026-11-23 08:00:00")
        );
        assert_eq!(
            next_contact_time(OSLO, oslo("2026-11-21 09:00:00")),
            oslo("2026-11-21 10:00:00")
        );
    }

    #[test]
    fn case_131_no_message_on_holidays() {
        // 17 May 2026 is a Sunday; Maundy Thursday 2026 runs into Easter Monday.
        assert_eq!(
            next_contact_time(OSLO, oslo("2026-05-17 12:00:00")),
            oslo("2026-05-18 08:00:00")
        );
        assert_eq!(
            next_contact_time(OSLO, oslo("2026-04-02 09:00:00")),
            oslo("2026-04-04 10:00:00")
        );
        assert_eq!(
            next_contact_time(OSLO, oslo("2026-04-04 15:00:00")),
            oslo("2026-04-07 08:00:00")
        );
    }

    #[test]
    fn an_earlier_contact_time_lies_inside_the_hours() {
        assert_eq!(
            last_contact_time(OSLO, oslo("2026-11-22 12:00:00")),
            oslo("2026-11-21 14:59:00")
        );
        assert_eq!(
            last_contact_time(OSLO, oslo("2026-11-20 03:00:00")),
            oslo("2026-11-19 20:59:00")
        );
        let noon = oslo("2026-11-20 12:00:00");
        assert_eq!(last_contact_time(OSLO, noon), noon);
    }
}
