//! Refunds have no marker: the places in details where one shows are its evidence, and two of them resolve an unknown refund.

use super::Observer;
use super::snapshot::SeenRow;
use crate::money::Money;
use crate::reference::ProviderReference;
use crate::reservation::{
    Fact, Intent, IntentFact, IntentState, LedgerRow, Operation, ProviderFact, ReviewReason,
    RowKind,
};

/// What each place in details says was given back of a row; `None` where that place says nothing.
struct RefundView {
    /// The row itself.
    row: Option<Money>,
    /// The list of refunds.
    list: Option<Money>,
    /// The sum of all, less what the other rows account for.
    sum: Option<Money>,
}

impl RefundView {
    /// What counts as given back: a sum tells only where there is a single row.
    fn refunded(&self, single: bool) -> Option<Money> {
        self.row.or(self.list).or(self.sum.filter(|_| single))
    }

    fn shown_in(&self, refunded: Money) -> usize {
        [self.row, self.list, self.sum]
            .iter()
            .filter(|shown| **shown == Some(refunded))
            .count()
    }
}

impl Observer<'_> {
    /// What a row has given back more than is booked is our open refund of exactly that amount, or somebody else's.
    pub(super) fn refunds(&mut self) {
        for kind in [RowKind::Capture, RowKind::Charge] {
            for row in self.seen.rows(kind) {
                if let Some(reference) = row.reference.as_ref() {
                    self.refunds_of(kind, row, reference);
                }
            }
        }
    }

    fn refund_view(&self, kind: RowKind, row: &SeenRow) -> RefundView {
        let reference = row.reference.as_ref();
        let mut listed = self
            .seen
            .refunds
            .iter()
            .filter(|refund| refund.reference.as_ref() == reference)
            .peekable();
        let list = listed
            .peek()
            .is_some()
            .then(|| listed.map(|refund| refund.amount).sum());
        let others: Money = self
            .seen
            .rows(kind)
            .iter()
            .filter(|other| other.reference.as_ref() != reference)
            .map(|other| {
                other.refunded.unwrap_or_else(|| {
                    let name = other.reference.as_ref();
                    name.map_or(Money::ZERO, |name| self.r.refunds_of(name))
                })
            })
            .sum();
        let total = match kind {
            RowKind::Capture => self.seen.refunded_captured,
            _ => self.seen.refunded_charged,
        };
        RefundView {
            row: row.refunded,
            list,
            sum: total.checked_sub(others),
        }
    }

    fn refunds_of(&mut self, kind: RowKind, row: &SeenRow, reference: &ProviderReference) {
        let view = self.refund_view(kind, row);
        let booked = self.r.refunds_of(reference);
        let refunded = view.refunded(self.seen.rows(kind).len() == 1);
        let rise = refunded.unwrap_or(booked).saturating_sub(booked);
        let open = self.r.open_intents().find(|intent| {
            matches!(&intent.operation, Operation::Refund { reference: other, .. } if other == reference)
                && intent.was_sent()
        });
        match open {
            Some(intent) if rise.is_zero() || rise == intent.operation.amount() => {
                self.shown_refund(
                    intent,
                    reference,
                    view.shown_in(booked + intent.operation.amount()),
                );
            }
            Some(intent) if matches!(intent.progress, IntentState::Unknown(_)) => {
                self.facts.push(self.to_review(intent));
            }
            Some(intent) if intent.is_unresolved() => self.ask(ReviewReason::EffectDiffers, true),
            _ if rise.is_zero() => {}
            _ => self.facts.push(self.unplanned_refund(reference, rise)),
        }
        let known = self.r.money_row(reference).map(|row| row.refunded_seen);
        if let Some(refunded) =
            refunded.filter(|refunded| known.is_some_and(|known| known != *refunded))
        {
            self.facts.push(Fact::Provider(ProviderFact::RefundSeen {
                reference: reference.clone(),
                refunded,
            }));
        }
    }

    /// So many places in details show this refund with exactly its amount.
    fn shown_refund(&mut self, intent: &Intent, reference: &ProviderReference, shown: usize) {
        let history = match &intent.progress {
            IntentState::Unknown(unknown) | IntentState::NeedsReview(unknown) => {
                unknown.history_row.is_some()
            }
            _ => false,
        };
        // One that is about to be sent again is not: whoever did this, it has been given back.
        let enough = if intent.is_unresolved() { 2 } else { 1 };
        if shown > 0 && shown + usize::from(history) >= enough {
            self.confirm(
                intent,
                Some(reference.clone()),
                intent.operation.amount(),
                self.now,
            );
        } else if shown > 0 {
            self.traced.push(intent.id.clone());
        }
    }

    /// Money given back that no open refund accounts for: one that was resolved as not done, or somebody else's.
    fn unplanned_refund(&self, reference: &ProviderReference, amount: Money) -> Fact {
        let late = self.r.intents.iter().find(|intent| {
            let resolved =
                matches!(intent.progress, IntentState::Rejected { .. } | IntentState::Withdrawn { .. });
            let same = matches!(&intent.operation, Operation::Refund { reference: other, .. } if other == reference)
                && intent.operation.amount() == amount;
            let booked = self.r.ledger.iter().any(|row| row.intent.as_ref() == Some(&intent.id));
            resolved && same && intent.was_sent() && !booked
        });
        let row = LedgerRow {
            kind: RowKind::Refund,
            amount,
            lines: Vec::new(),
            reference: Some(reference.clone()),
            alias: None,
            at: self.now,
            intent: late.map(|intent| intent.id.clone()),
            confirmed: true,
            refunded_seen: Money::ZERO,
        };
        match late {
            Some(intent) => Fact::Intent(intent.id.clone(), IntentFact::LateEffectSeen { row }),
            None => Fact::Provider(ProviderFact::RowPosted { row }),
        }
    }
}
