//! Packs a model and a base image into one reproducible OCI image.
//!
//! - Consumes: the model's file, a base image (OCI layout or registry), files to add.
//! - Produces: an image by digest in a layout or registry, one event.
//! - Invariants: the image holds the very bytes that `--model-digest` names, or there is no image; its digest
//!   depends on content alone; what is there already is not sent again; no model-sized buffer exists.

mod args;
mod build;
mod page;
mod record;
mod result;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ::inputs::Inputs;
pub use args::{Addition, Args, Base, Entrypoint, MODEL_DEST};
use build::{Built, Read, build};
use contract::results::types::image::{PACKAGED, REFUSED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, Subject, Verdict};
pub use record::Details;

/// The step.
pub struct BuildImage;

impl Step for BuildImage {
    type Args = Args;
    const NAME: &'static str = "build-image";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec { name: "image", about: "The image by digest", default: "" },
        OutputSpec { name: "image-digest", about: "Digest of its manifest", default: "" },
        OutputSpec { name: "bytes-sent", about: "Bytes written or sent", default: "0" },
        OutputSpec { name: "bytes-skipped", about: "Bytes already there", default: "0" },
    ];
    const EVENTS: &'static [AnyEventType] = &[PACKAGED.any(), REFUSED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let files = Inputs::open(&args.registry, context)?;
        let model = files.path("model", &args.model)?;
        let built = build_watched(args, model, context)?;
        Ok(outcome(args, built))
    }
}

/// Builds on another thread, so that progress is reported and a signal ends the step at once; what was written by
/// then is whole blobs, which the next run finds.
fn build_watched(args: &Args, model: PathBuf, context: &Context) -> anyhow::Result<Built> {
    let client = args.registry.client();
    let size = std::fs::metadata(&model).map_or(0, |metadata| metadata.len());
    let (give, take) = channel();
    let (own_args, own_client) = (args.clone(), client.clone());
    std::thread::Builder::new().name("build".into()).spawn(move || {
        // Nobody waits any more once the step was asked to end.
        let _unread = give.send(build(&own_args, &model, &own_client));
    })?;
    loop {
        match take.recv_timeout(Duration::from_millis(50)) {
            Ok(built) => {
                context.progress.report(1, 1, "written");
                return built;
            }
            Err(RecvTimeoutError::Timeout) => {
                context.stop.check()?;
                // The end is reported once it is reached, so the last byte is kept back.
                let moved = client.bytes_moved().min(size.saturating_sub(1));
                context.progress.report(moved, size.max(1), "bytes of the image");
            }
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the building thread panicked"),
        }
    }
}

fn outcome(args: &Args, built: Built) -> Outcome {
    let details = match &built {
        Built::Image { published, read } => Details::new(args, Some(published), read),
        Built::OtherModel { read } => Details::new(args, None, read),
    };
    let (details, page) = contract::record::drawn(details, page::render);
    match built {
        Built::Image { published, read } => Outcome {
            verdict: Verdict::Pass,
            reason: result::reason(&published),
            event: Subject::new(
                PACKAGED,
                result::package(&published, &args.image),
                &result::result(args, Some(&published), &read),
            ),
            inputs: inputs(args, &read),
            details,
            outputs: BTreeMap::from([
                ("image", published.image),
                ("image-digest", published.digest.to_string()),
                ("bytes-sent", published.bytes_sent.to_string()),
                ("bytes-skipped", published.bytes_skipped.to_string()),
            ]),
            page,
        },
        Built::OtherModel { read } => Outcome {
            verdict: Verdict::Fail,
            reason: format!(
                "the model's file has the digest {}, not {} as asked for; no image was made",
                read.model.digest, args.model_digest
            ),
            event: Subject::new(
                REFUSED,
                read.model.digest.to_string(),
                &result::result(args, None, &read),
            ),
            inputs: inputs(args, &read),
            details,
            outputs: BTreeMap::new(),
            page,
        },
    }
}

/// What the image is made of, by digest.
fn inputs(args: &Args, read: &Read) -> BTreeMap<String, String> {
    let mut inputs = ::inputs::sources([("model", Some(&args.model))]);
    inputs.insert("model".to_owned(), read.model.digest.to_string());
    if let Some(base) = &read.base {
        inputs.insert("base".to_owned(), base.to_string());
    }
    for file in &read.added {
        inputs.insert(format!("added {}", file.path), file.digest.to_string());
    }
    inputs
}
