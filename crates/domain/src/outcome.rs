//! What the answer to a request means for the reservation.

use chrono::{DateTime, Utc};

use crate::job::words;
use crate::reference::{ProviderCustomerId, ProviderReference, ProviderReservationId};
use crate::reservation::{
    ControlFact, Fact, Intent, IntentFact, Operation, ProviderFact, ReviewFact, ReviewReason,
};

words! {
    /// How the provider refused.
    RefusedBy {
        /// A rule of its business.
        Business = "business",
        /// Its validation of the request.
        Payload = "payload",
        /// The credentials.
        Auth = "auth",
        /// Its rate limit.
        Throttled = "throttled",
        /// It does not know the reservation.
        NotFound = "not_found",
        /// It has no card to charge.
        CardNotFound = "card_not_found",
        /// The method.
        WrongVerb = "wrong_verb",
    }
}

/// What came of one request of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing left this machine.
    Unsent {
        /// What kept the request from leaving, in words for people.
        reason: String,
    },
    /// The provider said yes.
    Accepted {
        /// The provider's reference of a capture or charge.
        reference: Option<ProviderReference>,
        /// What a submit made.
        link: Option<NewLink>,
    },
    /// The provider said no.
    Rejected {
        /// What kind of refusal it is, which decides what follows.
        by: RefusedBy,
        /// Its message, normalised.
        key: String,
    },
    /// The outcome is unknown: the request was sent, or may have been, and no answer shows its effect.
    Unknown {
        /// What came instead of an answer that tells what happened, such as `timeout`.
        reason: String,
    },
}

/// What a submit made at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// The reservation's id there.
    pub reservation_uuid: ProviderReservationId,
    /// The customer's id there.
    pub customer_uuid: Option<ProviderCustomerId>,
    /// Where the payer pays.
    pub url: Option<String>,
}

/// The facts that an outcome makes.
#[must_use]
pub fn outcome(intent: &Intent, outcome: &Outcome, now: DateTime<Utc>) -> Vec<Fact> {
    let id = intent.id.clone();
    match outcome {
        Outcome::Unsent { reason } => vec![Fact::Intent(
            id,
            IntentFact::AttemptUnsent {
                reason: reason.clone(),
            },
        )],
        Outcome::Accepted { reference, link } => match (&intent.operation, link) {
            (Operation::Submit, Some(link)) => vec![Fact::Intent(
                id,
                IntentFact::LinkCreated {
                    reservation_uuid: link.reservation_uuid.clone(),
                    customer_uuid: link.customer_uuid.clone(),
                    url: link.url.clone(),
                    at: now,
                },
            )],
            // Without the provider's id there is nothing to hold on to, however friendly the answer.
            (Operation::Submit, None) => {
                unknown(intent, "accepted without the reservation's id", now)
            }
            _ => vec![Fact::Intent(
                id,
                IntentFact::AttemptAccepted {
                    reference: reference.clone(),
                    at: now,
                },
            )],
        },
        Outcome::Rejected { by, key } => rejected(intent, *by, key, now),
        Outcome::Unknown { reason } => unknown(intent, reason, now),
    }
}

/// What the provider answers to a capture after the window.
const CAPTURE_DEADLINE: &str = "paymentcapturedeadlineexceed";
/// What it answers to a complete while it knows of no money taken.
const NOTHING_TAKEN: &str = "prerequisitefailedtocompletereservation";

/// The reservation is to be read at once.
const READ_AGAIN: Fact = Fact::Provider(ProviderFact::RefreshRequested);

/// A person is to be asked.
const fn ask(reason: ReviewReason, freezes: bool, at: DateTime<Utc>) -> Fact {
    Fact::Review(ReviewFact::Raised {
        reason,
        freezes,
        at,
    })
}

