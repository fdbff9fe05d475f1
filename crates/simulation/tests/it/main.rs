//! The integration tests of the simulation.

mod selftest;
