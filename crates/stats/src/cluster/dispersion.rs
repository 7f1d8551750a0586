//! By how much more the split of the failures varies in time than that of independent ones.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::sequential::null_probability;

/// Autocovariances that are added up; with batches of a minute, dependence over five minutes.
const LAGS: usize = 4;

/// How many terms of the sum a fitted mean takes part in.
const TERMS: f64 = 1.0 + 2.0 * LAGS as f64;

/// Batches that are remembered.
const REMEMBERED: usize = 128;

/// As many batches of the canary weigh as much as the history from before it.
pub const HISTORY_WEIGHT: f64 = 120.0;

/// Standard errors by which the extra variance must be above 0 before it is believed.
const BELIEVED: f64 = 2.5;

/// Batches of a history over which its slow course is averaged out; twice as many are needed.
const COURSE: usize = 31;

/// The extra variance of one model's failures over time, learned batch by batch.
///
/// The model: each model's failure rate moves on its own, with variance `v / 2` of its logarithm
/// (times the sum of its autocorrelations) a batch. Given T failures in a batch of which each is the
/// candidate's with probability p, the candidate's count then varies by `w + v w^2`,
/// `w = T p (1-p)`, so the dispersion is `1 + v w`.
///
/// `v` is measured by moments of the residuals `e = X - p T` of the last 128 batches (p at Mantel
/// and Haenszel's rate ratio, so that harm is not taken for dispersion): `sum (e^2 - w) / sum w^2`,
/// plus twice the same of `e_j e_(j-l)` over `w_j w_(j-l)` for four lags. Bursts that hit both models
/// do not enter, since only the split is looked at. A history from before the canary
/// ([`extra_variance`]) counts as much as [`HISTORY_WEIGHT`] batches.
///
/// Source: quasi-likelihood with a moment estimate of extra-binomial variance, Williams, Applied
/// Statistics 1982; long-run variance by autocovariances, Newey and West, Econometrica 1987.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dispersion {
    #[serde(with = "crate::exact")]
    history: f64,
    batches: VecDeque<Batch>,
    /// The batch that is being filled: failures of the candidate and of the champion.
    open: [u64; 2],
    /// What the remembered batches say.
    found: Found,
    /// Whether an extra variance was ever believed.
    seen: bool,
}

/// Failures while the candidate had this share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Batch {
    #[serde(with = "crate::exact")]
    share: f64,
    #[serde(with = "crate::exact")]
    candidate: f64,
    #[serde(with = "crate::exact")]
    champion: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Found {
    #[serde(with = "crate::exact")]
    rate_ratio: f64,
    /// Sum of the weights.
    #[serde(with = "crate::exact")]
    weights: f64,
    /// Sum of their squares.
    #[serde(with = "crate::exact")]
    squares: f64,
    /// The estimate of v, and its standard error if v is 0.
    #[serde(with = "crate::exact")]
    extra: f64,
    #[serde(with = "crate::exact")]
    error: f64,
}

impl Dispersion {
    /// Nothing learned yet; `history` is the extra variance before the canary, or 0.
    pub fn new(history: f64) -> Self {
        Self {
            history: if history > 0.0 && history.is_finite() { history } else { 0.0 },
            batches: VecDeque::new(),
            open: [0; 2],
            found: Found { rate_ratio: 1.0, weights: 0.0, squares: 0.0, extra: 0.0, error: 0.0 },
            seen: false,
        }
    }

    /// Takes one failure into the batch that is being filled.
    pub fn observe(&mut self, candidate: bool) {
        self.open[usize::from(!candidate)] += 1;
    }

    /// Ends the batch, during which the candidate had this share.
    pub fn end_batch(&mut self, share: f64) {
        let [candidate, champion] = std::mem::take(&mut self.open).map(|count| count as f64);
        if !(share > 0.0 && share < 1.0) {
            return;
        }
        if self.batches.len() == REMEMBERED {
            self.batches.pop_front();
        }
        self.batches.push_back(Batch { share, candidate, champion });
        self.found = find(&self.batches);
        self.seen |= self.measured() > 0.0;
    }

