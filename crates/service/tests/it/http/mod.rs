//! The HTTP API, called without a socket.

mod access;
mod actions;
mod bad_input;
mod callbacks;
mod door;
mod errors;
mod idempotency;
mod jobs;
mod reservations;
mod reviews;
mod serving;
