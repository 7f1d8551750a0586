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
    use super::*;

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
