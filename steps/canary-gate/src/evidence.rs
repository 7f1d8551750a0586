//! The evidence: what every metric and slice has to say, and what that proves.

use contract::kafka::Record;
use routes::Variant;
use stats::counted::CountedPlan;

use crate::answer::Answer;
use crate::bursts::Bursts;
use crate::learnt::Learnt;
use crate::metrics::counted::Counted;
use crate::metrics::held::{FEWEST, Held, Tally};
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
    /// What of the two models' answers it could judge: champion, candidate.
    pub(crate) tallies: [Tally; 2],
    /// Business events of keys that were not answered; they count for nothing.
    pub(crate) strangers: u64,
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
                track.tally(answer.drawn).answered(unfit);
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

    /// A business event of a key that nobody answered.
    pub(crate) fn stranger(&mut self, metric: usize) {
        self.tracks[metric].strangers += 1;
    }

    /// Critical metrics of business events none of which has a key of the stream: they forbid a pass.
    pub(crate) fn strange(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| {
            let counted = matches!(&track.whole, Judge::Counted(judge) if judge.saw_any());
            track.is_critical() && track.strangers >= FEWEST && !counted
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
    fn compares(&self) -> bool {
        let is_alone = self.champion().answers < FEWEST && self.candidate().is_mostly_unfit();
        !self.champion().is_doubtful() && !is_alone
    }

    fn blind(&self) -> Option<Blind> {
        let (champion, candidate) = (self.champion(), self.candidate());
        let candidate_too = candidate.answers > 0 && candidate.is_mostly_unfit();
        match (champion.is_blind(), candidate.is_blind()) {
            (true, _) if candidate_too => Some(Blind::Both),
            (true, _) => Some(Blind::Champion),
            (false, true) if champion.answers >= FEWEST && !champion.is_doubtful() => {
                Some(Blind::Candidate)
            }
            _ if champion.labels_are_unfit() => Some(Blind::Labels),
            _ => None,
        }
    }

    fn tally(&mut self, drawn: Variant) -> &mut Tally {
        &mut self.tallies[usize::from(drawn == Variant::Candidate)]
    }

    /// Counts that an answer met its label.
    fn met(&mut self, held: Held, answer: &Answer) {
        if !answer.fallback {
            let was_unfit = self.metric.unfit(answer.heads).is_some();
            self.tally(answer.drawn).met(held, was_unfit);
        }
    }

    /// An answer as evidence. One of the candidate that cannot be judged counts as the worst that it can be, so that it
    /// only holds back; one of the champion counts for nothing.
    fn take(&mut self, held: Held, answer: &Answer, share: f64, ids: &[u16]) {
        let candidate = answer.drawn == Variant::Candidate;
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
