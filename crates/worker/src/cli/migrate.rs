//! `holdfast migrate`: brings the database up to date.

use super::{Failure, say};
use service::config::Config;
use service::serve;

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let app = serve::app(config).await?;
    app.store.close().await;
    say("the database is up to date")
}
