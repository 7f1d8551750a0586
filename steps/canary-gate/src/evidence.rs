//! The evidence: what every metric and slice has to say, and what that proves.

use contract::kafka::Record;
use routes::Variant;
use stats::counted::CountedPlan;

use crate::answer::Answer;
use crate::bursts::Bursts;
use crate::learnt::Learnt;
use crate::metrics::counted::Counted;
use crate::metrics::judge::Judge;
use crate::metrics::mean::{Mean, MeanPlan};
use crate::metrics::sampled::Sampled;
use crate::metrics::spec::{Metric, Of, Role};
use crate::plan::Plan;
use crate::sources::slices::{SliceSet, Slices};

/// All metrics.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) tracks: Vec<Track>,
    /// Of all columns of all metrics; `None` where nothing is sliced.
    pub(crate) slices: Option<Slices>,
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) metric: Metric,
    pub(crate) margin: f64,
    /// What it may spend of alpha, on harm.
    pub(crate) alpha: stats::alpha::Share,
    pub(crate) whole: Judge,
    pub(crate) slices: Vec<Sliced>,
    /// Of its first slice, among those of all metrics.
    first: u16,
    bursts: Bursts,
}

/// One slice of a metric.
#[derive(Debug)]
pub(crate) struct Sliced {
    pub(crate) name: String,
    pub(crate) judge: Judge,
}

/// What proves harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Harm {
    pub(crate) track: usize,
    pub(crate) slice: Option<usize>,
}

/// The chance that a failure is the candidate's where each of its answers has one of the champion's beside it.
pub(crate) const EVEN: f64 = 0.5;

impl Evidence {
    /// No evidence yet.
    pub(crate) fn new(plan: &Plan, learnt: &Learnt) -> Self {
        let alphas = plan.alphas();
        let mut columns = Vec::new();
        let mut first = 0;
        let mut tracks = Vec::new();
        for (place, metric) in plan.metrics.iter().enumerate() {
            let track = Track::new(plan, place, learnt, alphas[place].clone(), first);
            first += track.slices.len() as u16;
            tracks.push(track);
            columns.extend(metric.columns().expect("a plan's slices make sense"));
        }
        let columns: Vec<_> = columns.into_iter().map(|(column, _)| column).collect();
        let from = learnt.features_from.clone().unwrap_or_default();
        let slices = (!columns.is_empty())
            .then(|| Slices::new(columns, &from, plan.max_waiting / from.len().max(1)));
        Self { tracks, slices }
    }

    /// A record of the features topic, where something is sliced.
    pub(crate) fn feature(&mut self, record: &Record) {
        if let Some(slices) = &mut self.slices {
            slices.feature(record);
        }
    }

    /// An answer came: whether it failed, how long it took, what it scores.
    pub(crate) fn answered(&mut self, answer: &Answer, share: f64) {
        let candidate = answer.drawn == Variant::Candidate;
        let ids = self.ids(answer.slices);
        for track in &mut self.tracks {
            let counts = match track.metric.of {
                Of::Failures => answer.fallback,
                Of::Latency => {
                    let slo = track.metric.slo_us().unwrap_or(u64::MAX);
                    answer.took_us.is_some_and(|took| took > slo)
                }
                Of::Score => {
                    // A fallback is scored by the champion.
                    if let Some(score) = answer.score
                        && !answer.fallback
                    {
                        track.value(candidate, score, answer.key, &ids);
                    }
                    continue;
                }
                _ => continue,
            };
            if counts && track.bursts.counts(answer.key, answer.at_ms) {
                track.event(candidate, share, answer.key, &ids);
            }
        }
    }

    /// An answer met its label.
    pub(crate) fn labelled(&mut self, answer: &Answer, label: f64, share: f64) {
        let candidate = answer.drawn == Variant::Candidate;
        let ids = self.ids(answer.slices);
        for track in &mut self.tracks {
            match track.metric.of {
                Of::LabelErrors
                    if answer.is_wrong(label) && track.bursts.counts(answer.key, answer.at_ms) =>
                {
                    track.event(candidate, share, answer.key, &ids);
                }
                Of::Loss => {
                    let loss = track.metric.loss.zip(answer.score);
                    if let Some(value) = loss.and_then(|(loss, score)| loss.of(score, label)) {
                        track.value(candidate, value, answer.key, &ids);
                    }
                }
                _ => {}
            }
        }
    }

    /// A labelled answer of a candidate that has the whole stream, beside one of the champion's past.
    pub(crate) fn pair(&mut self, answer: &Answer, candidate_wrong: bool, champion_wrong: bool) {
        for track in self.tracks.iter_mut().filter(|track| track.metric.of == Of::LabelErrors) {
            let candidate = candidate_wrong && track.bursts.counts(answer.key, answer.at_ms);
            if let Judge::Counted(judge) = &mut track.whole {
                judge.observe_pair(candidate, champion_wrong);
            }
        }
    }

