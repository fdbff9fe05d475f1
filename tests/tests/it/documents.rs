//! Every command of the documents runs as it stands, or is listed with the reason why a test cannot run it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tests::source::repository;
use tests::{Process, Program, holdfast_binary};

/// How long a service takes to start beside other tests.
const SOON: Duration = Duration::from_secs(30);
/// How long one block of commands may take.
const BLOCK: Duration = Duration::from_secs(120);

/// Commands that no test runs, by how they begin, each with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "scripts/test.sh",
        "is how the tests run, and so runs whenever this test does",
    ),
    (
        "HOLDFAST_TEST_POSTGRES=postgres://user@host/postgres scripts/test.sh",
        "names a server of the reader's",
    ),
    (".ci/run", "runs all tests, this one among them"),
    ("cargo build", "built the binary that this test runs"),
    ("cargo test", "is a part of what scripts/test.sh runs"),
    (
        "cargo doc",
        "opens a browser; .ci/run builds the same pages",
    ),
    (
        "cargo run --release -p bench",
        "measures for minutes; its crate has tests of its own",
    ),
    (
        "docker build",
        "needs Docker; the workflow builds the image",
    ),
    ("cargo install", "changes the reader's machine"),
    (
        "cargo +nightly fuzz",
        "needs a nightly toolchain and cargo-fuzz",
    ),
    ("cd crates/api-client", "leads to the fuzz targets"),
    (
        "cargo run --release --bin holdfast -- demo",
        "is what demo.rs runs and judges",
    ),
    (
        "cargo run --bin holdfast -- demo",
        "is what demo.rs runs and judges",
    ),
    (
        "cargo run --release --bin holdfast -- selftest",
        "takes minutes; crates/worker/tests/it/selftest.rs plays what it plays",
    ),
    (
        "cargo run --bin holdfast -- selftest --seed 1",
        "takes minutes; crates/worker/tests/it/selftest.rs plays what it plays",
    ),
];

/// Commands that run until they are stopped. The rest of their document runs beside them.
const SERVICES: &[&str] = &["cargo run --release --bin holdfast -- serve"];

/// Documents whose commands are about somebody else's service, with the reason.
const NOT_READ: &[(&str, &str)] = &[(
    "docs/unknown-outcomes.md",
    "names reviews that no test has; crates/worker/tests/it/review_commands.rs decides its own",
)];

/// Cargo, as far as the documents run the binary with it: what a test built is run as it is.
const CARGO: &str = r#"#!/usr/bin/env bash
while [ "$1" != "--" ]; do shift; done
shift
exec holdfast "$@"
"#;

/// The commands of each block of shell in a document, comments left out.
fn blocks(markdown: &str) -> Vec<Vec<String>> {
    let mut blocks = Vec::new();
    let mut open: Option<(Vec<String>, String)> = None;
    for line in markdown.lines() {
        match &mut open {
            None if line == "```sh" => open = Some((Vec::new(), String::new())),
            None => {}
            Some(_) if line == "```" => {
                let (commands, rest) = open.take().expect("a block");
                assert_eq!(rest, "", "a command that does not end");
                blocks.push(commands);
            }
            Some((commands, command)) => {
                if command.is_empty() && line.trim_start().starts_with('#') {
                    continue;
                }
                command.push_str(line);
                command.push('\n');
                if is_whole(command) {
                    let whole = std::mem::take(command).trim().to_owned();
                    commands.extend((!whole.is_empty()).then_some(whole));
                }
            }
        }
    }
    blocks
}

/// Whether the shell waits for no more of this command.
fn is_whole(command: &str) -> bool {
    let reads = || {
        let mut bash = Command::new("bash");
        bash.args(["-n", "-c", command]).stderr(Stdio::null());
        bash.status().expect("bash").success()
    };
    !command.trim_end().ends_with('\\') && reads()
}

