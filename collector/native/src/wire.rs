//! Reading protobuf's wire format: fields of a message, one after the other, without copies.
//!
//! Stricter than protobuf's own parsers: groups, numbers of more than 64 bits and lengths beyond
//! the message are [`Unusual`].

use crate::Unusual;

/// What a field holds on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1, little-endian.
    Fixed64(u64),
    /// Wire type 2: text, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Wire type 5, little-endian.
    Fixed32(u32),
}

/// The fields of one message.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Begin with the first field of an encoded message.
    #[inline]
    pub fn of(message: &'a [u8]) -> Self {
        Fields { rest: message }
    }

    /// The next field's number and value; `None` at the end.
    #[inline(always)]
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, Unusual> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = u32::try_from(self.varint()?).map_err(|_| Unusual)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Value::Bytes(self.prefixed()?),
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Unusual),
        };
        match tag >> 3 {
            0 => Err(Unusual),
            number => Ok(Some((number, value))),
        }
    }

    /// The next length and as many bytes.
    #[inline]
    pub fn prefixed(&mut self) -> Result<&'a [u8], Unusual> {
        let length = usize::try_from(self.varint()?).map_err(|_| Unusual)?;
        if length > self.rest.len() {
            return Err(Unusual);
        }
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(bytes)
    }

    /// The next number of variable length.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Unusual> {
        match *self.rest {
            [first, ref rest @ ..] if first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(first))
            }
            [first, second, ref rest @ ..] if second < 0x80 => {
                self.rest = rest;
                Ok(u64::from(first & 0x7f) | u64::from(second) << 7)
            }
            _ => self.long_varint(),
        }
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn long_varint(&mut self) -> Result<u64, Unusual> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(Unusual)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unusual> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Unusual)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_one_after_the_other() {
        let message = [0x08, 0xac, 0x02, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0];
        let mut fields = Fields::of(&message);
        assert_eq!(fields.next_field(), Ok(Some((1, Value::Varint(300)))));
        assert_eq!(fields.next_field(), Ok(Some((2, Value::Bytes(b"hi")))));
        assert_eq!(fields.next_field(), Ok(Some((3, Value::Fixed32(1)))));
        assert_eq!(fields.next_field(), Ok(None));
    }

    #[test]
    fn what_is_cut_off_or_too_large_is_unusual() {
        for message in [
            &[0x08][..],
            &[0x08, 0x80],
            &[0x12, 0x02, b'h'],
            &[0x09, 1, 2, 3],
            &[0x0b],
            &[0x00, 0x01],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x80, 0x80, 0x80, 0x80, 0x10, 0x00],
        ] {
            assert_eq!(Fields::of(message).next_field(), Err(Unusual), "{message:x?}");
        }
    }

    #[test]
    fn the_largest_number_has_ten_bytes() {
        let message = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let read = Fields::of(&message).next_field();
        assert_eq!(read, Ok(Some((1, Value::Varint(u64::MAX)))));
    }
}
