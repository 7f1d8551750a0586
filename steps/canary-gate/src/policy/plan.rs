//! What the gate was asked to do, checked.

use std::time::Duration;

use routes::ModelRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::metrics::spec::{self, Metric, Of, Role};
use crate::{Accept, Advance, Args, Strategy, Undecidable};

/// The gate's settings; they hold once [`Plan::of`] has made them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Plan {
    pub(crate) strategy: Strategy,
    /// Rising, each between 0 and 1, both excluded; for a blue-green switch only 1.
    pub(crate) shares: Vec<f64>,
    pub(crate) advance: Advance,
    pub(crate) risk: f64,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) baseline_records: u64,
    pub(crate) alpha: f64,
    pub(crate) margin: f64,
    pub(crate) accept: Accept,
    pub(crate) min_records: u64,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) min_step_time: Duration,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) warm_up: Duration,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) bake: Duration,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) deadline: Duration,
    pub(crate) undecidable: Undecidable,
    pub(crate) expect: f64,
    pub(crate) detect: f64,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) label_wait: Duration,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) meet_within: Duration,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) confirm_timeout: Duration,
    #[serde(with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) burst: Duration,
    pub(crate) max_waiting: usize,
    pub(crate) trials: u32,
}

impl Plan {
    /// Checks the flags; `metrics` is the text of the list, if one was given.
    ///
    /// # Errors
    /// A flag makes no sense (exit 2).
    pub(crate) fn of(args: &Args, metrics: Option<&str>) -> anyhow::Result<Self> {
        let model = ModelRef { digest: args.model_digest.clone(), image: args.image.clone() };
        if let Some(defect) = model.defect() {
            return Err(fault::usage(
                format!("--model-digest: {defect}"),
                "give sha256: and the 64 hexadecimal digits that validate-model wrote",
            ));
        }
        let shares = args.shares.clone();
        let inside = shares.iter().all(|share| *share > 0.0 && *share < 1.0);
        let rising = shares.windows(2).all(|pair| pair[0] < pair[1]);
        if shares.is_empty() || !inside || !rising {
            return Err(fault::usage(
                format!(
                    "--shares {} cannot be walked through",
                    words::list(
                        &shares.iter().map(|share| report::percent(*share)).collect::<Vec<_>>()
                    )
                ),
                "give rising shares above 0 % and below 100 %: at 100 % no champion is left to compare with",
            ));
        }
        numbers(args)?;
        let metrics = match metrics {
            None => spec::defaults(),
            Some(text) => spec::parse(text).map_err(|why| {
                fault::usage(
                    format!("--metrics: {why}"),
                    "steps/canary-gate/README.md lists what a metric may say",
                )
            })?,
        };
        rests(args, &metrics)?;
        let blue_green = args.strategy == Strategy::BlueGreen;
        let alone = |metric: &&Metric| {
            let compares = matches!(metric.of, Of::LabelErrors | Of::Failures | Of::Promql);
            !compares || !metric.slices.is_empty()
        };
        if blue_green && let Some(metric) = metrics.iter().find(alone) {
            return Err(fault::usage(
                format!("--metrics: `{}` needs a champion beside the candidate", metric.name),
                "a blue-green switch knows label-errors, failures and promql, without slices; take --strategy=canary",
            ));
        }
        Ok(Self {
            strategy: args.strategy,
            shares: if blue_green { vec![1.0] } else { shares },
            advance: if blue_green { Advance::Plan } else { args.advance },
            risk: args.risk,
            metrics,
            baseline_records: args.baseline_records,
            alpha: args.alpha,
            margin: args.margin,
            accept: args.accept,
            min_records: args.min_records,
            min_step_time: args.min_step_time,
            warm_up: args.warm_up,
            bake: args.bake,
            deadline: args.deadline,
            undecidable: args.undecidable,
            expect: args.expect,
            detect: args.detect,
            label_wait: args.label_wait,
            meet_within: args.meet_within,
            confirm_timeout: args.confirm_timeout,
            burst: args.burst,
            max_waiting: args.max_waiting,
            trials: args.trials,
        })
    }

    /// Over how long a time dependence is looked for: a minute, less in a short canary.
    pub(crate) fn batch(&self) -> Duration {
        (self.deadline / 120).clamp(Duration::from_millis(500), Duration::from_secs(60))
    }

    /// What each metric may spend of alpha on harm, in their order; those that only inform get as much as if they
    /// were the only one, for nothing hangs on them.
    pub(crate) fn alphas(&self) -> Vec<stats::alpha::Share> {
        let of = |metric: &Metric| stats::alpha::Metric {
            name: metric.name.clone(),
            weight: metric.weight,
            slices: metric
                .columns()
                .map_or(0, |columns| columns.iter().map(|(_, names)| names.len()).sum()),
        };
        let critical: Vec<_> =
            self.metrics.iter().filter(|metric| metric.role == Role::Critical).map(of).collect();
        let proof = "a plan's alpha and weights make sense, and one metric is critical";
        let mut shares = stats::alpha::share(self.alpha, &critical).expect(proof).into_iter();
        self.metrics
            .iter()
            .map(|metric| match metric.role {
                Role::Critical => shares.next().expect("one share for each critical metric"),
                Role::Informative => {
                    stats::alpha::share(self.alpha, &[of(metric)]).expect(proof).remove(0)
                }
            })
            .collect()
    }
}

