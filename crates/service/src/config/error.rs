//! What is wrong with a configuration: the key, its value unless it is secret, the bound, and where to mend it.

use std::fmt;
use std::path::PathBuf;

use domain::MerchantId;

/// One key that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the key, `merchants.default.capture_window`.
    pub key: String,
    /// Its value; `None` when it is secret, missing, or a section.
    pub value: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Fault {
    pub(super) fn new(
        key: impl Into<String>,
        value: impl fmt::Display,
        message: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            value: Some(value.to_string()),
            message: message.into(),
        }
    }

    pub(super) fn without_value(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value} {}", self.key, self.message),
            None => write!(f, "{} {}", self.key, self.message),
        }
    }
}

/// Why there is no configuration. Nothing has been started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// An environment variable names no key.
    #[error("the environment variable {name} {message}")]
    Variable {
        /// Which.
        name: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The file of a secret cannot be read.
    #[error("{key}: the file {} cannot be read", path.display())]
    SecretFile {
        /// The key that names it.
        key: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Keys that do not fit.
    #[error("{}", lines(faults))]
    Invalid {
        /// Which.
        faults: Vec<Fault>,
        /// Where to mend the first one.
        hint: String,
    },
    /// A merchant's client refuses its settings.
    #[error("merchants.{merchant} has settings that its client refuses")]
    Client {
        /// Which.
        merchant: MerchantId,
        /// Why.
        #[source]
        source: api_client::SettingsError,
    },
}

fn lines(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(Fault::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl ConfigError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "name a file that can be read with --config, or leave it out to use holdfast.toml or the defaults"
                    .to_owned()
            }
            Self::Syntax { .. } => "the file is TOML; config/example.toml shows the form".to_owned(),
            Self::Variable { .. } => {
                "variables are HOLDFAST__SECTION__KEY, such as HOLDFAST__MERCHANTS__DEFAULT__TOKEN".to_owned()
            }
            Self::SecretFile { key, .. } => format!("let {key} name a file that this user can read"),
            Self::Invalid { hint, .. } => hint.clone(),
            Self::Client { merchant, .. } => format!("mend base_url and token of [merchants.{merchant}]"),
        }
    }
}