    /// The candidate, which has the whole stream, did not answer; an answer of the past stands beside it.
    pub(crate) fn failed_alone(&mut self, answer: &Answer) {
        for track in self.tracks.iter_mut().filter(|track| track.metric.of == Of::Failures) {
            if track.bursts.counts(answer.key, answer.at_ms) {
                track.event(true, EVEN, answer.key, &[]);
            }
        }
    }

    /// Business events of one key.
    pub(crate) fn business(
        &mut self,
        metric: usize,
        count: u64,
        drawn: Variant,
        share: f64,
        key: u64,
    ) {
        let track = &mut self.tracks[metric];
        for n in 0..count {
            // Each is an event of its own where records are counted.
            let key = if n == 0 { key } else { key ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
            track.event(drawn == Variant::Candidate, share, key, &[]);
        }
    }

    /// What Prometheus answered.
    pub(crate) fn sample(&mut self, metric: usize, value: Option<f64>) {
        if let Judge::Sampled(judge) = &mut self.tracks[metric].whole {
            judge.observe(value);
        }
    }

    /// Ends a batch, during which the candidate had this share.
    pub(crate) fn end_batch(&mut self, share: f64) {
        for track in &mut self.tracks {
            track.whole.end_batch(share);
            track.slices.iter_mut().for_each(|slice| slice.judge.end_batch(share));
        }
    }

    /// The first critical metric that proves harm, if one does; a proof stands, whatever is seen later.
    pub(crate) fn harm(&self) -> Option<Harm> {
        let critical =
            self.tracks.iter().enumerate().filter(|(_, track)| track.metric.role == Role::Critical);
        for (place, track) in critical {
            if track.whole.is_harmful() {
                return Some(Harm { track: place, slice: None });
            }
            let slice = track.slices.iter().position(|slice| slice.judge.is_harmful());
            if let Some(slice) = slice {
                return Some(Harm { track: place, slice: Some(slice) });
            }
        }
        None
    }

    /// Metrics of which a pass has still to prove that the candidate is not worse.
    pub(crate) fn unproven(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| track.metric.needs_proof() && !track.whole.is_safe())
    }

    /// Critical queries that have no data: they forbid a pass.
    pub(crate) fn silent(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| {
            let is_silent = matches!(&track.whole, Judge::Sampled(judge) if judge.is_silent());
            track.metric.role == Role::Critical && is_silent
        })
    }

    /// The largest rate ratio that the label errors leave open, for an adaptive share.
    pub(crate) fn worst_ratio(&self, share: f64) -> f64 {
        let critical = self.tracks.iter().filter(|track| track.metric.needs_proof());
        let ratios = critical.filter_map(|track| match &track.whole {
            Judge::Counted(judge) => Some(judge.worst_ratio(share)),
            Judge::Mean(_) | Judge::Sampled(_) => None,
        });
        ratios.fold(0.0, f64::max)
    }

    /// Events left out because their key had just failed, or had failed before.
    pub(crate) fn repeated(&self) -> u64 {
        let of = |track: &Track| match &track.whole {
            Judge::Counted(judge) => judge.repeated(),
            Judge::Mean(_) | Judge::Sampled(_) => 0,
        };
        self.tracks.iter().map(|track| track.bursts.repeated + of(track)).sum()
    }

    fn ids(&self, set: SliceSet) -> Vec<u16> {
        self.slices.as_ref().map_or_else(Vec::new, |slices| slices.ids(set))
    }
}

impl Track {
    fn new(
        plan: &Plan,
        place: usize,
        learnt: &Learnt,
        alpha: stats::alpha::Share,
        first: u16,
    ) -> Self {
        let metric = plan.metrics[place].clone();
        let margin = metric.margin.unwrap_or(plan.margin);
        let learnt_of = &learnt.tracks[place];
        let of_whole = crate::foresee::counted(plan, learnt, place, alpha.overall);
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
                tuned_for: learnt.values_expected(plan),
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
        let bursts = Bursts::new(learnt_of.burst(plan));
        Self { margin, whole, slices, first, bursts, alpha, metric }
    }

    fn event(&mut self, candidate: bool, share: f64, key: u64, ids: &[u16]) {
        self.each(ids, |judge| {
            if let Judge::Counted(judge) = judge {
                judge.observe(candidate, share, key);
            }
        });
    }

    fn value(&mut self, candidate: bool, value: f64, key: u64, ids: &[u16]) {
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