/// A machine as the documents take it for given: the configuration of the README beside a sandbox instead of the
/// provider, the binary on the path, and the service where the reader's would be.
struct Reader {
    folder: TempDir,
    _sandbox: Process,
    services: Vec<Process>,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        symlink(holdfast_binary(), bin.join("holdfast")).expect("a link");
        fs::write(bin.join("cargo"), CARGO).expect("a file");
        fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).expect("rights");
        let sandbox = Program::new(holdfast_binary())
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .start();
        let provider = address(&sandbox, "sandbox listening on ");
        fs::write(
            folder.path().join("holdfast.toml"),
            configuration(&provider),
        )
        .expect("a file");
        Self {
            folder,
            _sandbox: sandbox,
            services: Vec::new(),
        }
    }

    fn shell(&self, script: &str) -> Program {
        let path = std::env::var("PATH").expect("a path");
        let bin = self.folder.path().join("bin");
        Program::new("bash")
            .args(["-euxo", "pipefail", "-c", script])
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("PATH", format!("{}:{path}", bin.display()))
    }

    /// Starts a service, and leads curl there from where the documents say that it listens.
    fn start(&mut self, command: &str) {
        let process = self.shell(&format!("exec {command}")).start();
        let address = address(&process, "holdfast listening on http://");
        let curl = format!("fail-with-body\nconnect-to = \"localhost:8080:{address}\"\n");
        fs::write(self.folder.path().join(".curlrc"), curl).expect("a file");
        self.services.push(process);
    }

    fn run(&self, place: &str, commands: &[String]) {
        if commands.is_empty() {
            return;
        }
        // What one block exports is there in the next, as in a reader's shell.
        let script = format!(
            "if [ -e .exported ]; then . ./.exported; fi\n{}\nexport -p > .exported",
            commands.join("\n")
        );
        let mut process = self.shell(&script).start();
        let status = process.wait_for_exit(BLOCK);
        assert!(status.success(), "{place}: {status}\n{}", process.output());
    }
}

fn address(process: &Process, before: &str) -> String {
    let line = process.wait_for_line(before, SOON, |line| line.starts_with(before));
    line.trim_start_matches(before)
        .trim_end_matches('/')
        .to_owned()
}

/// `config/example.toml`, filled in as the README says.
fn configuration(provider: &str) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/example.toml");
    let example = fs::read_to_string(example).expect("the example");
    let listen = "listen = \"0.0.0.0:8080\"";
    let base_url = "https://demo-api.frontpayment.no";
    assert!(example.contains(listen) && example.contains(base_url));
    example
        .replace(listen, "listen = \"127.0.0.1:0\"")
        .replace(base_url, provider)
}

#[test]
fn every_command_of_the_documents_runs_as_it_stands() {
    let mut listed = BTreeSet::new();
    for file in repository() {
        if !file.is(".md") || NOT_READ.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        let mut reader = None;
        for (number, commands) in blocks(&file.text).into_iter().enumerate() {
            let mut run = Vec::new();
            for command in commands {
                if let Some((listed_as, _)) =
                    NOT_RUN.iter().find(|(start, _)| command.starts_with(start))
                {
                    listed.insert(*listed_as);
                } else if SERVICES.contains(&command.as_str()) {
                    reader.get_or_insert_with(Reader::new).start(&command);
                } else {
                    run.push(command);
                }
            }
            if !run.is_empty() {
                let place = format!("{}, block {} of commands", file.path, number + 1);
                reader.get_or_insert_with(Reader::new).run(&place, &run);
            }
        }
    }
    let stale: Vec<_> = NOT_RUN
        .iter()
        .filter(|(start, _)| !listed.contains(start))
        .collect();
    assert!(stale.is_empty(), "in no document: {stale:?}");
}

#[test]
fn commands_are_found_in_the_blocks_of_shell() {
    let text = "```sh\n# why\none \\\n  two\n\nthree '\n# no comment'   # a comment\n```\n```json\n{}\n```\n";
    assert_eq!(
        blocks(text),
        [["one \\\n  two", "three '\n# no comment'   # a comment"]]
    );
}
