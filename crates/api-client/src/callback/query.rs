//! A query as PHP reads it, since the checksum is made over what PHP's `$_GET` holds.

use super::policy::Refused;

/// The longest query: 8 KiB.
pub const MAX_QUERY: usize = 8 * 1024;
/// The most parameters of a callback's query; longer ones are refused.
pub const MAX_PARAMS: usize = 64;

/// Parameters in the order of their first appearance, with the value of their last.
#[derive(Debug)]
pub(super) struct Params(Vec<(Vec<u8>, Vec<u8>)>);

impl Params {
    /// The decoded value of a parameter; bytes, since nothing says that they are UTF-8.
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(known, _)| known == name.as_bytes())
            .map(|(_, value)| value.as_slice())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.bytes(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

/// Reads a raw query: `+` is a space, `%XX` a byte, a repeated name keeps its place and takes the last value.
pub(super) fn parse(raw: &str) -> Result<Params, Refused> {
    if raw.len() > MAX_QUERY {
        return Err(Refused::TooLong);
    }
    let mut params: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (name_of(&decode(name)), decode(value));
        if name.is_empty() {
            continue;
        }
        match params.iter().position(|(known, _)| *known == name) {
            Some(place) => params[place].1 = value,
            None if params.len() == MAX_PARAMS => return Err(Refused::TooLong),
            None => params.push((name, value)),
        }
    }
    Ok(Params(params))
}

/// PHP drops leading spaces of a name and writes dots and spaces as underscores.
fn name_of(decoded: &[u8]) -> Vec<u8> {
    let start = decoded
        .iter()
        .position(|byte| *byte != b' ')
        .unwrap_or(decoded.len());
    decoded[start..]
        .iter()
        .map(|byte| {
            if matches!(byte, b'.' | b' ') {
                b'_'
            } else {
                *byte
            }
        })
        .collect()
}

/// A percent sign without two hexadecimal digits stands for itself.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |place: usize| {
        char::from(*bytes.get(place)?)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        match (byte, digit(place + 1), digit(place + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high * 16 + low);
                place += 2;
            }
            (b'+', _, _) => decoded.push(b' '),
            (other, _, _) => decoded.push(*other),
        }
        place += 1;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(raw: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        parse(raw)
            .expect("in bounds")
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn a_query_is_read_as_php_reads_it() {
        let cases: [(&str, &[(&str, &str)]); 8] = [
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("a=1&b=2&a=3", &[("a", "3"), ("b", "2")]),
            ("a=x+y%20z&b", &[("a", "x y z"), ("b", "")]),
            (
                "a=%4&b=%zz&c=100%",
                &[("a", "%4"), ("b", "%zz"), ("c", "100%")],
            ),
            ("&&a=1&&", &[("a", "1")]),
            ("a=b=c", &[("a", "b=c")]),
            ("order.id=1&+x=2", &[("order_id", "1"), ("x", "2")]),
            ("=1", &[]),
        ];
        for (raw, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            assert_eq!(pairs(raw), expected, "{raw}");
        }
    }

    #[test]
    fn bounds_hold() {
        assert!(matches!(
            parse(&"a".repeat(MAX_QUERY + 1)),
            Err(Refused::TooLong)
        ));
        let many = |count: usize| {
            (0..count)
                .map(|n| format!("p{n}=1"))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert!(parse(&many(MAX_PARAMS)).is_ok());
        assert!(matches!(
            parse(&many(MAX_PARAMS + 1)),
            Err(Refused::TooLong)
        ));
    }
}
