//! `holdfast demo`: the client of the API that the demo acts through.

use std::process::ExitCode;

use futures::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;
use simulation::demo::{self, Api, CallError};
use url::Url;

use crate::client::{Client, ClientError};

pub(super) async fn run(keep: bool) -> ExitCode {
    demo::run(keep, connect).await
}

fn connect(base: &Url, key: Option<SecretString>) -> Result<Box<dyn Api>, CallError> {
    Ok(Box::new(Client::new(base, key)?))
}

impl Api for Client {
    fn get<'c>(&'c self, path: &'c str) -> BoxFuture<'c, Result<Value, CallError>> {
        Box::pin(async move { Ok(Self::get(self, path).await?) })
    }

    fn post<'c>(
        &'c self,
        path: &'c str,
        body: &'c Value,
    ) -> BoxFuture<'c, Result<Value, CallError>> {
        Box::pin(async move { Ok(Self::post(self, path, body).await?) })
    }
}

impl From<ClientError> for CallError {
    fn from(error: ClientError) -> Self {
        Self {
            refused: error.problem().map(|problem| problem.status),
            source: Box::new(error),
        }
    }
}
