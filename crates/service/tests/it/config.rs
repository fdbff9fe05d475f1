//! The configuration: defaults, files, variables, secrets, and the message for a wrong key.

use std::path::{Path, PathBuf};

use domain::{Merchant, MerchantId};
use secrecy::ExposeSecret as _;
use service::config::{Config, ConfigError, MerchantConfig};
use tempfile::TempDir;

/// A merchant on this machine, which needs no secrets.
const LOOPBACK: &str = "[merchants.default]\nbase_url = \"http://127.0.0.1:8090\"\n";

fn id() -> MerchantId {
    "default".parse().expect("merchant")
}

fn variables<'v>(pairs: &'v [(&'v str, &'v str)]) -> impl Iterator<Item = (String, String)> + 'v {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

/// The configuration of a file with this text.
fn load_with(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = TempDir::new().expect("folder");
    let path = folder.path().join("holdfast.toml");
    std::fs::write(&path, text).expect("file");
    Config::load(Some(&path), variables(env))
}

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[])
}

/// The first line of what is wrong, and the hint.
fn refused(text: &str, env: &[(&str, &str)]) -> (String, String) {
    let error = load_with(text, env).expect_err(text);
    (error.to_string(), error.hint())
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../config")
        .join(name)
}

#[test]
fn default_toml_says_what_the_built_in_defaults_are() {
    let secrets = [
        ("HOLDFAST__MERCHANTS__DEFAULT__TOKEN", "token"),
        ("HOLDFAST__MERCHANTS__DEFAULT__CALLBACK_SECRET", "secret"),
    ];
    let mut message =
        Config::load(Some(&shipped("default.toml")), variables(&secrets)).expect("config");
    assert_eq!(message.merchant(&id()), Some(Merchant::new(id())));
    let merchant = message.merchants.get_mut(&id()).expect("merchant");
    // The domain has compared what the policy amounts to; the file spells out every key of it.
    merchant.policy = MerchantConfig::default().policy;
    (merchant.token, merchant.callback_secret) = (None, None);
    let mut built_in = Config::default();
    built_in.merchants.insert(id(), MerchantConfig::default());
    assert_eq!(format!("{message:#?}"), format!("{built_in:#?}"));
    assert_eq!(
        message.database.url.expose_secret(),
        built_in.database.url.expose_secret()
    );
}

#[test]
fn every_key_without_a_default_is_mentioned_in_default_toml() {
    let text = std::fs::read_to_string(shipped("default.toml")).expect("file");
    for key in [
        "admin_key",
        "admin_key_file",
        "origin",
        "token",
        "token_file",
        "callback_secret",
        "callback_secret_file",
        "previous_callback_secret",
        "previous_callback_secret_file",
        "legal_basis",
        "mandate_ceiling",
        "[[merchants.default.webhooks]]",
    ] {
        assert!(
            text.lines()
                .any(|line| line.starts_with(&format!("# {key}"))),
            "{key}"
        );
    }
}

#[test]
fn example_toml_can_be_used_as_it_is() {
    let config = Config::load(Some(&shipped("example.toml")), std::iter::empty()).expect("config");
    assert_eq!(config.handles().expect("clients").len(), 1);
}

#[test]
fn without_a_merchant_nothing_starts() {
    let (message, hint) = refused("", &[]);
    assert!(message.starts_with("merchants is empty"), "{message}");
    assert!(hint.contains("config/default.toml"), "{hint}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(
        Some(Path::new("/nowhere/holdfast.toml")),
        std::iter::empty(),
    )
    .expect_err("file");
    assert!(
        error.to_string().contains("/nowhere/holdfast.toml"),
        "{error}"
    );
    let named = [("HOLDFAST_CONFIG", "/elsewhere/holdfast.toml")];
    let error = Config::load(None, variables(&named)).expect_err("file");
    assert!(
        error.to_string().contains("/elsewhere/holdfast.toml"),
        "{error}"
    );
}

