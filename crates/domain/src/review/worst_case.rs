//! What a decision costs at worst, should it be wrong.

use serde::Serialize;

use super::{Subject, concerned};
use crate::job::words;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{Decision, Intent, Operation, Reservation, ReviewReason, RowKind};
use crate::resolve::is_duplicate_refused;

words! {
    /// What an option of a review can lead to when it is wrong.
    Risk {
        /// No money is at stake.
        Nothing = "nothing",
        /// The hold is captured twice.
        DoubleCapture = "double_capture",
        /// The card is charged twice.
        DoubleCharge = "double_charge",
        /// The money is given back twice.
        DoubleRefund = "double_refund",
        /// The hold is captured although the capture was given up, or never asked for.
        LateCapture = "late_capture",
        /// The card is charged although the charge was given up, or never asked for.
        LateCharge = "late_charge",
        /// The money is given back although the refund was given up, or never asked for.
        LateRefund = "late_refund",
        /// What is owed is never captured.
        NotCaptured = "not_captured",
        /// What is owed is never charged.
        NotCharged = "not_charged",
        /// The payer does not get back what was promised.
        NotRefunded = "not_refunded",
        /// The payer's money is held, or stays held, although the hold is not wanted.
        HoldKept = "hold_kept",
        /// The payer has two links, and may have the amount held twice.
        DoubleHold = "double_hold",
        /// The payer gets two messages.
        DoubleMessage = "double_message",
    }
}

/// What an option costs at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WorstCase {
    /// What happens then.
    pub risk: Risk,
    /// The money that goes wrong then; zero for a message.
    pub amount: Money,
}

impl WorstCase {
    const NOTHING: (Risk, Money) = (Risk::Nothing, Money::ZERO);

    /// Where no money is at stake there is nothing to lose, but for a second message.
    fn new((risk, amount): (Risk, Money)) -> Self {
        let lost = !amount.is_zero() || risk == Risk::DoubleMessage;
        Self {
            risk: if lost { risk } else { Risk::Nothing },
            amount,
        }
    }
}

/// The worst case of a decision; of waiting when it is `None`.
pub(super) fn of(
    r: &Reservation,
    about: &Subject<'_>,
    decision: Option<&Decision>,
    merchant: &Merchant,
) -> WorstCase {
    WorstCase::new(match about.intent {
        Some(intent) => of_request(r, intent, decision, merchant),
        None => of_item(r, about, decision),
    })
}

fn of_request(
    r: &Reservation,
    intent: &Intent,
    decision: Option<&Decision>,
    merchant: &Merchant,
) -> (Risk, Money) {
    let operation = &intent.operation;
    let [double, late, missed] = match operation {
        Operation::Capture { .. } => [Risk::DoubleCapture, Risk::LateCapture, Risk::NotCaptured],
        Operation::Charge { .. } => [Risk::DoubleCharge, Risk::LateCharge, Risk::NotCharged],
        Operation::Refund { .. } => [Risk::DoubleRefund, Risk::LateRefund, Risk::NotRefunded],
        Operation::Cancel { .. } | Operation::Complete { .. } => {
            [Risk::Nothing, Risk::NotCaptured, Risk::HoldKept]
        }
        Operation::Submit => [Risk::DoubleHold, Risk::HoldKept, Risk::NotCaptured],
        Operation::Resend { .. } => [Risk::DoubleMessage, Risk::Nothing, Risk::Nothing],
    };
    let at_stake = match operation {
        Operation::Capture { .. } | Operation::Charge { .. } | Operation::Refund { .. } => {
            operation.amount()
        }
        Operation::Cancel { .. } | Operation::Complete { .. } => r.capturable(),
        Operation::Submit => r.total(),
        Operation::Resend { .. } => Money::ZERO,
    };
    let is_shown =
        !concerned::equal_rows(r, intent).is_empty() || concerned::is_refund_shown(r, operation);
    match decision {
        // The id that a person names is verified before anything is booked.
        Some(Decision::Confirm { .. }) if is_shown || *operation == Operation::Submit => {
            WorstCase::NOTHING
        }
        Some(Decision::Confirm { .. } | Decision::Dismiss) | None => (missed, at_stake),
        Some(Decision::Reject) => (late, at_stake),
        Some(Decision::Retry) if is_duplicate_refused(r, operation, merchant) => WorstCase::NOTHING,
        Some(Decision::Retry) => (double, at_stake),
    }
}

fn of_item(r: &Reservation, about: &Subject<'_>, decision: Option<&Decision>) -> (Risk, Money) {
    let reason = about.reason;
    let rows = concerned::rows(r, reason);
    let amount = concerned::amount(r, reason);
    let any = |kind| rows.iter().any(|row| row.kind == kind);
    let [double, late] = if any(RowKind::Refund) {
        [Risk::DoubleRefund, Risk::LateRefund]
    } else if any(RowKind::Charge) {
        [Risk::DoubleCharge, Risk::LateCharge]
    } else {
        [Risk::DoubleCapture, Risk::LateCapture]
    };
    let is_held_twice = amount.is_zero()
        && concerned::duplicates(r, about)
            .iter()
            .any(|seen| !seen.over);
    match reason {
        ReviewReason::EffectDiffers if is_held_twice => (Risk::DoubleHold, r.total()),
        ReviewReason::EffectDiffers => (double, amount),
        ReviewReason::LateEffect if concerned::is_late_submit(r, reason) => {
            (Risk::HoldKept, r.total())
        }
        ReviewReason::LateEffect | ReviewReason::ExternalChange => (late, amount),
        ReviewReason::RefundUnknown => (Risk::NotRefunded, amount),
        ReviewReason::ChargeUnknown => (Risk::NotCharged, amount),
        ReviewReason::CaptureUnknown | ReviewReason::OutcomeUnknown => (Risk::NotCaptured, amount),
        ReviewReason::LateDelivery | ReviewReason::DeadlinePassed => {
            let owed = r.lines.iter().map(|line| r.owed_on(line.line)).sum();
            (Risk::NotCaptured, owed)
        }
        ReviewReason::WindowClosing => (Risk::NotCaptured, r.capturable()),
        ReviewReason::ProviderRefused
        | ReviewReason::MissingAtProvider
        | ReviewReason::Incoherent
            if decision.is_none() =>
        {
            (Risk::NotCaptured, r.capturable())
        }
        ReviewReason::ProviderRefused
        | ReviewReason::MissingAtProvider
        | ReviewReason::Incoherent
        | ReviewReason::MarkerBroken => WorstCase::NOTHING,
    }
}
