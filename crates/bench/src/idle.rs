//! What an idle `holdfast serve` costs: resident memory, and its share of a core.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long the process is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// Ticks of processor time a second, as Linux reports them to every program.
const TICKS_PER_SECOND: u64 = 100;

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // Nothing is left to do for a process that has ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts the binary beside this one on a new SQLite file, and watches it do nothing.
pub(crate) async fn idle() {
    let binary = beside("holdfast");
    if !binary.exists() {
        println!("idle        skipped: build it first with cargo build --release --bin holdfast");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(binary)
        .arg("serve")
        .current_dir(folder.path())
        .env("HOLDFAST__SERVER__LISTEN", "127.0.0.1:0")
        .env(
            "HOLDFAST__MERCHANTS__DEFAULT__BASE_URL",
            "http://127.0.0.1:9",
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("its output");
    let served = Served(child);
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert!(line.contains("listening"), "it listens: {line}");
    let before = ticks(served.0.id());
    tokio::time::sleep(WATCHED).await;
    let used = ticks(served.0.id()) - before;
    let permille = used * 1_000 / (WATCHED.as_secs() * TICKS_PER_SECOND);
    let resident = resident_kib(served.0.id());
    println!(
        "idle        {} MiB resident, {}.{} % of a core over {} s",
        resident / 1_024,
        permille / 10,
        permille % 10,
        WATCHED.as_secs()
    );
}

fn beside(name: &str) -> PathBuf {
    std::env::current_exe()
        .expect("the program's own path")
        .with_file_name(name)
}

fn proc(pid: u32, file: &str) -> String {
    std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join(file))
        .expect("Linux tells")
}

/// User and system time, fields 14 and 15 of `stat`; the name in field 2 ends with the last parenthesis.
fn ticks(pid: u32) -> u64 {
    let stat = proc(pid, "stat");
    let (_, rest) = stat.rsplit_once(") ").expect("the name's end");
    let number = |field: usize| {
        rest.split(' ')
            .nth(field - 3)
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0)
    };
    number(14) + number(15)
}

fn resident_kib(pid: u32) -> u64 {
    let status = proc(pid, "status");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}
