//! The rules of single fields.

use api_client::wire::{WireTime, is_identifier};
use chrono::{DateTime, Utc};
use domain::Money;
use serde::Deserialize as _;
use serde_json::Value;
use url::Url;

use super::path::{at, humanised, is_filled};
use crate::switches::{OrderDate, Switches};

/// A field and its rules. A path like `products.*.rate` stands for that field of every product.
pub(crate) struct Field {
    pub(super) path: &'static str,
    pub(super) rules: Vec<Rule>,
}

/// What rules look at besides the field itself: the whole body, the switches and the time.
pub(crate) struct Context<'a> {
    pub(crate) root: &'a Value,
    pub(crate) switches: &'a Switches,
    pub(crate) now: DateTime<Utc>,
}

/// One rule. A missing field is judged by the first four alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    Required,
    /// Required when the field at this path has this value.
    RequiredIf(&'static str, &'static str),
    /// Required when the field at this path is filled.
    RequiredWith(&'static str),
    /// Required when none of these is filled.
    RequiredWithout(&'static str),
    Text,
    Email,
    Bool,
    Numeric,
    /// A list or an object.
    List,
    In(&'static [&'static str]),
    Length(usize),
    AtMost(usize),
    Digits,
    Alphanumeric,
    Url,
    /// A dialling code with its plus.
    DialCode,
    Country,
    /// One of the merchant's tax rates.
    Tax,
    /// `orderDate`, in the form that the switches ask for.
    OrderDate,
    /// Unix seconds, now or later.
    DueDate,
    /// What can stand in a path.
    Identifier,
}

impl Rule {
    /// What stands behind "is required" when this rule misses a field.
    pub(super) fn requires(self, context: &Context<'_>) -> Option<String> {
        let filled = |path| at(context.root, path).filter(|value| is_filled(value));
        match self {
            Self::Required => Some(String::new()),
            Self::RequiredIf(path, wanted) => filled(path)
                .filter(|value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                        == wanted
                })
                .map(|_| format!(" when {} is {wanted}", humanised(path))),
            Self::RequiredWith(path) => {
                filled(path).map(|_| format!(" when {} is present", humanised(path)))
            }
            Self::RequiredWithout(path) => filled(path)
                .is_none()
                .then(|| format!(" when {} is not present", humanised(path))),
            _ => None,
        }
    }

    /// What follows the field's name when a filled field breaks this rule.
    pub(super) fn complaint(self, value: &Value, context: &Context<'_>) -> Option<String> {
        let text = value.as_str();
        let scalar = text.map_or_else(|| value.to_string(), str::to_owned);
        let broken = |holds: bool, ending: &str| (!holds).then(|| ending.to_owned());
        match self {
            Self::Required
            | Self::RequiredIf(..)
            | Self::RequiredWith(_)
            | Self::RequiredWithout(_) => None,
            Self::Text => broken(text.is_some(), "must be a string"),
            Self::Email => broken(text.is_some_and(is_email), "must be a valid email address"),
            Self::Bool => broken(is_bool(value), "field must be true or false"),
            Self::Numeric => broken(Money::deserialize(value).is_ok(), "must be a number"),
            Self::List => broken(value.is_array() || value.is_object(), "must be an array"),
            Self::In(words) => broken(words.contains(&scalar.as_str()), "is invalid"),
            Self::Length(length) => {
                let ending = format!("must be {length} characters");
                broken(scalar.chars().count() == length, &ending)
            }
            Self::AtMost(length) => {
                let ending = format!("must not be greater than {length} characters");
                broken(scalar.chars().count() <= length, &ending)
            }
            Self::Digits => {
                let strict = context.switches.strict_ids;
                let fits = if strict {
                    digits(&scalar)
                } else {
                    alphanumeric(&scalar)
                };
                broken(fits, "format is invalid")
            }
            Self::Alphanumeric => broken(alphanumeric(&scalar), "format is invalid"),
            Self::Url => broken(text.is_some_and(is_url), "must be a valid URL"),
            Self::DialCode => broken(
                scalar.strip_prefix('+').is_some_and(digits),
                "format is invalid",
            ),
            Self::Country => {
                let fits =
                    scalar.len() == 2 && scalar.bytes().all(|byte| byte.is_ascii_uppercase());
                broken(fits, "is invalid")
            }
            Self::Tax => {
                let tax = Money::deserialize(value).ok();
                let taxes = &context.switches.tax_percents;
                broken(
                    taxes
                        .iter()
                        .any(|percent| tax == Some(Money::kroner(*percent))),
                    "is invalid",
                )
            }
            Self::OrderDate => order_date(&scalar, context.switches.order_date),
            Self::DueDate => due_date(&scalar, context),
            Self::Identifier => broken(is_identifier(&scalar), "format is invalid"),
        }
    }
}

