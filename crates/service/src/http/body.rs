//! Reads a JSON body within its bounds, and names the field that does not fit.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use domain::ErrorCode;
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use crate::decode::{self, Kind};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// The deepest nesting of a body.
pub const MAX_DEPTH: usize = 32;
/// The keys whose values are lists. serde takes a list for any object, which this API does not.
const LISTS: [&str; 3] = ["lines", "at", "channels"];

/// A body of JSON.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

/// A body of JSON that may be left out, which is the same as `{}`.
#[derive(Debug)]
pub(super) struct OptionalJson<T>(pub(super) T);

/// The body of an action that takes nothing.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        parse(&read(&parts.headers, body).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        require_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "the body has to be JSON, with Content-Type: application/json";
    Err(Problem::new(ErrorCode::UnsupportedMediaType, detail))
}

/// The whole body, if it is not too large.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {MAX_BODY} bytes");
        Problem::new(ErrorCode::BodyTooLarge, detail)
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > MAX_BODY) {
        return Err(too_large());
    }
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(
                ErrorCode::BodyIncomplete,
                "the body ended before it was whole",
            )
        })?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// serde_json's words about a number that no type holds. It is the field that is wrong then, not the JSON.
const HUGE_NUMBER: &str = "number out of range";

/// The typed body.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if depth(bytes) > MAX_DEPTH {
        return Err(Problem::new(
            ErrorCode::TooDeep,
            format!("the body is nested more than {MAX_DEPTH} deep"),
        ));
    }
    let value = match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => value,
        Err(error) if error.to_string().starts_with(HUGE_NUMBER) => Value::Null,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return Err(Problem::new(
                ErrorCode::MalformedJson,
                format!("the body is not JSON: line {line}, column {column}"),
            ));
        }
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let list = misplaced_list(&value, "", false);
    let not_a_list = |field| Problem::field(field, "is a list, and no list belongs here");
    match (serde_path_to_error::deserialize(&mut deserializer), list) {
        (Ok(typed), None) => Ok(typed),
        (Ok(_), Some(field)) => Err(not_a_list(field)),
        (Err(error), list) => {
            let decoded = decode::describe(&error.path().to_string(), &error.inner().to_string());
            // serde takes a list for an object, and then speaks of what is in it.
            let within = |list: &String| {
                decoded.kind == Kind::Wrong && decoded.fault.field.starts_with(list.as_str())
            };
            Err(list
                .filter(within)
                .map_or_else(|| Problem::fields(vec![decoded.fault.clone()]), not_a_list))
        }
    }
}

/// The deepest nesting of brackets and braces outside strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The path of a list that stands where an object belongs.
fn misplaced_list(value: &Value, path: &str, allowed: bool) -> Option<String> {
    match value {
        Value::Array(_) if !allowed => Some(path.to_owned()),
        Value::Array(items) => (0..).zip(items).find_map(|(index, item): (usize, _)| {
            misplaced_list(item, &format!("{path}[{index}]"), false)
        }),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            misplaced_list(value, &path, LISTS.contains(&key.as_str()))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(depth(br#"{"a":["[[[[",{"b":"\"[["}]}"#), 3);
        assert_eq!(depth(b"\"\\\\\"["), 1);
        assert_eq!(depth(&b"[".repeat(33)), 33);
    }

    #[test]
    fn a_list_is_no_object() {
        let value = serde_json::json!({"lines": [{"at": []}], "customer": {"address": [1]}});
        assert_eq!(
            misplaced_list(&value, "", false).as_deref(),
            Some("customer.address")
        );
        let value = serde_json::json!({"lines": [[]]});
        assert_eq!(
            misplaced_list(&value, "", false).as_deref(),
            Some("lines[0]")
        );
    }
}
