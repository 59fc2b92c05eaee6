//! Writing one block of ClickHouse's Native format.
//!
//! Source: ClickHouse, src/Formats/NativeWriter.cpp, of a client without a protocol revision.

use std::io::{self, Write};

use crate::columns::{Column, Texts};

/// A column's name, its type and its values.
pub type Named<'c> = (&'static str, &'static str, &'c dyn Column);

/// Write a block of so many rows.
pub fn write_block(rows: u64, columns: &[Named], out: &mut dyn Write) -> io::Result<()> {
    write_varint(columns.len() as u64, out)?;
    write_varint(rows, out)?;
    for (name, kind, column) in columns {
        let mut head = Texts::<Vec<u8>>::default();
        head.push(name.as_bytes());
        head.push(kind.as_bytes());
        out.write_all(head.bytes())?;
        column.write_prefix(out)?;
        column.write_data(out)?;
    }
    Ok(())
}

fn write_varint(number: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut rest = number;
    while rest >= 0x80 {
        out.write_all(&[rest as u8 | 0x80])?;
        rest >>= 7;
    }
    out.write_all(&[rest as u8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Numbers;

    #[test]
    fn a_block_names_its_columns() {
        let mut numbers = Numbers::default();
        (0..200).for_each(|number| numbers.push_u8(number));
        let mut out = Vec::new();
        write_block(200, &[("n", "UInt8", &numbers)], &mut out).expect("a vector takes all");
        let values: Vec<u8> = (0..200).collect();
        assert_eq!(out, [&b"\x01\xc8\x01\x01n\x05UInt8"[..], &values].concat());
    }
}
