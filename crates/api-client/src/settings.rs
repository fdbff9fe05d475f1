//! What a client needs to know about one merchant account.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

/// The base path of version 1, taken when the base URL has no path of its own.
const DEFAULT_PATH: &str = "/api/v1/";

/// One merchant account at the provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://demo-api.frontpayment.no`; without a path, `/api/v1/` is taken. Plain http only for loopback.
    pub base_url: Url,
    /// The bearer token of the account; never empty, never printed.
    pub token: SecretString,
    /// How long calls may take.
    pub timeouts: Timeouts,
    /// The verb that cancels are sent with.
    pub cancel_verb: CancelVerb,
    /// How to write `orderDate`.
    pub order_date: OrderDateFormat,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For a whole call that only reads.
    pub read: Duration,
    /// For a whole call that may move money or change a status.
    pub money: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(5),
            read: seconds(15),
            money: seconds(60),
        }
    }
}

/// The verb of a cancel: the provider's newer pages say GET with a body, the older ones POST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CancelVerb {
    /// POST first; on 405, which means not executed, the other one.
    #[default]
    Auto,
    /// POST alone; a 405 is then a refusal.
    Post,
    /// GET with a JSON body, and the note in the query as well.
    Get,
}

/// The form of `orderDate`, which the provider changed in 2025.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderDateFormat {
    /// Unix seconds, as the newer pages ask for.
    #[default]
    Unix,
    /// The older pages' form, such as `02 Aug, 2023`.
    Legacy,
}

/// Why there is no client with these settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an http or https URL with a host and nothing but a path.
    #[error("base_url must be an https URL without user, query and fragment")]
    BaseUrl,
    /// The token would travel in the clear.
    #[error("base_url must be https; plain http is for loopback hosts only")]
    PlainHttp,
    /// Empty, or not to be written in a header.
    #[error("token is empty or holds characters that a header cannot")]
    Token,
    /// A timeout of zero.
    #[error("a timeout must be more than zero")]
    Timeout,
    /// The HTTP client does not start, for want of system certificates for example.
    #[error("the HTTP client does not start")]
    Http(#[source] reqwest::Error),
}

impl Settings {
    /// Settings with everything else at its default.
    #[must_use]
    pub fn new(base_url: Url, token: SecretString) -> Self {
        Self {
            base_url,
            token,
            timeouts: Timeouts::default(),
            cancel_verb: CancelVerb::default(),
            order_date: OrderDateFormat::default(),
        }
    }

    /// Checks everything, and returns the base that paths are joined to: it ends with a slash.
    pub(crate) fn check(&self) -> Result<Url, SettingsError> {
        let mut base = self.base_url.clone();
        let bare = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !bare || !base.has_host() {
            return Err(SettingsError::BaseUrl);
        }
        match base.scheme() {
            "https" => {}
            "http" if is_loopback(&base) => {}
            "http" => return Err(SettingsError::PlainHttp),
            _ => return Err(SettingsError::BaseUrl),
        }
        if base.path() == "/" {
            base.set_path(DEFAULT_PATH);
        } else if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let Timeouts {
            connect,
            read,
            money,
        } = self.timeouts;
        if [connect, read, money].iter().any(Duration::is_zero) {
            return Err(SettingsError::Timeout);
        }
        if self.token.expose_secret().trim().is_empty() {
            return Err(SettingsError::Token);
        }
        Ok(base)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> Result<String, String> {
        let settings = Settings::new(url.parse().expect("url"), "token".into());
        settings
            .check()
            .map(|url| url.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_base_without_a_path_means_version_1() {
        for (url, expected) in [
            (
                "https://demo-api.frontpayment.no",
                "https://demo-api.frontpayment.no/api/v1/",
            ),
            (
                "https://demo-api.frontpayment.no/api/v1",
                "https://demo-api.frontpayment.no/api/v1/",
            ),
            ("http://127.0.0.1:8090/x/", "http://127.0.0.1:8090/x/"),
            ("http://[::1]:8090", "http://[::1]:8090/api/v1/"),
            ("http://localhost", "http://localhost/api/v1/"),
        ] {
            assert_eq!(base(url).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_token_never_travels_in_the_clear() {
        for url in [
            "http://demo-api.frontpayment.no",
            "http://127.0.0.1.example.no",
            "http://10.0.0.1",
        ] {
            assert!(base(url).expect_err(url).contains("loopback"));
        }
        for url in [
            "ftp://example.no",
            "https://user:secret@example.no",
            "https://example.no/?a=b",
            "mailto:a@b.no",
        ] {
            assert!(base(url).expect_err(url).contains("https URL"));
        }
    }

    #[test]
    fn an_empty_token_and_a_zero_timeout_are_refused() {
        let mut settings = Settings::new("https://example.no".parse().expect("url"), " ".into());
        assert!(matches!(settings.check(), Err(SettingsError::Token)));
        settings.timeouts.read = Duration::ZERO;
        assert!(matches!(settings.check(), Err(SettingsError::Timeout)));
        assert!(!format!("{:?}", Settings::new(settings.base_url, "hush".into())).contains("hush"));
    }
}
