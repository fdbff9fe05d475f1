//! What can happen to a reservation. Facts are recorded in order, in the past tense, and never changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    DecisionRecord, ExtraProduct, Intent, LedgerRow, LineAmount, Origin, ReviewReason,
    SeenReservation,
};
use crate::history::HistoryRow;
use crate::id::IntentId;
use crate::job::{JobKey, words};
use crate::money::Money;
use crate::reference::{ProviderCustomerId, ProviderReference, ProviderReservationId};

words! {
    /// How a reservation was closed at the provider.
    Closing {
        /// Its money was taken, and no more can be.
        Completed = "completed",
        /// The hold was released, or the unpaid link withdrawn.
        Cancelled = "cancelled",
    }
}

/// A line as details show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLine {
    /// The line's number in the reservation, from 1.
    pub line: u32,
    /// The provider's numeric product id, which a capture has to name.
    pub provider_id: i64,
    /// The sum captured on the line so far.
    pub captured: Money,
}

/// One thing that happened to a reservation, by the subject whose state it changes.
///
/// Facts are what is stored: the reservation is what [`Reservation::apply`](super::Reservation::apply) makes of them, in
/// order. What the API shows of a fact is another thing, an event with a type ([`EventType`](super::EventType)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The booking system submitted the reservation to Holdfast. Always the first.
    Created,
    /// An operation was decided, by the policy or on somebody's request; nothing has been sent for it.
    Planned(Box<Intent>),
    /// Something became of the intent with this id.
    Intent(IntentId, IntentFact),
    /// The provider said or showed something about the reservation.
    Provider(ProviderFact),
    /// The booking system reported something delivered.
    Delivery(DeliveryFact),
    /// A question to a person was raised, decided or closed.
    Review(ReviewFact),
    /// A person, or a scheduled job, changed what happens by itself.
    Control(ControlFact),
}

/// What becomes of an intent. Which of these may follow which state is the table of
/// [`IntentState`](super::IntentState).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentFact {
    /// An attempt was put on record; nothing of it has been sent.
    AttemptWritten {
        /// The attempt's number, from 1.
        attempt: u32,
        /// When it was put on record.
        at: DateTime<Utc>,
    },
    /// The attempt's request was released: from here on it may have its effect.
    AttemptSent {
        /// The attempt's number, from 1.
        attempt: u32,
        /// When it was released, before any byte left.
        at: DateTime<Utc>,
    },
    /// Nothing of the attempt left this machine, or it was refused before any business logic; its number is free again.
    AttemptUnsent {
        /// What kept it back.
        reason: String,
    },
    /// The provider said yes. A capture or charge that is named in the answer is posted to the ledger.
    AttemptAccepted {
        /// The provider's reference of the capture or charge; `None` for other operations, or when the answer names none.
        reference: Option<ProviderReference>,
        /// When the answer came.
        at: DateTime<Utc>,
    },
    /// The provider said no; there was no effect.
    AttemptRejected {
        /// The provider's message, normalised.
        key: String,
    },
    /// The request was sent, and neither its answer nor any later read shows its effect.
    OutcomeUnknown {
        /// What kept the answer back.
        reason: String,
    },
    /// The provider has the reservation that this submit asked for.
    LinkCreated {
        /// The provider's id of the reservation, `RES…`.
        reservation_uuid: ProviderReservationId,
        /// The provider's id of the customer, `CSRT…`; `None` when it was found by a search.
        customer_uuid: Option<ProviderCustomerId>,
        /// Where the payer pays; `None` when the answer that held it was lost.
        url: Option<String>,
        /// When it became known.
        at: DateTime<Utc>,
    },
    /// A genuine callback on the reservation's own path, or a person, named the provider's id of a reservation that this
    /// submit may have made. A hint: details verify it.
    ProviderIdSuggested {
        /// The id that was named.
        uuid: ProviderReservationId,
    },
    /// A read showed no trace of the effect.
    EffectNotSeen {
        /// Does the read count towards absence? It does when it added up and showed nothing that may be the effect.
        clean: bool,
        /// When it was read.
        at: DateTime<Utc>,
    },
    /// The history was read for a trace of the effect.
    HistoryRead {
        /// The row that can stand for the effect; `None` when there is none.
        row: Option<HistoryRow>,
        /// When it was read.
        at: DateTime<Utc>,
    },
    /// Details showed the row of this intent for the first time, or anew, with its marker or without.
    MarkerChecked {
        /// Does the row carry the marker?
        shown: bool,
    },
    /// Details, or a person, show the effect. A money operation is posted as shown.
    Confirmed {
        /// The provider's reference; `None` for operations without one, or on a person's word alone.
        reference: Option<ProviderReference>,
        /// The amount that is shown; zero for operations that move no money.
        amount: Money,
        /// When the effect took place, as far as the provider says, else when it was seen.
        at: DateTime<Utc>,
    },
    /// The effect is proven absent, or a person says so: the operation may be sent again.
    EffectRuledOut {
        /// When that was established.
        at: DateTime<Utc>,
    },
    /// Absence cannot be proven before the deadline, and the provider refuses a duplicate: the operation is sent again
    /// while the last request is still in doubt.
    RetryForced {
        /// When that was decided.
        at: DateTime<Utc>,
    },
    /// Reads cannot tell what became of the request: a person must, and a review is raised.
    Escalated {
        /// The reason of the review.
        reason: ReviewReason,
        /// When it was given up.
        at: DateTime<Utc>,
    },
    /// The operation is given up: none of its requests had, or can have, an effect.
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// An effect appeared after the intent had been taken for refused or withdrawn.
    LateEffectSeen {
        /// The row as it is posted.
        row: LedgerRow,
    },
}

