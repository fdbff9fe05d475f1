//! What speaks for or against an effect besides the details of its reservation.

use chrono::{DateTime, TimeDelta, Utc};

use crate::job::words;
use crate::reservation::{
    Fact, Intent, IntentFact, IntentState, LedgerRow, Operation, ProviderFact, Reservation,
};

/// A money call is given up after this long: what it did, it did at most so long before its answer.
pub(crate) const LONGEST_REQUEST: TimeDelta = TimeDelta::seconds(60);
/// How far the provider's clock may be off, and how much is lost to times that are given to the minute.
pub(crate) const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(2);

words! {
    /// Do details show the text that a capture or charge was sent with? Learnt from the first one that is confirmed,
    /// and looked at again with every one.
    MarkerEcho {
        /// No capture or charge of the merchant has been confirmed yet.
        Unverified = "unverified",
        /// Details show our texts: an effect without our marker is hardly ours.
        Verified = "verified",
        /// Details do not show our texts: our own effects come without a marker.
        Broken = "broken",
    }
}

/// What is known of a merchant's view of the provider when one of its reservations is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether markers come back.
    pub marker_echo: MarkerEcho,
    /// When the newest effect took place that this merchant's details or history have shown: what happened earlier
    /// would show by now, unless it lags on its own.
    pub shown_until: Option<DateTime<Utc>>,
    /// When a request of this merchant last failed on the way, or by a fault of the provider.
    pub faulted_at: Option<DateTime<Utc>>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            marker_echo: MarkerEcho::Unverified,
            shown_until: None,
            faulted_at: None,
        }
    }
}

/// What the facts of a read, a search or an answer add to what is `known` of a merchant's view; `None` when nothing changes.
/// `r` is the reservation before these facts.
#[must_use]
pub fn learnt(
    known: &Evidence,
    r: &Reservation,
    facts: &[Fact],
    now: DateTime<Utc>,
) -> Option<Evidence> {
    let mut learnt = *known;
    for fact in facts {
        if let Fact::Intent(_, IntentFact::MarkerChecked { shown: echoed, .. }) = fact {
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
    (learnt != *known).then_some(learnt)
}

/// The earliest that an effect can have taken place of which this fact shows that it did.
fn shown_at(r: &Reservation, fact: &Fact) -> Option<DateTime<Utc>> {
    match fact {
        Fact::Intent(intent, IntentFact::Confirmed { .. }) => {
            let intent = r.intent(intent)?;
            intent.sent().map(|sent| sent.at).or(intent.last_unknown_at)
        }
        Fact::Provider(ProviderFact::RowConfirmed {
            reference, intent, ..
        }) => {
            let of_intent = |row: &&LedgerRow| intent.is_some() && row.intent == *intent;
            let row = r
                .money_row(reference)
                .or_else(|| r.ledger.iter().find(of_intent))?;
            Some(row.at - LONGEST_REQUEST)
        }
        Fact::Intent(intent, IntentFact::LinkCreated { .. }) => {
            let intent = r.intent(intent)?;
            // The answer to the request itself shows nothing of what can be read.
            let searched = !matches!(intent.progress, IntentState::Sending { .. });
            intent.sent().filter(|_| searched).map(|sent| sent.at)
        }
        Fact::Provider(ProviderFact::HoldPlaced { at, .. }) => Some(*at),
        Fact::Provider(ProviderFact::RowPosted { row })
        | Fact::Intent(_, IntentFact::LateEffectSeen { row, .. }) => Some(row.at),
        Fact::Intent(_, IntentFact::HistoryRead { row: Some(row), .. }) => row.at,
        _ => None,
    }
}

/// Is this a submit for which a callback has suggested the provider's id of the reservation?
#[must_use]
pub fn has_suggested_id(r: &Reservation, intent: &Intent) -> bool {
    intent.operation == Operation::Submit && r.provider.suggested_uuid.is_some()
}
