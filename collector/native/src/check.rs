//! Telling that a request is valid, and how many records it has.
//!
//! Sure of valid requests only: whatever protobuf's parser would refuse is [`Unusual`] here, and so
//! are lists and maps as values, which the engine's views cannot read either.

use crate::wire::{Fields, Value};
use crate::{Signal, Unusual};

/// Resources in a request, and scopes in a resource; as `MAX_GROUPS` in receivers/check.py.
const MAX_GROUPS: u32 = 65_536;

/// What a field must hold.
#[derive(Clone, Copy)]
enum Kind {
    /// No field of this number: skipped, whatever it holds.
    Unknown,
    Varint,
    Fixed64,
    Fixed32,
    Bytes,
    Text,
    Message(&'static [Kind]),
    /// A message of `KEY_VALUE`.
    Attribute,
    /// Numbers of 8 bytes, alone or packed.
    Fixed64s,
    /// Numbers of variable length, alone or packed.
    Varints,
    /// A list or a map.
    Nested,
}

use Kind::*;

// Indexed by field number; those of opentelemetry-proto.
const ANY_VALUE: &[Kind] = &[Unknown, Text, Varint, Varint, Fixed64, Nested, Nested, Bytes, Varint];
const KEY_VALUE: &[Kind] = &[Unknown, Text, Message(ANY_VALUE), Varint];
const ENTITY: &[Kind] = &[Unknown, Text, Text, Text, Text];
const RESOURCE: &[Kind] = &[Unknown, Attribute, Varint, Message(ENTITY)];
const SCOPE: &[Kind] = &[Unknown, Text, Text, Attribute, Varint];
const LOG_RECORD: &[Kind] = &[
    Unknown,
    Fixed64,
    Varint,
    Text,
    Unknown,
    Message(ANY_VALUE),
    Attribute,
    Varint,
    Fixed32,
    Bytes,
    Bytes,
    Fixed64,
    Text,
];
const EVENT: &[Kind] = &[Unknown, Fixed64, Text, Attribute, Varint];
const LINK: &[Kind] = &[Unknown, Bytes, Bytes, Text, Attribute, Varint, Fixed32];
const STATUS: &[Kind] = &[Unknown, Unknown, Text, Varint];
const SPAN: &[Kind] = &[
    Unknown,
    Bytes,
    Bytes,
    Text,
    Bytes,
    Text,
    Varint,
    Fixed64,
    Fixed64,
    Attribute,
    Varint,
    Message(EVENT),
    Varint,
    Message(LINK),
    Varint,
    Message(STATUS),
    Fixed32,
];
const EXEMPLAR: &[Kind] = &[Unknown, Unknown, Fixed64, Fixed64, Bytes, Bytes, Fixed64, Attribute];
const NUMBER_POINT: &[Kind] =
    &[Unknown, Unknown, Fixed64, Fixed64, Fixed64, Message(EXEMPLAR), Fixed64, Attribute, Varint];
const HISTOGRAM_POINT: &[Kind] = &[
    Unknown,
    Unknown,
    Fixed64,
    Fixed64,
    Fixed64,
    Fixed64,
    Fixed64s,
    Fixed64s,
    Message(EXEMPLAR),
    Attribute,
    Varint,
    Fixed64,
    Fixed64,
];
const BUCKETS: &[Kind] = &[Unknown, Varint, Varints];
const EXPONENTIAL_POINT: &[Kind] = &[
    Unknown,
    Attribute,
    Fixed64,
    Fixed64,
    Fixed64,
    Fixed64,
    Varint,
    Fixed64,
    Message(BUCKETS),
    Message(BUCKETS),
    Varint,
    Message(EXEMPLAR),
    Fixed64,
    Fixed64,
    Fixed64,
];
const QUANTILE: &[Kind] = &[Unknown, Fixed64, Fixed64];
const SUMMARY_POINT: &[Kind] =
    &[Unknown, Unknown, Fixed64, Fixed64, Fixed64, Fixed64, Message(QUANTILE), Attribute, Varint];
const GAUGE: &[Kind] = &[Unknown, Message(NUMBER_POINT)];
const SUM: &[Kind] = &[Unknown, Message(NUMBER_POINT), Varint, Varint];
const HISTOGRAM: &[Kind] = &[Unknown, Message(HISTOGRAM_POINT), Varint];
const EXPONENTIAL: &[Kind] = &[Unknown, Message(EXPONENTIAL_POINT), Varint];
const SUMMARY: &[Kind] = &[Unknown, Message(SUMMARY_POINT)];
const METRIC: &[Kind] = &[
    Unknown,
    Text,
    Text,
    Text,
    Unknown,
    Message(GAUGE),
    Unknown,
    Message(SUM),
    Unknown,
    Message(HISTOGRAM),
    Message(EXPONENTIAL),
    Message(SUMMARY),
    Attribute,
];

/// Check a request whose heads (resources and scopes, all together) and records have at most
/// `max_bytes` each. Returns the number of its log records, spans or metrics.
pub fn check(signal: Signal, request: &[u8], max_bytes: usize) -> Result<u64, Unusual> {
    let record = match signal {
        Signal::Logs => LOG_RECORD,
        Signal::Traces => SPAN,
        Signal::Metrics => METRIC,
    };
    let mut checked = Checked { record, max_bytes, records: 0, head_bytes: 0 };
    let mut groups = 0;
    let mut fields = Fields::of(request);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            groups += 1;
            checked.resource(message(value)?)?;
        }
    }
    if groups > MAX_GROUPS || checked.head_bytes > max_bytes {
        return Err(Unusual);
    }
    Ok(checked.records)
}