fn order_date(text: &str, form: OrderDate) -> Option<String> {
    let time = WireTime::from_text(text);
    // A day without its leading zero is refused; reading it back shows the difference.
    let legacy = time
        .civil()
        .is_some_and(|civil| civil.format("%d %b, %Y").to_string() == text);
    match form {
        OrderDate::Legacy if !legacy => Some("does not match the format d M, Y".to_owned()),
        OrderDate::Unix if !time.is_unix() => Some("format is invalid".to_owned()),
        OrderDate::Either if !legacy && !time.is_unix() => {
            Some("does not match the format d M, Y".to_owned())
        }
        _ => None,
    }
}

fn due_date(text: &str, context: &Context<'_>) -> Option<String> {
    let time = WireTime::from_text(text);
    match time.at().filter(|_| time.is_unix()) {
        None => Some("format is invalid".to_owned()),
        Some(due)
            if context.switches.strict_due_date && due.timestamp() < context.now.timestamp() =>
        {
            Some("must be a date after or equal to now".to_owned())
        }
        Some(_) => None,
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn alphanumeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_bool(value: &Value) -> bool {
    value.is_boolean()
        || matches!(value.as_u64(), Some(0 | 1))
        || matches!(value.as_str(), Some("0" | "1"))
}

fn is_email(text: &str) -> bool {
    let whole = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    text.rsplit_once('@')
        .is_some_and(|(local, host)| whole && !local.is_empty() && host.contains('.'))
        && !text.ends_with('.')
        && !text.contains("..")
}

fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    fn complaint(rule: Rule, value: &Value, switches: &Switches) -> Option<String> {
        let now = DateTime::from_timestamp(1_756_000_000, 0).expect("time");
        rule.complaint(
            value,
            &Context {
                root: &Value::Null,
                switches,
                now,
            },
        )
    }

    #[test]
    fn each_rule_accepts_and_refuses() {
        use Rule::*;
        let switches = Switches::default();
        for (rule, good, bad) in [
            (Text, json!("x"), json!(1)),
            (Email, json!("kari@example.no"), json!("kari@example")),
            (Bool, json!("1"), json!("yes")),
            (Numeric, json!("12.50"), json!("twelve")),
            (Numeric, json!(12.5), json!(-1)),
            (List, json!({"0": 1}), json!("x")),
            (In(&["en", "no"]), json!("no"), json!("fr")),
            (Length(11), json!("12345678901"), json!("123")),
            (AtMost(3), json!("abc"), json!("abcd")),
            (Digits, json!("123"), json!("12a")),
            (Alphanumeric, json!("12a"), json!("12-a")),
            (Url, json!("https://example.no/x?y=1"), json!("example.no")),
            (DialCode, json!("+47"), json!("0047")),
            (Country, json!("NO"), json!("Norway")),
            (Tax, json!("25"), json!(20)),
            (OrderDate, json!("02 Aug, 2023"), json!("2 Aug, 2023")),
            (OrderDate, json!("1756000000"), json!("2025-08-02")),
            (DueDate, json!("1756000000"), json!("1755999999")),
            (DueDate, json!(1_756_000_001), json!("02 Aug, 2023")),
            (Identifier, json!("CAP1"), json!("../x")),
        ] {
            assert_eq!(complaint(rule, &good, &switches), None, "{rule:?} {good}");
            assert!(complaint(rule, &bad, &switches).is_some(), "{rule:?} {bad}");
        }
    }

    #[test]
    fn switches_move_the_line() {
        let legacy = Switches {
            order_date: OrderDate::Legacy,
            ..Switches::default()
        };
        let unix = Switches {
            order_date: OrderDate::Unix,
            ..Switches::default()
        };
        let lenient = Switches {
            strict_due_date: false,
            strict_ids: false,
            ..Switches::default()
        };
        let sentence = complaint(Rule::OrderDate, &json!("1756000000"), &legacy);
        assert_eq!(
            sentence.as_deref(),
            Some("does not match the format d M, Y")
        );
        assert!(complaint(Rule::OrderDate, &json!("02 Aug, 2023"), &unix).is_some());
        assert!(complaint(Rule::DueDate, &json!("1"), &lenient).is_none());
        assert!(complaint(Rule::Digits, &json!("NO1"), &lenient).is_none());
    }
}
