//! Means: what answers lose, and the scores themselves.

use stats::Interval;
use stats::batched::BatchedDifference;

use super::judge::{CONFIDENCE, Claim, View};

/// What a mean is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeanPlan {
    /// The tolerated difference, in the metric's unit.
    pub(crate) margin: f64,
    /// Whether the difference may be as little as much: scores have no good direction, losses have.
    pub(crate) both_ways: bool,
    pub(crate) harm_alpha: f64,
    pub(crate) safe_alpha: f64,
    /// About how many values the canary will see, for which the intervals are made tight.
    pub(crate) tuned_for: u64,
}

/// The judge of one mean: two confidence sequences of the difference, one for each claim's part of alpha.
#[derive(Clone, Debug)]
pub(crate) struct Mean {
    plan: MeanPlan,
    difference: BatchedDifference,
    harmful: bool,
    safe: bool,
}

impl Mean {
    pub(crate) fn new(plan: MeanPlan) -> Self {
        Self { plan, difference: BatchedDifference::default(), harmful: false, safe: false }
    }

    /// One value of one of the two models.
    pub(crate) fn observe(&mut self, candidate: bool, value: f64, key: u64) {
        self.difference.observe(candidate, value, key).expect("losses and scores are finite");
    }

    /// Looks at the evidence; a claim that was proven once stands.
    pub(crate) fn end_batch(&mut self) {
        self.difference.end_batch();
        let MeanPlan { margin, both_ways, harm_alpha, safe_alpha, .. } = self.plan;
        // A claim on one end takes one end of an interval of twice the level; one on both ends all of it.
        let sided = if both_ways { 1.0 } else { 2.0 };
        if let Some(interval) = self.interval(1.0 - sided * harm_alpha) {
            self.harmful |= interval.lower > margin || (both_ways && interval.upper < -margin);
        }
        if let Some(interval) = self.interval(1.0 - 2.0 * safe_alpha) {
            self.safe |= interval.upper < margin && (!both_ways || interval.lower > -margin);
        }
    }

    pub(crate) fn is_harmful(&self) -> bool {
        self.harmful
    }

    pub(crate) fn is_safe(&self) -> bool {
        self.safe
    }

    pub(crate) fn view(&self) -> View {
        let interval = self.interval(CONFIDENCE);
        let [champion, candidate] = self.difference.means();
        let dependence = self.difference.dependence();
        let claim = |proven| Claim { proven, ..Claim::default() };
        View {
            harm: claim(self.harmful),
            safe: claim(self.safe),
            estimate: interval.map(|interval| interval.estimate),
            lower: interval.map_or(f64::NEG_INFINITY, |interval| interval.lower),
            upper: interval.map_or(f64::INFINITY, |interval| interval.upper),
            champion,
            candidate,
            dispersion: dependence.keys.max(dependence.time),
        }
    }

    fn interval(&self, confidence: f64) -> Option<Interval> {
        // A level that alpha's part is too large for says nothing.
        self.difference.interval(self.plan.tuned_for, confidence).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(both_ways: bool, shift: f64) -> (bool, bool) {
        let plan = MeanPlan {
            margin: 0.1,
            both_ways,
            harm_alpha: 0.02,
            safe_alpha: 0.05,
            tuned_for: 5000,
        };
        let mut mean = Mean::new(plan);
        for n in 0..8000u64 {
            let candidate = n % 4 == 0;
            // Between -1 and 1, without a pattern that the model could follow.
            let noise =
                (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 23) - 1.0;
            let value = 0.5 * noise + if candidate { shift } else { 0.0 };
            mean.observe(candidate, value, n.wrapping_mul(0xd1b5_4a32_d192_ed03));
            if n % 200 == 199 {
                mean.end_batch();
            }
        }
        (mean.is_harmful(), mean.is_safe())
    }

    #[test]
    fn a_mean_is_harmful_beyond_its_margin_and_safe_within() {
        for (both_ways, shift, expected) in [
            (false, 0.3, (true, false)),
            (false, 0.0, (false, true)),
            (false, -0.3, (false, true)),
            (true, -0.3, (true, false)),
            (true, 0.3, (true, false)),
            (true, 0.0, (false, true)),
            (false, 0.1, (false, false)),
        ] {
            assert_eq!(judged(both_ways, shift), expected, "{both_ways} {shift}");
        }
    }
}