#[test]
fn variables_go_before_the_file() {
    let text = format!("[worker]\nconcurrency = 4\nlease = \"1m\"\n{LOOPBACK}");
    let env = [
        ("HOLDFAST__WORKER__CONCURRENCY", "8"),
        ("HOLDFAST__SERVER__LISTEN", "0.0.0.0:9000"),
        ("HOLDFAST__CLOCK__ORIGIN", "2026-01-01T00:00:00Z"),
        ("HOLDFAST__MERCHANTS__DEFAULT__TAX_PERCENTS", "[0, 25]"),
        ("HOLDFAST__MERCHANTS__DEFAULT__LEGACY_CALLBACKS", "true"),
        (
            "HOLDFAST__MERCHANTS__DEFAULT__POLICY__EXPIRY__CANCEL_AFTER_DUE",
            "off",
        ),
        // A token of digits stays what it is.
        ("HOLDFAST__MERCHANTS__DEFAULT__TOKEN", "00712"),
        (
            "HOLDFAST__MERCHANTS__SECOND__BASE_URL",
            "http://localhost:8091",
        ),
        ("UNRELATED", "x"),
    ];
    let config = load_with(&text, &env).expect("config");
    assert_eq!(
        (config.worker.concurrency, config.worker.lease.to_string()),
        (8, "1m".to_owned())
    );
    assert_eq!(config.server.listen.port(), 9000);
    assert_eq!(
        config.clock.origin.expect("origin").to_rfc3339(),
        "2026-01-01T00:00:00+00:00"
    );
    let merchant = &config.merchants[&id()];
    assert_eq!(merchant.tax_percents, [0, 25]);
    assert!(merchant.legacy_callbacks);
    assert_eq!(
        merchant.token.as_ref().expect("token").expose_secret(),
        "00712"
    );
    let policy = config.merchant(&id()).expect("merchant").policy;
    assert_eq!(policy.expiry.cancel_after_due.delta(), None);
    assert_eq!(config.merchants.len(), 2);
}

#[test]
fn a_key_by_its_former_name_is_refused_with_the_name_it_has() {
    let cases = [
        (
            "settle = { absent_reads = 3 }",
            "merchants.default.settle is not known; the key is called resolution",
        ),
        (
            "resolution = { unproven_after = \"4h\" }",
            "resolution.unproven_after is not known; the key is called stale_view_timeout",
        ),
        (
            "resolution = { weak_limit = \"5000.00\" }",
            "resolution.weak_limit is not known; the key is called unmarked_match_limit",
        ),
        (
            "policy = { reminders = { hours = \"decent\" } }",
            "policy.reminders.hours is not known; the key is called contact_hours",
        ),
        (
            "policy = { reminders = { contact_hours = \"decent\" } }",
            "reminders.contact_hours = \"decent\" is not `business` or `any`",
        ),
    ];
    for (line, expected) in cases {
        let error = load(&format!("{LOOPBACK}{line}")).expect_err(line);
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }
    let variable = ("HOLDFAST__MERCHANTS__DEFAULT__SETTLE__ABSENT_READS", "3");
    let error = load_with(LOOPBACK, &[variable]).expect_err("an old variable");
    let (said, hint) = (error.to_string(), error.hint());
    assert!(said.contains("the key is called resolution"), "{said}");
    assert!(hint.contains(variable.0), "{hint}");
}

#[test]
fn a_fast_clock_ages_baselines_by_the_wall() {
    let text = format!("[clock]\nspeed = 1000\norigin = 2026-01-01T00:00:00Z\n{LOOPBACK}");
    let merchant = load(&text)
        .expect("config")
        .merchant(&id())
        .expect("merchant");
    assert_eq!(
        merchant.baseline_max_age,
        chrono::TimeDelta::seconds(30_000)
    );
}

