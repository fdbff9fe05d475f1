//! What Holdfast knows and decides: ids, money, reservation facts, deadlines, policy, schedule, decisions.
//!
//! Pure: no input or output, no async, no clock of its own. Everything here can be tested by a table.

pub mod calendar;
mod clock;
mod code;
pub mod customer;
pub mod deadlines;
pub mod decide;

mod error;
mod hex;
mod id;
pub mod job;
pub mod marker;
pub mod merchant;
mod money;
pub mod observe;
pub mod outcome;
pub mod policy;
pub mod reservation;
pub mod review;
pub mod schedule;
mod span;
pub mod witness;

pub use clock::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock, SystemEntropy};
pub use code::ErrorCode;
pub use error::{Chain, FieldError};
pub use hex::hex;
pub use id::{IdError, IntentId, JobId, MerchantId, MerchantIdError, PaymentLinkId, ReservationId};
pub use job::{JobKind, JobState, Planned, PlannedState, UnknownWord, Urgency, WaitingFor};
pub use merchant::Merchant;
pub use money::{CURRENCY, MAX_AMOUNT, Money, MoneyError};
pub use reservation::{Fact, Reservation, Status};
pub use span::{Span, SpanError};
