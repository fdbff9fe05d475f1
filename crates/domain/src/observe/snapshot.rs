//! Details in our words, and whether they add up.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::money::Money;
use crate::reference::ProviderReference;
use crate::reservation::{LedgerRow, Reservation, RowKind};

/// The provider's status word, as far as decisions know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenStatus {
    /// Nobody has paid.
    Unpaid,
    /// Held, captured or charged: the amounts tell which.
    Paid,
    /// Closed with money taken.
    Completed,
    /// Withdrawn.
    Cancelled,
    /// The link or the hold is over.
    Expired,
    /// A status word that is not documented: it decides nothing, and amounts and rows tell what they tell.
    Other(String),
}

/// A capture or charge as details show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRow {
    /// The provider's reference.
    pub reference: Option<ProviderReference>,
    /// How much was taken.
    pub amount: Money,
    /// When it was taken; `None` when details do not say.
    pub at: Option<DateTime<Utc>>,
    /// The text that stands with it, in which the marker is looked for.
    pub text: Option<String>,
    /// How much of it was given back; `None` when details do not say.
    pub refunded: Option<Money>,
}

/// A refund as details show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRefund {
    /// The capture or charge that it gives back from.
    pub reference: Option<ProviderReference>,
    /// How much was given back.
    pub amount: Money,
    /// When it was given back; `None` when details do not say.
    pub at: Option<DateTime<Utc>>,
}

/// A product as details show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenProduct {
    /// The provider's numeric id.
    pub id: i64,
    /// Its name; `None` when details do not show it.
    pub name: Option<String>,
    /// Its product id.
    pub product_id: Option<String>,
    /// Its amount; `None` when details do not show it.
    pub amount: Option<Money>,
    /// What is captured on it; `None` when details do not show it.
    pub captured: Option<Money>,
}

/// Details, in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The status word as it was written.
    pub word: String,
    /// What it means.
    pub status: SeenStatus,
    /// Since when the amount is held.
    pub reserved_at: Option<DateTime<Utc>>,
    /// The held amount.
    pub reserved: Money,
    /// The sum of captures.
    pub captured: Money,
    /// The sum of charges.
    pub charged: Money,
    /// The sum given back from captures.
    pub refunded_captured: Money,
    /// The sum given back from charges.
    pub refunded_charged: Money,
    /// The products.
    pub products: Vec<SeenProduct>,
    /// The captures.
    pub captures: Vec<SeenRow>,
    /// The charges.
    pub charges: Vec<SeenRow>,
    /// The refunds, as far as details list them.
    pub refunds: Vec<SeenRefund>,
}

impl Snapshot {
    pub(super) fn rows(&self, kind: RowKind) -> &[SeenRow] {
        match kind {
            RowKind::Capture => &self.captures,
            RowKind::Charge => &self.charges,
            RowKind::Refund => &[],
        }
    }

    /// Do the sums of the rows equal the aggregates, has every row a name of its own, and is nothing missing or
    /// less than was seen before?
    #[must_use]
    pub fn is_coherent_with(&self, r: &Reservation) -> bool {
        self.adds_up_with(r) && !self.gives_back_less_than(r)
    }

    /// Is all in order, except that money which had been given back no longer shows?
    pub(super) fn takes_back_a_refund(&self, r: &Reservation) -> bool {
        self.adds_up_with(r) && self.gives_back_less_than(r)
    }

    fn adds_up_with(&self, r: &Reservation) -> bool {
        let sum = |rows: &[SeenRow]| rows.iter().map(|row| row.amount).sum::<Money>();
        let on_lines = self.products.iter().filter_map(|product| product.captured);
        let products: Money = on_lines.sum();
        sum(&self.captures) == self.captured
            && sum(&self.charges) == self.charged
            && self.is_named()
            && products <= self.captured + self.charged
            && self.captured <= self.reserved.max(r.reserved())
            && r.ledger.iter().all(|row| self.still_shows(row))
            && (self.reserved >= r.reserved()
                || matches!(self.status, SeenStatus::Expired | SeenStatus::Cancelled))
    }

    fn is_named(&self) -> bool {
        let mut names = BTreeSet::new();
        let mut rows = self.captures.iter().chain(&self.charges);
        rows.all(|row| {
            row.reference
                .as_ref()
                .is_some_and(|name| names.insert(name))
        })
    }

    fn still_shows(&self, row: &LedgerRow) -> bool {
        let looked_for = row.kind != RowKind::Refund && row.reference.is_some() && row.confirmed;
        !looked_for || find_row(self.rows(row.kind), row.reference.as_ref()).is_some()
    }

    fn gives_back_less_than(&self, r: &Reservation) -> bool {
        let shown = |row: &LedgerRow| {
            find_row(self.rows(row.kind), row.reference.as_ref()).and_then(|seen| seen.refunded)
        };
        r.ledger
            .iter()
            .any(|row| shown(row).is_some_and(|refunded| refunded < row.refunded_seen))
    }
}

pub(super) fn find_row<'a>(
    rows: &'a [SeenRow],
    reference: Option<&ProviderReference>,
) -> Option<&'a SeenRow> {
    rows.iter()
        .find(|row| row.reference.is_some() && row.reference.as_ref() == reference)
}
