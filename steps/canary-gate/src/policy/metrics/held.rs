//! What a metric makes of an answer: decided here, once, for evidence, counts and the champion's past alike.
//!
//! An answer that a metric cannot judge is no answer that was right. The candidate's count as its worst one, so that they
//! can only hold it back; the champion's count for nothing, and too many of them leave nothing to compare with.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::{Metric, Of};
use crate::policy::metrics::loss::Loss;
use crate::policy::stream_profile::MetricProfile;

/// What the metrics look at in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Heads {
    pub(crate) label: Option<f64>,
    pub(crate) score: Option<f64>,
    pub(crate) took_us: Option<u64>,
}

/// An answer as a metric has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Held {
    /// Whether it is one of the events that are counted.
    Event(bool),
    Value(f64),
    Not(Why),
}

/// Why a metric cannot judge an answer.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Why {
    NoLabel,
    NoScore,
    /// The score lies outside 0 to 1.
    NoProbability,
    ScoreTooLarge,
    /// The prediction does not say how long its answer took.
    NoTime,
    /// The label that came is no whole number, so it names no class.
    LabelNoClass,
    /// The label that came is neither 0 nor 1.
    LabelNotBinary,
    LabelTooLarge,
}

/// How the answers of one of the two models could be judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tally {
    /// Answers of its own, whether their label is known or not.
    pub(crate) answers: u64,
    /// Of these cannot be judged, whatever the label.
    pub(crate) unfit: u64,
    /// Were judged.
    pub(crate) judged: u64,
    /// Could not be, by the reason.
    pub(crate) not: BTreeMap<Why, u64>,
}

/// Fewer answers than this say nothing of a model.
pub(crate) const MIN_ANSWERS: u64 = 20;

/// A score this near to 0 or 1 is what is left of rounding to 32 bits.
const ROUNDING: f64 = 1e-6;

impl Metric {
    /// Whether it holds answers against labels.
    pub(crate) fn needs_labels(&self) -> bool {
        matches!(self.of, Of::LabelErrors | Of::Loss)
    }

    /// What makes an answer impossible to judge, whatever its label will be.
    pub(crate) fn unfit(&self, heads: Heads) -> Option<Why> {
        match (self.of, self.loss) {
            (Of::LabelErrors, _) => heads.label.is_none().then_some(Why::NoLabel),
            (Of::Latency, _) => heads.took_us.is_none().then_some(Why::NoTime),
            (Of::Score, _) | (Of::Loss, Some(Loss::AbsoluteError | Loss::SquaredError)) => {
                heads.score.is_none().then_some(Why::NoScore)
            }
            (Of::Loss, _) => match heads.score {
                None => Some(Why::NoScore),
                Some(score) => probability(score).is_none().then_some(Why::NoProbability),
            },
            (Of::Failures | Of::Events | Of::Promql, _) => None,
        }
    }

    /// An answer as it came; `None` where the metric waits for its label, or does not look at answers.
    pub(crate) fn alone(&self, heads: Heads, fell_back: bool) -> Option<Held> {
        if let Some(why) = self.unfit(heads) {
            return (!self.needs_labels()).then_some(Held::Not(why));
        }
        match self.of {
            Of::Failures => Some(Held::Event(fell_back)),
            Of::Latency => {
                let slo = self.slo_us().unwrap_or(u64::MAX);
                heads.took_us.map(|took| Held::Event(took > slo))
            }
            Of::Score => heads.score.map(Held::Value),
            Of::LabelErrors | Of::Loss | Of::Events | Of::Promql => None,
        }
    }

    /// An answer whose label came; `None` where the metric does not look at labels.
    pub(crate) fn beside(&self, heads: Heads, label: f64) -> Option<Held> {
        if !self.needs_labels() {
            return None;
        }
        if let Some(why) = self.unfit(heads) {
            return Some(Held::Not(why));
        }
        Some(match (self.of, self.loss, heads.score) {
            (Of::Loss, Some(loss), Some(score)) => value(loss, score, label),
            _ => match error(heads, label) {
                Ok(wrong) => Held::Event(wrong),
                Err(why) => Held::Not(why),
            },
        })
    }

    /// Why it usually cannot judge an answer, if that can be.
    fn usual_why(&self) -> Option<Why> {
        // One that says nothing at all, or a score that is none.
        let nothing = self.unfit(Heads::default())?;
        match self.loss {
            Some(Loss::Logarithmic | Loss::Brier) => Some(Why::NoProbability),
            _ => Some(nothing),
        }
    }

    /// What an answer that cannot be judged costs the candidate at worst, where a loss has a worst.
    pub(crate) fn worst(&self) -> Option<f64> {
        match self.loss? {
            loss @ (Loss::Logarithmic | Loss::Brier) => loss.of(0.0, 1.0),
            Loss::AbsoluteError | Loss::SquaredError => None,
        }
    }
}

