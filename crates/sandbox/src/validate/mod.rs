//! The validator: judges a raw JSON body by a table of rules and answers in the provider's own sentences.

mod path;
mod rules;
mod tables;

pub(crate) use path::{at, items};
use path::{expand, humanised, is_filled};
use rules::Rule;
pub(crate) use rules::{Context, Field};
pub(crate) use tables::{
    capture, charge, note, order_cancel, order_refund, refund, refund_approval, resend,
    reservation, session, submit_order,
};

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

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::switches::Switches;

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
