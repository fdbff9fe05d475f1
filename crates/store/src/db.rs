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
//! `sqlx::FromRow`. All three return `Result<_, StoreError>`. [`sql!`] joins parts of a statement at compile time.
//!
//! A write that is guarded by a condition compares the rows it touched with what it meant to touch, by
//! [`ensure_affected`], unless its comment says why any number is right.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, SqliteConnection};

use crate::StoreError;

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

/// Joins texts to one statement, at compile time; unlike `concat!` it takes constants too.
macro_rules! sql {
    ($($part:expr),+ $(,)?) => {{
        const PARTS: &[&str] = &[$($part),+];
        const BYTES: [u8; $crate::db::length(PARTS)] = $crate::db::join(PARTS);
        $crate::db::utf8(&BYTES)
    }};
}
pub(crate) use sql;

/// The length of these texts together.
pub(crate) const fn length(parts: &[&str]) -> usize {
    let (mut length, mut index) = (0, 0);
    while index < parts.len() {
        length += parts[index].len();
        index += 1;
    }
    length
}

/// These texts one behind the other.
pub(crate) const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let (mut text, mut at, mut index) = ([0; N], 0, 0);
    while index < parts.len() {
        (text, at) = put(text, at, parts[index].as_bytes());
        index += 1;
    }
    text
}

/// Writes `part` into `text` from `at` on, and says where the part ends.
pub(crate) const fn put<const N: usize>(
    mut text: [u8; N],
    at: usize,
    part: &[u8],
) -> ([u8; N], usize) {
    let mut index = 0;
    while index < part.len() {
        text[at + index] = part[index];
        index += 1;
    }
    (text, at + part.len())
}

/// Bytes that were joined from texts, as the text that they are.
pub(crate) const fn utf8(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Cannot be: what was joined was text.
        Err(_) => "",
    }
}

/// Holds a guarded write to the rows that it was to touch.
///
/// # Errors
/// [`StoreError::RowsAffected`], so that the caller's transaction is dropped.
pub(crate) fn ensure_affected(
    statement: &'static str,
    expected: usize,
    actual: u64,
) -> Result<(), StoreError> {
    if u64::try_from(expected) == Ok(actual) {
        Ok(())
    } else {
        Err(StoreError::RowsAffected {
            statement,
            expected,
            actual,
        })
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

/// A JSON list to bind, for databases that have no list parameters in common.
pub(crate) fn json_list<T: serde::Serialize>(items: &[T]) -> String {
    // Lists of strings and of pairs always have a JSON form.
    serde_json::to_string(items).unwrap_or_else(|_| "[]".to_owned())
}
