//! What both sequential tests stand on: the mixture likelihood ratio as a function of one count.
//!
//! With alternatives given as log odds ratios g, the log likelihood ratio of n events is
//! `g x - sum_i ln(1 + p_i (e^g - 1))`: the data enter only through x, the number of events of the
//! suspected kind, however the null probabilities p_i change on the way. So the evidence is
//! increasing in x, a boundary on the evidence is a critical count, and the chance to reach it under
//! the null hypothesis is a sum over one number.

use super::LOG_ODDS;

/// One number for each alternative: the part of its log likelihood ratio that the data do not move.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ladder {
    normalisers: [f64; LOG_ODDS.len()],
    /// The last null probability with its terms, since a share stays for many events.
    last: Option<(f64, [f64; LOG_ODDS.len()])>,
}

impl Ladder {
    pub(super) fn new() -> Self {
        Self { normalisers: [0.0; LOG_ODDS.len()], last: None }
    }

    /// One more event, of the suspected kind with probability `null` if nothing is wrong.
    pub(super) fn advance(&mut self, null: f64) {
        let terms = match self.last {
            Some((last, terms)) if last == null => terms,
            _ => {
                let terms = LOG_ODDS.map(|log_odds| normaliser(null, log_odds));
                self.last = Some((null, terms));
                terms
            }
        };
        for (sum, term) in self.normalisers.iter_mut().zip(terms) {
            *sum += term;
        }
    }

    /// The log evidence when `count` of the events were of the suspected kind.
    pub(super) fn log_e(&self, count: u64) -> f64 {
        self.log_e_dispersed(count, 1.0)
    }

    /// The same with every log likelihood ratio divided by the dispersion, at least 1.
    pub(super) fn log_e_dispersed(&self, count: u64, dispersion: f64) -> f64 {
        let (count, dispersion) = (count as f64, dispersion.max(1.0));
        let mut ratios = self.normalisers;
        for (ratio, log_odds) in ratios.iter_mut().zip(LOG_ODDS) {
            *ratio = (log_odds * count - *ratio) / dispersion;
        }
        log_mean_exp(&ratios)
    }

    /// The smallest count, from `from` on, whose evidence reaches `limit`.
    pub(super) fn critical(&self, from: u64, limit: f64) -> u64 {
        let mut count = from;
        while self.log_e(count) < limit {
            count += 1;
        }
        count
    }
}

/// `ln(1 + p (e^g - 1))`, what an event costs the alternative g.
pub(crate) fn normaliser(null: f64, log_odds: f64) -> f64 {
    (null * log_odds.exp_m1()).ln_1p()
}

/// `ln mean exp`, without overflow.
pub(crate) fn log_mean_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = values.iter().map(|value| (value - largest).exp()).sum();
    largest + (sum / values.len() as f64).ln()
}
