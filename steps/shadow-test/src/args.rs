//! The flags of the step.

use std::path::PathBuf;
use std::time::Duration;

use flags::{duration, share};
use jiff::Timestamp;
use kafka::Window;
use registry::{InputFile, RegistryArgs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::Limits;

/// The flags beyond those of every step.
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("candidate").required(true).args(["model", "image", "candidate_endpoint"])))]
pub struct Args {
    /// ONNX file of the candidate: a path, or oci://<registry>/<repository>[:tag][@digest][#name]
    #[arg(long, env = "HEADGATE_MODEL", value_name = "FILE")]
    pub model: Option<InputFile>,

    /// Image that carries the candidate, by digest
    #[arg(long, env = "HEADGATE_IMAGE", value_name = "IMAGE")]
    pub image: Option<String>,

    /// Candidate that answers over HTTP by the Open Inference Protocol v2, in place of a model: http://host:port/v2/models/<name>
    #[arg(long, env = "HEADGATE_CANDIDATE_ENDPOINT", value_name = "URL")]
    pub candidate_endpoint: Option<String>,

    /// Digest that the candidate must have, sha256:<hex>; another one fails
    #[arg(long, env = "HEADGATE_MODEL_DIGEST", value_name = "DIGEST")]
    pub model_digest: Option<String>,

    /// ONNX file of the champion, a path or oci://…; without it the champion of the stream's route is fetched
    #[arg(long, env = "HEADGATE_CHAMPION", value_name = "FILE")]
    pub champion: Option<InputFile>,

    /// What the candidate is compared with: engine, the champion's model answering beside it; recorded, the answers that the route's champion gave to the stream; endpoint, the model at --champion-endpoint
    #[arg(long, env = "HEADGATE_AGAINST", value_enum, default_value_t = Against::Engine)]
    pub against: Against,

    /// Champion that answers over HTTP by the Open Inference Protocol v2, for --against endpoint
    #[arg(long, env = "HEADGATE_CHAMPION_ENDPOINT", value_name = "URL")]
    pub champion_endpoint: Option<String>,

    /// File with a bearer token that is shown to the endpoints; mount it from a Secret
    #[arg(long, env = "HEADGATE_ENDPOINT_TOKEN_FILE", value_name = "FILE")]
    pub endpoint_token_file: Option<PathBuf>,

    /// The longest that one attempt at an endpoint may take
    #[arg(long, env = "HEADGATE_ENDPOINT_TIMEOUT", default_value = "5s", value_parser = duration)]
    pub endpoint_timeout: Duration,

    /// How often an endpoint is asked for one batch at most while it is away or busy
    #[arg(long, env = "HEADGATE_ENDPOINT_ATTEMPTS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20), value_name = "ATTEMPTS")]
    pub endpoint_attempts: u32,

    /// Schema of the stream, the fields of its records: a path or oci://…
    #[arg(long, env = "HEADGATE_SCHEMA", value_name = "FILE")]
    pub schema: InputFile,

    /// Offsets of <STREAM>.features to answer, such as 0:100-200,1:5-60; without it and without a time the newest
    #[arg(long, env = "HEADGATE_WINDOW", value_name = "RANGES")]
    pub window: Option<Window>,

    /// First moment of the records to answer, such as 2026-08-17T06:00:00Z; with it or --to all between the two
    #[arg(long, env = "HEADGATE_FROM", value_parser = moment, value_name = "TIME", conflicts_with_all = ["window", "live"])]
    pub from: Option<Timestamp>,

    /// First moment after the records to answer
    #[arg(long, env = "HEADGATE_TO", value_parser = moment, value_name = "TIME", conflicts_with_all = ["window", "live"])]
    pub to: Option<Timestamp>,

    /// How long to answer what arrives from now on, in place of records of the past, such as 5m
    #[arg(long, env = "HEADGATE_LIVE", value_parser = duration, conflicts_with = "window")]
    pub live: Option<Duration>,

    /// How many of the newest records to answer where neither window nor time is given; the most of a live window
    #[arg(long, env = "HEADGATE_RECORDS", default_value_t = 20_000, value_name = "RECORDS")]
    pub records: u64,

    /// Fewer readable records than this are inconclusive; nothing is decided before
    #[arg(long, env = "HEADGATE_MIN_RECORDS", default_value_t = 1_000, value_name = "RECORDS")]
    pub min_records: u64,

    /// Folder that keeps fetched models
    #[arg(long, env = "HEADGATE_CACHE", default_value = "/tmp/models", value_name = "DIR")]
    pub cache: PathBuf,

    /// Largest share of records that the two answer differently
    #[arg(long, env = "HEADGATE_MAX_DISAGREEMENT", default_value = "5%", value_parser = rate, value_name = "SHARE")]
    pub max_disagreement: f64,

    /// Largest mean difference of the scores, up or down, in the unit of the score
    #[arg(long, env = "HEADGATE_MAX_SCORE_SHIFT", default_value = "0.1", value_parser = positive, value_name = "SCORE")]
    pub max_score_shift: f64,

    /// Largest share of records that the candidate fails to answer
    #[arg(long, env = "HEADGATE_MAX_ERROR_RATE", default_value = "0.5%", value_parser = rate, value_name = "SHARE")]
    pub max_error_rate: f64,

