//! Opens a database, brings its schema up to date, and holds what every part of the store shares.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Clock, Entropy};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::watch;

use crate::{Gate, OpenError};

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How a database is used.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections of a Postgres pool, or of SQLite's pool of readers. At least 1.
    pub connections: u32,
    /// How long to wait for a free connection before giving up.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another process's write.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 10,
            acquire_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// The pools of the database in use.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    /// One connection writes, so that writers queue up here and not in SQLite; the others read.
    Sqlite {
        /// The one that writes.
        write: SqlitePool,
        /// Those that read. The same as `write` for a database in memory.
        read: SqlitePool,
    },
    /// Postgres.
    Postgres(PgPool),
}

/// The database, the clock, the randomness, and who to wake when a job becomes due. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Counts the commits that made jobs due; worker sets watch it, so that no wake-up is lost.
    pub(crate) wakes: Arc<watch::Sender<u64>>,
    pub(crate) gate: Option<Arc<dyn Gate>>,
}

impl Store {
    /// Opens `sqlite:PATH`, `sqlite::memory:` or `postgres://…` and applies the migrations that are missing.
    ///
    /// A database in memory has one connection, so a read waits for the open [`Tx`](crate::Tx).
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        url: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> Result<Self, OpenError> {
        let db = match url.split(':').next() {
            Some("sqlite") => open_sqlite(url, options).await?,
            Some("postgres" | "postgresql") => open_postgres(url, options).await?,
            _ => return Err(OpenError::UnknownScheme),
        };
        let migrated = match &db {
            Db::Sqlite { write, .. } => SQLITE.run(write).await,
            Db::Postgres(pool) => POSTGRES.run(pool).await,
        };
        migrated.map_err(migration_error)?;
        Ok(Self {
            db,
            clock,
            entropy,
            wakes: Arc::new(watch::Sender::new(0)),
            gate: None,
        })
    }

    /// The same database with a gate at every commit.
    #[must_use]
    pub fn gated(self, gate: Arc<dyn Gate>) -> Self {
        Self {
            gate: Some(gate),
            ..self
        }
    }

    /// Business time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Tells the workers of this process that a job may have become due.
    pub fn wake(&self) {
        self.wakes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Closes all connections, once what is open has ended.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str, options: Options) -> Result<Db, OpenError> {
    let connect = SqliteConnectOptions::from_str(url)
        .map_err(OpenError::Url)?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .journal_mode(SqliteJournalMode::Wal)
        // A committed intent survives a loss of power.
        .synchronous(SqliteSynchronous::Full);
    // Connections are kept for good: they are cheap, and the one in memory is the database.
    let pool = SqlitePoolOptions::new()
        .acquire_timeout(options.acquire_timeout)
        // Nothing but this process can end one.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    let write = pool
        .clone()
        .max_connections(1)
        .connect_with(connect.clone())
        .await
        .map_err(sqlite_error)?;
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let read = if in_memory {
        write.clone()
    } else {
        let connect = connect.read_only(true).create_if_missing(false);
        pool.max_connections(options.connections.max(1))
            .connect_lazy_with(connect)
    };
    Ok(Db::Sqlite { write, read })
}

async fn open_postgres(url: &str, options: Options) -> Result<Db, OpenError> {
    let connect = PgConnectOptions::from_str(url)
        .map_err(OpenError::Url)?
        .application_name("holdfast");
    let pool = PgPoolOptions::new()
        .acquire_timeout(options.acquire_timeout)
        .max_connections(options.connections.max(2))
        .connect_with(connect)
        .await
        .map_err(OpenError::Unreachable)?;
    Ok(Db::Postgres(pool))
}

/// SQLITE_NOTADB: "file is encrypted or is not a database".
const SQLITE_NOT_A_DATABASE: &str = "26";

fn sqlite_error(error: sqlx::Error) -> OpenError {
    let code = error.as_database_error().and_then(|error| error.code());
    if code.is_some_and(|code| code == SQLITE_NOT_A_DATABASE) {
        OpenError::NotADatabase(error)
    } else {
        OpenError::Unreachable(error)
    }
}

fn migration_error(error: MigrateError) -> OpenError {
    match error {
        MigrateError::VersionMissing(version) => OpenError::Newer { version },
        MigrateError::VersionMismatch(version) => OpenError::MigrationChanged { version },
        MigrateError::Execute(source) => match sqlite_error(source) {
            OpenError::Unreachable(source) => OpenError::Migration(MigrateError::Execute(source)),
            other => other,
        },
        other => OpenError::Migration(other),
    }
}
