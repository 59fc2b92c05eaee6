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
    Message(&'static Shape),
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

/// What to do with a field, by its tag.
#[derive(Clone, Copy)]
enum Step {
    Varint,
    Fixed64,
    Fixed32,
    /// Bytes that may be anything.
    Bytes,
    Text,
    Message(&'static Shape),
    Attribute,
    PackedFixed64s,
    PackedVarints,
    /// A list, a map, a group, or a field of another type than ours.
    Odd,
}

/// The steps of a message for tags of one byte: field numbers up to 15, each with 8 wire types.
struct Shape {
    kinds: &'static [Kind],
    steps: [Step; 128],
}

impl Shape {
    /// Kinds are indexed by field number.
    const fn new(kinds: &'static [Kind]) -> Shape {
        let mut steps = [Step::Odd; 128];
        let mut tag = 8; // there is no field 0
        while tag < 128 {
            steps[tag] = step(kinds, tag as u32);
            tag += 1;
        }
        Shape { kinds, steps }
    }
}

const fn step(kinds: &'static [Kind], tag: u32) -> Step {
    let number = (tag >> 3) as usize;
    let kind = if number < kinds.len() { kinds[number] } else { Unknown };
    match (tag & 7, kind) {
        (0, Unknown | Varint | Varints) => Step::Varint,
        (1, Unknown | Fixed64 | Fixed64s) => Step::Fixed64,
        (5, Unknown | Fixed32) => Step::Fixed32,
        (2, Unknown | Bytes) => Step::Bytes,
        (2, Text) => Step::Text,
        (2, Message(inner)) => Step::Message(inner),
        (2, Attribute) => Step::Attribute,
        (2, Fixed64s) => Step::PackedFixed64s,
        (2, Varints) => Step::PackedVarints,
        _ => Step::Odd,
    }
}

// Indexed by field number; those of opentelemetry-proto.
static ANY_VALUE: Shape =
    Shape::new(&[Unknown, Text, Varint, Varint, Fixed64, Nested, Nested, Bytes, Varint]);
static KEY_VALUE: Shape = Shape::new(&[Unknown, Text, Message(&ANY_VALUE), Varint]);
static ENTITY: Shape = Shape::new(&[Unknown, Text, Text, Text, Text]);
static RESOURCE: Shape = Shape::new(&[Unknown, Attribute, Varint, Message(&ENTITY)]);
static SCOPE: Shape = Shape::new(&[Unknown, Text, Text, Attribute, Varint]);
static LOG_RECORD: Shape = Shape::new(&[
    Unknown,
    Fixed64,
    Varint,
    Text,
    Unknown,
    Message(&ANY_VALUE),
    Attribute,
    Varint,
    Fixed32,
    Bytes,
    Bytes,
    Fixed64,
    Text,
]);
static EVENT: Shape = Shape::new(&[Unknown, Fixed64, Text, Attribute, Varint]);
static LINK: Shape = Shape::new(&[Unknown, Bytes, Bytes, Text, Attribute, Varint, Fixed32]);
static STATUS: Shape = Shape::new(&[Unknown, Unknown, Text, Varint]);
static SPAN: Shape = Shape::new(&[
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
    Message(&EVENT),
    Varint,
    Message(&LINK),
    Varint,
    Message(&STATUS),
    Fixed32,
]);
static EXEMPLAR: Shape =
    Shape::new(&[Unknown, Unknown, Fixed64, Fixed64, Bytes, Bytes, Fixed64, Attribute]);
static NUMBER_POINT: Shape = Shape::new(&[
    Unknown,
    Unknown,
    Fixed64,
    Fixed64,
    Fixed64,
    Message(&EXEMPLAR),
    Fixed64,
    Attribute,
    Varint,
]);
static HISTOGRAM_POINT: Shape = Shape::new(&[
    Unknown,
    Unknown,
    Fixed64,
    Fixed64,
    Fixed64,
    Fixed64,
    Fixed64s,
    Fixed64s,
    Message(&EXEMPLAR),
    Attribute,
    Varint,
    Fixed64,
    Fixed64,
]);
static BUCKETS: Shape = Shape::new(&[Unknown, Varint, Varints]);
static EXPONENTIAL_POINT: Shape = Shape::new(&[
    Unknown,
    Attribute,
    Fixed64,
    Fixed64,
    Fixed64,
    Fixed64,
    Varint,
    Fixed64,
    Message(&BUCKETS),
    Message(&BUCKETS),
    Varint,
    Message(&EXEMPLAR),
    Fixed64,
    Fixed64,
    Fixed64,
]);
static QUANTILE: Shape = Shape::new(&[Unknown, Fixed64, Fixed64]);
static SUMMARY_POINT: Shape = Shape::new(&[
    Unknown,
    Unknown,
    Fixed64,
    Fixed64,
    Fixed64,
    Fixed64,
    Message(&QUANTILE),
    Attribute,
    Varint,
]);
static GAUGE: Shape = Shape::new(&[Unknown, Message(&NUMBER_POINT)]);
static SUM: Shape = Shape::new(&[Unknown, Message(&NUMBER_POINT), Varint, Varint]);
static HISTOGRAM: Shape = Shape::new(&[Unknown, Message(&HISTOGRAM_POINT), Varint]);
static EXPONENTIAL: Shape = Shape::new(&[Unknown, Message(&EXPONENTIAL_POINT), Varint]);
static SUMMARY: Shape = Shape::new(&[Unknown, Message(&SUMMARY_POINT)]);
static METRIC: Shape = Shape::new(&[
    Unknown,
    Text,
    Text,
    Text,
    Unknown,
    Message(&GAUGE),
    Unknown,
    Message(&SUM),
    Unknown,
    Message(&HISTOGRAM),
    Message(&EXPONENTIAL),
    Message(&SUMMARY),
    Attribute,
]);

/// Check a request whose heads (resources and scopes, all together) and records have at most
/// `max_bytes` each. Returns the number of its log records, spans or metrics.
pub fn check(signal: Signal, request: &[u8], max_bytes: usize) -> Result<u64, Unusual> {
    let record = match signal {
        Signal::Logs => &LOG_RECORD,
        Signal::Traces => &SPAN,
        Signal::Metrics => &METRIC,
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
    record: &'static Shape,
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
                1 => self.head(value, &RESOURCE)?,
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
                1 => self.head(value, &SCOPE)?,
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

    fn head(&mut self, value: Value, shape: &'static Shape) -> Result<(), Unusual> {
        let head = message(value)?;
        self.head_bytes += head.len();
        check_message(head, shape)
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

fn check_message(message: &[u8], shape: &'static Shape) -> Result<(), Unusual> {
    let mut fields = Fields::of(message);
    while !fields.is_empty() {
        let tag = u32::try_from(fields.varint()?).map_err(|_| Unusual)?;
        let step = match shape.steps.get(tag as usize) {
            Some(step) => *step,
            None => step(shape.kinds, tag),
        };
        match step {
            Step::Varint => {
                fields.varint()?;
            }
            Step::Fixed64 => fields.skip(8)?,
            Step::Fixed32 => fields.skip(4)?,
            Step::Bytes => {
                fields.prefixed()?;
            }
            Step::Text => check_text(fields.prefixed()?)?,
            Step::Message(inner) => check_message(fields.prefixed()?, inner)?,
            Step::Attribute => {
                let attribute = fields.prefixed()?;
                if !is_usual_attribute(attribute) {
                    check_message(attribute, &KEY_VALUE)?;
                }
            }
            Step::PackedFixed64s => {
                if fields.prefixed()?.len() % 8 != 0 {
                    return Err(Unusual);
                }
            }
            Step::PackedVarints => {
                let mut numbers = Fields::of(fields.prefixed()?);
                while !numbers.is_empty() {
                    numbers.varint()?;
                }
            }
            Step::Odd => return Err(Unusual),
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

/// Most texts are ASCII and short, so they are looked at in words first.
#[inline]
fn check_text(text: &[u8]) -> Result<(), Unusual> {
    if is_ascii(text) || std::str::from_utf8(text).is_ok() {
        return Ok(());
    }
    Err(Unusual)
}

/// What is left over by whole words is in the last one, which overlaps the one before.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    if let Some(last) = text.last_chunk::<8>() {
        let (words, _) = text.as_chunks::<8>();
        let all = words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
        return (all | u64::from_le_bytes(*last)) & HIGH == 0;
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return (u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & HIGH as u32 == 0;
    }
    text.iter().all(u8::is_ascii)
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
    fn a_byte_that_is_no_ascii_is_found_wherever_it_is() {
        for length in 0..40 {
            let text = vec![b'x'; length];
            assert!(is_ascii(&text));
            for place in 0..length {
                let mut other = text.clone();
                other[place] = 0x80;
                assert!(!is_ascii(&other), "{place} of {length}");
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
                    let is_valid = check_message(&changed, &KEY_VALUE).is_ok();
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
