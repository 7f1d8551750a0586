//! What happens in the second process: a model is loaded, asked and measured, and nothing else.
//!
//! A model is foreign input to a large C++ library.  In a process of its own a crash or a hang is a finding
//! about the model, and the peak of the process's memory is that of loading and asking this one model.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use model::{AnswerError, Answers, Engine, LoadError, Model, Port, StreamSchema};
use serde::{Deserialize, Serialize};

use crate::timing::Timing;

/// The one argument with which the binary asks a model instead of judging one.
pub const PROBE: &str = "probe-model";

/// One line of JSON on the probe's stdin.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) model: PathBuf,
    pub(crate) sha256: String,
    pub(crate) schema: StreamSchema,
    pub(crate) golden: Vec<f32>,
    pub(crate) holdout: Vec<f32>,
    pub(crate) timing: Timing,
}

/// One line of JSON on the probe's stdout; holds what was reached before the failure, if there was one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) failure: Option<Failure>,
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
    /// The engine is not there: says nothing about the model.
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
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// With the engine open and the records read, before the model.
    pub(crate) before: u64,
    /// The most there ever was.
    pub(crate) peak: u64,
}

/// Answers one request on stdin and ends; not for people.
pub fn probe() -> ExitCode {
    let mut input = BufReader::new(io::stdin());
    let mut line = String::new();
    let read = input.read_line(&mut line);
    let Ok(request) = serde_json::from_str::<Request>(&line) else {
        let _told = writeln!(io::stderr(), "{PROBE} is for the step itself ({read:?})");
        return ExitCode::from(contract::exit::USAGE);
    };
    drop(line);
    std::thread::spawn(move || end_with_parent(input));
    let reply = serde_json::to_string(&answer(&request));
    match reply.map_err(io::Error::other).and_then(|text| writeln!(io::stdout(), "{text}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The parent keeps the pipe open for as long as it lives.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "nobody is left to answer, and the engine cannot be interrupted otherwise"
)]
fn end_with_parent(mut input: impl Read) {
    let _end = io::copy(&mut input, &mut io::sink());
    std::process::exit(1);
}

fn answer(request: &Request) -> Reply {
    let mut reply = Reply::default();
    if let Err((stage, reason)) = fill(request, &mut reply) {
        reply.failure = Some(Failure { stage, reason });
    }
    reply
}

fn fill(request: &Request, reply: &mut Reply) -> Result<(), (Stage, String)> {
    Engine::get().map_err(|error| (Stage::Engine, error.to_string()))?;
    let before = memory("VmRSS:");
    let mut model = Model::load_as(&request.model, &request.sha256).map_err(|error| {
        let stage = match &error {
            LoadError::Engine(_) => Stage::Engine,
            LoadError::OtherFile { .. } | LoadError::Read { .. } => Stage::Changed,
            LoadError::Misfit(_) => Stage::Fit,
            LoadError::Refused { .. } | LoadError::ExternalData { .. } => Stage::Load,
        };
        (stage, error.to_string())
    })?;
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
    reply.memory = before.zip(memory("VmHWM:")).map(|(before, peak)| Memory { before, peak });
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
        let told = model.answer_into(rows, rows.len() / width, &mut answers);
        told.map_err(|error| match error {
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
fn memory(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}
