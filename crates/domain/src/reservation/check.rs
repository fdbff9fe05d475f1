//! What is asked for, checked against the facts before anything is recorded.

use chrono::{DateTime, TimeDelta, Utc};

use super::lines::on_line;
use super::{
    CaptureRequest, ChargeLine, ChargeRequest, Closure, Contact, DeliveryFact, DeliveryRequest,
    Fact, Hold, IntentState, Line, LineAmount, Link, MAX_LINES, MAX_NOTE, Operation, Refusal,
    Reservation, RowKind,
};
use crate::code::ErrorCode;
use crate::customer::is_text;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::policy::Channel;
use crate::{FieldError, Status};

/// A delivery may be announced this long before it takes place.
const DELIVERY_AHEAD: TimeDelta = TimeDelta::hours(24);

fn note_faults(note: Option<&str>) -> Result<(), Refusal> {
    match note {
        Some(note) if !is_text(note, MAX_NOTE) => Err(Refusal::field(
            "note",
            "is empty, longer than 200 characters, or holds control characters",
        )),
        _ => Ok(()),
    }
}

impl Reservation {
    /// The fact that a delivery makes; `None` when its event has been counted before.
    ///
    /// # Errors
    /// The request does not fit the lines, or lies too far ahead.
    pub fn deliver(
        &self,
        request: &DeliveryRequest,
        now: DateTime<Utc>,
    ) -> Result<Option<Fact>, Refusal> {
        if !is_text(&request.event_id, 64) {
            return Err(Refusal::field(
                "event_id",
                "is empty or longer than 64 characters",
            ));
        }
        if self.delivery.events.contains(&request.event_id) {
            return Ok(None);
        }
        let at = request.delivered_at.unwrap_or(now);
        if at > now + DELIVERY_AHEAD {
            return Err(Refusal::field(
                "delivered_at",
                "is more than 24 hours ahead",
            ));
        }
        let rest = |line: &Line| line.amount.saturating_sub(self.delivered_on(line.line));
        let (lines, complete) = match &request.lines {
            None => {
                let all = self.lines.iter().map(|line| LineAmount {
                    line: line.line,
                    amount: rest(line),
                });
                (
                    all.filter(|part| !part.amount.is_zero()).collect(),
                    request.complete.unwrap_or(true),
                )
            }
            Some(lines) => (self.known_lines(lines)?, request.complete.unwrap_or(false)),
        };
        Ok(Some(Fact::Delivery(DeliveryFact::Reported {
            event_id: request.event_id.clone(),
            at,
            lines,
            complete,
        })))
    }

    /// The capture that a request asks for.
    ///
    /// # Errors
    /// Nothing is held, the window is closed, or more is asked for than is left.
    pub fn capture(
        &self,
        request: &CaptureRequest,
        merchant: &Merchant,
        now: DateTime<Utc>,
    ) -> Result<Operation, Refusal> {
        note_faults(request.note.as_deref())?;
        self.require_open("captured")?;
        if !matches!(self.hold, Hold::Reserved { .. }) {
            return Err(Refusal::state(
                ErrorCode::NotHeld,
                format!("nothing is held: the reservation is {}", self.status()),
            ));
        }
        if self.capture_by(merchant).is_some_and(|by| now >= by) {
            return Err(Refusal::state(
                ErrorCode::CaptureWindowClosed,
                "the capture window has closed; a charge may still be possible",
            ));
        }
        let lines = match (&request.lines, request.amount) {
            (Some(_), Some(_)) => {
                return Err(Refusal::field(
                    "amount",
                    "cannot stand beside lines; give one of the two",
                ));
            }
            (Some(lines), None) => self.known_lines(lines)?,
            (None, Some(amount)) => self
                .spread(amount, |line| self.capturable_on(line))
                .ok_or_else(|| {
                    let left = self.left_to_capture();
                    Refusal::field("amount", format!("asks for {amount}, and {left}"))
                })?,
            (None, None) => self.capturable_lines(),
        };
        self.check_capture(&lines)?;
        Ok(Operation::Capture {
            lines,
            note: request.note.clone(),
        })
    }

    fn check_capture(&self, lines: &[LineAmount]) -> Result<(), Refusal> {
        let asked: Money = lines.iter().map(|line| line.amount).sum();
        if asked.is_zero() {
            let message = format!("nothing is left to capture: {}", self.left_to_capture());
            return Err(Refusal::state(ErrorCode::NothingCapturable, message));
        }
        for LineAmount { line, amount } in lines.iter().copied() {
            let left = self.capturable_on(line);
            if amount > left {
                let left = self.head_room(left, "captured", |operation| match operation {
                    Operation::Capture { lines, .. } => on_line(lines, line),
                    _ => Money::ZERO,
                });
                return Err(Refusal::field(
                    "lines",
                    format!("asks for {amount} of line {line}, and {left}"),
                ));
            }
        }
        if asked > self.capturable() {
            let message = format!("ask for {asked}, and {}", self.left_to_capture());
            return Err(Refusal::field("lines", message));
        }
        Ok(())
    }

    fn left_to_capture(&self) -> String {
        self.head_room(self.capturable(), "captured", |operation| match operation {
            Operation::Capture { .. } => operation.amount(),
            _ => Money::ZERO,
        })
    }

