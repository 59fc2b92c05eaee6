//! Reading a segment of the write-ahead log: one message `Ingest` after the other.
//!
//! Format: docs/reference/wal-format.md. Checksums are not looked at: they are for recovery, and
//! the engine's own reader does not know them either.

use crate::wire::{Fields, Once, Value};
use crate::Unusual;

/// An accepted request and where it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Whose it is.
    pub project: &'a [u8],
    /// The collector's clock.
    pub received_time_unix_nano: u64,
    /// What sent it.
    pub client: &'a [u8],
    /// The export request as it arrived.
    pub request: &'a [u8],
}

/// The entries of a segment.
pub struct Entries<'a> {
    rest: Fields<'a>,
}

impl<'a> Entries<'a> {
    /// Begin with the first entry.
    pub fn of(segment: &'a [u8]) -> Self {
        Entries { rest: Fields::of(segment) }
    }

    /// The next entry; `None` at the end. One that is marked as nested is [`Unusual`].
    pub fn next_entry(&mut self) -> Result<Option<Entry<'a>>, Unusual> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut entry = Entry::default();
        let mut fields = Fields::of(self.rest.prefixed()?);
        let mut once = Once::default();
        while let Some((number, value)) = fields.next_field()? {
            once.see(number)?;
            match (number, value) {
                (1, Value::Fixed32(_)) | (5, Value::Varint(0)) | (6, Value::Varint(_)) => {}
                (2, Value::Bytes(project)) => entry.project = project,
                (3, Value::Fixed64(time)) => entry.received_time_unix_nano = time,
                (4, Value::Bytes(client)) => entry.client = client,
                (7, Value::Bytes(request)) => entry.request = request,
                _ => return Err(Unusual),
            }
        }
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[u8] = b"\x0d\x01\x02\x03\x04\x12\x01p\x19\x07\0\0\0\0\0\0\0\x22\x01c";

    fn segment(fields: &[u8]) -> Vec<u8> {
        [&[fields.len() as u8], fields].concat()
    }

    #[test]
    fn entries_come_one_after_the_other() {
        let bytes = [segment(&[FIELDS, b"\x30\x01\x3a\x01r"].concat()), segment(b"")].concat();
        let mut entries = Entries::of(&bytes);
        let first =
            Entry { project: b"p", received_time_unix_nano: 7, client: b"c", request: b"r" };
        assert_eq!(entries.next_entry(), Ok(Some(first)));
        assert_eq!(entries.next_entry(), Ok(Some(Entry::default())));
        assert_eq!(entries.next_entry(), Ok(None));
    }

    #[test]
    fn nested_values_and_whatever_a_later_version_adds_are_unusual() {
        for more in [&b"\x28\x01"[..], b"\x42\x01x", b"\x12\x01q", b"\x3a\x02r"] {
            let bytes = segment(&[FIELDS, more].concat());
            assert_eq!(Entries::of(&bytes).next_entry(), Err(Unusual), "{more:x?}");
        }
    }
}
