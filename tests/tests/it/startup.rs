//! Configurations and databases that cannot be: the process does not start, and says what to mend.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use chrono::{TimeZone as _, Utc};
use tests::{Program, TestPostgres, holdfast_binary};

use crate::harness::{ADMIN_KEY, CALLBACK_SECRET, Config, TOKEN, free_port};

/// How long a process may take to refuse. A database that does not answer is waited for a while.
const BOUND: Duration = Duration::from_secs(60);
const DATABASE_PASSWORD: &str = "dbpassword-4c5d6e7f8091a2b3";

struct Refusal {
    name: &'static str,
    config: Config,
    variables: Vec<(&'static str, &'static str)>,
    /// What the message has to name: the key, the value, the bound, the fix.
    names: Vec<String>,
}

fn config(folder: &std::path::Path) -> Config {
    let port = free_port();
    Config {
        port,
        public_port: port,
        database: format!("sqlite:{}", folder.join("holdfast.db").display()),
        speed: 1,
        origin: Utc
            .with_ymd_and_hms(2026, 1, 1, 0, 0, 0)
            .single()
            .expect("a time"),
        base_url: "http://127.0.0.1:9".to_owned(),
        merchant: String::new(),
        worker: String::new(),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn of_merchant(
    folder: &std::path::Path,
    name: &'static str,
    line: &str,
    names: &[&str],
) -> Refusal {
    let config = Config {
        merchant: line.to_owned(),
        ..config(folder)
    };
    Refusal {
        name,
        config,
        variables: Vec::new(),
        names: words(names),
    }
}

fn refusals(folder: &std::path::Path) -> Vec<Refusal> {
    let key = "merchants.default.";
    let closed = free_port();
    let missing = folder.join("nowhere").join("holdfast.db");
    let database = |name, url: String, names: Vec<String>| Refusal {
        name,
        config: Config {
            database: url,
            ..config(folder)
        },
        variables: Vec::new(),
        names,
    };
    vec![
        of_merchant(
            folder,
            "an unknown key",
            "captur_window = \"7d\"",
            &["merchants.default.captur_window", "is not known"],
        ),
        of_merchant(
            folder,
            "a window of 6 days",
            "capture_window = \"6d\"",
            &[
                &format!("{key}capture_window"),
                "6d",
                "7",
                "31",
                "mend it in",
            ],
        ),
        of_merchant(
            folder,
            "a window of 32 days",
            "capture_window = \"32d\"",
            &[
                &format!("{key}capture_window"),
                "32d",
                "7",
                "31",
                "mend it in",
            ],
        ),
        of_merchant(
            folder,
            "an unknown zone",
            "time_zone = \"Europe/Sandnes\"",
            &[&format!("{key}time_zone"), "Europe/Sandnes", "Europe/Oslo"],
        ),
        Refusal {
            name: "a fast clock against a real provider",
            config: Config {
                speed: 2,
                base_url: "https://demo-api.frontpayment.no".to_owned(),
                ..config(folder)
            },
            variables: Vec::new(),
            names: words(&["clock.speed", "2", "1", "base_url", "127.0.0.1"]),
        },
        Refusal {
            name: "a variable out of bounds",
            config: config(folder),
            variables: vec![("HOLDFAST__WORKER__LEASE", "1s")],
            names: words(&["worker.lease", "1s", "5s", "1h", "HOLDFAST__WORKER__LEASE"]),
        },
        database(
            "a folder that is not there",
            format!("sqlite:{}", missing.display()),
            words(&["database.url", &missing.display().to_string(), "folder"]),
        ),
        database(
            "a server that is not there",
            format!("postgres://holdfast:{DATABASE_PASSWORD}@127.0.0.1:{closed}/holdfast"),
            words(&["database.url", &closed.to_string(), "running"]),
        ),
        database(
            "a database of another kind",
            "mysql://localhost/x".to_owned(),
            words(&["database.url", "sqlite:", "postgres:"]),
        ),
    ]
}

#[test]
fn what_cannot_be_is_refused_with_key_value_bound_and_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    for refusal in refusals(folder.path()) {
        let path = refusal.config.write(folder.path(), "holdfast.toml");
        let errors = assert_refused(refusal.name, &path, &refusal.variables);
        for named in &refusal.names {
            assert!(
                errors.contains(named),
                "{}: {named} is not named in:\n{errors}",
                refusal.name
            );
        }
    }
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).expect("a free port");
    let path = config.write(folder.path(), "holdfast.toml");
    let errors = assert_refused("an address that is taken", &path, &[]);
    for named in ["server.listen", &config.port.to_string(), "hint:"] {
        assert!(errors.contains(named), "{named} is not named in:\n{errors}");
    }
    drop(taken);
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = TestPostgres::database();
    let config = Config {
        database: database.url(),
        ..config(folder.path())
    };
    let path = config.write(folder.path(), "holdfast.toml");
    let mut migrate = program(&path, "migrate").start();
    assert_eq!(
        migrate.wait_for_exit(BOUND).code(),
        Some(0),
        "{}",
        migrate.output()
    );
    let inserted = database.query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'of the future', TRUE, '\\x00', 0)",
    );
    assert_eq!(inserted, "");
    let errors = assert_refused("a newer database", &path, &[]);
    for named in ["database.url", "999", "newer", "hint:"] {
        assert!(errors.contains(named), "{named} is not named in:\n{errors}");
    }
}

fn program(config: &std::path::Path, command: &str) -> Program {
    Program::new(holdfast_binary()).args([
        "--config".as_ref(),
        config.as_os_str(),
        command.as_ref(),
    ])
}

/// Starts the service, which has to refuse, and returns what it wrote to stderr.
#[track_caller]
fn assert_refused(name: &str, config: &std::path::Path, variables: &[(&str, &str)]) -> String {
    let program = variables
        .iter()
        .fold(program(config, "serve"), |program, (name, value)| {
            program.env(name, value)
        });
    let mut process = program.start();
    let status = process.wait_for_exit(BOUND);
    assert_eq!(status.code(), Some(1), "{name}:\n{}", process.output());
    assert_eq!(process.stdout(), "", "{name}");
    for secret in [ADMIN_KEY, TOKEN, CALLBACK_SECRET, DATABASE_PASSWORD] {
        assert!(
            !process.output().contains(secret),
            "{name} prints {secret}:\n{}",
            process.output()
        );
    }
    process.stderr()
}
