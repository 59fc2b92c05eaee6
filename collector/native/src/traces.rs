//! Rows of the table flat_traces, as the view flat_traces_mv makes them.

use std::io::{self, Write};

use crate::any_value::append_text;
use crate::attributes::{key_value, push_attribute, Identity, IdentityColumns, IDENTITY_KEYS};
use crate::columns::{Arrays, LowCardinality, Maps, Numbers, Texts};
use crate::logs::{date_time, signed};
use crate::native_format::{write_block, Named};
use crate::records::{make_rows, Rows};
use crate::shares::{narrow, Shares, LOW, MAP};
use crate::wire::{Fields, Once, Value};
use crate::Unusual;

/// Names of a span's kinds and of its status codes.
const KINDS: [&[u8]; 6] =
    [b"Unspecified", b"Internal", b"Server", b"Client", b"Producer", b"Consumer"];
const STATUS_CODES: [&[u8]; 3] = [b"Unset", b"Ok", b"Error"];

/// Columns of spans.
#[derive(Debug)]
struct Spans<'a> {
    received: Numbers,
    timestamp: Numbers,
    trace_id: Texts,
    span_id: Texts,
    parent_span_id: Texts,
    trace_state: Texts,
    flags: Numbers,
    name: LowCardinality<'a>,
    kind: LowCardinality<'a>,
    duration: Numbers,
    status_code: LowCardinality<'a>,
    status_message: Texts,
    identity: IdentityColumns<'a>,
    attributes: Maps<'a>,
    dropped_attributes: Numbers,
    dropped_events: Numbers,
    dropped_links: Numbers,
    events: Events<'a>,
    links: Links<'a>,
}

/// Columns of the events of all spans.
#[derive(Debug)]
struct Events<'a> {
    count: u64,
    ends: Numbers,
    timestamp: Numbers,
    name: LowCardinality<'a>,
    attributes: Maps<'a>,
    dropped: Numbers,
}

/// Columns of the links of all spans.
#[derive(Debug)]
struct Links<'a> {
    count: u64,
    ends: Numbers,
    trace_id: Texts,
    span_id: Texts,
    trace_state: Texts,
    attributes: Maps<'a>,
    dropped: Numbers,
    flags: Numbers,
}

/// Rows of spans, ready to be written.
#[derive(Debug)]
pub struct SpanRows<'a> {
    shares: Shares<'a>,
    spans: Spans<'a>,
}

impl<'a> SpanRows<'a> {
    /// Make rows of a whole segment; see [`make_rows`].
    pub fn of(segment: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Self, Unusual> {
        let mut spans = Spans {
            received: Numbers::default(),
            timestamp: Numbers::default(),
            trace_id: Texts::default(),
            span_id: Texts::default(),
            parent_span_id: Texts::default(),
            trace_state: Texts::default(),
            flags: Numbers::default(),
            name: LowCardinality::default(),
            kind: LowCardinality::default(),
            duration: Numbers::default(),
            status_code: LowCardinality::default(),
            status_message: Texts::default(),
            identity: IdentityColumns::default(),
            attributes: Maps::with_keys(&IDENTITY_KEYS),
            dropped_attributes: Numbers::default(),
            dropped_events: Numbers::default(),
            dropped_links: Numbers::default(),
            events: Events {
                count: 0,
                ends: Numbers::default(),
                timestamp: Numbers::default(),
                name: LowCardinality::default(),
                attributes: Maps::with_keys(&[]),
                dropped: Numbers::default(),
            },
            links: Links {
                count: 0,
                ends: Numbers::default(),
                trace_id: Texts::default(),
                span_id: Texts::default(),
                trace_state: Texts::default(),
                attributes: Maps::with_keys(&[]),
                dropped: Numbers::default(),
                flags: Numbers::default(),
            },
        };
        let shares = make_rows(segment, scratch, &mut spans)?;
        Ok(SpanRows { shares, spans })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.shares.rows()
    }

    /// Write them as a block.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let spans = &self.spans;
        let (events, links) = (spans.events.arrays(), spans.links.arrays());
        self.shares.named(|shared| {
            let mut columns: Vec<Named> = shared.to_vec();
            columns.extend(spans.identity.named());
            columns.extend_from_slice(&[
                ("ReceivedTimestamp", "DateTime64(9)", &spans.received),
                ("Timestamp", "DateTime64(9)", &spans.timestamp),
                ("TraceId", "String", &spans.trace_id),
                ("SpanId", "String", &spans.span_id),
                ("ParentSpanId", "String", &spans.parent_span_id),
                ("TraceState", "String", &spans.trace_state),
                ("Flags", "UInt32", &spans.flags),
                ("SpanName", LOW, &spans.name),
                ("SpanKind", LOW, &spans.kind),
                ("Duration", "UInt64", &spans.duration),
                ("StatusCode", LOW, &spans.status_code),
                ("StatusMessage", "String", &spans.status_message),
                ("SpanAttributes", MAP, &spans.attributes),
                ("DroppedAttributesCount", "UInt32", &spans.dropped_attributes),
                ("DroppedEventsCount", "UInt32", &spans.dropped_events),
                ("DroppedLinksCount", "UInt32", &spans.dropped_links),
                ("Events.Timestamp", "Array(DateTime64(9))", &events[0]),
                ("Events.Name", "Array(LowCardinality(String))", &events[1]),
                ("Events.Attributes", "Array(Map(LowCardinality(String), String))", &events[2]),
                ("Events.DroppedAttributesCount", "Array(UInt32)", &events[3]),
                ("Links.TraceId", "Array(String)", &links[0]),
                ("Links.SpanId", "Array(String)", &links[1]),
                ("Links.TraceState", "Array(String)", &links[2]),
                ("Links.Attributes", "Array(Map(LowCardinality(String), String))", &links[3]),
                ("Links.DroppedAttributesCount", "Array(UInt32)", &links[4]),
                ("Links.Flags", "Array(UInt32)", &links[5]),
            ]);
            write_block(self.count(), &columns, out)
        })
    }
}

