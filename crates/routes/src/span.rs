//! Times as people read them.

use std::time::Duration;

/// A span with what matters of it: `less than 1 ms`, `120 ms`, `2.5 s`, `2 min`, `1 h 5 min`.
pub fn span(span: Duration) -> String {
    let (millis, seconds) = (span.as_millis(), span.as_secs_f64().round() as u64);
    match millis {
        0 if span.is_zero() => "0 s".into(),
        0 => "less than 1 ms".into(),
        1..1_000 => format!("{millis} ms"),
        1_000..9_950 if millis % 1_000 != 0 => format!("{:.1} s", span.as_secs_f64()),
        _ if seconds < 60 => format!("{seconds} s"),
        _ if seconds < 3_600 => with_rest((seconds / 60, "min"), (seconds % 60, "s")),
        _ => with_rest((seconds / 3_600, "h"), (seconds % 3_600 / 60, "min")),
    }
}

fn with_rest((whole, unit): (u64, &str), (rest, of): (u64, &str)) -> String {
    match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {of}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (micros, expected) in [
            (0, "0 s"),
            (8, "less than 1 ms"),
            (120_000, "120 ms"),
            (999_900, "999 ms"),
            (1_000_000, "1 s"),
            (2_500_000, "2.5 s"),
            (9_990_000, "10 s"),
            (59_700_000, "1 min"),
            (120_000_000, "2 min"),
            (90_000_000, "1 min 30 s"),
            (3_900_000_000, "1 h 5 min"),
            (7_200_000_000, "2 h"),
        ] {
            assert_eq!(span(Duration::from_micros(micros)), expected, "{micros}");
        }
    }
}
