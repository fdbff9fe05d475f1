//! Pages that are made of the code are up to date, and every error code has a page.

use std::fmt::{Display, Write as _};

use domain::reservation::ReviewReason;
use domain::{AttemptOutcome, ErrorCode, JobEvent, JobKind, JobState, Urgency, WaitingFor};
use tests::source::{absolute, code_only, repository};

/// Adds a table of words and what they mean.
fn words<T: Copy + Display>(page: &mut String, title: &str, all: &[T], describe: fn(T) -> String) {
    let _ = write!(page, "\n## {title}\n\n| word | meaning |\n| --- | --- |\n");
    for word in all {
        let _ = writeln!(page, "| `{word}` | {} |", describe(*word));
    }
}

/// Each way from one state to another, event by event.
fn ways() -> impl Iterator<Item = (JobState, JobEvent, JobState)> {
    JobEvent::ALL.iter().flat_map(|event| {
        let from = event.applies_to().iter();
        from.map(|state| (*state, *event, event.leads_to(*state)))
    })
}

/// Jobs as a page, made of the domain's table.
fn jobs_page() -> String {
    let mut page = String::from(
        "# Jobs\n\nMade of `domain::job`; a test holds this page to the code. A job is a row of the queue: do this at \
         `run_at`, before `deadline`. A new job is `scheduled`, `resolving` or `needs_review`, and `available` at once \
         when its time has come.\n\n```mermaid\nstateDiagram-v2\n    [*] --> scheduled\n    [*] --> available\n    \
         [*] --> resolving\n    [*] --> needs_review\n",
    );
    let mut arrows: Vec<(JobState, JobState, Vec<JobEvent>)> = Vec::new();
    for (from, event, to) in ways() {
        match arrows
            .iter_mut()
            .find(|arrow| (arrow.0, arrow.1) == (from, to))
        {
            Some((_, _, events)) => events.push(event),
            None => arrows.push((from, to, vec![event])),
        }
    }
    for (from, to, events) in arrows {
        let events: Vec<&str> = events.iter().map(|event| event.as_str()).collect();
        let _ = writeln!(page, "    {from} --> {to}: {}", events.join(", "));
    }
    page.push_str("```\n");
    words(&mut page, "States", JobState::ALL, |state| {
        let live = if state.is_live() { "live" } else { "over" };
        format!("{} ({live})", state.describe())
    });
    page.push_str("\n## Events\n\nNothing else changes a state.\n\n| event | what happens | from | to |\n| --- | --- | --- | --- |\n");
    for event in JobEvent::ALL {
        let from = event.applies_to();
        let states = |states: Vec<JobState>| {
            let words: Vec<String> = states.iter().map(|state| format!("`{state}`")).collect();
            words.join(", ")
        };
        let mut to: Vec<JobState> = from.iter().map(|state| event.leads_to(*state)).collect();
        to.dedup();
        let (what, from, to) = (event.describe(), states(from.to_vec()), states(to));
        let _ = writeln!(page, "| `{event}` | {what} | {from} | {to} |");
    }
    words(&mut page, "Kinds", JobKind::ALL, |kind| {
        let calls = if kind.calls_provider() {
            ""
        } else {
            " Calls no provider."
        };
        format!(
            "{} Claimed as `{}`.{calls}",
            kind.describe(),
            kind.urgency()
        )
    });
    words(
        &mut page,
        "Urgency, in the order of claiming",
        Urgency::ALL,
        |urgency| urgency.describe().to_owned(),
    );
    words(&mut page, "What a job waits for", WaitingFor::ALL, |word| {
        word.describe().to_owned()
    });
    words(
        &mut page,
        "Outcomes of its attempts",
        AttemptOutcome::ALL,
        |outcome| outcome.describe().to_owned(),
    );
    page
}

#[test]
fn the_page_of_jobs_is_what_the_code_says() {
    let path = absolute("docs/jobs.md");
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != jobs_page() {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, jobs_page()).expect("docs can be written");
            return;
        }
        panic!("docs/jobs.md is out of date: run UPDATE_DOCS=1 cargo test -p tests --test static");
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

/// Codes of reviews are made of the reasons of reviews, in the file of the codes.
#[test]
fn every_error_code_is_used() {
    let code = repository().into_iter().filter(|file| {
        file.is(".rs") && !file.is_test() && file.path != "crates/domain/src/code.rs"
    });
    let code: String = code.map(|file| code_only(&file.text)).collect();
    let unused: Vec<_> = ErrorCode::ALL
        .iter()
        .filter(|variant| {
            let name = format!("ErrorCode::{variant:?}");
            let of_a_review = variant.as_str().parse::<ReviewReason>().is_ok();
            !of_a_review && tests::source::words(&code, &name).next().is_none()
        })
        .collect();
    assert!(unused.is_empty(), "made nowhere: {unused:?}");
}