/// Whether an answer differs from its label.
///
/// # Errors
/// That cannot be said.
pub(crate) fn error(heads: Heads, label: f64) -> Result<bool, Why> {
    let own = heads.label.ok_or(Why::NoLabel)?;
    if label.fract() != 0.0 { Err(Why::LabelNoClass) } else { Ok(own != label) }
}

fn value(loss: Loss, score: f64, label: f64) -> Held {
    let is_probability = matches!(loss, Loss::Logarithmic | Loss::Brier);
    let score = if is_probability { probability(score).unwrap_or(score) } else { score };
    match loss.of(score, label) {
        Some(value) => Held::Value(value),
        None if is_probability => Held::Not(Why::LabelNotBinary),
        None if score.abs() > label.abs() => Held::Not(Why::ScoreTooLarge),
        None => Held::Not(Why::LabelTooLarge),
    }
}

fn probability(score: f64) -> Option<f64> {
    (-ROUNDING..=1.0 + ROUNDING).contains(&score).then(|| score.clamp(0.0, 1.0))
}

impl Why {
    /// Whether it lies in the answer, and not in the label that came.
    pub(crate) fn is_the_answers(self) -> bool {
        !matches!(self, Self::LabelNoClass | Self::LabelNotBinary | Self::LabelTooLarge)
    }

    /// What is wrong, in short.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::NoLabel => "no label",
            Self::NoScore => "no score",
            Self::NoProbability => "no probability",
            Self::ScoreTooLarge => "score too large",
            Self::NoTime => "no time",
            Self::LabelNoClass => "label no class",
            Self::LabelNotBinary => "label not binary",
            Self::LabelTooLarge => "label too large",
        }
    }

    /// Of answers, after "its" or "their".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NoLabel => "have no label",
            Self::NoScore => "have no score",
            Self::NoProbability => "have a score that is no probability",
            Self::ScoreTooLarge => "have a score that is too large",
            Self::NoTime => "do not say how long they took",
            Self::LabelNoClass => "met a label that is no whole number and so no class",
            Self::LabelNotBinary => "met a label that is neither 0 nor 1",
            Self::LabelTooLarge => "met a label that is too large",
        }
    }
}

impl Tally {
    /// Of the champion's past.
    pub(crate) fn of_past(metric: &Metric, profile: &MetricProfile) -> Self {
        let (answers, unfit) = (profile.own, profile.unfit);
        let not = BTreeMap::from_iter(metric.usual_why().map(|why| (why, unfit)));
        Self { answers, unfit, judged: 0, not }
    }

    /// An answer came, which may be impossible to judge whatever its label will be.
    pub(crate) fn answered(&mut self, unfit: Option<Why>) {
        self.answers += 1;
        if let Some(why) = unfit {
            self.is_unfit(why);
        }
    }

    /// An answer was held against its label; of what was unfit before that is known already.
    pub(crate) fn met(&mut self, held: Held, was_unfit: bool) {
        match held {
            Held::Event(_) | Held::Value(_) => self.judged += 1,
            Held::Not(_) if was_unfit => {}
            Held::Not(why) if why.is_the_answers() => self.is_unfit(why),
            Held::Not(why) => *self.not.entry(why).or_default() += 1,
        }
    }

    fn is_unfit(&mut self, why: Why) {
        self.unfit += 1;
        *self.not.entry(why).or_default() += 1;
    }

    /// Nearly none of its answers can be judged.
    pub(crate) fn is_blind(&self) -> bool {
        self.answers >= MIN_ANSWERS && self.is_mostly_unfit()
    }

    pub(crate) fn is_mostly_unfit(&self) -> bool {
        self.unfit * 4 > self.answers * 3
    }

    /// More of its answers than may be left out cannot be judged.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.unfit * 100 > self.answers
    }

    /// Labels came, and none of them could be held against its answers.
    pub(crate) fn labels_are_unfit(&self) -> bool {
        let unfit: u64 =
            self.not.iter().filter(|(why, _)| !why.is_the_answers()).map(|it| it.1).sum();
        unfit >= MIN_ANSWERS && self.judged == 0
    }

    /// "412 of its 420 answers have no label".
    pub(crate) fn words(&self) -> String {
        let worst = self.not.iter().filter(|(why, _)| why.is_the_answers());
        let why = worst.max_by_key(|(_, count)| **count).map_or("can be judged", |it| it.0.words());
        format!(
            "{} of its {} answers {why}",
            report::count(self.unfit),
            report::count(self.answers)
        )
    }

    /// The same of the labels that came.
    pub(crate) fn label_words(&self) -> String {
        let worst = self.not.iter().filter(|(why, _)| !why.is_the_answers());
        let (why, count) = worst
            .max_by_key(|(_, count)| **count)
            .map_or(("met a label", 0), |(why, count)| (why.words(), *count));
        format!("{} answers {why}", report::count(count))
    }
}
