//! What can go wrong with the database, one variant per thing that a caller may treat differently.

use domain::{IllegalJobEvent, JobEvent, JobId, JobState};

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no kind of database that is supported.
    #[error("the database URL begins with none of \"sqlite:\", \"postgres:\" and \"postgresql:\"")]
    UnknownScheme,
    /// The URL cannot be understood.
    #[error("the database URL cannot be understood")]
    Url(#[source] sqlx::Error),
    /// Nothing answers, or it refuses the connection.
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The file is there and is no SQLite database.
    #[error("the file is not a SQLite database")]
    NotADatabase(#[source] sqlx::Error),
    /// A newer version of the program has been here.
    #[error(
        "the database has migration {version}, which this version does not know: it was made by a newer one"
    )]
    Newer {
        /// The unknown migration.
        version: i64,
    },
    /// A migration that was applied reads differently now.
    #[error("migration {version} was changed after it had been applied")]
    MigrationChanged {
        /// The changed migration.
        version: i64,
    },
    /// A migration failed.
    #[error("the schema could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

/// Why a read or a write failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, or could not be reached.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// A row holds what it cannot hold.
    #[error("a row cannot be read")]
    Row(#[source] RowError),
    /// Somebody else holds the job by now; what this worker wanted to write is void.
    #[error("{job} is no longer held by this worker")]
    LeaseLost {
        /// The job.
        job: JobId,
    },
    /// There is no such job.
    #[error("there is no {job}")]
    NoJob {
        /// The id asked for.
        job: JobId,
    },
    /// What was asked for does not apply to the job in its state. Nothing was written.
    #[error("{event} does not apply to {job}, which is {state}")]
    JobState {
        /// The job.
        job: JobId,
        /// The state that the job is in.
        state: JobState,
        /// What was to happen to the job.
        event: JobEvent,
    },
    /// The end of a run does not apply to a running job, by the table of the domain: a fault of this program.
    #[error("a run cannot end so")]
    JobEnd(#[source] IllegalJobEvent),
    /// Another live job has the key of the one that was enqueued, or that was to be retried.
    #[error("{job} cannot live: another live job has its key")]
    KeyTaken {
        /// The job that was to be enqueued or retried.
        job: JobId,
    },
    /// A guarded write touched other rows than it was to: somebody else has changed them since they were read.
    #[error("{statement} changed {actual} rows and not {expected}")]
    RowsAffected {
        /// The name of the statement in the code.
        statement: &'static str,
        /// How many rows it was to touch.
        expected: usize,
        /// How many rows it touched.
        actual: u64,
    },
    /// A fact cannot follow what is known of its reservation.
    #[error("the fact was not recorded")]
    IllegalTransition(#[source] domain::reservation::IllegalTransition),
    /// The reservation has changed since it was read.
    #[error("{reservation} has changed since it was read")]
    Conflict {
        /// The reservation.
        reservation: domain::ReservationId,
    },
    /// An event cannot follow the state that a payment link is in.
    #[error("the payment link's event was not recorded")]
    IllegalLinkEvent(#[source] domain::payment_link::IllegalTransition),
    /// The payment link has changed since it was read.
    #[error("{link} has changed since it was read")]
    LinkConflict {
        /// The payment link.
        link: domain::PaymentLinkId,
    },
    /// The merchant has another reservation with this reference.
    #[error("the merchant has a reservation with this reference")]
    ReferenceTaken {
        /// That one.
        by: Option<domain::ReservationId>,
    },
    /// A value of ours has no JSON.
    #[error("a value could not be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// A value is longer than its column is meant for.
    #[error("{what} is longer than {limit} bytes")]
    TooLong {
        /// Which value.
        what: &'static str,
        /// The most bytes it may have.
        limit: usize,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(source: sqlx::Error) -> Self {
        Self::Database(source)
    }
}

impl From<RowError> for StoreError {
    fn from(source: RowError) -> Self {
        Self::Row(source)
    }
}

/// A value in a table that is not what its column is for. Never holds the value, which may be personal.
#[derive(Debug, thiserror::Error)]
#[error("{table}.{column} of {row} does not hold what it should")]
pub struct RowError {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: String,
    /// Why the value was refused.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
