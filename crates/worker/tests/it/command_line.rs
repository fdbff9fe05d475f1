//! The binary: its exit codes, what goes to which stream, and a clean end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with this configuration, to run in.
fn folder(text: &str) -> TempDir {
    let folder = TempDir::new().expect("folder");
    std::fs::write(folder.path().join("holdfast.toml"), text).expect("file");
    folder
}

const LOOPBACK: &str =
    "[server]\nlisten = \"127.0.0.1:0\"\n[merchants.default]\nbase_url = \"http://127.0.0.1:9\"\n";

fn holdfast(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_clear();
    command
}

fn run(folder: &TempDir, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = holdfast(folder, arguments).output().expect("run");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_version_and_the_help_are_data() {
    let folder = TempDir::new().expect("folder");
    let (code, stdout, stderr) = run(&folder, &["version"]);
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (Some(0), "holdfast 0.1.0\n", "")
    );
    let (code, stdout, _) = run(&folder, &["--help"]);
    assert_eq!(code, Some(0));
    for command in ["serve", "sandbox", "demo", "migrate", "version", "--config"] {
        assert!(stdout.contains(command), "{stdout}");
    }
}

#[test]
fn what_the_user_has_to_mend_exits_1_with_the_key_and_a_hint() {
    for (text, arguments, expected) in [
        ("[servr]\n", &["serve"][..], "servr is not known"),
        ("", &["serve"], "merchants is empty"),
        (
            "[merchants.default]\nbase_url = \"http://127.0.0.1:9\"\ncapture_window = \"6d\"\n",
            &["serve"],
            "capture_window = \"6d\" is not between 7d and 31d",
        ),
        (
            "[clock]\nspeed = 2\norigin = \"2026-01-01T00:00:00Z\"\n[merchants.default]\ntoken = \"t\"\ncallback_secret = \"s\"\n",
            &["migrate"],
            "clock.speed = 2 is more than 1",
        ),
        (
            LOOPBACK,
            &["--config", "nowhere.toml", "serve"],
            "nowhere.toml cannot be read",
        ),
    ] {
        let (code, stdout, stderr) = run(&folder(text), arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains(expected),
            "{stderr}"
        );
        assert!(stderr.contains("\nhint: "), "{stderr}");
    }
    let (code, _, stderr) = run(&folder(LOOPBACK), &["fly"]);
    assert_eq!(code, Some(1), "{stderr}");
    let folder = folder(LOOPBACK);
    let mut wrong = holdfast(&folder, &["migrate"]);
    let Output { status, stderr, .. } = wrong.env("HOLDFAST_LOG", "=!=").output().expect("run");
    assert_eq!(status.code(), Some(1));
    assert!(String::from_utf8_lossy(&stderr).contains("HOLDFAST_LOG"));
}

#[test]
fn a_database_that_is_missing_or_no_database_exits_1() {
    let missing = format!("{LOOPBACK}[database]\nurl = \"sqlite:/nowhere/holdfast.db\"\n");
    let other = format!("{LOOPBACK}[database]\nurl = \"sqlite:holdfast.toml\"\n");
    for (text, expected) in [
        (missing, "cannot be reached"),
        (other, "is not a SQLite database"),
    ] {
        let (code, _, stderr) = run(&folder(&text), &["migrate"]);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(
            stderr.contains("database.url = \"sqlite:") && stderr.contains(expected),
            "{stderr}"
        );
        assert!(stderr.contains("\nhint: "), "{stderr}");
    }
}

#[test]
fn migrating_twice_is_migrating_once() {
    let folder = folder(LOOPBACK);
    for _ in 0..2 {
        let (code, stdout, stderr) = run(&folder, &["migrate"]);
        assert_eq!(
            (code, stdout.as_str()),
            (Some(0), "the database is up to date\n"),
            "{stderr}"
        );
    }
    assert!(folder.path().join("holdfast.db").exists());
}

/// A process that is ended with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts it, and waits for its first line.
    fn start(folder: &TempDir, arguments: &[&str]) -> (Self, String) {
        let mut command = holdfast(folder, arguments);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("start");
        let mut running = Self(child);
        let mut line = String::new();
        let stdout = running.0.stdout.take().expect("stdout");
        BufReader::new(stdout).read_line(&mut line).expect("line");
        (running, line.trim_end().to_owned())
    }

    fn end_with(mut self, signal: &str) -> Option<i32> {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill")
            .args([signal, &pid])
            .status()
            .expect("kill");
        assert!(sent.success());
        self.0.wait().expect("end").code()
    }
}

fn get(address: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(address).expect("socket");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("answer");
    answer
}

#[test]
fn serve_says_where_it_listens_and_ends_cleanly_on_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let folder = folder(LOOPBACK);
        let (running, line) = Running::start(&folder, &["serve"]);
        let address = line
            .strip_prefix("holdfast listening on http://")
            .expect("address");
        assert!(
            get(address, "/readyz").starts_with("HTTP/1.1 200"),
            "{line}"
        );
        assert_eq!(running.end_with(signal), Some(0), "{signal}");
    }
}

#[test]
fn the_roles_of_a_process_are_chosen() {
    let folder = folder(LOOPBACK);
    let (running, line) = Running::start(&folder, &["serve", "--roles", "worker"]);
    assert_eq!(line, "holdfast working");
    assert_eq!(running.end_with("-TERM"), Some(0));
    let (running, line) = Running::start(&folder, &["serve", "--roles", "api"]);
    assert!(line.starts_with("holdfast listening on "), "{line}");
    assert_eq!(running.end_with("-TERM"), Some(0));
}

#[test]
fn the_sandbox_says_where_it_listens() {
    let folder = TempDir::new().expect("folder");
    let (running, line) = Running::start(
        &folder,
        &[
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--seed",
            "7",
            "--speed",
            "60",
        ],
    );
    let address = line
        .strip_prefix("sandbox listening on http://")
        .expect("address");
    assert!(
        get(address, "/__sandbox/effects").starts_with("HTTP/1.1"),
        "{line}"
    );
    assert_eq!(running.end_with("-TERM"), Some(0));
}
