//! What the API says, in a form that can be compared.

use domain::Money;
use serde_json::Value;

/// An amount as the API and the sandbox write it.
#[track_caller]
pub(crate) fn amount(value: &Value) -> Money {
    match serde_json::from_value(value.clone()) {
        Ok(amount) => amount,
        Err(error) => panic!("{value} is no amount: {error}"),
    }
}

/// The money rows of a reservation: kind, amount, reference; sorted.
#[track_caller]
pub(crate) fn ledger_of(reservation: &Value) -> Vec<(String, Money, Option<String>)> {
    let rows = reservation["ledger"].as_array().expect("a ledger");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                text(&row["kind"]).expect("a kind"),
                amount(&row["amount"]),
                text(&row["reference"]),
            )
        })
        .collect();
    rows.sort();
    rows
}
