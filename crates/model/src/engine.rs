//! ONNX Runtime's shared library, found and opened once a process.
//!
//! The library is not linked: it comes from the official wheel (`scripts/fetch-onnxruntime`), so that whoever
//! builds Headgate builds no C++ and the library can be swapped by one variable.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::excerpt::Excerpt;
use crate::quiet::Quiet;
use crate::telemetry::{TELEMETRY_VARIABLE, is_off};
use crate::version;

/// The environment variable that names the library; what it names is used before anything that is found.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// The opened library.  There is one a process; it stays open until the process ends.
pub struct Engine {
    pub(crate) environment: Environment,
    library: PathBuf,
    version: String,
}

/// The library could not be found or opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing at any of the places where it is looked for.
    #[error(
        "ONNX Runtime's library is not there: {LIBRARY_VARIABLE} is not set and no target/onnxruntime/{FILE} lies \
         above the program or the current folder (hint: run scripts/fetch-onnxruntime, or set {LIBRARY_VARIABLE})"
    )]
    NotFound,
    /// The variable that keeps it from calling its vendor is not set.
    #[error(
        "ONNX Runtime would call its vendor: {TELEMETRY_VARIABLE} is not 1 \
         (hint: set it to 1 where this program is started)"
    )]
    WouldCallHome,
    /// A file is there, but it is not a library that can be used.
    #[error("ONNX Runtime's library {path} cannot be used: {why} (hint: run scripts/fetch-onnxruntime, or correct {LIBRARY_VARIABLE})", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        why: String,
    },
}

impl Engine {
    /// The process's engine, opened at the first call.
    ///
    /// # Errors
    /// [`EngineError`], the same one at every call.
    pub fn get() -> Result<&'static Engine, EngineError> {
        static ENGINE: OnceLock<Result<Engine, EngineError>> = OnceLock::new();
        ENGINE.get_or_init(open).as_ref().map_err(Clone::clone)
    }

    /// The library file that [`Engine::get`] would open, without opening it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub fn locate() -> Result<PathBuf, EngineError> {
        find(
            env::var_os(LIBRARY_VARIABLE).map(PathBuf::from),
            env::current_exe().ok().as_deref(),
            env::current_dir().ok().as_deref(),
        )
    }

    /// The version of ONNX Runtime, such as `1.32.0`; `unknown` where the library does not say.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The library file that was opened.
    pub fn library(&self) -> &Path {
        &self.library
    }
}

const FILE: &str = "libonnxruntime.so";

fn open() -> Result<Engine, EngineError> {
    // Set before `main`; a program that was linked without that must not load the library.
    if !is_off() {
        return Err(EngineError::WouldCallHome);
    }
    let library = Engine::locate()?;
    let unusable = |why: String| EngineError::Unusable { path: library.clone(), why };
    let environment = ort::init_from(&library)
        .map_err(|error| unusable(error.to_string()))?
        .with_name("headgate")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    let version = version::of(&library).unwrap_or_else(|| "unknown".to_owned());
    Ok(Engine { environment, library, version })
}

/// Looks beside and above the program (an image or `target/`), then above the current folder (a checkout).
fn find(
    given: Option<PathBuf>,
    program: Option<&Path>,
    folder: Option<&Path>,
) -> Result<PathBuf, EngineError> {
    if let Some(path) = given.filter(|path| !path.as_os_str().is_empty()) {
        // The loader takes a relative name as relative to the program, people mean the current folder.
        return Ok(path.canonicalize().unwrap_or(path));
    }
    let beside = program.and_then(Path::parent).map(|folder| folder.join(FILE));
    let above = |folder: &Path| folder.join("target/onnxruntime").join(FILE);
    beside
        .into_iter()
        .chain(program.into_iter().flat_map(Path::ancestors).map(above))
        .chain(folder.into_iter().flat_map(Path::ancestors).map(above))
        .find(|path| path.is_file())
        .ok_or(EngineError::NotFound)
}

/// The engine's messages name what models name.
fn log(level: LogLevel, category: &str, _id: &str, place: &str, message: &str) {
    static QUIET: LazyLock<Quiet> = LazyLock::new(Quiet::default);
    let message = Excerpt::message(message);
    if !matches!(level, LogLevel::Warning | LogLevel::Error | LogLevel::Fatal) {
        return tracing::debug!(category, place, "{message}");
    }
    // The message may name the size of a batch, so only the place says whether it is the same.
    let Some(kept_back) = QUIET.may_say(place, Instant::now()) else { return };
    match level {
        LogLevel::Warning => tracing::warn!(category, place, kept_back, "{message}"),
        _ => tracing::error!(category, place, kept_back, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_the_variable_names_comes_first_even_when_it_is_wrong() {
        let found = find(Some("/nowhere/lib.so".into()), None, None).unwrap();
        assert_eq!(found, Path::new("/nowhere/lib.so"));
    }

    #[test]
    fn without_the_variable_it_is_found_above_the_program() {
        let target = tempfile::tempdir().unwrap();
        let library = target.path().join("target/onnxruntime").join(FILE);
        std::fs::create_dir_all(library.parent().unwrap()).unwrap();
        std::fs::write(&library, "").unwrap();
        let program = target.path().join("target/debug/deps/scorer");
        assert_eq!(find(Some("".into()), Some(&program), None).unwrap(), library);
        assert_eq!(find(None, None, Some(target.path())).unwrap(), library);
    }

    #[test]
    fn where_there_is_none_the_error_says_how_to_get_it() {
        let empty = tempfile::tempdir().unwrap();
        let error = find(None, Some(&empty.path().join("scorer")), None).unwrap_err();
        assert!(error.to_string().contains("run scripts/fetch-onnxruntime"), "{error}");
    }
}
