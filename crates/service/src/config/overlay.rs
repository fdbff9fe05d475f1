//! Lays environment variables over the file's table, and remembers where each key comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::{Table, Value};

use super::secrets::is_secret;
use super::{ConfigError, Fault};

const PREFIX: &str = "HOLDFAST__";
/// The deepest key: `merchants.default.policy.capture.late`.
const MAX_DEPTH: usize = 8;

/// Where keys come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// The file, if there is one.
    pub(super) file: Option<PathBuf>,
    /// The variable of each key that was set by one.
    pub(super) variables: BTreeMap<String, String>,
}

impl Origin {
    /// The error of a configuration with these faults; its hint says where to mend the first.
    pub(super) fn invalid(&self, faults: Vec<Fault>) -> ConfigError {
        let hint = faults
            .first()
            .map_or_else(String::new, |fault| self.hint(&fault.key));
        ConfigError::Invalid { faults, hint }
    }

    /// Where to mend a key: by the variable that set the key, a part of it, or the section it stands in.
    fn hint(&self, key: &str) -> String {
        let is_part = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        let variable = self
            .variables
            .iter()
            .find(|(set, _)| key == set.as_str() || is_part(key, set) || is_part(set, key));
        match (variable, &self.file) {
            (Some((_, name)), _) => format!("it is set by the environment variable {name}"),
            (None, Some(file)) => {
                format!(
                    "mend it in {}; config/default.toml explains every key",
                    file.display()
                )
            }
            (None, None) => format!(
                "no file was read: set it in holdfast.toml or by {}; config/default.toml explains every key",
                variable_of(key)
            ),
        }
    }
}

/// The variable that would set a key.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// The table under its variables.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) table: Table,
    pub(super) variables: BTreeMap<String, String>,
}

pub(super) fn overlay(
    mut table: Table,
    env: &BTreeMap<String, String>,
) -> Result<Merged, ConfigError> {
    let mut variables = BTreeMap::new();
    for (name, text) in env {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let wrong = |message| ConfigError::Variable {
            name: name.clone(),
            message,
        };
        let path = path.to_lowercase();
        let keys: Vec<&str> = path.split("__").collect();
        let Some((last, sections)) = keys.split_last() else {
            continue;
        };
        if keys.iter().any(|key| key.is_empty()) || keys.len() > MAX_DEPTH {
            return Err(wrong(
                "names no key: parts are separated by two underscores",
            ));
        }
        let mut at = &mut table;
        for section in sections {
            at = at
                .entry(*section)
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .ok_or_else(|| wrong("names a key below a value that is no section"))?;
        }
        at.insert((*last).to_owned(), value(last, text));
        variables.insert(keys.join("."), name.clone());
    }
    Ok(Merged { table, variables })
}

/// A variable's text as a TOML value if it is one, else as a string. A secret is always its own text, and a time
/// stays text as in the file.
fn value(key: &str, text: &str) -> Value {
    match text.parse::<Value>() {
        Ok(value) if !is_secret(key) && !value.is_datetime() => value,
        _ => Value::String(text.to_owned()),
    }
}