/// What answers, reads and callbacks tell of the provider's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderFact {
    /// The reservation's details were read.
    DetailsRead {
        /// When they were read.
        at: DateTime<Utc>,
        /// The provider's status word; `None` when it does not know the reservation.
        status: Option<String>,
        /// Did the amounts add up, and agree with what is known? Details that do not decide nothing.
        coherent: bool,
        /// The version of the reservation when the read began: what was asked for later is still to be read.
        since: i64,
    },
    /// A read was asked for, by a person or by an answer that only a read can explain.
    RefreshRequested,
    /// A genuine callback said that something happened: a hint to read, never a source of amounts.
    CallbackReceived {
        /// What the callback calls it, cut to 40 characters.
        event_type: String,
        /// When it came.
        at: DateTime<Utc>,
    },
    /// Details showed the provider's products for our lines.
    LinesSynced {
        /// The lines that were found.
        lines: Vec<SeenLine>,
        /// Products that are on no line of ours: those of charges.
        extra: Vec<ExtraProduct>,
    },
    /// The payer has paid: the amount is held.
    HoldPlaced {
        /// Since when, as the provider says, or the earliest it can be.
        at: DateTime<Utc>,
        /// The held amount.
        amount: Money,
    },
    /// The hold is over without having been used up.
    HoldLapsed {
        /// When that was seen.
        at: DateTime<Utc>,
    },
    /// Nobody paid: the link is over.
    LinkExpired {
        /// When that was seen.
        at: DateTime<Utc>,
    },
    /// The provider refused a capture because the window had closed.
    CaptureWindowClosed {
        /// When it refused.
        at: DateTime<Utc>,
    },
    /// Details showed a money row that no open intent accounts for: somebody acted in the portal, or an effect took place
    /// twice.
    RowPosted {
        /// The row as it is posted; its origin is external unless it carries an intent's marker.
        row: LedgerRow,
    },
    /// Details showed a row that had been posted on somebody's word.
    RowConfirmed {
        /// What details call it.
        reference: ProviderReference,
        /// The amount they show.
        amount: Money,
        /// The intent whose row takes this reference; `None` when the row is known by it already.
        intent: Option<IntentId>,
    },
    /// Details showed how much of a row has been given back.
    RefundSeen {
        /// The capture or charge.
        reference: ProviderReference,
        /// The sum given back from it so far.
        refunded: Money,
    },
    /// The provider has another reservation with our reference than the one that is known: the submit took effect twice.
    DuplicateSeen {
        /// The other reservation.
        seen: SeenReservation,
    },
    /// The history was searched for duplicates of the reservation.
    DuplicatesSearched {
        /// The last id that was looked at; `None` when all were that may be ours.
        up_to: Option<ProviderReservationId>,
        /// Did the history name one that details do not know yet?
        missed: bool,
        /// When the search ended.
        at: DateTime<Utc>,
    },
    /// The reservation was closed without an intent of ours that accounts for it.
    Closed {
        /// With money taken, or not.
        how: Closing,
        /// When that was seen.
        at: DateTime<Utc>,
        /// Whose doing it was: an intent's that had been given up, or somebody else's.
        origin: Origin,
    },
}

