//! The schema of a stream, out of its file.

use std::path::Path;

use stream::{SchemaError, StreamSchema};

/// A schema file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaFileError {
    /// The file cannot be read.
    #[error("cannot read the stream schema {path}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It can, and is no schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Reads a schema file such as `demo/shuttle/schema.json`.
///
/// # Errors
/// [`SchemaFileError`].
pub fn load_schema(path: &Path) -> Result<StreamSchema, SchemaFileError> {
    let text = regular_file::read_to_string(path, regular_file::TEXT)
        .map_err(|source| SchemaFileError::Read { path: path.display().to_string(), source })?;
    Ok(StreamSchema::parse(&text)?)
}