impl<'a> Rows<'a> for Spans<'a> {
    const BY_SERVICE: bool = true;

    fn place(record: &'a [u8]) -> (&'a [u8], u64) {
        let mut name = &[][..];
        let mut fields = Fields::of(record);
        while let Ok(Some((number, value))) = fields.next_field() {
            match (number, value) {
                (5, Value::Bytes(text)) => name = text,
                (7, Value::Fixed64(start)) => return (name, start),
                (8.., _) => break,
                _ => {}
            }
        }
        (name, 0)
    }

    fn push(
        &mut self,
        span: &'a [u8],
        received_time_unix_nano: u64,
        resource: &Identity<'a>,
    ) -> Result<(), Unusual> {
        let (mut start, mut end, mut kind, mut flags) = (0, 0, 0, 0);
        let (mut dropped_attributes, mut dropped_events, mut dropped_links) = (0, 0, 0);
        let (mut trace_id, mut span_id, mut parent_span_id) = (&[][..], &[][..], &[][..]);
        let (mut trace_state, mut name, mut status) = (&[][..], &[][..], &[][..]);
        let mut identity = Identity::default();
        let mut once = Once::default();
        let mut fields = Fields::of(span);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (9, Value::Bytes(attribute)) => {
                    push_attribute(attribute, &mut self.attributes, &mut identity)?;
                    continue;
                }
                (11, Value::Bytes(event)) => {
                    self.events.push(event)?;
                    continue;
                }
                (13, Value::Bytes(link)) => {
                    self.links.push(link)?;
                    continue;
                }
                (1, Value::Bytes(id)) => trace_id = id,
                (2, Value::Bytes(id)) => span_id = id,
                (3, Value::Bytes(text)) => trace_state = text,
                (4, Value::Bytes(id)) => parent_span_id = id,
                (5, Value::Bytes(text)) => name = text,
                (6, Value::Varint(number)) => kind = signed(number)?,
                (7, Value::Fixed64(nanoseconds)) => start = nanoseconds,
                (8, Value::Fixed64(nanoseconds)) => end = nanoseconds,
                (10, Value::Varint(count)) => dropped_attributes = narrow(count)?,
                (12, Value::Varint(count)) => dropped_events = narrow(count)?,
                (14, Value::Varint(count)) => dropped_links = narrow(count)?,
                (15, Value::Bytes(message)) => status = message,
                (16, Value::Fixed32(bits)) => flags = bits,
                (1..=16, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        self.attributes.end_row();
        self.events.ends.push_u64(self.events.count);
        self.links.ends.push_u64(self.links.count);
        let told = if start == 0 { received_time_unix_nano } else { start };
        self.received.push_u64(date_time(received_time_unix_nano));
        self.timestamp.push_u64(date_time(told));
        self.trace_id.push_hex(trace_id);
        self.span_id.push_hex(span_id);
        self.parent_span_id.push_hex(parent_span_id);
        self.trace_state.push(trace_state);
        self.flags.push_u32(flags);
        self.name.push(name);
        self.kind.push(one_of(&KINDS, kind)?);
        self.duration.push_u64(end.saturating_sub(start));
        let (message, code) = status_of(status)?;
        self.status_code.push(one_of(&STATUS_CODES, code)?);
        self.status_message.push(message);
        self.identity.push(&identity, resource)?;
        self.dropped_attributes.push_u32(dropped_attributes);
        self.dropped_events.push_u32(dropped_events);
        self.dropped_links.push_u32(dropped_links);
        Ok(())
    }
}

