//! The whole program: the built binary `holdfast` with its sandbox, over real HTTP, on both databases.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod harness;

mod bad_input;
mod binary;
mod callbacks;
mod crashes;
mod deadlines;
mod demo;
mod documents;
mod failed_commits;
mod life;
mod limits;
mod lost_answers;
mod operations;
mod reviews;
mod secrets;
mod shutdown;
mod startup;
