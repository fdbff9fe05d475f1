//! What people and booking systems ask for, checked against the facts before anything is recorded.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ChargeLine, Closure, Fact, Hold, IntentState, Line, LineAmount, Link, MAX_LINES, NewLine,
    Operation, RefundSource, Reservation, RowKind,
};
use crate::code::ErrorCode;
use crate::customer::{is_country_code, is_email, is_msisdn, is_text};
use crate::merchant::Merchant;
use crate::money::Money;
use crate::policy::Channel;
use crate::{FieldError, Status};

/// A delivery may be announced this long before it takes place.
const DELIVERY_AHEAD: TimeDelta = TimeDelta::hours(24);
/// The longest note of a person.
pub(super) const MAX_NOTE: usize = 200;

/// Why a request is not taken. Nothing has been recorded or sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The input is wrong, by field.
    #[error("the request has faults")]
    Fields(Vec<FieldError>),
    /// The reservation is not in a state for it.
    #[error("{message}")]
    State {
        /// A stable code.
        code: ErrorCode,
        /// What is the matter and what can be done.
        message: String,
    },
}

impl Refusal {
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Fields(vec![FieldError::new(field, message)])
    }

    pub(super) fn state(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::State {
            code,
            message: message.into(),
        }
    }
}

/// An amount on a line as somebody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// The line's number, from 1.
    pub line: u32,
    /// How much of it.
    pub amount: Money,
}

/// What was delivered on a line.
pub type DeliveryLine = RequestLine;

/// A delivery as reported.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRequest {
    /// The booking system's id of the event; a repeated one changes nothing.
    pub event_id: String,
    /// When it took place; now when left out.
    #[serde(default)]
    pub delivered_at: Option<DateTime<Utc>>,
    /// What was delivered; everything when left out.
    #[serde(default)]
    pub lines: Option<Vec<DeliveryLine>>,
    /// Is that all there will be? True without lines, else false, and true by itself once all is delivered.
    #[serde(default)]
    pub complete: Option<bool>,
}

/// A capture as asked for: these lines, this amount spread over the lines in order, or all that is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureRequest {
    /// On these lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<RequestLine>>,
    /// This much in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Human text behind the marker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A charge as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeRequest {
    /// What for.
    pub lines: Vec<NewLine>,
    /// Human text behind the marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A refund as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// From a capture or a charge.
    pub source: RefundSource,
    /// Of which one; may be left out when there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// On these lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<RequestLine>>,
    /// This much in all; all that is left when both are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

impl CaptureRequest {
    /// Does this operation do what is asked for? While it is open, asking once more is a second click.
    #[must_use]
    pub fn is_done_by(&self, operation: &Operation) -> bool {
        let Operation::Capture { lines, note } = operation else {
            return false;
        };
        *note == self.note && is_same(self.lines.as_deref(), self.amount, lines)
    }
}

impl RefundRequest {
    /// Does this operation do what is asked for? While it is open, asking once more is a second click.
    #[must_use]
    pub fn is_done_by(&self, operation: &Operation) -> bool {
        let Operation::Refund {
            source,
            reference,
            lines,
        } = operation
        else {
            return false;
        };
        let same_row = self
            .reference
            .as_ref()
            .is_none_or(|asked| asked == reference);
        *source == self.source && same_row && is_same(self.lines.as_deref(), self.amount, lines)
    }
}

/// Are these the lines that were asked for, or do they add up to the amount?
fn is_same(asked: Option<&[RequestLine]>, amount: Option<Money>, lines: &[LineAmount]) -> bool {
    match (asked, amount) {
        (Some(asked), None) => merged(asked) == lines,
        (None, Some(amount)) => lines.iter().map(|part| part.amount).sum::<Money>() == amount,
        (Some(_), Some(_)) | (None, None) => false,
    }
}

