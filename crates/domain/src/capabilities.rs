//! What the provider allows on a merchant's account, as far as the provider's documentation leaves it open.

use crate::job::words;

words! {
    /// Does the provider let a hold be captured more than once?
    MultiCapture {
        /// Not known; one final capture is planned.
        Unknown = "unknown",
        /// The rest is released after the first capture.
        Single = "single",
        /// Several captures have been seen to work.
        Proven = "proven",
    }
}

words! {
    /// Does the provider refuse a capture that exceeds what is left of one of its lines, though the sum would fit?
    LineRunway {
        /// Not known; only the runway of the whole reservation is relied on.
        Unknown = "unknown",
        /// The provider has been seen to refuse.
        Proven = "proven",
    }
}
