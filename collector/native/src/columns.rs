//! Columns of a block as they are built, in the bytes of ClickHouse's Native format.
//!
//! Source: ClickHouse, src/DataTypes/Serializations; tried with `SELECT … FORMAT Native`.

use std::collections::HashMap;
use std::io::{self, Write};
use std::mem;

use crate::buffer::{Append, Buffer};

/// Low cardinality: keys of this column only, in a dictionary of its own.
const DICTIONARY_VERSION: u64 = 1;
const ADDITIONAL_KEYS: u64 = 1 << 9;
const NEW_DICTIONARY: u64 = 1 << 10;
/// Repeated bytes are written in pieces of about so many, which stay in the cache.
const PIECE_BYTES: usize = 32 << 10;
/// Up to so many are written one by one.
const FEW: u64 = 4;

/// What can be written as a column.
pub trait Column {
    /// What stands before all data, however deep in arrays and maps the column is.
    fn write_prefix(&self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// The values of all rows.
    fn write_data(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Numbers of one width, little-endian.
#[derive(Debug, Default)]
pub struct Numbers {
    bytes: Buffer,
}

impl Numbers {
    /// Append a UInt8.
    #[inline]
    pub fn push_u8(&mut self, number: u8) {
        self.bytes.append(&[number]);
    }

    /// Append a UInt32.
    #[inline]
    pub fn push_u32(&mut self, number: u32) {
        self.bytes.append(&number.to_le_bytes());
    }

    /// Append a UInt64 or a DateTime64.
    #[inline]
    pub fn push_u64(&mut self, number: u64) {
        self.bytes.append(&number.to_le_bytes());
    }
}

impl Column for Numbers {
    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        self.bytes.write(out)
    }
}

/// A column of String: each text after its length.
#[derive(Debug, Default)]
pub struct Texts<B = Buffer> {
    bytes: B,
}

impl<B: Append> Texts<B> {
    /// Append a text.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        self.push_length(text.len());
        self.bytes.append(text);
    }

    /// Append a text that has its length before it already, in the fewest bytes.
    #[inline]
    pub fn push_encoded(&mut self, text: &[u8]) {
        self.bytes.append(text);
    }

    /// Append bytes as lowercase hexadecimal digits.
    #[inline]
    pub fn push_hex(&mut self, bytes: &[u8]) {
        self.push_length(2 * bytes.len());
        for part in bytes.chunks(16) {
            let mut digits = [[0; 2]; 16];
            for (pair, byte) in digits.iter_mut().zip(part) {
                *pair = HEX[usize::from(*byte)];
            }
            self.bytes.append(digits[..part.len()].as_flattened());
        }
    }

    #[inline]
    fn push_length(&mut self, length: usize) {
        let mut rest = length;
        while rest >= 0x80 {
            self.bytes.append(&[rest as u8 | 0x80]);
            rest >>= 7;
        }
        self.bytes.append(&[rest as u8]);
    }
}

impl Texts<Vec<u8>> {
    /// All texts with their lengths.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Column for Texts {
    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        self.bytes.write(out)
    }
}

const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut all = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        all[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    all
};

/// The different texts of a column of LowCardinality(String). The empty one is number 0, as in
/// the engine.
#[derive(Debug)]
pub struct Dictionary<'a> {
    texts: Vec<&'a [u8]>,
    numbers: HashMap<&'a [u8], u32>,
    last: u32,
}

impl<'a> Dictionary<'a> {
    /// Begin with texts that get the numbers from 1 on.
    pub fn of(texts: &[&'a [u8]]) -> Self {
        let mut dictionary =
            Dictionary { texts: vec![b""], numbers: HashMap::from([(&b""[..], 0)]), last: 0 };
        for text in texts {
            dictionary.look_up(text);
        }
        dictionary
    }

    /// All texts, by their numbers.
    pub fn texts(&self) -> &[&'a [u8]] {
        &self.texts
    }

    /// The number of a text; fast if it is that of the last one or empty.
    #[inline]
    pub fn number(&mut self, text: &'a [u8]) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if !self.is(self.last, text) {
            self.last = self.look_up(text);
        }
        self.last
    }

    /// The number of a text of which one is guessed.
    #[inline]
    pub fn number_like(&mut self, guess: Option<u32>, text: &'a [u8]) -> u32 {
        match guess {
            Some(number) if self.is(number, text) => number,
            _ => self.look_up(text),
        }
    }

    #[inline]
    fn is(&self, number: u32, text: &[u8]) -> bool {
        self.texts.get(number as usize).is_some_and(|known| *known == text)
    }

