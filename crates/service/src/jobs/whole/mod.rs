//! Jobs that carry no intent of a reservation, each as a whole.

pub(super) mod payment_link;
pub(super) mod sweep;
