//! `holdfast demo`: the whole life of a handful of reservations, in one command.

use std::time::Duration;

use tests::{Program, holdfast_binary};

#[test]
fn the_demo_ends_by_itself_with_both_ledgers_in_agreement() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Program::new(holdfast_binary())
        .args(["demo"])
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .start();
    // A minute for the demo, and half of one more for its start beside other tests.
    let status = demo.wait_for_exit(Duration::from_secs(90));
    assert_eq!(status.code(), Some(0), "{}", demo.output());
    let shown = demo.stdout().to_lowercase();
    for named in [
        "sandbox", "holdfast", "capture", "charge", "refund", "cancel",
    ] {
        assert!(shown.contains(named), "{named} is not in:\n{shown}");
    }
}
