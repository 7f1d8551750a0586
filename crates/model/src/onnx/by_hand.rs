//! Models written by hand, for the tests: what no library writes is written here too.

use crate::onnx::reader::{LENGTH, VARINT};

/// Bytes of a message that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn varint(mut self, mut number: u64) -> Self {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn number(self, field: u64, number: u64) -> Self {
        self.varint(field << 3 | VARINT).varint(number)
    }

    pub(super) fn bytes(self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.varint(field << 3 | LENGTH).varint(bytes.len() as u64).raw(bytes)
    }

    /// A group with nothing in it, which a reader skips that does not know the field.
    pub(super) fn group(self, field: u64) -> Self {
        self.varint(field << 3 | 3).varint(field << 3 | 4)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

pub(super) fn message() -> Bytes {
    Bytes::default()
}

/// A model of this graph.
pub(super) fn model(graph: impl AsRef<[u8]>) -> Bytes {
    message().number(1, 8).bytes(7, graph).bytes(8, message().bytes(1, "").number(2, 13))
}

/// `y = x + w`, where `w` is what the initializer holds; `before` and `after` stand around the rest.
pub(super) fn graph(before: Bytes, initializer: &Bytes, after: &Bytes) -> Bytes {
    // As bytes that are cast they escape the engine's own optimisers, which want a path for the model.
    let to = message().bytes(1, "to").number(3, 1).number(20, 2);
    let cast = message().bytes(1, "w").bytes(2, "c").bytes(4, "Cast").bytes(5, to);
    let add = message().bytes(1, "x").bytes(1, "c").bytes(2, "y").bytes(4, "Add");
    let graph = before.bytes(1, cast).bytes(1, add).bytes(2, "g").raw(&initializer.0);
    graph.bytes(11, port("x")).bytes(12, port("y")).raw(&after.0)
}

pub(super) fn tensor() -> Bytes {
    message().number(1, 2).number(2, 2).bytes(8, "w")
}

/// The words that keep a tensor's data in `samples/root.onnx`: its fourth byte and the next.
pub(super) fn elsewhere() -> Bytes {
    let entry = |key: &str, value: &str| message().bytes(1, key).bytes(2, value);
    message()
        .bytes(13, entry("location", "samples/root.onnx"))
        .bytes(13, entry("offset", "3"))
        .bytes(13, entry("length", "2"))
        .number(14, 1)
}

fn port(name: &str) -> Bytes {
    let shape = message().bytes(1, message().bytes(2, "N")).bytes(1, message().number(1, 2));
    let tensor = message().number(1, 1).bytes(2, shape);
    message().bytes(1, name).bytes(2, message().bytes(1, tensor))
}
