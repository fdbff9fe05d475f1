//! Listens on Postgres for what other processes enqueue.

use std::time::Duration;

use sqlx::postgres::PgListener;

use crate::Store;
use crate::open::Db;
use crate::tx::WAKE_CHANNEL;

/// How long to wait before connecting again.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Wakes this process's workers whenever another one makes a job due. Never returns; ends when dropped.
///
/// SQLite has nothing to listen to: a second process on the same file is found by polling.
pub(crate) async fn keep_listening(store: Store) {
    let Db::Postgres(pool) = &store.db else {
        return std::future::pending().await;
    };
    loop {
        match PgListener::connect_with(pool).await {
            Ok(listener) => {
                if let Err(error) = listen(&store, listener).await {
                    tracing::warn!(%error, "stopped hearing of new jobs, connecting again");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen for new jobs, polling until it works");
            }
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
}

async fn listen(store: &Store, mut listener: PgListener) -> Result<(), sqlx::Error> {
    listener.listen(WAKE_CHANNEL).await?;
    loop {
        // What came while nobody listened is not known, so every return is a wake-up, lost connections included.
        store.wake();
        listener.try_recv().await?;
    }
}
