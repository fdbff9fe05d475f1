//! The validator: judges a raw JSON body by a table of rules and answers in the provider's own sentences.

mod rules;
mod tables;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::switches::Switches;
use rules::Rule;
pub(crate) use tables::{
    capture, charge, note, order_cancel, order_refund, refund, refund_approval, resend,
    reservation, session, submit_order,
};

/// The most products of one request; the provider states no bound, this one protects the look-alike.
const MAX_ITEMS: usize = 500;

/// A field and its rules. A path like `products.*.rate` stands for that field of every product.
pub(crate) struct Field {
    path: &'static str,
    rules: Vec<Rule>,
}

/// What rules look at besides the field itself.
pub(crate) struct Context<'a> {
    pub(crate) root: &'a Value,
    pub(crate) switches: &'a Switches,
    pub(crate) now: DateTime<Utc>,
}

/// Every complaint about the body, in the order of the table.
pub(crate) fn complaints(fields: &[Field], context: &Context<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    for field in fields {
        for path in expand(field.path, context.root) {
            judge(&path, &field.rules, context, &mut sentences);
        }
    }
    sentences
}

fn judge(path: &str, rules: &[Rule], context: &Context<'_>, sentences: &mut Vec<String>) {
    let name = humanised(path);
    let value = at(context.root, path).filter(|value| is_filled(value));
    let Some(value) = value else {
        let wanted = rules.iter().find_map(|rule| rule.requires(context));
        sentences.extend(wanted.map(|when| format!("The {name} field is required{when}.")));
        return;
    };
    for rule in rules {
        sentences.extend(rule.complaint(value, context).map(|ending| match rule {
            Rule::In(_) | Rule::Tax | Rule::Country => format!("The selected {name} is invalid."),
            _ => format!("The {name} {ending}."),
        }));
    }
}

/// Null and the empty string count as missing, as the provider's framework has it.
fn is_filled(value: &Value) -> bool {
    !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())
}

/// The value at a path; a list and an object keyed `"0"`, `"1"`, … are the same.
pub(crate) fn at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(root, |value, key| match value {
        Value::Object(fields) => fields.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The members of a list, or of an object in the order of its numeric keys, with their keys.
pub(crate) fn items(value: Option<&Value>) -> Vec<(String, &Value)> {
    let mut items: Vec<(String, &Value)> = match value {
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(place, item)| (place.to_string(), item))
            .collect(),
        Some(Value::Object(fields)) => fields
            .iter()
            .map(|(key, item)| (key.clone(), item))
            .collect(),
        _ => Vec::new(),
    };
    items.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
    items.truncate(MAX_ITEMS);
    items
}

fn expand(path: &str, root: &Value) -> Vec<String> {
    match path.split_once(".*.") {
        None => vec![path.to_owned()],
        Some((list, field)) => items(at(root, list))
            .into_iter()
            .map(|(key, _)| format!("{list}.{key}.{field}"))
            .collect(),
    }
}

/// A path as the sentences name it: words in lower case, dots kept.
fn humanised(path: &str) -> String {
    let mut name = String::new();
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            name.push(' ');
        }
        name.push(if c == '_' {
            ' '
        } else {
            c.to_ascii_lowercase()
        });
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(fields: &[Field], root: &Value) -> Vec<String> {
        let switches = Switches::default();
        let now = DateTime::from_timestamp(1_756_000_000, 0).expect("time");
        complaints(
            fields,
            &Context {
                root,
                switches: &switches,
                now,
            },
        )
    }

    #[test]
    fn paths_are_named_as_the_provider_names_them() {
        for (path, name) in [
            ("orderSummary.shippingCost", "order summary.shipping cost"),
            (
                "customerDetails.personalNumber",
                "customer details.personal number",
            ),
            ("products.0.rate", "products.0.rate"),
            ("submitPayment.via", "submit payment.via"),
            ("msisdn", "msisdn"),
        ] {
            assert_eq!(humanised(path), name);
        }
    }

    #[test]
    fn a_list_and_an_object_with_numbers_for_keys_are_judged_alike() {
        let fields = [Field {
            path: "products.*.amount",
            rules: vec![Rule::Required, Rule::Numeric],
        }];
        for products in [
            json!([{"amount": 1}, {"amount": "x"}, {}]),
            json!({"0": {"amount": 1}, "1": {"amount": "x"}, "2": {}}),
        ] {
            let sentences = judged(&fields, &json!({"products": products}));
            assert_eq!(
                sentences,
                [
                    "The products.1.amount must be a number.",
                    "The products.2.amount field is required."
                ]
            );
        }
        assert_eq!(judged(&fields, &json!(null)), Vec::<String>::new());
    }
}
