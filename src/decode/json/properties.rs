//! Properties: what stands in an object, each value as the text of a cell. Names of nested objects are joined with dots.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer as _, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// Objects within objects that a row may have. Names of columns have three parts at most.
const MAX_DEPTH: usize = 8;

/// What a row is refused for that nests deeper.
const TOO_DEEP: &str = "objects are nested deeper than 8 levels";

/// Why a row is left out that cannot be read to its end.
pub(super) type Reason = &'static str;

/// The properties of an object, in its order, those that stand twice too.
pub(super) struct Properties<'t>(Vec<(Name<'t>, Value<'t>)>);

/// A property's name.
struct Name<'t>(Cow<'t, str>);

/// A property's value, as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'t>(&'t str);

impl<'t> Properties<'t> {
    /// Hands out every property of an object and of those within it, by its whole name.
    pub(super) fn each(
        self,
        take: &mut impl FnMut(&str, Value<'t>) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        for (Name(name), value) in self.0 {
            match value.is_object() {
                false => take(name.trim(), value)?,
                true => within(&mut name.trim().to_owned(), value, 1, take)?,
            }
        }
        Ok(())
    }

    /// Returns the properties of the object itself.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, Value<'t>)> {
        self.0.iter().map(|(Name(name), value)| (&**name, *value))
    }
}

/// Hands out the properties of an object within a row, as they are read.
fn within<'t>(
    path: &mut String,
    object: Value<'t>,
    depth: usize,
    take: &mut impl FnMut(&str, Value<'t>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP);
    }
    let mut result = Ok(());
    let length = path.len();
    let each = |Name(name): Name, value: Value<'t>| {
        path.push('.');
        path.push_str(name.trim());
        if result.is_ok() {
            result = match value.is_object() {
                false => take(path, value),
                true => within(path, value, depth + 1, take),
            };
        }
        path.truncate(length);
    };
    let mut object = Deserializer::from_str(object.0);
    object
        .deserialize_map(Object(each))
        .map_err(|_| UNREADABLE)?;
    result
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

    /// Returns the first object of a list of them.
    pub(super) fn first_object(self) -> Option<Properties<'t>> {
        let inner = self.0.strip_prefix('[')?;
        Deserializer::from_str(inner).into_iter().next()?.ok()
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

impl<'t> Deserialize<'t> for Properties<'t> {
    fn deserialize<D: serde::Deserializer<'t>>(from: D) -> Result<Self, D::Error> {
        let mut properties = Vec::with_capacity(16);
        from.deserialize_map(Object(|name, value| properties.push((name, value))))?;
        Ok(Properties(properties))
    }
}

/// What is done with each property of an object.
struct Object<F>(F);

impl<'t, F: FnMut(Name<'t>, Value<'t>)> Visitor<'t> for Object<F> {
    type Value = ();

    fn expecting(&self, message: &mut fmt::Formatter) -> fmt::Result {
        message.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            (self.0)(name, Value(value.get()));
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
        let properties: Properties = serde_json::from_str(object).unwrap();
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
