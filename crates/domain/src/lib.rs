//! What Holdfast knows and decides: ids, money, reservation facts, deadlines, policy, schedule, decisions.
//!
//! Pure: no input or output, no async, no clock of its own. Everything here can be tested by a table.

mod clock;
mod id;
pub mod job;
mod money;

pub use clock::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock, SystemEntropy};
pub use id::{IdError, IntentId, JobId, MerchantId, MerchantIdError, PaymentLinkId, ReservationId};
pub use job::{JobKind, JobState, Planned, PlannedState, UnknownWord, Urgency, WaitingFor};
pub use money::{CURRENCY, MAX_AMOUNT, Money, MoneyError};

/// The aggregate (written next).
pub mod reservation {
    /// The most lines of one reservation.
    pub const MAX_LINES: usize = 100;
}