    /// Latency that 99 % of the candidate's batches must keep, per record
    #[arg(long, env = "HEADGATE_MAX_P99", default_value = "5ms", value_parser = duration)]
    pub max_p99: Duration,

    /// How many times the champion's latency the candidate's may be, in the median batch; unlimited if not given
    #[arg(long, env = "HEADGATE_MAX_LATENCY_RATIO", value_parser = positive, value_name = "RATIO")]
    pub max_latency_ratio: Option<f64>,

    /// Largest share of records for which the champion's answer here differs from the one on <STREAM>.predictions
    #[arg(long, env = "HEADGATE_MAX_CHAMPION_MISMATCH", default_value = "1%", value_parser = rate, value_name = "SHARE")]
    pub max_champion_mismatch: f64,

    /// Difference up to which two scores of the champion count as the same; relative for scores above 1
    #[arg(long, env = "HEADGATE_SCORE_TOLERANCE", default_value = "0.0001", value_parser = positive, value_name = "SCORE")]
    pub score_tolerance: f64,

    /// Confidence with which everything that is claimed holds together, over all checks and however often they are looked at
    #[arg(long, env = "HEADGATE_CONFIDENCE", default_value = "95%", value_parser = confidence, value_name = "SHARE")]
    pub confidence: f64,

    /// Time after which no further record is read and what was read decides
    #[arg(long, env = "HEADGATE_DEADLINE", default_value = "10m", value_parser = duration)]
    pub deadline: Duration,

    /// Fields whose values are shown nowhere, separated by commas; * for all
    #[arg(long, env = "HEADGATE_MASK", value_delimiter = ',', value_name = "FIELDS")]
    pub mask: Vec<String>,

    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// What the candidate is compared with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    Engine,
    Recorded,
    Endpoint,
}

impl Args {
    /// Refuses flags that contradict each other.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let refuse = |what: &str, hint: &str| Err(fault::usage(what, hint));
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return refuse("--from is not before --to", "exchange them");
        }
        if self.live.is_some_and(|time| time > self.deadline) {
            return refuse(
                "--live is longer than --deadline",
                "give --deadline at least that time",
            );
        }
        if self.against != Against::Engine && self.champion.is_some() {
            let hint = "leave --champion out, or compare with --against engine";
            return refuse("only --against engine takes a model of the champion", hint);
        }
        if (self.against == Against::Endpoint) != self.champion_endpoint.is_some() {
            let hint = "give both, or none of them";
            return refuse("--against endpoint and --champion-endpoint belong together", hint);
        }
        if self.candidate_endpoint.is_some() && self.model_digest.is_some() {
            let hint = "leave --model-digest out, or give the model itself";
            return refuse("an endpoint does not tell the digest of its model", hint);
        }
        if self.against == Against::Recorded && self.max_latency_ratio.is_some() {
            let hint = "leave --max-latency-ratio out, or compare with --against engine";
            return refuse("the champion takes no time here when its answers are recorded", hint);
        }
        Ok(())
    }

    /// How an endpoint is reached; its own words are quoted where nothing is masked.
    pub(crate) fn endpoint(&self, model: &str) -> inference::Options {
        inference::Options {
            token_file: self.endpoint_token_file.clone(),
            ca_file: self.registry.ca_file.clone(),
            timeout: self.endpoint_timeout,
            attempts: self.endpoint_attempts,
            quote: self.mask.is_empty(),
            ..inference::Options::of(model)
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            min_records: self.min_records,
            disagreement: self.max_disagreement,
            score_shift: self.max_score_shift,
            error_rate: self.max_error_rate,
            p99: self.max_p99.as_secs_f64(),
            latency_ratio: self.max_latency_ratio,
            champion_mismatch: (self.against == Against::Engine)
                .then_some(self.max_champion_mismatch),
            score_tolerance: self.score_tolerance,
            confidence: self.confidence,
        }
    }
}

/// A share that records can show to be kept: no number of them shows a rate of 0.
fn rate(text: &str) -> Result<f64, String> {
    match share(text)? {
        0.0 => {
            Err("no number of records shows a rate of 0; write a small share such as 0.1%".into())
        }
        rate => Ok(rate),
    }
}

fn confidence(text: &str) -> Result<f64, String> {
    let value = share(text)?;
    let open = 0.0 < value && value < 1.0;
    open.then_some(value).ok_or_else(|| format!("`{text}` is no confidence; write 95% or 0.99"))
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err(format!("`{text}` is no number above 0")),
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let hint = "write it as in 2026-08-17T06:00:00Z";
    text.parse().map_err(|_| format!("`{text}` is no moment; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_zone() {
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Ok(Timestamp::UNIX_EPOCH));
        assert!(moment("yesterday").is_err() && moment("2026-08-17T06:00:00").is_err());
    }

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        assert!(rate("0").is_err() && rate("0%").is_err());
        assert_eq!(rate("0.1%"), Ok(0.001));
        assert!(confidence("1").is_err() && confidence("0").is_err());
        assert_eq!(confidence("99%"), Ok(0.99));
        assert!(positive("0").is_err() && positive("inf").is_err() && positive("NaN").is_err());
    }
}
