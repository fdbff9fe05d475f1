//! Lists that the provider also writes as objects keyed `"0"`, `"1"`, …

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::object::Object;

struct ListOrObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListOrObject<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or an object keyed \"0\", \"1\", …")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(Object(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let (mut items, mut keys) = (Vec::new(), HashSet::new());
        while let Some((key, item)) = map.next_entry::<String, Object<T>>()? {
            items.push((key.parse().unwrap_or(u64::MAX), item.0));
            if !keys.insert(key) {
                return Err(de::Error::custom("a key stands there twice"));
            }
        }
        items.sort_by_key(|(key, _): &(u64, T)| *key);
        Ok(items.into_iter().map(|(_, item)| item).collect())
    }
}

/// Reads either form, and null as an empty list.
pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(ListOrObject(PhantomData))
}

/// Writes the object form, which every reservation example of the provider has.
pub(crate) mod keyed {
    use serde::{Serialize, Serializer};

    pub(crate) use super::deserialize;

    pub(crate) fn serialize<S: Serializer, T: Serialize>(
        items: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            items
                .iter()
                .enumerate()
                .map(|(place, item)| (place.to_string(), item)),
        )
    }
}
