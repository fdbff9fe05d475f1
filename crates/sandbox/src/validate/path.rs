//! Paths into a JSON body: `products.*.rate` stands for that field of every product.

use serde_json::Value;

/// The most products of one request; the provider states no bound, this one protects the look-alike.
const MAX_ITEMS: usize = 500;

/// Null and the empty string count as missing, as the provider's framework has it.
pub(super) fn is_filled(value: &Value) -> bool {
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

/// The paths that a path with a star stands for, one per product.
pub(super) fn expand(path: &str, root: &Value) -> Vec<String> {
    match path.split_once(".*.") {
        None => vec![path.to_owned()],
        Some((list, field)) => items(at(root, list))
            .into_iter()
            .map(|(key, _)| format!("{list}.{key}.{field}"))
            .collect(),
    }
}

/// A path as the sentences name it: words in lower case, dots kept.
pub(super) fn humanised(path: &str) -> String {
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
