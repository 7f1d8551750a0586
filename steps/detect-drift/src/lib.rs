//! Says when the features of a stream left the range that the model was trained for.
//!
//! - Consumes: `<stream>.features` by offsets, without joining a group; the stream's schema; a baseline profile.
//! - Produces: in mode `baseline` a profile file, in mode `judge` a verdict; one event.
//! - Invariants: the same window and the same baseline always give the same verdict; too few readable records
//!   are `inconclusive`, never `pass`; a record counts as readable exactly when the scorer would answer it.

mod args;
mod judge;
mod onset;
mod outcome;
mod page;
mod profile;
mod record;
mod reference;
mod sample;
mod shape;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::inputs::Inputs;
use contract::outputs::Outputs;
use contract::results::types::drift::{ABSENT, DETECTED, NOT_RECORDED, RECORDED, UNDECIDED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step};
use kafka::Window;
use registry::InputFile;
use stream::StreamSchema;

pub use args::{Args, Mode};
use profile::Profile;
pub use record::Details;

/// The step.
pub struct DetectDrift;

impl Step for DetectDrift {
    type Args = Args;
    const NAME: &'static str = "detect-drift";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec {
            name: "features",
            about: "The features that moved, separated by commas",
            default: "",
        },
        OutputSpec {
            name: "since",
            about: "First offset of the drift as PARTITION:OFFSET, separated by commas",
            default: "",
        },
        OutputSpec {
            name: "window",
            about: "The offsets that were read as PARTITION:FIRST-END, separated by commas",
            default: "",
        },
        OutputSpec {
            name: "baseline-digest",
            about: "Digest of the baseline profile that was made or judged against",
            default: "",
        },
    ];
    const EVENTS: &'static [AnyEventType] =
        &[DETECTED.any(), ABSENT.any(), UNDECIDED.any(), RECORDED.any(), NOT_RECORDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        args.check()?;
        let files = Files::fetch(args, context)?;
        let schema = load_schema(&files.schema, &context.common.stream)?;
        match args.mode {
            Mode::Baseline => make_baseline(args, context, &files, &schema),
            Mode::Judge => judge_window(args, context, &files, &schema),
        }
    }
}

/// The files that the flags name, on this machine.
struct Files {
    schema: PathBuf,
    baseline: Option<PathBuf>,
    reference: Option<PathBuf>,
    /// Holds what was fetched.
    _fetched: Inputs,
}

impl Files {
    fn fetch(args: &Args, context: &Context) -> anyhow::Result<Self> {
        let files = Inputs::open(&args.registry, context)?;
        let find = |flag: &str, file: &Option<InputFile>| {
            file.as_ref().map(|file| files.path(flag, file)).transpose()
        };
        Ok(Self {
            schema: files.path("schema", &args.schema)?,
            baseline: find("baseline", &args.baseline)?,
            reference: find("reference", &args.reference)?,
            _fetched: files,
        })
    }

    /// The inputs that every run has.
    fn inputs(&self, args: &Args) -> anyhow::Result<BTreeMap<String, String>> {
        let mut inputs = ::inputs::sources([
            ("schema", Some(&args.schema)),
            ("baseline", args.baseline.as_ref()),
            ("reference", args.reference.as_ref()),
        ]);
        inputs.insert("schema".to_owned(), digest(&self.schema)?);
        Ok(inputs)
    }
}

fn make_baseline(
    args: &Args,
    context: &Context,
    files: &Files,
    schema: &StreamSchema,
) -> anyhow::Result<Outcome> {
    let mut inputs = files.inputs(args)?;
    let (sample, window) = match &files.reference {
        Some(path) => {
            inputs.insert("reference".into(), digest(path)?);
            (reference::read(path, schema)?, None)
        }
        None => {
            let window = window(args, context)?;
            let sample = sample::read(context, schema, &window)?;
            inputs.insert("window".into(), window.to_string());
            (sample, Some(window))
        }
    };
    if let Some(reason) = args.too_little(&sample) {
        let event = outcome::not_recorded(context, args, &sample, window.as_ref());
        return Ok(outcome::undecided(event, reason, inputs, &sample, window.as_ref()));
    }
    let profile = Profile::of(schema, &sample, window.as_ref().map(ToString::to_string))?;
    let text = profile.to_json()?;
    Outputs::open(&context.common.outputs)?.write("baseline.json", &text)?;
    let digest = digest_of(text.as_bytes())?;
    Ok(outcome::recorded(context, args, &profile, digest, inputs, &sample, window.as_ref()))
}

fn judge_window(
    args: &Args,
    context: &Context,
    files: &Files,
    schema: &StreamSchema,
) -> anyhow::Result<Outcome> {
    let path = files.baseline.as_ref().expect("checked: mode judge has a baseline");
    let baseline = Profile::load(path)?;
    baseline.check(schema)?;
    let mut inputs = files.inputs(args)?;
    let baseline_digest = digest(path)?;
    inputs.insert("baseline".into(), baseline_digest.clone());
    let window = window(args, context)?;
    inputs.insert("window".into(), window.to_string());
    let sample = sample::read(context, schema, &window)?;
    let run = outcome::Run { context, args, baseline: &baseline, sample: &sample, window: &window };
    if let Some(reason) = args.too_little(&sample).or_else(|| args.too_old(&baseline)) {
        let event = outcome::not_judged(&run, &baseline_digest);
        return Ok(outcome::undecided(event, reason, inputs, &sample, Some(&window)));
    }
    let judgement = judge::judge(&baseline, &sample, &args.limits())?;
    tracing::info!(moved = judgement.moved().count(), records = judgement.records, "judged");
    Ok(outcome::judged(&run, judgement, baseline_digest, inputs))
}

/// The offsets to read: those of `--window`, or the newest records.
fn window(args: &Args, context: &Context) -> anyhow::Result<Window> {
    match &args.window {
        Some(window) => Ok(window.clone()),
        None => Ok(context.kafka.extent(&sample::topic(context))?.newest(args.last)),
    }
}

fn load_schema(path: &Path, stream: &str) -> anyhow::Result<StreamSchema> {
    let hint = "give --schema the stream's schema, such as demo/shuttle/schema.json";
    let schema = model::load_schema(path).map_err(|error| fault::usage(chain(&error), hint))?;
    if schema.stream != stream {
        return Err(fault::usage(
            format!("the schema is that of stream {}, not of {stream}", schema.stream),
            "correct --schema or --stream",
        ));
    }
    Ok(schema)
}

fn digest(path: &Path) -> anyhow::Result<String> {
    let refuse = |error| {
        fault::usage(format!("cannot read {}: {error}", path.display()), "correct the path")
    };
    Ok(model::digest(path).map_err(refuse)?.sha256)
}

fn digest_of(bytes: &[u8]) -> anyhow::Result<String> {
    Ok(model::digest_of(bytes)?.sha256)
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
