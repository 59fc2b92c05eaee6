//! The C interface. Its other side is stepsight_collector/native/library.py.
//!
//! Pointers and lengths come from Python objects that outlive the call.

use std::slice;

use crate::check::check;
use crate::Signal;

/// Number of this interface; the Python side refuses a library of another one.
const INTERFACE: u32 = 2;

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