    /// By what to divide the evidence of all events so far, at least 1: `1 + v sum w^2 / sum w`.
    /// Exactly 1 while nothing speaks for more, neither in the history nor in the canary. `share` is
    /// that of the batch that is being filled.
    pub fn factor(&self, share: f64) -> f64 {
        let extra = self.extra_variance();
        if extra == 0.0 {
            return 1.0;
        }
        let p = null_probability(share, self.found.rate_ratio - 1.0);
        let open = (self.open[0] + self.open[1]) as f64 * p * (1.0 - p);
        let Found { weights, squares, .. } = self.found;
        let weights = weights + open;
        if weights > 0.0 { 1.0 + extra * (squares + open * open) / weights } else { 1.0 }
    }

    /// Whether events have ever been held to be dispersed. Then a boundary that is exact for
    /// independent events no longer applies.
    pub fn is_seen(&self) -> bool {
        self.seen || self.history > 0.0
    }

    /// The extra variance `v` by now, of history and canary together.
    pub fn extra_variance(&self) -> f64 {
        let batches = self.batches.len() as f64;
        let canary = if self.history > 0.0 { self.found.extra } else { self.measured() };
        let together = HISTORY_WEIGHT * self.history + batches * canary;
        (together / (HISTORY_WEIGHT + batches)).max(0.0)
    }

    /// The extra variance in the canary if it is clearly above 0, else 0.
    fn measured(&self) -> f64 {
        let Found { extra, error, .. } = self.found;
        if extra > BELIEVED * error { extra } else { 0.0 }
    }
}

fn find(batches: &VecDeque<Batch>) -> Found {
    let ratio = batches.iter().fold([0.5; 2], |[above, below], batch| {
        [above + batch.candidate * (1.0 - batch.share), below + batch.champion * batch.share]
    });
    let rate_ratio = ratio[0] / ratio[1];
    let residual = |batch: &Batch| {
        let total = batch.candidate + batch.champion;
        let p = null_probability(batch.share, rate_ratio - 1.0);
        (batch.candidate - p * total, total * p * (1.0 - p))
    };
    let residuals: Vec<(f64, f64)> = batches.iter().map(residual).collect();
    let [weights, squared_weights] =
        residuals.iter().fold([0.0; 2], |[w, w2], (_, x)| [w + x, w2 + x * x]);
    let lagged = |lag: usize| {
        let pairs = residuals.iter().zip(residuals.iter().skip(lag));
        pairs.fold([0.0; 2], |[e, w], (a, b)| [e + a.0 * b.0, w + a.1 * b.1])
    };
    let [squares, norm] = lagged(0);
    let (mut extra, mut error) = (0.0, 0.0);
    // With fewer batches, the sum over the lags is mostly the bias of the fitted ratio.
    if batches.len() > 2 * LAGS && norm > 0.0 {
        extra = (squares - weights) / norm;
        error = 2.0 / norm;
        for [product, norm] in (1..=LAGS).map(lagged).filter(|[_, norm]| *norm > 0.0) {
            extra += 2.0 * product / norm;
            error += 4.0 / norm;
        }
        // The residuals add up to about 0, which takes their own size from every term.
        extra += TERMS / batches.len() as f64 * squares / norm;
        error = error.sqrt();
    }
    Found { rate_ratio, weights, squares: squared_weights, extra, error }
}

