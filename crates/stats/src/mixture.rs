//! Mixture supermartingales: from a sum and its intrinsic time to evidence, and from a level to a
//! bound on the sum. What confidence sequences are made of.
//!
//! For a sum S with intrinsic time (variance process) V that is sub-psi, `M(S, V)` starts at 1 and
//! is a non-negative supermartingale while the sum has no drift, so P(M ever >= 1/alpha) <= alpha.
//! Source of all formulas: Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric,
//! nonasymptotic confidence sequences", Annals of Statistics 2021.

use statrs::function::beta::{beta_reg, ln_beta};

/// Which tail of the sum a mixture watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    /// Only sums that are too large.
    Upper,
    /// Both.
    Both,
}

/// The precision rho that makes the boundary tightest at intrinsic time `time` > 0:
/// `v / (2 L + ln(1 + 2 L))`, `L = ln(1/alpha)`, alpha doubled for [`Sides::Upper`].
pub(crate) fn precision(time: f64, alpha: f64, sides: Sides) -> f64 {
    let level = match sides {
        Sides::Upper => 2.0 * alpha,
        Sides::Both => alpha,
    };
    let twice = -2.0 * level.ln();
    time / (twice + twice.ln_1p())
}

/// Beta-binomial mixture, for sums of steps that are at least `-g` and at most `h` (both > 0), with
/// the intrinsic time of a two-point law on the ends (`g h` a step).
///
/// With `r = max(rho - g h, g h / 1000)`, `x = h / (g + h)` for the upper side and 1 for both:
/// `v/(gh) ln(g+h) - (v + h s)/(h (g+h)) ln g - (v - g s)/(g (g+h)) ln h
///  + ln B_x((r + v - g s)/(g (g+h)), (r + v + h s)/(h (g+h))) - ln B_x(r/(g (g+h)), r/(h (g+h)))`.
pub(crate) fn beta_binomial_log_e(
    sum: f64,
    time: f64,
    rho: f64,
    (g, h): (f64, f64),
    sides: Sides,
) -> f64 {
    let (width, product) = (g + h, g * h);
    let r = (rho - product).max(1e-3 * product);
    let upper_end = match sides {
        Sides::Upper => h / width,
        Sides::Both => 1.0,
    };
    let log_beta = |a: f64, b: f64| ln_beta(a, b) + beta_reg(a, b, upper_end).ln();
    let (low, high) = ((time - g * sum) / (g * width), (time + h * sum) / (h * width));
    if low < 0.0 || high < 0.0 {
        return f64::INFINITY;
    }
    time / product * width.ln() - high * g.ln() - low * h.ln()
        + log_beta(r / (g * width) + low, r / (h * width) + high)
        - log_beta(r / (g * width), r / (h * width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::bisect;

    /// The sum at which the evidence reaches 1/alpha, searched up to `most`.
    fn bound(alpha: f64, most: f64, log_e: impl Fn(f64) -> f64) -> f64 {
        bisect(0.0, most, -alpha.ln(), log_e)
    }
    use crate::testing::assert_close;

    const ALPHA: f64 = 0.05;

    #[test]
    fn the_precision_matches_the_published_constant() {
        let two = precision(100.0, ALPHA, Sides::Both);
        assert_close(two, 12.6005609793, 1e-9);
    }

    #[test]
    fn the_beta_binomial_mixture_matches_the_published_constants() {
        let range = (0.2, 0.8);
        for (sides, evidence, at) in [
            (Sides::Both, -0.6941011739, 31.4307975961),
            (Sides::Upper, -0.0713401890, 28.4123800520),
        ] {
            let rho = precision(100.0, ALPHA, sides);
            assert_close(beta_binomial_log_e(10.0, 100.0, rho, range, sides), evidence, 1e-8);
            let found = bound(ALPHA, 100.0, |s| beta_binomial_log_e(s, 100.0, rho, range, sides));
            assert_close(found, at, 1e-7);
        }
    }
}
