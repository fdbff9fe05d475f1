//! What Holdfast knows and decides: ids, money, reservation facts, deadlines, policy, schedule, decisions.
//!
//! Pure: no input or output, no async, no clock of its own. Everything here can be tested by a table.

pub mod calendar;
pub mod callback;
pub mod capabilities;
mod case;
mod clock;
mod code;
pub mod customer;
pub mod deadlines;
pub mod decide;
mod error;
mod hex;
pub mod history;
mod id;
pub mod job;
pub mod late_delivery;
mod marker;
pub mod merchant;
mod money;
pub mod observe;
mod order_id;
pub mod outcome;
pub mod payment_link;
pub mod phone;
pub mod policy;
mod reference;
pub mod reservation;
pub mod resolve;
pub mod review;
pub mod schedule;
mod span;
mod text;
pub mod windows;

pub use case::Case;
pub use clock::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock, SystemEntropy};
pub use code::ErrorCode;
pub use error::{Chain, FieldError};
pub use hex::hex;
pub use id::{
    IdError, IntentId, JobId, MerchantId, MerchantIdError, PaymentLinkId, ReservationId, ReviewId,
};
pub use job::{
    AttemptOutcome, IllegalJobEvent, JobEvent, JobKey, JobKeyError, JobKind, JobState, Planned,
    PlannedState, UnknownWord, Urgency, WaitingFor,
};
pub use marker::{AttemptMarker, Marker, MarkerError};
pub use merchant::Merchant;
pub use money::{CURRENCY, MAX_AMOUNT, Money, MoneyError};
pub use reference::{
    NameError, ProviderCustomerId, ProviderReference, ProviderReservationId, Reference,
    ReferenceError,
};
pub use reservation::{
    ControlFact, DeliveryFact, EventType, Fact, IntentFact, ProviderFact, Reservation, ReviewFact,
    Status,
};
pub use span::{Span, SpanError};
