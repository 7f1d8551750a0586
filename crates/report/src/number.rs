//! How numbers read on a page: few digits, grouped thousands, never a wall of decimals.

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

/// A count with grouped thousands: `49097` reads `49,097`.
#[must_use]
pub fn count(value: u64) -> String {
    group(&value.to_string())
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