/// The extra variance to expect between the two models, from the champion's failures in successive
/// batches before the canary, for [`Dispersion::new`]: twice that of one model, plus one standard
/// error so that it is seldom too small. 0 unless it is clearly above what chance gives, and with
/// fewer than 62 batches; some hundred make a good history.
///
/// As for [`Dispersion`], with `e = x - m` and `w = m`, where m is the mean of the 31 batches around:
/// a daily course is shared by both models. Batches far above the others (beyond `Q3 + 3 IQR`) are
/// left out: such bursts come from the records, hit both models and cancel in the split.
pub fn extra_variance(failures_by_batch: &[u64]) -> f64 {
    let mut sorted = failures_by_batch.to_vec();
    sorted.sort_unstable();
    let at = |part: f64| sorted.get((part * sorted.len() as f64) as usize).copied().unwrap_or(0);
    let fence = at(0.75) + 3 * (at(0.75) - at(0.25)).max(1);
    let kept: Vec<f64> =
        failures_by_batch.iter().filter(|&&x| x <= fence).map(|&x| x as f64).collect();
    if kept.len() < 2 * COURSE {
        return 0.0;
    }
    let course: Vec<f64> =
        kept.windows(COURSE).map(|around| around.iter().sum::<f64>() / COURSE as f64).collect();
    let middle = &kept[COURSE / 2..];
    let residuals: Vec<f64> = middle.iter().zip(&course).map(|(x, mean)| x - mean).collect();
    let lagged = |lag: usize| {
        let product = residuals.iter().zip(&residuals[lag..]).map(|(a, b)| a * b).sum::<f64>();
        let norm = course.iter().zip(&course[lag..]).map(|(a, b)| a * b).sum::<f64>();
        (product, norm)
    };
    let (squares, norm) = lagged(0);
    if norm == 0.0 {
        return 0.0;
    }
    let n = course.len() as f64;
    let together = squares + 2.0 * (1..=LAGS).map(|lag| lagged(lag).0).sum::<f64>();
    // What the mean around takes away, and the part that independent failures have.
    let one = together / norm / (1.0 - TERMS / COURSE as f64) - course.iter().sum::<f64>() / norm;
    let relative = (2.0 * TERMS / n).sqrt();
    let error = relative * course.iter().sum::<f64>() / norm;
    if one > BELIEVED * error { 2.0 * one * (1.0 + relative) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close};

    /// Failures of one model by the minute: Poisson around `mean`, moved by an AR(1) in the
    /// logarithm with this standard deviation and autocorrelation 0.6.
    fn minutes(random: &mut Random, mean: f64, deviation: f64, batches: usize) -> Vec<u64> {
        let mut state = deviation * random.normal();
        (0..batches)
            .map(|_| {
                state = 0.6 * state + 0.8 * deviation * random.normal();
                random.poisson(mean * (state - 0.5 * deviation * deviation).exp())
            })
            .collect()
    }

    #[test]
    fn the_history_shows_what_varies_and_passes_bursts_over() {
        let mut random = Random::seeded(31);
        let mut stated = (0.0, 0);
        for _ in 0..40 {
            stated.0 += extra_variance(&minutes(&mut random, 20.0, 0.3, 600)) / 40.0;
            let mut calm: Vec<u64> = (0..600)
                .map(|minute| random.poisson(20.0 + 10.0 * (f64::from(minute) / 100.0).sin()))
                .collect();
            calm[300] += 200;
            stated.1 += usize::from(extra_variance(&calm) > 0.0);
        }
        // Twice 0.09 times the sum of the autocorrelations, 4, and about 0.17 of it as an allowance.
        assert!((0.55..=0.95).contains(&stated.0), "{}", stated.0);
        assert!(stated.1 <= 2, "{} of 40 calm histories", stated.1);
        assert_close(extra_variance(&[3, 4]), 0.0, 0.0);
    }

    #[test]
    fn common_bursts_and_harm_are_not_dispersion() {
        let mut random = Random::seeded(32);
        let believed = (0..60)
            .filter(|_| {
                let mut dispersion = Dispersion::new(0.0);
                for minute in 0..60 {
                    let failures = if minute % 20 < 3 { 150.0 } else { 15.0 };
                    for _ in 0..random.poisson(failures) {
                        dispersion.observe(random.chance(null_probability(0.3, 1.0)));
                    }
                    dispersion.end_batch(0.3);
                }
                dispersion.is_seen()
            })
            .count();
        assert!(believed <= 6, "{believed} of 60");
    }

    #[test]
    fn two_models_that_vary_on_their_own_are_dispersed() {
        let mut random = Random::seeded(33);
        let mut sum = 0.0;
        for _ in 0..20 {
            let candidate = minutes(&mut random, 10.0, 0.3, 120);
            let champion = minutes(&mut random, 10.0, 0.3, 120);
            let mut dispersion = Dispersion::new(0.0);
            for (candidate, champion) in candidate.into_iter().zip(champion) {
                (0..candidate).for_each(|_| dispersion.observe(true));
                (0..champion).for_each(|_| dispersion.observe(false));
                dispersion.end_batch(0.5);
            }
            sum += dispersion.factor(0.5) / 20.0;
        }
        // 1 + 5 * 2 * 0.09 * 4 = 4.6 in the long run, of which the canary is believed by half.
        assert!((2.2..=4.8).contains(&sum), "{sum}");
    }

    #[test]
    fn without_a_split_nothing_is_learned() {
        let mut dispersion = Dispersion::new(f64::NAN);
        dispersion.observe(false);
        dispersion.end_batch(0.0);
        assert_eq!(dispersion, Dispersion::new(0.0));
        assert_close(dispersion.factor(0.5), 1.0, 0.0);
    }
}
