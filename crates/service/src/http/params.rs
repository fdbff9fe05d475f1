//! The parameters of a query: each known, each at most once, each of its type.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::FieldError;
use store::MAX_PAGE;
use url::form_urlencoded;

use super::problem::Problem;

/// How many entries a list has when nobody says.
const DEFAULT_LIMIT: u32 = 50;
/// The form of a time in a query, for [`Params::get_as`].
pub(super) const TIME: &str = "a time like \"2026-12-01T12:00:00Z\"";
/// The longest value of a parameter, in bytes.
const MAX_VALUE: usize = 256;

/// The parameters of a query as they were sent.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        ))
    }
}

/// The one part of the path that varies: an id, or a reference.
#[derive(Debug)]
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name))
            .map_err(|_not_text| Problem::not_found("thing"))
    }
}

impl Params {
    /// Refuses parameters that are not `known`, that stand twice, or that hold what no value of ours does.
    pub(super) fn only(self, known: &[&str]) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        for (index, (name, value)) in self.0.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let name: String = name.chars().take(MAX_VALUE).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                faults.push(FieldError::new(
                    name,
                    format!("is not known; known here: {known}"),
                ));
            } else if self.0[..index].iter().any(|(other, _)| other == name) {
                faults.push(FieldError::new(name, "stands there twice"));
            } else if value.len() > MAX_VALUE || value.chars().any(char::is_control) {
                faults.push(FieldError::new(
                    name,
                    "is too long, or holds control characters",
                ));
            }
        }
        if faults.is_empty() {
            Ok(self)
        } else {
            Err(Problem::fields(faults))
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter, if it is there.
    pub(super) fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.get_or(name, |error: T::Err| error.to_string())
    }

    /// The same, for types whose own words do not say what would be right.
    pub(super) fn get_as<T: FromStr>(&self, name: &str, right: &str) -> Result<Option<T>, Problem> {
        self.get_or(name, |_: T::Err| format!("is not {right}"))
    }

    fn get_or<T: FromStr>(
        &self,
        name: &str,
        message: impl Fn(T::Err) -> String,
    ) -> Result<Option<T>, Problem> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|error| Problem::field(name, message(error)))
        };
        self.text(name).map(parse).transpose()
    }

    /// How many entries to show.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let right = format!("a whole number from 1 to {MAX_PAGE}");
        match self.get_as("limit", &right)?.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_PAGE => Ok(limit),
            _ => Err(Problem::field("limit", format!("is not {right}"))),
        }
    }

    /// Where the last page ended.
    pub(super) fn cursor<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.get_as("cursor", "the next_cursor of the page before")
    }
}
