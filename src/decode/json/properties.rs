//! Properties: what stands in an object, each value as the text of a cell. Names of nested objects are joined with dots.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// Objects within objects that a row may have. Names of columns have three parts at most.
const MAX_DEPTH: usize = 8;

/// What a row is refused for that nests deeper.
const TOO_DEEP: &str = "objects are nested deeper than 8 levels";

/// Why a row is left out that cannot be read to its end.
pub(super) type Reason = &'static str;

/// The properties of an object and of those within it, in their order, those that stand twice too.
pub(super) struct Properties<'t>(Vec<Item<'t>>);

/// What an object has next.
enum Item<'t> {
    Value(Name<'t>, Value<'t>),
    /// An object: its own properties follow, up to its end.
    Object(Name<'t>),
    End,
}

/// A property's name.
struct Name<'t>(Cow<'t, str>);

/// A property's value, as it is written; of an object that was read into its properties, the bracket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'t>(&'t str);

impl<'t> Properties<'t> {
    /// Reads the object that a text begins with, and returns how many bytes it takes. None where only white space is left.
    pub(super) fn read(text: &'t [u8]) -> Option<serde_json::Result<(Properties<'t>, usize)>> {
        if text.trim_ascii_start().is_empty() {
            return None;
        }
        let mut items = Vec::with_capacity(16);
        let mut object = Deserializer::from_slice(text);
        let read = Object::new(text, &mut items, 0).deserialize(&mut object);
        // Whatever is read next would begin there.
        let length = object.into_iter::<IgnoredAny>().byte_offset();
        Some(read.map(|()| (Properties(items), length)))
    }

    /// Hands out every property of an object and of those within it, by its whole name.
    pub(super) fn each(
        self,
        take: &mut impl FnMut(&str, Value<'t>) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        let (mut path, mut lengths) = (String::new(), Vec::new());
        for item in self.0 {
            match item {
                Item::Value(_, value) if value.is_object() => return Err(TOO_DEEP),
                Item::Value(name, value) if lengths.is_empty() => take(name.trimmed(), value)?,
                Item::Value(name, value) => {
                    let length = path.len();
                    path.push('.');
                    path.push_str(name.trimmed());
                    take(&path, value)?;
                    path.truncate(length);
                }
                Item::Object(name) => {
                    let is_own = lengths.is_empty();
                    lengths.push(path.len());
                    if !is_own {
                        path.push('.');
                    }
                    path.push_str(name.trimmed());
                }
                Item::End => path.truncate(lengths.pop().unwrap_or_default()),
            }
        }
        Ok(())
    }

    /// Returns the properties of the object itself.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, Value<'t>)> {
        let mut depth = 0_usize;
        self.0.iter().filter_map(move |item| {
            let is_own = depth == 0;
            let (Name(name), value) = match item {
                Item::Value(name, value) => (name, *value),
                Item::Object(name) => {
                    depth += 1;
                    (name, Value("{"))
                }
                Item::End => {
                    depth -= 1;
                    return None;
                }
            };
            is_own.then_some((&**name, value))
        })
    }
}

impl Name<'_> {
    /// Returns it without white space around.
    fn trimmed(&self) -> &str {
        let name = &*self.0;
        let ends = [name.as_bytes().first(), name.as_bytes().last()];
        let is_plain = |end: &Option<&u8>| end.is_some_and(u8::is_ascii_graphic);
        match ends.iter().all(is_plain) {
            true => name,
            false => name.trim(),
        }
    }
}

const UNREADABLE: Reason = "a text of the row cannot be read: expected UTF-8 and valid escapes";

impl<'t> Value<'t> {
    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Tells whether it is a list of nothing.
    pub(super) fn is_empty_list(self) -> bool {
        let inner = self
            .0
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.trim_ascii().is_empty())
    }

    /// Tells whether it is a list that begins with an object.
    pub(super) fn is_list_of_objects(self) -> bool {
        let inner = self.0.strip_prefix('[');
        inner.is_some_and(|inner| inner.trim_ascii_start().starts_with('{'))
    }

    /// Tells whether it is a list that begins with a list.
    pub(super) fn is_list_of_lists(self) -> bool {
        let inner = self.0.strip_prefix('[');
        inner.is_some_and(|inner| inner.trim_ascii_start().starts_with('['))
    }

    /// Returns the first object of a list of them.
    pub(super) fn first_object(self) -> Option<Properties<'t>> {
        let inner = self.0.strip_prefix('[')?;
        let (first, _) = Properties::read(inner.as_bytes())?.ok()?;
        Some(first)
    }

    /// Returns the text of a cell: that of a text, nothing for null, `[a, b]` for a list, and else as it is written, so that
    /// no digit of a number is lost.
    pub(super) fn text(self) -> Result<Cow<'t, str>, Reason> {
        match self.0.as_bytes() {
            [b'"', ..] => unescaped(self.0),
            [b'[', ..] if self.is_empty_list() => Ok(Cow::Borrowed("")),
            [b'[', ..] => list(self.0).map(Cow::Owned),
            b"null" => Ok(Cow::Borrowed("")),
            _ => Ok(Cow::Borrowed(self.0)),
        }
    }
}

