//! A child process whose output is kept, and which never outlives its test.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::wait::holds_within;

/// Lines kept of one process, so that a program gone wild does not fill the memory; later ones are read and dropped.
const MAX_LINES: usize = 200_000;

/// A program about to be started.
#[derive(Debug)]
pub struct Program(Command);

impl Program {
    /// The program at this path or of this name, without arguments, with the environment of the test.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self(Command::new(program))
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.0.args(args);
        self
    }

    /// Sets one variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs in this folder instead of the test's.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Starts the program, without input and with both outputs captured.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start(mut self) -> Process {
        let command = self
            .0
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!(
                "{} does not start: {error}",
                command.get_program().display()
            ),
        };
        let output = Arc::new(Output::default());
        let readers = [
            child
                .stdout
                .take()
                .map(|pipe| Output::read(&output, Stream::Stdout, pipe)),
            child
                .stderr
                .take()
                .map(|pipe| Output::read(&output, Stream::Stderr, pipe)),
        ];
        Process {
            child,
            output,
            readers: readers.into_iter().flatten().collect(),
        }
    }
}

/// A running child process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// The operating system's number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of stdout or stderr, past ones included, and returns the first that matches.
    ///
    /// # Panics
    /// Shows the whole output when no line has matched after `bound`, or when the output has ended.
    #[track_caller]
    pub fn wait_for_line(
        &self,
        what: &str,
        bound: Duration,
        matches: impl Fn(&str) -> bool,
    ) -> String {
        match self.output.wait_for_line(bound, matches) {
            Some(line) => line,
            None => panic!(
                "no line with {what} within {bound:?}; the process wrote:\n{}",
                self.output()
            ),
        }
    }

    /// Waits until the process has ended by itself, and all its output has been read.
    ///
    /// # Panics
    /// Shows the output when the process still runs after `bound`.
    #[track_caller]
    pub fn wait_for_exit(&mut self, bound: Duration) -> ExitStatus {
        let mut status = None;
        let ended = holds_within(bound, || {
            status = self.try_wait();
            status.is_some()
        });
        match status {
            Some(status) if ended => {
                self.finish_output();
                status
            }
            _ => panic!(
                "process {} still runs after {bound:?}; it wrote:\n{}",
                self.id(),
                self.output()
            ),
        }
    }

    /// The exit status, once the process has ended.
    #[must_use]
    #[track_caller]
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        match self.child.try_wait() {
            Ok(status) => status,
            Err(error) => panic!("process {} cannot be waited for: {error}", self.child.id()),
        }
    }

    /// Kills the process at once, as `kill -9` and the kernel's memory killer do, and waits until it is gone.
    pub fn kill(&mut self) {
        // Killing fails only once it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.finish_output();
    }

    /// Asks the process to end, with SIGTERM.
    ///
    /// # Panics
    /// When the process has ended already.
    #[track_caller]
    pub fn terminate(&mut self) {
        assert!(
            self.try_wait().is_none(),
            "the process has ended already; it wrote:\n{}",
            self.output()
        );
        // The standard library sends no other signal than SIGKILL.
        match Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status()
        {
            Ok(status) if status.success() => {}
            Ok(status) => panic!("kill -TERM {} failed: {status}", self.id()),
            Err(error) => panic!("the program kill does not start: {error}"),
        }
    }

    /// What the process has written to stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.output.text(Some(Stream::Stdout))
    }

    /// What the process has written to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.output.text(Some(Stream::Stderr))
    }

    /// What the process has written to both so far, in the order of reading.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text(None)
    }

    /// Reads what is left in the pipes of an ended process.
    fn finish_output(&mut self) {
        // A child of the child may hold a pipe open, so the readers are not waited for without end.
        holds_within(Duration::from_secs(5), || {
            self.readers.iter().all(JoinHandle::is_finished)
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// The lines that a process has written.
#[derive(Default)]
struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    kept: Vec<(Stream, String)>,
    ended_streams: usize,
}

impl Output {
    /// Starts a thread that keeps every line of `pipe`. It ends with the pipe.
    fn read(
        output: &Arc<Self>,
        stream: Stream,
        pipe: impl Read + Send + 'static,
    ) -> JoinHandle<()> {
        let output = Arc::clone(output);
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
                let text = String::from_utf8_lossy(&line)
                    .trim_end_matches(['\r', '\n'])
                    .to_owned();
                let mut lines = output.lock();
                if lines.kept.len() < MAX_LINES {
                    lines.kept.push((stream, text));
                }
                output.changed.notify_all();
                line.clear();
            }
            output.lock().ended_streams += 1;
            output.changed.notify_all();
        })
    }

    fn wait_for_line(&self, bound: Duration, matches: impl Fn(&str) -> bool) -> Option<String> {
        let mut seen = 0;
        let mut found = None;
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), bound, |lines| {
                found = lines.kept[seen..]
                    .iter()
                    .find(|(_, line)| matches(line))
                    .map(|(_, line)| line.clone());
                seen = lines.kept.len();
                found.is_none() && lines.ended_streams < 2
            });
        drop(waited);
        found
    }

    /// One of the outputs, or both, each line with its line end.
    fn text(&self, wanted: Option<Stream>) -> String {
        let lines = self.lock();
        let kept = lines
            .kept
            .iter()
            .filter(|(stream, _)| wanted.is_none_or(|wanted| wanted == *stream));
        kept.flat_map(|(_, line)| [line, "\n"]).collect()
    }

    /// The lines stay whole when a thread panics while it holds them.
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("lines", &self.lock().kept.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Process {
        Program::new("sh").args(["-c", script]).start()
    }

    #[test]
    fn a_line_is_found_while_the_process_runs_and_after_it_has_been_read() {
        let mut process = shell("echo one; echo listening on 7 >&2; exec tail -f /dev/null");
        let line = process.wait_for_line("the address", BOUND, |line| line.contains("listening"));
        assert_eq!(line, "listening on 7");
        assert_eq!(
            process.wait_for_line("one", BOUND, |line| line == "one"),
            "one"
        );
        process.kill();
        assert_eq!(process.stdout(), "one\n");
    }

    #[test]
    fn the_end_of_the_output_ends_the_wait_for_a_line() {
        let process = shell("echo one");
        assert_eq!(
            process.output.wait_for_line(BOUND, |line| line == "two"),
            None
        );
        assert_eq!(process.output(), "one\n");
    }

    #[test]
    fn an_exit_brings_its_status_and_all_output() {
        let mut process = Program::new("sh")
            .args(["-c", "echo $GREETING; exit 3"])
            .env("GREETING", "hei")
            .start();
        assert_eq!(process.wait_for_exit(BOUND).code(), Some(3));
        assert_eq!(process.stdout(), "hei\n");
        assert_eq!(process.stderr(), "");
    }

    #[test]
    fn a_terminated_process_may_clean_up_and_a_killed_one_may_not() {
        let script = "trap 'echo cleaned; exit 0' TERM; echo ready; while :; do :; done";
        let mut asked = shell(script);
        asked.wait_for_line("ready", BOUND, |line| line == "ready");
        asked.terminate();
        assert_eq!(asked.wait_for_exit(BOUND).code(), Some(0));
        assert_eq!(asked.stdout(), "ready\ncleaned\n");

        let mut killed = shell(script);
        killed.wait_for_line("ready", BOUND, |line| line == "ready");
        killed.kill();
        assert_eq!(killed.try_wait().and_then(|status| status.code()), None);
        assert_eq!(killed.stdout(), "ready\n");
    }
}
