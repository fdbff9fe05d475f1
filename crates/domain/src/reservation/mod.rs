//! The reservation: what is known of it, kept apart by subject, and the amounts that follow.

mod amounts;
mod apply;
mod check;
mod code;
mod decision;
mod equivalent;
mod event;
mod facts;
mod intent;
mod ledger;
mod lines;
mod reason;
mod refund;
mod refusal;
mod request;
mod seen;
mod status;
mod submit;
mod transition;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(crate) use decision::WRONG_REFERENCE;
pub use decision::{Decision, DecisionRecord};
pub use event::EventType;
pub use facts::{
    Closing, ControlFact, DeliveryFact, Fact, IntentFact, ProviderFact, ReviewFact, SeenLine,
};
pub use intent::{
    Baseline, ChargeLine, Intent, IntentState, LineAmount, Operation, RefundSource, Sent,
    StateName, UnknownOutcome,
};
pub use reason::ReviewReason;
pub use refusal::Refusal;
pub use request::{
    CaptureRequest, ChargeRequest, Contact, DeliveryLine, DeliveryRequest, RefundRequest,
    RequestLine,
};
pub use status::Status;
pub use submit::{NewLine, NewReservation};
pub use transition::{IllegalTransition, Met};

use crate::id::{IntentId, MerchantId, ReservationId};
use crate::job::{JobKey, words};
use crate::money::Money;
use crate::policy::Policy;
use crate::reference::{ProviderCustomerId, ProviderReference, ProviderReservationId, Reference};

/// The most lines of one reservation.
pub const MAX_LINES: usize = 500;

/// The longest note of a person, in characters.
const MAX_NOTE: usize = 200;

/// Everything known of one reservation, except the customer's personal data, which stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// Whose account it is on.
    pub merchant: MerchantId,
    /// The booking system's own id, unique per merchant.
    pub reference: Reference,
    /// When it was submitted to us.
    pub created_at: DateTime<Utc>,
    /// When the payment link is due.
    pub payment_link_due: DateTime<Utc>,
    /// The provider's `chargeValidity`, in the merchant's unit.
    pub charge_validity: Option<u32>,
    /// May a charge be refunded in part?
    pub charge_partially_refundable: bool,
    /// What happens by itself.
    pub policy: Policy,
    /// The product lines, numbered from 1.
    pub lines: Vec<Line>,
    /// The payment link.
    pub link: Link,
    /// The authorised amount.
    pub hold: Hold,
    /// Money rows: captures, charges, refunds.
    pub ledger: Vec<LedgerRow>,
    /// What was delivered.
    pub delivery: Delivery,
    /// Whether the books are open.
    pub closure: Closure,
    /// Who acts: Holdfast or a person.
    pub control: Control,
    /// What the provider calls it, and what was read there.
    pub provider: Provider,
    /// Decided operations that are not over, and those that are.
    pub intents: Vec<Intent>,
    /// Reminder slots that are used up, with the time of the last message.
    pub reminders: Reminded,
    /// Keys of scheduled jobs that did their work without an intent, or came too late: they are not planned again.
    pub jobs_over: BTreeSet<JobKey>,
    /// Keys of scheduled jobs that a person has cancelled.
    pub stopped: BTreeSet<JobKey>,
    /// How many facts were folded in.
    pub version: i64,
    /// The newest of them that bears on what a person decides.
    pub evidence_version: i64,
}

/// One product line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number, from 1.
    pub line: u32,
    /// What it is.
    pub name: String,
    /// The booking system's product id.
    pub product_id: Option<String>,
    /// Gross price of one unit.
    pub rate: Money,
    /// Tax within the price, in percent.
    pub tax_percent: u8,
    /// Gross amount of the line.
    pub amount: Money,
    /// The provider's numeric id, learnt from details.
    pub provider_id: Option<i64>,
    /// What details last showed as captured on it.
    pub captured_seen: Money,
}

/// The payment link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Link {
    /// Not at the provider yet.
    Submitting,
    /// The provider has it.
    Sent {
        /// Where the payer pays.
        url: Option<String>,
        /// Since when.
        at: DateTime<Utc>,
    },
    /// The provider calls the unpaid link expired.
    Expired {
        /// When that was seen.
        at: DateTime<Utc>,
    },
    /// The provider refused it for good.
    Failed {
        /// The provider's message.
        reason: String,
    },
}

/// The authorised amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Hold {
    /// Nothing is reserved.
    None,
    /// The payer has paid; the amount is held.
    Reserved {
        /// Since when.
        at: DateTime<Utc>,
        /// How much.
        amount: Money,
    },
    /// The window closed, or the provider let it go.
    Expired {
        /// Since when it had been held.
        at: DateTime<Utc>,
        /// How much.
        amount: Money,
    },
}

words! {
    /// What a ledger row did.
    RowKind {
        /// Money was taken from the hold.
        Capture = "capture",
        /// The card was debited.
        Charge = "charge",
        /// Money was given back.
        Refund = "refund",
    }
}

words! {
    /// Whose doing something is that the provider shows.
    Origin {
        /// An intent's.
        Holdfast = "holdfast",
        /// Somebody else's, in the provider's portal.
        External = "external",
    }
}