fn rejected(intent: &Intent, by: RefusedBy, key: &str, now: DateTime<Utc>) -> Vec<Fact> {
    let refused = intent.fact(IntentFact::AttemptRejected {
        key: key.to_owned(),
    });
    let ask = |reason, freezes| ask(reason, freezes, now);
    match by {
        // Refused before any business logic: once the cause is mended the same attempt may go out.
        RefusedBy::Auth | RefusedBy::Throttled => {
            let reason = by.as_str().to_owned();
            vec![intent.fact(IntentFact::AttemptUnsent { reason })]
        }
        // A known id that is not found is more often the wrong merchant than a vanished booking; an earlier attempt may
        // have had its effect all the same.
        RefusedBy::NotFound if intent.attempts() > 1 && intent.operation.is_exclusive() => {
            std::iter::once(ask(ReviewReason::MissingAtProvider, true))
                .chain(evidence(intent, key, now))
                .collect()
        }
        RefusedBy::NotFound => {
            let read = (intent.operation != Operation::Submit).then_some(READ_AGAIN);
            [refused, ask(ReviewReason::MissingAtProvider, true)]
                .into_iter()
                .chain(read)
                .collect()
        }
        _ if matches!(intent.operation, Operation::Submit) => vec![refused],
        _ if key == CAPTURE_DEADLINE => {
            let closed = Fact::Provider(ProviderFact::CaptureWindowClosed { at: now });
            let question = ask(ReviewReason::DeadlinePassed, false);
            vec![refused, closed, question, READ_AGAIN]
        }
        // The books hold what was taken: what the provider says and shows does not add up, and repeating it is no help.
        _ if key == NOTHING_TAKEN && matches!(intent.operation, Operation::Complete { .. }) => {
            vec![refused, ask(ReviewReason::Incoherent, true), READ_AGAIN]
        }
        RefusedBy::Business if intent.attempts() > 1 && intent.operation.is_exclusive() => {
            evidence(intent, key, now)
        }
        RefusedBy::Business => refused_by_rule(intent, refused, now),
        RefusedBy::Payload | RefusedBy::WrongVerb | RefusedBy::CardNotFound => {
            match intent.operation {
                Operation::Resend { slot, .. } => {
                    std::iter::once(refused).chain(used(slot, now)).collect()
                }
                _ => vec![
                    refused,
                    ask(ReviewReason::ProviderRefused, by != RefusedBy::CardNotFound),
                ],
            }
        }
    }
}

/// What a refusal by the provider's rules leads to.
fn refused_by_rule(intent: &Intent, refused: Fact, now: DateTime<Utc>) -> Vec<Fact> {
    let freezes = match intent.operation {
        // The status may have moved without us; the read tells, and dismisses the review when it explains all.
        Operation::Cancel { .. } | Operation::Complete { .. } | Operation::Capture { .. } => true,
        Operation::Charge { .. } | Operation::Refund { .. } | Operation::Submit => false,
        Operation::Resend { slot, .. } => {
            let facts = [refused, Fact::Provider(ProviderFact::RefreshRequested)].into_iter();
            return facts.chain(used(slot, now)).collect();
        }
    };
    let asked = Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::ProviderRefused,
        freezes,
        at: now,
    });
    vec![
        refused,
        asked,
        Fact::Provider(ProviderFact::RefreshRequested),
    ]
}

/// The slot of a reminder that was refused: it is not tried again.
fn used(slot: Option<u32>, now: DateTime<Utc>) -> Option<Fact> {
    slot.map(|slot| {
        Fact::Control(ControlFact::ReminderUsed {
            slot,
            sent: false,
            at: now,
        })
    })
}

/// A refusal of a later attempt often means that an earlier one took effect after all: details tell, and where
/// another attempt could move money twice, a person does if they do not.
fn evidence(intent: &Intent, key: &str, now: DateTime<Utc>) -> Vec<Fact> {
    let id = intent.id.clone();
    let reason = format!("refused as \"{key}\" after an earlier attempt");
    let unknown = Fact::Intent(id.clone(), IntentFact::OutcomeUnknown { reason });
    let review = intent.operation.row_kind().map(|_| {
        Fact::Intent(
            id,
            IntentFact::Escalated {
                reason: intent.operation.review_reason(),
                at: now,
            },
        )
    });
    std::iter::once(unknown)
        .chain(review)
        .chain([Fact::Provider(ProviderFact::RefreshRequested)])
        .collect()
}

fn unknown(intent: &Intent, reason: &str, now: DateTime<Utc>) -> Vec<Fact> {
    let id = intent.id.clone();
    let unknown = Fact::Intent(
        id.clone(),
        IntentFact::OutcomeUnknown {
            reason: reason.to_owned(),
        },
    );
    // A second message is a nuisance, a third a complaint: the slot counts as used and nothing is repeated in it.
    let used = match intent.operation {
        Operation::Resend { slot, .. } => slot.map(|slot| {
            Fact::Control(ControlFact::ReminderUsed {
                slot,
                sent: true,
                at: now,
            })
        }),
        _ => None,
    };
    std::iter::once(unknown).chain(used).collect()
}
