//! How many records a hold-out would need to settle what this one did not: the interval against the limit, were the
//! shares to stay what they are.

use words::text;

/// Larger hold-outs are not proposed; a share that close to its limit is not settled by records.
const MOST: u64 = 10_000_000;

/// What it takes, as the end of a sentence; `is_settled` says whether so many records would settle it.
///
/// `is_settled` is false at `now`. The number is rounded up to two digits: it rests on an estimate.
pub(crate) fn said(
    now: u64,
    is_settled: impl Fn(u64) -> anyhow::Result<bool>,
) -> anyhow::Result<String> {
    let mut high = now.max(1);
    while high < MOST && !is_settled(high)? {
        high = high.saturating_mul(2).min(MOST);
    }
    if !is_settled(high)? {
        return Ok("; it is so close to the limit that no hold-out would settle it".to_owned());
    }
    let mut low = now;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_settled(middle)? { high = middle } else { low = middle }
    }
    let records = text::count(two_digits(high), "record", "records");
    Ok(format!("; about {records} would, if the shares stay as they are"))
}

/// `count` of `now` records, were there `then`.
pub(crate) fn scaled(count: u64, now: u64, then: u64) -> u64 {
    (count as f64 / now.max(1) as f64 * then as f64).round() as u64
}

/// Rounded up to two digits.
fn two_digits(number: u64) -> u64 {
    let unit = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number.div_ceil(unit) * unit
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_least_number_that_settles_it_is_said_in_two_digits() {
        let at_least = |enough: u64| move |records: u64| Ok(records >= enough);
        for (now, enough, expected) in [
            (20, 52, "about 52 records"),
            (20, 101, "about 110 records"),
            (100, 4_013, "about 4100 records"),
            (1_000, MOST + 1, "no hold-out would settle it"),
        ] {
            let found = said(now, at_least(enough)).unwrap();
            assert!(found.contains(expected), "{found}");
        }
        assert_eq!(
            [scaled(1, 3, 300), scaled(0, 0, 9), two_digits(7), two_digits(99)],
            [100, 0, 7, 99]
        );
    }
}
