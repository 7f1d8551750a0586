//! The evidence: what every metric and slice has to say, and what that proves.

use kafka::Record;
use routes::Variant;

use crate::policy::metrics::held::{Held, MIN_ANSWERS, Tally};
use crate::policy::metrics::judge::Judge;
use crate::policy::metrics::spec::Of;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;
use crate::records::answer::Answer;
use crate::records::slices::{SliceSet, Slices};

mod track;

pub(crate) use track::{Sliced, Track};

/// All metrics.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) tracks: Vec<Track>,
    /// Of all columns of all metrics; `None` where nothing is sliced.
    pub(crate) slices: Option<Slices>,
}

/// What proves harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Harm {
    pub(crate) track: usize,
    pub(crate) slice: Option<usize>,
}

/// What a metric cannot judge, so that more records would not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blind {
    /// The candidate's answers, though it judges the champion's.
    Candidate,
    /// The champion's: there is nothing to compare with.
    Champion,
    /// Neither.
    Both,
    /// The labels that come.
    Labels,
}

/// The chance that a failure is the candidate's where each of its answers has one of the champion's beside it.
pub(crate) const EVEN: f64 = 0.5;

impl Evidence {
    /// No evidence yet.
    pub(crate) fn new(plan: &Plan, profile: &StreamProfile) -> Self {
        let alphas = plan.alphas();
        let mut columns = Vec::new();
        let mut first = 0;
        let mut tracks = Vec::new();
        for (place, metric) in plan.metrics.iter().enumerate() {
            let track = Track::new(plan, place, profile, alphas[place].clone(), first);
            first += track.slices.len() as u16;
            tracks.push(track);
            columns.extend(metric.columns().expect("a plan's slices make sense"));
        }
        let columns: Vec<_> = columns.into_iter().map(|(column, _)| column).collect();
        let from = profile.features_from.clone().unwrap_or_default();
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
        let ids = self.ids(answer.slices);
        for track in &mut self.tracks {
            if let Some(held) = track.metric.alone(answer.heads, answer.fallback) {
                track.take(held, answer, share, &ids);
            }
        }
    }

    /// Counts what each metric can make of an answer, before its label is known. One that fell back is not the
    /// candidate's own.
    pub(crate) fn tally(&mut self, answer: &Answer) {
        if !answer.fallback {
            for track in &mut self.tracks {
                let unfit = track.metric.unfit(answer.heads);
                track.tally(answer.assigned_variant).answered(unfit);
            }
        }
    }

    /// Whether every critical metric that holds answers against labels can judge this one; where there is no such
    /// metric, whether the answer says anything.
    pub(crate) fn can_judge(&self, answer: &Answer, label: f64) -> bool {
        let critical = self.tracks.iter().filter(|track| track.is_critical());
        let mut held =
            critical.filter_map(|track| track.metric.beside(answer.heads, label)).peekable();
        match held.peek() {
            None => answer.heads.label.or(answer.heads.score).is_some(),
            Some(_) => held.all(|held| !matches!(held, Held::Not(_))),
        }
    }

    /// An answer met its label.
    pub(crate) fn labelled(&mut self, answer: &Answer, label: f64, share: f64) {
        let ids = self.ids(answer.slices);
        for track in &mut self.tracks {
            if let Some(held) = track.metric.beside(answer.heads, label) {
                track.met(held, answer);
                track.take(held, answer, share, &ids);
            }
        }
    }

    /// A labelled answer of a candidate that has the whole stream, beside one of the champion's past: whether that was
    /// wrong.
    pub(crate) fn pair(&mut self, answer: &Answer, label: f64, champion_wrong: bool) {
        for track in self.tracks.iter_mut().filter(|track| track.metric.of == Of::LabelErrors) {
            let Some(held) = track.metric.beside(answer.heads, label) else { continue };
            track.met(held, answer);
            let wrong = match held {
                Held::Event(wrong) => wrong,
                Held::Not(why) => why.is_the_answers(),
                Held::Value(_) => false,
            };
            let candidate = wrong && track.bursts.counts(answer.key, answer.at_ms);
            if let Judge::Counted(judge) = &mut track.whole {
                judge.observe_pair(candidate, champion_wrong);
            }
        }
    }

    /// A label that says nothing of either model, where a past answer would have stood beside it.
    pub(crate) fn unpaired(&mut self, answer: &Answer, label: f64) {
        for track in &mut self.tracks {
            if let Some(held) = track.metric.beside(answer.heads, label) {
                track.met(held, answer);
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
        assigned_variant: Variant,
        share: f64,
        key: u64,
    ) {
        let track = &mut self.tracks[metric];
        for n in 0..count {
            // Each is an event of its own where records are counted.
            let key = if n == 0 { key } else { key ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
            track.event(assigned_variant == Variant::Candidate, share, key, &[]);
        }
    }

    /// A business event of a key that nobody answered.
    pub(crate) fn stranger(&mut self, metric: usize) {
        self.tracks[metric].strangers += 1;
    }

    /// Critical metrics of business events none of which has a key of the stream: they forbid a pass.
    pub(crate) fn strange(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| {
            let counted = matches!(&track.whole, Judge::Counted(judge) if judge.saw_any());
            track.is_critical() && track.strangers >= MIN_ANSWERS && !counted
        })
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

    /// The first critical metric that proves harm, if one does; a proof stands, whatever is seen later. A metric that
    /// cannot judge the champion has nothing to compare with.
    pub(crate) fn harm(&self) -> Option<Harm> {
        let critical = self.tracks.iter().enumerate().filter(|(_, track)| track.is_critical());
        for (place, track) in critical.filter(|(_, track)| track.compares()) {
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

    /// The first critical metric that cannot judge what comes, if there is one.
    pub(crate) fn blind(&self) -> Option<(&Track, Blind)> {
        let critical = self.tracks.iter().filter(|track| track.is_critical());
        critical.filter_map(|track| Some((track, track.blind()?))).next()
    }

    /// So many answers of the champion were judged beforehand, for a candidate that has the whole stream.
    pub(crate) fn champion_was_judged(&mut self, answers: u64) {
        for track in self.tracks.iter_mut().filter(|track| track.metric.needs_labels()) {
            track.tallies[0] = Tally { answers, judged: answers, ..Tally::default() };
        }
    }

    /// Metrics of which a pass has still to prove that the candidate is not worse.
    pub(crate) fn unproven(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| track.metric.needs_proof() && !track.whole.is_safe())
    }

    /// Critical metrics that cannot judge too many answers of one of the two models: they forbid a pass.
    pub(crate) fn doubtful(&self) -> impl Iterator<Item = &Track> {
        let critical = self.tracks.iter().filter(|track| track.is_critical());
        critical.filter(|track| track.tallies.iter().any(Tally::is_doubtful))
    }

    /// Critical queries that have no data: they forbid a pass.
    pub(crate) fn silent(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| {
            let is_silent = matches!(&track.whole, Judge::Sampled(judge) if judge.is_silent());
            track.is_critical() && is_silent
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
