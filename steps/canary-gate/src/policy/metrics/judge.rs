//! One question to the evidence: is the candidate worse in this, or surely not?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::mean::Mean;
use super::sampled::Sampled;

/// The evidence on one metric, or on one of its slices.
#[derive(Clone, Debug)]
pub(crate) enum Judge {
    Counted(Box<Counted>),
    Mean(Box<Mean>),
    Sampled(Sampled),
}

/// How things stand, for reports and reasons.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) struct View {
    pub(crate) harm: Claim,
    pub(crate) safe: Claim,
    /// A rate ratio for what is counted, a difference for means, the part of bad answers for what is asked.
    pub(crate) estimate: Option<f64>,
    /// With 95 % confidence at all times at once; infinite where the data set no bound.
    #[serde(with = "finite")]
    #[schemars(with = "Option<f64>")]
    pub(crate) lower: f64,
    #[serde(with = "finite")]
    #[schemars(with = "Option<f64>")]
    pub(crate) upper: f64,
    /// What the champion and the candidate did: events, or a mean.
    #[serde(with = "finite")]
    #[schemars(with = "Option<f64>")]
    pub(crate) champion: f64,
    #[serde(with = "finite")]
    #[schemars(with = "Option<f64>")]
    pub(crate) candidate: f64,
    /// By how much the evidence is thinned out because the data are not independent; 1 for not at all.
    pub(crate) dispersion: f64,
}

/// One of the two claims.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Claim {
    pub(crate) proven: bool,
    /// Natural logarithm of the e-value, where the claim rests on one, and the one that is enough.
    pub(crate) log_e: Option<f64>,
    pub(crate) limit: Option<f64>,
}

/// Every interval of the reports.
pub(crate) const CONFIDENCE: f64 = 0.95;

impl Judge {
    pub(crate) fn is_harmful(&self) -> bool {
        match self {
            Self::Counted(judge) => judge.is_harmful(),
            Self::Mean(judge) => judge.is_harmful(),
            Self::Sampled(judge) => judge.is_harmful(),
        }
    }

    pub(crate) fn is_safe(&self) -> bool {
        match self {
            Self::Counted(judge) => judge.is_safe(),
            Self::Mean(judge) => judge.is_safe(),
            Self::Sampled(judge) => judge.is_safe(),
        }
    }

    /// `share` is the one in force.
    pub(crate) fn view(&self, share: f64) -> View {
        match self {
            Self::Counted(judge) => judge.view(share),
            Self::Mean(judge) => judge.view(),
            Self::Sampled(judge) => judge.view(),
        }
    }

    /// Ends a batch, during which the candidate had this share.
    pub(crate) fn end_batch(&mut self, share: f64) {
        match self {
            Self::Counted(judge) => judge.end_batch(share),
            Self::Mean(judge) => judge.end_batch(),
            Self::Sampled(_) => {}
        }
    }
}

/// JSON knows no infinity: what is not finite is written as nothing, and read as no number.
mod finite {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}
