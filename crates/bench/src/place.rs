//! Where the measured databases live.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use domain::{Entropy as _, SystemClock, SystemEntropy};
use store::{Options, Store};

/// A kind of database, and where to make new ones.
#[derive(Debug)]
pub(crate) enum Place {
    /// SQLite files in this folder.
    Sqlite(PathBuf),
    /// Databases on the server of this maintenance database.
    Postgres(String),
}

/// A new database with a store on it; gone when dropped.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) store: Store,
    url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    /// How the figures call it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite  ",
            Self::Postgres(_) => "Postgres",
        }
    }

    /// A store on a new database.
    pub(crate) async fn fresh(&self) -> Fresh {
        let (url, folder) = match self {
            Self::Sqlite(parent) => {
                let folder = tempfile::tempdir_in(parent).expect("a folder for SQLite");
                (
                    format!("sqlite:{}/bench.db", folder.path().display()),
                    Some(folder),
                )
            }
            Self::Postgres(url) => (new_database(url), None),
        };
        let (clock, entropy) = (Arc::new(SystemClock::real()), Arc::new(SystemEntropy));
        let store = Store::open(&url, clock, entropy, Options::default())
            .await
            .expect("opens");
        Fresh {
            store,
            url,
            _folder: folder,
        }
    }
}

impl Fresh {
    /// Gathers statistics on Postgres, as its own daemon does sooner or later. SQLite is measured without.
    pub(crate) fn analyze(&self) {
        if self.url.starts_with("postgres") {
            psql(&self.url, "VACUUM ANALYZE");
        }
    }
}

fn new_database(url: &str) -> String {
    let name = format!("bench_{:016x}", SystemEntropy.next_u64());
    psql(url, &format!("CREATE DATABASE {name} TEMPLATE template0"));
    let (server, _) = url.rsplit_once('/').expect("the URL ends in a database");
    format!("{server}/{name}")
}

fn psql(url: &str, sql: &str) {
    let beside = std::env::var_os("HOLDFAST_PG_BIN").map(|bin| Path::new(&bin).join("psql"));
    let program = beside
        .filter(|path| path.exists())
        .unwrap_or_else(|| "psql".into());
    let run = Command::new(program)
        .args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .status();
    assert!(
        run.is_ok_and(|status| status.success()),
        "psql failed at: {sql}"
    );
}

/// Runs this program again, inside of a private cluster with the server's own, durable settings.
pub(crate) fn again_with_postgres() -> ExitCode {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/test.sh");
    let program = std::env::current_exe().expect("the program's own path");
    let run = Command::new(script)
        .arg("--with-postgres")
        .arg(program)
        .args(std::env::args_os().skip(1))
        .status();
    match run {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!(
                "a private Postgres could not be started: {error}; use --postgres URL or --only sqlite"
            );
            ExitCode::FAILURE
        }
    }
}
