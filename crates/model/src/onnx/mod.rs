//! ONNX files: read by schema, checked for weights in other files, and written anew for the engine.
//!
//! ONNX Runtime reads protobuf by its own rules.  Whatever those are, it must never see a model in bytes in which we
//! saw another one: so only bytes are taken that every reader understands alike, and the engine is given bytes whose
//! order is ours.

#[cfg(test)]
mod by_hand;
mod canonical;
#[cfg(test)]
mod differential;
mod fault;
mod outside;
mod reader;
mod schema;
mod varint;

use std::borrow::Cow;

use canonical::Parts;
pub(crate) use fault::NotOnnx;
use outside::Outside;
pub(crate) use reader::Reader;

/// What keeps a file from being loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotOnnx(NotOnnx),
    /// The name of the first tensor whose data is in another file.
    Outside(Vec<u8>),
}

/// A model whose weights are all in it, as we would have written it: the very bytes where they are so already.
///
/// Reads once, in memory that does not grow with the file; only what is in another order is read again.
pub(crate) fn canonical(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    let (in_order, found) = read(bytes, Outside::default())?;
    if let Some(name) = found.found {
        let name = name.map(|(start, end)| bytes[start as usize..end as usize].to_vec());
        return Err(Refusal::Outside(name.unwrap_or_default()));
    }
    match in_order {
        true => Ok(Cow::Borrowed(bytes)),
        false => written(bytes).map(Cow::Owned),
    }
}

/// The model written by us, whether it was in order or not.
fn written(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (_, parts) = read(bytes, Parts::default())?;
    parts.write(bytes).map_err(Refusal::NotOnnx)
}

fn read<S: reader::Sink>(bytes: &[u8], sink: S) -> Result<(bool, S), Refusal> {
    // Places in the file are kept in 32 bits.
    if bytes.len() as u64 > reader::MAX_LENGTH {
        return Err(Refusal::NotOnnx(NotOnnx::TooLong));
    }
    let mut reader = Reader::new(sink);
    reader.push(bytes);
    reader.finish().map_err(Refusal::NotOnnx)
}

#[cfg(test)]
mod tests;
