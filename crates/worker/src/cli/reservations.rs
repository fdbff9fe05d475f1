//! `holdfast reservations`: what there is, what it is worth, and which of it needs a review.

use clap::Subcommand;
use domain::Status;
use serde_json::Value;

use super::ops::{Api, cell, path, table};
use super::{Failure, reviews, say};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List reservations, the newest first
    List {
        #[command(flatten)]
        api: Api,
        /// Only those that a person must decide something about
        #[arg(long)]
        needs_review: bool,
        /// Only those of this status, such as held
        #[arg(long)]
        status: Option<Status>,
    },
    /// Show one reservation with its money and what a person has to decide about it
    Show {
        #[command(flatten)]
        api: Api,
        /// Its id, or ref: and the booking system's reference
        id: String,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List {
            api,
            needs_review,
            status,
        } => list(&api, needs_review, status).await,
        Command::Show { api, id } => {
            let reservation = api.client()?.get(&path("reservations", &id)).await?;
            say(&if api.json {
                reservation.to_string()
            } else {
                text(&reservation)
            })
        }
    }
}

async fn list(api: &Api, needs_review: bool, status: Option<Status>) -> Result<(), Failure> {
    let needs_review = if needs_review {
        "&needs_review=true"
    } else {
        ""
    };
    let status = status
        .map(|status| format!("&status={status}"))
        .unwrap_or_default();
    let page = api
        .client()?
        .get(&format!("v1/reservations?limit=200{needs_review}{status}"))
        .await?;
    if api.json {
        return say(&page.to_string());
    }
    let titles = ["id", "reference", "status", "capture by", "review", "since"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for r in page["data"].as_array().into_iter().flatten() {
        let (review, by) = (&r["review"], &r["deadlines"]["capture_by"]);
        let cells = [
            &r["id"],
            &r["reference"],
            &r["status"],
            by,
            &review["reason"],
            &review["since"],
        ];
        rows.push(cells.map(cell).to_vec());
    }
    say(&table("", &rows))
}

fn text(r: &Value) -> String {
    let mut rows = Vec::new();
    for key in ["id", "reference", "merchant", "status", "control"] {
        rows.push(vec![key.to_owned(), cell(&r[key])]);
    }
    for key in ["reserved", "captured", "charged", "refunded", "in_doubt"] {
        rows.push(vec![key.to_owned(), cell(&r["amounts"][key])]);
    }
    rows.push(vec![
        "capture by".to_owned(),
        cell(&r["deadlines"]["capture_by"]),
    ]);
    let mut sections = vec![table("", &rows)];
    let ledger = r["ledger"].as_array().into_iter().flatten();
    let ledger: Vec<Vec<String>> = ledger
        .map(|row| {
            let whose = if row["origin"] == "external" {
                "nobody's"
            } else {
                "ours"
            };
            let cells = [&row["kind"], &row["amount"], &row["reference"], &row["at"]];
            cells
                .into_iter()
                .map(cell)
                .chain([whose.to_owned()])
                .collect()
        })
        .collect();
    if !ledger.is_empty() {
        sections.push(format!("ledger\n{}", table("  ", &ledger)));
    }
    sections.extend(reviews::section_of_reservation(r));
    sections.join("\n\n")
}
