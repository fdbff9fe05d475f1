//! The refund that somebody asks for, checked against what was taken and what has been given back.

use super::lines::{on_line, spread};
use super::request::merged;
use super::{
    LineAmount, Operation, RefundRequest, RefundSource, Refusal, RequestLine, Reservation, RowKind,
};
use crate::code::ErrorCode;
use crate::money::Money;
use crate::reference::ProviderReference;

impl Reservation {
    /// The refund that a request asks for.
    ///
    /// # Errors
    /// No such row, or more is asked for than can still be given back, unknown refunds counted as given.
    pub fn refund(&self, request: &RefundRequest) -> Result<Operation, Refusal> {
        let kind = match request.source {
            RefundSource::Captured => RowKind::Capture,
            RefundSource::Charged => RowKind::Charge,
        };
        let reference = self.refund_reference(request, kind)?;
        let row = self.money_row(&reference).filter(|row| row.kind == kind);
        let row = row.ok_or_else(|| names_none(kind))?;
        let left = self.refundable(&reference);
        let lines = match (&request.lines, request.amount) {
            (Some(_), Some(_)) => {
                return Err(Refusal::field(
                    "amount",
                    "cannot stand beside lines; give one of the two",
                ));
            }
            (Some(lines), None) => self.refund_lines(lines, kind, &reference)?,
            (None, amount) => {
                let amount = amount.unwrap_or(left);
                let over = || {
                    let left = self.left_to_refund(&reference);
                    Refusal::field("amount", format!("asks for {amount}, and {left}"))
                };
                self.spread_refund(&row.lines, amount, &reference)
                    .filter(|_| amount <= left)
                    .ok_or_else(over)?
            }
        };
        let asked: Money = lines.iter().map(|line| line.amount).sum();
        if asked.is_zero() {
            let message = format!(
                "nothing is left to refund of this row: {}",
                self.left_to_refund(&reference)
            );
            return Err(Refusal::state(ErrorCode::NothingRefundable, message));
        }
        if asked > left {
            let message = format!("ask for {asked}, and {}", self.left_to_refund(&reference));
            return Err(Refusal::field("lines", message));
        }
        if kind == RowKind::Charge && !self.charge_partially_refundable && asked != row.amount {
            let message = format!(
                "must be the whole charge, {}: its charges are refundable in full only",
                row.amount
            );
            return Err(Refusal::field("amount", message));
        }
        Ok(Operation::Refund {
            source: request.source,
            reference,
            lines,
        })
    }

    fn refund_reference(
        &self,
        request: &RefundRequest,
        kind: RowKind,
    ) -> Result<ProviderReference, Refusal> {
        if let Some(reference) = &request.reference {
            let reference = reference.parse().map_err(|_| names_none(kind))?;
            // Details have the say in how a row is called.
            let known = self
                .money_row(&reference)
                .and_then(|row| row.reference.clone());
            return Ok(known.unwrap_or(reference));
        }
        let mut known = self
            .ledger
            .iter()
            .filter(|row| row.kind == kind)
            .filter_map(|row| row.reference.clone());
        match (known.next(), known.next()) {
            (Some(reference), None) => Ok(reference),
            (None, _) => Err(Refusal::state(
                ErrorCode::NothingRefundable,
                format!("there is no {} to refund", kind.as_str()),
            )),
            (Some(_), Some(_)) => Err(Refusal::field(
                "reference",
                "is required: there is more than one to choose from",
            )),
        }
    }

    /// The lines of a refund, each at most what was taken on it and not given back.
    fn refund_lines(
        &self,
        lines: &[RequestLine],
        kind: RowKind,
        reference: &ProviderReference,
    ) -> Result<Vec<LineAmount>, Refusal> {
        let lines = if kind == RowKind::Capture {
            self.known_lines(lines)?
        } else {
            merged(lines)
        };
        for part in &lines {
            let left = self.refundable_on(reference, part.line);
            if part.amount > left {
                let left = self.head_room(left, "refunded", |operation| {
                    refund_of(operation, reference)
                        .map_or(Money::ZERO, |lines| on_line(lines, part.line))
                });
                let message = format!("asks for {} of line {}, and {left}", part.amount, part.line);
                return Err(Refusal::field("lines", message));
            }
        }
        Ok(lines)
    }

    /// What can be given back of one line of a row.
    fn refundable_on(&self, reference: &ProviderReference, line: u32) -> Money {
        let Some(row) = self.money_row(reference) else {
            return Money::ZERO;
        };
        if row.lines.is_empty() {
            return self.refundable(reference);
        }
        let booked: Money = self
            .ledger
            .iter()
            .filter(|row| row.kind == RowKind::Refund && row.reference.as_ref() == Some(reference))
            .map(|row| on_line(&row.lines, line))
            .sum();
        let claimed = self
            .open_intents()
            .filter_map(|intent| refund_of(&intent.operation, reference));
        let claimed: Money = claimed.map(|lines| on_line(lines, line)).sum();
        on_line(&row.lines, line).saturating_sub(booked + claimed)
    }

    fn left_to_refund(&self, reference: &ProviderReference) -> String {
        self.head_room(self.refundable(reference), "refunded", |operation| {
            refund_of(operation, reference).map_or(Money::ZERO, |_| operation.amount())
        })
    }

    fn spread_refund(
        &self,
        lines: &[LineAmount],
        amount: Money,
        reference: &ProviderReference,
    ) -> Option<Vec<LineAmount>> {
        if lines.is_empty() {
            return Some(vec![LineAmount { line: 1, amount }]);
        }
        spread(lines.iter().map(|part| part.line), amount, |line| {
            self.refundable_on(reference, line)
        })
    }
}

fn names_none(kind: RowKind) -> Refusal {
    Refusal::field(
        "reference",
        format!("names no {} of this reservation", kind.as_str()),
    )
}

/// The lines of a refund of this row; `None` for any other operation.
fn refund_of<'o>(
    operation: &'o Operation,
    reference: &ProviderReference,
) -> Option<&'o [LineAmount]> {
    match operation {
        Operation::Refund {
            reference: other,
            lines,
            ..
        } if other == reference => Some(lines),
        _ => None,
    }
}
