//! The code behind each reason of a review, for the job that waits for its decision.

use super::ReviewReason;
use crate::code::ErrorCode;

/// A job that waits for a decision has the code of the review behind it.
impl From<ReviewReason> for ErrorCode {
    fn from(reason: ReviewReason) -> Self {
        match reason {
            ReviewReason::ChargeUnknown => Self::ChargeUnknown,
            ReviewReason::RefundUnknown => Self::RefundUnknown,
            ReviewReason::CaptureUnknown => Self::CaptureUnknown,
            ReviewReason::OutcomeUnknown => Self::OutcomeUnknown,
            ReviewReason::EffectDiffers => Self::EffectDiffers,
            ReviewReason::ExternalChange => Self::ExternalChange,
            ReviewReason::LateEffect => Self::LateEffect,
            ReviewReason::MissingAtProvider => Self::MissingAtProvider,
            ReviewReason::WindowClosing => Self::WindowClosing,
            ReviewReason::LateDelivery => Self::LateDelivery,
            ReviewReason::Incoherent => Self::Incoherent,
            ReviewReason::ProviderRefused => Self::ProviderRefused,
            ReviewReason::DeadlinePassed => Self::DeadlinePassed,
            ReviewReason::MarkerBroken => Self::MarkerBroken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_review_is_a_code_with_a_page() {
        for reason in ReviewReason::ALL {
            assert_eq!(ErrorCode::from(*reason).as_str(), reason.as_str());
        }
    }
}
