//! What goes over the wire, for both ends of it: the client writes what a server reads, and the other way round.
//!
//! Names follow the provider's (`productId` is `product_id`). Requests are exact; responses are read tolerantly:
//! unknown fields are ignored, numbers may be strings, lists may be objects keyed `"0"`, `"1"`, …, and a field that
//! decides nothing is left out when it does not parse.

pub mod amount;
mod countries;
mod details;
mod envelope;
mod fields;
pub(crate) mod lenient;
mod lines;
pub(crate) mod object;
pub(crate) mod oddity;
mod order;
mod personal;
mod request;
mod response;
mod rules;
mod status;
mod time;
mod validate;

pub use details::{
    AddressSeen, CustomerSeen, Details, MoneyRow, OrganizationDetails, PaymentDetails,
    PaymentHistory, ProductSeen, RefundRow, RefundedSums, ReservedRow,
};
pub use envelope::{Envelope, Errors};
pub use oddity::{Found, Oddities, Oddity};
pub use order::{
    InternalReferences, InvoiceReferences, OrderCustomer, OrderDetails, OrderLine, OrderPayment,
    OrderProduct, OrderStatus, OrderSubmitted, OrderSums, OrderTotal, SendInvoiceBy, SubmitOrder,
};
pub use personal::Personal;
pub use request::{
    Address, CallbackUrls, Capture, Charge, CreateSession, CustomerDetails, CustomerType,
    LineAmount, Note, OrderSummary, PaymentVia, Product, Refund, RefundSource, RefundType, Resend,
    ReservationSettings, SendOrderBy, SubmitPayment, SubmitReservation,
};
pub use response::{CaptureAccepted, ChargeAccepted, HistoryRow, LinkField, Submitted, UuidField};
pub use rules::{
    DEFAULT_TAX_PERCENTS, LANGUAGES, MAX_NAME, MAX_PRODUCT_ID, MAX_PRODUCTS, MAX_TEXT,
    is_identifier,
};
pub use status::ProviderStatus;
pub use time::WireTime;
