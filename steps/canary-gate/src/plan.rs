//! What the gate was asked to do, checked.

use std::time::Duration;

use routes::{ModelRef, Route};
use serde::Serialize;

use crate::{Accept, Args, Strategy};

/// The gate's settings; they hold once [`Plan::of`] has made them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    pub(crate) strategy: Strategy,
    /// Rising, each between 0 and 1, both excluded; for a blue-green switch only 1.
    pub(crate) shares: Vec<f64>,
    pub(crate) baseline_records: u64,
    pub(crate) alpha: f64,
    pub(crate) margin: f64,
    pub(crate) accept: Accept,
    pub(crate) min_records: u64,
    #[serde(serialize_with = "seconds")]
    pub(crate) min_step_time: Duration,
    #[serde(serialize_with = "seconds")]
    pub(crate) deadline: Duration,
    #[serde(serialize_with = "seconds")]
    pub(crate) label_wait: Duration,
    #[serde(serialize_with = "seconds")]
    pub(crate) confirm_timeout: Duration,
    #[serde(serialize_with = "seconds")]
    pub(crate) burst: Duration,
    pub(crate) max_waiting: usize,
}

impl Plan {
    /// Checks the flags.
    ///
    /// # Errors
    /// A flag makes no sense (exit 2).
    pub(crate) fn of(args: &Args) -> anyhow::Result<Self> {
        let model = ModelRef { digest: args.model_digest.clone(), image: args.image.clone() };
        if let Some(defect) = Route::bootstrap("", model).defect() {
            return Err(contract::usage(
                format!("--model-digest: {defect}"),
                "give sha256: and the 64 hexadecimal digits that validate-model wrote",
            ));
        }
        let shares = args.shares.clone();
        let inside = shares.iter().all(|share| *share > 0.0 && *share < 1.0);
        let rising = shares.windows(2).all(|pair| pair[0] < pair[1]);
        if shares.is_empty() || !inside || !rising {
            return Err(contract::usage(
                format!("--shares {shares:?} cannot be walked through"),
                "give rising shares above 0 % and below 100 %: at 100 % no champion is left to compare with",
            ));
        }
        if !(args.alpha > 0.0 && args.alpha < 1.0) {
            return Err(contract::usage(
                format!("--alpha {} is no false-alarm rate", args.alpha),
                "give a number between 0 and 1, such as 0.05",
            ));
        }
        if !(args.margin >= 0.0 && args.margin.is_finite()) {
            return Err(contract::usage(
                format!("--margin {} is no margin", args.margin),
                "give a rate ratio minus one, such as 0.25 for a quarter more failures",
            ));
        }
        if args.min_records == 0 || args.max_waiting == 0 {
            return Err(contract::usage(
                "--min-records and --max-waiting must be at least 1",
                "a gate that needs no records decides on nothing",
            ));
        }
        if args.baseline_records < args.min_records {
            return Err(contract::usage(
                "--baseline-records is below --min-records",
                "each labelled answer of the candidate is compared with one of the baseline",
            ));
        }
        Ok(Self {
            strategy: args.strategy,
            shares: match args.strategy {
                Strategy::Canary => shares,
                Strategy::BlueGreen => vec![1.0],
            },
            baseline_records: args.baseline_records,
            alpha: args.alpha,
            margin: args.margin,
            accept: args.accept,
            min_records: args.min_records,
            min_step_time: args.min_step_time,
            deadline: args.deadline,
            label_wait: args.label_wait,
            confirm_timeout: args.confirm_timeout,
            burst: args.burst,
            max_waiting: args.max_waiting,
        })
    }
}

fn seconds<S: serde::Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn plan(flags: &[&str]) -> anyhow::Result<Plan> {
        let digest = format!("--model-digest=sha256:{}", "2".repeat(64));
        let given = ["gate", &digest, "--image=oci:x"];
        Plan::of(&Cli::try_parse_from(given.iter().chain(flags))?.args)
    }

    #[test]
    fn the_defaults_make_a_plan() {
        let plan = plan(&[]).expect("the defaults are sound");
        assert_eq!(plan.shares, [0.01, 0.05, 0.25, 0.5]);
        assert_eq!((plan.alpha, plan.accept), (0.05, Accept::Evidence));
        assert_eq!(plan.strategy, Strategy::Canary);
    }

    #[test]
    fn a_blue_green_switch_knows_one_share() {
        let switch = plan(&["--strategy=blue-green"]).expect("sound");
        assert_eq!((switch.shares, switch.baseline_records), (vec![1.0], 20_000));
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for flags in [
            ["--shares=5%,1%"],
            ["--shares=0%,5%"],
            ["--shares=50%,100%"],
            ["--shares=5%,5%"],
            ["--alpha=0"],
            ["--alpha=NaN"],
            ["--margin=inf"],
            ["--margin=-0.5"],
            ["--min-records=0"],
            ["--baseline-records=99"],
        ] {
            let error = plan(&flags).expect_err(flags[0]);
            assert_eq!(contract::fault::exit_code(&error), contract::exit::USAGE, "{flags:?}");
        }
    }
}
