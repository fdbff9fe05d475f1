//! The commands about reviews, run as a process against a service on a socket of its own.

use std::process::{Command, Output};
use std::sync::Arc;

use domain::reservation::ReviewReason;
use domain::{Fact, ReviewFact};
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

/// The id of the case's review of its request.
async fn review_of(case: &Case) -> String {
    let review = case.open().await;
    review["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn decide_prints_the_evidence_and_then_decides_on_it() {
    let case = Case::of(CHARGE).await;
    let url = served(&case).await;
    let id = review_of(&case).await;
    let note = "The provider's support says that it was never received";
    let arguments = ["reviews", "decide", &id, "reject", "--yes", "--note", note];
    let (code, stdout, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.ends_with("decided: reject\n"), "{stdout}");
    for result in [
        "open, charge_unknown since",
        "charge of 400.00, needs_review",
        "double_charge",
        "* recommended: wait",
        "timeline",
        "Window: 400.00",
    ] {
        assert!(stdout.contains(result), "{result} is missing: {stdout}");
    }
    assert_eq!(case.job().await["state"], "cancelled");
    let review = case.review(&id).await;
    assert_eq!(review["decision"]["note"], note);
    // What was printed is what was decided on.
    let version = format!("evidence version {}", review["evidence_version"]);
    assert!(stdout.contains(&version), "{stdout}");
    let (code, stdout, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("error: ") && stderr.contains("review_decided"),
        "{stderr}"
    );
    assert!(stdout.contains("reject by key:admin at"), "{stdout}");
    let shown = holdfast(&url, ADMIN_KEY, &["jobs", "show", &case.job])
        .await
        .1;
    assert!(
        shown.contains(&format!("{id}  decided  charge_unknown  reject")),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_while_nobody_can_be_asked() {
    let case = Case::of(CAPTURE).await;
    let url = served(&case).await;
    let id = review_of(&case).await;
    for more in [&[][..], &["--json"][..]] {
        let mut arguments = vec!["reviews", "decide", &id, "retry", "--note", "Again"];
        arguments.extend(more);
        let (code, _, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
        assert_eq!(code, Some(1));
        assert!(
            stderr.contains("nothing was decided") && stderr.contains("hint: add --yes"),
            "{stderr}"
        );
    }
    assert_eq!(case.review(&id).await["status"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_a_version_that_was_not_printed_is_refused_with_a_hint() {
    let case = Case::of(CAPTURE).await;
    let url = served(&case).await;
    let id = review_of(&case).await;
    let arguments = [
        "reviews",
        "decide",
        &id,
        "confirm",
        "--yes",
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
    assert_eq!(case.review(&id).await["status"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_json_and_nothing_else() {
    let case = Case::of(CAPTURE).await;
    let url = served(&case).await;
    let id = review_of(&case).await;
    let run = async |arguments: &[&str]| -> Value {
        let (code, stdout, stderr) = holdfast(&url, ADMIN_KEY, arguments).await;
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
        serde_json::from_str(&stdout).expect("JSON")
    };
    let shown = run(&["jobs", "show", &case.job, "--json"]).await;
    assert_eq!(shown["reviews"][0]["reason"], "capture_unknown");
    let list = run(&["reservations", "list", "--needs-review", "--json"]).await;
    assert_eq!(list["data"][0]["id"], case.id.as_str());
    let list = run(&["jobs", "list", "--state", "needs_review", "--json"]).await;
    assert_eq!(list["data"][0]["id"], case.job.as_str());
    let shown = run(&["reviews", "show", &id, "--json"]).await;
    assert_eq!(shown["evidence"]["operation"]["amount"], "400.00");
    let open = ["reviews", "list", "--json", "--reason", "capture_unknown"];
    assert_eq!(run(&open).await["data"][0]["id"], id.as_str());
    let arguments = [
        "reviews", "decide", &id, "retry", "--json", "--yes", "--note", "Again",
    ];
    let decided = run(&arguments).await;
    assert_eq!(decided["decision"]["decision"], "retry");
    assert_eq!(run(&open).await["data"], serde_json::json!([]));
    let list = run(&["reviews", "list", "--json", "--status", "decided"]).await;
    assert_eq!(list["data"][0]["id"], id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_listed_shown_and_dismissed() {
    let case = Case::of(CHARGE).await;
    let raised = Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::ProviderRefused,
        freezes: true,
        at: now(),
    });
    case.service.record(&case.id, &[raised]).await;
    let url = served(&case).await;
    let (code, stdout, _) =
        holdfast(&url, ADMIN_KEY, &["reservations", "show", "ref:BOOK-1001"]).await;
    assert_eq!(code, Some(0));
    let refused = case.review_id("provider_refused").await;
    for result in ["frozen", "needs a review since", "refused: ", &refused] {
        assert!(stdout.contains(result), "{result} is missing: {stdout}");
    }
    for secret in ["Kari", "kari@example.no", "46567468"] {
        assert!(!stdout.contains(secret), "{secret}: {stdout}");
    }
    let list = ["reservations", "list", "--needs-review"];
    let list = holdfast(&url, ADMIN_KEY, &list).await.1;
    assert!(
        list.starts_with("id ") && list.contains("BOOK-1001"),
        "{list}"
    );
    let list = holdfast(&url, ADMIN_KEY, &["reviews", "list"]).await.1;
    let rows: Vec<&str> = list.lines().collect();
    assert_eq!(rows.len(), 3, "{list}");
    assert!(
        rows[1].contains("provider_refused") && rows[2].contains("charge_unknown"),
        "by countdown: {list}"
    );
    let one = holdfast(&url, ADMIN_KEY, &["reviews", "list", "--limit", "1"])
        .await
        .1;
    assert_eq!(one.lines().count(), 2, "{one}");
    let arguments = [
        "reviews", "decide", &refused, "dismiss", "--yes", "--note", "Mended",
    ];
    let (code, stdout, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(
        stdout.contains("capturable") && stdout.ends_with("decided: dismiss\n"),
        "{stdout}"
    );
    let (code, _, stderr) = holdfast(&url, ADMIN_KEY, &arguments).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("review_decided"), "{stderr}");
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
        &["reviews", "decide", "rvw_1", "maybe", "--note", "Why"],
    )
    .await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("confirm"), "{stderr}");
}
