//! What happens in the second process: a model is loaded, asked and measured, and nothing else.
//!
//! A model is foreign input to a large C++ library.  In a process of its own a crash or a hang is a finding
//! about the model, and the peak of the process's memory is that of loading and asking this one model.
//! Before the first byte of the model comes, the process gives up whatever it does not need (`crates/sandbox`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

use model::{AnswerError, Answers, Engine, Excerpt, LoadError, Model, Port};
use sandbox::{Limits, Report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::StreamSchema;

use crate::timing::Timing;

/// The one argument with which the binary asks a model instead of judging one.
pub const PROBE: &str = "probe-model";

/// The first line on the probe's stdout, before it has seen anything foreign; the first on its stdin are the limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Opening {
    /// What holds it from here on.
    Held(Report),
    /// The engine is not there, or the process cannot be held: says nothing about the model.
    Failed(String),
}

/// The second line of JSON on the probe's stdin; after it come the bytes of the model.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Bytes of the model.
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) schema: StreamSchema,
    pub(crate) golden: Vec<f32>,
    pub(crate) holdout: Vec<f32>,
    pub(crate) timing: Timing,
}

/// The second line of JSON on the probe's stdout; holds what was reached before the failure, if there was one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) failure: Option<Failure>,
    pub(crate) own_name: Option<Excerpt>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) golden: Answered,
    pub(crate) holdout: Answered,
    /// One for each request of `timing.batch` rows.
    pub(crate) latencies_ms: Vec<f64>,
    pub(crate) memory: Option<Memory>,
}

/// Where it ended, and why.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The engine cannot be used: says nothing about the model.
    Engine,
    /// The file is not the one that was hashed: it was changed meanwhile.
    Changed,
    Load,
    Fit,
    Golden,
    Holdout,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answered {
    pub(crate) labels: Option<Vec<i64>>,
    pub(crate) score: Vec<f32>,
}

/// Resident memory of the probe in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// With the engine open and the records read, before the model.
    pub before: u64,
    /// The most there ever was.
    pub peak: u64,
}

/// Answers one request on stdin and ends; not for people.
pub fn probe() -> ExitCode {
    let mut input = BufReader::new(io::stdin());
    let Ok(limits) = line::<Limits>(&mut input) else {
        let _said = writeln!(io::stderr(), "{PROBE} is for the step itself");
        return ExitCode::from(fault::exit::USAGE);
    };
    match hold(&limits).and_then(|status| serve(&mut input, &status)) {
        Ok(()) => ExitCode::SUCCESS,
        // The parent is gone, or did not keep to what they agreed on.
        Err(error) => {
            let _said = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens what is needed, gives up everything else and says so; gives what the process's memory can be read from.
fn hold(limits: &Limits) -> io::Result<Option<File>> {
    let status = File::open("/proc/self/status").ok();
    let opening = match Engine::get() {
        Err(error) => Opening::Failed(error.to_string()),
        // Where there are no files, there is no folder to load in either; so it is entered first.
        Ok(_) => match model::enter_empty_folder() {
            Ok(()) => match sandbox::enter(limits) {
                Ok(report) => Opening::Held(report),
                Err(error) => Opening::Failed(error.to_string()),
            },
            Err(error) => Opening::Failed(format!("no empty folder to load in: {error}")),
        },
    };
    say(&opening)?;
    match opening {
        Opening::Held(_) => Ok(status),
        Opening::Failed(why) => Err(io::Error::other(why)),
    }
}

fn serve(input: &mut impl BufRead, status: &Option<File>) -> io::Result<()> {
    let memory = |name| status.as_ref().and_then(|status| memory(status, name));
    let request: Request = line(input)?;
    let before = memory("VmRSS:");
    let mut model = Vec::new();
    input.take(request.size).read_to_end(&mut model)?;
    let mut reply = Reply::default();
    if let Err((stage, reason)) = fill(&request, &model, &mut reply) {
        reply.failure = Some(Failure { stage, reason });
    }
    reply.memory = before.zip(memory("VmHWM:")).map(|(before, peak)| Memory { before, peak });
    say(&reply)
}

fn line<T: for<'a> Deserialize<'a>>(input: &mut impl BufRead) -> io::Result<T> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

fn say(what: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(what)?;
    writeln!(io::stdout(), "{text}")
}

fn fill(request: &Request, bytes: &[u8], reply: &mut Reply) -> Result<(), (Stage, String)> {
    let found = model::digest_of(bytes).map_err(|error| (Stage::Changed, error.to_string()))?;
    if found.sha256 != request.sha256 {
        let why = format!("it was {} and is {} now", request.sha256, found.sha256);
        return Err((Stage::Changed, why));
    }
    let mut model = Model::from_bytes(bytes).map_err(|error| {
        let stage = match &error {
            LoadError::Engine(_) | LoadError::Folder(_) => Stage::Engine,
            LoadError::Misfit(_) => Stage::Fit,
            _ => Stage::Load,
        };
        (stage, error.to_string())
    })?;
    reply.own_name = model.own_name().cloned();
    reply.inputs = model.inputs().to_vec();
    reply.outputs = model.outputs().to_vec();
    model.fit(&request.schema).map_err(|error| (Stage::Fit, error.to_string()))?;
    let width = request.schema.width();
    let mut ask = |stage, rows: &[f32]| {
        answer_all(&mut model, rows, width, request.timing.batch).map_err(|reason| (stage, reason))
    };
    reply.golden = ask(Stage::Golden, &request.golden)?;
    reply.holdout = ask(Stage::Holdout, &request.holdout)?;
    let timed = request.timing.run(&mut model, &request.holdout, width);
    reply.latencies_ms = timed.map_err(|error| (Stage::Holdout, error.to_string()))?;
    Ok(())
}

fn answer_all(
    model: &mut Model,
    rows: &[f32],
    width: usize,
    batch: usize,
) -> Result<Answered, String> {
    let mut all = Answered::default();
    let mut answers = Answers::default();
    for (index, rows) in rows.chunks(batch * width).enumerate() {
        let answered = model.answer_into(rows, rows.len() / width, &mut answers);
        answered.map_err(|error| match error {
            AnswerError::NotFinite { row, value } => {
                format!("it answers {value} to record {}", index * batch + row + 1)
            }
            other => other.to_string(),
        })?;
        all.score.extend_from_slice(&answers.score);
        if let Some(labels) = &answers.labels {
            all.labels.get_or_insert_default().extend_from_slice(labels);
        }
    }
    Ok(all)
}

/// A line of `/proc/self/status`, which the kernel gives in KiB; `None` where there is none.
///
/// The file was opened before files were out of reach; it is written anew whenever it is read from its beginning.
fn memory(status: &File, name: &str) -> Option<u64> {
    let mut text = [0; 4_096];
    let read = status.read_at(&mut text, 0).ok()?;
    let text = str::from_utf8(text.get(..read)?).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}
