//! Pages that are made of the code are up to date, and every error code has a page.

use std::fmt::Write as _;

use domain::ErrorCode;
use tests::source::absolute;

/// The states of a job as a page, made of the domain's table.
fn jobs_page() -> String {
    let mut page = String::from(
        "# The states of a job\n\nMade of `domain::job::TRANSITIONS`; a test keeps it so. `scheduled` is not due yet, \
         `available` may be claimed.\n\n```mermaid\nstateDiagram-v2\n",
    );
    for (from, why, to) in domain::job::TRANSITIONS {
        let _ = writeln!(page, "    {from} --> {to}: {why}");
    }
    page.push_str("```\n\n| from | by | to |\n| --- | --- | --- |\n");
    for (from, why, to) in domain::job::TRANSITIONS {
        let _ = writeln!(page, "| {from} | {why} | {to} |");
    }
    page
}

#[test]
fn the_page_of_job_states_is_what_the_code_says() {
    let path = absolute("docs/jobs.md");
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != jobs_page() {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, jobs_page()).expect("docs can be written");
            return;
        }
        panic!("docs/jobs.md is out of date: run UPDATE_DOCS=1 cargo test -p tests --test docs");
    }
}

/// A code without a page does not compile.
#[test]
fn every_page_of_an_error_has_its_code() {
    let pages = std::fs::read_dir(absolute("docs/errors")).expect("the pages");
    let unused: Vec<_> = pages
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|file| {
            let name = file.strip_suffix(".md");
            name.is_none_or(|name| name.parse::<ErrorCode>().is_err())
        })
        .collect();
    assert!(unused.is_empty(), "no code: {unused:?}");
}
