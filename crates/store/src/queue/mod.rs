//! The durable job queue: a table of ours, driven by apalis.
