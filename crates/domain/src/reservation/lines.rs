//! Amounts on lines: what is left on each, and how an amount is spread over them.

use super::request::merged;
use super::{LineAmount, MAX_LINES, Refusal, RequestLine, Reservation};
use crate::money::Money;

impl Reservation {
    pub(super) fn known_lines(&self, lines: &[RequestLine]) -> Result<Vec<LineAmount>, Refusal> {
        if lines.len() > MAX_LINES {
            return Err(Refusal::field("lines", "has more than 500 entries"));
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

    pub(super) fn spread(
        &self,
        amount: Money,
        left_on: impl Fn(u32) -> Money,
    ) -> Option<Vec<LineAmount>> {
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
