//! What the commands for ops share: how the service is reached, and what its refusals mean for whoever asked.

use clap::Args;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{ACT, Failure, UNEXPECTED};
use crate::client::{Client, ClientError};
use domain::Chain;

/// Where the key of the API is found. Not an argument, because those can be read by others on the machine.
const KEY: &str = "HOLDFAST_KEY";

/// How the service is reached, and how answers are printed.
#[derive(Debug, Args)]
pub(super) struct Api {
    /// The service; its key is read from the variable HOLDFAST_KEY
    #[arg(
        long,
        env = "HOLDFAST_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: Url,
    /// Print JSON, as the API answers, instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

impl Api {
    /// The client of the service.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let key = std::env::var(KEY)
            .ok()
            .filter(|key| !key.is_empty())
            .map(SecretString::from);
        Client::new(&self.url, key).map_err(|error| Failure {
            code: ACT,
            message: Chain(&error).to_string(),
            hint: Some(format!(
                "--url or HOLDFAST_URL names the service, and {KEY} holds its key"
            )),
        })
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = Chain(&error).to_string();
        let (code, hint) = match &error {
            ClientError::Refused { problem, .. } => match (problem.code.as_str(), problem.status) {
                ("unauthorized", _) => (
                    ACT,
                    hint(
                        &problem.code,
                        Some("set HOLDFAST_KEY to a key of the service"),
                    ),
                ),
                ("evidence_changed", _) => (
                    ACT,
                    hint(
                        &problem.code,
                        Some("look at the evidence again, and decide again"),
                    ),
                ),
                (code, 400..=499) => (ACT, hint(code, None)),
                (code, _) => (UNEXPECTED, hint(code, None)),
            },
            ClientError::NoAnswer { .. } => (
                ACT,
                Some("does `holdfast serve` run there? --url or HOLDFAST_URL names it".to_owned()),
            ),
            ClientError::Base { .. } | ClientError::Key => (ACT, None),
            ClientError::Build(_) | ClientError::TooLong { .. } | ClientError::NotJson { .. } => {
                (UNEXPECTED, None)
            }
        };
        Self {
            code,
            message,
            hint,
        }
    }
}

/// What to do about a refusal, and where the page of its code is. The service has the pages of its own version; other
/// servers, such as a proxy, have no code.
fn hint(code: &str, first: Option<&str>) -> Option<String> {
    let page = (!code.is_empty()).then(|| format!("{} of the service says more", page_of(code)));
    let parts: Vec<&str> = first.into_iter().chain(page.as_deref()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The page of an error's code, as a path of the service.
pub(super) fn page_of(code: &str) -> String {
    format!("/errors/{}", cell(&Value::from(code)))
}

/// A path below `/v1` whose last part is what somebody typed.
pub(super) fn path(collection: &str, name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b':' | b'-' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("v1/{collection}/{encoded}")
}

/// A value as a cell of a table. Control characters could steer the terminal, so that they are not printed.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect()
}

/// Rows with their columns aligned, two spaces apart, each after `indent`.
pub(super) fn table(indent: &str, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        lines.push(
            format!("{indent}{}", cells.join("  "))
                .trim_end()
                .to_owned(),
        );
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_end_without_spaces() {
        let rows = [
            vec!["a".to_owned(), "bb".into(), "c".into()],
            vec!["ååå".into(), String::new()],
        ];
        assert_eq!(table("  ", &rows), "  a    bb  c\n  ååå");
        assert_eq!(table("", &[]), "");
    }

    #[test]
    fn what_somebody_typed_stays_one_part_of_the_path() {
        assert_eq!(path("jobs", "job_01J8Z3"), "v1/jobs/job_01J8Z3");
        assert_eq!(
            path("reservations", "ref:A/B ?æ.."),
            "v1/reservations/ref:A%2FB%20%3F%C3%A6%2E%2E"
        );
    }

    #[test]
    fn a_cell_holds_no_control_characters() {
        assert_eq!(cell(&json!("a\u{1b}[2Jb\nc")), "a·[2Jb·c");
        assert_eq!(
            (cell(&json!(null)), cell(&json!(3))),
            ("-".to_owned(), "3".to_owned())
        );
    }
}
