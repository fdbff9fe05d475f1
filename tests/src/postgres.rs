//! Fresh databases on the Postgres server that `scripts/test.sh` starts for the tests.

use std::collections::hash_map::RandomState;
use std::env;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable with the address of a server on which databases may be created.
const SERVER: &str = "HOLDFAST_TEST_POSTGRES";
/// The variable with a folder that is searched for Postgres programs before all others.
const PROGRAMS: &str = "HOLDFAST_PG_BIN";
/// Where Debian and Ubuntu keep one folder of programs for each installed version.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";

/// The Postgres server of the tests.
#[derive(Clone, Debug)]
pub struct TestPostgres {
    server: String,
}

impl TestPostgres {
    /// The server named by `HOLDFAST_TEST_POSTGRES`.
    ///
    /// # Panics
    /// When the variable is not set: a test of Postgres is never skipped in silence.
    #[must_use]
    #[track_caller]
    pub fn from_env() -> Self {
        match env::var(SERVER) {
            Ok(server) if server.starts_with("postgres://") => Self { server },
            Ok(server) => panic!("{SERVER}={server} does not begin with postgres://"),
            Err(_) => panic!("{SERVER} is not set: run the tests through scripts/test.sh"),
        }
    }

    /// Creates an empty database on the server of the environment, gone again when the returned value is dropped.
    ///
    /// # Panics
    /// When there is no server, or it does not let a database be created.
    #[must_use]
    #[track_caller]
    pub fn database() -> TestDatabase {
        Self::from_env().create_database()
    }

    /// Creates an empty database, gone again when the returned value is dropped.
    ///
    /// # Panics
    /// When the server does not let a database be created.
    #[must_use]
    #[track_caller]
    pub fn create_database(&self) -> TestDatabase {
        // Random, since a server that was given from outside may keep what an earlier, killed test left there.
        let name = format!(
            "holdfast_program_{:016x}",
            RandomState::new().build_hasher().finish()
        );
        // Nobody may connect to template0, so that copies of it never wait for one another.
        if let Err(error) = self.run("createdb", &["--template=template0", &name]) {
            panic!("no database on {}: {error}", self.server);
        }
        TestDatabase {
            server: self.clone(),
            name,
        }
    }

    /// Runs one of Postgres's programs against the server.
    fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        run(Command::new(find_program(program))
            .arg("--maintenance-db")
            .arg(&self.server)
            .args(args))
        .map(drop)
    }
}

/// A database of one test. Dropping it drops the database, whoever is connected.
#[derive(Debug)]
pub struct TestDatabase {
    server: TestPostgres,
    name: String,
}

impl TestDatabase {
    /// The address of the database, `postgres://USER@HOST:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> String {
        url_of(&self.server.server, &self.name)
    }

    /// Runs one statement and returns its rows, one a line, with `|` between the columns.
    ///
    /// # Panics
    /// Shows the server's message when the statement fails.
    #[must_use]
    #[track_caller]
    pub fn query(&self, statement: &str) -> String {
        let mut psql = Command::new(find_program("psql"));
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--command",
        ]);
        match run(psql.arg(statement).arg(self.url())) {
            Ok(rows) => rows,
            Err(error) => panic!("{statement}: {error}"),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The server of the tests goes away with whatever is left on it.
        let _ = self
            .server
            .run("dropdb", &["--if-exists", "--force", &self.name]);
    }
}

/// Replaces the database in a server's address, and keeps its parameters.
fn url_of(server: &str, database: &str) -> String {
    let (address, parameters) = server
        .split_once('?')
        .map_or((server, None), |(a, b)| (a, Some(b)));
    let host_end = address["postgres://".len()..]
        .find('/')
        .map_or(address.len(), |at| at + "postgres://".len());
    let parameters = parameters
        .map(|parameters| format!("?{parameters}"))
        .unwrap_or_default();
    format!("{}/{database}{parameters}", &address[..host_end])
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned())
    }
}

/// The program in `HOLDFAST_PG_BIN`, on the path, or in the newest installed version; else its bare name, so that
/// the error names it.
fn find_program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::var_os(PROGRAMS).map(PathBuf::from).into_iter();
    let mut folders = folders
        .chain(env::split_paths(&path))
        .chain(debian_folders(Path::new(DEBIAN_VERSIONS)));
    folders
        .find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
        .unwrap_or_else(|| name.into())
}

/// The folders of programs of each version under `versions`, the newest first.
fn debian_folders(versions: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = versions.read_dir().into_iter().flatten().flatten();
    let number = |name: &OsStr| name.to_str().and_then(|name| name.parse::<u32>().ok());
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some((number(&entry.file_name())?, entry.path().join("bin"))))
        .collect();
    found.sort_unstable();
    found.into_iter().rev().map(|(_, folder)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_database_is_fresh_and_gone_after_its_test() {
        let server = TestPostgres::from_env();
        let (first, second) = (server.create_database(), TestPostgres::database());
        assert_ne!(first.url(), second.url());
        assert_eq!(
            first.query("CREATE TABLE t (a INT, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, NULL)"),
            ""
        );
        assert_eq!(first.query("SELECT a, b FROM t ORDER BY a"), "1|x\n2|");
        assert_eq!(second.query("SELECT to_regclass('t') IS NULL"), "t");
        let name = first.name.clone();
        drop(first);
        assert_eq!(
            second.query(&format!(
                "SELECT count(*) FROM pg_database WHERE datname = '{name}'"
            )),
            "0"
        );
    }

    #[test]
    fn the_address_of_a_database_differs_from_the_server_in_its_name_alone() {
        let cases = [
            (
                "postgres://u@127.0.0.1:5432/postgres",
                "postgres://u@127.0.0.1:5432/x",
            ),
            (
                "postgres://u:p@db?sslmode=require",
                "postgres://u:p@db/x?sslmode=require",
            ),
            (
                "postgres://db/postgres?host=/run/pg",
                "postgres://db/x?host=/run/pg",
            ),
        ];
        for (server, expected) in cases {
            assert_eq!(url_of(server, "x"), expected);
        }
    }

    #[test]
    fn newer_versions_are_searched_first() {
        let versions = tempfile::tempdir().unwrap();
        for folder in ["9", "14", "17", "common"] {
            std::fs::create_dir(versions.path().join(folder)).unwrap();
        }
        let found: Vec<_> = debian_folders(versions.path()).collect();
        assert_eq!(
            found,
            ["17/bin", "14/bin", "9/bin"].map(|folder| versions.path().join(folder))
        );
        assert_eq!(debian_folders(Path::new("/nowhere")).count(), 0);
    }
}
