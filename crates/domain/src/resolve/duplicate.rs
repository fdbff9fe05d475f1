//! Which operations the provider refuses a second time by construction, so that a duplicate moves no money.

use crate::capabilities::LineRunway;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{LineAmount, Operation, Reservation, RowKind};

/// Is a duplicate of this operation refused, as far as the provider keeps a runway for each line?
///
/// True for a capture that takes more than half of what is left of each line that the capture touches: a second one
/// exceeds the line's runway. Good enough to send without a fresh read; what may be sent a second time in doubt is said
/// by [`is_duplicate_refused`].
#[must_use]
pub fn is_duplicate_refused_by_lines(r: &Reservation, operation: &Operation) -> bool {
    match operation {
        Operation::Capture { lines, .. } => lines.iter().all(|part| is_most_of_line(r, part)),
        _ => false,
    }
}

/// Is it certain that the provider refuses a duplicate of this operation?
///
/// A capture by the documented runway of the whole reservation, or by that of a line where the merchant's is proven; a
/// refund of all that is left of its row; a cancel and a complete by the status. The one answer to this question: the
/// engine sends again by it, and a person is advised by it.
///
/// A refund of more than half of what is left, but not of all, would exceed the rest as well, and is not counted: a refund
/// is accepted as pending and may be carried out hours later, and no document says that the provider counts a pending one
/// against the limit. Of a refund of all that is left the contract says it.
#[must_use]
pub fn is_duplicate_refused(r: &Reservation, operation: &Operation, merchant: &Merchant) -> bool {
    match operation {
        Operation::Capture { lines, .. } => {
            let amount = operation.amount();
            let left = r.reserved().saturating_sub(r.booked(RowKind::Capture));
            let by_line = merchant.line_runway == LineRunway::Proven;
            amount + amount > left || (by_line && lines.iter().any(|part| is_most_of_line(r, part)))
        }
        Operation::Refund { reference, .. } => {
            let left = r.money_row(reference).map_or(Money::ZERO, |row| {
                row.amount.saturating_sub(r.given_back(reference))
            });
            operation.amount() >= left
        }
        Operation::Cancel { .. } | Operation::Complete { .. } => true,
        Operation::Submit | Operation::Charge { .. } | Operation::Resend { .. } => false,
    }
}

/// Does this part take more than half of what is left of its line, its own claim aside?
fn is_most_of_line(r: &Reservation, part: &LineAmount) -> bool {
    let amount = r.line(part.line).map_or(Money::ZERO, |line| line.amount);
    part.amount + part.amount > amount.saturating_sub(r.captured_on(part.line))
}