#[test]
fn secrets_come_from_files_too() {
    let folder = TempDir::new().expect("folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "from-a-file\n").expect("file");
    let shown = path.display();
    let config = load(&format!("{LOOPBACK}token_file = \"{shown}\"")).expect("config");
    let token = config.merchants[&id()].token.clone().expect("token");
    assert_eq!(token.expose_secret(), "from-a-file");
    let (message, _) = refused(
        &format!("{LOOPBACK}token = \"x\"\ntoken_file = \"{shown}\""),
        &[],
    );
    assert!(
        message.contains("merchants.default.token_file") && message.contains("one of the two"),
        "{message}"
    );
    let (message, hint) = refused(
        &format!("{LOOPBACK}callback_secret_file = \"/nowhere\""),
        &[],
    );
    assert!(
        message.contains("callback_secret_file") && message.contains("/nowhere"),
        "{message}"
    );
    assert!(hint.contains("callback_secret_file"), "{hint}");
}

#[test]
fn secrets_are_never_shown() {
    const HUSH: &str = "hush-hush-hush-hush";
    let whole = format!(
        "[server]\nadmin_key = \"{HUSH}\"\n[database]\nurl = \"postgres://u:{HUSH}@h/d\"\n\
         {LOOPBACK}token = \"{HUSH}\"\ncallback_secret = \"{HUSH}\"\nprevious_callback_secret = \"{HUSH}\"\n"
    );
    assert!(!format!("{:?}", load(&whole).expect("config")).contains(HUSH));
    let wrong = [
        format!("[server]\nadmin_key = \"{HUSH} \"\n{LOOPBACK}"),
        format!("[server]\nadmin_key = [\"{HUSH}\"]\n{LOOPBACK}"),
        format!("{LOOPBACK}token = \"{HUSH}"),
        format!("{LOOPBACK}token = {{ a = \"{HUSH}\" }}"),
        format!("[database]\nurl = \"mysql://u:{HUSH}@h/d\"\n{LOOPBACK}"),
        format!("[merchants.default]\nbase_url = \"https://u:{HUSH}@api.example.no\"\n"),
        format!(
            "{LOOPBACK}[[merchants.default.webhooks]]\nurl = \"https://a.no\"\nsecret = \"{HUSH}\"\n"
        ),
    ];
    for text in wrong {
        let error = load(&text).expect_err(&text);
        let message = format!("{error} {error:?} {}", error.hint());
        assert!(!message.contains("hush"), "{message}");
    }
}

#[test]
fn broken_toml_is_told_by_its_line() {
    let (message, _) = refused("[server]\nlisten = \n", &[]);
    assert!(message.contains("holdfast.toml, line 2: "), "{message}");
}

#[test]
fn variables_that_name_no_key_are_refused() {
    for (name, part) in [
        ("HOLDFAST__", "names no key"),
        ("HOLDFAST____LEASE", "names no key"),
        ("HOLDFAST__WORKER__LEASE__X", "below a value"),
    ] {
        let text = format!("[worker]\nlease = \"30s\"\n{LOOPBACK}");
        let (message, _) = refused(&text, &[(name, "1")]);
        assert!(
            message.contains(name) && message.contains(part),
            "{message}"
        );
    }
    let (message, hint) = refused(LOOPBACK, &[("HOLDFAST__WORKER__CONCURENCY", "8")]);
    assert!(
        message.starts_with("worker.concurency is not known; known here: `concurrency`"),
        "{message}"
    );
    assert_eq!(
        hint,
        "it is set by the environment variable HOLDFAST__WORKER__CONCURENCY"
    );
}

/// Whether the text stands at the top or in the merchant's section, and what is said of it.
enum At {
    Top,
    Merchant,
}

#[test]
fn each_wrong_key_is_told_with_its_value_its_bound_and_what_is_right() {
    use At::{Merchant, Top};
    let cases: &[(At, &str, &str)] = &[
        (
            Top,
            "[server]\nlisten = \"8080\"",
            "server.listen = \"8080\" is not an address with a port like",
        ),
        (
            Top,
            "[server]\nlistn = \"x\"",
            "server.listn is not known; known here: `listen`",
        ),
        (Top, "[servr]", "servr is not known; known here: `server`"),
        (
            Top,
            "[server]\npublic_url = \"x\"",
            "server.public_url = \"x\" is not a URL",
        ),
        (
            Top,
            "[server]\npublic_url = \"ftp://x\"",
            "server.public_url is not an http or https URL",
        ),
        (
            Top,
            "[server]\nadmin_key = \"short\"",
            "server.admin_key is not 16 to 256 visible ASCII characters",
        ),
        (
            Top,
            "[database]\nurl = \"mysql://x\"",
            "database.url begins with none of \"sqlite:\"",
        ),
        (
            Top,
            "[worker]\nconcurrency = 0",
            "worker.concurrency = 0 is not between 1 and 1024",
        ),
        (
            Top,
            "[worker]\nconcurrency = 1025",
            "worker.concurrency = 1025 is not between 1 and 1024",
        ),
        (
            Top,
            "[worker]\nconcurrency = \"many\"",
            "worker.concurrency = \"many\" is not a whole number from 1",
        ),
        (
            Top,
            "[worker]\nconcurrency = -1",
            "worker.concurrency = -1 is not a whole number from 1 to 1024",
        ),
        (
            Top,
            "[worker]\nlease = \"4s\"",
            "worker.lease = \"4s\" is not between 5s and 1h",
        ),
        (
            Top,
            "[worker]\nlease = 30",
            "worker.lease = 30 is not a string",
        ),
        (
            Top,
            "[worker]\nlease = \"soon\"",
            "worker.lease = \"soon\" is not a duration like",
        ),
        (
            Top,
            "[worker]\npoll_interval = \"1ms\"",
            "worker.poll_interval = \"1ms\" is not between 10ms and 1m",
        ),
        (
            Top,
            "[worker]\nshutdown_grace = \"11m\"",
            "worker.shutdown_grace = \"11m\" is not between 0ms and 10m",
        ),
        (
            Top,
            "[clock]\nspeed = 0",
            "clock.speed = 0 is not between 1 and 100000",
        ),
        (
            Top,
            "[clock]\nspeed = 100001\norigin = \"2026-01-01T00:00:00Z\"",
            "clock.speed = 100001 is not between",
        ),
        (Top, "[clock]\nspeed = 2", "clock.origin is missing"),
        (
            Top,
            "[clock]\norigin = \"today\"",
            "clock.origin = \"today\" is not a time like \"2026-",
        ),
        (
            Top,
            "[retention]\njobs = \"1h\"",
            "retention.jobs = \"1h\" is not between 24h and 3650d",
        ),
        (
            Merchant,
            "capture_window = \"6d\"",
            "capture_window = \"6d\" is not between 7d and 31d",
        ),
        (
            Merchant,
            "capture_window = \"32d\"",
            "capture_window = \"32d\" is not between 7d and 31d",
        ),
        (
            Merchant,
            "capture_window = \"170h\"",
            "capture_window = \"170h\" is not between 7d and 31d",
        ),
        (
            Merchant,
            "time_zone = \"Europe/Olso\"",
            "time_zone = \"Europe/Olso\" is not a zone of the IANA database",
        ),
        (
            Merchant,
            "multi_capture = \"yes\"",
            "multi_capture = \"yes\" is not one of `unknown`, `single`, `proven`",
        ),
        (
            Merchant,
            "charge_validity_unit = \"h\"",
            "charge_validity_unit = \"h\" is not one of `unknown`",
        ),
        (
            Merchant,
            "cancel_verb = \"put\"",
            "cancel_verb = \"put\" is not one of \"auto\", \"post\" and \"get\"",
        ),
        (
            Merchant,
            "rate_limit_per_minute = 0",
            "rate_limit_per_minute = 0 is not between 1 and 10000",
        ),
        (
            Merchant,
            "rate_limit_per_minute = 10001",
            "rate_limit_per_minute = 10001 is not between 1 and",
        ),
        (
            Merchant,
            "tax_percents = []",
            "tax_percents = [] is not a list of 1 to 20",
        ),
        (
            Merchant,
            "tax_percents = [101]",
            "tax_percents = [101] is not a list of 1 to 20",
        ),
        (
            Merchant,
            "tax_percents = [12.5]",
            "tax_percents[0] = 12.5 is not a list of whole percents",
        ),
        (
            Merchant,
            "timeouts = { read = \"0s\" }",
            "timeouts.read = \"0ms\" is not between 1s and 2m",
        ),
        (
            Merchant,
            "timeouts = { wait = \"5s\" }",
            "timeouts.wait is not known; known here: `connect`",
        ),
        (
            Merchant,
            "sweep_every = \"1s\"",
            "sweep_every = \"1s\" is not between 1m and 24h",
        ),
        (
            Merchant,
            "refresh_open_every = \"8d\"",
            "refresh_open_every = \"8d\" is not between 5m and 7d",
        ),
        (
            Merchant,
            "resolution = { reads = [] }",
            "resolution.reads is not a list of 1 to 20 durations",
        ),
        (
            Merchant,
            "resolution = { reads = [\"1m\", \"30s\"] }",
            "resolution.reads is not a list of 1 to 20 durations",
        ),
        (
            Merchant,
            "resolution = { absent_reads = 0 }",
            "resolution.absent_reads = 0 is not between 1 and 20",
        ),
        (
            Merchant,
            "resolution = { absent_after = { charge = \"1s\" } }",
            "absent_after.charge = \"1s\" is not between",
        ),
        (
            Merchant,
            "polcy = {}",
            "merchants.default.polcy is not known",
        ),
        (
            Merchant,
            "policy = { capture = { late = \"x\" } }",
            "policy.capture.late = \"x\" is not one of `review`",
        ),
        (
            Merchant,
            "policy = { capture = { before_deadline = \"capture_all\" } }",
            "merchants.default.policy.capture.legal_basis is required by before_deadline",
        ),
        (
            Merchant,
            "webhooks = [{ secret = \"x\" }]",
            "merchants.default.webhooks[0].url is missing",
        ),
        (
            Merchant,
            "webhooks = [{ url = \"http://a.no\" }]",
            "webhooks[0].url is not an https URL",
        ),
        (
            Merchant,
            "webhooks = [{ url = \"https://a.no\" }]",
            "webhooks[0].secret is not \"whsec_\"",
        ),
    ];
    for (at, text, expected) in cases {
        let text = match at {
            Top => format!("{text}\n{LOOPBACK}"),
            Merchant => format!("{LOOPBACK}{text}\n"),
        };
        let (message, hint) = refused(&text, &[]);
        assert!(message.contains(expected), "{text}\n{message}");
        assert!(hint.contains("holdfast.toml"), "{hint}");
    }
}

#[test]
fn a_provider_outside_needs_https_secrets_and_real_time() {
    let (message, _) = refused(
        "[merchants.default]\nbase_url = \"http://api.example.no\"\n",
        &[],
    );
    for expected in [
        "base_url = \"http://api.example.no/\" is not https",
        "token is missing",
        "callback_secret is missing",
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let outside = "[clock]\nspeed = 60\norigin = \"2026-01-01T00:00:00Z\"\n[merchants.default]\ntoken = \"t\"\n\
                   callback_secret = \"s\"\n";
    let (message, _) = refused(outside, &[]);
    for expected in [
        "clock.speed = 60",
        "on this machine",
        "https://demo-api.frontpayment.no",
        "set speed = 1",
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_merchants_name_is_checked() {
    let (message, _) = refused(
        "[merchants.\"Fjord Cabins\"]\nbase_url = \"http://127.0.0.1:1\"\n",
        &[],
    );
    assert!(message.contains("is not a merchant's name"), "{message}");
}
