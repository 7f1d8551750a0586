//! Is a rate or a mean within its limit? Both answers, looked at as often as one likes.
//!
//! For each limit two claims compete: "beyond it" and "within it". At most one of them can be wrong,
//! so each may be made at the whole false-alarm rate of the check, and whichever is made first
//! stands. Values that go together by key or in time count as fewer values
//! ([`crate::cluster::ClusteredMean`] says as how many).

use serde::{Deserialize, Serialize};

use crate::asymptotic::half_width;
use crate::cluster::ClusteredMean;
use crate::error::{Error, open_unit};
use crate::interval::Interval;
use crate::mixture::{Sides, beta_binomial_log_e, precision};
use crate::special::bisect;

/// Fewer values than this say nothing about a mean: the interval rests on the central limit theorem.
pub const FEWEST_FOR_A_MEAN: u64 = 100;

/// What a watch is given before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// The chance of a wrong claim, at any time of an endless watch; in (0, 1/2).
    pub alpha: f64,
    /// The number of values around which the bounds are tightest; at least 1.
    pub tuned_for: u64,
}

/// The log evidence for the two claims about a limit; a claim is made at `ln(1/alpha)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// That the quantity is beyond its limit.
    pub beyond: f64,
    /// That it is within.
    pub within: f64,
}

impl Watch {
    fn check(self) -> Result<Self, Error> {
        open_unit("alpha doubled", 2.0 * self.alpha)?;
        if self.tuned_for == 0 {
            return Err(Error::TooFew { what: "tuned_for", given: 0, needed: 1 });
        }
        Ok(self)
    }

    /// The evidence about "the rate of the ones among `values` (0 or 1 each) is at most `limit`".
    ///
    /// Each claim is the one-sided beta-binomial mixture ([`beta_binomial_log_e`]) of the sum
    /// `s = (ones - limit n) / phi` at intrinsic time `v = limit (1 - limit) n / phi`, where phi is
    /// how many times more the sum varies than that of independent values, measured around the limit.
    /// For phi = 1 it is an exact e-process (Howard et al., Annals of Statistics 2021); else it holds
    /// for many values, as a quasi-likelihood does (Wedderburn, Biometrika 1974).
    ///
    /// # Errors
    /// [`Error`] without values, or for an alpha or limit outside their range.
    pub fn rate_evidence(self, values: &ClusteredMean, limit: f64) -> Result<Evidence, Error> {
        let rate = Rate::of(self.check()?, values)?;
        open_unit("limit", limit)?;
        Ok(Evidence { beyond: rate.log_e_above(limit), within: rate.log_e_below(limit) })
    }

    /// The rates that neither claim speaks against: each end alone holds at all times with
    /// `1 - alpha`, and a claim about a limit is made exactly when the limit is not in here.
    ///
    /// # Errors
    /// As for [`Watch::rate_evidence`].
    pub fn rate_bounds(self, values: &ClusteredMean) -> Result<Interval, Error> {
        const EDGE: f64 = 1e-9;
        let rate = Rate::of(self.check()?, values)?;
        let (estimate, target) = (rate.estimate, -self.alpha.ln());
        let lower = if estimate <= EDGE || rate.log_e_above(EDGE) < target {
            0.0
        } else {
            bisect(EDGE, estimate, -target, |p| -rate.log_e_above(p))
        };
        let upper = if estimate >= 1.0 - EDGE || rate.log_e_below(1.0 - EDGE) < target {
            1.0
        } else {
            bisect(estimate.max(EDGE), 1.0 - EDGE, target, |p| rate.log_e_below(p))
        };
        Ok(Interval { estimate, lower, upper, confidence: 1.0 - 2.0 * self.alpha })
    }

