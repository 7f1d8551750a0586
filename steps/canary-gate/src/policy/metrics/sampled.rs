//! What is asked on a schedule: a number that Prometheus gives, held against a limit.

use stats::paired::BettingTest;

use super::judge::{Claim, View};
use super::spec::Better;

/// Fewer answers than this are no basis for a pass.
const MIN_SAMPLES: u64 = 3;

/// The judge of one query: which part of its answers lies beyond the limit?
///
/// "At most the tolerated part" and "at least the tolerated part" are each held against the answers by a betting
/// e-process, which asks nothing of how they depend on each other but that each is beyond the limit with at most (at
/// least) that chance given the ones before. An answer without data is none: it proves nothing, and while the last one
/// had none there is no pass.
#[derive(Clone, Debug)]
pub(crate) struct Sampled {
    limit: f64,
    tolerance: f64,
    better: Better,
    /// ln(1/alpha) of each claim.
    limits: [f64; 2],
    harm: BettingTest,
    safe: BettingTest,
    values: u64,
    beyond: u64,
    without_data: u64,
    last: Option<f64>,
}

impl Sampled {
    pub(crate) fn new(
        limit: f64,
        tolerance: f64,
        better: Better,
        [harm_alpha, safe_alpha]: [f64; 2],
    ) -> Result<Self, stats::Error> {
        Ok(Self {
            limit,
            tolerance,
            better,
            limits: [-harm_alpha.ln(), -safe_alpha.ln()],
            harm: BettingTest::new(tolerance)?,
            // Of answers within the limit at most the rest is tolerated.
            safe: BettingTest::new(1.0 - tolerance)?,
            values: 0,
            beyond: 0,
            without_data: 0,
            last: None,
        })
    }

    /// An answer, or that there is none.
    pub(crate) fn observe(&mut self, value: Option<f64>) {
        self.last = value;
        let Some(value) = value else {
            self.without_data += 1;
            return;
        };
        let is_beyond = match self.better {
            Better::Lower => value > self.limit,
            Better::Higher => value < self.limit,
        };
        self.values += 1;
        self.beyond += u64::from(is_beyond);
        let part = f64::from(u8::from(is_beyond));
        self.harm.observe(part).expect("0 or 1");
        self.safe.observe(1.0 - part).expect("0 or 1");
    }

    pub(crate) fn is_harmful(&self) -> bool {
        self.harm.peak_log_e() >= self.limits[0]
    }

    pub(crate) fn is_safe(&self) -> bool {
        self.safe.peak_log_e() >= self.limits[1]
    }

    /// Whether its silence forbids a pass.
    pub(crate) fn is_silent(&self) -> bool {
        self.values < MIN_SAMPLES || self.last.is_none()
    }

    /// Answers with a value, and without.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.values, self.without_data)
    }

    pub(crate) fn view(&self) -> View {
        let part = (self.values > 0).then(|| self.beyond as f64 / self.values as f64);
        let bounds = stats::confidence_sequence::rate(self.beyond, self.values, 100, 0.95).ok();
        View {
            harm: Claim {
                proven: self.is_harmful(),
                log_e: Some(self.harm.log_e()),
                limit: Some(self.limits[0]),
            },
            safe: Claim {
                proven: self.is_safe(),
                log_e: Some(self.safe.log_e()),
                limit: Some(self.limits[1]),
            },
            estimate: part,
            lower: bounds.as_ref().map_or(0.0, |bounds| bounds.lower),
            upper: bounds.as_ref().map_or(1.0, |bounds| bounds.upper),
            champion: self.tolerance,
            candidate: self.beyond as f64,
            dispersion: 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn asked(better: Better, values: impl IntoIterator<Item = Option<f64>>) -> Sampled {
        let mut sampled = Sampled::new(10.0, 0.1, better, [0.05, 0.05]).unwrap();
        values.into_iter().for_each(|value| sampled.observe(value));
        sampled
    }

    #[test]
    fn answers_beyond_the_limit_are_harm_and_answers_within_are_not() {
        let high = asked(Better::Lower, [Some(12.0); 20]);
        assert!(high.is_harmful() && !high.is_safe());
        assert!(asked(Better::Higher, [Some(2.0); 20]).is_harmful());
        let low = asked(Better::Lower, [Some(2.0); 200]);
        assert!(low.is_safe() && !low.is_harmful());
        let tenth =
            asked(Better::Lower, (0..200).map(|n| Some(if n % 10 == 0 { 12.0 } else { 2.0 })));
        assert!(!tenth.is_harmful() && !tenth.is_safe(), "just what is tolerated");
    }

    #[test]
    fn no_data_is_never_a_success() {
        let silent = asked(Better::Lower, [None; 500]);
        assert!(silent.is_silent() && !silent.is_safe() && !silent.is_harmful());
        assert_eq!(silent.counts(), (0, 500));
        assert!(asked(Better::Lower, [Some(1.0), Some(1.0), Some(1.0), None]).is_silent());
        assert!(!asked(Better::Lower, [None, Some(1.0), Some(1.0), Some(1.0)]).is_silent());
    }
}
