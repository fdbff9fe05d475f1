//! The fields of an object in an answer, each read alone: what does not parse is left out and noted, and only a field
//! that decides makes the whole unreadable.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use domain::Money;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::lenient::scalar;
use super::oddity::{Found, Oddities};
use super::{Personal, ProviderStatus, WireTime, amount, lenient};

/// A field that decides could not be read; the oddities name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The fields of one object.
pub(crate) struct Fields<'a> {
    path: String,
    found: HashMap<String, Slot<'a>>,
    oddities: &'a Oddities,
}

/// What stands under a key.
#[derive(Clone, Copy)]
enum Slot<'a> {
    /// One value, which may be null.
    Once(&'a RawValue),
    /// Several.
    Twice,
}

/// What a field holds, null being nothing.
enum Held<'a> {
    Nothing,
    Value(&'a RawValue),
    Twice,
}

impl<'a> Fields<'a> {
    /// The fields of an object at `path`; PHP writes one without fields as `[]`. `None` for everything else.
    pub(crate) fn of(raw: &'a RawValue, path: &str, oddities: &'a Oddities) -> Option<Self> {
        let found = match Found::of(raw) {
            Found::Object => slots(raw)?.into_iter().collect(),
            Found::List if list(raw)?.is_empty() => HashMap::new(),
            _ => return None,
        };
        Some(Self {
            path: path.to_owned(),
            found,
            oddities,
        })
    }

    /// The same with another name for a field: what stands under both has to be the same.
    pub(crate) fn also_called(mut self, other: &str, name: &str) -> Self {
        let is_null = |slot: &Slot<'_>| matches!(slot, Slot::Once(raw) if raw.get() == "null");
        let Some(second) = self.found.remove(other).filter(|slot| !is_null(slot)) else {
            return self;
        };
        let slot = match (self.found.get(name).filter(|slot| !is_null(slot)), second) {
            (None, second) => second,
            (Some(Slot::Once(one)), Slot::Once(two)) if one.get() == two.get() => Slot::Once(one),
            _ => Slot::Twice,
        };
        self.found.insert(name.to_owned(), slot);
        self
    }

    /// Notes that a field could not be read.
    pub(crate) fn odd(&self, name: &str, found: Found) {
        self.oddities.note(self.at(name), found);
    }

    /// Is none of these fields there?
    pub(crate) fn lacks(&self, names: &[&str]) -> bool {
        names
            .iter()
            .all(|name| matches!(self.held(name), Held::Nothing))
    }

    fn at(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    fn held(&self, name: &str) -> Held<'a> {
        match self.found.get(name) {
            None => Held::Nothing,
            Some(Slot::Twice) => Held::Twice,
            Some(Slot::Once(raw)) if raw.get() == "null" => Held::Nothing,
            Some(Slot::Once(raw)) => Held::Value(raw),
        }
    }

