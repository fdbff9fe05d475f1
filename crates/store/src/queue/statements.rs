//! The statements of a poll cycle, for the test that asks both databases how they would run them.

use crate::db::Sql;
use crate::queue::claim::{
    CANDIDATES, LOCK_CLAIMS, PEEK, PREPARE_CLAIM, RENEW_LEASES, RESCUE_EXPIRED, TAKE,
};
use crate::queue::finish::{FINISH_JOB, SUCCEED_ALL};
use crate::queue::lease::LEASE_STATE;

/// A statement with its text on each database.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Its name in the code.
    pub name: &'static str,
    /// Its text on SQLite; empty where SQLite has no use for it.
    pub sqlite: &'static str,
    /// Its text on Postgres.
    pub postgres: &'static str,
}

/// Every statement of a poll cycle, in the order of the cycle.
#[must_use]
pub fn statements_of_a_cycle() -> Vec<Statement> {
    let statement = |name, sql: Sql| Statement {
        name,
        sqlite: sql.sqlite,
        postgres: sql.postgres,
    };
    let lock = Sql {
        sqlite: "",
        postgres: LOCK_CLAIMS,
    };
    vec![
        statement("LOCK_CLAIMS", lock),
        statement("SUCCEED_ALL", SUCCEED_ALL),
        statement("LEASE_STATE", LEASE_STATE),
        statement("FINISH_JOB", FINISH_JOB.into()),
        statement("RENEW_LEASES", RENEW_LEASES.into()),
        statement("PEEK", PEEK.into()),
        statement("RESCUE_EXPIRED", RESCUE_EXPIRED),
        statement("PREPARE_CLAIM", PREPARE_CLAIM),
        statement("CANDIDATES", CANDIDATES),
        statement("TAKE", TAKE),
    ]
}
