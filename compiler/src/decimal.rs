//! Exact decimal numbers: `35%` and `0.35` are one value, and no float rounds them.

use std::{cmp::Ordering, fmt};

/// The largest power of ten, either way, that a number may have.
const MAX_EXPONENT: i32 = 300;

/// More digits than this are refused rather than rounded.
const MAX_DIGITS: usize = 30;

/// `mantissa * 10^exponent`, with no trailing zero in the mantissa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { mantissa: 0, exponent: 0 };

    /// One.
    pub const ONE: Decimal = Decimal { mantissa: 1, exponent: 0 };

    /// A hundred.
    pub const HUNDRED: Decimal = Decimal { mantissa: 1, exponent: 2 };

    /// Minus one.
    pub const MINUS_ONE: Decimal = Decimal { mantissa: -1, exponent: 0 };

    /// Returns `mantissa * 10^exponent`, or nothing when it is out of bounds.
    pub fn new(mantissa: i128, exponent: i32) -> Option<Decimal> {
        let mut value = Decimal { mantissa, exponent };
        if mantissa == 0 {
            return Some(Decimal::ZERO);
        }
        while value.mantissa % 10 == 0 {
            value.mantissa /= 10;
            value.exponent += 1;
        }
        let digits = value.digits();
        let largest = value.exponent + digits;
        let fits = digits <= MAX_DIGITS as i32 && largest <= MAX_EXPONENT && value.exponent >= -MAX_EXPONENT;
        fits.then_some(value)
    }

    /// Reads `-1_000.5e-3`; the text must be a number token without its unit.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = || whole.bytes().chain(fraction.bytes()).filter(|byte| *byte != b'_');
        let zeros = digits().take_while(|byte| *byte == b'0').count();
        let kept: Vec<u8> = digits().skip(zeros).collect();
        let trailing = kept.iter().rev().take_while(|byte| **byte == b'0').count();
        let kept = &kept[..kept.len() - trailing];
        if kept.len() > MAX_DIGITS || !kept.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mantissa = kept.iter().fold(0i128, |sum, byte| sum * 10 + i128::from(byte - b'0'));
        let places = fraction.bytes().filter(|byte| *byte != b'_').count();
        let exponent = i64::from(exponent) - places as i64 + trailing as i64;
        Decimal::new(if negative { -mantissa } else { mantissa }, i32::try_from(exponent).ok()?)
    }

    /// Returns `self * factor * 10^power`, or nothing when it is out of bounds.
    pub fn scale(self, factor: i128, power: i32) -> Option<Decimal> {
        Decimal::new(self.mantissa.checked_mul(factor)?, self.exponent.checked_add(power)?)
    }

    /// Returns the value as a whole number, if it is one and fits.
    pub fn to_i64(self) -> Option<i64> {
        if self.exponent < 0 {
            return (self.mantissa == 0).then_some(0);
        }
        let power = 10i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        i64::try_from(self.mantissa.checked_mul(power)?).ok()
    }

    /// Returns the mantissa and exponent, which is the canonical form.
    pub fn parts(self) -> (i128, i32) {
        (self.mantissa, self.exponent)
    }

    /// Returns the nearest float, for those who compute with it.
    pub fn to_f64(self) -> f64 {
        format!("{}e{}", self.mantissa, self.exponent).parse().unwrap_or(f64::NAN)
    }

    fn digits(self) -> i32 {
        self.mantissa.unsigned_abs().checked_ilog10().map_or(0, |log| log as i32 + 1)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.mantissa == 0 {
            return signs;
        }
        let magnitude = |d: &Decimal| d.exponent + d.digits();
        let order = magnitude(self).cmp(&magnitude(other)).then_with(|| {
            // Equal magnitudes: the exponents differ by at most MAX_DIGITS, so this cannot overflow.
            let low = self.exponent.min(other.exponent);
            let at = |d: &Decimal| d.mantissa.unsigned_abs() * 10u128.pow((d.exponent - low) as u32);
            at(self).cmp(&at(other))
        });
        if self.mantissa < 0 { order.reverse() } else { order }
    }
}

impl fmt::Display for Decimal {
    /// Writes plain digits, or an exponent where those would be long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        let point = digits.len() as i32 + self.exponent;
        if self.exponent >= 0 && point <= 15 {
            let zeros = "0".repeat(self.exponent as usize);
            write!(f, "{sign}{digits}{zeros}")
        } else if self.exponent < 0 && point > 0 {
            let (whole, fraction) = digits.split_at(point as usize);
            write!(f, "{sign}{whole}.{fraction}")
        } else if self.exponent < 0 && point > -4 {
            write!(f, "{sign}0.{}{digits}", "0".repeat(-point as usize))
        } else {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            write!(f, "{sign}{first}{dot}{rest}e{}", point - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str) {
        let value = Decimal::parse(text).map_or("none".to_owned(), |d| d.to_string());
        assert_eq!(value, shown, "{text}");
    }

    #[test]
    fn reads_and_shows() {
        check("12_000", "12000");
        check("0.350", "0.35");
        check("-0.2", "-0.2");
        check("1e-6", "1e-6");
        check("1.5e-7", "1.5e-7");
        check("0.001", "0.001");
        check("1e999", "none");
        check("1e99999999999", "none");
        check("123456789012345678901234567890123", "none");
        check("0e5", "0");
        check("1e20", "1e20");
        check("000000000000000000000000000000000000001", "1");
    }

    #[test]
    fn orders_by_value() {
        let texts = ["-2", "-1.5", "-0.01", "0", "1e-9", "0.35", "0.4", "12", "1e3", "1001"];
        let values: Vec<Decimal> = texts.iter().filter_map(|text| Decimal::parse(text)).collect();
        assert!(values.is_sorted() && values.len() == texts.len(), "{values:?}");
        assert_eq!(Decimal::parse("35").and_then(|d| d.scale(1, -2)), Decimal::parse("0.35"));
    }
}
