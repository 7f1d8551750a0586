//! McNemar's question: of the pairs on which exactly one model is wrong, how many are whose?

use serde::{Deserialize, Serialize};
use statrs::function::beta::{beta_reg, ln_beta};

use crate::error::{Error, open_unit};
use crate::special::binomial_cdf;

/// Pairs on which exactly one of the two models is wrong. The pairs on which both are right or both
/// are wrong say nothing about which is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discordant {
    /// Pairs that only the candidate got wrong.
    pub candidate_only: u64,
    /// Pairs that only the champion got wrong.
    pub champion_only: u64,
}

impl Discordant {
    /// All discordant pairs.
    pub fn total(&self) -> u64 {
        self.candidate_only + self.champion_only
    }
}

/// The exact two-sided p-value of McNemar's test: twice the smaller tail of binomial(n, 1/2) at the
/// observed split, at most 1. For one look at a number of pairs fixed beforehand.
///
/// Source: McNemar 1947; exact form as in Fagerland, Lydersen and Laake 2013.
pub fn mcnemar_exact(pairs: Discordant) -> f64 {
    let smaller = pairs.candidate_only.min(pairs.champion_only);
    (2.0 * binomial_cdf(smaller, pairs.total(), 0.5)).min(1.0)
}

/// The log evidence that the candidate's part of the discordant events is above `null`
/// (1/2 for pairs), from the counts alone. May be looked at after every pair.
///
/// Mixture of likelihood ratios over a uniform prior on (null, 1): with s of n events the
/// candidate's, `ln B(1+s, 1+n-s) + ln(1 - I_null(1+s, 1+n-s)) - ln(1 - null) - s ln null -
/// (n-s) ln(1 - null)`, where I is the regularised incomplete beta function. The likelihood of the
/// mixture depends on the order of the events only through s and n, so this is an e-process.
///
/// # Errors
/// [`Error::OutOfRange`] unless `null` is strictly between 0 and 1.
pub fn mcnemar_sequential_log_e(pairs: Discordant, null: f64) -> Result<f64, Error> {
    open_unit("null", null)?;
    let candidate = pairs.candidate_only as f64;
    let champion = pairs.champion_only as f64;
    let (a, b) = (1.0 + candidate, 1.0 + champion);
    let above_null = beta_reg(b, a, 1.0 - null);
    Ok(ln_beta(a, b) + above_null.ln()
        - (1.0 - null).ln()
        - candidate * null.ln()
        - champion * (1.0 - null).ln())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::assert_close;

    fn split(candidate_only: u64, champion_only: u64) -> Discordant {
        Discordant { candidate_only, champion_only }
    }

    #[test]
    fn exact_p_matches_the_oracles() {
        assert_close(mcnemar_exact(split(15, 5)), 0.0413894653, 1e-10);
        assert_close(mcnemar_exact(split(5, 15)), 0.0413894653, 1e-10);
        assert_close(mcnemar_exact(split(0, 8)), 0.0078125, 1e-12);
        assert_close(mcnemar_exact(split(0, 0)), 1.0, 0.0);
        assert_close(mcnemar_exact(split(3, 3)), 1.0, 0.0);
    }

    #[test]
    fn sequential_evidence_matches_the_oracles() {
        let log_e = |s, n, null| mcnemar_sequential_log_e(split(s, n - s), null).unwrap();
        assert_close(log_e(60, 100, 0.5), 0.5788911232, 1e-9);
        assert_close(log_e(15, 60, 0.1), 3.6692700042, 1e-9);
        assert_close(log_e(1, 1, 0.5), 0.4054651081, 1e-9);
        assert_close(log_e(0, 0, 0.5), 0.0, 1e-12);
        assert!(mcnemar_sequential_log_e(split(1, 1), 1.0).is_err());
    }
}
