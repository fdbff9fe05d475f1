//! Money rows of details: each is attributed to the intent that made it, or to somebody else.

use chrono::{DateTime, Utc};

use super::Observer;
use super::snapshot::{SeenRow, find_row};
use crate::id::IntentId;
use crate::marker;
use crate::money::Money;
use crate::reservation::{DeskReason, Fact, Intent, IntentState, LedgerRow, Operation, RowKind};

impl Observer<'_> {
    pub(super) fn rows(&mut self, kind: RowKind) {
        for row in self.seen.rows(kind) {
            match self.r.money_row(row.reference.as_deref().unwrap_or_default()) {
                Some(known) => self.known_row(known, row),
                None => self.new_row(kind, row),
            }
        }
    }

    fn known_row(&mut self, known: &LedgerRow, row: &SeenRow) {
        let differs = known.amount != row.amount;
        if !known.confirmed || differs {
            self.confirm_row(row, None);
        }
        if differs {
            self.ask(DeskReason::EffectDiffers, true);
        }
    }

    fn confirm_row(&mut self, row: &SeenRow, intent: Option<IntentId>) {
        if let Some(reference) = row.reference.clone() {
            let amount = row.amount;
            self.facts.push(Fact::RowConfirmed { reference, amount, intent });
        }
    }

    /// Is this row the one that an intent's ledger row stands for under no name, or under another one?
    fn is_renamed(&self, row: &LedgerRow) -> bool {
        let shown = find_row(self.seen.rows(row.kind), row.reference.as_deref()).is_some();
        let told = |fact: &Fact| match fact {
            Fact::RowConfirmed { intent, .. } => intent.is_some() && *intent == row.intent,
            _ => false,
        };
        let nameless = row.reference.is_none() || (!row.confirmed && !shown);
        row.intent.is_some() && nameless && !self.facts.iter().any(told)
    }

    /// Attributes a row that is not in the ledger: to the intent whose marker it carries, else to somebody else.
    fn new_row(&mut self, kind: RowKind, row: &SeenRow) {
        let at = row.at.unwrap_or(self.now).min(self.now);
        let text = row.text.as_deref().unwrap_or_default();
        let of_kind = |intent: &&Intent| intent.operation.row_kind() == Some(kind);
        let marked = self.r.intents.iter().filter(of_kind).find(|intent| marker::is_in(text, &intent.marker));
        let ledger_row = |intent: Option<&Intent>| LedgerRow {
            kind,
            amount: row.amount,
            lines: Vec::new(),
            reference: row.reference.clone(),
            at,
            intent: intent.map(|intent| intent.id.clone()),
            foreign: intent.is_none(),
            confirmed: true,
            refunded_seen: Money::ZERO,
        };
        let Some(intent) = marked else {
            return self.unmarked_row(kind, row, ledger_row(None));
        };
        // The answer named it otherwise, or a person vouched for it without a name.
        if let Some(known) = self.other_name(kind, intent) {
            let differs = known.amount != row.amount;
            self.confirm_row(row, Some(intent.id.clone()));
            if differs {
                self.ask(DeskReason::EffectDiffers, true);
            }
            return;
        }
        match &intent.progress {
            IntentState::Rejected { .. } | IntentState::Withdrawn { .. } => {
                self.facts
                    .push(Fact::LateEffect { intent: intent.id.clone(), row: ledger_row(Some(intent)) });
            }
            // The effect of one intent a second time.
            _ if !intent.is_open() || self.confirmed_now(&intent.id) => {
                self.facts.push(Fact::ForeignRow { row: ledger_row(Some(intent)) });
                self.ask(DeskReason::EffectDiffers, true);
            }
            _ => self.confirm(intent, row.reference.clone(), row.amount, at),
        }
    }

    fn other_name(&self, kind: RowKind, intent: &Intent) -> Option<&LedgerRow> {
        let of_intent = |row: &&LedgerRow| row.kind == kind && row.intent.as_ref() == Some(&intent.id);
        let mut own = self.r.ledger.iter().filter(of_intent);
        match (own.next(), own.next()) {
            (Some(row), None) => Some(row).filter(|row| self.is_renamed(row)),
            _ => None,
        }
    }

    fn confirmed_now(&self, id: &IntentId) -> bool {
        self.facts.iter().any(|fact| matches!(fact, Fact::IntentConfirmed { intent, .. } if intent == id))
    }

    pub(super) fn confirm(
        &mut self,
        intent: &Intent,
        reference: Option<String>,
        amount: Money,
        at: DateTime<Utc>,
    ) {
        self.facts.push(Fact::IntentConfirmed { intent: intent.id.clone(), reference, amount, at });
        if amount != intent.operation.amount() {
            self.ask(DeskReason::EffectDiffers, true);
        }
    }

    /// A row without a marker of ours. Only what the provider has accepted without naming it can be ours.
    fn unmarked_row(&mut self, kind: RowKind, row: &SeenRow, foreign: LedgerRow) {
        let vouched = |known: &&LedgerRow| {
            known.kind == kind
                && known.reference.is_none()
                && known.amount == row.amount
                && self.is_renamed(known)
        };
        if let Some(known) = self.r.ledger.iter().find(vouched) {
            return self.confirm_row(row, known.intent.clone());
        }
        let equal = |intent: &&Intent| {
            intent.operation.row_kind() == Some(kind)
                && intent.operation.amount() == row.amount
                && intent.is_unresolved()
                && !self.confirmed_now(&intent.id)
        };
        let candidates: Vec<_> = self.r.open_intents().filter(equal).collect();
        match candidates.as_slice() {
            [intent] if matches!(intent.progress, IntentState::Accepted { .. }) => {
                self.confirm(intent, row.reference.clone(), row.amount, foreign.at);
            }
            // Somebody in the portal, or our marker cut off: booked so that it is never taken twice, and asked.
            [] => self.facts.push(Fact::ForeignRow { row: foreign }),
            [intent, ..] => {
                self.facts.push(Fact::ForeignRow { row: foreign });
                if matches!(intent.progress, IntentState::Unknown(_)) {
                    self.facts.push(self.to_desk(intent));
                }
            }
        }
    }

    pub(super) fn to_desk(&self, intent: &Intent) -> Fact {
        Fact::IntentToDesk {
            intent: intent.id.clone(),
            reason: intent.operation.doubt_reason(),
            at: self.now,
        }
    }

    /// Refunds have no marker: what a row has given back more than is booked is our open refund of exactly
    /// that amount, or somebody else's.
    pub(super) fn refunds(&mut self) {
        for kind in [RowKind::Capture, RowKind::Charge] {
            let total = if kind == RowKind::Capture {
                self.seen.refunded_captured
            } else {
                self.seen.refunded_charged
            };
            let rows = self.seen.rows(kind);
            for row in rows {
                let Some(reference) = row.reference.as_deref() else {
                    continue;
                };
                // Older details do not say it by row; with a single row the aggregate does.
                let refunded = row.refunded.or((rows.len() == 1).then_some(total));
                if let Some(refunded) = refunded {
                    self.refund_of(reference, refunded);
                }
            }
        }
    }

    fn refund_of(&mut self, reference: &str, refunded: Money) {
        let ours =
            |row: &&LedgerRow| row.kind == RowKind::Refund && row.reference.as_deref() == Some(reference);
        let booked: Money = self.r.ledger.iter().filter(ours).map(|row| row.amount).sum();
        let rise = refunded.saturating_sub(booked);
        if !rise.is_zero() {
            let open = self.r.open_intents().find(|intent| {
                matches!(&intent.operation, Operation::Refund { reference: other, .. } if other == reference)
                    && intent.was_sent()
            });
            match open {
                Some(intent) if intent.operation.amount() == rise => {
                    self.confirm(intent, Some(reference.to_owned()), rise, self.now);
                }
                Some(intent) if matches!(intent.progress, IntentState::Unknown(_)) => {
                    self.facts.push(self.to_desk(intent));
                }
                Some(intent) if intent.is_unresolved() => self.ask(DeskReason::EffectDiffers, true),
                _ => self.facts.push(self.unplanned_refund(reference, rise)),
            }
        }
        if self.r.money_row(reference).is_some_and(|row| row.refunded_seen != refunded) {
            self.facts.push(Fact::RefundSeen { reference: reference.to_owned(), refunded });
        }
    }

    /// Money given back that no open refund accounts for: one that was settled as not done, or somebody else's.
    fn unplanned_refund(&self, reference: &str, amount: Money) -> Fact {
        let late = self.r.intents.iter().find(|intent| {
            let settled =
                matches!(intent.progress, IntentState::Rejected { .. } | IntentState::Withdrawn { .. });
            let same = matches!(&intent.operation, Operation::Refund { reference: other, .. } if other == reference)
                && intent.operation.amount() == amount;
            let booked = self.r.ledger.iter().any(|row| row.intent.as_ref() == Some(&intent.id));
            settled && same && intent.was_sent() && !booked
        });
        let row = LedgerRow {
            kind: RowKind::Refund,
            amount,
            lines: Vec::new(),
            reference: Some(reference.to_owned()),
            at: self.now,
            intent: late.map(|intent| intent.id.clone()),
            foreign: late.is_none(),
            confirmed: true,
            refunded_seen: Money::ZERO,
        };
        match late {
            Some(intent) => Fact::LateEffect { intent: intent.id.clone(), row },
            None => Fact::ForeignRow { row },
        }
    }
}
