//! Sequential intervals for differences of means with any distribution, for many records.

/// The precision rho at which the interval is tightest around `tuned_for` records:
/// `sqrt((-2 ln alpha + ln(-2 ln alpha + 1)) / n)`.
pub(crate) fn precision(alpha: f64, tuned_for: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    ((twice + twice.ln_1p()) / tuned_for).sqrt()
}

/// Half the width of the asymptotic confidence sequence of a mean after `size` records with this `variance` a record:
/// `sqrt(s^2) sqrt(2 (n rho^2 + 1) ln(sqrt(n rho^2 + 1) / alpha) / (n rho)^2)`.
///
/// After enough records it holds at all later times at once; early on it is only as good as the central limit theorem.
/// Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 2024.
pub(crate) fn half_width(variance: f64, size: f64, tuned_for: f64, alpha: f64) -> f64 {
    let rho = precision(alpha, tuned_for);
    let spread = size * rho * rho + 1.0;
    let factor = 2.0 * spread * (spread.sqrt() / alpha).ln() / (size * rho).powi(2);
    (variance * factor).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_close;

    #[test]
    fn matches_the_published_constants() {
        assert_close(precision(0.05, 5000.0), 0.0398400668, 1e-10);
        assert_close(half_width(1.0, 5000.0, 5000.0, 0.05), 0.0429243372, 1e-10);
    }
}
