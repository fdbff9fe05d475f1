//! Transactions and reads: what every statement of the store runs on.

use chrono::{DateTime, Utc};
use domain::Entropy;
use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Sqlite, Transaction};

use crate::db::{Conn, execute};
use crate::open::Db;
use crate::{Store, StoreError};

/// The channel on which Postgres tells the other processes that a job became due.
pub(crate) const WAKE_CHANNEL: &str = "holdfast_jobs";

/// A transaction that may write. Dropped without [`commit`](Self::commit), it changes nothing.
#[derive(Debug)]
pub struct Tx {
    inner: TxInner,
    store: Store,
    /// Does it make a job due, so that its commit wakes the workers?
    wakes: bool,
}

#[derive(Debug)]
enum TxInner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A connection for reading, outside of any transaction.
#[derive(Debug)]
pub enum Reader {
    /// SQLite.
    #[doc(hidden)]
    Sqlite(PoolConnection<Sqlite>),
    /// Postgres.
    #[doc(hidden)]
    Postgres(PoolConnection<Postgres>),
}

impl Store {
    /// Begins a transaction that may write.
    ///
    /// On SQLite there is one at a time: it takes the write lock at once, so that it cannot fail half-way for want of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.db {
            Db::Sqlite { write, .. } => TxInner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Db::Postgres(pool) => TxInner::Postgres(pool.begin().await?),
        };
        Ok(Tx {
            inner,
            store: self.clone(),
            wakes: false,
        })
    }

    /// A connection for reading. Each statement sees what is committed when it begins.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reader(&self) -> Result<Reader, StoreError> {
        Ok(match &self.db {
            Db::Sqlite { read, .. } => Reader::Sqlite(read.acquire().await?),
            Db::Postgres(pool) => Reader::Postgres(pool.acquire().await?),
        })
    }
}

impl Tx {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match &mut self.inner {
            TxInner::Sqlite(tx) => Conn::Sqlite(tx),
            TxInner::Postgres(tx) => Conn::Postgres(tx),
        }
    }

    /// Is this Postgres, where other processes may write at the same time?
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, TxInner::Postgres(_))
    }

    /// Business time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.store.clock.now()
    }

    /// The time on the wall, for leases.
    pub(crate) fn wall(&self) -> DateTime<Utc> {
        self.store.clock.wall()
    }

    /// Where random numbers come from.
    #[must_use]
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.store.entropy
    }

    /// Has the commit wake the workers.
    pub(crate) fn wake_on_commit(&mut self) {
        self.wakes = true;
    }

    /// Makes everything durable, and wakes the workers if a job became due.
    ///
    /// # Errors
    /// When the database fails. Whether the changes took effect is then unknown.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.wakes && self.is_postgres() {
            // Differs from SQLite because other processes may work on a Postgres database.
            execute!(self, "SELECT pg_notify($1, '')", WAKE_CHANNEL)?;
        }
        if let Some(gate) = &self.store.gate {
            gate.before_commit().await;
        }
        match self.inner {
            TxInner::Sqlite(tx) => tx.commit().await?,
            TxInner::Postgres(tx) => tx.commit().await?,
        }
        if let Some(gate) = &self.store.gate {
            gate.after_commit().await;
        }
        if self.wakes {
            self.store.wake();
        }
        Ok(())
    }

    /// Undoes everything, and waits until that is done.
    ///
    /// # Errors
    /// When the database fails; the changes are undone all the same.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.inner {
            TxInner::Sqlite(tx) => tx.rollback().await?,
            TxInner::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

impl Reader {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(conn) => Conn::Sqlite(conn),
            Self::Postgres(conn) => Conn::Postgres(conn),
        }
    }
}
