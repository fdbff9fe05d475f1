//! The look-alike as its users meet it: over HTTP with the real client, and as a state machine in the same process.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod admin;
mod callbacks;
mod contract;
mod faults;
mod page;
mod rejections;
mod switches;
mod test_env;
mod world;
