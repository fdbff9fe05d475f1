//! What a search of the history for the reservations of a submit means: found, missing, or made twice.

use chrono::{DateTime, Utc};

use crate::case::Case;
use crate::reference::ProviderReservationId;
use crate::reservation::{
    Fact, Intent, IntentFact, ProviderFact, Reservation, ReviewFact, ReviewReason, SeenReservation,
};
use crate::resolve::{Evidence, absence_outcome};

/// What a search for the reservations of a submit has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submitted {
    /// Those at the provider that carry our reference.
    pub ours: Vec<SeenReservation>,
    /// The last id that was looked at; `None` when all were that may be ours.
    pub up_to: Option<ProviderReservationId>,
    /// Does the history name one that details do not know yet?
    pub missed: bool,
}

/// The answer that held the link is lost; a resend delivers it.
fn created(submit: &Intent, seen: &SeenReservation, now: DateTime<Utc>) -> [Fact; 2] {
    let created = Fact::Intent(
        submit.id.clone(),
        IntentFact::LinkCreated {
            reservation_uuid: seen.reservation_uuid.clone(),
            customer_uuid: None,
            url: None,
            at: now,
        },
    );
    [created, Fact::Provider(ProviderFact::RefreshRequested)]
}

/// What a search for the reservation of a submit in doubt means: found, still missing, absent, or for a person when there
/// are several.
#[must_use]
pub fn submitted(
    case: Case<'_>,
    submit: &Intent,
    found: &Submitted,
    evidence: &Evidence,
) -> Vec<Fact> {
    let (r, now) = (case.reservation, case.now);
    let id = || submit.id.clone();
    let missing = |clean| Fact::Intent(id(), IntentFact::EffectNotSeen { clean, at: now });
    match found.ours.as_slice() {
        [seen] => {
            let other = r.provider.suggested_uuid.as_ref() != Some(&seen.reservation_uuid);
            // What a callback named was read, and is somebody else's.
            let read = (other && r.provider.suggested_uuid.is_some() && !found.missed)
                .then(|| searched(found, now));
            read.into_iter().chain(created(submit, seen, now)).collect()
        }
        [] => {
            let whole = found.up_to.is_none() && !found.missed;
            let outcome = absence_outcome(case, submit, whole, evidence);
            std::iter::once(missing(whole)).chain(outcome).collect()
        }
        several => {
            let seen = several
                .iter()
                .map(|seen| Fact::Provider(ProviderFact::DuplicateSeen { seen: seen.clone() }));
            let review = Fact::Intent(
                id(),
                IntentFact::Escalated {
                    reason: ReviewReason::OutcomeUnknown,
                    at: now,
                },
            );
            seen.chain([missing(false), review]).collect()
        }
    }
}

/// What a search for the reservations of a resolved submit means: every one but that in the books is one too many. Where
/// there is none in the books, the first is taken into them, and a person hears of it if the submit had been given up.
#[must_use]
pub fn duplicates(
    r: &Reservation,
    submit: &Intent,
    found: &Submitted,
    now: DateTime<Utc>,
) -> Vec<Fact> {
    let raised = |reason| {
        Fact::Review(ReviewFact::Raised {
            reason,
            freezes: true,
            at: now,
        })
    };
    let mut ours: Vec<&SeenReservation> = found.ours.iter().collect();
    // The one that was paid is the one that the payer knows.
    ours.sort_by_key(|seen| seen.reserved.is_zero());
    let mut known = r.provider.reservation_uuid.as_ref();
    let mut facts = Vec::new();
    for seen in ours {
        if known.is_none() {
            known = Some(&seen.reservation_uuid);
            facts.extend(created(submit, seen, now));
            if !submit.is_open() {
                facts.push(raised(ReviewReason::LateEffect));
            }
        } else if known != Some(&seen.reservation_uuid) && is_news(r, seen) {
            facts.push(Fact::Provider(ProviderFact::DuplicateSeen {
                seen: seen.clone(),
            }));
            facts.push(raised(ReviewReason::EffectDiffers));
        }
    }
    facts.push(searched(found, now));
    facts
}

fn searched(found: &Submitted, now: DateTime<Utc>) -> Fact {
    let (up_to, missed) = (found.up_to.clone(), found.missed);
    Fact::Provider(ProviderFact::DuplicatesSearched {
        up_to,
        missed,
        at: now,
    })
}

/// Is this duplicate not known yet, or not as it is now?
fn is_news(r: &Reservation, seen: &SeenReservation) -> bool {
    !r.provider.duplicates.iter().any(|known| {
        known.reservation_uuid == seen.reservation_uuid
            && known.status == seen.status
            && known.reserved == seen.reserved
    })
}
