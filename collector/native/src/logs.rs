//! Rows of the table flat_logs, as the view flat_logs_mv makes them.

use std::io::{self, Write};

use crate::any_value::append_text;
use crate::attributes::{push_attribute, Identity, IdentityColumns, IDENTITY_KEYS};
use crate::columns::{LowCardinality, Maps, Numbers, Texts};
use crate::native_format::write_block;
use crate::records::{make_rows, Rows};
use crate::shares::{narrow, Shares, LOW, MAP};
use crate::wire::{Fields, Once, Value};
use crate::Unusual;

/// Columns of log records.
#[derive(Debug)]
struct Logs<'a> {
    received: Numbers,
    timestamp: Numbers,
    observed: Numbers,
    trace_id: Texts,
    span_id: Texts,
    flags: Numbers,
    severity_text: LowCardinality<'a>,
    severity_number: Numbers,
    body: Texts,
    event_name: LowCardinality<'a>,
    identity: IdentityColumns<'a>,
    attributes: Maps<'a>,
    dropped: Numbers,
}

/// Rows of log records, ready to be written.
#[derive(Debug)]
pub struct LogRows<'a> {
    shares: Shares<'a>,
    logs: Logs<'a>,
}

impl<'a> LogRows<'a> {
    /// Make rows of a whole segment; see [`make_rows`].
    pub fn of(segment: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Self, Unusual> {
        let mut logs = Logs {
            received: Numbers::default(),
            timestamp: Numbers::default(),
            observed: Numbers::default(),
            trace_id: Texts::default(),
            span_id: Texts::default(),
            flags: Numbers::default(),
            severity_text: LowCardinality::default(),
            severity_number: Numbers::default(),
            body: Texts::default(),
            event_name: LowCardinality::default(),
            identity: IdentityColumns::default(),
            attributes: Maps::with_keys(&IDENTITY_KEYS),
            dropped: Numbers::default(),
        };
        let shares = make_rows(segment, scratch, &mut logs)?;
        Ok(LogRows { shares, logs })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.shares.rows()
    }

    /// Write them as a block.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let logs = &self.logs;
        self.shares.named(|shared| {
            let mut columns = shared.to_vec();
            columns.extend(logs.identity.named());
            columns.extend_from_slice(&[
                ("ReceivedTimestamp", "DateTime64(9)", &logs.received),
                ("Timestamp", "DateTime64(9)", &logs.timestamp),
                ("ObservedTimestamp", "DateTime64(9)", &logs.observed),
                ("TraceId", "String", &logs.trace_id),
                ("SpanId", "String", &logs.span_id),
                ("TraceFlags", "UInt32", &logs.flags),
                ("SeverityText", LOW, &logs.severity_text),
                ("SeverityNumber", "UInt8", &logs.severity_number),
                ("Body", "String", &logs.body),
                ("EventName", LOW, &logs.event_name),
                ("LogAttributes", MAP, &logs.attributes),
                ("DroppedAttributesCount", "UInt32", &logs.dropped),
            ]);
            write_block(self.count(), &columns, out)
        })
    }
}

impl<'a> Rows<'a> for Logs<'a> {
    const BY_SERVICE: bool = false;

    fn place(record: &'a [u8]) -> (&'a [u8], u64) {
        match record {
            // Most begin with their time.
            [0x09, rest @ ..] => {
                (b"", rest.first_chunk().map_or(0, |time| u64::from_le_bytes(*time)))
            }
            _ => (b"", 0),
        }
    }

    fn push(
        &mut self,
        record: &'a [u8],
        received_time_unix_nano: u64,
        resource: &Identity<'a>,
    ) -> Result<(), Unusual> {
        let (mut time, mut observed, mut severity, mut flags, mut dropped) = (0, 0, 0, 0, 0);
        let (mut severity_text, mut event_name) = (&[][..], &[][..]);
        let (mut body, mut trace_id, mut span_id) = (&[][..], &[][..], &[][..]);
        let mut identity = Identity::default();
        let mut once = Once::default();
        let mut fields = Fields::of(record);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (6, Value::Bytes(attribute)) => {
                    push_attribute(attribute, &mut self.attributes, &mut identity)?;
                    continue;
                }
                (1, Value::Fixed64(nanoseconds)) => time = nanoseconds,
                (2, Value::Varint(number)) => severity = signed(number)?,
                (3, Value::Bytes(text)) => severity_text = text,
                (5, Value::Bytes(value)) => body = value,
                (7, Value::Varint(count)) => dropped = narrow(count)?,
                (8, Value::Fixed32(bits)) => flags = bits,
                (9, Value::Bytes(id)) => trace_id = id,
                (10, Value::Bytes(id)) => span_id = id,
                (11, Value::Fixed64(nanoseconds)) => observed = nanoseconds,
                (12, Value::Bytes(text)) => event_name = text,
                (1..=3 | 5..=12, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        self.attributes.end_row();
        let told = [time, observed, received_time_unix_nano].into_iter().find(|time| *time != 0);
        self.received.push_u64(date_time(received_time_unix_nano));
        self.timestamp.push_u64(date_time(told.unwrap_or(0)));
        self.observed.push_u64(date_time(observed));
        self.trace_id.push_hex(trace_id);
        self.span_id.push_hex(span_id);
        self.flags.push_u32(flags);
        self.severity_text.push(severity_text);
        self.severity_number.push_u8(severity.clamp(0, 255) as u8);
        append_text(body, &mut self.body)?;
        self.event_name.push(event_name);
        self.identity.push(&identity, resource)?;
        self.dropped.push_u32(dropped);
        Ok(())
    }
}

/// An int32; a number that is none is [`Unusual`].
pub fn signed(number: u64) -> Result<i32, Unusual> {
    i32::try_from(number as i64).map_err(|_| Unusual)
}

/// A time as DateTime64(9) has it, which ends in 2262.
pub fn date_time(nanoseconds: u64) -> u64 {
    nanoseconds.min(i64::MAX as u64)
}