/// One money row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// What it did.
    pub kind: RowKind,
    /// How much.
    pub amount: Money,
    /// On which lines, as far as known.
    pub lines: Vec<LineAmount>,
    /// The provider's reference: `CAP…` or `CHA…`; of a refund, the row it gives back from.
    pub reference: Option<ProviderReference>,
    /// What the answer to its request called it, when details call it otherwise.
    pub alias: Option<ProviderReference>,
    /// When, as the provider says, or when it was accepted.
    pub at: DateTime<Utc>,
    /// The intent that did it; `None` of an external row, done in the provider's portal.
    pub intent: Option<IntentId>,
    /// Was it seen in details?
    pub confirmed: bool,
    /// What details show as given back from it.
    pub refunded_seen: Money,
}

impl LedgerRow {
    /// Whose doing the row is.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        match self.intent {
            Some(_) => Origin::Holdfast,
            None => Origin::External,
        }
    }

    /// Does it go by this name, in details or in the answer to its request?
    #[must_use]
    pub fn is_called(&self, name: &ProviderReference) -> bool {
        self.reference.as_ref() == Some(name) || self.alias.as_ref() == Some(name)
    }
}

/// What was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The ids of the delivery events that were counted.
    pub events: BTreeSet<String>,
    /// How much of each line.
    pub lines: BTreeMap<u32, Money>,
    /// Is everything delivered that will be?
    pub complete: bool,
    /// When the last event took place.
    pub last_at: Option<DateTime<Utc>>,
    /// How many events there were when a person was last asked about what is delivered and not captured.
    #[serde(default)]
    pub asked_of: usize,
}

/// Whether the books are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Closure {
    /// They are.
    Open,
    /// Closed with money taken.
    Completed {
        /// When.
        at: DateTime<Utc>,
    },
    /// Withdrawn; the hold is released.
    Cancelled {
        /// When.
        at: DateTime<Utc>,
    },
}

/// Who acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// A person has paused it: nothing is sent, unknown outcomes are still read.
    pub paused: bool,
    /// What a person must decide, oldest first.
    pub reviews: Vec<ReviewItem>,
    /// Details that did not add up, one after the other.
    pub incoherent_reads: u32,
}

/// One thing a person must decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewItem {
    /// Why.
    pub reason: ReviewReason,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Does nothing more happen to this reservation until it is decided?
    pub freezes: bool,
}

/// What the provider calls the reservation, and what was read there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The provider's id, `RES…`.
    pub reservation_uuid: Option<ProviderReservationId>,
    /// The id that a callback named while the submit's outcome was open, or another one than is known; to be verified by
    /// details.
    pub suggested_uuid: Option<ProviderReservationId>,
    /// Other reservations there with our reference: a submit took effect more than once.
    #[serde(default)]
    pub duplicates: Vec<SeenReservation>,
    /// How far the history has been searched for them.
    #[serde(default)]
    pub duplicate_search: DuplicateSearch,
    /// The provider's id of the customer, `CSRT…`.
    pub customer_uuid: Option<ProviderCustomerId>,
    /// The status word last read: a hint.
    pub status: Option<String>,
    /// When details were last read and added up.
    pub read_at: Option<DateTime<Utc>>,
    /// When details were last read, whether they added up or not.
    pub tried_at: Option<DateTime<Utc>>,
    /// How many times details were read, for the keys of refresh jobs.
    pub reads: u32,
    /// A read that somebody asked for, or a callback called for: the version of the reservation that asked.
    pub refresh_requested: Option<i64>,
    /// The callback that came last.
    pub last_callback: Option<LastCallback>,
    /// When the provider said that the capture window had closed.
    pub capture_closed_at: Option<DateTime<Utc>>,
    /// Product ids that are on no line of ours: lines of charges.
    pub extra_products: Vec<ExtraProduct>,
}

/// A reservation at the provider that carries our reference, as details showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenReservation {
    /// The provider's id, `RES…`.
    pub reservation_uuid: ProviderReservationId,
    /// The status word.
    pub status: String,
    /// Has it been cancelled or completed, or has it expired?
    pub over: bool,
    /// What is held on it.
    pub reserved: Money,
    /// When it was read.
    pub at: DateTime<Utc>,
}

/// How far the history has been searched for duplicates of a reservation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateSearch {
    /// When it was last looked into.
    pub at: Option<DateTime<Utc>>,
    /// Until when everything has been looked at.
    pub until: Option<DateTime<Utc>>,
    /// The last id that a search under way has looked at; it goes by the order of ids.
    pub up_to: Option<ProviderReservationId>,
    /// Has it met one that the history knows and details do not yet?
    pub missed: bool,
}

/// What a callback said: a hint to read, never a source of amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCallback {
    /// What the callback calls what happened, cut to 40 characters.
    pub event_type: String,
    /// When it came.
    pub at: DateTime<Utc>,
}

/// A product that details list and that is none of our lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraProduct {
    /// The provider's numeric id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its product id.
    pub product_id: Option<String>,
}

/// Reminder slots that are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// How many slots of the policy's list are over, sent or missed.
    pub slots: u32,
    /// How many messages went out.
    pub sent: u32,
    /// When the last message of ours went out.
    pub last_at: Option<DateTime<Utc>>,
}
