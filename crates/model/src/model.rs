//! A model that ONNX Runtime has loaded, and how it wants to be asked.

use std::fmt;
use std::path::Path;

use ort::ep;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, ValueType};
use serde::Serialize;

use crate::engine::{Engine, EngineError};
use crate::fit::{Inputs, Misfit, Outputs};

/// A loaded model.  It answers on the calling thread, one batch at a time.
#[derive(Debug)]
pub struct Model {
    pub(crate) session: Session,
    pub(crate) inputs: Inputs,
    pub(crate) outputs: Outputs,
    input_ports: Vec<Port>,
    output_ports: Vec<Port>,
}

/// An input or output that a model declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its elements, as in `float32`; for what is no tensor, what it is.
    pub dtype: String,
    /// Its dimensions; -1 where any size goes.
    pub shape: Vec<i64>,
}

/// A model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine itself is not there: nothing is said about the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine refuses the file.
    #[error("ONNX Runtime refuses the model: {why}")]
    Refused {
        /// What it said.
        why: String,
    },
    /// It loads, but it cannot be asked rows of numbers or gives nothing that is an answer.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl Model {
    /// Loads a model file.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(path: &Path) -> Result<Model, LoadError> {
        Model::of(session()?.commit_from_file(path).map_err(refused)?)
    }

    /// Loads a model out of memory; the bytes are not needed afterwards.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, LoadError> {
        Model::of(session()?.commit_from_memory(bytes).map_err(refused)?)
    }

    /// The declared inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.input_ports
    }

    /// The declared outputs.
    pub fn outputs(&self) -> &[Port] {
        &self.output_ports
    }

    /// How many numbers a row has; `None` as long as a model that takes any width was not fitted to a stream.
    pub fn width(&self) -> Option<usize> {
        self.inputs.width()
    }

    fn of(session: Session) -> Result<Model, LoadError> {
        let input_ports: Vec<Port> = session.inputs().iter().map(Port::of).collect();
        let output_ports: Vec<Port> = session.outputs().iter().map(Port::of).collect();
        let inputs = Inputs::of(&input_ports)?;
        let outputs = Outputs::of(&output_ports)?;
        Ok(Model { session, inputs, outputs, input_ports, output_ports })
    }
}

impl Port {
    fn of(outlet: &Outlet) -> Port {
        let (dtype, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                (format!("{ty:?}").to_lowercase(), shape.iter().copied().collect())
            }
            ValueType::Sequence(_) => ("sequence".to_owned(), vec![]),
            ValueType::Map { .. } => ("map".to_owned(), vec![]),
            ValueType::Optional(_) => ("optional".to_owned(), vec![]),
        };
        Port { name: outlet.name().to_owned(), dtype, shape }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.dtype)?;
        if self.shape.is_empty() {
            return Ok(());
        }
        let sizes: Vec<String> = self
            .shape
            .iter()
            .map(|size| if *size < 0 { "N".to_owned() } else { size.to_string() })
            .collect();
        write!(f, "[{}]", sizes.join(", "))
    }
}

/// One thread a session: the scorer gets its parallelism from partitions, and small models lose more time in
/// handing work over than they win.  Memory patterns are planned for a fixed shape, and batches differ in size.
fn session() -> Result<SessionBuilder, LoadError> {
    let engine = Engine::get()?;
    let build = || -> Result<SessionBuilder, ort::Error> {
        Ok(Session::builder(&engine.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_memory_pattern(false)?
            .with_execution_providers([ep::CPU::default().with_arena_allocator(true).build()])?)
    };
    build().map_err(refused)
}

fn refused(error: ort::Error) -> LoadError {
    LoadError::Refused { why: error.message().trim().to_owned() }
}
