//! The flags.

use std::time::Duration;

use flags::{duration, share};
use registry::RegistryArgs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Digest of the model on trial, sha256:<hex>
    #[arg(long, env = "HEADGATE_MODEL_DIGEST", value_name = "DIGEST")]
    pub model_digest: String,

    /// Image that carries the model, by digest
    #[arg(long, env = "HEADGATE_IMAGE", value_name = "IMAGE")]
    pub image: String,

    /// How the candidate comes in: canary by shares beside the champion, blue-green with the whole stream at once, compared with the champion's own past; a-a gives the champion shares beside itself and measures the false alarms of this stream
    #[arg(long, env = "HEADGATE_STRATEGY", value_enum, default_value_t = Strategy::Canary)]
    pub strategy: Strategy,

    /// Shares of the keys that the candidate answers, one after the other; blue-green knows only 100 %
    #[arg(
        long,
        env = "HEADGATE_SHARES",
        default_value = "1%,5%,25%,50%",
        value_delimiter = ',',
        value_parser = share
    )]
    pub shares: Vec<f64>,

    /// How the shares follow each other: by plan, each for its least time and records; or adaptive, the largest whose risk the evidence allows
    #[arg(long, env = "HEADGATE_ADVANCE", value_enum, default_value_t = Advance::Plan)]
    pub advance: Advance,

    /// By how much the failures of the whole stream may rise at an adaptive share, as far as the evidence can tell: 0.5 for half as many again
    #[arg(long, env = "HEADGATE_RISK", default_value_t = 0.5)]
    pub risk: f64,

    /// What to judge by: a JSON list of metrics, or a file with one; without it label errors and failures to answer
    #[arg(long, env = "HEADGATE_METRICS", value_name = "JSON|FILE")]
    pub metrics: Option<String>,

    /// False-alarm rate: the chance to fail a candidate that is not worse, and to pass one that is; shared by all metrics and slices
    #[arg(long, env = "HEADGATE_ALPHA", default_value_t = 0.05)]
    pub alpha: f64,

    /// How much more often than the champion the candidate may fail and count as not worse, 0.25 for a quarter
    #[arg(long, env = "HEADGATE_MARGIN", default_value_t = 0.25)]
    pub margin: f64,

    /// What a pass needs: evidence that it is not worse, or only no-harm at any share
    #[arg(long, env = "HEADGATE_ACCEPT", value_enum, default_value_t = Accept::Evidence)]
    pub accept: Accept,

    /// Labelled answers of each of the two models to see at each share
    #[arg(long, env = "HEADGATE_MIN_RECORDS", default_value_t = 100)]
    pub min_records: u64,

    /// Most labelled answers of the champion from before the canary to learn the stream from, and to compare with where it is blue-green
    #[arg(long, env = "HEADGATE_BASELINE_RECORDS", default_value_t = 20_000)]
    pub baseline_records: u64,

    /// Least time at each share, from the moment that all scorers have confirmed it
    #[arg(long, env = "HEADGATE_MIN_STEP_TIME", default_value = "1m", value_parser = duration)]
    pub min_step_time: Duration,

    /// Time at the beginning of each share whose answers do not count
    #[arg(long, env = "HEADGATE_WARM_UP", default_value = "0s", value_parser = duration)]
    pub warm_up: Duration,

    /// How long to go on watching at the last share once everything is proven
    #[arg(long, env = "HEADGATE_BAKE", default_value = "0s", value_parser = duration)]
    pub bake: Duration,

    /// When the canary ends without enough evidence; time in which it was paused does not count
    #[arg(long, env = "HEADGATE_DEADLINE", default_value = "1h", value_parser = duration)]
    pub deadline: Duration,

    /// What to do with a plan that cannot be expected to decide before its deadline
    #[arg(long, env = "HEADGATE_UNDECIDABLE", value_enum, default_value_t = Undecidable::Refuse)]
    pub undecidable: Undecidable,

    /// How many times as often as the champion the candidate is expected to fail, for that forecast
    #[arg(long, env = "HEADGATE_EXPECT", default_value_t = 1.0)]
    pub expect: f64,

    /// The harm that the forecast asks about: this many times as many failures as the champion's
    #[arg(long, env = "HEADGATE_DETECT", default_value_t = 2.0)]
    pub detect: f64,

    /// How long an answer waits for its label
    #[arg(long, env = "HEADGATE_LABEL_WAIT", default_value = "10m", value_parser = duration)]
    pub label_wait: Duration,

    /// How long labels may come without one that meets an answer, or stay away, before the gate gives up; longer where the champion's past shows that labels take their time
    #[arg(long, env = "HEADGATE_MEET_WITHIN", default_value = "30s", value_parser = duration)]
    pub meet_within: Duration,

    /// How many answers and labels may wait for each other; about 100 bytes each
    #[arg(long, env = "HEADGATE_MAX_WAITING", default_value_t = 1_000_000)]
    pub max_waiting: usize,

    /// Failures of one key that lie less than this apart count once
    #[arg(long, env = "HEADGATE_BURST", default_value = "1s", value_parser = duration)]
    pub burst: Duration,

    /// How long to wait until every live scorer has confirmed a share
    #[arg(long, env = "HEADGATE_CONFIRM_TIMEOUT", default_value = "2m", value_parser = duration)]
    pub confirm_timeout: Duration,

    /// Splits of the stream by chance that an a-a run judges besides, to count their false alarms
    #[arg(long, env = "HEADGATE_TRIALS", default_value_t = 400)]
    pub trials: u32,

    /// Longest time between two looks at the evidence where no record arrives
    #[arg(long, env = "HEADGATE_POLL", default_value = "200ms", value_parser = duration)]
    pub poll: Duration,

    /// How often the way so far is written down, so that a run after a crash goes on from there
    #[arg(long, env = "HEADGATE_CHECKPOINT", default_value = "5s", value_parser = duration)]
    pub checkpoint: Duration,

    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// How the candidate comes in.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Beside the champion, by rising shares.
    Canary,
    /// With the whole stream at once, while the champion stays loaded.
    BlueGreen,
    /// The champion beside itself: every alarm is a false one.
    #[value(name = "a-a")]
    #[serde(rename = "a-a")]
    AA,
}

/// How the shares follow each other.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Advance {
    /// Each for its least time and records.
    Plan,
    /// The largest one whose risk the evidence allows; back, too.
    Adaptive,
}

/// What a pass rests on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// It has to be proven that the candidate is not worse by the margin.
    Evidence,
    /// It is enough that every share was held long enough without a proof of harm.
    NoHarm,
}

/// What becomes of a plan that cannot be expected to decide.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Undecidable {
    /// It is wrong usage, and the hint names the number that would do.
    Refuse,
    /// It is begun all the same; for tests, and where harm may be larger than expected.
    Go,
}
