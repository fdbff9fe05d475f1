//! What the client makes of everything that a provider, or the network, can answer.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod callbacks;
mod classification;
mod client;
mod contradictions;
mod corpus;
mod fixtures;
mod hostile;
mod network;
mod reading;
mod server;
mod support;
mod validation;
