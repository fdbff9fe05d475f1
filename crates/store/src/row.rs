//! Turns columns into domain types, naming table, column and row when one does not fit.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::error::RowError;

/// A number of milliseconds that is no time.
#[derive(Debug, thiserror::Error)]
#[error("{0} milliseconds are outside of the calendar")]
struct OutOfCalendar(i64);

/// One row of one table, as far as error messages need to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'r> {
    /// The table.
    pub(crate) table: &'static str,
    /// The row's id.
    pub(crate) row: &'r str,
}

impl Place<'_> {
    /// The error that says this column is wrong, and why.
    pub(crate) fn wrong(
        self,
        column: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> RowError {
        RowError {
            table: self.table,
            column,
            row: self.row.to_owned(),
            source: source.into(),
        }
    }

    /// Reads a word or an id.
    pub(crate) fn parse<T>(self, column: &'static str, text: &str) -> Result<T, RowError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        text.parse().map_err(|error| self.wrong(column, error))
    }

    /// Reads a word or an id that may be missing.
    pub(crate) fn parse_optional<T>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, RowError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        text.map(|text| self.parse(column, text)).transpose()
    }

    /// Reads a time.
    pub(crate) fn time(self, column: &'static str, millis: i64) -> Result<DateTime<Utc>, RowError> {
        DateTime::from_timestamp_millis(millis)
            .ok_or_else(|| self.wrong(column, OutOfCalendar(millis)))
    }

    /// Reads a time that may be missing.
    pub(crate) fn time_optional(
        self,
        column: &'static str,
        millis: Option<i64>,
    ) -> Result<Option<DateTime<Utc>>, RowError> {
        millis.map(|millis| self.time(column, millis)).transpose()
    }

    /// Reads a count.
    pub(crate) fn count<T>(self, column: &'static str, number: i64) -> Result<T, RowError>
    where
        T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>,
    {
        T::try_from(number).map_err(|error| self.wrong(column, error))
    }

    /// Reads JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T, RowError> {
        serde_json::from_str(text).map_err(|error| self.wrong(column, error))
    }
}
