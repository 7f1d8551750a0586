//! Judges whether a candidate model may enter a release at all.
//!
//! - Consumes: the model's file, the stream's schema, a golden set, a labelled hold-out, the champion's file.
//! - Produces: the model's identity, a verdict over all checks, one event.
//! - Invariants: the model is loaded in the engine that the scorer uses, from the very bytes that were hashed;
//!   what the engine does to a model happens in a process of its own; nothing that was not checked passes.

mod answers;
mod args;
mod ask;
mod checks;
mod death;
mod decide;
mod enough;
mod files;
mod golden;
mod holdout;
mod outcome;
mod page;
mod probe;
mod record;
mod result;
#[cfg(test)]
mod testing;
mod timing;

use std::collections::BTreeMap;
use std::path::Path;

pub use args::{Args, Champion, Strategy};
use contract::results::types::validation::{REJECTED, UNDECIDED, VALIDATED};
use contract::stop::Stop;
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step};
use decide::{Evidence, decide};
use files::Files;
use golden::Golden;
use holdout::Holdout;
use model::{Digest, Kind};
pub use probe::{PROBE, probe};
pub use record::Details;
use sandbox::Report;
use stream::StreamSchema;
use timing::Timing;

/// The step.
pub struct ValidateModel;

impl Step for ValidateModel {
    type Args = Args;
    const NAME: &'static str = "validate-model";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec {
            name: "model-digest",
            about: "Identity of the model, sha256:<hex>",
            default: "",
        },
        OutputSpec { name: "model-size", about: "Size of the model in bytes", default: "0" },
        OutputSpec { name: "model-kind", about: "Kind, by the content", default: "other" },
        OutputSpec { name: "accuracy", about: "Share of right labels, hold-out", default: "" },
    ];
    const EVENTS: &'static [AnyEventType] = &[VALIDATED.any(), REJECTED.any(), UNDECIDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let files = Files::fetch(args, context)?;
        let given = Given::load(args, &files, context)?;
        context.progress.report(1, 4, "files read");
        let candidate = match given.model.kind {
            Kind::Onnx => {
                let request = given.request(&given.model, args.limits().timing());
                Some(ask::ask(request, &files.model, args, context)?)
            }
            _ => None,
        };
        let (candidate, held) = candidate.unzip();
        held.iter().for_each(warn_of_what_is_lacking);
        context.progress.report(2, 4, "candidate asked");
        let champion = match (&candidate, &given.champion, &files.champion) {
            (Some(_), Some(digest), Some(path)) => {
                let timing = Timing { decides: false, ..args.limits().timing() };
                Some(ask::ask(given.request(digest, timing), path, args, context)?.0)
            }
            _ => None,
        };
        context.progress.report(3, 4, "champion asked");
        let evidence = Evidence {
            model: &given.model,
            candidate: candidate.as_ref(),
            champion: champion.as_ref(),
            golden: &given.golden,
            holdout: &given.holdout,
            held: held.as_ref(),
            width: given.schema.width(),
        };
        let decision = decide(&evidence, &args.limits())?;
        context.progress.report(4, 4, "decided");
        Ok(outcome::outcome(args, &given, candidate, champion, held, decision))
    }
}

/// What the step was given, read and understood.
struct Given {
    model: Digest,
    champion: Option<Digest>,
    schema: StreamSchema,
    golden: Golden,
    holdout: Holdout,
    digests: BTreeMap<String, String>,
}

impl Given {
    fn load(args: &Args, files: &Files, context: &Context) -> anyhow::Result<Given> {
        let stream = &context.common.stream;
        let digest = |name, path| digest(name, path, &context.stop);
        let model = digest("model", &files.model)?;
        let champion =
            files.champion.as_deref().map(|path| digest("champion", path)).transpose()?;
        let mut digests = files.sources.clone();
        digests.insert("model".to_owned(), model.sha256.clone());
        digests.extend(champion.iter().map(|it| ("champion".to_owned(), it.sha256.clone())));
        let mut text = |name: &str, path: &Path| -> anyhow::Result<String> {
            let most = if name == "holdout" { regular_file::TABLE } else { regular_file::TEXT };
            let bytes =
                regular_file::read(path, most).map_err(|error| unreadable(name, path, &error))?;
            let sha256 = model::digest_of(&bytes[..])?.sha256;
            digests.insert(name.to_owned(), sha256);
            String::from_utf8(bytes).map_err(|_| {
                fault::usage(
                    format!("the {name} {} is not text", path.display()),
                    format!("give --{name} the right file"),
                )
            })
        };
        let schema = text("schema", &files.schema)?;
        let golden = text("golden", &files.golden)?;
        let holdout = text("holdout", &files.holdout)?;

        let schema = StreamSchema::parse(&schema).map_err(|error| {
            let what = format!("--schema {}: {error}", args.schema);
            fault::usage(what, "write it like demo/shuttle/schema.json")
        })?;
        if schema.stream != *stream {
            return Err(fault::usage(
                format!("--schema is of the stream `{}`, not of `{stream}`", schema.stream),
                "give the schema of the stream that the release is for",
            ));
        }
        let golden = Golden::parse(&golden).map_err(|what| {
            let what = format!("--golden {}: {what}", args.golden);
            fault::usage(what, "write it like demo/models/linear.golden.json")
        })?;
        let holdout = Holdout::parse(&holdout, &schema).map_err(|what| {
            let what = format!("--holdout {}: {what}", args.holdout);
            fault::usage(what, "write it like demo/shuttle/holdout.csv")
        })?;
        Ok(Given { model, champion, schema, golden, holdout, digests })
    }

    fn request(&self, digest: &Digest, timing: Timing) -> probe::Request {
        probe::Request {
            size: digest.size,
            sha256: digest.sha256.clone(),
            schema: self.schema.clone(),
            golden: self.golden.rows_of_width(self.schema.width()).unwrap_or_default(),
            holdout: self.holdout.rows.clone(),
            timing,
        }
    }
}

/// A large model takes minutes, which a signal ends.
fn digest(name: &str, path: &Path, stop: &Stop) -> anyhow::Result<Digest> {
    let own = path.to_owned();
    let read = stop.unless_set(move || model::digest(&own))?;
    read.map_err(|error| unreadable(name, path, &error))
}

fn unreadable(name: &str, path: &Path, error: &std::io::Error) -> anyhow::Error {
    fault::usage(
        format!("cannot read the {name} {}: {error}", path.display()),
        format!("give --{name} a file that is there and may be read"),
    )
}

/// A kernel without Landlock or seccomp holds a hostile model less well, which a person should know of.
fn warn_of_what_is_lacking(held: &Report) {
    for guard in held.lacking() {
        let why = guard.lacking.as_deref().unwrap_or_default();
        tracing::warn!(guard = guard.name, why, "the model was loaded without one of its guards");
    }
}
