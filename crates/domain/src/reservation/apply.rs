//! Folding facts into the reservation. Every pair of state and fact that is not listed is refused by name.

use chrono::{DateTime, Utc};

use super::progress::next;
use super::{
    Baseline, CalledBack, Closing, Closure, DEADLINE_GUARD, DeskItem, Doubt, Fact, Hold, Intent,
    IntentState, LedgerRow, LineAmount, Link, Operation, Reservation, ReviewReason, RowKind,
    SeenReservation, Sent,
};
use crate::id::IntentId;
use crate::money::Money;

/// A fact that cannot follow what is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fact \"{fact}\" cannot follow the state \"{state}\"")]
pub struct IllegalFact {
    /// The fact's name.
    pub fact: &'static str,
    /// The state it met.
    pub state: String,
}

impl IllegalFact {
    fn new(fact: &Fact, state: &str) -> Self {
        Self {
            fact: fact.name(),
            state: state.to_owned(),
        }
    }
}

impl Reservation {
    /// Folds one fact in.
    ///
    /// # Errors
    /// The fact cannot follow the state; the reservation is unchanged.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), IllegalFact> {
        match fact {
            Fact::Created => {}
            Fact::IntentPlanned { intent } => {
                if self.intent(&intent.id).is_some() {
                    return Err(IllegalFact::new(fact, "already planned"));
                }
                self.intents.push(intent.clone());
            }
            Fact::AttemptWritten { intent, .. }
            | Fact::AttemptSending { intent, .. }
            | Fact::AttemptUnsent { intent, .. }
            | Fact::AttemptAccepted { intent, .. }
            | Fact::AttemptRejected { intent, .. }
            | Fact::AttemptUnknown { intent, .. }
            | Fact::TraceMissing { intent, .. }
            | Fact::IntentConfirmed { intent, .. }
            | Fact::IntentAbsent { intent, .. }
            | Fact::IntentToDesk { intent, .. }
            | Fact::IntentWithdrawn { intent, .. }
            | Fact::LinkCreated { intent, .. }
            | Fact::HistoryRead { intent, .. }
            | Fact::IntentPressed { intent, .. }
            | Fact::MarkerEchoed { intent, .. }
            | Fact::LateEffect { intent, .. } => self.apply_to_intent(intent, fact)?,
            Fact::Held { .. } | Fact::HoldExpired { .. } => self.apply_hold(fact)?,
            Fact::DetailsRead { .. }
            | Fact::ReadWanted
            | Fact::CalledBack { .. }
            | Fact::UuidHinted { .. }
            | Fact::LinesSeen { .. }
            | Fact::LinkExpired { .. }
            | Fact::CaptureClosed { .. }
            | Fact::ForeignRow { .. }
            | Fact::RowConfirmed { .. }
            | Fact::RefundSeen { .. }
            | Fact::DuplicateSeen { .. }
            | Fact::DuplicatesSought { .. }
            | Fact::Closed { .. } => self.apply_seen(fact),
            Fact::Delivered {
                event_id,
                at,
                lines,
                complete,
            } => {
                self.apply_delivery(event_id, *at, lines, *complete);
            }
            Fact::ReminderUsed { .. }
            | Fact::GuardActed { .. }
            | Fact::DeskRaised { .. }
            | Fact::DeskCleared { .. }
            | Fact::Decided { .. }
            | Fact::Paused
            | Fact::Resumed
            | Fact::JobStopped { .. }
            | Fact::JobResumed { .. } => self.apply_control(fact),
        }
        self.version += 1;
        if fact.is_evidence() {
            self.evidence_version = self.version;
        }
        Ok(())
    }

    /// Folds several facts in, in order.
    ///
    /// # Errors
    /// The first that cannot follow; those before it have been folded in.
    pub fn apply_all<'a>(
        &mut self,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> Result<(), IllegalFact> {
        facts.into_iter().try_for_each(|fact| self.apply(fact))
    }

    fn apply_hold(&mut self, fact: &Fact) -> Result<(), IllegalFact> {
        self.hold = match (fact, self.hold) {
            (Fact::Held { at, amount }, Hold::None | Hold::Reserved { .. }) => Hold::Reserved {
                at: *at,
                amount: *amount,
            },
            (Fact::HoldExpired { .. }, Hold::Reserved { at, amount }) => {
                Hold::Expired { at, amount }
            }
            (_, Hold::None) => return Err(IllegalFact::new(fact, "nothing held")),
            (_, Hold::Reserved { .. }) => return Err(IllegalFact::new(fact, "held")),
            (_, Hold::Expired { .. }) => return Err(IllegalFact::new(fact, "hold expired")),
        };
        Ok(())
    }

    /// What reads, callbacks and answers tell of the provider's side.
    fn apply_seen(&mut self, fact: &Fact) {
        match fact {
            Fact::ReadWanted => self.want_read(),
            Fact::CalledBack { word, at } => {
                self.provider.called_back = Some(CalledBack {
                    word: word.clone(),
                    at: *at,
                });
                self.want_read();
            }
            Fact::UuidHinted { uuid } => self.hint(uuid),
            Fact::DetailsRead {
                at,
                status,
                coherent,
                since,
            } => {
                self.details_read(*at, status.as_ref(), *coherent, *since);
            }
            Fact::LinesSeen { lines, extra } => {
                for seen in lines {
                    if let Some(line) = self.lines.iter_mut().find(|line| line.line == seen.line) {
                        line.provider_id = Some(seen.provider_id);
                        line.captured_seen = seen.captured;
                    }
                }
                self.provider.extra_products.clone_from(extra);
            }
            Fact::LinkExpired { at } => self.link = Link::Expired { at: *at },
            Fact::CaptureClosed { at } => {
                let closed = self.provider.capture_closed_at;
                self.provider.capture_closed_at = Some(closed.map_or(*at, |known| known.min(*at)));
            }
            Fact::ForeignRow { row } => self.book(row.clone()),
            Fact::RowConfirmed {
                reference,
                amount,
                intent,
            } => {
                self.confirm_row(reference, *amount, intent.as_ref());
            }
            Fact::RefundSeen {
                reference,
                refunded,
            } => self.see_refund(reference, *refunded),
            Fact::DuplicateSeen { seen, .. } => self.see_duplicate(seen),
            Fact::DuplicatesSought {
                up_to, missed, at, ..
            } => self.duplicates_searched(up_to.as_ref(), *missed, *at),
            Fact::Closed {
                how: Closing::Completed,
                at,
                ..
            } => {
                self.closure = Closure::Completed { at: *at };
            }
            Fact::Closed {
                how: Closing::Cancelled,
                at,
                ..
            } => {
                self.closure = Closure::Cancelled { at: *at };
            }
            _ => {}
        }
    }

    fn apply_delivery(
        &mut self,
        event_id: &str,
        at: DateTime<Utc>,
        lines: &[LineAmount],
        complete: bool,
    ) {
        let delivery = &mut self.delivery;
        delivery.events.insert(event_id.to_owned());
        for part in lines {
            *delivery.lines.entry(part.line).or_default() += part.amount;
        }
        delivery.last_at = Some(delivery.last_at.map_or(at, |last| last.max(at)));
        // Events may arrive out of order: once everything is said to be delivered, an earlier part changes nothing.
        self.delivery.complete |= complete || self.is_all_delivered();
    }

    /// What people and the schedule's own jobs say.
    fn apply_control(&mut self, fact: &Fact) {
        match fact {
            Fact::ReminderUsed { slot, sent, at } => {
                self.reminders.slots = self.reminders.slots.max(slot + 1);
                if *sent {
                    self.reminders.sent += 1;
                    self.reminders.last_at = Some(*at);
                }
            }
            Fact::GuardActed { key, .. } => {
                // It has looked at all that is delivered by now.
                if key == DEADLINE_GUARD {
                    self.guards_done.insert(self.next_look());
                }
                self.guards_done.insert(key.clone());
            }
            Fact::DeskRaised {
                reason,
                freezes,
                at,
            } => self.raise(*reason, *freezes, *at),
            Fact::DeskCleared { reason } => self.control.desk.retain(|item| item.reason != *reason),
            Fact::Paused => self.control.paused = true,
            Fact::Resumed => self.control.paused = false,
            Fact::JobStopped { key } => {
                self.stopped.insert(key.clone());
            }
            Fact::JobResumed { key } => {
                self.stopped.remove(key);
            }
            _ => {}
        }
    }

    /// A read that begins with the version to come, or later, will do.
    const fn want_read(&mut self) {
        self.provider.read_wanted = Some(self.version + 1);
    }

    fn details_read(
        &mut self,
        at: DateTime<Utc>,
        status: Option<&String>,
        coherent: bool,
        since: i64,
    ) {
        let provider = &mut self.provider;
        provider.reads += 1;
        provider.status = status.cloned();
        provider.tried_at = Some(at);
        if coherent {
            provider.read_at = Some(at);
            provider.read_wanted = provider.read_wanted.filter(|wanted| *wanted > since);
            self.control.incoherent_reads = 0;
        } else {
            self.control.incoherent_reads += 1;
        }
    }

    /// A callback names the provider's id: a submit that was about to be repeated is in doubt again, and one that is
    /// in doubt is looked for anew.
    fn hint(&mut self, uuid: &str) {
        let known = self.provider.hinted_uuid.replace(uuid.to_owned());
        for submit in self
            .intents
            .iter_mut()
            .filter(|intent| intent.operation == Operation::Submit)
        {
            if let IntentState::Unknown(doubt) = &submit.progress
                && known.as_deref() != Some(uuid)
            {
                submit.progress = IntentState::Unknown(Doubt::new(doubt.sent, &doubt.reason));
            }
        }
        let repeated = |intent: &&mut Intent| {
            let waits = matches!(
                intent.progress,
                IntentState::Planned | IntentState::Written(_)
            );
            intent.operation == Operation::Submit && intent.was_sent() && waits
        };
        if let Some(submit) = self.intents.iter_mut().find(repeated) {
            let sent = Sent {
                attempt: submit.attempts,
                at: submit.created_at,
            };
            submit.progress =
                IntentState::Unknown(Doubt::new(sent, "a callback names the reservation"));
        }
    }

    fn see_duplicate(&mut self, seen: &SeenReservation) {
        let duplicates = &mut self.provider.duplicates;
        duplicates.retain(|known| known.reservation_uuid != seen.reservation_uuid);
        duplicates.push(seen.clone());
    }

    fn duplicates_searched(&mut self, up_to: Option<&String>, missed: bool, at: DateTime<Utc>) {
        let provider = &mut self.provider;
        let search = &mut provider.duplicate_search;
        search.at = Some(at);
        search.up_to = up_to.cloned();
        search.missed |= missed;
        if up_to.is_none() {
            // What was missed is looked for again, and what came before it with it.
            search.until = if search.missed {
                search.until
            } else {
                Some(at)
            };
            search.missed = false;
        }
        // What a callback named has been read with the rest.
        let known = provider.reservation_uuid.as_ref();
        provider.hinted_uuid = provider
            .hinted_uuid
            .take()
            .filter(|named| known == Some(named));
    }

    /// Gives a row what details show of it.
    fn confirm_row(&mut self, reference: &str, amount: Money, intent: Option<&IntentId>) {
        let named = |row: &LedgerRow| {
            row.kind != RowKind::Refund && row.reference.as_deref() == Some(reference)
        };
        let carried = |row: &LedgerRow| {
            row.kind != RowKind::Refund && intent.is_some() && row.intent.as_ref() == intent
        };
        let known = self.ledger.iter().position(named);
        let Some(index) = known.or_else(|| self.ledger.iter().position(carried)) else {
            return;
        };
        let row = &mut self.ledger[index];
        let before = row.reference.replace(reference.to_owned());
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

    fn is_all_delivered(&self) -> bool {
        self.lines
            .iter()
            .all(|line| self.delivered_on(line.line) == line.amount)
    }

    fn see_refund(&mut self, reference: &str, refunded: Money) {
        let mine = |row: &LedgerRow| {
            row.kind != RowKind::Refund && row.reference.as_deref() == Some(reference)
        };
        if let Some(row) = self.ledger.iter_mut().find(|row| mine(row)) {
            row.refunded_seen = refunded;
        }
        self.confirm_refunds(reference);
    }

    /// What a person vouched for has shown itself once details show as much given back as is booked.
    fn confirm_refunds(&mut self, reference: &str) {
        let seen = self
            .money_row(reference)
            .map_or(Money::ZERO, |row| row.refunded_seen);
        let of_it = |row: &LedgerRow| {
            row.kind == RowKind::Refund && row.reference.as_deref() == Some(reference)
        };
        let booked: Money = self
            .ledger
            .iter()
            .filter(|row| of_it(row))
            .map(|row| row.amount)
            .sum();
        if booked <= seen {
            for row in self.ledger.iter_mut().filter(|row| of_it(row)) {
                row.confirmed = true;
            }
        }
    }

    fn raise(&mut self, reason: ReviewReason, freezes: bool, at: DateTime<Utc>) {
        if reason.is_about_capturing() {
            self.delivery.asked_of = self.delivery.events.len();
        }
        match self
            .control
            .desk
            .iter_mut()
            .find(|item| item.reason == reason)
        {
            Some(item) => item.freezes |= freezes,
            None => self.control.desk.push(DeskItem {
                reason,
                at,
                freezes,
            }),
        }
    }

    /// Adds a row unless one of the same kind and reference stands there already (a refund's reference names
    /// the row it gives back from, so refunds may share one). One that was taken for somebody else's and turns out to
    /// be an intent's is taken over.
    fn book(&mut self, row: LedgerRow) {
        let of_intent = row.intent.as_ref().and_then(|id| self.intent(id));
        let known = |other: &LedgerRow| {
            row.kind != RowKind::Refund
                && other.kind == row.kind
                && other.reference == row.reference
        };
        let same = |other: &LedgerRow| match (&row.reference, of_intent) {
            (Some(_), _) => known(other),
            // Vouched for without a name: a row that nobody claims and that came since is what is meant.
            (None, Some(intent)) => {
                other.intent.is_none()
                    && other.kind == row.kind
                    && other.amount == row.amount
                    && !intent.knew(other.reference.as_deref())
            }
            (None, None) => false,
        };
        let found = self.ledger.iter().position(same);
        match found.map(|index| &mut self.ledger[index]) {
            None => self.ledger.push(row),
            Some(other) if other.intent.is_none() && row.intent.is_some() => {
                other.intent = row.intent;
                other.foreign = false;
                if other.amount == row.amount {
                    other.lines = row.lines;
                }
            }
            Some(_) => {}
        }
    }

    fn apply_to_intent(&mut self, id: &IntentId, fact: &Fact) -> Result<(), IllegalFact> {
        let index = self.intents.iter().position(|intent| intent.id == *id);
        let Some(index) = index else {
            return Err(IllegalFact::new(fact, "no such intent"));
        };
        let before = &self.intents[index];
        let progress = match (fact, before.pressed_behind()) {
            // The request that another one was to follow is in doubt again.
            (Fact::AttemptUnknown { reason, .. }, Some(sent)) => {
                Some(IntentState::Unknown(Doubt::new(sent, reason)))
            }
            _ => next(&before.progress, fact, &before.operation),
        };
        let Some(progress) = progress else {
            return Err(IllegalFact::new(fact, before.progress.name()));
        };
        let attempts = match fact {
            Fact::AttemptWritten { attempt, .. } => *attempt,
            Fact::AttemptUnsent { .. } => before.attempts.saturating_sub(1),
            // What was on record only was never sent.
            Fact::IntentWithdrawn { .. } | Fact::AttemptUnknown { .. }
                if matches!(before.progress, IntentState::Written(_)) =>
            {
                before.attempts.saturating_sub(1)
            }
            _ => before.attempts,
        };
        let was = before.clone();
        let baseline = matches!(fact, Fact::AttemptWritten { .. }).then(|| self.books());
        let intent = &mut self.intents[index];
        if let (Fact::AttemptUnknown { .. }, Some(sent)) = (fact, was.sent()) {
            intent.doubted_at = Some(sent.at);
        }
        intent.pressed = match fact {
            Fact::IntentPressed { .. } => true,
            Fact::IntentAbsent { .. } => false,
            _ => was.pressed,
        };
        intent.baseline = baseline.or_else(|| intent.baseline.take());
        intent.progress = progress;
        intent.attempts = attempts;
        self.effects(&was, fact);
        self.leave_desk(&was);
        Ok(())
    }

    /// What the books say now.
    pub(crate) fn books(&self) -> Baseline {
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

    /// What is settled needs no person any more.
    fn leave_desk(&mut self, was: &Intent) {
        let reason = was.operation.doubt_reason();
        let waits = |intent: &Intent| {
            matches!(intent.progress, IntentState::Desk(_))
                && intent.operation.doubt_reason() == reason
        };
        if waits(was) && !self.intents.iter().any(waits) {
            self.control.desk.retain(|item| item.reason != reason);
        }
    }

    /// What a fact about an intent means for the rest of the reservation.
    fn effects(&mut self, intent: &Intent, fact: &Fact) {
        match fact {
            Fact::AttemptAccepted { reference, at, .. } => {
                self.accepted(intent, reference.as_ref(), *at);
            }
            Fact::IntentConfirmed {
                reference,
                amount,
                at,
                ..
            } => {
                // Without a name it is booked on a person's word, and has to show itself.
                let shown = reference.is_some();
                if let Some(row) = row_of(intent, reference.as_ref(), *amount, *at, shown) {
                    self.book(row);
                }
                if let Operation::Refund { reference, .. } = &intent.operation {
                    self.confirm_refunds(reference);
                }
                self.close_by(&intent.operation, *at);
            }
            Fact::LinkCreated {
                reservation_uuid,
                customer_uuid,
                url,
                at,
                ..
            } => self.link_created(reservation_uuid, customer_uuid.as_ref(), url.as_ref(), *at),
            Fact::AttemptRejected { key, .. } if intent.operation == Operation::Submit => {
                self.link = Link::Failed {
                    reason: key.clone(),
                };
            }
            Fact::IntentWithdrawn { reason, .. } if intent.operation == Operation::Submit => {
                self.link = Link::Failed {
                    reason: reason.clone(),
                };
            }
            // It may have gone out: the next message keeps its distance.
            Fact::AttemptUnknown { .. } if matches!(intent.operation, Operation::Resend { .. }) => {
                let sent_at = intent.sent().map(|sent| sent.at);
                self.reminders.last_at = self.reminders.last_at.max(sent_at);
            }
            Fact::IntentToDesk { reason, at, .. } => self.raise(*reason, false, *at),
            Fact::LateEffect { row, .. } => {
                self.book(row.clone());
                self.raise(ReviewReason::LateEffect, true, row.at);
            }
            _ => {}
        }
    }

    /// The provider has the reservation under this id.
    fn link_created(
        &mut self,
        reservation_uuid: &str,
        customer_uuid: Option<&String>,
        url: Option<&String>,
        at: DateTime<Utc>,
    ) {
        self.provider
            .duplicates
            .retain(|known| known.reservation_uuid != reservation_uuid);
        // A callback on this reservation's own path spoke of another one, or a search found several.
        let hinted = self
            .provider
            .hinted_uuid
            .as_ref()
            .is_some_and(|hinted| hinted != reservation_uuid);
        if hinted || !self.provider.duplicates.is_empty() {
            self.raise(ReviewReason::EffectDiffers, true, at);
        }
        self.provider.reservation_uuid = Some(reservation_uuid.to_owned());
        self.provider.customer_uuid = customer_uuid.cloned();
        self.link = Link::Sent {
            url: url.cloned(),
            at,
        };
        // A callback that overtook this answer has told that there is something to read.
        if self.provider.hinted_uuid.is_some() {
            self.want_read();
        }
    }

    fn accepted(&mut self, intent: &Intent, reference: Option<&String>, at: DateTime<Utc>) {
        // Refunds are accepted as pending, and a row without a reference could not be told apart from
        // another one: both are booked when details show them.
        let known = !matches!(intent.operation, Operation::Refund { .. }) && reference.is_some();
        let amount = intent.operation.amount();
        if let Some(row) = row_of(intent, reference, amount, at, false).filter(|_| known) {
            self.book(row);
        }
        if matches!(intent.operation, Operation::Complete { .. }) {
            self.close_by(&intent.operation, at);
        }
        if let Operation::Resend { slot, .. } = &intent.operation {
            self.reminders.last_at = Some(at);
            if let Some(slot) = slot {
                self.reminders.slots = self.reminders.slots.max(slot + 1);
                self.reminders.sent += 1;
            }
        }
    }

    fn close_by(&mut self, operation: &Operation, at: DateTime<Utc>) {
        match operation {
            Operation::Cancel { .. } => self.closure = Closure::Cancelled { at },
            Operation::Complete { .. } => self.closure = Closure::Completed { at },
            _ => {}
        }
    }
}

/// The ledger row an intent's effect makes.
fn row_of(
    intent: &Intent,
    reference: Option<&String>,
    amount: Money,
    at: DateTime<Utc>,
    confirmed: bool,
) -> Option<LedgerRow> {
    let (lines, reference) = match &intent.operation {
        Operation::Capture { lines, .. } => (lines.clone(), reference.cloned()),
        Operation::Refund {
            lines, reference, ..
        } => (lines.clone(), Some(reference.clone())),
        _ => (Vec::new(), reference.cloned()),
    };
    // Which lines another amount than the decided one is on is not said.
    let as_decided = amount == intent.operation.amount();
    let lines = if as_decided { lines } else { Vec::new() };
    Some(LedgerRow {
        kind: intent.operation.row_kind()?,
        amount,
        lines,
        reference,
        alias: None,
        at,
        intent: Some(intent.id.clone()),
        foreign: false,
        confirmed,
        refunded_seen: Money::ZERO,
    })
}
