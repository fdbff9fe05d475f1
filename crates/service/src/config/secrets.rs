//! Secrets: which keys are secret, and the `*_file` siblings that hold them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::{Config, ConfigError, Fault};

/// Keys whose values are never shown. The URLs may hold a password.
const SECRET: [&str; 6] = [
    "admin_key",
    "token",
    "callback_secret",
    "previous_callback_secret",
    "secret",
    "url",
];
/// The largest file of a secret, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Is the value of a key with this name never shown?
pub(super) fn is_secret(key: &str) -> bool {
    SECRET.contains(&key)
}

/// Reads the `*_file` siblings into their keys; an empty secret counts as none. Returns what cannot be.
pub(super) fn resolve(config: &mut Config) -> Result<Vec<Fault>, ConfigError> {
    let mut faults = Vec::new();
    let server = &mut config.server;
    let mut each = |key: String, secret: &mut Option<SecretString>, file: &Option<PathBuf>| {
        one(&key, secret, file.as_deref(), &mut faults)
    };
    each(
        "server.admin_key".to_owned(),
        &mut server.admin_key,
        &server.admin_key_file,
    )?;
    for (id, merchant) in &mut config.merchants {
        let key = |name: &str| format!("merchants.{id}.{name}");
        let m = merchant;
        each(key("token"), &mut m.token, &m.token_file)?;
        each(
            key("callback_secret"),
            &mut m.callback_secret,
            &m.callback_secret_file,
        )?;
        each(
            key("previous_callback_secret"),
            &mut m.previous_callback_secret,
            &m.previous_callback_secret_file,
        )?;
        for (index, webhook) in m.webhooks.iter_mut().enumerate() {
            each(
                key(&format!("webhooks[{index}].secret")),
                &mut webhook.secret,
                &webhook.secret_file,
            )?;
        }
    }
    Ok(faults)
}

fn one(
    key: &str,
    secret: &mut Option<SecretString>,
    file: Option<&Path>,
    faults: &mut Vec<Fault>,
) -> Result<(), ConfigError> {
    let is_empty = |secret: &SecretString| secret.expose_secret().trim().is_empty();
    *secret = secret.take().filter(|secret| !is_empty(secret));
    let Some(path) = file else { return Ok(()) };
    if secret.is_some() {
        let message = format!("stands beside {key}; give one of the two");
        faults.push(Fault::new(format!("{key}_file"), path.display(), message));
        return Ok(());
    }
    let text = read(path).map_err(|source| ConfigError::SecretFile {
        key: format!("{key}_file"),
        path: path.to_owned(),
        source,
    })?;
    let text = SecretString::from(text.trim_end_matches(['\r', '\n']));
    if is_empty(&text) {
        faults.push(Fault::new(
            format!("{key}_file"),
            path.display(),
            "names an empty file",
        ));
    }
    *secret = Some(text);
    Ok(())
}

fn read(path: &Path) -> Result<String, std::io::Error> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_string(&mut text)?;
    Ok(text)
}
