//! Whole runs of jobs, without sockets and without waiting for the clock.

mod engine;
mod hostile;
mod outages;
mod refusals;
mod submits;
