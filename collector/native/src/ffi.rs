//! The C interface. Its other side is stepsight_collector/native/library.py.
//!
//! Pointers and lengths come from Python objects that outlive the call.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::panic::catch_unwind;
use std::slice;

use crate::buffer::Spare;
use crate::check::check;
use crate::rows::write_rows;
use crate::{Signal, Unusual};

/// Number of this interface; the Python side refuses a library of another one.
const INTERFACE: u32 = 3;

/// Answers of [`stepsight_write_rows`] that are no number of rows; below them are errors of the
/// system, as the last one less the error's number.
const UNUSUAL: i64 = -1;
const PANICKED: i64 = -2;
const EIO: i32 = 5;
/// Less than a piece of a [`crate::buffer::Buffer`], so that these are not copied.
const OUT_BYTES: usize = 64 << 10;

static SEGMENT: Spare = Spare::new();

/// Which interface this library has.
#[no_mangle]
pub extern "C" fn stepsight_interface() -> u32 {
    INTERFACE
}

/// Records of a request, -1 if it is unusual; see [`check`].
///
/// # Safety
/// `request` points to `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn stepsight_check(
    signal: u32,
    request: *const u8,
    length: usize,
    max_bytes: usize,
) -> i64 {
    // SAFETY: promised by the caller.
    let request = unsafe { bytes(request, length) };
    let Some(signal) = signal_of(signal) else { return -1 };
    check(signal, request, max_bytes).map_or(-1, |records| records as i64)
}

/// CRC-32 (IEEE) of bytes that follow others of checksum `seed`, as `zlib.crc32`.
///
/// # Safety
/// `data` points to `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn stepsight_crc32(data: *const u8, length: usize, seed: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    // SAFETY: promised by the caller.
    hasher.update(unsafe { bytes(data, length) });
    hasher.finalize()
}

/// Read a segment from the next `length` bytes of a file and write its rows to another as a block
/// of ClickHouse's Native format; returns how many there are, or [`UNUSUAL`], [`PANICKED`], or an
/// error of the system. See [`write_rows`].
///
/// # Safety
/// `source` and `descriptor` are open files that stay open.
#[no_mangle]
pub unsafe extern "C" fn stepsight_write_rows(
    signal: u32,
    source: RawFd,
    length: u64,
    descriptor: RawFd,
) -> i64 {
    let Some(signal) = signal_of(signal) else { return UNUSUAL };
    // SAFETY: promised by the caller; not dropped, so they stay the caller's to close.
    let (source, file) = unsafe {
        (
            ManuallyDrop::new(File::from_raw_fd(source)),
            ManuallyDrop::new(File::from_raw_fd(descriptor)),
        )
    };
    let written = catch_unwind(|| {
        let mut segment = SEGMENT.take();
        segment.clear();
        let read = (&*source).take(length).read_to_end(&mut segment);
        let mut out = BufWriter::with_capacity(OUT_BYTES, &*file);
        let written = read.map(|_| write_rows(signal, &segment, &mut out));
        SEGMENT.give_back(segment);
        written.map(|rows| Ok(rows?.and_then(|rows| out.flush().map(|()| rows))))
    });
    match written {
        Ok(Ok(Ok(Ok(rows)))) => rows as i64,
        Ok(Ok(Ok(Err(error))) | Err(error)) => {
            PANICKED - i64::from(error.raw_os_error().unwrap_or(EIO))
        }
        Ok(Ok(Err(Unusual))) => UNUSUAL,
        Err(_) => PANICKED,
    }
}

/// # Safety
/// `data` points to `length` bytes, or is null if there are none.
unsafe fn bytes<'a>(data: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { slice::from_raw_parts(data, length) }
}

fn signal_of(number: u32) -> Option<Signal> {
    [Signal::Logs, Signal::Traces, Signal::Metrics].into_iter().find(|one| *one as u32 == number)
}