struct Checked {
    record: &'static [Kind],
    max_bytes: usize,
    records: u64,
    head_bytes: usize,
}

impl Checked {
    /// ResourceLogs, ResourceSpans or ResourceMetrics.
    fn resource(&mut self, resource: &[u8]) -> Result<(), Unusual> {
        let mut groups = 0;
        let mut fields = Fields::of(resource);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => self.head(value, RESOURCE)?,
                2 => {
                    groups += 1;
                    self.scope(message(value)?)?;
                }
                3 => self.text(value)?,
                _ => {}
            }
        }
        if groups > MAX_GROUPS {
            Err(Unusual)
        } else {
            Ok(())
        }
    }

    /// ScopeLogs, ScopeSpans or ScopeMetrics.
    fn scope(&mut self, scope: &[u8]) -> Result<(), Unusual> {
        let mut fields = Fields::of(scope);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => self.head(value, SCOPE)?,
                2 => {
                    let record = message(value)?;
                    if record.len() > self.max_bytes {
                        return Err(Unusual);
                    }
                    self.records += 1;
                    check_message(record, self.record)?;
                }
                3 => self.text(value)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn head(&mut self, value: Value, kinds: &'static [Kind]) -> Result<(), Unusual> {
        let head = message(value)?;
        self.head_bytes += head.len();
        check_message(head, kinds)
    }

    fn text(&mut self, value: Value) -> Result<(), Unusual> {
        let text = message(value)?;
        self.head_bytes += text.len();
        check_text(text)
    }
}

fn message(value: Value<'_>) -> Result<&[u8], Unusual> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(Unusual),
    }
}

fn check_message(message: &[u8], kinds: &'static [Kind]) -> Result<(), Unusual> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        let kind = kinds.get(number as usize).copied().unwrap_or(Unknown);
        match (kind, value) {
            (Message(inner), Value::Bytes(bytes)) => check_message(bytes, inner)?,
            (Attribute, Value::Bytes(bytes)) => {
                if !is_usual_attribute(bytes) {
                    check_message(bytes, KEY_VALUE)?;
                }
            }
            (Text, Value::Bytes(bytes)) => check_text(bytes)?,
            (Fixed64s, Value::Bytes(bytes)) if bytes.len() % 8 == 0 => {}
            (Varints, Value::Bytes(bytes)) => {
                let mut numbers = Fields::of(bytes);
                while !numbers.is_empty() {
                    numbers.varint()?;
                }
            }
            (Unknown, _)
            | (Varint | Varints, Value::Varint(_))
            | (Fixed64 | Fixed64s, Value::Fixed64(_))
            | (Fixed32, Value::Fixed32(_))
            | (Bytes, Value::Bytes(_)) => {}
            // A list, a map, or a field of another type than ours.
            _ => return Err(Unusual),
        }
    }
    Ok(())
}

