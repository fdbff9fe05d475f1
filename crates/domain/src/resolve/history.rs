//! Which part of the provider's history is searched for the effect of a request.

use chrono::{DateTime, Offset as _, TimeDelta, Utc};
use chrono_tz::Tz;

use super::evidence::CLOCK_SLACK;
use crate::case::Case;
use crate::merchant::Merchant;
use crate::reservation::{Intent, Operation};

/// A row of the history may appear this long after its event, and is then found by the next search for duplicates.
const HISTORY_LAG: TimeDelta = TimeDelta::days(1);
/// How near to a change of the civil clock the history's times may be an hour off.
const NEAR_CHANGE: TimeDelta = TimeDelta::hours(3);

/// The times between which the history is read for a trace of an intent's request; of a submit that was sent more than
/// once, for a trace of any of them.
///
/// The history's times are civil and to the minute: where the merchant's clock changes nearby, they may be an hour off.
#[must_use]
pub fn history_window(
    intent: &Intent,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let any = intent.operation == Operation::Submit && intent.attempts() > 1;
    let sent = intent.sent().filter(|_| !any);
    window(
        sent.map_or(intent.created_at, |sent| sent.at),
        merchant,
        now,
    )
}

/// The times between which the history is read for other reservations that a resolved submit has made: since the
/// last time when all were looked at, and for what came late before that.
#[must_use]
pub fn duplicates_window(case: Case<'_>, submit: &Intent) -> (DateTime<Utc>, DateTime<Utc>) {
    let searched_until = case.reservation.provider.duplicate_search.until;
    let since = searched_until.map_or(submit.created_at, |until| until - HISTORY_LAG);
    window(since.max(submit.created_at), case.merchant, case.now)
}

fn window(
    since: DateTime<Utc>,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let (from, to) = (since - CLOCK_SLACK, now.max(since));
    if clock_changes(merchant.zone, from - NEAR_CHANGE, to + NEAR_CHANGE) {
        (from - TimeDelta::hours(1), to + TimeDelta::hours(1))
    } else {
        (from, to)
    }
}

/// Does the civil clock of `zone` change between these times? No two changes lie within a month.
fn clock_changes(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
    let offset = |at: DateTime<Utc>| at.with_timezone(&zone).offset().fix();
    let mut at = from;
    while at < to {
        let next = (at + TimeDelta::days(28)).min(to);
        if offset(at) != offset(next) {
            return true;
        }
        at = next;
    }
    false
}