    fn look_up(&mut self, text: &'a [u8]) -> u32 {
        let next = self.texts.len() as u32;
        let number = *self.numbers.entry(text).or_insert(next);
        if number == next {
            self.texts.push(text);
        }
        number
    }

    /// The logarithm of the bytes that an index takes.
    fn width(&self) -> u8 {
        match self.texts.len() {
            0..=0x100 => 0,
            0x101..=0x1_0000 => 1,
            _ => 2,
        }
    }

    /// An index as it is written.
    pub fn index(&self, number: u32) -> ([u8; 4], usize) {
        (number.to_le_bytes(), 1 << self.width())
    }

    /// What stands before the indexes of `rows` values, of which there are some.
    pub fn write_head(&self, rows: u64, out: &mut dyn Write) -> io::Result<()> {
        write_u64(ADDITIONAL_KEYS | NEW_DICTIONARY | u64::from(self.width()), out)?;
        write_u64(self.texts.len() as u64, out)?;
        let mut keys = Texts::<Vec<u8>>::default();
        for text in &self.texts {
            keys.push(text);
        }
        out.write_all(keys.bytes())?;
        write_u64(rows, out)
    }

    /// Write numbers of four bytes as indexes.
    fn write_indexes(&self, numbers: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let width = 1 << self.width();
        let mut indexes = Vec::with_capacity(numbers.len() / 4 * width);
        let (numbers, _) = numbers.as_chunks::<4>();
        match width {
            1 => indexes.extend(numbers.iter().map(|number| number[0])),
            2 => indexes.extend(numbers.iter().flat_map(|number| [number[0], number[1]])),
            _ => indexes.extend(numbers.iter().flatten()),
        }
        out.write_all(&indexes)
    }
}

/// A column of LowCardinality(String).
#[derive(Debug)]
pub struct LowCardinality<'a> {
    dictionary: Dictionary<'a>,
    numbers: Numbers,
    count: u64,
}

impl Default for LowCardinality<'_> {
    fn default() -> Self {
        Self::with_texts(&[])
    }
}

impl<'a> LowCardinality<'a> {
    /// Begin with texts that get the numbers from 1 on.
    fn with_texts(texts: &[&'a [u8]]) -> Self {
        let dictionary = Dictionary::of(texts);
        LowCardinality { dictionary, numbers: Numbers::default(), count: 0 }
    }

    /// Append a text.
    #[inline]
    pub fn push(&mut self, text: &'a [u8]) {
        let number = self.dictionary.number(text);
        self.push_number(number);
    }

    #[inline]
    fn push_number(&mut self, number: u32) {
        self.numbers.push_u32(number);
        self.count += 1;
    }
}

impl Column for LowCardinality<'_> {
    fn write_prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        write_u64(DICTIONARY_VERSION, out)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        self.dictionary.write_head(self.count, out)?;
        let mut pieces = self.numbers.bytes.pieces();
        pieces.try_for_each(|piece| self.dictionary.write_indexes(piece, out))
    }
}

/// A column of Map(LowCardinality(String), String).
///
/// Rows usually have the keys of the row before in the same order, so these are guessed.
#[derive(Debug)]
pub struct Maps<'a> {
    ends: Numbers,
    keys: LowCardinality<'a>,
    values: Texts,
    row_before: Vec<u32>,
    row: Vec<u32>,
}

impl<'a> Maps<'a> {
    /// Begin with keys that get the numbers from 1 on.
    pub fn with_keys(keys: &[&'a [u8]]) -> Self {
        Maps {
            ends: Numbers::default(),
            keys: LowCardinality::with_texts(keys),
            values: Texts::default(),
            row_before: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Append a key to the row, whose value is to be appended to the texts that are returned with
    /// the key's number.
    #[inline]
    pub fn push_key(&mut self, key: &'a [u8]) -> (u32, &mut Texts) {
        let guess = self.row_before.get(self.row.len()).copied();
        let number = self.keys.dictionary.number_like(guess, key);
        self.row.push(number);
        self.keys.push_number(number);
        (number, &mut self.values)
    }

    /// End the row.
    #[inline]
    pub fn end_row(&mut self) {
        self.ends.push_u64(self.keys.count);
        mem::swap(&mut self.row, &mut self.row_before);
        self.row.clear();
    }
}

impl Column for Maps<'_> {
    fn write_prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        self.keys.write_prefix(out)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        self.ends.write_data(out)?;
        self.keys.write_data(out)?;
        self.values.write_data(out)
    }
}

/// A column of Array: where each row's values end, and the values of all rows.
pub struct Arrays<'c>(pub &'c Numbers, pub &'c dyn Column);

impl Column for Arrays<'_> {
    fn write_prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        self.1.write_prefix(out)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.write_data(out)?;
        self.1.write_data(out)
    }
}