/// Where a link is to be sent again. Without any field: where it was sent first.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contact {
    /// By e-mail, to this address.
    pub email: Option<String>,
    /// By SMS: the dialling code.
    pub country_code: Option<String>,
    /// By SMS: the number.
    pub msisdn: Option<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contact")
            .field("email", &self.email.as_ref().map(|_| "…"))
            .field("msisdn", &self.msisdn.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

impl Contact {
    /// Every fault, by its field.
    #[must_use]
    pub fn faults(&self) -> Vec<FieldError> {
        let mut faults = Vec::new();
        if self.email.as_deref().is_some_and(|email| !is_email(email)) {
            faults.push(FieldError::new("email", "is not an e-mail address"));
        }
        match (self.country_code.as_deref(), self.msisdn.as_deref()) {
            (None, None) => {}
            (Some(code), Some(number)) => {
                if !is_country_code(code) {
                    faults.push(FieldError::new(
                        "country_code",
                        "is not a dialling code like \"+47\"",
                    ));
                }
                if !is_msisdn(number) {
                    faults.push(FieldError::new(
                        "msisdn",
                        "is not a national phone number of 4 to 15 digits",
                    ));
                }
            }
            (None, Some(_)) => {
                faults.push(FieldError::new("country_code", "is required with msisdn"));
            }
            (Some(_), None) => {
                faults.push(FieldError::new("msisdn", "is required with country_code"));
            }
        }
        faults
    }
}

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
        Ok(Some(Fact::Delivered {
            event_id: request.event_id.clone(),
            at,
            lines,
            complete,
        }))
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

    /// What is left to be captured or refunded, in words, with what counts as spent although it is not settled.
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
                IntentState::Sending(_) | IntentState::Unknown(_) | IntentState::Desk(_) => {
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
            faults.push(FieldError::new("lines", "has no entries, or more than 100"));
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
        let elsewhere = !by.is_empty();
        if !elsewhere {
            by.extend(self.policy.reminders.channels.first());
        }
        Ok(Operation::Resend {
            by,
            elsewhere,
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

    pub(super) fn known_lines(&self, lines: &[RequestLine]) -> Result<Vec<LineAmount>, Refusal> {
        if lines.len() > MAX_LINES {
            return Err(Refusal::field("lines", "has more than 100 entries"));
        }
        if let Some(index) = lines.iter().position(|part| self.line(part.line).is_none()) {
            let message = format!(
                "is no line of this reservation; it has lines 1 to {}",
                self.lines.len()
            );
            return Err(Refusal::field(format!("lines[{index}].line"), message));
        }
        Ok(merged(lines))
    }

    /// All that can still be captured, line by line.
    #[must_use]
    pub fn capturable_lines(&self) -> Vec<LineAmount> {
        let parts = self.lines.iter().map(|line| LineAmount {
            line: line.line,
            amount: self.capturable_on(line.line),
        });
        cap(parts, self.capturable())
    }

    /// What is delivered and not captured, line by line, at most what can still be captured.
    #[must_use]
    pub fn delivered_uncaptured(&self) -> Vec<LineAmount> {
        let parts = self.lines.iter().map(|line| {
            let undelivered = line.amount.saturating_sub(self.delivered_on(line.line));
            LineAmount {
                line: line.line,
                amount: self.capturable_on(line.line).saturating_sub(undelivered),
            }
        });
        cap(parts, self.capturable())
    }

    fn spread(&self, amount: Money, left_on: impl Fn(u32) -> Money) -> Option<Vec<LineAmount>> {
        spread(self.lines.iter().map(|line| line.line), amount, left_on)
    }
}

/// How much of the parts is on a line.
pub(super) fn on_line(parts: &[LineAmount], line: u32) -> Money {
    parts
        .iter()
        .filter(|part| part.line == line)
        .map(|part| part.amount)
        .sum()
}

/// One part per line, in the order of the lines; empty parts fall out.
pub(super) fn merged(parts: &[RequestLine]) -> Vec<LineAmount> {
    let mut lines: BTreeMap<u32, Money> = BTreeMap::new();
    for part in parts {
        *lines.entry(part.line).or_default() += part.amount;
    }
    let parts = lines
        .into_iter()
        .map(|(line, amount)| LineAmount { line, amount });
    parts.filter(|part| !part.amount.is_zero()).collect()
}

/// The parts in order, cut so that they add up to at most `most`; empty parts fall out.
fn cap(parts: impl Iterator<Item = LineAmount>, most: Money) -> Vec<LineAmount> {
    let mut left = most;
    parts
        .filter_map(|part| {
            let amount = part.amount.min(left);
            left = left.saturating_sub(amount);
            (!amount.is_zero()).then_some(LineAmount { amount, ..part })
        })
        .collect()
}

/// `amount` over the lines in order, each filled before the next; `None` when they do not hold it.
pub(super) fn spread(
    lines: impl Iterator<Item = u32>,
    amount: Money,
    left_on: impl Fn(u32) -> Money,
) -> Option<Vec<LineAmount>> {
    let parts = cap(
        lines.map(|line| LineAmount {
            line,
            amount: left_on(line),
        }),
        amount,
    );
    (parts.iter().map(|part| part.amount).sum::<Money>() == amount).then_some(parts)
}
