//! `holdfast jobs`: what jobs there are, and what became of their runs.

use clap::Subcommand;
use domain::{JobKind, JobState};
use serde_json::Value;

use super::ops::{Api, cell, page_of, path, table};
use super::{Failure, reviews, say};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List jobs, the newest first
    List {
        #[command(flatten)]
        api: Api,
        /// Only those in this state, such as needs_review
        #[arg(long)]
        state: Option<JobState>,
        /// Only those of this kind, such as capture
        #[arg(long)]
        kind: Option<JobKind>,
    },
    /// Show one job with the reviews about its operation
    Show {
        #[command(flatten)]
        api: Api,
        /// The job
        id: String,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List { api, state, kind } => list(&api, state, kind).await,
        Command::Show { api, id } => {
            let job = api.client()?.get(&path("jobs", &id)).await?;
            say(&if api.json {
                job.to_string()
            } else {
                text(&job)
            })
        }
    }
}

async fn list(api: &Api, state: Option<JobState>, kind: Option<JobKind>) -> Result<(), Failure> {
    let state = state
        .map(|state| format!("&state={state}"))
        .unwrap_or_default();
    let kind = kind.map(|kind| format!("&kind={kind}")).unwrap_or_default();
    let page = api
        .client()?
        .get(&format!("v1/jobs?limit=200{state}{kind}"))
        .await?;
    if api.json {
        return say(&page.to_string());
    }
    let columns = ["id", "kind", "state", "reference", "run_at"];
    let mut rows = vec![
        columns
            .iter()
            .copied()
            .chain(["last error"])
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    for job in page["data"].as_array().into_iter().flatten() {
        let error = cell(&job["last_error"]["code"]);
        rows.push(
            columns
                .iter()
                .map(|column| cell(&job[*column]))
                .chain([error])
                .collect(),
        );
    }
    say(&table("", &rows))
}

fn text(job: &Value) -> String {
    let mut rows = Vec::new();
    for key in [
        "id",
        "kind",
        "state",
        "reservation",
        "reference",
        "run_at",
        "deadline",
        "waiting_for",
        "created_by",
    ] {
        if !job[key].is_null() {
            rows.push(vec![key.to_owned(), cell(&job[key])]);
        }
    }
    let attempts = format!(
        "{} of {} used",
        cell(&job["attempts_used"]),
        cell(&job["max_attempts"])
    );
    rows.push(vec!["attempts".to_owned(), attempts]);
    for (key, name) in [("last_error", "last error"), ("result", "result")] {
        if job[key].is_object() {
            let values = job[key]
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, value)| !value.is_null());
            rows.push(vec![
                name.to_owned(),
                values
                    .map(|(_, value)| cell(value))
                    .collect::<Vec<_>>()
                    .join(": "),
            ]);
        }
    }
    if let Some(code) = job["last_error"]["code"].as_str() {
        rows.push(vec!["page".to_owned(), page_of(code)]);
    }
    rows.extend(reviews::rows_of_job(job));
    table("", &rows)
}
