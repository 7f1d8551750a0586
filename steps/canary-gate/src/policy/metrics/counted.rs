//! What is counted: label errors, failures, slow answers, business events.

use stats::cluster::Aggregation;
use stats::counted::{CountedMetric, CountedPlan, Decision};
use stats::rate_ratio::RateRatio;

use super::judge::{CONFIDENCE, Claim, View};
use super::spec::Better;

/// The judge of one metric that is counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    metric: CountedMetric,
    ratio: RateRatio,
    better: Better,
}

impl Counted {
    pub(crate) fn new(plan: &CountedPlan, better: Better) -> Result<Self, stats::Error> {
        Ok(Self { metric: CountedMetric::new(plan)?, ratio: RateRatio::default(), better })
    }

    /// One event: whose it was, and at which share.
    ///
    /// Where more events are better, few of the candidate's are the harm: then an event counts for the other one.
    pub(crate) fn observe(&mut self, candidate: bool, share: f64, key: u64) {
        let repeated = self.metric.repeated();
        let (counts_for, part) = match self.better {
            Better::Lower => (candidate, share),
            Better::Higher => (!candidate, 1.0 - share),
        };
        self.metric
            .observe(counts_for, part, key)
            .expect("a plan's shares lie between 0 and 1, where both models answer");
        if self.metric.repeated() == repeated {
            self.ratio.observe(candidate, share).expect("the same share");
        }
    }

    /// A record of the candidate beside one of the champion's past: which of them failed.
    pub(crate) fn observe_pair(&mut self, candidate: bool, champion: bool) {
        self.metric.observe_pair(candidate, champion).expect("one half is a share");
        for (failed, is_candidate) in [(champion, false), (candidate, true)] {
            if failed {
                self.ratio.observe(is_candidate, 0.5).expect("one half is a share");
            }
        }
    }

    pub(crate) fn end_batch(&mut self, share: f64) {
        self.metric.end_batch(match self.better {
            Better::Lower => share,
            Better::Higher => 1.0 - share,
        });
    }

    pub(crate) fn is_harmful(&self) -> bool {
        self.metric.is_proven(Decision::Harmful)
    }

    pub(crate) fn is_safe(&self) -> bool {
        self.metric.is_proven(Decision::Safe)
    }

    /// Failures that did not count since their key had failed before.
    pub(crate) fn repeated(&self) -> u64 {
        self.metric.repeated()
    }

    /// Whether an event of either model counted.
    pub(crate) fn saw_any(&self) -> bool {
        self.metric.events().iter().any(|events| *events > 0)
    }

    /// The largest rate ratio that the events leave open.
    pub(crate) fn worst_ratio(&self, share: f64) -> f64 {
        let interval = self.ratio.interval(CONFIDENCE, self.metric.dispersion(share));
        interval.map_or(f64::INFINITY, |interval| interval.upper)
    }

    pub(crate) fn view(&self, share: f64) -> View {
        let dispersion = self.metric.dispersion(share);
        let ([harm, safe], [harm_limit, safe_limit]) =
            (self.metric.log_e(share), self.metric.thresholds());
        let interval =
            self.ratio.interval(CONFIDENCE, dispersion).expect("the confidence is a constant");
        let claim = |proven, log_e, limit| Claim { proven, log_e: Some(log_e), limit: Some(limit) };
        let [mine, others] = self.metric.events();
        let (candidate, champion) = match self.better {
            Better::Lower => (mine, others),
            Better::Higher => (others, mine),
        };
        View {
            harm: claim(self.is_harmful(), harm, harm_limit),
            safe: claim(self.is_safe(), safe, safe_limit),
            estimate: interval.estimate,
            lower: interval.lower,
            upper: interval.upper,
            champion: champion as f64,
            candidate: candidate as f64,
            dispersion,
        }
    }
}

/// How the report calls the choice.
pub(crate) fn aggregation_words(aggregation: Aggregation) -> &'static str {
    match aggregation {
        Aggregation::ByKey => "by key: the first failure of each key counts",
        Aggregation::ByRecord => "by record: keys seldom fail twice",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn plan() -> CountedPlan {
        CountedPlan {
            harm_alpha: 0.05,
            safe_alpha: 0.05,
            harm_margin: 0.25,
            safe_margin: 0.25,
            stages: Vec::new(),
            safe_stages: Vec::new(),
            aggregation: Aggregation::ByRecord,
            extra_variance: 0.0,
        }
    }

    #[test]
    fn where_more_is_better_few_are_the_harm() {
        let mut orders = Counted::new(&plan(), Better::Higher).unwrap();
        let mut errors = Counted::new(&plan(), Better::Lower).unwrap();
        for key in 0..60 {
            for judge in [&mut orders, &mut errors] {
                judge.observe(key % 6 == 0, 0.5, key);
            }
        }
        assert!(orders.is_harmful() && !orders.is_safe());
        assert!(errors.is_safe() && !errors.is_harmful());
        let view = orders.view(0.5);
        assert_eq!((view.candidate, view.champion), (10.0, 50.0));
        assert!((view.estimate.unwrap() - 0.2).abs() < 1e-9 && view.upper < 1.0, "{view:?}");
    }

    #[test]
    fn a_key_that_fails_again_counts_once_where_keys_are_counted() {
        let by_key = CountedPlan { aggregation: Aggregation::ByKey, ..plan() };
        let mut judge = Counted::new(&by_key, Better::Lower).unwrap();
        (0..50).for_each(|_| judge.observe(true, 0.1, 7));
        assert_eq!((judge.repeated(), judge.view(0.1).candidate), (49, 1.0));
        assert!(judge.worst_ratio(0.1).is_infinite());
    }
}
