//! The reservation: what is known of it, kept apart by subject, and the amounts that follow.

mod apply;
mod facts;
mod intent;
mod request;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use apply::IllegalFact;
pub use facts::{Closing, DeskReason, Fact, SeenLine};
pub use intent::{ChargeLine, Doubt, Intent, IntentState, LineAmount, Operation, RefundSource, Sent};
pub use request::{
    CaptureRequest, ChargeRequest, Contact, DeliveryLine, DeliveryRequest, NewLine, NewReservation,
    RefundRequest, Refusal, RequestLine,
};
pub use status::Status;

use crate::deadlines::{capture_by, charge_by};
use crate::id::{IntentId, MerchantId, ReservationId};
use crate::job::words;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::policy::Policy;

/// The most lines of one reservation.
pub const MAX_LINES: usize = 100;

/// Everything known of one reservation, except the customer's personal data, which stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// Whose account it is on.
    pub merchant: MerchantId,
    /// The booking system's own id, unique per merchant.
    pub reference: String,
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
    /// Guard and warning jobs that did their work, by key.
    pub guards_done: BTreeSet<String>,
    /// Keys of scheduled jobs that a person has cancelled.
    pub stopped: BTreeSet<String>,
    /// How many facts were folded in.
    pub version: i64,
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
    pub reference: Option<String>,
    /// When, as the provider says, or when it was accepted.
    pub at: DateTime<Utc>,
    /// The intent that did it, unless it is foreign.
    pub intent: Option<IntentId>,
    /// Was it done by somebody else, in the provider's portal?
    pub foreign: bool,
    /// Was it seen in details?
    pub confirmed: bool,
    /// What details show as given back from it.
    pub refunded_seen: Money,
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
    pub desk: Vec<DeskItem>,
    /// Details that did not add up, one after the other.
    pub incoherent_reads: u32,
}

/// One thing a person must decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskItem {
    /// Why.
    pub reason: DeskReason,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Does nothing more happen to this reservation until it is decided?
    pub freezes: bool,
}

/// What the provider calls the reservation, and what was read there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The provider's id, `RES…`.
    pub reservation_uuid: Option<String>,
    /// The id that a callback named while the submit's outcome was open; to be verified by details.
    pub hinted_uuid: Option<String>,
    /// The provider's id of the customer, `CSRT…`.
    pub customer_uuid: Option<String>,
    /// The status word last read: a hint.
    pub status: Option<String>,
    /// When details were last read and added up.
    pub read_at: Option<DateTime<Utc>>,
    /// When details were last read, whether they added up or not.
    pub tried_at: Option<DateTime<Utc>>,
    /// How many times details were read, for the keys of refresh jobs.
    pub reads: u32,
    /// A read somebody asked for, or a callback called for.
    pub read_wanted: bool,
    /// When the provider said that the capture window had closed.
    pub capture_closed_at: Option<DateTime<Utc>>,
    /// Product ids that are on no line of ours: lines of charges.
    pub extra_products: Vec<ExtraProduct>,
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