fn unescaped(text: &str) -> Result<Cow<'_, str>, Reason> {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => {
            let text: Result<String, _> = serde_json::from_str(text);
            text.map(Cow::Owned).map_err(|_| UNREADABLE)
        }
    }
}

fn list(text: &str) -> Result<String, Reason> {
    let values: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| UNREADABLE)?;
    let texts = values
        .into_iter()
        .map(|value| match value.get().as_bytes() {
            [b'"', ..] => unescaped(value.get()),
            // What is nested deeper is shown as it stands.
            _ => Ok(Cow::Borrowed(value.get())),
        });
    let texts: Vec<Cow<str>> = texts.collect::<Result<_, _>>()?;
    Ok(format!("[{}]", texts.join(", ")))
}

/// Reads the properties of an object, and of those within it, each byte once.
struct Object<'t, 'i> {
    text: &'t [u8],
    items: &'i mut Vec<Item<'t>>,
    depth: usize,
}

impl<'t, 'i> Object<'t, 'i> {
    fn new(text: &'t [u8], items: &'i mut Vec<Item<'t>>, depth: usize) -> Object<'t, 'i> {
        Object { text, items, depth }
    }

    /// Tells whether the value of a name that stands in the text is an object; not of one that is written with escapes.
    fn is_object(&self, name: &Name) -> bool {
        let Cow::Borrowed(name) = name.0 else {
            return false;
        };
        let begin = (name.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let behind = begin.and_then(|begin| self.text.get(begin + name.len()..));
        let colon = behind.and_then(|behind| behind.strip_prefix(b"\""));
        let colon = colon.map(<[u8]>::trim_ascii_start);
        let value = colon.and_then(|colon| colon.strip_prefix(b":"));
        value.is_some_and(|value| value.trim_ascii_start().starts_with(b"{"))
    }

    /// The object within it that comes next, unless it is nested too deep to be read.
    fn inner<'n>(&'n mut self, text: &'t [u8]) -> Object<'t, 'n> {
        Object::new(text, self.items, self.depth + 1)
    }
}

impl<'t> DeserializeSeed<'t> for Object<'t, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'t>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for Object<'t, '_> {
    type Value = ();

    fn expecting(&self, message: &mut fmt::Formatter) -> fmt::Result {
        message.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut map: A) -> Result<(), A::Error> {
        let is_deepest = self.depth == MAX_DEPTH;
        while let Some(name) = map.next_key::<Name>()? {
            if !is_deepest && self.is_object(&name) {
                self.items.push(Item::Object(name));
                let text = self.text;
                map.next_value_seed(self.inner(text))?;
                self.items.push(Item::End);
                continue;
            }
            let value: &RawValue = map.next_value()?;
            let value = value.get();
            if is_deepest || !Value(value).is_object() {
                self.items.push(Item::Value(name, Value(value)));
                continue;
            }
            self.items.push(Item::Object(name));
            let text = value.as_bytes();
            let inner = self
                .inner(text)
                .deserialize(&mut Deserializer::from_slice(text));
            inner.map_err(A::Error::custom)?;
            self.items.push(Item::End);
        }
        Ok(())
    }
}

impl<'t> Deserialize<'t> for Name<'t> {
    fn deserialize<D: serde::Deserializer<'t>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'t> Visitor<'t> for Text {
            type Value = Name<'t>;

            fn expecting(&self, message: &mut fmt::Formatter) -> fmt::Result {
                message.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Name<'t>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'t>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(object: &str) -> Result<Vec<(String, String)>, Reason> {
        let (properties, length) = Properties::read(object.as_bytes()).unwrap().unwrap();
        assert_eq!(length, object.len());
        let mut found = Vec::new();
        properties.each(&mut |name, value| {
            found.push((name.to_owned(), value.text()?.into_owned()));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn values_are_texts_as_they_are_written() {
        let object = r#"{"a": "x\"y\u00e9", "b": 12345678901234567890.10, "c": null, "d": true,
            "e": ["p", 2, null, [3]], "f": {"g": {"h": "i"}, "": 1}, "a": ""}"#;
        let expected = [
            ("a", "x\"yé"),
            ("b", "12345678901234567890.10"),
            ("c", ""),
            ("d", "true"),
            ("e", "[p, 2, null, [3]]"),
            ("f.g.h", "i"),
            ("f.", "1"),
            ("a", ""),
        ];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(each(object).unwrap(), expected);
    }

    #[test]
    fn what_is_nested_too_deep_or_has_half_a_character_is_refused() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert_eq!(each(&nested(MAX_DEPTH + 1)).unwrap().len(), 1);
        assert_eq!(each(&nested(MAX_DEPTH + 2)), Err(TOO_DEEP));
        assert_eq!(each(r#"{"a": "\ud800"}"#), Err(UNREADABLE));
        assert_eq!(each(r#"{"a": ["\ud800"]}"#), Err(UNREADABLE));
    }
}
