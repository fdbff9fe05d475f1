//! The ledger: how money rows are posted, confirmed and summed up.

use chrono::{DateTime, Utc};

use super::{Baseline, Intent, LedgerRow, Operation, Reservation, RowKind};
use crate::id::IntentId;
use crate::money::Money;
use crate::reference::ProviderReference;

impl Reservation {
    /// What the ledger says now: what a later read shows beyond it came later.
    pub(crate) fn ledger_totals(&self) -> Baseline {
        let named = self.ledger.iter().filter(|row| row.kind != RowKind::Refund);
        Baseline {
            read_at: self.provider.read_at,
            status: self.provider.status.clone(),
            reserved: self.reserved(),
            captured: self.booked(RowKind::Capture),
            charged: self.booked(RowKind::Charge),
            refunded: self.booked(RowKind::Refund),
            references: named.filter_map(|row| row.reference.clone()).collect(),
        }
    }

    /// Posts the row of an intent that the provider has accepted; details still have to show it.
    pub(super) fn post_accepted(
        &mut self,
        intent: &Intent,
        reference: Option<&ProviderReference>,
        at: DateTime<Utc>,
    ) {
        let amount = intent.operation.amount();
        if let Some(row) = row_of(intent, reference, amount, at) {
            self.post_row(row);
        }
    }

    /// Posts the row of an intent whose effect details show, or a person.
    pub(super) fn post_effect(
        &mut self,
        intent: &Intent,
        reference: Option<&ProviderReference>,
        amount: Money,
        at: DateTime<Utc>,
    ) {
        if let Some(row) = row_of(intent, reference, amount, at) {
            self.post_row(LedgerRow {
                // Without a name it is posted on a person's word, and has to show itself.
                confirmed: reference.is_some(),
                ..row
            });
        }
        if let Operation::Refund { reference, .. } = &intent.operation {
            self.confirm_refunds(reference);
        }
    }

    /// Adds a row unless one of the same kind and reference stands there already (a refund's reference names
    /// the row it gives back from, so refunds may share one). A row that was taken for an external one and turns out to
    /// be an intent's is taken over.
    pub(super) fn post_row(&mut self, row: LedgerRow) {
        let of_intent = row.intent.as_ref().and_then(|id| self.intent(id));
        let known = |other: &LedgerRow| {
            row.kind != RowKind::Refund
                && other.kind == row.kind
                && other.reference == row.reference
        };
        let same = |other: &LedgerRow| match (&row.reference, of_intent) {
            (Some(_), _) => known(other),
            // Vouched for without a name: an external row that came since is what is meant.
            (None, Some(intent)) => {
                other.intent.is_none()
                    && other.kind == row.kind
                    && other.amount == row.amount
                    && !intent.knew(other.reference.as_ref())
            }
            (None, None) => false,
        };
        let found = self.ledger.iter().position(same);
        match found.map(|index| &mut self.ledger[index]) {
            None => self.ledger.push(row),
            Some(other) => {
                if other.intent.is_none() && row.intent.is_some() {
                    other.intent = row.intent;
                    if other.amount == row.amount {
                        other.lines = row.lines;
                    }
                }
            }
        }
    }

    /// Gives a row what details show of it: the one with this reference, else that of `intent`.
    pub(super) fn confirm_row(
        &mut self,
        reference: &ProviderReference,
        amount: Money,
        intent: Option<&IntentId>,
    ) {
        let taken = |row: &LedgerRow| row.kind != RowKind::Refund;
        let named = |row: &LedgerRow| taken(row) && row.reference.as_ref() == Some(reference);
        let carried =
            |row: &LedgerRow| taken(row) && intent.is_some() && row.intent.as_ref() == intent;
        let known = self.ledger.iter().position(named);
        let Some(index) = known.or_else(|| self.ledger.iter().position(carried)) else {
            return;
        };
        let row = &mut self.ledger[index];
        let before = row.reference.replace(reference.clone());
        row.alias = before
            .filter(|before| before != reference)
            .or(row.alias.take());
        row.confirmed = true;
        if row.amount != amount {
            row.amount = amount;
            // Which lines the other amount is on is not said; what details show on each line counts.
            row.lines.clear();
        }
    }

    pub(super) fn see_refund(&mut self, reference: &ProviderReference, refunded: Money) {
        let row = self
            .ledger
            .iter_mut()
            .find(|row| row.kind != RowKind::Refund && row.reference.as_ref() == Some(reference));
        if let Some(row) = row {
            row.refunded_seen = refunded;
        }
        self.confirm_refunds(reference);
    }

    /// What a person vouched for has shown itself once details show as much given back as is posted.
    fn confirm_refunds(&mut self, reference: &ProviderReference) {
        let row = self.money_row(reference);
        let seen = row.map_or(Money::ZERO, |row| row.refunded_seen);
        if self.refunds_of(reference) <= seen {
            let refunds = self.ledger.iter_mut().filter(|row| {
                row.kind == RowKind::Refund && row.reference.as_ref() == Some(reference)
            });
            refunds.for_each(|row| row.confirmed = true);
        }
    }
}

/// The ledger row that an intent's effect makes, not seen in details yet; `None` when the operation moves no money.
fn row_of(
    intent: &Intent,
    reference: Option<&ProviderReference>,
    amount: Money,
    at: DateTime<Utc>,
) -> Option<LedgerRow> {
    let (lines, reference) = match &intent.operation {
        Operation::Capture { lines, .. } => (lines.clone(), reference),
        Operation::Refund {
            lines, reference, ..
        } => (lines.clone(), Some(reference)),
        Operation::Charge { .. } => (Vec::new(), reference),
        Operation::Submit
        | Operation::Cancel { .. }
        | Operation::Complete { .. }
        | Operation::Resend { .. } => return None,
    };
    // Which lines another amount than the decided one is on is not said.
    let as_decided = amount == intent.operation.amount();
    Some(LedgerRow {
        kind: intent.operation.row_kind()?,
        amount,
        lines: if as_decided { lines } else { Vec::new() },
        reference: reference.cloned(),
        alias: None,
        at,
        intent: Some(intent.id.clone()),
        confirmed: false,
        refunded_seen: Money::ZERO,
    })
}
