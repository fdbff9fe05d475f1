//! `holdfast jobs`: what jobs there are, and what became of requests in doubt.

use clap::{Subcommand, ValueEnum};
use domain::{JobKind, JobState};
use serde_json::{Value, json};

use super::ops::{Api, cell, page_of, path, table};
use super::{Failure, pack, say};

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
    /// Show one job with its attempts and, at the desk, the evidence
    Show {
        #[command(flatten)]
        api: Api,
        /// The job
        id: String,
    },
    /// Decide what became of a job's request, after printing the evidence
    Resolve(Resolve),
}

#[derive(Debug, clap::Args)]
pub(super) struct Resolve {
    #[command(flatten)]
    api: Api,
    /// The job
    id: String,
    /// What became of the request
    #[arg(long, value_enum)]
    outcome: Outcome,
    /// The provider's reference of the effect, with --outcome applied
    #[arg(long)]
    reference: Option<String>,
    /// Why; kept with the decision, so write nothing personal
    #[arg(long)]
    note: String,
    /// The version of the evidence that you have read [default: the one that is printed]
    #[arg(long, value_name = "VERSION")]
    evidence_version: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Outcome {
    /// It took effect
    Applied,
    /// It did not, and is not to be tried again
    NotApplied,
    /// It did not, and is to be sent once more
    Resend,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Resend => "resend",
        }
    }
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
        Command::Resolve(resolve) => decide(&resolve).await,
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

/// Prints the evidence first, so that the decision is bound to what was there to be read.
async fn decide(resolve: &Resolve) -> Result<(), Failure> {
    let client = resolve.api.client()?;
    let path = path("jobs", &resolve.id);
    let before = client.get(&path).await?;
    let evidence = &before["evidence"];
    if !resolve.api.json && evidence.is_object() {
        say(&format!("{}\n", pack::text(evidence)))?;
    }
    let version = resolve
        .evidence_version
        .or_else(|| evidence["version"].as_i64());
    let mut body = json!({"outcome": resolve.outcome.word(), "note": resolve.note});
    for (name, value) in [
        ("reference", json!(resolve.reference)),
        ("evidence_version", json!(version)),
    ] {
        if !value.is_null() {
            body[name] = value;
        }
    }
    let job = client.post(&format!("{path}/resolve"), &body).await?;
    if resolve.api.json {
        return say(&json!({"evidence": evidence, "job": job}).to_string());
    }
    say(&format!(
        "decided: {}\n{}",
        resolve.outcome.word(),
        text(&job)
    ))
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
    for past in job["decisions"].as_array().into_iter().flatten() {
        let decision = format!(
            "{} by {} at {}: {}",
            cell(&past["verdict"]),
            cell(&past["by"]),
            cell(&past["at"]),
            cell(&past["note"])
        );
        rows.push(vec!["decided".to_owned(), decision]);
    }
    let head = table("", &rows);
    if job["evidence"].is_object() {
        format!("{head}\n\n{}", pack::text(&job["evidence"]))
    } else {
        head
    }
}
