//! The service on a socket, from its start to its end.

use std::sync::Arc;

use service::serve::{self, Parts, ServeError};
use store::OpenError;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use testkit::service as support;

#[tokio::test]
async fn it_answers_until_it_is_told_to_stop() {
    let folder = TempDir::new().expect("folder");
    let config = support::config(&folder);
    let app = Arc::new(serve::app(&config).await.expect("service"));
    let listener = serve::listen(&config).await.expect("listener");
    let address = listener.local_addr().expect("address");
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let shutdown = async { drop(stopped.await) };
        serve::run(
            app,
            &config,
            Parts {
                api: Some(listener),
                workers: true,
            },
            shutdown,
        )
        .await
    });
    let mut socket = TcpStream::connect(address).await.expect("socket");
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stop.send(()).expect("running");
    running.await.expect("task").expect("a clean end");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_address_in_use_and_a_database_that_is_not_there_are_named() {
    let folder = TempDir::new().expect("folder");
    let mut config = support::config(&folder);
    let listener = serve::listen(&config).await.expect("listener");
    config.server.listen = listener.local_addr().expect("address");
    let error = serve::listen(&config).await.expect_err("in use");
    assert!(
        error
            .to_string()
            .starts_with("server.listen = \"127.0.0.1:"),
        "{error}"
    );
    for (url, hint) in [
        (
            "sqlite:/nowhere/at/all/holdfast.db".to_owned(),
            "folder exist",
        ),
        (
            "postgres://kari:hush@127.0.0.1:1/holdfast".to_owned(),
            "is the server running",
        ),
        (
            format!("sqlite:{}", folder.path().join("holdfast.toml").display()),
            "another file",
        ),
    ] {
        config.database.url = url.into();
        let error: ServeError = serve::app(&config).await.expect_err("no database");
        assert!(
            error.to_string().starts_with("database.url = \"")
                && !error.to_string().contains("hush"),
            "{error}"
        );
        assert!(
            error.is_users() && error.hint().expect("hint").contains(hint),
            "{error}"
        );
    }
    let newer = ServeError::Database {
        url: "sqlite:x".to_owned(),
        source: OpenError::Newer { version: 99 },
    };
    assert!(
        newer.is_users() && newer.hint().expect("hint").contains("version of holdfast"),
        "{newer}"
    );
}
