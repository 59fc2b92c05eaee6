//! Floats as the engine's `toString(Float64)` writes them.
//!
//! The fewest digits that give the same number back; as they are down to 0.000001 and below 1e21,
//! else with an exponent: ECMAScript's rule, without its plus sign.

use std::io::Write;

const MAX_DIGITS: usize = 17;
/// Sign, "0.00000" and the digits; or 21 digits, or digits, point and exponent.
const MAX_TEXT: usize = 32;

/// Call `take` with the text of a float.
#[inline]
pub fn float_text(value: f64, take: impl FnOnce(&[u8])) {
    if !value.is_finite() {
        return take(match (value.is_nan(), value > 0.0) {
            (true, _) => b"nan",
            (_, true) => b"inf",
            _ => b"-inf",
        });
    }
    if value == 0.0 {
        return take(if value.is_sign_negative() { b"-0" } else { b"0" });
    }
    let mut text = Text::default();
    if value < 0.0 {
        text.add(b"-");
    }
    let (digits, length, exponent) = shortest(value.abs());
    lay_out(&digits[..length], exponent, &mut text);
    take(&text.bytes[..text.length]);
}

/// Digits, how many, and the power of ten of the first.
///
/// Not `{:e}` of the standard library: that rounds up where two texts are equally near, the engine
/// takes the even one.
fn shortest(value: f64) -> ([u8; MAX_DIGITS], usize, i32) {
    let mut buffer = ryu::Buffer::new();
    let (mantissa, power) = split_at_byte(buffer.format_finite(value).as_bytes(), b'e');
    let (whole, fraction) = split_at_byte(mantissa, b'.');
    let mut digits = [0; MAX_DIGITS];
    let mut length = 0;
    let mut leading_zeros = 0;
    for &digit in whole.iter().chain(fraction) {
        if digit == b'0' && length == 0 {
            leading_zeros += 1;
        } else if length < MAX_DIGITS {
            digits[length] = digit;
            length += 1;
        }
    }
    while digits[length - 1] == b'0' {
        length -= 1;
    }
    (digits, length, integer(power) + whole.len() as i32 - 1 - leading_zeros)
}

/// What stands before the byte and what after it.
fn split_at_byte(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|each| *each == byte) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// A small number; none is 0.
fn integer(text: &[u8]) -> i32 {
    match text {
        [b'-', digits @ ..] => -integer(digits),
        digits => digits.iter().fold(0, |number, digit| number * 10 + i32::from(digit - b'0')),
    }
}

fn lay_out(digits: &[u8], exponent: i32, text: &mut Text) {
    const ZEROS: &[u8] = b"00000000000000000000";
    match exponent {
        -6..=-1 => {
            text.add(b"0.");
            text.add(&ZEROS[..(-1 - exponent) as usize]);
            text.add(digits);
        }
        0..=20 => {
            let before = exponent as usize + 1;
            if before >= digits.len() {
                text.add(digits);
                text.add(&ZEROS[..before - digits.len()]);
            } else {
                text.add(&digits[..before]);
                text.add(b".");
                text.add(&digits[before..]);
            }
        }
        _ => {
            text.add(&digits[..1]);
            if digits.len() > 1 {
                text.add(b".");
                text.add(&digits[1..]);
            }
            // Cannot fail: "e-324" at most.
            let _ = write!(text, "e{exponent}");
        }
    }
}

#[derive(Default)]
struct Text {
    bytes: [u8; MAX_TEXT],
    length: usize,
}

impl Text {
    #[inline]
    fn add(&mut self, part: &[u8]) {
        self.bytes[self.length..self.length + part.len()].copy_from_slice(part);
        self.length += part.len();
    }
}

impl Write for Text {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        self.add(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(value: f64) -> String {
        let mut text = Vec::new();
        float_text(value, |bytes| text.extend_from_slice(bytes));
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn the_layout_is_the_engines() {
        // From `SELECT toString(…)` of ClickHouse 26.9.
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (123_456_789_012_345_678.0, "123456789012345680"),
            (1e20, "100000000000000000000"),
            (1e21, "1e21"),
            (3.3e22, "3.3e22"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1.5e-6, "0.0000015"),
            (1e-7, "1e-7"),
            (-1.5e-9, "-1.5e-9"),
            (123_456.789, "123456.789"),
            (0.300_000_000_000_000_04, "0.30000000000000004"),
            (-0.000_000_029_802_322_387_695_312, "-2.9802322387695312e-8"),
            (100.0, "100"),
            (1_234_500_000.0, "1234500000"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (-f64::MIN_POSITIVE, "-2.2250738585072014e-308"),
            (-0.000_001_234_567_890_123_456_7, "-0.0000012345678901234567"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text_of(value), text);
        }
    }
}
