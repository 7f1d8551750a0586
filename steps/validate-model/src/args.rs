//! The step's flags.

use std::str::FromStr;
use std::time::Duration;

use flags::{bytes, duration, share};
use registry::{InputFile, RegistryArgs};

use crate::checks::Limits;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// File of the candidate model: a path, or oci://<registry>/<repository>[:tag][@digest][#name]
    #[arg(long, env = "HEADGATE_MODEL", value_name = "FILE")]
    pub model: InputFile,

    /// File of the model that answers the stream now, a path or oci://…, or current for the champion of the stream's route; may be left out only with --strategy bootstrap
    #[arg(long, env = "HEADGATE_CHAMPION", value_name = "FILE")]
    pub champion: Option<Champion>,

    /// How the model comes in: canary and blue-green are compared with a champion, bootstrap is for a stream without one
    #[arg(long, env = "HEADGATE_STRATEGY", value_enum, default_value_t = Strategy::Canary)]
    pub strategy: Strategy,

    /// Schema of the stream, JSON: a path or oci://…
    #[arg(long, env = "HEADGATE_SCHEMA", value_name = "FILE")]
    pub schema: InputFile,

    /// Golden set, records with what the training side answers to them, JSON: a path or oci://…
    #[arg(long, env = "HEADGATE_GOLDEN", value_name = "FILE")]
    pub golden: InputFile,

    /// Labelled hold-out, CSV with the schema's fields and `label`: a path or oci://…
    #[arg(long, env = "HEADGATE_HOLDOUT", value_name = "FILE")]
    pub holdout: InputFile,

    /// How far a score may be from the golden one
    #[arg(long, env = "HEADGATE_GOLDEN_TOLERANCE", default_value_t = 1e-4, value_parser = distance, value_name = "DISTANCE")]
    pub golden_tolerance: f64,

    /// How many labels of the golden set may differ
    #[arg(long, env = "HEADGATE_GOLDEN_FLIPS", default_value_t = 0, value_name = "COUNT")]
    pub golden_flips: usize,

    /// Least share of right labels on the hold-out
    #[arg(long, env = "HEADGATE_MIN_ACCURACY", default_value = "95%", value_parser = share)]
    pub min_accuracy: f64,

    /// How much larger than the champion's the share of wrong labels may be
    #[arg(long, env = "HEADGATE_MARGIN", default_value = "0.5%", value_parser = share)]
    pub margin: f64,

    /// Confidence with which a limit must be kept
    #[arg(long, env = "HEADGATE_CONFIDENCE", default_value = "95%", value_parser = confidence)]
    pub confidence: f64,

    /// Rows a request to the model, as the scorer asks
    #[arg(long, env = "HEADGATE_BATCH", default_value_t = 500, value_parser = batch, value_name = "ROWS")]
    pub batch: usize,

    /// Most time that 99 of 100 requests may take
    #[arg(long, env = "HEADGATE_LATENCY_BUDGET", default_value = "50ms", value_parser = duration)]
    pub latency_budget: Duration,

    /// Most memory that a process may need that only loads the model and answers
    #[arg(long, env = "HEADGATE_MEMORY_BUDGET", default_value = "512MiB", value_parser = bytes)]
    pub memory_budget: u64,

    /// How long a model may take to load and to answer all of this before it counts as hung
    #[arg(long, env = "HEADGATE_ANSWER_TIMEOUT", default_value = "2m", value_parser = duration)]
    pub answer_timeout: Duration,

    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// The model to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Champion {
    /// The one that the stream's route names when the step runs.
    Current,
    /// This file.
    File(InputFile),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Strategy {
    Canary,
    Bootstrap,
    BlueGreen,
}

impl FromStr for Champion {
    type Err = registry::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "current" => Ok(Self::Current),
            file => file.parse().map(Self::File),
        }
    }
}

impl Args {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            golden_tolerance: self.golden_tolerance,
            golden_flips: self.golden_flips,
            min_accuracy: self.min_accuracy,
            margin: self.margin,
            confidence: self.confidence,
            latency_ms: self.latency_budget.as_secs_f64() * 1e3,
            batch: self.batch,
            memory: self.memory_budget,
            champion_needed: self.strategy != Strategy::Bootstrap,
        }
    }
}

fn distance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(value),
        _ => Err(format!("`{text}` is no distance; write a number from 0 on, such as 1e-4")),
    }
}

fn confidence(text: &str) -> Result<f64, String> {
    match share(text) {
        Ok(value) if (0.5..1.0).contains(&value) => Ok(value),
        _ => Err(format!("`{text}` is no confidence; write 50% or more, but less than 100%")),
    }
}

fn batch(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(rows @ 1..=100_000) => Ok(rows),
        _ => Err(format!("`{text}` is no batch; write 1 to 100000 rows")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_distances_and_confidences() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("800000"), Ok(800_000));
        assert!(bytes("0").is_err() && bytes("lots").is_err() && bytes("99999999999GiB").is_err());
        assert_eq!(distance("1e-4"), Ok(1e-4));
        assert!(distance("-1").is_err() && distance("NaN").is_err());
        assert_eq!(confidence("95%"), Ok(0.95));
        assert!(confidence("100%").is_err() && confidence("0.1").is_err());
        assert!(batch("0").is_err());
    }
}
