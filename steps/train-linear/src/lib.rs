//! Trains a logistic regression on the newest labelled records: the example for a team's own trainer.
//!
//! - Consumes: `<stream>.features` and `<stream>.labels` by offsets, without joining a group; the stream's schema.
//! - Produces: one artifact with the model, its golden set, the hold-out and the schema; one event.
//! - Invariants: the same records always give the same files; the hold-out is newer than all that was learnt from;
//!   too few labels, or labels of one class, are `inconclusive`, and then there is no artifact.

mod args;
mod decide;
mod files;
mod linear;
mod onnx;
mod page;
mod record;
mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use contract::results::types::training::{TRAINED, UNDECIDED};
use contract::results::{Model, Training, ranges};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, Subject, Verdict, repeat};
use kafka::Window;
pub use record::Details;
use record::Fit;
use registry::{Image, Reference, blocking};
use report::{count, percent};
use sample::{Counts, Sample};
use stream::StreamSchema;

pub use args::Args;

/// The step.
pub struct TrainLinear;

const fn output(name: &'static str, about: &'static str) -> OutputSpec {
    OutputSpec { name, about, default: "" }
}

impl Step for TrainLinear {
    type Args = Args;
    const NAME: &'static str = "train-linear";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        output("artifact", "The artifact by digest"),
        output("model", "The model's file in it; --model of the steps of a release"),
        output("model-digest", "Digest of the model's file"),
        output("schema", "The stream's schema in it; --schema of the steps of a release"),
        output("golden", "Golden set of the model; --golden of validate-model"),
        output(
            "holdout",
            "Labelled records that were not learnt from; --holdout of validate-model",
        ),
        output("window", "The offsets that were read as PARTITION:FIRST-END, separated by commas"),
    ];
    const EVENTS: &'static [AnyEventType] = &[TRAINED.any(), UNDECIDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let folder = tempfile::tempdir().context("make a folder for the files")?;
        let fetched = args.schema.fetch(&args.registry.client(), folder.path()).map_err(fault)?;
        let schema = load_schema(&fetched, &context.common.stream)?;
        let inputs = BTreeMap::from([("schema".to_owned(), model::digest(&fetched)?.sha256)]);
        // The newest records are others by now: a run that emitted its model already emits that one again.
        if let Some(earlier) = repeat::outcome::<Self, _>(context, &inputs, page::render)? {
            return Ok(earlier);
        }
        let window = match &args.window {
            Some(window) => window.clone(),
            None => {
                let topic = stream::Topics::of(&context.common.stream).features;
                context.kafka.extent(&topic)?.newest(args.records)
            }
        };
        let sample = sample::read(context, &schema, &window)?;
        let trained = train(args, &schema, &fetched, folder.path(), &sample)?;
        tracing::info!(labelled = sample.counts.labelled, trained = trained.is_ok(), "decided");
        Ok(outcome(args, context, inputs, &window, &sample.counts, trained))
    }
}

/// A model that lies in its artifact.
struct Trained {
    /// The artifact by digest, as flags of other steps take it.
    artifact: String,
    digest: String,
    fit: Fit,
}

/// The model, or why there is none.
fn train(
    args: &Args,
    schema: &StreamSchema,
    schema_file: &Path,
    folder: &Path,
    sample: &Sample,
) -> anyhow::Result<Result<Trained, String>> {
    let rows = sample.rows(schema.width());
    let (learnt, held_out) = rows.split_at(decide::learnt(rows.len()));
    if let Some(reason) = decide::too_little(&sample.counts, learnt, args.min_records) {
        return Ok(Err(reason));
    }
    let fitted = linear::fit(learnt, args.ridge);
    let files = folder.join("files");
    std::fs::create_dir(&files)?;
    let (digest, paths) = files::write(&files, &fitted.model, schema, schema_file, held_out)?;
    let image = Image::of_files(&paths).map_err(fault)?;
    let published = blocking::publish(&args.registry.client(), &image, &args.artifact, &[])
        .map_err(fault)
        .context("write the artifact")?;
    let artifact = match args.artifact {
        Reference::Registry { .. } => format!("oci://{}", published.image),
        Reference::Layout { .. } => published.image,
    };
    let fit = Fit::of(&fitted, schema, learnt, held_out);
    Ok(Ok(Trained { artifact, digest, fit }))
}

fn outcome(
    args: &Args,
    context: &Context,
    inputs: BTreeMap<String, String>,
    window: &Window,
    counts: &Counts,
    trained: Result<Trained, String>,
) -> Outcome {
    let stream = &context.common.stream;
    let mut result = Training {
        model: None,
        artifact: None,
        window: ranges(&stream::Topics::of(stream).features, window),
        readable: counts.readable,
        unreadable: counts.unreadable,
        labelled: counts.labelled,
        min_records: args.min_records,
        learnt: None,
        held_out: None,
        accuracy: None,
    };
    let mut details = Details {
        window: window.to_string(),
        counts: *counts,
        min_records: args.min_records,
        fit: None,
    };
    let mut outputs = BTreeMap::from([("window", window.to_string())]);
    let (verdict, reason, event, id) = match trained {
        Ok(Trained { artifact, digest, fit }) => {
            let file = |name: &str| format!("{artifact}#{name}");
            result.model = Some(Model::of_file(&digest, &file(files::MODEL)));
            result.artifact = Some(artifact.clone());
            result.learnt = Some(fit.learnt.records);
            result.held_out = Some(fit.held_out.records);
            result.accuracy = Some(fit.accuracy);
            outputs.extend([
                ("model", file(files::MODEL)),
                ("schema", file(files::SCHEMA)),
                ("golden", file(files::GOLDEN)),
                ("holdout", file(files::HOLDOUT)),
                ("artifact", artifact.clone()),
                ("model-digest", digest.clone()),
            ]);
            let reason = format!(
                "learnt from {} records; right on {} of {} newer ones",
                count(fit.learnt.records),
                percent(fit.accuracy),
                count(fit.held_out.records),
            );
            details.fit = Some(fit);
            (Verdict::Pass, reason, TRAINED, digest)
        }
        Err(reason) => (Verdict::Inconclusive, reason, UNDECIDED, stream.clone()),
    };
    let event = Subject::new(event, id, &result);
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome { verdict, reason, event, inputs, outputs, details, page }
}

fn load_schema(path: &Path, stream: &str) -> anyhow::Result<StreamSchema> {
    let hint = "give --schema the stream's schema, such as demo/shuttle/schema.json";
    let schema = model::load_schema(path).map_err(|error| fault::usage(chain(&error), hint))?;
    if schema.stream != stream {
        let what = format!("the schema is that of stream {}, not of {stream}", schema.stream);
        return Err(fault::usage(what, "correct --schema or --stream"));
    }
    Ok(schema)
}

fn fault(error: registry::Error) -> anyhow::Error {
    inputs::fault(error, "correct the flag or file that the message names")
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