    /// The mean of `values` with bounds that hold together at all times with `1 - alpha`, in the
    /// unit of the values: the asymptotic confidence sequence ([`half_width`]) with phi times the
    /// variance, for values that go together.
    ///
    /// # Errors
    /// [`Error`] with fewer than [`FEWEST_FOR_A_MEAN`] values or an alpha outside its range.
    pub fn mean_bounds(self, values: &ClusteredMean) -> Result<Interval, Error> {
        self.check()?;
        if values.count() < FEWEST_FOR_A_MEAN {
            let given = values.count() as usize;
            return Err(Error::TooFew { what: "mean", given, needed: FEWEST_FOR_A_MEAN as usize });
        }
        let variance = values.variance() * values.dependence().factor;
        let (size, tuned_for) = (values.count() as f64, self.tuned_for as f64);
        let half = half_width(variance, size, tuned_for, self.alpha);
        let estimate = values.mean();
        let (lower, upper) = (estimate - half, estimate + half);
        Ok(Interval { estimate, lower, upper, confidence: 1.0 - self.alpha })
    }

    /// The evidence about "the mean is at most `limit` away from 0", which is what
    /// [`Watch::mean_bounds`] are the bounds of: beyond against the nearer end, within against both.
    ///
    /// # Errors
    /// As for [`Watch::mean_bounds`]; also for a limit that is not above 0.
    pub fn mean_evidence(self, values: &ClusteredMean, limit: f64) -> Result<Evidence, Error> {
        if limit.is_nan() || limit <= 0.0 {
            return Err(Error::OutOfRange { what: "limit", value: limit, must: "above 0" });
        }
        let bounds = self.mean_bounds(values)?;
        let size = values.count() as f64;
        let rho2 = crate::asymptotic::precision(self.alpha, self.tuned_for as f64).powi(2);
        let variance = values.variance() * values.dependence().factor;
        let against = |distance: f64| {
            if variance == 0.0 {
                return if distance == 0.0 { 0.0 } else { f64::INFINITY };
            }
            let square = size * size * distance * distance / variance;
            rho2 * square / (2.0 * (size * rho2 + 1.0)) - 0.5 * (size * rho2).ln_1p()
        };
        // Negative where the mean lies on the other side of the end.
        let toward = |distance: f64| {
            if distance > 0.0 { against(distance) } else { -against(distance).abs() }
        };
        let mean = bounds.estimate;
        let (beyond, within) = (mean.abs() - limit, [limit - mean, limit + mean]);
        let within = toward(within[0]).min(toward(within[1]));
        Ok(Evidence { beyond: toward(beyond), within })
    }
}

/// A rate as seen: as many values as independent ones would say the same.
struct Rate {
    watch: Watch,
    estimate: f64,
    size: f64,
    tuned_for: f64,
}

impl Rate {
    fn of(watch: Watch, values: &ClusteredMean) -> Result<Self, Error> {
        if values.count() == 0 {
            return Err(Error::TooFew { what: "values", given: 0, needed: 1 });
        }
        let factor = values.dependence().factor;
        // What n dependent values say is what n / phi independent ones would; so is the plan.
        let size = values.count() as f64 / factor;
        let tuned_for = (watch.tuned_for as f64 / factor).max(1.0);
        Ok(Self { watch, estimate: values.mean().clamp(0.0, 1.0), size, tuned_for })
    }

    fn log_e_above(&self, p: f64) -> f64 {
        self.log_e((self.estimate - p) * self.size, p, (p, 1.0 - p))
    }

    fn log_e_below(&self, p: f64) -> f64 {
        self.log_e((p - self.estimate) * self.size, p, (1.0 - p, p))
    }

    fn log_e(&self, sum: f64, p: f64, range: (f64, f64)) -> f64 {
        let variance = p * (1.0 - p);
        let rho = precision(variance * self.tuned_for, self.watch.alpha, Sides::Upper);
        // Rounding must not take the sum beyond what so many values can reach: that would be proof.
        let within = |most: f64| most * self.size * (1.0 - 1e-12);
        let sum = sum.clamp(-within(range.0), within(range.1));
        beta_binomial_log_e(sum, variance * self.size, rho, range, Sides::Upper)
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
