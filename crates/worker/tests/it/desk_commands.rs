//! The commands of the desk, run as a process against a service on a socket of its own.

use std::process::{Command, Output};
use std::sync::Arc;

use domain::Fact;
use domain::reservation::ReviewReason;
use secrecy::SecretString;
use serde_json::Value;
use service::http::{Keys, serve};
use tokio::net::TcpListener;

use testkit::case::{CAPTURE, CHARGE, Case};
use testkit::service::{ADMIN_KEY, now};

/// Serves a case on a free port, and returns the address.
async fn served(case: &Case) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let keys = Keys::new(Some(&SecretString::from(ADMIN_KEY)));
    let app = Arc::clone(&case.service.app);
    tokio::spawn(async move { serve(listener, app, keys, std::future::pending()).await });
    address
}

/// What a command ends with, and prints on both streams.
type Ended = (Option<i32>, String, String);

async fn holdfast(url: &str, key: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command
        .args(arguments)
        .env_clear()
        .env("HOLDFAST_URL", url)
        .env("HOLDFAST_KEY", key);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("a thread")
        .expect("run");
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_prints_the_evidence_and_then_decides_on_it() {
    let case = Case::of(CHARGE).await;
    let url = served(&case).await;
    let note = "The provider's support says that it was never received";
    let arguments = [
        "jobs",
        "resolve",
        &case.job,
        "--outcome",
        "not-applied",
        "--note",
        note,
    ];
    let (code, stdout, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let evidence = stdout
        .split("decided: not_applied")
        .next()
        .expect("what was printed before");
    for told in [
        "charge_unknown since",
        "charge of 400.00, desk",
        "taken_twice",
        "* recommended: wait",
        "timeline",
        "Window: 400.00",
    ] {
        assert!(evidence.contains(told), "{told} is missing: {stdout}");
    }
    assert!(stdout.contains(note), "{stdout}");
    let job = case.job().await;
    assert_eq!(
        (&job["state"], &job["decisions"][0]["note"]),
        (&"cancelled".into(), &note.into())
    );
    // What was printed is what was decided on.
    assert!(
        evidence.contains(&format!(
            "evidence version {}",
            job["decisions"][0]["evidence_version"]
        )),
        "{stdout}"
    );
    let (code, _, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("error: ") && stderr.contains("not_at_desk"),
        "{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_a_version_that_was_not_printed_is_refused_with_a_hint() {
    let case = Case::of(CAPTURE).await;
    let url = served(&case).await;
    let arguments = [
        "jobs",
        "resolve",
        &case.job,
        "--outcome",
        "applied",
        "--note",
        "Seen",
        "--evidence-version",
        "1",
    ];
    let (code, _, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("evidence_changed")
            && stderr.contains("\nhint: look at the evidence again"),
        "{stderr}"
    );
    assert_eq!(case.job().await["state"], "needs_review");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_json_and_nothing_else() {
    let case = Case::of(CAPTURE).await;
    let url = served(&case).await;
    let parsed = |ended: Ended| -> Value {
        assert_eq!((ended.0, ended.2.as_str()), (Some(0), ""), "{}", ended.1);
        serde_json::from_str(&ended.1).expect("JSON")
    };
    let shown = parsed(holdfast(&url, ADMIN_KEY, &["jobs", "show", &case.job, "--json"]).await);
    assert_eq!(shown["evidence"]["reason"], "capture_unknown");
    let list = parsed(
        holdfast(
            &url,
            ADMIN_KEY,
            &["reservations", "list", "--attention", "--json"],
        )
        .await,
    );
    assert_eq!(list["data"][0]["id"], case.id.as_str());
    let list = parsed(
        holdfast(
            &url,
            ADMIN_KEY,
            &["jobs", "list", "--state", "needs_review", "--json"],
        )
        .await,
    );
    assert_eq!(list["data"][0]["id"], case.job.as_str());
    let arguments = [
        "jobs",
        "resolve",
        &case.job,
        "--json",
        "--outcome",
        "resend",
        "--note",
        "Again",
    ];
    let decided = parsed(holdfast(&url, ADMIN_KEY, &arguments).await);
    assert_eq!(decided["evidence"]["reason"], "capture_unknown");
    assert_eq!(decided["job"]["decisions"][0]["verdict"], "resend");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_shown_and_cleared() {
    let case = Case::of(CHARGE).await;
    let raised = Fact::DeskRaised {
        reason: ReviewReason::Refused,
        freezes: true,
        at: now(),
    };
    case.service.record(&case.id, &[raised]).await;
    let url = served(&case).await;
    let (code, stdout, _) =
        holdfast(&url, ADMIN_KEY, &["reservations", "show", "ref:BOOK-1001"]).await;
    assert_eq!(code, Some(0));
    for told in [
        "frozen",
        "refused since",
        "charge_unknown since",
        "capturable",
    ] {
        assert!(stdout.contains(told), "{told} is missing: {stdout}");
    }
    for secret in ["Kari", "kari@example.no", "46567468"] {
        assert!(!stdout.contains(secret), "{secret}: {stdout}");
    }
    let list = holdfast(&url, ADMIN_KEY, &["reservations", "list", "--attention"])
        .await
        .1;
    assert!(
        list.starts_with("id ") && list.contains("BOOK-1001"),
        "{list}"
    );
    let id = case.id.as_str();
    let arguments = [
        "reservations",
        "clear",
        id,
        "--reason",
        "refused",
        "--note",
        "Mended",
    ];
    let (code, stdout, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(
        stdout.contains("cleared: refused") && stdout.contains("charge_unknown since"),
        "{stdout}"
    );
    let (code, _, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("not_at_desk"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_has_to_mend_is_told_with_a_hint() {
    let case = Case::of(CHARGE).await;
    let url = served(&case).await;
    let list = ["jobs", "list"];
    let (code, _, stderr) = holdfast(&url, "another key", &list).await;
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("hint: set HOLDFAST_KEY")
            && stderr.contains("; /errors/unauthorized of the service says more"),
        "{stderr}"
    );
    assert!(!stderr.contains("another key"), "{stderr}");
    let (code, _, stderr) = holdfast("http://127.0.0.1:9", ADMIN_KEY, &list).await;
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("no answer") && stderr.contains("hint: does `holdfast serve` run there?"),
        "{stderr}"
    );
    let (code, _, stderr) = holdfast(
        &url,
        ADMIN_KEY,
        &["jobs", "resolve", &case.job, "--outcome", "maybe"],
    )
    .await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("not-applied"), "{stderr}");
}