    /// What is left to be captured or refunded, in words, with what counts as spent although its outcome is unknown.
    /// `of` says how much of it an operation takes.
    pub(super) fn head_room(
        &self,
        left: Money,
        done: &str,
        of: impl Fn(&Operation) -> Money,
    ) -> String {
        let (mut unknown, mut under_way) = (Money::ZERO, Money::ZERO);
        for intent in self.open_intents() {
            match intent.progress {
                IntentState::Sending { .. }
                | IntentState::Unknown(_)
                | IntentState::NeedsReview(_) => {
                    unknown += of(&intent.operation);
                }
                _ => under_way += of(&intent.operation),
            }
        }
        let spent = [(unknown, "is unknown"), (under_way, "is under way")];
        let spent = spent.into_iter().filter(|(amount, _)| !amount.is_zero());
        let spent = spent.map(|(amount, why)| format!("; {amount} {why} and counts as {done}"));
        std::iter::once(format!("{left} can still be {done}"))
            .chain(spent)
            .collect()
    }

    /// The charge that a request asks for.
    ///
    /// # Errors
    /// No card is known, the time to charge is over, or a line is wrong.
    pub fn charge(
        &self,
        request: &ChargeRequest,
        merchant: &Merchant,
        now: DateTime<Utc>,
    ) -> Result<Operation, Refusal> {
        note_faults(request.note.as_deref())?;
        let Some(by) = self.charge_by(merchant) else {
            return Err(Refusal::state(
                ErrorCode::NoCard,
                "no card is known: the payer has not paid this reservation",
            ));
        };
        if matches!(self.closure, Closure::Cancelled { .. }) {
            return Err(Refusal::state(
                ErrorCode::Closed,
                "the reservation is cancelled and cannot be charged",
            ));
        }
        if now >= by {
            return Err(Refusal::state(
                ErrorCode::ChargeWindowClosed,
                format!("the card could be charged until {by}"),
            ));
        }
        let mut faults: Vec<FieldError> = Vec::new();
        if request.lines.is_empty() || request.lines.len() > MAX_LINES {
            faults.push(FieldError::new("lines", "has no entries, or more than 500"));
        } else if request.lines.iter().all(|line| line.amount.is_zero()) {
            let message = "add up to 0.00: there is nothing to charge";
            faults.push(FieldError::new("lines", message));
        }
        for (index, line) in request.lines.iter().enumerate() {
            faults.extend(line.faults(&format!("lines[{index}]"), merchant));
        }
        if !faults.is_empty() {
            return Err(Refusal::Fields(faults));
        }
        let lines = request.lines.iter().map(|line| ChargeLine {
            name: line.name.clone(),
            product_id: line.product_id.clone(),
            rate: line.rate,
            tax_percent: line.tax_percent,
            amount: line.amount,
        });
        Ok(Operation::Charge {
            lines: lines.collect(),
            note: request.note.clone(),
        })
    }

    /// The cancel that a request asks for.
    ///
    /// # Errors
    /// Money has been taken, or the books are closed.
    pub fn cancel(&self, note: &str) -> Result<Operation, Refusal> {
        note_faults(Some(note))?;
        self.require_open("cancelled")?;
        let taken = self.ledger.iter().any(|row| row.kind != RowKind::Refund);
        if taken {
            let message = "money has been taken, so it cannot be cancelled; refund it and complete it instead";
            return Err(Refusal::state(ErrorCode::MoneyTaken, message));
        }
        if matches!(self.link, Link::Failed { .. }) {
            return Err(Refusal::state(
                ErrorCode::NotAtProvider,
                "the provider never had it; there is nothing to cancel",
            ));
        }
        Ok(Operation::Cancel {
            note: note.to_owned(),
        })
    }

    /// The complete that a request asks for.
    ///
    /// # Errors
    /// No money has been taken, something is unresolved, or the books are closed.
    pub fn complete(&self, note: &str) -> Result<Operation, Refusal> {
        note_faults(Some(note))?;
        self.require_open("completed")?;
        if !self.ledger.iter().any(|row| row.kind != RowKind::Refund) {
            let message = "nothing has been captured or charged; cancel it instead";
            return Err(Refusal::state(ErrorCode::NoMoneyTaken, message));
        }
        if let Some(open) = self
            .open_intents()
            .find(|intent| intent.operation.is_exclusive())
        {
            let message = format!(
                "a {} is not over yet; the books are closed after it",
                open.operation.job_kind()
            );
            return Err(Refusal::state(ErrorCode::OperationOpen, message));
        }
        Ok(Operation::Complete {
            note: note.to_owned(),
        })
    }

    /// The resend that a request asks for.
    ///
    /// # Errors
    /// There is no unpaid link, or the contact is wrong.
    pub fn resend(&self, contact: &Contact) -> Result<Operation, Refusal> {
        let faults = contact.faults();
        if !faults.is_empty() {
            return Err(Refusal::Fields(faults));
        }
        if self.status() != Status::AwaitingPayment {
            let message = format!(
                "there is no unpaid link to send: the reservation is {}",
                self.status()
            );
            return Err(Refusal::state(ErrorCode::NoOpenLink, message));
        }
        let email = contact.email.is_some().then_some(Channel::Email);
        let sms = contact.msisdn.is_some().then_some(Channel::Sms);
        let mut by: Vec<Channel> = email.into_iter().chain(sms).collect();
        let other_recipient = !by.is_empty();
        if !other_recipient {
            by.extend(self.policy.reminders.channels.first());
        }
        Ok(Operation::Resend {
            by,
            other_recipient,
            slot: None,
        })
    }

    fn require_open(&self, done: &str) -> Result<(), Refusal> {
        match self.closure {
            Closure::Open => Ok(()),
            Closure::Completed { .. } | Closure::Cancelled { .. } => Err(Refusal::state(
                ErrorCode::Closed,
                format!("the reservation is {} and cannot be {done}", self.status()),
            )),
        }
    }
}
