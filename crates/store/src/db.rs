//! One SQL text for both databases: connections as an enum, and the macros that run a statement on either.
//!
//! `$1` placeholders work on both, but a limit is written `CAST($1 AS BIGINT)`: SQLite prepares a statement anew at every
//! run whose `LIMIT` is a bare parameter. Where the dialects differ, the statement is a [`Sql`] with a text for each.
//!
//! ```text
//! execute!(tx, "UPDATE merchant_limits SET paused = $2 WHERE merchant = $1", merchant.as_str(), true)?     -> rows affected
//! fetch_optional!(tx, LimitsRow, "SELECT … FROM merchant_limits WHERE merchant = $1", merchant.as_str())?    -> Option<LimitsRow>
//! fetch_all!(reader, LimitsRow, "SELECT … FROM merchant_limits")?                                             -> Vec<LimitsRow>
//! ```
//!
//! The first argument is anything with `fn conn(&mut self) -> Conn<'_>`: a `Tx` or a `Reader`. The row type derives
//! `sqlx::FromRow`. All three return `Result<_, StoreError>`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, SqliteConnection};

/// A connection of either kind, borrowed for one statement.
pub(crate) enum Conn<'c> {
    /// SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// Postgres.
    Postgres(&'c mut PgConnection),
}

/// A statement with a text for each dialect; a plain `&'static str` is the same on both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    /// What SQLite runs.
    pub(crate) sqlite: &'static str,
    /// What Postgres runs.
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self {
            sqlite: both,
            postgres: both,
        }
    }
}

/// Runs a statement and returns how many rows it touched.
macro_rules! execute {
    ($on:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql = $crate::db::Sql::from($sql);
        match $on.conn() {
            $crate::db::Conn::Sqlite(conn) => {
                sqlx::query(sql.sqlite)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected())
            }
            $crate::db::Conn::Postgres(conn) => {
                sqlx::query(sql.postgres)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected())
            }
        }
        .map_err($crate::StoreError::from)
    }};
}
pub(crate) use execute;

/// Runs a query with the named sqlx method; the other fetching macros are made of it.
macro_rules! fetch {
    ($method:ident, $on:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql = $crate::db::Sql::from($sql);
        match $on.conn() {
            $crate::db::Conn::Sqlite(conn) => {
                sqlx::query_as::<_, $row>(sql.sqlite)$(.bind($bind))*.$method(conn).await
            }
            $crate::db::Conn::Postgres(conn) => {
                sqlx::query_as::<_, $row>(sql.postgres)$(.bind($bind))*.$method(conn).await
            }
        }
        .map_err($crate::StoreError::from)
    }};
}
pub(crate) use fetch;

/// Runs a query and returns all its rows.
macro_rules! fetch_all {
    ($($all:tt)*) => { $crate::db::fetch!(fetch_all, $($all)*) };
}
pub(crate) use fetch_all;

/// Runs a query and returns its first row, if any.
macro_rules! fetch_optional {
    ($($all:tt)*) => { $crate::db::fetch!(fetch_optional, $($all)*) };
}
pub(crate) use fetch_optional;

/// A time as it stands in a table.
pub(crate) fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}
