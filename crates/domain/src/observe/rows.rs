//! Money rows of details: each is attributed to the intent that made it, or to somebody else.

use chrono::{DateTime, Utc};

use super::Observer;
use super::snapshot::{SeenRow, find_row};
use crate::id::IntentId;
use crate::money::Money;
use crate::policy::OnDelivery;
use crate::reference::ProviderReference;
use crate::reservation::{
    Fact, Intent, IntentFact, IntentState, LedgerRow, ProviderFact, ReviewReason, RowKind,
};
use crate::resolve::MarkerEcho;

impl Observer<'_> {
    pub(super) fn rows(&mut self, kind: RowKind) {
        for row in self.seen.rows(kind) {
            let reference = row.reference.as_ref();
            match reference.and_then(|reference| self.r.money_row(reference)) {
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
            self.ask(ReviewReason::EffectDiffers, true);
        }
        match known.intent.as_ref().and_then(|id| self.r.intent(id)) {
            // Known by the reference of the answer: now it shows whether markers come back.
            Some(intent) if !known.confirmed => {
                self.echo(
                    intent,
                    intent.marker.is_in(row.text.as_deref().unwrap_or_default()),
                );
            }
            Some(_) => {}
            None => self.nobodys_row(known, row),
        }
    }

    /// A row that was booked as somebody else's is looked at again: its text may show late, or a second source speak up.
    fn nobodys_row(&mut self, known: &LedgerRow, row: &SeenRow) {
        if let Some(intent) = self.marked(known.kind, row).cloned() {
            return self.marked_row(&intent, row, known.clone());
        }
        let waits = |intent: &&Intent| {
            matches!(
                intent.progress,
                IntentState::Unknown(_) | IntentState::NeedsReview(_)
            ) && self.can_be(intent, known.kind, row)
        };
        if let Some(intent) = self.r.open_intents().find(waits) {
            self.on_second_source(intent, row, known.at);
        }
    }

    fn confirm_row(&mut self, row: &SeenRow, intent: Option<IntentId>) {
        if let Some(reference) = row.reference.clone() {
            let amount = row.amount;
            self.facts.push(Fact::Provider(ProviderFact::RowConfirmed {
                reference,
                amount,
                intent,
            }));
        }
    }

    /// Is this row the one that an intent's ledger row stands for under no name, or under another one?
    fn is_renamed(&self, row: &LedgerRow) -> bool {
        let shown = find_row(self.seen.rows(row.kind), row.reference.as_ref()).is_some();
        let result = |fact: &Fact| match fact {
            Fact::Provider(ProviderFact::RowConfirmed { intent, .. }) => {
                intent.is_some() && *intent == row.intent
            }
            _ => false,
        };
        let nameless = row.reference.is_none() || (!row.confirmed && !shown);
        row.intent.is_some() && nameless && !self.facts.iter().any(result)
    }

    /// Attributes a row that is not in the ledger: to the intent whose marker it carries, else to somebody else.
    fn new_row(&mut self, kind: RowKind, row: &SeenRow) {
        let booked = LedgerRow {
            kind,
            amount: row.amount,
            lines: Vec::new(),
            reference: row.reference.clone(),
            alias: None,
            at: row.at.unwrap_or(self.now).min(self.now),
            intent: None,
            confirmed: true,
            refunded_seen: Money::ZERO,
        };
        match self.marked(kind, row).cloned() {
            Some(intent) => self.marked_row(&intent, row, booked),
            None => self.unmarked_row(kind, row, booked),
        }
    }

    fn marked_row(&mut self, intent: &Intent, row: &SeenRow, booked: LedgerRow) {
        self.echo(intent, true);
        let (kind, at) = (booked.kind, booked.at);
        // The answer named it otherwise, or a person vouched for it without a name.
        if let Some(known) = self.other_name(kind, intent) {
            let differs = known.amount != row.amount;
            self.confirm_row(row, Some(intent.id.clone()));
            if differs {
                self.ask(ReviewReason::EffectDiffers, true);
            }
            return;
        }
        let ours = LedgerRow {
            intent: Some(intent.id.clone()),
            ..booked
        };
        let closed = !intent.is_open() || self.confirmed_now(&intent.id);
        let given_up = matches!(
            intent.progress,
            IntentState::Rejected { .. } | IntentState::Withdrawn { .. }
        );
        if given_up && !self.has_row(&intent.id) {
            self.facts.push(Fact::Intent(
                intent.id.clone(),
                IntentFact::LateEffectSeen { row: ours },
            ));
        } else if closed {
            // The effect of one intent a second time.
            self.facts
                .push(Fact::Provider(ProviderFact::RowPosted { row: ours }));
            self.ask(ReviewReason::EffectDiffers, true);
        } else {
            self.confirm(intent, row.reference.clone(), row.amount, at);
            if row.amount == intent.operation.amount() && !self.lines_fit(intent, row) {
                self.ask(ReviewReason::EffectDiffers, true);
            }
        }
    }

    /// Does the ledger hold an effect of this intent, this read included?
    fn has_row(&self, id: &IntentId) -> bool {
        let result = |fact: &Fact| matches!(fact, Fact::Intent(intent, IntentFact::LateEffectSeen { .. }) if intent == id);
        self.r
            .ledger
            .iter()
            .any(|row| row.intent.as_ref() == Some(id))
            || self.facts.iter().any(result)
    }

    /// Details show an effect that is known to be this intent's with its marker, or without: said when it is news.
    fn echo(&mut self, intent: &Intent, echoed: bool) {
        let result = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Intent(_, IntentFact::MarkerChecked { shown: echoed, .. }) => Some(*echoed),
            _ => None,
        });
        let before = match result {
            Some(true) => MarkerEcho::Verified,
            Some(false) => MarkerEcho::Broken,
            None => self.evidence.marker_echo,
        };
        let after = if echoed {
            MarkerEcho::Verified
        } else {
            MarkerEcho::Broken
        };
        if before != after {
            self.facts.push(Fact::Intent(
                intent.id.clone(),
                IntentFact::MarkerChecked { shown: echoed },
            ));
        }
        if before == MarkerEcho::Verified && after == MarkerEcho::Broken {
            self.ask(ReviewReason::MarkerBroken, false);
        }
    }

    fn other_name(&self, kind: RowKind, intent: &Intent) -> Option<&LedgerRow> {
        let of_intent =
            |row: &&LedgerRow| row.kind == kind && row.intent.as_ref() == Some(&intent.id);
        let mut own = self.r.ledger.iter().filter(of_intent);
        match (own.next(), own.next()) {
            (Some(row), None) => Some(row).filter(|row| self.is_renamed(row)),
            _ => None,
        }
    }

    fn confirmed_now(&self, id: &IntentId) -> bool {
        self.facts
            .iter()
            .any(|fact| matches!(fact, Fact::Intent(intent, IntentFact::Confirmed { .. }) if intent == id))
    }

    pub(super) fn confirm(
        &mut self,
        intent: &Intent,
        reference: Option<ProviderReference>,
        amount: Money,
        at: DateTime<Utc>,
    ) {
        self.facts.push(Fact::Intent(
            intent.id.clone(),
            IntentFact::Confirmed {
                reference,
                amount,
                at,
            },
        ));
        if amount != intent.operation.amount() {
            self.ask(ReviewReason::EffectDiffers, true);
        }
    }

    /// A row without a marker of ours. Only what the provider has accepted without naming it can be ours, and, where
    /// markers do not come back, what a second source speaks for.
    fn unmarked_row(&mut self, kind: RowKind, row: &SeenRow, external: LedgerRow) {
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
        let at = external.at;
        match candidates.as_slice() {
            [intent] if matches!(intent.progress, IntentState::Accepted { .. }) => {
                self.confirm(intent, row.reference.clone(), row.amount, at);
            }
            [intent] if self.can_be(intent, kind, row) => {
                if !self.on_second_source(intent, row, at) {
                    self.facts
                        .push(Fact::Provider(ProviderFact::RowPosted { row: external }));
                }
            }
            // Somebody in the portal, or our marker cut off: booked so that no second row takes its place, and a person is asked.
            [] => self.adopt(external),
            [intent, ..] => {
                self.facts
                    .push(Fact::Provider(ProviderFact::RowPosted { row: external }));
                if matches!(intent.progress, IntentState::Unknown(_)) {
                    self.facts.push(self.to_review(intent));
                }
            }
        }
    }

    /// Books what somebody did in the portal, and asks when it took more than was delivered.
    fn adopt(&mut self, row: LedgerRow) {
        let counted = self.r.policy.capture.on_delivery != OnDelivery::Manual;
        let too_much =
            row.kind == RowKind::Capture && counted && self.seen.captured > self.r.delivered();
        self.facts
            .push(Fact::Provider(ProviderFact::RowPosted { row }));
        if too_much {
            self.ask(ReviewReason::ExternalChange, false);
        }
    }

    /// Takes a row that can be the effect in doubt for it once a second source speaks for it. Until then the history
    /// is asked, before a person is.
    fn on_second_source(&mut self, intent: &Intent, row: &SeenRow, at: DateTime<Utc>) -> bool {
        let result = self.has_second_source(intent, row);
        if result {
            self.confirm(intent, row.reference.clone(), row.amount, at);
        } else {
            self.traced.push(intent.id.clone());
        }
        result
    }

    pub(super) fn to_review(&self, intent: &Intent) -> Fact {
        Fact::Intent(
            intent.id.clone(),
            IntentFact::Escalated {
                reason: intent.operation.review_reason(),
                at: self.now,
            },
        )
    }
}
