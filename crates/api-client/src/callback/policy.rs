//! Which callbacks are taken, and why one is refused.

/// What to do with a checksum by one of the older formulas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legacy {
    /// Refuse it, as a wrong checksum.
    #[default]
    Refuse,
    /// Take it. `F1` covers neither the amount nor the time of sending.
    Accept,
}

/// Why a callback is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`MAX_QUERY`](super::MAX_QUERY) or more than [`MAX_PARAMS`](super::MAX_PARAMS) parameters.
    #[error("the query is too long")]
    TooLong,
    /// A browser, a scanner, a preview: no checksum at all.
    #[error("the query has no checksum")]
    NoChecksum,
    /// The checksum is right for no secret and no accepted formula.
    #[error("the checksum is wrong")]
    WrongChecksum,
    /// The checksum is right, but there is no usable uuid or no status.
    #[error("the query names no reservation and status")]
    Incomplete,
}
