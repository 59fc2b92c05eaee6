//! Bytes that are appended and then written, in pieces that are used again.
//!
//! A segment's columns are some 30 MiB. Asking the C library for them each time has the kernel fill
//! them page by page, which took as long as making the rows did; growing one large piece copies.

use std::io::{self, Write};
use std::mem;
use std::sync::{Mutex, PoisonError};

/// Small, since each of forty columns has one at least.
const PIECE_BYTES: usize = 128 << 10;
/// Pieces that are kept for the next segment: 32 MiB.
const KEPT_PIECES: usize = 256;

/// More than the usual segment.
const MAX_SPARE_BYTES: usize = 32 << 20;

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Where bytes can be appended.
pub trait Append: Default {
    /// Append bytes.
    fn append(&mut self, bytes: &[u8]);
}

impl Append for Vec<u8> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes in pieces.
#[derive(Debug, Default)]
pub struct Buffer {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Buffer {
    /// The pieces, one after the other. Numbers of one width that divides a piece are never cut.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.full.iter().chain([&self.last]).map(Vec::as_slice)
    }

    /// Write all of it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.pieces().try_for_each(|piece| out.write_all(piece))
    }

    #[cold]
    fn add_piece(&mut self, bytes: usize) {
        let fresh = if bytes > PIECE_BYTES { Vec::with_capacity(bytes) } else { take_piece() };
        let filled = mem::replace(&mut self.last, fresh);
        if filled.capacity() > 0 {
            self.full.push(filled);
        }
    }
}

impl Append for Buffer {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        if bytes.len() > self.last.capacity() - self.last.len() {
            self.add_piece(bytes.len());
        }
        self.last.extend_from_slice(bytes);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        for mut piece in self.full.drain(..).chain([mem::take(&mut self.last)]) {
            if piece.capacity() == PIECE_BYTES && kept.len() < KEPT_PIECES {
                piece.clear();
                kept.push(piece);
            }
        }
    }
}

fn take_piece() -> Vec<u8> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).pop();
    kept.unwrap_or_else(|| Vec::with_capacity(PIECE_BYTES))
}

/// A large piece for one use that is kept for the next time.
#[derive(Debug, Default)]
pub struct Spare(Mutex<Vec<u8>>);

impl Spare {
    /// None is kept yet.
    pub const fn new() -> Self {
        Spare(Mutex::new(Vec::new()))
    }

    /// Take the piece, with what was in it; empty while another thread has it.
    pub fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Give a piece back, to be kept unless it is very large or a larger one is kept.
    pub fn give_back(&self, piece: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if (kept.capacity()..=MAX_SPARE_BYTES).contains(&piece.capacity()) {
            *kept = piece;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_written_in_its_order() {
        let mut buffer = Buffer::default();
        let mut expected = Vec::new();
        for (number, length) in [1, 0, 100_000, 100_000, 300_000, 5, 131_072].iter().enumerate() {
            let bytes = vec![number as u8; *length];
            buffer.append(&bytes);
            expected.extend_from_slice(&bytes);
        }
        let mut out = Vec::new();
        buffer.write(&mut out).expect("a vector takes all");
        assert_eq!(out, expected);
    }

    #[test]
    fn numbers_are_never_cut() {
        let mut buffer = Buffer::default();
        (0..100_000u64).for_each(|number| buffer.append(&number.to_le_bytes()));
        assert!(buffer.pieces().all(|piece| piece.len() % 8 == 0));
        assert!(buffer.pieces().count() > 5);
    }

    #[test]
    fn pieces_that_are_used_again_are_empty() {
        let mut buffer = Buffer::default();
        buffer.append(b"of before");
        drop(buffer);
        let mut buffer = Buffer::default();
        buffer.append(b"now");
        assert_eq!(buffer.pieces().collect::<Vec<_>>(), [b"now"]);
    }

    #[test]
    fn the_larger_piece_is_kept_unless_it_is_too_large() {
        let spare = Spare::new();
        spare.give_back(Vec::with_capacity(100));
        spare.give_back(Vec::with_capacity(MAX_SPARE_BYTES + 1));
        spare.give_back(Vec::with_capacity(50));
        assert_eq!(spare.take().capacity(), 100);
        assert_eq!(spare.take().capacity(), 0);
    }
}