/// What the booking system reports of the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFact {
    /// Something was delivered.
    Reported {
        /// The booking system's id of the report; a repeated one is no fact.
        event_id: String,
        /// When it was delivered.
        at: DateTime<Utc>,
        /// How much of which lines.
        lines: Vec<LineAmount>,
        /// Is nothing more to come?
        complete: bool,
    },
}

/// What becomes of a question to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewFact {
    /// A person must decide something that is no intent's.
    Raised {
        /// What about.
        reason: ReviewReason,
        /// Does nothing more happen to the reservation until it is decided?
        freezes: bool,
        /// When it came up.
        at: DateTime<Utc>,
    },
    /// The question is answered, or has explained itself.
    Closed {
        /// What it was about.
        reason: ReviewReason,
    },
    /// A person has decided, on the evidence as it stood.
    Decided {
        /// The intent whose outcome was in question; `None` for a question about the reservation.
        intent: Option<IntentId>,
        /// What it was about.
        reason: ReviewReason,
        /// What the person said.
        decision: DecisionRecord,
    },
}

/// What people and the schedule's own jobs change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlFact {
    /// A reminder slot is used up.
    ReminderUsed {
        /// The slot's place in the policy's list, from 0.
        slot: u32,
        /// May a message have gone out? `false` when its time had passed, or the provider refused it.
        sent: bool,
        /// When that was known.
        at: DateTime<Utc>,
    },
    /// A job that acts before a deadline, or warns of one, did its work.
    DeadlineHandled {
        /// The job's key.
        key: JobKey,
        /// When it ran.
        at: DateTime<Utc>,
    },
    /// A scheduled job came too late to send anything, and is not planned again.
    JobSkipped {
        /// The job's key.
        key: JobKey,
        /// When that was found.
        at: DateTime<Utc>,
    },
    /// A person has paused the reservation: nothing is sent, unknown outcomes are still read.
    Paused,
    /// A person has resumed it.
    Resumed,
    /// A person has cancelled a scheduled job: the schedule leaves it out.
    JobCancelled {
        /// The job's key.
        key: JobKey,
    },
    /// A person wants a cancelled job after all.
    JobRestored {
        /// The job's key.
        key: JobKey,
    },
}

impl Fact {
    /// The intent that the fact is about: one that it changes or plans, or whose outcome a person decided.
    #[must_use]
    pub const fn intent(&self) -> Option<&IntentId> {
        match self {
            Self::Planned(intent) => Some(&intent.id),
            Self::Intent(id, _) => Some(id),
            Self::Review(ReviewFact::Decided { intent, .. }) => intent.as_ref(),
            Self::Created
            | Self::Provider(_)
            | Self::Delivery(_)
            | Self::Review(_)
            | Self::Control(_) => None,
        }
    }

    /// Does it let jobs go on that waited for a person, or for another operation that a person had to decide?
    #[must_use]
    pub const fn releases(&self) -> bool {
        matches!(
            self,
            Self::Review(ReviewFact::Closed { .. })
                | Self::Control(ControlFact::Resumed)
                | Self::Intent(
                    _,
                    IntentFact::Confirmed { .. }
                        | IntentFact::EffectRuledOut { .. }
                        | IntentFact::Withdrawn { .. }
                )
        )
    }

    /// Does it bear on what a person decides? What was only looked for in vain does not.
    #[must_use]
    pub const fn is_evidence(&self) -> bool {
        match self {
            Self::Created | Self::Planned(_) | Self::Delivery(_) | Self::Review(_) => true,
            Self::Intent(_, fact) => !matches!(
                fact,
                IntentFact::EffectNotSeen { clean: true, .. }
                    | IntentFact::HistoryRead { row: None, .. }
            ),
            Self::Provider(fact) => !matches!(
                fact,
                ProviderFact::DetailsRead { coherent: true, .. }
                    | ProviderFact::DuplicatesSearched { .. }
                    | ProviderFact::RefreshRequested
            ),
            Self::Control(_) => false,
        }
    }
}

impl Intent {
    /// `fact`, of this intent.
    #[must_use]
    pub fn fact(&self, fact: IntentFact) -> Fact {
        Fact::Intent(self.id.clone(), fact)
    }
}
