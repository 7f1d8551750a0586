//! The flags of the step, and what they say of a sample before anything is computed.

use kafka::Window;
use registry::{InputFile, RegistryArgs};

use crate::judge::Limits;
use crate::profile::Profile;
use crate::sample::Sample;

/// The flags beyond those of every step.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Whether to make a baseline profile or to judge a window against one
    #[arg(long, env = "HEADGATE_MODE", value_enum, default_value_t = Mode::Judge)]
    pub mode: Mode,

    /// Schema of the stream, the fields of its records: a path, or oci://<registry>/<repository>[:tag][@digest][#name]
    #[arg(long, env = "HEADGATE_SCHEMA", value_name = "FILE")]
    pub schema: InputFile,

    /// Baseline profile to judge against: a path or oci://…
    #[arg(long, env = "HEADGATE_BASELINE", value_name = "FILE")]
    pub baseline: Option<InputFile>,

    /// Make the baseline from this CSV (with a header) or JSON-lines file, a path or oci://…, not from the stream
    #[arg(long, env = "HEADGATE_REFERENCE", value_name = "FILE")]
    pub reference: Option<InputFile>,

    /// Offsets of <STREAM>.features to read, such as 0:100-200,1:5-60; without it the newest
    #[arg(long, env = "HEADGATE_WINDOW", value_name = "RANGES")]
    pub window: Option<Window>,

    /// How many of the newest records to read where no window is given
    #[arg(long, env = "HEADGATE_LAST", default_value_t = 5000, value_name = "RECORDS")]
    pub last: u64,

    /// Fewer readable records than this are inconclusive, in the baseline and in the window
    #[arg(long, env = "HEADGATE_MIN_RECORDS", default_value_t = 200, value_name = "RECORDS")]
    pub min_records: u64,

    /// A larger share of unreadable records than this is inconclusive
    #[arg(long, env = "HEADGATE_MAX_UNREADABLE", default_value = "5%", value_parser = flags::share, value_name = "SHARE")]
    pub max_unreadable: f64,

    /// Chance of reporting drift where there is none, shared by all features and tests
    #[arg(long, env = "HEADGATE_ALPHA", default_value_t = 0.01)]
    pub alpha: f64,

    /// A Kolmogorov-Smirnov distance up to this never counts as drift, however many records show it
    #[arg(long, env = "HEADGATE_KS_MINIMUM", default_value_t = 0.1, value_name = "DISTANCE")]
    pub ks_minimum: f64,

    /// A population stability index up to this never counts as drift
    #[arg(long, env = "HEADGATE_PSI_MINIMUM", default_value_t = 0.1, value_name = "INDEX")]
    pub psi_minimum: f64,

    /// Records of one partition that are looked at together to find where a drift began
    #[arg(long, env = "HEADGATE_STRETCH", default_value_t = 200, value_name = "RECORDS")]
    pub stretch: usize,

    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    Baseline,
    Judge,
}

impl Args {
    /// What clap cannot say of single flags.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let refuse = |what: &str, hint: &str| Err(fault::usage(what, hint));
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("--alpha is not between 0 and 1", "give a rate such as 0.01");
        }
        // An infinite limit is no number in a record.
        if ![self.ks_minimum, self.psi_minimum].iter().all(|it| *it >= 0.0 && it.is_finite()) {
            return refuse(
                "a minimum is negative or infinite",
                "give 0 or more to --ks-minimum and --psi-minimum",
            );
        }
        if self.min_records < 2 || self.stretch < 20 {
            return refuse(
                "--min-records is below 2 or --stretch below 20",
                "so few records say nothing of a distribution; leave the defaults",
            );
        }
        match self.mode {
            Mode::Judge if self.baseline.is_none() => {
                refuse("there is no --baseline to judge against", "make one with --mode baseline")
            }
            Mode::Judge if self.reference.is_some() => refuse(
                "--reference makes a baseline, it is not judged",
                "leave it out, or give --mode baseline",
            ),
            Mode::Baseline if self.reference.is_some() && self.window.is_some() => refuse(
                "a baseline is made from --reference or from --window, not from both",
                "leave one of them out",
            ),
            _ => Ok(()),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            alpha: self.alpha,
            ks_minimum: self.ks_minimum,
            psi_minimum: self.psi_minimum,
            stretch: self.stretch,
        }
    }

    /// Why the sample cannot be judged, if so.
    pub(crate) fn too_little(&self, sample: &Sample) -> Option<String> {
        let (readable, unreadable) = (sample.readable(), sample.unreadable.count);
        if readable < self.min_records {
            return Some(format!(
                "{readable} readable and {unreadable} unreadable records, at least {} readable ones are needed",
                self.min_records
            ));
        }
        let share = unreadable as f64 / (readable + unreadable) as f64;
        (share > self.max_unreadable).then(|| {
            format!(
                "{} of the records are unreadable, at most {} may be",
                report::percent(share),
                report::percent(self.max_unreadable)
            )
        })
    }

    /// Why the baseline cannot be judged against, if so.
    pub(crate) fn too_old(&self, baseline: &Profile) -> Option<String> {
        (baseline.records < self.min_records).then(|| {
            format!(
                "the baseline holds {} records, at least {} are needed",
                baseline.records, self.min_records
            )
        })
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

    fn check(flags: &str) -> Result<(), String> {
        let argv =
            ["detect-drift", "--schema", "s.json"].into_iter().chain(flags.split_whitespace());
        let cli = Cli::try_parse_from(argv).map_err(|error| error.to_string())?;
        cli.args.check().map_err(|error| error.to_string())
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for (flags, refused) in [
            ("--baseline b.json", None),
            ("--mode baseline --reference r.csv", None),
            ("--mode baseline --window 0:1-5", None),
            ("", Some("no --baseline")),
            ("--baseline b.json --reference r.csv", Some("--reference makes a baseline")),
            ("--mode baseline --reference r.csv --window 0:1-5", Some("not from both")),
            ("--baseline b.json --alpha 0", Some("--alpha")),
            ("--baseline b.json --alpha NaN", Some("--alpha")),
            ("--baseline b.json --psi-minimum=-1", Some("minimum is negative")),
            ("--baseline b.json --ks-minimum inf", Some("or infinite")),
            ("--baseline b.json --stretch 3", Some("--stretch below 20")),
            ("--baseline b.json --window nonsense", Some("is no range")),
        ] {
            match (check(flags), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.contains(part), "{flags}: {error}"),
                (got, _) => panic!("{flags}: {got:?}"),
            }
        }
    }
}
