//! Rows of a segment as one block for the engine.

use std::io::{self, Write};

use crate::buffer::Spare;
use crate::logs::LogRows;
use crate::traces::SpanRows;
use crate::{Signal, Unusual};

static SCRATCH: Spare = Spare::new();

/// Write the rows of a segment to `out`, as a block of ClickHouse's Native format; returns how many
/// there are.
///
/// [`Unusual`], and nothing is written, if the segment is to be left to the engine's views: because
/// it is malformed, or has what these are to decide, or too much, or no rows at all. That depends on
/// the segment's bytes alone.
pub fn write_rows(
    signal: Signal,
    segment: &[u8],
    out: &mut dyn Write,
) -> Result<io::Result<u64>, Unusual> {
    let mut scratch = SCRATCH.take();
    let written = write_with(signal, segment, &mut scratch, out);
    SCRATCH.give_back(scratch);
    written
}

fn write_with(
    signal: Signal,
    segment: &[u8],
    scratch: &mut Vec<u8>,
    out: &mut dyn Write,
) -> Result<io::Result<u64>, Unusual> {
    match signal {
        Signal::Logs => {
            let rows = LogRows::of(segment, scratch)?;
            some(rows.count())?;
            Ok(rows.write(out).map(|()| rows.count()))
        }
        Signal::Traces => {
            let rows = SpanRows::of(segment, scratch)?;
            some(rows.count())?;
            Ok(rows.write(out).map(|()| rows.count()))
        }
        Signal::Metrics => Err(Unusual),
    }
}

fn some(rows: u64) -> Result<(), Unusual> {
    if rows == 0 {
        Err(Unusual)
    } else {
        Ok(())
    }
}
