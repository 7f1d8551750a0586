//! The evidence on one metric and its slices.

use routes::Variant;
use stats::counted::CountedPlan;

use super::Blind;
use crate::policy::bursts::Bursts;
use crate::policy::metrics::counted::Counted;
use crate::policy::metrics::held::{Held, MIN_ANSWERS, Tally};
use crate::policy::metrics::judge::Judge;
use crate::policy::metrics::mean::{Mean, MeanPlan};
use crate::policy::metrics::sampled::Sampled;
use crate::policy::metrics::spec::{Metric, Of, Role};
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;
use crate::records::answer::Answer;

/// One metric.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) metric: Metric,
    pub(crate) margin: f64,
    /// What it may spend of alpha, on harm.
    pub(crate) alpha: stats::alpha::Share,
    pub(crate) whole: Judge,
    pub(crate) slices: Vec<Sliced>,
    /// What of the two models' answers it could judge: champion, candidate.
    pub(crate) tallies: [Tally; 2],
    /// Business events of keys that were not answered; they count for nothing.
    pub(crate) strangers: u64,
    /// Of its first slice, among those of all metrics.
    pub(super) first: u16,
    pub(super) bursts: Bursts,
}

/// One slice of a metric.
#[derive(Debug)]
pub(crate) struct Sliced {
    pub(crate) name: String,
    pub(crate) judge: Judge,
}

impl Track {
    pub(super) fn new(
        plan: &Plan,
        place: usize,
        profile: &StreamProfile,
        alpha: stats::alpha::Share,
        first: u16,
    ) -> Self {
        let metric = plan.metrics[place].clone();
        let margin = metric.margin.unwrap_or(plan.margin);
        let metric_profile = &profile.tracks[place];
        let of_whole = crate::policy::forecast::counted(plan, profile, place, alpha.overall);
        let judge = |harm_alpha: f64, is_whole: bool| match metric.of {
            Of::LabelErrors | Of::Failures | Of::Latency | Of::Events => {
                let mut counted = CountedPlan { harm_alpha, ..of_whole.clone() };
                if !is_whole {
                    // How many events a slice will see nobody has looked at.
                    counted.stages.clear();
                    counted.safe_stages.clear();
                }
                let judge = Counted::new(&counted, metric.better);
                Judge::Counted(Box::new(judge.expect("a plan's margins and shares make sense")))
            }
            Of::Loss | Of::Score => Judge::Mean(Box::new(Mean::new(MeanPlan {
                margin,
                both_ways: metric.of == Of::Score,
                harm_alpha,
                safe_alpha: plan.alpha,
                tuned_for: profile.values_expected(plan),
            }))),
            Of::Promql => {
                let query = metric.query.as_ref().expect("a checked metric of promql has a query");
                let alphas = [harm_alpha, plan.alpha];
                let judge = Sampled::new(query.limit, query.tolerance, metric.better, alphas);
                Judge::Sampled(judge.expect("a checked tolerance lies between 0 and 1"))
            }
        };
        let names = metric.columns().expect("a plan's slices make sense");
        let slices = names
            .into_iter()
            .flat_map(|(_, names)| names)
            .map(|name| Sliced { name, judge: judge(alpha.slice, false) })
            .collect();
        let whole = judge(alpha.overall, true);
        let bursts = Bursts::new(metric_profile.burst(plan));
        let tallies = Default::default();
        Self { margin, whole, slices, tallies, strangers: 0, first, bursts, alpha, metric }
    }

    pub(crate) fn is_critical(&self) -> bool {
        self.metric.role == Role::Critical
    }

    pub(crate) fn champion(&self) -> &Tally {
        &self.tallies[0]
    }

    pub(crate) fn candidate(&self) -> &Tally {
        &self.tallies[1]
    }

    /// Whether it has a champion to blame the candidate by.
    pub(super) fn compares(&self) -> bool {
        let is_alone = self.champion().answers < MIN_ANSWERS && self.candidate().is_mostly_unfit();
        !self.champion().is_doubtful() && !is_alone
    }

    pub(super) fn blind(&self) -> Option<Blind> {
        let (champion, candidate) = (self.champion(), self.candidate());
        let candidate_too = candidate.answers > 0 && candidate.is_mostly_unfit();
        match (champion.is_blind(), candidate.is_blind()) {
            (true, _) if candidate_too => Some(Blind::Both),
            (true, _) => Some(Blind::Champion),
            (false, true) if champion.answers >= MIN_ANSWERS && !champion.is_doubtful() => {
                Some(Blind::Candidate)
            }
            _ if champion.labels_are_unfit() => Some(Blind::Labels),
            _ => None,
        }
    }

    pub(super) fn tally(&mut self, assigned_variant: Variant) -> &mut Tally {
        &mut self.tallies[usize::from(assigned_variant == Variant::Candidate)]
    }

    /// Counts that an answer met its label.
    pub(super) fn met(&mut self, held: Held, answer: &Answer) {
        if !answer.fallback {
            let was_unfit = self.metric.unfit(answer.heads).is_some();
            self.tally(answer.assigned_variant).met(held, was_unfit);
        }
    }

    /// An answer as evidence. One of the candidate that cannot be judged counts as the worst that it can be, so that it
    /// only holds back; one of the champion counts for nothing.
    pub(super) fn take(&mut self, held: Held, answer: &Answer, share: f64, ids: &[u16]) {
        let candidate = answer.assigned_variant == Variant::Candidate;
        let held = match held {
            Held::Not(why) if candidate && why.is_the_answers() => match &self.whole {
                Judge::Counted(_) => Held::Event(true),
                Judge::Mean(_) => self.metric.worst().map_or(held, Held::Value),
                Judge::Sampled(_) => held,
            },
            held => held,
        };
        match held {
            Held::Event(true) if self.bursts.counts(answer.key, answer.at_ms) => {
                self.event(candidate, share, answer.key, ids);
            }
            // A fallback is scored by the champion.
            Held::Value(_) if self.metric.of == Of::Score && answer.fallback => {}
            Held::Value(value) => self.value(candidate, value, answer.key, ids),
            Held::Event(_) | Held::Not(_) => {}
        }
    }

    pub(super) fn event(&mut self, candidate: bool, share: f64, key: u64, ids: &[u16]) {
        self.each(ids, |judge| {
            if let Judge::Counted(judge) = judge {
                judge.observe(candidate, share, key);
            }
        });
    }

    pub(super) fn value(&mut self, candidate: bool, value: f64, key: u64, ids: &[u16]) {
        self.each(ids, |judge| {
            if let Judge::Mean(judge) = judge {
                judge.observe(candidate, value, key);
            }
        });
    }

    /// The whole stream and the slices of this metric that the record is in.
    fn each(&mut self, ids: &[u16], mut what: impl FnMut(&mut Judge)) {
        what(&mut self.whole);
        for id in ids {
            let place = id.checked_sub(self.first).map(usize::from);
            if let Some(slice) = place.and_then(|place| self.slices.get_mut(place)) {
                what(&mut slice.judge);
            }
        }
    }
}
