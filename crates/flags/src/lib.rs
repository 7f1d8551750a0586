//! Values of flags: sizes, durations, shares and names, each with an error that says what to write instead.

use std::time::Duration;

/// Parses a size such as `800000`, `512MiB` or `2GiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("", 0)];
    UNITS
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?.trim(), shift)))
        .and_then(|(number, shift)| number.parse::<u64>().ok()?.checked_mul(1 << shift))
        .filter(|size| *size > 0)
        .ok_or_else(|| format!("`{text}` is no size; write bytes, or 512MiB, 2GiB"))
}

/// Parses a duration such as `500ms`, `30s` or `2m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no duration; write 500ms, 30s, 2m or 1h"))?;
    Duration::try_from(signed).map_err(|_| format!("`{text}` is negative; a duration is not"))
}

/// Parses a share: a number from 0 to 1, or a percentage such as `5%`.
pub fn share(text: &str) -> Result<f64, String> {
    let parsed = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|value| value / 100.0),
        None => text.parse::<f64>(),
    };
    match parsed {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!("`{text}` is no share; write a number from 0 to 1 or a percentage")),
    }
}

/// Parses a name that becomes part of topic names and message keys.
pub fn name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() || text.len() > 200 || !text.chars().all(legal) {
        return Err(format!(
            "`{text}` is no name; use 1 to 200 letters, digits, dots, dashes or underscores"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use stats::random::Random;

    use super::*;

    #[test]
    fn whatever_is_written_is_read_again() {
        let mut random = Random::seeded(3);
        for _ in 0..10_000 {
            let number = random.bits() >> (random.bits() % 64);
            let span = Duration::from_millis(number >> 20);
            assert_eq!(duration(&format!("{}ms", span.as_millis())), Ok(span));
            assert_eq!(
                duration(&format!("{}s", span.as_secs())).map(|it| it.as_secs()),
                Ok(span.as_secs())
            );
            let part = random.uniform();
            assert_eq!(share(&part.to_string()), Ok(part));
            let percent = share(&format!("{}%", part * 100.0)).map(|it| (it - part).abs() < 1e-12);
            assert_eq!(percent, Ok(true));
            let kib = (number >> 12).max(1);
            assert_eq!(bytes(&format!("{kib}KiB")), Ok(kib << 10));
            assert_eq!(bytes(&number.max(1).to_string()), Ok(number.max(1)));
        }
    }

    #[test]
    fn no_text_ends_the_program() {
        let mut random = Random::seeded(4);
        let letters = "0123456789.,-+%eE msGiBKTNaIfx_/\u{e9}\u{1f600}".chars().collect::<Vec<_>>();
        for _ in 0..20_000 {
            let length = random.bits() % 12;
            let text: String =
                (0..length).map(|_| letters[random.bits() as usize % letters.len()]).collect();
            assert!(
                share(&text).is_ok_and(|it| (0.0..=1.0).contains(&it)) || share(&text).is_err()
            );
            assert!(bytes(&text).is_err() || bytes(&text) > Ok(0), "{text}");
            assert!(name(&text).is_err() || name(&text) == Ok(text.clone()));
            let _either = duration(&text);
        }
    }

    #[test]
    fn durations_shares_and_names() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("soon").is_err() && duration("-3s").is_err());
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("101%").is_err() && share("NaN").is_err());
        assert!(name("fraud-eu.v2").is_ok());
        assert!(name("").is_err() && name("a b").is_err() && name("a/b").is_err());
    }
}
