//! Reads the file and the types out of it, and says in our words what does not fit.

use std::io::Read as _;
use std::path::Path;

use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::overlay::Origin;
use super::secrets::is_secret;
use super::{Config, ConfigError, Fault};
use crate::decode::{self, Kind};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// The longest value that is shown.
const MAX_SHOWN: usize = 80;

/// What is right for a key whose type has no such sentence of its own.
const RIGHT: [(&str, &str); 13] = [
    (
        "listen",
        "is not an address with a port like \"127.0.0.1:8080\"",
    ),
    (
        "public_url",
        "is not a URL like \"https://holdfast.example.no\"",
    ),
    (
        "base_url",
        "is not a URL like \"https://demo-api.frontpayment.no\"",
    ),
    ("url", "is not a URL"),
    ("concurrency", "is not a whole number from 1 to 1024"),
    ("speed", "is not a whole number from 1 to 100000"),
    ("origin", "is not a time like \"2026-01-01T00:00:00Z\""),
    (
        "time_zone",
        "is not a zone of the IANA database like \"Europe/Oslo\"",
    ),
    (
        "rate_limit_per_minute",
        "is not a whole number from 1 to 10000",
    ),
    (
        "tax_percents",
        "is not a list of whole percents from 0 to 100 like [0, 12, 15, 25]",
    ),
    ("absent_reads", "is not a whole number from 1 to 20"),
    ("legacy_callbacks", "is neither true nor false"),
    (
        "cancel_verb",
        "is not one of \"auto\", \"post\" and \"get\"",
    ),
];

/// Keys by the names that they no longer have, and what each is called.
const RENAMED: [(&str, &str); 4] = [
    ("settle", "resolution"),
    ("unproven_after", "stale_view_timeout"),
    ("weak_limit", "unmarked_match_limit"),
    ("hours", "contact_hours"),
];

pub(super) fn text(path: &Path) -> Result<String, ConfigError> {
    let read = || {
        let mut text = String::new();
        let read = std::fs::File::open(path)?
            .take(MAX_FILE + 1)
            .read_to_string(&mut text)?;
        let fits = u64::try_from(read).is_ok_and(|read| read <= MAX_FILE);
        if fits {
            Ok(text)
        } else {
            Err(std::io::Error::other("it is larger than 1 MiB"))
        }
    };
    read().map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// The file's table, with times as text.
pub(super) fn table(text: &str, path: Option<&Path>) -> Result<Table, ConfigError> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        // The parser's own message shows the line, which may hold a secret.
        let start = error.span().map_or(0, |span| span.start);
        ConfigError::Syntax {
            path: path.unwrap_or(Path::new("")).to_owned(),
            line: text
                .as_bytes()
                .iter()
                .take(start)
                .filter(|byte| **byte == b'\n')
                .count()
                + 1,
            message: error
                .message()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    })?;
    table.iter_mut().for_each(|(_, value)| times_as_text(value));
    Ok(table)
}

fn times_as_text(value: &mut Value) {
    match value {
        Value::Datetime(time) => *value = Value::String(time.to_string()),
        Value::Array(items) => items.iter_mut().for_each(times_as_text),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| times_as_text(value)),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => {}
    }
}

/// The typed configuration. Stops at the first key that does not fit its type.
pub(super) fn typed(table: Table, origin: &Origin) -> Result<Config, ConfigError> {
    let root = Value::Table(table);
    serde_path_to_error::deserialize(root.clone()).map_err(|error| {
        let decoded = decode::describe(&error.path().to_string(), error.inner().message());
        let keys: Vec<&Segment> = error.path().iter().collect();
        let last = keys.iter().rev().find_map(|segment| match segment {
            Segment::Map { key } => Some(key.as_str()),
            _ => None,
        });
        let right = RIGHT
            .iter()
            .find(|(key, _)| Some(*key) == last)
            .map(|(_, right)| *right);
        let renamed = RENAMED
            .iter()
            .find(|(old, _)| Some(*old) == last)
            .map(|(_, new)| *new);
        let message = match (decoded.kind, right, renamed) {
            (Kind::Wrong, Some(right), _) => right.to_owned(),
            (Kind::Unknown, _, Some(new)) => format!("is not known; the key is called {new}"),
            _ => decoded.fault.message,
        };
        let shown = (decoded.kind == Kind::Wrong)
            .then(|| shown(&root, &keys))
            .flatten();
        let fault = Fault {
            key: decoded.fault.field,
            value: shown,
            message,
        };
        origin.invalid(vec![fault])
    })
}

/// The value at a path, unless it is or may hold a secret.
fn shown(root: &Value, path: &[&Segment]) -> Option<String> {
    let mut at = root;
    for segment in path {
        at = match segment {
            Segment::Map { key } if !is_secret(key) => at.get(key)?,
            Segment::Seq { index } => at.get(*index)?,
            _ => return None,
        };
    }
    match at {
        Value::Table(_) | Value::Array(_) => None,
        // A URL with a password.
        Value::String(text) if text.contains('@') => None,
        scalar => Some(scalar.to_string().chars().take(MAX_SHOWN).collect()),
    }
}
