//! The configuration file of a service under test.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

/// The key of the API. Like the other secrets it is like no other text, so that a test can look for it in output.
pub(crate) const ADMIN_KEY: &str = "adminkey-5d3c1f0e9b7a48f2";
/// The bearer token at the provider.
pub(crate) const TOKEN: &str = "providertoken-7f1e2d3c4b5a6978";
/// The secret of callback checksums: the sandbox's own.
pub(crate) const CALLBACK_SECRET: &str = "sandbox-secret";

/// What stands in the file.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The port of the service.
    pub(crate) port: u16,
    /// The port that the provider calls: of one service, whichever has the API.
    pub(crate) public_port: u16,
    /// `sqlite:…` or `postgres://…`.
    pub(crate) database: String,
    /// How much faster than the wall the business clock runs, and since when.
    pub(crate) speed: u32,
    pub(crate) origin: DateTime<Utc>,
    /// Where the provider is.
    pub(crate) base_url: String,
    /// More keys of `[merchants.default]`.
    pub(crate) merchant: String,
    /// More keys of `[worker]`.
    pub(crate) worker: String,
}

impl Config {
    /// The file's text. Sweeps are rare unless `merchant` says otherwise, so that requests can be counted.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "[server]\nlisten = \"127.0.0.1:{0}\"\npublic_url = \"http://127.0.0.1:{1}\"\n\
             admin_key = \"{ADMIN_KEY}\"\n\n[database]\nurl = \"{2}\"\n\n\
             [worker]\npoll_interval = \"200ms\"\n{3}\n",
            self.port,
            self.public_port,
            self.database,
            lines_with_default(
                &self.worker,
                &[("lease", "\"5s\""), ("shutdown_grace", "\"10s\"")]
            ),
        );
        if self.speed > 1 {
            let origin = self.origin.to_rfc3339_opts(SecondsFormat::Millis, true);
            let _ = writeln!(
                text,
                "[clock]\nspeed = {}\norigin = \"{origin}\"\n",
                self.speed
            );
        }
        let _ = writeln!(
            text,
            "[merchants.default]\nbase_url = \"{}\"\ntoken = \"{TOKEN}\"\ncallback_secret = \"{CALLBACK_SECRET}\"\n{}",
            self.base_url,
            lines_with_default(&self.merchant, &[("sweep_every", "\"24h\"")]),
        );
        text
    }

    /// Writes the file `name` into `folder`.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.text()).expect("the configuration can be written");
        path
    }
}

/// These lines, and before them those defaults whose keys they do not set.
fn lines_with_default(lines: &str, defaults: &[(&str, &str)]) -> String {
    let missing = defaults
        .iter()
        .filter(|(key, _)| !lines.lines().any(|line| line.trim_start().starts_with(key)));
    let mut all: String = missing
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    all.push_str(lines);
    all.push('\n');
    all
}
