//! Mixture supermartingales: from a sum and its intrinsic time to evidence, and from a level to a
//! bound on the sum. What confidence sequences are made of.
//!
//! For a sum S with intrinsic time (variance process) V that is sub-psi, `M(S, V)` starts at 1 and
//! is a non-negative supermartingale while the sum has no drift, so P(M ever >= 1/alpha) <= alpha.
//! Source of all formulas: Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric,
//! nonasymptotic confidence sequences", Annals of Statistics 2021.

use statrs::function::{
    beta::{beta_reg, ln_beta},
    gamma::{gamma_lr, ln_gamma},
};

use crate::special::{bisect, normal_log_cdf};

/// Which tail of the sum a mixture watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Only sums that are too large.
    Upper,
    /// Both.
    Both,
}

/// The precision rho that makes the boundary tightest at intrinsic time `time` > 0:
/// `v / (2 L + ln(1 + 2 L))`, `L = ln(1/alpha)`, alpha doubled for [`Sides::Upper`].
pub fn precision(time: f64, alpha: f64, sides: Sides) -> f64 {
    let level = match sides {
        Sides::Upper => 2.0 * alpha,
        Sides::Both => alpha,
    };
    let twice = -2.0 * level.ln();
    time / (twice + twice.ln_1p())
}

/// Normal mixture, for sub-Gaussian sums.
///
/// Both sides: `ln(rho / (v + rho)) / 2 + s^2 / (2 (v + rho))`;
/// upper: `ln(4 rho / (v + rho)) / 2 + s^2 / (2 (v + rho)) + ln Phi(s / sqrt(v + rho))`.
pub fn normal_log_e(sum: f64, time: f64, rho: f64, sides: Sides) -> f64 {
    let spread = time + rho;
    let square = sum * sum / (2.0 * spread);
    match sides {
        Sides::Both => 0.5 * (rho / spread).ln() + square,
        Sides::Upper => {
            0.5 * (4.0 * rho / spread).ln() + square + normal_log_cdf(sum / spread.sqrt())
        }
    }
}

/// Gamma-exponential mixture, for sums that are sub-exponential with scale `scale` > 0 (bounded
/// steps below their mean by at most `scale` have it). Watches the upper side.
///
/// With `R = rho / c^2`, `V = (v + rho) / c^2`, `X = (c s + v) / c^2` and P the lower regularised
/// incomplete gamma function:
/// `R ln R - ln Gamma(R) - ln P(R, R) + ln Gamma(V) + ln P(V, X + R) - V ln(X + R) + X`.
pub fn gamma_exponential_log_e(sum: f64, time: f64, rho: f64, scale: f64) -> f64 {
    let square = scale * scale;
    let (r, v, x) = (rho / square, (time + rho) / square, (scale * sum + time) / square);
    // So far below its mean the sum can give no evidence; the formula has no value there.
    if x + r <= 0.0 {
        return f64::NEG_INFINITY;
    }
    r * r.ln() - ln_gamma(r) - gamma_lr(r, r).ln() + ln_gamma(v) + gamma_lr(v, x + r).ln()
        - v * (x + r).ln()
        + x
}

/// Beta-binomial mixture, for sums of steps that are at least `-g` and at most `h` (both > 0), with
/// the intrinsic time of a two-point law on the ends (`g h` a step).
///
/// With `r = max(rho - g h, g h / 1000)`, `x = h / (g + h)` for the upper side and 1 for both:
/// `v/(gh) ln(g+h) - (v + h s)/(h (g+h)) ln g - (v - g s)/(g (g+h)) ln h
///  + ln B_x((r + v - g s)/(g (g+h)), (r + v + h s)/(h (g+h))) - ln B_x(r/(g (g+h)), r/(h (g+h)))`.
pub fn beta_binomial_log_e(sum: f64, time: f64, rho: f64, (g, h): (f64, f64), sides: Sides) -> f64 {
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

/// The sum at which evidence that increases with the sum reaches `ln(1/alpha)`, found between 0 and
/// `most` (in the unit of the sum); infinite when it is not reached there.
pub fn bound(alpha: f64, most: f64, log_e: impl Fn(f64) -> f64) -> f64 {
    let target = -alpha.ln();
    if log_e(most) < target { f64::INFINITY } else { bisect(0.0, most, target, log_e) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_close;

    const ALPHA: f64 = 0.05;

    #[test]
    fn normal_mixtures_match_the_published_constants() {
        let two = precision(100.0, ALPHA, Sides::Both);
        let one = precision(100.0, ALPHA, Sides::Upper);
        assert_close(two, 12.6005609793, 1e-9);
        assert_close(normal_log_e(10.0, 100.0, two, Sides::Both), -0.65100516, 1e-9);
        assert_close(normal_log_e(10.0, 100.0, one, Sides::Upper), -0.0650239124, 1e-9);
        let at = |rho, sides| bound(ALPHA, 1e4, |s| normal_log_e(s, 100.0, rho, sides));
        assert_close(at(two, Sides::Both), 30.3520899038, 1e-8);
        assert_close(at(one, Sides::Upper), 27.6607088307, 1e-8);
    }

    #[test]
    fn the_gamma_exponential_mixture_matches_the_published_constants() {
        let rho = precision(100.0, ALPHA, Sides::Upper);
        assert_close(gamma_exponential_log_e(10.0, 100.0, rho, 2.0), -0.249016479, 1e-8);
        let bound = bound(ALPHA, 1e4, |s| gamma_exponential_log_e(s, 100.0, rho, 2.0));
        assert_close(bound, 33.0201702202, 1e-7);
        assert_eq!(gamma_exponential_log_e(-1e6, 100.0, rho, 2.0), f64::NEG_INFINITY);
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
