//! The text of an attribute value, exactly as the macro `_text` in store/schema.py makes it.

use std::io::Write;

use crate::buffer::Append;
use crate::columns::Texts;
use crate::float_text::float_text;
use crate::wire::{Fields, Value};
use crate::Unusual;

/// Tags of AnyValue's `string_value` and `bytes_value`.
const STRING: u8 = 0x0a;
const BYTES: u8 = 0x3a;
/// The engine's expression looks for the end of a length in so many bytes.
const MAX_LENGTH_BYTES: usize = 5;

/// Append the text of an encoded AnyValue; that of an unset one is empty.
///
/// A list, a map, and a value with more than one field are [`Unusual`].
#[inline]
pub fn append_text<B: Append>(value: &[u8], texts: &mut Texts<B>) -> Result<(), Unusual> {
    match *value {
        // Tag, length, text: the last two are what a column of texts holds.
        [STRING, length, ref text @ ..] if length < 0x80 && usize::from(length) == text.len() => {
            texts.push_encoded(&value[1..]);
            Ok(())
        }
        [] => {
            texts.push(b"");
            Ok(())
        }
        [STRING | BYTES, ..] => append_bytes(value, texts),
        _ => append_number(value, texts),
    }
}

/// The text of an encoded AnyValue that is a text, or unset.
pub fn plain_text(value: &[u8]) -> Result<&[u8], Unusual> {
    match *value {
        [] => Ok(b""),
        [STRING, ref rest @ ..] => after_length(rest),
        _ => Err(Unusual),
    }
}

#[cold]
fn append_bytes<B: Append>(value: &[u8], texts: &mut Texts<B>) -> Result<(), Unusual> {
    let payload = after_length(&value[1..])?;
    if value[0] == STRING {
        texts.push(payload);
    } else {
        texts.push(&base64(payload));
    }
    Ok(())
}

fn append_number<B: Append>(value: &[u8], texts: &mut Texts<B>) -> Result<(), Unusual> {
    let mut fields = Fields::of(value);
    let field = fields.next_field()?;
    if !fields.is_empty() {
        return Err(Unusual);
    }
    match field {
        Some((2, Value::Varint(0))) if value.len() == 2 => texts.push(b"false"),
        Some((2, Value::Varint(_))) if value.len() == 2 => texts.push(b"true"),
        Some((3, Value::Varint(number))) => push_integer(number as i64, texts),
        Some((4, Value::Fixed64(bits))) => {
            float_text(f64::from_bits(bits), |text| texts.push(text))
        }
        _ => return Err(Unusual),
    }
    Ok(())
}

fn push_integer<B: Append>(number: i64, texts: &mut Texts<B>) {
    let mut text = [0; 20];
    let mut rest = &mut text[..];
    // Cannot fail: no i64 has more than 20 characters.
    let _ = write!(rest, "{number}");
    let length = 20 - rest.len();
    texts.push(&text[..length]);
}

/// The bytes after their length, if they are all that is left.
fn after_length(bytes: &[u8]) -> Result<&[u8], Unusual> {
    let mut fields = Fields::of(bytes);
    let payload = fields.prefixed()?;
    let is_all = fields.is_empty() && bytes.len() - payload.len() <= MAX_LENGTH_BYTES;
    if is_all {
        Ok(payload)
    } else {
        Err(Unusual)
    }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut word = 0u32;
        for index in 0..3 {
            word = word << 8 | u32::from(*group.get(index).unwrap_or(&0));
        }
        for index in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= group.len() { digit } else { b'=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(value: &[u8]) -> Result<Vec<u8>, Unusual> {
        let mut texts = Texts::<Vec<u8>>::default();
        append_text(value, &mut texts)?;
        Ok(Fields::of(texts.bytes()).prefixed()?.to_vec())
    }

    fn number(number: i64) -> Vec<u8> {
        let mut value = vec![0x18];
        let mut rest = number as u64;
        while rest >= 0x80 {
            value.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        value.push(rest as u8);
        value
    }

    #[test]
    fn every_kind_has_its_text() {
        for (value, text) in [
            (&b""[..], &b""[..]),
            (b"\x0a\x00", b""),
            (b"\x0a\x02hi", b"hi"),
            (b"\x0a\x82\x80\x00hi", b"hi"),
            (b"\x10\x00", b"false"),
            (b"\x10\x01", b"true"),
            (b"\x18\x05", b"5"),
            (b"\x21\0\0\0\0\0\0\xf8\x3f", b"1.5"),
            (b"\x3a\x02\x00\xff", b"AP8="),
        ] {
            assert_eq!(text_of(value).as_deref(), Ok(text), "{value:x?}");
        }
    }

    #[test]
    fn integers_keep_all_their_digits() {
        for each in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(text_of(&number(each)), Ok(each.to_string().into_bytes()));
        }
    }

    #[test]
    fn texts_of_every_length_are_whole() {
        for length in [126, 127, 128, 129, 16_383, 16_384, 100_000] {
            let text = vec![b'x'; length];
            let mut encoded = Texts::<Vec<u8>>::default();
            encoded.push(&text);
            let value = [&[STRING], encoded.bytes()].concat();
            assert_eq!(text_of(&value).as_ref(), Ok(&text));
            assert_eq!(plain_text(&value), Ok(&text[..]));
        }
    }

    #[test]
    fn what_the_engine_would_read_otherwise_is_unusual() {
        for value in [
            &b"\x0a\x02hi\x0a\x02ho"[..],      // the second one counts for protobuf
            b"\x0a\x03hi",                     // cut off
            b"\x0a\x82\x80\x80\x80\x80\x00hi", // a length of six bytes
            b"\x10\x81\x00",
            b"\x18\x05\x18\x06",
            b"\x2a\x00", // a list
            b"\x32\x00", // a map
            b"\x40\x01", // of the profiles signal
        ] {
            assert_eq!(text_of(value), Err(Unusual), "{value:x?}");
        }
    }

    #[test]
    fn bytes_are_padded_base64() {
        let texts: [(&[u8], &[u8]); 5] = [
            (b"", b""),
            (b"f", b"Zg=="),
            (b"fo", b"Zm8="),
            (b"foo", b"Zm9v"),
            (b"foob", b"Zm9vYg=="),
        ];
        for (bytes, text) in texts {
            assert_eq!(base64(bytes), text);
        }
    }
}
