//! Why a person must decide.

use crate::job::words;

words! {
    /// Why a person must decide: a closed list.
    ReviewReason {
        /// A charge whose outcome stayed unknown; it is never sent again by itself.
        ChargeUnknown = "charge_unknown",
        /// A refund whose outcome stayed unknown.
        RefundUnknown = "refund_unknown",
        /// A capture whose outcome stayed unknown while a second one could go through.
        CaptureUnknown = "capture_unknown",
        /// Another operation whose outcome stayed unknown.
        OutcomeUnknown = "outcome_unknown",
        /// The provider shows the effect twice, or with another amount.
        EffectDiffers = "effect_differs",
        /// Somebody acted in the provider's portal in a way that breaks the plan.
        ExternalChange = "external_change",
        /// An effect appeared after it had been resolved as absent.
        LateEffect = "late_effect",
        /// The provider does not know a reservation that it had.
        MissingAtProvider = "missing_at_provider",
        /// The window is about to close and the policy does not say what to do.
        WindowClosing = "window_closing",
        /// Something was delivered after the window closed, or without a hold.
        LateDelivery = "late_delivery",
        /// Details did not add up several times, or hold a status word that is not documented.
        Incoherent = "incoherent",
        /// The provider refused an operation.
        ProviderRefused = "provider_refused",
        /// An operation could not be sent before its deadline.
        DeadlinePassed = "deadline_passed",
        /// Details no longer show the text that captures and charges are sent with.
        MarkerBroken = "marker_broken",
    }
}

impl ReviewReason {
    /// Does it ask what is to become of what was delivered and is not captured?
    pub(crate) const fn is_about_capturing(self) -> bool {
        matches!(
            self,
            Self::ExternalChange | Self::WindowClosing | Self::LateDelivery | Self::DeadlinePassed
        )
    }
}