/// Whether this is a key and one value, both short, ASCII and encoded as everyone encodes them: of
/// a request of logs, half the bytes. Read at once instead of field by field.
#[inline]
fn is_usual_attribute(attribute: &[u8]) -> bool {
    let [0x0a, key_bytes @ 0..=0x7f, rest @ ..] = attribute else { return false };
    let Some((key, value)) = rest.split_at_checked(usize::from(*key_bytes)) else { return false };
    match value {
        // With lengths below 0x80 the tags and lengths are ASCII, too.
        [0x12, size @ 2..=0x7f, 0x0a, length, text @ ..] => {
            usize::from(*length) == text.len() && *size == *length + 2 && is_ascii(attribute)
        }
        [0x12, 9, 0x21, _, _, _, _, _, _, _, _]
        | [0x12, 2, 0x10, 0..=0x7f]
        | [0x12, 2, 0x18, 0..=0x7f]
        | [0x12, 3, 0x18, 0x80..=0xff, 0..=0x7f] => is_ascii(key),
        _ => false,
    }
}

/// Most texts are ASCII, which is told faster than UTF-8.
#[inline]
fn check_text(text: &[u8]) -> Result<(), Unusual> {
    if is_ascii(text) || std::str::from_utf8(text).is_ok() {
        return Ok(());
    }
    Err(Unusual)
}

/// Eight bytes at a time, the last eight once more if need be: most texts are short.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().fold(0, |all, byte| all | byte) < 0x80;
    };
    let mut all = u64::from_le_bytes(*last);
    for word in text.as_chunks::<8>().0 {
        all |= u64::from_le_bytes(*word);
    }
    all & HIGH_BITS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixed(tag: u8, bytes: &[u8]) -> Vec<u8> {
        [&[tag, bytes.len() as u8][..], bytes].concat()
    }

    /// A request of logs with these records.
    fn request(records: &[&[u8]]) -> Vec<u8> {
        let records = records.iter().flat_map(|record| prefixed(0x12, record)).collect::<Vec<_>>();
        prefixed(0x0a, &prefixed(0x12, &records))
    }

    fn check_logs(body: &[u8]) -> Result<u64, Unusual> {
        check(Signal::Logs, body, 1 << 20)
    }

    #[test]
    fn records_are_counted() {
        let record = prefixed(0x1a, b"INFO");
        assert_eq!(check_logs(&request(&[&record, &[], &record])), Ok(3));
        assert_eq!(check_logs(b""), Ok(0));
    }

    #[test]
    fn text_that_is_no_utf8_is_unusual() {
        let record = prefixed(0x1a, b"0123456789\xff");
        assert_eq!(check_logs(&request(&[&record])), Err(Unusual));
    }

    #[test]
    fn bytes_over_ascii_are_seen_at_every_place() {
        for length in 0..40 {
            let mut text = vec![b'a'; length];
            assert!(is_ascii(&text));
            for place in 0..length {
                text[place] = 0x80;
                assert!(!is_ascii(&text), "{place} of {length}");
                text[place] = b'a';
            }
        }
    }

    #[test]
    fn an_attribute_that_is_read_at_once_is_one_that_is_valid() {
        let values: [&[u8]; 8] = [
            b"\x0a\x04text",
            b"\x0a\x00",
            b"\x0a\x04\xc3\xa4\xc3\xa4",
            b"\x0a\x04te\xfft",
            b"\x18\x05",
            b"\x18\xac\x02",
            b"\x21\xff\x02\x03\x04\x05\x06\x07\x08",
            b"\x10\x01",
        ];
        for value in values {
            let whole = [prefixed(0x0a, b"key"), prefixed(0x12, value)].concat();
            assert_eq!(is_usual_attribute(&whole), value.is_ascii() || value[0] != 0x0a);
            for place in 0..whole.len() {
                for byte in 0..=255 {
                    let mut changed = whole.clone();
                    changed[place] = byte;
                    let is_valid = check_message(&changed, KEY_VALUE).is_ok();
                    assert!(is_valid || !is_usual_attribute(&changed), "{changed:x?}");
                }
                assert!(!is_usual_attribute(&whole[..place]), "{place}");
            }
        }
    }

    #[test]
    fn a_list_is_unusual() {
        let value = prefixed(0x2a, b"");
        assert_eq!(check_logs(&request(&[&prefixed(0x2a, &value)])), Err(Unusual));
    }

    #[test]
    fn unknown_fields_are_skipped() {
        assert_eq!(check_logs(&request(&[&[0xa0, 0x06, 0x01]])), Ok(1));
    }

    #[test]
    fn what_is_larger_than_allowed_is_unusual() {
        let record = prefixed(0x1a, b"INFO");
        assert_eq!(check(Signal::Logs, &request(&[&record]), 6), Ok(1));
        assert_eq!(check(Signal::Logs, &request(&[&record]), 5), Err(Unusual));
    }
}
