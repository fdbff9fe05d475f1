//! A Front Payment look-alike: the same wire, seeded faults, and a ledger of what really happened.
//!
//! [`World`] is a pure state machine: the time comes with every call, randomness from a seed, so that the same
//! calls give the same bytes. [`Server`] puts it behind HTTP; [`InProcess`] puts it behind the client's own
//! transport, without sockets.

mod admin;
mod answer;
mod callback;
mod dispatch;
mod effect;
mod fault;
mod in_process;
mod model;
mod page;
mod portal;
mod reply;
mod route;
mod server;
pub mod switches;
mod validate;
mod world;

pub use callback::{CallbackDelivery, CallbackRecord};
pub use effect::{By, Effect, EffectKind, LineSum};
pub use fault::{CallbackFault, CallbackWhat, Fault, Faults, MAX_FAULTS, What, When};
pub use in_process::InProcess;
pub use portal::ActError;
pub use reply::{Delivery, MAX_BODY, Reply, Request};
pub use route::Operation;
pub use server::{Handle, Server};
pub use switches::Switches;
pub use world::{Options, Requests, ReservationView, World};
