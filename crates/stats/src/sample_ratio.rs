//! Did the records split as planned? If not, nothing that is counted on them may be trusted.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;

use crate::error::{Error, open_unit};

/// How sure the prior is of the planned shares, as a number of records; large values look for small
/// deviations in large streams.
pub const DEFAULT_CONCENTRATION: f64 = 10_000.0;

/// A sequential check that records go to the candidate with the planned share.
///
/// Log evidence of a Dirichlet mixture with parameters `k s` and `k (1-s)` around the planned share
/// against the share itself: `ln B(k s + x, k (1-s) + n - x) - ln B(k s, k (1-s)) - x ln s -
/// (n-x) ln(1-s)`. May be looked at after every record; begin a new one when the share changes and
/// add the evidence. Source: Lindon and Malek, NeurIPS 2022.
///
/// Assumption: each record is drawn by itself. A sticky split draws keys, not records: count keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRatioCheck {
    share: f64,
    concentration: f64,
    candidate: u64,
    champion: u64,
    /// Evidence from stretches with other shares.
    before: f64,
    peak_log_e: f64,
}

impl SampleRatioCheck {
    /// A check of the planned `share`, strictly between 0 and 1.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for another share.
    pub fn new(share: f64) -> Result<Self, Error> {
        Ok(Self {
            share: open_unit("share", share)?,
            concentration: DEFAULT_CONCENTRATION,
            candidate: 0,
            champion: 0,
            before: 0.0,
            peak_log_e: 0.0,
        })
    }

    /// From now on, `share` of the records should be the candidate's.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a share outside (0, 1).
    pub fn change_share(&mut self, share: f64) -> Result<(), Error> {
        open_unit("share", share)?;
        self.before = self.log_e();
        (self.share, self.candidate, self.champion) = (share, 0, 0);
        Ok(())
    }

    /// Takes a batch of records.
    pub fn observe(&mut self, candidate: u64, champion: u64) {
        self.candidate += candidate;
        self.champion += champion;
        self.peak_log_e = self.peak_log_e.max(self.log_e());
    }

    /// The evidence that the records do not split as planned, by now.
    pub fn log_e(&self) -> f64 {
        let counts = [self.candidate, self.champion];
        let planned = [self.share, 1.0 - self.share];
        self.before + log_e(&counts, &planned, self.concentration)
    }

    /// The smallest p-value by now, valid at all times: `1 / e` of the peak.
    pub fn p_value(&self) -> f64 {
        (-self.peak_log_e).exp()
    }
}

/// The log evidence that `counts` do not come with the `planned` proportions (each above 0, sum 1):
/// `ln Gamma(k) - sum ln Gamma(k t_i) + sum ln Gamma(k t_i + x_i) - ln Gamma(k + n) - sum x_i ln t_i`.
pub fn log_e(counts: &[u64], planned: &[f64], concentration: f64) -> f64 {
    let total: u64 = counts.iter().sum();
    let mut log_e = ln_gamma(concentration) - ln_gamma(concentration + total as f64);
    for (&count, &share) in counts.iter().zip(planned) {
        let (count, prior) = (count as f64, concentration * share);
        log_e += ln_gamma(prior + count) - ln_gamma(prior) - count * share.ln();
    }
    log_e
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn counts_match_the_oracles() {
        let half = [0.5, 0.5];
        assert_close(log_e(&[60, 40], &half, 2.0), -0.0909648780, 1e-9);
        assert_close(log_e(&[60, 40], &half, 100.0), 0.6588918180, 1e-9);
        assert_close(log_e(&[100, 900], &half, 1e4), 29.0716028, 1e-6);
        assert_close(log_e(&[500, 600], &half, 1e4), 0.3983146440, 1e-8);
        assert_close(log_e(&[5200, 4800], &half, 1e4), 3.6538806657, 1e-8);
        let mut check = SampleRatioCheck::new(0.5).unwrap();
        check.observe(5200, 4800);
        assert_close(check.p_value(), 0.0258905, 1e-7);
    }

    #[test]
    fn a_change_of_the_share_keeps_the_evidence() {
        let mut check = SampleRatioCheck::new(0.1).unwrap();
        check.observe(300, 1700);
        let before = check.log_e();
        check.change_share(0.5).unwrap();
        assert_close(check.log_e(), before, 1e-12);
        assert!(check.change_share(1.0).is_err());
    }

    #[test]
    fn an_honest_split_seldom_alarms_and_a_wrong_one_does() {
        let alarms = |real: f64, runs: usize| {
            let mut random = Random::seeded(88);
            (0..runs)
                .filter(|_| {
                    let mut check = SampleRatioCheck::new(0.1).unwrap();
                    for _ in 0..200 {
                        let candidate = (0..100).filter(|_| random.chance(real)).count() as u64;
                        check.observe(candidate, 100 - candidate);
                    }
                    check.p_value() <= 0.05
                })
                .count()
        };
        assert!(alarms(0.1, 200) <= 10);
        assert_eq!(alarms(0.12, 20), 20);
    }
}
