//! How numbers read on a page: few digits, grouped thousands, never a wall of decimals.

pub use words::{count, plural};

/// A value with about four significant digits: `0.0312`, `12,480`, `3.1e-7`, `not a number`.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "not a number".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "∞".to_owned() } else { "−∞".to_owned() }
    } else if size == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e15).contains(&size) {
        signed(trim(&format!("{value:.3e}")))
    } else {
        let digits = (3 - size.log10().floor() as i32).clamp(0, 8) as usize;
        signed(group(&trim(&format!("{value:.digits$}"))))
    }
}

/// A share between 0 and 1 as a percentage: `0.0312` reads `3.12 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A duration in the unit that fits its size: `0.0000312` reads `31.2 µs`, `94` reads `1 min 34 s`.
#[must_use]
pub fn seconds(value: f64) -> String {
    if !value.is_finite() || value.abs() < 60.0 {
        let unit = Unit::of_seconds(value);
        return format!("{} {}", number(value * unit.factor), unit.name);
    }
    let (sign, whole) = (if value < 0.0 { "−" } else { "" }, value.abs().round() as u64);
    let (hours, minutes, rest) = (whole / 3600, whole % 3600 / 60, whole % 60);
    match (hours, minutes, rest) {
        (0, minutes, 0) => format!("{sign}{minutes} min"),
        (0, minutes, rest) => format!("{sign}{minutes} min {rest} s"),
        (hours, 0, _) => format!("{sign}{} h", count(hours)),
        (hours, minutes, _) => format!("{sign}{} h {minutes} min", count(hours)),
    }
}

/// A size in the unit that fits it: `4820` reads `4.71 KiB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    match value {
        1 => "1 byte".to_owned(),
        small if small < 1024 => format!("{small} bytes"),
        _ => {
            let unit = Unit::of_bytes(value as f64);
            format!("{} {}", three(value as f64 * unit.factor), unit.name)
        }
    }
}

/// A unit that fits the values of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    pub name: &'static str,
    /// By what a value in the base unit is multiplied.
    pub factor: f64,
}

impl Unit {
    /// The unit in which a duration of so many seconds has one to three digits before the point.
    #[must_use]
    pub fn of_seconds(value: f64) -> Self {
        let size = value.abs();
        let (name, factor) = if size == 0.0 || !size.is_finite() || size >= 1.0 {
            ("s", 1.0)
        } else if size >= 1e-3 {
            ("ms", 1e3)
        } else if size >= 1e-6 {
            ("µs", 1e6)
        } else {
            ("ns", 1e9)
        };
        Self { name, factor }
    }

    /// The unit in which a size of so many bytes has one to four digits before the point.
    #[must_use]
    pub fn of_bytes(value: f64) -> Self {
        const NAMES: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        let mut place = 0;
        while place + 1 < NAMES.len() && value.abs() >= 1024_f64.powi(place as i32 + 1) {
            place += 1;
        }
        Self { name: NAMES[place], factor: 1024_f64.powi(-(place as i32)) }
    }
}

/// About three significant digits, none of the whole ones lost.
fn three(value: f64) -> String {
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 2) as usize;
    group(&trim(&format!("{value:.digits$}")))
}

/// A tick label: as many decimals as the distance between ticks needs, no more.
pub(crate) fn tick(value: f64, step: f64) -> String {
    let size = value.abs().max(step.abs());
    // A tick a rounding error away from zero is zero.
    if value.abs() < step.abs() * 1e-9 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) || step.abs() < 1e-6 {
        return signed(trim(&format!("{value:.3e}")));
    }
    let decimals = (-(step.abs().log10() + 1e-9).floor()).clamp(0.0, 8.0) as usize;
    signed(group(&format!("{value:.decimals$}")))
}

/// Trailing zeros say nothing, before an exponent neither.
fn trim(text: &str) -> String {
    let (digits, exponent) = match text.split_once('e') {
        Some((digits, exponent)) => (digits, format!("e{exponent}")),
        None => (text, String::new()),
    };
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    format!("{digits}{exponent}")
}

fn group(text: &str) -> String {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (rest, String::new()),
    };
    let mut grouped = String::with_capacity(whole.len() + whole.len() / 3);
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

/// A true minus sign is as wide as a plus, a hyphen is not.
fn signed(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_with_few_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.031_234_5, "0.03123"),
            (0.5, "0.5"),
            (12_480.0, "12,480"),
            (1_234_567.8, "1,234,568"),
            (-3.0, "−3"),
            (3.1e-7, "3.1e-7"),
            (f64::NAN, "not a number"),
            (f64::NEG_INFINITY, "−∞"),
            (f64::MAX, "1.798e308"),
        ] {
            assert_eq!(number(value), text, "{value}");
        }
        assert_eq!(percent(0.0312), "3.12 %");
        assert_eq!(count(49_097), "49,097");
    }

    #[test]
    fn units_fit_their_size() {
        for (value, text) in [
            (0.0, "0 s"),
            (4e-9, "4 ns"),
            (0.000_031_2, "31.2 µs"),
            (0.0042, "4.2 ms"),
            (21.4, "21.4 s"),
            (60.0, "1 min"),
            (94.2, "1 min 34 s"),
            (3_600.0, "1 h"),
            (37_500.0, "10 h 25 min"),
            (-90.0, "−1 min 30 s"),
        ] {
            assert_eq!(seconds(value), text, "{value}");
        }
        for (value, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (4_820, "4.71 KiB"),
            (1_048_576, "1 MiB"),
            (123_456_789, "118 MiB"),
            (1_071_644_672, "1,022 MiB"),
        ] {
            assert_eq!(bytes(value), text, "{value}");
        }
        assert_eq!(
            (plural(1, "record"), plural(2_048, "record")),
            ("1 record".into(), "2,048 records".into())
        );
    }

    #[test]
    fn ticks_carry_the_decimals_of_their_step() {
        for (value, step, text) in [
            (0.30000000000000004, 0.1, "0.3"),
            (2.0, 0.5, "2.0"),
            (20_000.0, 10_000.0, "20,000"),
            (1e-18, 0.2, "0"),
            (2e-7, 1e-7, "2e-7"),
        ] {
            assert_eq!(tick(value, step), text, "{value} by {step}");
        }
    }
}
