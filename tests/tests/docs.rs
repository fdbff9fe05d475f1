//! Pages that are made of the code are up to date, and every error code has a page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tests::source::{absolute, repository};

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

/// What stands before the code of a problem where one is made.
const MAKERS: &[&str] = &[
    "Problem::new(",
    "Self::new(",
    "conflict(",
    "bad(",
    "Refusal::state(",
    "code: ",
];

/// The first text that follows, when it stands within two lines and looks like a code.
fn code_after(text: &str) -> Option<&str> {
    let near = text
        .lines()
        .take(6)
        .map(str::len)
        .sum::<usize>()
        .min(text.len());
    let near = text.get(..near)?;
    let near = &near[..near.find([';', '}']).unwrap_or(near.len())];
    let code = near.split('"').nth(1)?;
    let fits = !code.is_empty()
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    fits.then_some(code)
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let mut codes = BTreeSet::new();
    for file in repository() {
        let api = file.path.starts_with("crates/service/src/http/")
            || file.path == "crates/service/src/service.rs"
            || file.path.starts_with("crates/domain/src/reservation/");
        if !api || !file.path.ends_with(".rs") {
            continue;
        }
        for maker in MAKERS {
            for (place, _) in file.text.match_indices(maker) {
                codes.extend(code_after(&file.text[place + maker.len()..]).map(str::to_owned));
            }
        }
    }
    let pages: BTreeSet<String> = std::fs::read_dir(absolute("docs/errors"))
        .expect("the pages")
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .into_string()
                .ok()?
                .strip_suffix(".md")
                .map(str::to_owned)
        })
        .collect();
    let missing: Vec<_> = codes.difference(&pages).collect();
    let unused: Vec<_> = pages.difference(&codes).collect();
    assert!(
        missing.is_empty() && unused.is_empty(),
        "no page: {missing:?}; no code: {unused:?}"
    );
}