impl<'a> Events<'a> {
    fn push(&mut self, event: &'a [u8]) -> Result<(), Unusual> {
        let (mut time, mut name, mut dropped) = (0, &[][..], 0);
        let mut once = Once::default();
        let mut fields = Fields::of(event);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (3, Value::Bytes(attribute)) => {
                    push_pair(attribute, &mut self.attributes)?;
                    continue;
                }
                (1, Value::Fixed64(nanoseconds)) => time = nanoseconds,
                (2, Value::Bytes(text)) => name = text,
                (4, Value::Varint(count)) => dropped = narrow(count)?,
                (1..=4, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        self.count += 1;
        self.timestamp.push_u64(date_time(time));
        self.name.push(name);
        self.attributes.end_row();
        self.dropped.push_u32(dropped);
        Ok(())
    }

    fn arrays(&self) -> [Arrays<'_>; 4] {
        [
            Arrays(&self.ends, &self.timestamp),
            Arrays(&self.ends, &self.name),
            Arrays(&self.ends, &self.attributes),
            Arrays(&self.ends, &self.dropped),
        ]
    }
}

impl<'a> Links<'a> {
    fn push(&mut self, link: &'a [u8]) -> Result<(), Unusual> {
        let (mut trace_id, mut span_id, mut trace_state) = (&[][..], &[][..], &[][..]);
        let (mut dropped, mut flags) = (0, 0);
        let mut once = Once::default();
        let mut fields = Fields::of(link);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (4, Value::Bytes(attribute)) => {
                    push_pair(attribute, &mut self.attributes)?;
                    continue;
                }
                (1, Value::Bytes(id)) => trace_id = id,
                (2, Value::Bytes(id)) => span_id = id,
                (3, Value::Bytes(text)) => trace_state = text,
                (5, Value::Varint(count)) => dropped = narrow(count)?,
                (6, Value::Fixed32(bits)) => flags = bits,
                (1..=6, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        self.count += 1;
        self.trace_id.push_hex(trace_id);
        self.span_id.push_hex(span_id);
        self.trace_state.push(trace_state);
        self.attributes.end_row();
        self.dropped.push_u32(dropped);
        self.flags.push_u32(flags);
        Ok(())
    }

    fn arrays(&self) -> [Arrays<'_>; 6] {
        [
            Arrays(&self.ends, &self.trace_id),
            Arrays(&self.ends, &self.span_id),
            Arrays(&self.ends, &self.trace_state),
            Arrays(&self.ends, &self.attributes),
            Arrays(&self.ends, &self.dropped),
            Arrays(&self.ends, &self.flags),
        ]
    }
}

fn push_pair<'a>(message: &'a [u8], maps: &mut Maps<'a>) -> Result<(), Unusual> {
    let (key, value) = key_value(message)?;
    append_text(value, maps.push_key(key).1)
}

/// Message and code of a Status.
fn status_of(status: &[u8]) -> Result<(&[u8], i32), Unusual> {
    let (mut message, mut code) = (&[][..], 0);
    let mut once = Once::default();
    let mut fields = Fields::of(status);
    while let Some((number, value)) = fields.next_field()? {
        once.see(number)?;
        match (number, value) {
            (2, Value::Bytes(text)) => message = text,
            (3, Value::Varint(number)) => code = signed(number)?,
            (2 | 3, _) => return Err(Unusual),
            _ => {}
        }
    }
    Ok((message, code))
}

/// The name of a number; one without a name is [`Unusual`].
fn one_of(names: &[&'static [u8]], number: i32) -> Result<&'static [u8], Unusual> {
    let index = usize::try_from(number).map_err(|_| Unusual)?;
    names.get(index).copied().ok_or(Unusual)
}
