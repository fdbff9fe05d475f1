//! `holdfast reviews`: what a person must decide, the evidence for it, and the decision.

use std::io::{IsTerminal as _, Write as _};

use clap::Subcommand;
use domain::MerchantId;
use domain::reservation::{Decision, ReviewReason};
use domain::review::ReviewStatus;
use serde_json::{Value, json};

use super::ops::{Api, cell, path, table};
use super::{ACT, Failure, review_text, say};

/// The most reviews that one request lists.
const PAGE: usize = 200;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List reviews by countdown: what has to be decided first comes first
    List(List),
    /// Show one review with its evidence, its options and what each costs at worst
    Show {
        #[command(flatten)]
        api: Api,
        /// The review
        id: String,
    },
    /// Decide a review, after printing the evidence
    Decide(Decide),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    api: Api,
    /// Open or decided ones
    #[arg(long, default_value = "open")]
    status: ReviewStatus,
    /// Only those of this merchant
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only those for this reason, such as charge_unknown
    #[arg(long)]
    reason: Option<ReviewReason>,
    /// Only those on which it is too late to act before this time, such as 2026-12-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    due_before: Option<chrono::DateTime<chrono::Utc>>,
    /// The most reviews to list
    #[arg(long, default_value_t = PAGE)]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub(super) struct Decide {
    #[command(flatten)]
    api: Api,
    /// The review
    id: String,
    /// What to decide
    #[arg(value_parser = Decision::WORDS)]
    decision: String,
    /// The provider's reference of the effect, with confirm
    #[arg(long)]
    reference: Option<String>,
    /// Why; kept with the decision, so write nothing personal
    #[arg(long)]
    note: String,
    /// The version of the evidence that you have read [default: the one that is printed]
    #[arg(long, value_name = "VERSION")]
    evidence_version: Option<i64>,
    /// Do not ask before deciding
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(list) => list.run().await,
        Command::Show { api, id } => {
            let review = api.client()?.get(&path("reviews", &id)).await?;
            say(&if api.json {
                review.to_string()
            } else {
                review_text::text(&review)
            })
        }
        Command::Decide(decide) => decide.run().await,
    }
}

impl List {
    async fn run(&self) -> Result<(), Failure> {
        let reviews = self.all().await?;
        if self.api.json {
            return say(&json!({ "data": reviews }).to_string());
        }
        let columns = [
            "id",
            "reason",
            "reference",
            "amount",
            "act_before",
            "raised_at",
        ];
        let titles = [
            "id",
            "reason",
            "reference",
            "at stake",
            "act before",
            "since",
        ];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        rows.extend(
            reviews
                .iter()
                .map(|review| columns.map(|column| cell(&review[column])).to_vec()),
        );
        say(&table("", &rows))
    }

    /// Page by page until the limit.
    async fn all(&self) -> Result<Vec<Value>, Failure> {
        let client = self.api.client()?;
        let filters = [
            ("merchant", self.merchant.as_ref().map(ToString::to_string)),
            ("reason", self.reason.map(|reason| reason.to_string())),
            (
                "due_before",
                self.due_before.map(|at| at.format("%FT%TZ").to_string()),
            ),
        ];
        let filters: String = filters
            .iter()
            .filter_map(|(name, value)| Some(format!("&{name}={}", value.as_ref()?)))
            .collect();
        let mut reviews: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        while reviews.len() < self.limit {
            let limit = (self.limit - reviews.len()).min(PAGE);
            let query = format!("status={}&limit={limit}{filters}{cursor}", self.status);
            let page = client.get(&format!("v1/reviews?{query}")).await?;
            reviews.extend(page["data"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        Ok(reviews)
    }
}

impl Decide {
    /// Prints the evidence first, so that the decision is bound to what was there to be read.
    async fn run(&self) -> Result<(), Failure> {
        let client = self.api.client()?;
        let path = path("reviews", &self.id);
        let review = client.get(&path).await?;
        if !self.api.json {
            say(&format!("{}\n", review_text::text(&review)))?;
        }
        if review["status"] == "open" {
            self.confirmed(&review)?;
        }
        let version = self
            .evidence_version
            .or_else(|| review["evidence_version"].as_i64());
        let mut body = json!({
            "decision": self.decision,
            "note": self.note,
            "evidence_version": version,
        });
        if let Some(reference) = &self.reference {
            body["reference"] = json!(reference);
        }
        let decided = client.post(&format!("{path}/decide"), &body).await?;
        if self.api.json {
            return say(&decided.to_string());
        }
        say(&format!("decided: {}", self.decision))
    }

    /// Asks whoever types, unless `--yes` stands there: a decision can move money.
    fn confirmed(&self, review: &Value) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let failure = |message: &str, hint: &str| Failure {
            code: ACT,
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        };
        if self.api.json || !std::io::stdin().is_terminal() {
            let hint = "add --yes once the evidence has been read";
            return Err(failure(
                "nothing was decided: nobody can be asked here",
                hint,
            ));
        }
        let (reason, amount) = (cell(&review["reason"]), cell(&review["amount"]));
        let mut err = std::io::stderr().lock();
        let mut answer = String::new();
        write!(
            err,
            "{} for {reason}, {amount} at stake? [y/N] ",
            self.decision
        )
        .and_then(|()| err.flush())
        .and_then(|()| std::io::stdin().read_line(&mut answer))
        .map_err(|error| Failure::unexpected(&error))?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(failure("nothing was decided", "answer y, or add --yes")),
        }
    }
}

/// The reviews about the operation of a job, one a row.
pub(super) fn rows_of_job(job: &Value) -> Vec<Vec<String>> {
    let reviews = job["reviews"].as_array().into_iter().flatten();
    let row = |review: &Value| {
        let columns = ["id", "status", "reason", "decision"];
        vec![
            "review".to_owned(),
            columns.map(|column| cell(&review[column])).join("  "),
        ]
    };
    reviews.map(row).collect()
}

/// What a person has to decide about a reservation, as a section; `None` when there is nothing.
pub(super) fn section_of_reservation(reservation: &Value) -> Option<String> {
    let review = &reservation["review"];
    let ids = review["reviews"].as_array()?;
    let commands: Vec<String> = ids
        .iter()
        .map(|id| format!("  holdfast reviews show {}", cell(id)))
        .collect();
    Some(format!(
        "needs a review since {}, before {}\n  {}: {}\n{}",
        cell(&review["since"]),
        cell(&review["act_before"]),
        cell(&review["reason"]),
        cell(&review["message"]),
        commands.join("\n")
    ))
}
