//! What speaks for or against an effect besides the details of its reservation.

use chrono::{DateTime, Offset as _, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::job::words;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{Fact, Intent, IntentState, Operation, Reservation};

/// A money call is given up after this long: what it did, it did at most so long before its answer.
pub(crate) const LONGEST_REQUEST: TimeDelta = TimeDelta::seconds(60);
/// How far the provider's clock may be off, and how much is lost to times that are told to the minute.
pub(crate) const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(2);
/// A row of the history may come so late, and is then found by the next search for duplicates.
const HISTORY_LAG: TimeDelta = TimeDelta::days(1);
/// How near to a change of the civil clock its times may be an hour off.
const NEAR_CHANGE: TimeDelta = TimeDelta::hours(3);

words! {
    /// Do details show the text that a capture or charge was sent with? Learnt from the first one that is confirmed,
    /// and looked at again with every one.
    MarkerEcho {
        /// Nobody has found out.
        Unverified = "unverified",
        /// They do: an effect without our marker is hardly ours.
        Verified = "verified",
        /// They do not: our own effects come without a marker.
        Broken = "broken",
    }
}

/// What is known of a merchant's view of the provider when one of its reservations is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witnesses {
    /// Whether markers come back.
    pub marker_echo: MarkerEcho,
    /// When the newest effect took place that this merchant's details or history have shown: what happened earlier
    /// would show by now, unless it lags on its own.
    pub shown_until: Option<DateTime<Utc>>,
    /// When a request of this merchant last failed on the way, or by a fault of the provider.
    pub faulted_at: Option<DateTime<Utc>>,
}

impl Default for Witnesses {
    fn default() -> Self {
        Self {
            marker_echo: MarkerEcho::Unverified,
            shown_until: None,
            faulted_at: None,
        }
    }
}

/// What the facts of a read, a search or an answer mean for a merchant's witnesses; `None` when they stay as they are.
/// `r` is the reservation before these facts.
#[must_use]
pub fn learnt(
    witnesses: &Witnesses,
    r: &Reservation,
    facts: &[Fact],
    now: DateTime<Utc>,
) -> Option<Witnesses> {
    let mut learnt = *witnesses;
    for fact in facts {
        if let Fact::MarkerEchoed { echoed, .. } = fact {
            learnt.marker_echo = if *echoed {
                MarkerEcho::Verified
            } else {
                MarkerEcho::Broken
            };
        }
        // An effect whose time nobody tells is dated by the read that shows it, which proves nothing.
        learnt.shown_until = learnt
            .shown_until
            .max(shown_at(r, fact).filter(|at| *at < now));
    }
    (learnt != *witnesses).then_some(learnt)
}

/// The earliest that an effect can have taken place of which this fact shows that it did.
fn shown_at(r: &Reservation, fact: &Fact) -> Option<DateTime<Utc>> {
    match fact {
        Fact::IntentConfirmed { intent, .. } => {
            let intent = r.intent(intent)?;
            intent.sent().map(|sent| sent.at).or(intent.doubted_at)
        }
        Fact::RowConfirmed {
            reference, intent, ..
        } => {
            let of_intent =
                |row: &&crate::reservation::LedgerRow| intent.is_some() && row.intent == *intent;
            let row = r
                .money_row(reference)
                .or_else(|| r.ledger.iter().find(of_intent))?;
            Some(row.at - LONGEST_REQUEST)
        }
        Fact::LinkCreated { intent, .. } => {
            let intent = r.intent(intent)?;
            // The answer to the request itself shows nothing of what can be read.
            let searched = !matches!(intent.progress, IntentState::Sending(_));
            intent.sent().filter(|_| searched).map(|sent| sent.at)
        }
        Fact::Held { at, .. } => Some(*at),
        Fact::ForeignRow { row } | Fact::LateEffect { row, .. } => Some(row.at),
        Fact::HistoryRead { row: Some(row), .. } => row.at,
        _ => None,
    }
}

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
    let any = intent.operation == Operation::Submit && intent.attempts > 1;
    let sent = intent.sent().filter(|_| !any);
    window(
        sent.map_or(intent.created_at, |sent| sent.at),
        merchant,
        now,
    )
}

/// The times between which the history is read for other reservations that a settled submit has made: since the last time
/// when all were looked at, and for what came late before that.
#[must_use]
pub fn duplicates_window(
    r: &Reservation,
    submit: &Intent,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let since = r
        .provider
        .sought
        .until
        .map_or(submit.created_at, |until| until - HISTORY_LAG);
    window(since.max(submit.created_at), merchant, now)
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

words! {
    /// What a row of the provider's history tells.
    Event {
        /// An amount was taken from a hold.
        Captured = "captured",
        /// A card was debited.
        Charged = "charged",
        /// Money was given back from a capture.
        CaptureRefunded = "capture_refunded",
        /// Money was given back from a charge.
        ChargeRefunded = "charge_refunded",
        /// A link was sent to a customer.
        LinkSent = "link_sent",
        /// An amount was held.
        Reserved = "reserved",
        /// A reservation was completed.
        Completed = "completed",
        /// A reservation was withdrawn.
        Cancelled = "cancelled",
        /// Anything else.
        Other = "other",
    }
}

/// One row of the provider's history, in our words. Without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// What happened.
    pub event: Event,
    /// The id the row carries: the reservation's, or that of a capture or charge.
    pub uuid: Option<String>,
    /// When, to the minute: the earliest it can mean, because the zone of these times is not documented.
    pub at: Option<DateTime<Utc>>,
    /// The latest it can mean.
    pub until: Option<DateTime<Utc>>,
    /// How much.
    pub amount: Option<Money>,
    /// The text that stands with it, in which the marker is looked for.
    pub note: Option<String>,
}