impl Reservation {
    /// The sum of the lines.
    #[must_use]
    pub fn total(&self) -> Money {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// The held amount, also when the hold is over.
    #[must_use]
    pub const fn reserved(&self) -> Money {
        match self.hold {
            Hold::None => Money::ZERO,
            Hold::Reserved { amount, .. } | Hold::Expired { amount, .. } => amount,
        }
    }

    /// Since when the amount has been held.
    #[must_use]
    pub const fn reserved_at(&self) -> Option<DateTime<Utc>> {
        match self.hold {
            Hold::None => None,
            Hold::Reserved { at, .. } | Hold::Expired { at, .. } => Some(at),
        }
    }

    /// The sum of the ledger's rows of one kind.
    #[must_use]
    pub fn booked(&self, kind: RowKind) -> Money {
        self.ledger
            .iter()
            .filter(|row| row.kind == kind)
            .map(|row| row.amount)
            .sum()
    }

    /// The amounts of money operations whose outcome is unknown.
    #[must_use]
    pub fn unresolved(&self) -> Money {
        self.intents
            .iter()
            .filter(|intent| intent.is_unresolved())
            .map(|intent| intent.operation.amount())
            .sum()
    }

    /// What may still be captured: the hold less what is captured and what may be, unknown outcomes counted as spent.
    #[must_use]
    pub fn capturable(&self) -> Money {
        let spent = self.booked(RowKind::Capture) + self.claimed(RowKind::Capture);
        self.reserved().saturating_sub(spent)
    }

    /// Amounts of decided operations of one kind that are not in the ledger yet and may still come to be.
    #[must_use]
    pub fn claimed(&self, kind: RowKind) -> Money {
        self.open_intents()
            .filter(|intent| intent.operation.row_kind() == Some(kind))
            .map(|intent| intent.operation.amount())
            .sum()
    }

    /// What was captured on a line, booked or decided.
    #[must_use]
    pub fn captured_on(&self, line: u32) -> Money {
        let of = |lines: &[LineAmount]| -> Money {
            lines
                .iter()
                .filter(|part| part.line == line)
                .map(|part| part.amount)
                .sum()
        };
        let booked: Money = self
            .ledger
            .iter()
            .filter(|row| row.kind == RowKind::Capture)
            .map(|row| of(&row.lines))
            .sum();
        let seen = self.line(line).map_or(Money::ZERO, |line| line.captured_seen);
        booked.max(seen)
    }

    /// What may still be captured on a line, unknown outcomes counted as spent.
    #[must_use]
    pub fn capturable_on(&self, line: u32) -> Money {
        let claimed: Money = self
            .open_intents()
            .filter_map(|intent| match &intent.operation {
                Operation::Capture { lines, .. } => Some(lines),
                _ => None,
            })
            .flatten()
            .filter(|part| part.line == line)
            .map(|part| part.amount)
            .sum();
        let amount = self.line(line).map_or(Money::ZERO, |line| line.amount);
        amount.saturating_sub(self.captured_on(line) + claimed)
    }

    /// What may still be given back of the row with this reference, unknown refunds counted as spent.
    #[must_use]
    pub fn refundable(&self, reference: &str) -> Money {
        let Some(row) = self.money_row(reference) else {
            return Money::ZERO;
        };
        let mine = |other: &Option<String>| other.as_deref() == Some(reference);
        let booked: Money = self
            .ledger
            .iter()
            .filter(|row| row.kind == RowKind::Refund && mine(&row.reference))
            .map(|row| row.amount)
            .sum();
        let claimed: Money = self
            .open_intents()
            .filter(|intent| matches!(&intent.operation, Operation::Refund { reference: other, .. } if other == reference))
            .map(|intent| intent.operation.amount())
            .sum();
        row.amount.saturating_sub(booked.max(row.refunded_seen) + claimed)
    }

    /// The capture or charge with this reference.
    #[must_use]
    pub fn money_row(&self, reference: &str) -> Option<&LedgerRow> {
        self.ledger
            .iter()
            .find(|row| row.kind != RowKind::Refund && row.reference.as_deref() == Some(reference))
    }

    /// The line with this number.
    #[must_use]
    pub fn line(&self, line: u32) -> Option<&Line> {
        self.lines.iter().find(|known| known.line == line)
    }

    /// What was delivered on a line, at most its amount.
    #[must_use]
    pub fn delivered_on(&self, line: u32) -> Money {
        let amount = self.line(line).map_or(Money::ZERO, |line| line.amount);
        self.delivery
            .lines
            .get(&line)
            .copied()
            .unwrap_or_default()
            .min(amount)
    }

    /// The intent with this id.
    #[must_use]
    pub fn intent(&self, id: &IntentId) -> Option<&Intent> {
        self.intents.iter().find(|intent| intent.id == *id)
    }

    /// The intent that a job with this key carries.
    #[must_use]
    pub fn intent_of_key(&self, key: &str) -> Option<&Intent> {
        self.intents.iter().rev().find(|intent| intent.key == key)
    }

    /// Intents that are not over.
    pub fn open_intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents.iter().filter(|intent| intent.is_open())
    }

    /// From this instant on the hold must not be captured any more.
    #[must_use]
    pub fn capture_by(&self, merchant: &Merchant) -> Option<DateTime<Utc>> {
        let at = self.reserved_at()?;
        Some(capture_by(
            at,
            merchant.capture_window,
            merchant.zone,
            self.provider.capture_closed_at,
        ))
    }

    /// From this instant on the card must not be charged any more.
    #[must_use]
    pub fn charge_by(&self, merchant: &Merchant) -> Option<DateTime<Utc>> {
        Some(charge_by(
            self.reserved_at()?,
            self.charge_validity,
            merchant.charge_validity_unit,
        ))
    }

    /// Are the books open?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.closure, Closure::Open)
    }

    /// Must a person decide before anything is sent?
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.control.desk.iter().any(|item| item.freezes)
    }
}
