//! Opening a database: what is refused, and by which error.

use std::sync::Arc;

use domain::{SystemClock, SystemEntropy};
use store::{OpenError, Options, Store};

use crate::harness::{Fresh, Kind};

async fn reopen(url: &str) -> Result<Store, OpenError> {
    Store::open(
        url,
        Arc::new(SystemClock::real()),
        Arc::new(SystemEntropy),
        Options::default(),
    )
    .await
}

pub(crate) async fn a_newer_database_is_refused(fresh: Fresh) {
    let checksum = if fresh.kind == Kind::Sqlite {
        "x'00'"
    } else {
        "'\\x00'"
    };
    fresh
        .raw(&format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9999, 'from the future', TRUE, {checksum}, 0)"
        ))
        .await;
    assert!(matches!(
        reopen(&fresh.url).await,
        Err(OpenError::Newer { version: 9999 })
    ));
}

pub(crate) async fn a_changed_migration_is_refused(fresh: Fresh) {
    let checksum = if fresh.kind == Kind::Sqlite {
        "x'00'"
    } else {
        "'\\x00'"
    };
    fresh
        .raw(&format!(
            "UPDATE _sqlx_migrations SET checksum = {checksum} WHERE version = 1"
        ))
        .await;
    assert!(matches!(
        reopen(&fresh.url).await,
        Err(OpenError::MigrationChanged { version: 1 })
    ));
}

pub(crate) async fn opening_again_changes_nothing(fresh: Fresh) {
    let again = reopen(&fresh.url).await.expect("opens");
    again.close().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("text.db");
    std::fs::write(
        &file,
        "this is no database, it is some text that is long enough".repeat(40),
    )
    .expect("writes");
    assert!(matches!(
        reopen(&format!("sqlite:{}", file.display())).await,
        Err(OpenError::NotADatabase(_))
    ));
    assert!(matches!(
        reopen("sqlite:/no/such/folder/x.db").await,
        Err(OpenError::Unreachable(_))
    ));
    assert!(matches!(
        reopen("mysql://localhost/x").await,
        Err(OpenError::UnknownScheme)
    ));
    assert!(matches!(
        reopen("postgres://127.0.0.1:1/x").await,
        Err(OpenError::Unreachable(_))
    ));
}

#[tokio::test]
async fn a_database_in_memory_works() {
    let store = reopen("sqlite::memory:").await.expect("opens");
    assert!(
        store
            .jobs(&store::queue::JobFilter::default(), 10, None)
            .await
            .expect("reads")
            .items
            .is_empty()
    );
}
