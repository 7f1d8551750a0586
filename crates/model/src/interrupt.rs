//! The way to end a call of a model from another thread.

use std::fmt;
use std::sync::Arc;

use ort::session::{NoSelectedOutputs, RunOptions};

/// Ends the call that a [`Model`](crate::Model) is in; cheap to clone.
///
/// The engine looks at it between two operators, and between two rounds of a loop. What runs within one operator goes
/// on until that operator is done.
#[derive(Clone)]
pub struct Interrupt(pub(crate) Arc<RunOptions<NoSelectedOutputs>>);

impl Interrupt {
    pub(crate) fn new() -> Result<Self, ort::Error> {
        Ok(Self(Arc::new(RunOptions::new()?)))
    }

    /// Has the current call end with an error, and every later one, until [`Interrupt::clear`].
    pub fn set(&self) {
        // The engine only refuses a pointer that is null, which this one is not.
        let _set = self.0.terminate();
    }

    /// Calls are answered again.
    pub fn clear(&self) {
        let _cleared = self.0.unterminate();
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupt")
    }
}