/// Write a number of eight bytes.
pub fn write_u64(number: u64, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

/// Write the same bytes many times.
pub fn write_repeated(bytes: &[u8], times: u64, out: &mut dyn Write) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    if times <= FEW {
        return (0..times).try_for_each(|_| out.write_all(bytes));
    }
    let at_once = (PIECE_BYTES / bytes.len()).max(1).min(usize::try_from(times).unwrap_or(1));
    let piece = bytes.repeat(at_once);
    let mut left = times;
    while left > 0 {
        let now = left.min(at_once as u64);
        out.write_all(&piece[..bytes.len() * now as usize])?;
        left -= now;
    }
    Ok(())
}

/// Write the numbers `start + step`, `start + 2 * step`, … and return the last one.
pub fn write_ends(start: u64, step: u64, times: u64, out: &mut dyn Write) -> io::Result<u64> {
    let mut end = start;
    let mut left = times;
    while left > 0 && times <= FEW {
        end += step;
        write_u64(end, out)?;
        left -= 1;
    }
    while left > 0 {
        let now = left.min(PIECE_BYTES as u64 / 8);
        let piece: Vec<u8> = (1..=now).flat_map(|row| (end + row * step).to_le_bytes()).collect();
        out.write_all(&piece)?;
        end += now * step;
        left -= now;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(column: &dyn Column) -> Vec<u8> {
        let mut out = Vec::new();
        column.write_prefix(&mut out).expect("a vector takes all");
        column.write_data(&mut out).expect("a vector takes all");
        out
    }

    fn u64s(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn low_cardinality_is_written_as_the_engine_does() {
        let mut column = LowCardinality::default();
        for text in ["a", "a", "", "b", "a"] {
            column.push(text.as_bytes());
        }
        let expected =
            [&u64s(&[1, 0x600, 3]), &b"\0\x01a\x01b"[..], &u64s(&[5]), &[1, 1, 0, 2, 1]].concat();
        assert_eq!(written(&column), expected);
    }

    #[test]
    fn low_cardinality_without_values_has_its_version_only() {
        assert_eq!(written(&LowCardinality::default()), u64s(&[1]));
    }

    #[test]
    fn indexes_are_as_wide_as_the_dictionary_needs() {
        for (texts, width) in [(255u32, 0), (256, 1), (65_535, 1), (65_536, 2)] {
            let all: Vec<String> = (1..=texts).map(|number| number.to_string()).collect();
            let all: Vec<&[u8]> = all.iter().map(|text| text.as_bytes()).collect();
            let dictionary = Dictionary::of(&all);
            assert_eq!(dictionary.width(), width, "{texts}");
            let mut out = Vec::new();
            dictionary.write_indexes(&texts.to_le_bytes(), &mut out).expect("a vector takes all");
            assert_eq!(out, texts.to_le_bytes()[..1 << width]);
        }
    }

    #[test]
    fn maps_are_written_as_the_engine_does() {
        let mut column = Maps::with_keys(&[b"k"]);
        for row in [&["k", "other"][..], &["k", "other"], &[], &["other"]] {
            for key in row {
                column.push_key(key.as_bytes()).1.push(b"v");
            }
            column.end_row();
        }
        let expected = [
            &u64s(&[1, 2, 4, 4, 5, 0x600, 3]),
            &b"\0\x01k\x05other"[..],
            &u64s(&[5]),
            &[1, 2, 1, 2, 2],
            &b"\x01v".repeat(5),
        ]
        .concat();
        assert_eq!(written(&column), expected);
    }

    #[test]
    fn texts_have_their_length_before_them() {
        let mut texts = Texts::<Vec<u8>>::default();
        texts.push(&[b'x'; 300]);
        texts.push_hex(&[0x0f, 0xa0]);
        assert_eq!(texts.bytes(), [&[0xac, 2][..], &[b'x'; 300], b"\x040fa0"].concat());
    }

    #[test]
    fn what_is_repeated_is_there_as_often_as_told() {
        let mut out = Vec::new();
        write_repeated(b"abc", 20_000, &mut out).expect("a vector takes all");
        assert_eq!(out, b"abc".repeat(20_000));
        out.clear();
        assert_eq!(write_ends(5, 2, 9_000, &mut out).expect("a vector takes all"), 18_005);
        assert_eq!((out.len(), &out[..8]), (72_000, &u64s(&[7])[..]));
        out.clear();
        assert_eq!(write_ends(5, 2, 2, &mut out).expect("a vector takes all"), 9);
        write_repeated(b"ab", 2, &mut out).expect("a vector takes all");
        assert_eq!(out, [&u64s(&[7, 9]), &b"abab"[..]].concat());
    }
}
