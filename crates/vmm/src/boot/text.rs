//! Strings of JSON that may be any bytes: arguments, variables and paths of Linux need not be UTF-8.
//!
//! JSON has no other way to write such a byte than the one of Python's `surrogateescape` (PEP 383): a lone surrogate, U+DC80 to
//! U+DCFF for the bytes 0x80 to 0xff.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::ffi::OsString;
use std::fmt;
use std::ops::Deref;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The bytes of a string.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<u8>);

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// Turns lone surrogates, as serde_json gives them (three bytes each, "WTF-8"), into the bytes that they stand for.
/// `None` if one stands for nothing.
fn unescape(raw: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, after)) = rest.split_first() {
        match rest {
            // U+DC80 + n is ED B2 80 + n for n below 0x40, ED B3 80 + (n - 0x40) from there.
            [0xed, 0xb2, low, ..] => bytes.push(*low),
            [0xed, 0xb3, low, ..] => bytes.push(low + 0x40),
            [0xed, 0xa0..=0xff, ..] => return None,
            _ => {
                bytes.push(first);
                rest = after;
                continue;
            }
        }
        rest = &rest[3..];
    }
    Some(bytes)
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, raw: &[u8]) -> Result<Text, E> {
        unescape(raw).map(Text).ok_or_else(|| E::custom("a lone surrogate that stands for no byte"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(text.into())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// A path of the host, for `deserialize_with`.
pub fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(OsString::from_vec(Text::deserialize(deserializer)?.0).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes() {
        let parse = |json: &str| serde_json::from_str::<Text>(json).map(|text| text.to_vec());
        assert_eq!(parse(r#""plain""#).unwrap(), b"plain");
        assert_eq!(parse(r#""\u00e9\ud83d\ude00""#).unwrap(), "é😀".as_bytes());
        assert_eq!(parse(r#""a\udc80\udcbf\udcc0\udcffb""#).unwrap(), b"a\x80\xbf\xc0\xffb");
        assert_eq!(parse("\"\u{d7ff}\u{e000}\"").unwrap(), "\u{d7ff}\u{e000}".as_bytes());
        for wrong in [r#""\ud800""#, r#""\udc7f""#, r#""\udd00""#, "7", "[1]"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