fn numbers(args: &Args) -> anyhow::Result<()> {
    let above_0 = |value: f64| value > 0.0 && value.is_finite();
    let complaint = if !(args.alpha > 0.0 && args.alpha < 1.0) {
        Some((
            format!("--alpha {} is no false-alarm rate", args.alpha),
            "give a number between 0 and 1, such as 0.05",
        ))
    } else if !(args.margin >= 0.0 && args.margin.is_finite()) {
        Some((
            format!("--margin {} is no margin", args.margin),
            "give a rate ratio minus one, such as 0.25 for a quarter more failures",
        ))
    } else if args.min_records == 0 || args.max_waiting == 0 {
        Some((
            "--min-records and --max-waiting must be at least 1".into(),
            "a gate that needs no records decides on nothing",
        ))
    } else if args.baseline_records < args.min_records {
        Some((
            "--baseline-records is below --min-records".into(),
            "each labelled answer of the candidate is compared with one of the baseline",
        ))
    } else if !above_0(args.risk) || !above_0(args.expect) || !above_0(args.detect) {
        Some((
            "--risk, --expect and --detect must be above 0".into(),
            "they are ratios of failures: 0.5 for half as many, 2 for twice as many",
        ))
    } else if args.strategy == Strategy::AA && args.trials == 0 {
        Some((
            "--trials is 0".into(),
            "an a-a run counts the false alarms of some hundred splits; 400 is usual",
        ))
    } else {
        None
    };
    complaint.map_or(Ok(()), |(what, hint)| Err(fault::usage(what, hint)))
}

/// Whether what was asked for has something to rest on.
fn rests(args: &Args, metrics: &[Metric]) -> anyhow::Result<()> {
    let is_a_a = args.strategy == Strategy::AA;
    let mut proofs = metrics.iter().filter(|metric| metric.needs_proof()).peekable();
    if args.accept == Accept::Evidence && !is_a_a && proofs.peek().is_none() {
        return Err(fault::usage(
            "--accept=evidence: no metric of --metrics is to be proven, so a pass would rest on nothing",
            "give one of them \"proof\": true, or take --accept=no-harm",
        ));
    }
    let is_counted = |metric: &Metric| !matches!(metric.of, Of::Loss | Of::Score | Of::Promql);
    if args.advance == Advance::Adaptive && !proofs.any(is_counted) {
        return Err(fault::usage(
            "--advance=adaptive follows the rate of a metric that is counted and to be proven, and --metrics has none",
            "give one of them \"proof\": true (label-errors has it), or take --advance=plan",
        ));
    }
    Ok(())
}

mod seconds {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(span.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
impl Plan {
    /// A plan that tests change what they need of.
    pub(crate) fn for_tests() -> Self {
        let ms = Duration::from_millis;
        Self {
            strategy: Strategy::Canary,
            shares: vec![0.1, 0.5],
            advance: Advance::Plan,
            risk: 0.5,
            metrics: spec::defaults(),
            baseline_records: 20_000,
            alpha: 0.05,
            margin: 0.25,
            accept: Accept::Evidence,
            min_records: 10,
            min_step_time: ms(1_000),
            warm_up: ms(0),
            bake: ms(0),
            deadline: ms(60_000),
            undecidable: Undecidable::Refuse,
            expect: 1.0,
            detect: 2.0,
            label_wait: ms(10_000),
            meet_within: ms(5_000),
            confirm_timeout: ms(2_000),
            burst: ms(0),
            max_waiting: 1_000_000,
            trials: 100,
        }
    }
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
        Plan::of(&Cli::try_parse_from(given.iter().chain(flags))?.args, None)
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
            ["--risk=0"],
            ["--expect=NaN"],
            ["--detect=-1"],
        ] {
            let error = plan(&flags).expect_err(flags[0]);
            assert_eq!(fault::exit_code(&error), fault::exit::USAGE, "{flags:?}");
        }
    }

    #[test]
    fn evidence_and_adaptive_shares_need_something_to_rest_on() {
        let with = |metrics: &str, flags: &[&str]| {
            let digest = format!("--model-digest=sha256:{}", "2".repeat(64));
            let given = ["gate", &digest, "--image=oci:x"];
            let args = Cli::try_parse_from(given.iter().chain(flags)).expect("known flags").args;
            Plan::of(&args, Some(metrics))
        };
        let failures = r#"[{"name": "f", "of": "failures"}]"#;
        let loss = r#"[{"name": "l", "of": "loss", "loss": "brier", "margin": 1, "proof": true}]"#;
        assert!(with(failures, &["--accept=no-harm"]).is_ok());
        assert!(with(loss, &[]).is_ok());
        for (metrics, flags) in [
            (failures, &["--accept=evidence"][..]),
            (loss, &["--advance=adaptive"]),
            (failures, &["--accept=no-harm", "--advance=adaptive"]),
        ] {
            let error = with(metrics, flags).expect_err("nothing to rest on");
            assert_eq!(fault::exit_code(&error), fault::exit::USAGE, "{flags:?}");
            assert!(fault::render(&error).contains("\"proof\": true"), "{error}");
        }
    }

    #[test]
    fn alpha_is_shared_among_what_may_raise_the_alarm() {
        let metrics = r#"[
            {"name": "errors", "of": "label-errors", "weight": 3, "slices": [{"header": "tier", "values": ["a", "b"]}]},
            {"name": "failures", "of": "failures"},
            {"name": "slow", "of": "latency", "slo": "1s", "role": "informative"}
        ]"#;
        let plan = Plan { metrics: spec::parse(metrics).expect("sound"), ..Plan::for_tests() };
        let shares = plan.alphas();
        let spent: f64 = shares[..2].iter().map(|s| s.overall).sum::<f64>() + 2.0 * shares[0].slice;
        assert!((spent - 0.05).abs() < 1e-12, "{shares:?}");
        assert_eq!(shares[2].overall, 0.05);
    }
}
