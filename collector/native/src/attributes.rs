//! Attributes of records, resources and scopes, and the run identity in them.

use crate::any_value::{append_text, plain_text};
use crate::columns::{LowCardinality, Maps, Texts};
use crate::native_format::Named;
use crate::wire::{Fields, Once, Value};
use crate::Unusual;

/// Keys of the run identity, in the order of [`Identity`].
pub const IDENTITY_KEYS: [&[u8]; 4] =
    [b"parent_run_id", b"step_id", b"step_name", b"experiment_name"];

/// The encoded values of the identity keys, of each the first one.
pub type Identity<'a> = [Option<&'a [u8]>; 4];

/// Key and encoded value of a KeyValue; empty if they are missing.
#[inline]
pub fn key_value(message: &[u8]) -> Result<(&[u8], &[u8]), Unusual> {
    match short_key_value(message) {
        Some(pair) => Ok(pair),
        None => any_key_value(message),
    }
}

/// Nearly all have a key, then a value, both of less than 128 bytes, and nothing else.
#[inline]
fn short_key_value(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, key_length @ ..0x80, rest @ ..] = message else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*key_length))?;
    match rest {
        [0x12, length @ ..0x80, value @ ..] if usize::from(*length) == value.len() => {
            Some((key, value))
        }
        _ => None,
    }
}

#[cold]
fn any_key_value(message: &[u8]) -> Result<(&[u8], &[u8]), Unusual> {
    let (mut key, mut value) = (&[][..], &[][..]);
    let mut once = Once::default();
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next_field()? {
        once.see(number)?;
        match (number, field) {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            (1 | 2, _) => return Err(Unusual),
            _ => {}
        }
    }
    Ok((key, value))
}

/// Append an attribute to a row whose column began with [`IDENTITY_KEYS`], and note it if it is
/// one of them.
#[inline]
pub fn push_attribute<'a>(
    message: &'a [u8],
    maps: &mut Maps<'a>,
    identity: &mut Identity<'a>,
) -> Result<(), Unusual> {
    let (key, value) = key_value(message)?;
    let (number, values) = maps.push_key(key);
    append_text(value, values)?;
    if (1..=IDENTITY_KEYS.len()).contains(&(number as usize)) {
        identity[number as usize - 1].get_or_insert(value);
    }
    Ok(())
}

/// The columns of the run identity: the record's own, else its resource's.
#[derive(Debug, Default)]
pub struct IdentityColumns<'a> {
    run_id: Texts,
    step_id: Texts,
    step_name: LowCardinality<'a>,
    experiment_name: LowCardinality<'a>,
}

impl<'a> IdentityColumns<'a> {
    /// Append a row. A step or experiment whose name is no text is [`Unusual`].
    #[inline]
    pub fn push(&mut self, own: &Identity<'a>, resource: &Identity<'a>) -> Result<(), Unusual> {
        let value = |index: usize| own[index].or(resource[index]).unwrap_or_default();
        append_text(value(0), &mut self.run_id)?;
        append_text(value(1), &mut self.step_id)?;
        self.step_name.push(plain_text(value(2))?);
        self.experiment_name.push(plain_text(value(3))?);
        Ok(())
    }

    /// The columns as they are written.
    pub fn named(&self) -> [Named<'_>; 4] {
        [
            ("RunId", "String", &self.run_id),
            ("StepId", "String", &self.step_id),
            ("StepName", "LowCardinality(String)", &self.step_name),
            ("ExperimentName", "LowCardinality(String)", &self.experiment_name),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_or_value_is_empty() {
        assert_eq!(key_value(b"\x0a\x01k\x12\x03\x0a\x01v"), Ok((&b"k"[..], &b"\x0a\x01v"[..])));
        assert_eq!(key_value(b"\x12\x00\x0a\x01k"), Ok((&b"k"[..], &b""[..])));
        assert_eq!(key_value(b""), Ok((&b""[..], &b""[..])));
    }

    #[test]
    fn both_ways_of_reading_a_short_attribute_agree() {
        let message = b"\x0a\x01k\x12\x03\x0a\x01v";
        assert_eq!(short_key_value(message).ok_or(Unusual), any_key_value(message));
        for other in [&b"\x0a\x01k\x12\x03\x0a\x01v\x18\x00"[..], b"\x0a\x01k", b"\x0a\x81\x00k"] {
            assert_eq!(short_key_value(other), None, "{other:x?}");
        }
    }

    #[test]
    fn a_key_twice_in_one_attribute_is_unusual() {
        assert_eq!(key_value(b"\x0a\x01k\x0a\x01l"), Err(Unusual));
    }

    #[test]
    fn the_first_of_equal_identity_keys_counts() {
        let mut maps = Maps::with_keys(&IDENTITY_KEYS);
        let mut identity = Identity::default();
        for message in [&b"\x0a\x07step_id\x12\x02\x18\x01"[..], b"\x0a\x07step_id\x12\x02\x18\x02"]
        {
            push_attribute(message, &mut maps, &mut identity).expect("is usual");
        }
        assert_eq!(identity, [None, Some(&b"\x18\x01"[..]), None, None]);
    }
}
