//! What follows from the facts: the sums, what is left of them, and until when.

use chrono::{DateTime, Utc};

use super::{Closure, Hold, Intent, LedgerRow, Line, Operation, Reservation, RowKind};

use crate::id::IntentId;
use crate::job::JobKey;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reference::ProviderReference;
use crate::windows::{capture_by, charge_by};

impl Reservation {
    /// The sum of the lines.
    #[must_use]
    pub fn total(&self) -> Money {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// May its submit have made another reservation at the provider than the one in the books?
    #[must_use]
    pub fn may_be_there_twice(&self) -> bool {
        let twice =
            |intent: &Intent| intent.operation == Operation::Submit && intent.attempts() > 1;
        self.intents.iter().any(twice)
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

    /// What was captured on a line: booked, or seen and not yet to be attributed to a line.
    #[must_use]
    pub fn captured_on(&self, line: u32) -> Money {
        let of = |shown: bool| -> Money {
            let rows = self
                .ledger
                .iter()
                .filter(|row| row.kind == RowKind::Capture);
            rows.filter(|row| row.confirmed == shown)
                .flat_map(|row| &row.lines)
                .filter(|part| part.line == line)
                .map(|part| part.amount)
                .sum()
        };
        // Details show what is confirmed, external rows included; what was accepted since comes on top.
        let seen = self
            .line(line)
            .map_or(Money::ZERO, |line| line.captured_seen);
        seen.max(of(true)) + of(false)
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
    pub fn refundable(&self, reference: &ProviderReference) -> Money {
        let Some(row) = self.money_row(reference) else {
            return Money::ZERO;
        };
        let claimed: Money = self
            .open_intents()
            .filter(|intent| matches!(&intent.operation, Operation::Refund { reference: other, .. } if other == reference))
            .map(|intent| intent.operation.amount())
            .sum();
        row.amount
            .saturating_sub(self.given_back(reference) + claimed)
    }

    /// What has been given back of the row with this reference: booked or seen, whichever is more.
    #[must_use]
    pub fn given_back(&self, reference: &ProviderReference) -> Money {
        let seen = self
            .money_row(reference)
            .map_or(Money::ZERO, |row| row.refunded_seen);
        self.refunds_of(reference).max(seen)
    }

    /// The sum of the booked refunds of the row with this reference.
    #[must_use]
    pub fn refunds_of(&self, reference: &ProviderReference) -> Money {
        let refunds = self.ledger.iter().filter(|row| row.kind == RowKind::Refund);
        refunds
            .filter(|row| row.reference.as_ref() == Some(reference))
            .map(|row| row.amount)
            .sum()
    }

    /// What details show as given back of the row with this reference, and no booked refund accounts for.
    #[must_use]
    pub fn unbooked_refund(&self, reference: &ProviderReference) -> Money {
        let seen = self
            .money_row(reference)
            .map_or(Money::ZERO, |row| row.refunded_seen);
        seen.saturating_sub(self.refunds_of(reference))
    }

    /// The capture or charge with this reference.
    #[must_use]
    pub fn money_row(&self, reference: &ProviderReference) -> Option<&LedgerRow> {
        self.ledger
            .iter()
            .find(|row| row.kind != RowKind::Refund && row.is_called(reference))
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

    /// What was delivered on a line and is not captured, whether it can still be captured or not.
    #[must_use]
    pub fn owed_on(&self, line: u32) -> Money {
        self.delivered_on(line)
            .saturating_sub(self.captured_on(line))
    }

    /// What was delivered in all.
    pub(crate) fn delivered(&self) -> Money {
        self.lines
            .iter()
            .map(|line| self.delivered_on(line.line))
            .sum()
    }

    /// Has a person been asked about all that was delivered and is not captured?
    pub(crate) fn is_asked_about(&self) -> bool {
        self.delivery.asked_of == self.delivery.events.len()
    }

    /// The key of the look before the deadline at all that is delivered by now, after the first such look.
    pub(crate) fn next_look(&self) -> JobKey {
        JobKey::DeadlineActAgain(self.delivery.events.len())
    }

    /// The intent with this id.
    #[must_use]
    pub fn intent(&self, id: &IntentId) -> Option<&Intent> {
        self.intents.iter().find(|intent| intent.id == *id)
    }

    /// The intent that a job with this key carries.
    #[must_use]
    pub fn intent_of_key(&self, key: &JobKey) -> Option<&Intent> {
        self.intents.iter().rev().find(|intent| intent.key == *key)
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

    /// Has the provider been asked to let the hold go?
    pub(crate) fn is_being_cancelled(&self) -> bool {
        let cancels = |intent: &Intent| matches!(intent.operation, Operation::Cancel { .. });
        self.open_intents()
            .any(|intent| cancels(intent) && intent.is_unresolved())
    }

    /// Are the books open?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.closure, Closure::Open)
    }

    /// Must a person decide before anything is sent?
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.control.reviews.iter().any(|item| item.freezes)
    }
}