    /// What a field holds for `read`; an error, and an oddity, when something is there that it cannot read.
    fn try_read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Option<T>,
    ) -> Result<Option<T>, Unreadable> {
        let found = match self.held(name) {
            Held::Nothing => return Ok(None),
            Held::Twice => Found::Twice,
            Held::Value(raw) => match read(raw) {
                Some(value) => return Ok(Some(value)),
                None => Found::of(raw),
            },
        };
        self.odd(name, found);
        Err(Unreadable)
    }

    /// The same, with an empty text for nothing.
    fn try_scalar<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Option<T>,
    ) -> Result<Option<T>, Unreadable> {
        match self.held(name) {
            Held::Value(raw) if is_blank(raw) => Ok(None),
            _ => self.try_read(name, read),
        }
    }

    fn needed<T>(&self, name: &str, read: Result<Option<T>, Unreadable>) -> Result<T, Unreadable> {
        read?.ok_or_else(|| {
            self.odd(name, Found::Nothing);
            Unreadable
        })
    }

    /// A text, also written as a number or a flag.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.try_read(name, scalar).ok().flatten()
    }

    /// A text that decides what something belongs to: one that stands there twice makes the answer unreadable.
    pub(crate) fn naming_text(&self, name: &str) -> Result<Option<String>, Unreadable> {
        match self.held(name) {
            Held::Twice => self.try_read(name, scalar),
            Held::Nothing | Held::Value(_) => Ok(self.text(name)),
        }
    }

    /// A text about a person.
    pub(crate) fn personal(&self, name: &str) -> Option<Personal> {
        self.text(name).map(Personal::from)
    }

    /// A flag, also as 0, 1 or a text.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let read = |raw| lenient::flag_of(&scalar(raw)?);
        self.try_scalar(name, read).ok().flatten()
    }

    /// A whole number.
    pub(crate) fn whole<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.try_scalar(name, whole).ok().flatten()
    }

    /// A whole number that has to be there.
    pub(crate) fn needed_whole<T: TryFrom<i64>>(&self, name: &str) -> Result<T, Unreadable> {
        self.needed(name, self.try_scalar(name, whole))
    }

    /// A time, in whatever form; a text in an unknown form is kept, without a time, and noted.
    pub(crate) fn time(&self, name: &str) -> Option<WireTime> {
        let time = self.try_scalar(name, WireTime::of).ok().flatten()?;
        if let (None, Held::Value(raw)) = (time.at(), self.held(name)) {
            self.odd(name, Found::of(raw));
        }
        Some(time)
    }

    /// An amount that is only shown.
    pub(crate) fn amount(&self, name: &str) -> Option<Money> {
        self.money(name).ok().flatten()
    }

    /// An amount that decides; nothing when it is not there.
    pub(crate) fn money(&self, name: &str) -> Result<Option<Money>, Unreadable> {
        let read = |raw| amount::printed(&scalar_amount(raw)?)?.positive();
        self.try_scalar(name, read)
    }

    /// An amount that decides and has to be there.
    pub(crate) fn needed_money(&self, name: &str) -> Result<Money, Unreadable> {
        self.needed(name, self.money(name))
    }

    /// The same, with its sign.
    pub(crate) fn signed_money(&self, name: &str) -> Result<amount::Printed, Unreadable> {
        let read = |raw| amount::printed(&scalar_amount(raw)?);
        self.needed(name, self.try_scalar(name, read))
    }

    /// A text that names what the answer is about.
    pub(crate) fn identity(&self, name: &str) -> Result<String, Unreadable> {
        let read = |raw| scalar(raw).filter(|_| Found::of(raw) == Found::Text);
        self.needed(name, self.try_scalar(name, read))
    }

    /// The status. It has to be there; what is no word is read as an undocumented one.
    pub(crate) fn status(&self, name: &str) -> Result<ProviderStatus, Unreadable> {
        let held = self.needed(name, self.try_read(name, Some))?;
        if Found::of(held) != Found::Text {
            self.odd(name, Found::of(held));
        }
        Ok(ProviderStatus::from_word(&scalar(held).unwrap_or_default()))
    }

    /// An object that decides; nothing when it is not there.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, Unreadable> {
        let path = self.at(name);
        self.try_read(name, |raw| Self::of(raw, &path, self.oddities))
    }

    /// An object that is only shown.
    pub(crate) fn object_alone(&self, name: &str) -> Option<Self> {
        self.object(name).ok().flatten()
    }

    /// A list of objects that decide; nothing when it is not there.
    pub(crate) fn rows(&self, name: &str) -> Result<Option<Vec<Self>>, Unreadable> {
        let Some(items) = self.try_read(name, list)? else {
            return Ok(None);
        };
        let rows = items.into_iter().map(|raw| self.item(name, raw));
        let rows: Option<Vec<Self>> = rows.collect();
        rows.ok_or(Unreadable).map(Some)
    }

    /// A list of objects that are only shown; `None` for an item that is no object.
    pub(crate) fn items(&self, name: &str) -> Vec<Option<Self>> {
        let items = self.try_read(name, list).ok().flatten().unwrap_or_default();
        items.into_iter().map(|raw| self.item(name, raw)).collect()
    }

    /// Do two items of a list that is written as an object stand under the same key?
    pub(crate) fn is_ambiguous(&self, name: &str) -> bool {
        match self.held(name) {
            Held::Nothing => false,
            Held::Twice => true,
            Held::Value(raw) => Found::of(raw) == Found::Object && list(raw).is_none(),
        }
    }

    fn item(&self, name: &str, raw: &'a RawValue) -> Option<Self> {
        let path = format!("{}[]", self.at(name));
        let fields = Self::of(raw, &path, self.oddities);
        if fields.is_none() {
            self.oddities.note(path, Found::of(raw));
        }
        fields
    }
}

fn is_blank(raw: &RawValue) -> bool {
    Found::of(raw) == Found::Text && raw.get().trim_matches('"').trim().is_empty()
}

/// The text of a number, or of a text.
fn scalar_amount(raw: &RawValue) -> Option<String> {
    match Found::of(raw) {
        Found::Text => serde_json::from_str(raw.get()).ok(),
        Found::Number => Some(raw.get().to_owned()),
        _ => None,
    }
}

fn whole<T: TryFrom<i64>>(raw: &RawValue) -> Option<T> {
    T::try_from(lenient::whole_of(&scalar(raw)?)?).ok()
}

/// The items of a list, or of an object keyed `"0"`, `"1"`, …, in the order of its keys. `None` for anything else, and
/// when a key stands there twice.
pub(crate) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    match Found::of(raw) {
        Found::List => serde_json::from_str(raw.get()).ok(),
        Found::Object => {
            let mut items = Vec::new();
            for (key, slot) in slots(raw)? {
                let Slot::Once(item) = slot else { return None };
                items.push((key.parse().unwrap_or(u64::MAX), item));
            }
            items.sort_by_key(|(key, _)| *key);
            Some(items.into_iter().map(|(_, item)| item).collect())
        }
        _ => None,
    }
}

/// The keys of an object in their order, and what stands under each.
fn slots(raw: &RawValue) -> Option<Vec<(String, Slot<'_>)>> {
    let Slots(slots) = serde_json::from_str(raw.get()).ok()?;
    Some(slots)
}

struct Slots<'a>(Vec<(String, Slot<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Slots<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys).map(Slots)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<(String, Slot<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut places, mut slots) = (HashMap::new(), Vec::new());
        while let Some((key, raw)) = map.next_entry::<String, &RawValue>()? {
            match places.entry(key) {
                Entry::Vacant(vacant) => {
                    slots.push((vacant.key().clone(), Slot::Once(raw)));
                    vacant.insert(slots.len() - 1);
                }
                Entry::Occupied(known) => {
                    if let Some((_, slot)) = slots.get_mut(*known.get()) {
                        *slot = Slot::Twice;
                    }
                }
            }
        }
        Ok(slots)
    }
}
