//! The child's side: gives its rights up, loads one model, answers until the scorer is gone.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::Instant;

use model::{Answers, Engine, Model};
use sandbox::Limits;
use stream::StreamSchema;

use crate::models::candidate::wire;
use crate::models::load::warm_up;

/// The first argument with which the program answers for a candidate; not for people.
pub const ANSWER: &str = "answer-for-candidate";

/// The environment variable with the bytes of memory that it may take.
pub(crate) const MEMORY: &str = "HEADGATE_CANDIDATE_MEMORY";

/// Bytes that are read at once: some two thousand records of ten numbers.
const READ_AHEAD: usize = 80 << 10;

/// Answers for a candidate until the scorer is gone.
pub fn answer_for_candidate() -> ExitCode {
    let _logs = contract::logging::init("info");
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The scorer may be gone, and then nobody reads this.
            let _said = writeln!(io::stderr(), "{error}");
            ExitCode::from(fault::exit::USAGE)
        }
    }
}

fn serve() -> io::Result<()> {
    let memory = std::env::var(MEMORY).ok().and_then(|bytes| bytes.parse().ok());
    let memory =
        memory.ok_or_else(|| io::Error::other(format!("{ANSWER} is for the scorer itself")))?;
    // Opened first: afterwards there are no files.
    let _engine = Engine::get().map_err(io::Error::other)?;
    // One socket for both ways, and as a file: what confines this process may forbid the calls for sockets.
    let mut socket = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Where memory is short, the candidate goes before the champion; some systems have no such file.
    let _asked = std::fs::write("/proc/self/oom_score_adj", "1000");
    let bounds = Limits { memory, cpu_seconds: None, threads: false };
    model::enter_empty_folder()?;
    let guards = sandbox::enter(&bounds).map_err(io::Error::other)?;
    tracing::info!("confined by {guards}");
    let (schema, model) = wire::read_start(&mut socket)?;
    let begun = Instant::now();
    let loaded = load(&schema, &model);
    drop(model);
    let mut model = match loaded {
        Ok(model) => model,
        Err(why) => return wire::write_failure(&mut socket, micros(begun), &why),
    };
    let (mut buffer, mut rows, mut answers) = (Vec::new(), Vec::new(), Answers::default());
    wire::write_answers(&mut socket, &mut buffer, micros(begun), &answers)?;
    // What was asked comes with one call of the system, not with one for its length and another for the rows.
    let mut requests = BufReader::with_capacity(READ_AHEAD, &socket);
    while let Some(n) = wire::read_rows(&mut requests, &mut rows)? {
        let begun = Instant::now();
        let result = model.answer_into(&rows, n, &mut answers);
        let micros = micros(begun);
        match result {
            Ok(()) => wire::write_answers(&mut &socket, &mut buffer, micros, &answers)?,
            Err(error) => wire::write_failure(&mut &socket, micros, &error.to_string())?,
        }
    }
    Ok(())
}

fn load(schema: &[u8], model: &[u8]) -> Result<Model, String> {
    let schema = std::str::from_utf8(schema).map_err(|error| error.to_string())?;
    let schema = StreamSchema::parse(schema).map_err(|error| error.to_string())?;
    let mut model = Model::from_bytes(model).map_err(|error| error.to_string())?;
    model.fit(&schema).map_err(|error| error.to_string())?;
    warm_up(schema.width(), |rows, n| Ok(model.answer(rows, n).map(drop)))?;
    Ok(model)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
