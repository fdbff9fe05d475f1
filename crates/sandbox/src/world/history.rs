//! History by time frame (F2.10).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::World;
use super::call::Call;
use super::details::minute;
use crate::answer::{self, Refusal};
use crate::reply::Reply;
use crate::switches::EmptyList;

impl World {
    pub(super) fn read_history(&self, call: &Call) -> Result<Reply, Refusal> {
        let (from, to) = match call.ids.as_slice() {
            [] => (
                (self.now - TimeDelta::hours(24)).timestamp(),
                self.now.timestamp(),
            ),
            [from, to] => (bound("start", from)?, bound("end", to)?),
            _ => return Err(Refusal::NotFound("orderNotFound")),
        };
        let lag = TimeDelta::seconds(self.switches.history_lag_seconds.into());
        // Events are kept in the order of their time.
        let first = self
            .history
            .partition_point(|event| event.at.timestamp() < from);
        let rows: Vec<Value> = self.history[first..]
            .iter()
            .take_while(|event| event.at.timestamp() <= to && event.at + lag <= self.now)
            .filter(|event| event.account == call.account)
            .map(|event| self.row(event))
            .collect();
        if rows.is_empty() && self.switches.empty_list == EmptyList::NotFound {
            return Err(Refusal::NotFound("reservationNotFound"));
        }
        Ok(answer::data(
            200,
            "reservationRetrievedSuccessfully",
            &rows,
            &self.switches,
        ))
    }

    fn row(&self, event: &super::Event) -> Value {
        let mut row = serde_json::to_value(&event.row).unwrap_or_default();
        row["datetime"] = json!(minute(event.at, self.switches.time_zone));
        // Here, and only here, the page shows amounts as text.
        if let Some(amount) = row.get("amount").filter(|amount| amount.is_number()) {
            row["amount"] = json!(amount.to_string());
        }
        row
    }
}

fn bound(name: &str, text: &str) -> Result<i64, Refusal> {
    text.parse()
        .map_err(|_| Refusal::Payload(vec![format!("The {name} must be a number.")]))
}
