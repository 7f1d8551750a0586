//! Which format a file has, by its content and never by its name.
//!
//! A pickle called `model.onnx` must not reach anything that would unpickle it, and a download that broke off
//! must be called that.  Source of the layouts: the ONNX protobuf schema, the safetensors README, the GGUF
//! specification, Python's `pickletools`, and the ZIP application note.

use std::fmt;
use std::io::{self, Read};

use serde::Serialize;

use crate::onnx::Reader;

/// The format of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// An ONNX model: the one kind that the engine answers with.
    Onnx,
    /// Tensors without a graph, as Hugging Face writes them.
    Safetensors,
    /// llama.cpp's weights.
    Gguf,
    /// A Python pickle: a program, not data.
    Pickle,
    /// A ZIP archive: also what PyTorch's `.pt`, NumPy's `.npz` and Keras' `.keras` are.
    Zip,
    /// None of these; the reason says what was seen instead.
    Other {
        /// What was seen, as the end of the sentence "it is not a model: ...".
        reason: String,
    },
}

/// Tells a format from chunks of the file in their order, in memory of a fixed size.
#[derive(Debug)]
pub struct Sniffer {
    head: Vec<u8>,
    last: u8,
    size: u64,
    only_zeros: bool,
    reader: Reader<()>,
}

impl Kind {
    /// Reads to the end and tells the kind.
    ///
    /// # Errors
    /// What the reader says.
    pub fn of(mut reader: impl Read) -> io::Result<Kind> {
        let mut sniffer = Sniffer::default();
        let mut chunk = [0; 8192];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(sniffer.finish()),
                Ok(read) => sniffer.push(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One lower-case word: `onnx`, `safetensors`, `gguf`, `pickle`, `zip` or `other`.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Onnx => "onnx",
            Kind::Safetensors => "safetensors",
            Kind::Gguf => "gguf",
            Kind::Pickle => "pickle",
            Kind::Zip => "zip",
            Kind::Other { .. } => "other",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Onnx => f.write_str("an ONNX model"),
            Kind::Safetensors => f.write_str("a safetensors file (weights without a graph)"),
            Kind::Gguf => f.write_str("a GGUF file (llama.cpp weights)"),
            Kind::Pickle => f.write_str("a Python pickle (a program, not data)"),
            Kind::Zip => f.write_str("a ZIP archive (PyTorch, NumPy and Keras files are such)"),
            Kind::Other { reason } => f.write_str(reason),
        }
    }
}

impl Default for Sniffer {
    fn default() -> Self {
        Sniffer {
            head: Vec::with_capacity(HEAD),
            last: 0,
            size: 0,
            only_zeros: true,
            reader: Reader::new(()),
        }
    }
}

impl Sniffer {
    /// Takes the next chunk of the file.
    pub fn push(&mut self, chunk: &[u8]) {
        let missing = HEAD.saturating_sub(self.head.len()).min(chunk.len());
        self.head.extend_from_slice(&chunk[..missing]);
        self.only_zeros = self.only_zeros && chunk.iter().all(|byte| *byte == 0);
        self.last = chunk.last().copied().unwrap_or(self.last);
        self.size += chunk.len() as u64;
        self.reader.push(chunk);
    }

    /// Tells the kind of what was pushed.
    pub fn finish(self) -> Kind {
        let head = self.head.as_slice();
        if self.size == 0 {
            return other("it is an empty file");
        }
        if self.only_zeros {
            return other(format!("all of its {} bytes are zero", self.size));
        }
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Kind::Zip;
        }
        if is_engines_own(head) {
            return other(ENGINES_OWN);
        }
        if head.starts_with(b"GGUF") {
            return gguf(head);
        }
        if let Some(kind) = safetensors(head, self.size) {
            return kind;
        }
        if let Some(kind) = pickle(head, self.last) {
            return kind;
        }
        if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
            return other(format!("it is {name}"));
        }
        match self.reader.finish() {
            Ok(_) => Kind::Onnx,
            Err(reason) => other(reason.to_string()),
        }
    }
}

/// ONNX Runtime reads bytes with this mark as its own flatbuffer format, whatever else they are.
pub(crate) fn is_engines_own(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"ORTM")
}

/// What such a file is.
pub(crate) const ENGINES_OWN: &str = "it has the mark of ONNX Runtime's own format (ORTM at bytes 4 to 8), which cannot be looked into: \
     release the .onnx file that it was made of";

/// How much of the beginning is kept: more than any of the headers that are looked at.
const HEAD: usize = 512;

/// Formats that are no models to us but that deserve their name in the reason.
const KNOWN: &[(&[u8], &str)] = &[
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (as Keras writes)"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard-compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x7fELF", "a program or shared library (ELF)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"%PDF", "a PDF document"),
    (b"version https://git-lfs", "a Git LFS pointer: the model itself was not fetched"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"{", "JSON text"),
];

fn other(reason: impl Into<String>) -> Kind {
    Kind::Other { reason: reason.into() }
}

fn gguf(head: &[u8]) -> Kind {
    let version = head.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    match version {
        Some(2 | 3) if head.len() >= 24 => Kind::Gguf,
        Some(2 | 3) | None => other("it begins like a GGUF file but is cut short"),
        Some(version) => other(format!("it is a GGUF file of the unknown version {version}")),
    }
}

/// Eight bytes of header length, then JSON: an object, after white space that some writers pad with.
fn safetensors(head: &[u8], size: u64) -> Option<Kind> {
    const MAX_HEADER: u64 = 100_000_000;
    let length = u64::from_le_bytes(head.get(..8)?.try_into().ok()?);
    let json = head.get(8..)?.trim_ascii_start();
    let object = json.starts_with(b"{\"") || json.starts_with(b"{}");
    if !object || !(2..=MAX_HEADER).contains(&length) {
        return None;
    }
    Some(if length.saturating_add(8) > size {
        other("it begins like a safetensors file but is cut short")
    } else {
        Kind::Safetensors
    })
}

/// Protocols 2 to 5 say so in their first two bytes; 0 and 1 are known by the first opcode and the last.
fn pickle(head: &[u8], last: u8) -> Option<Kind> {
    const STOP: u8 = b'.';
    match head {
        [0x80, 2..=5, ..] if last == STOP => Some(Kind::Pickle),
        [0x80, 2..=5, ..] => Some(other(
            "it begins like a Python pickle but does not end like one: cut short, or something is hidden behind it",
        )),
        [b'(', b'd' | b'l' | b't' | b'i' | b'c' | b'S' | b'I' | b'V' | b'o', ..]
        | [b'c', b'a'..=b'z' | b'_', ..]
        | [b']' | b'}', b'q' | b'(' | b'p', ..]
            if last == STOP =>
        {
            Some(Kind::Pickle)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        match Kind::of(bytes).unwrap() {
            Kind::Other { reason } => reason,
            kind => panic!("{kind:?} is not other"),
        }
    }

    fn safetensors_file(header: &str, data: usize) -> Vec<u8> {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.resize(file.len() + data, 1);
        file
    }

    #[test]
    fn a_real_onnx_file_is_onnx_and_each_cut_of_it_is_not() {
        let file = include_bytes!("../samples/linear.onnx");
        assert_eq!(Kind::of(&file[..]).unwrap(), Kind::Onnx);
        let whole: Vec<usize> =
            (1..file.len()).filter(|cut| Kind::of(&file[..*cut]).unwrap() == Kind::Onnx).collect();
        // The one cut that leaves a whole message is right before the last field, a second operator set.
        let last_field = file.len() - b"\x42\x0e\x0a\x0aai.onnx.ml\x10\x01".len();
        assert_eq!(whole, [last_field]);
        assert_eq!(
            reason(&file[..file.len() / 2]),
            "it begins like an ONNX model but is cut short: its graph is longer than the file"
        );
    }

    #[test]
    fn onnx_with_bytes_behind_it_is_not_onnx() {
        let mut file = include_bytes!("../samples/linear.onnx").to_vec();
        file.extend_from_slice(b"\x07\x07\x07");
        assert!(matches!(Kind::of(&file[..]).unwrap(), Kind::Other { .. }));
    }

    #[test]
    fn every_known_kind_is_told_from_its_content() {
        let safetensors = safetensors_file(r#"{"w":{"dtype":"F32","shape":[1]}}"#, 4);
        let gguf = [&b"GGUF\x03\0\0\0"[..], &[0; 16]].concat();
        for (bytes, kind) in [
            (&safetensors[..], Kind::Safetensors),
            (&safetensors_file("   {}", 0), Kind::Safetensors),
            (&gguf, Kind::Gguf),
            (b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.", Kind::Pickle),
            (b"(dp0\nS'a'\np1\nI1\ns.", Kind::Pickle),
            (b"cos\nsystem\n(S'true'\ntR.", Kind::Pickle),
            (b"PK\x03\x04\x14\0\0\0", Kind::Zip),
        ] {
            assert_eq!(Kind::of(bytes).unwrap(), kind);
        }
    }

    #[test]
    fn what_is_no_model_says_what_it_is() {
        assert_eq!(reason(b""), "it is an empty file");
        assert_eq!(reason(&[0; 100_000]), "all of its 100000 bytes are zero");
        assert_eq!(reason(b"{\"a\":1}"), "it is JSON text");
        assert_eq!(reason(b"\x1f\x8b\x08"), "it is gzip-compressed data");
        assert_eq!(reason(b"GGUF\x63\0\0\0"), "it is a GGUF file of the unknown version 99");
        let whole = safetensors_file(r#"{"w":{}}"#, 0);
        assert_eq!(
            reason(&whole[..whole.len() - 1]),
            "it begins like a safetensors file but is cut short"
        );
        assert_eq!(
            reason(b"\x80\x04\x95cut"),
            "it begins like a Python pickle but does not end like one: cut short, or something is hidden behind it"
        );
    }

    #[test]
    fn no_change_of_a_byte_makes_it_fall_over() {
        let file = include_bytes!("../samples/linear.onnx");
        for place in 0..file.len() {
            for change in [0x01, 0x7f, 0x80, 0xff] {
                let mut changed = file.to_vec();
                changed[place] ^= change;
                let _some_kind = Kind::of(&changed[..]).unwrap();
                let _some_model = crate::onnx::canonical(&changed);
            }
        }
    }
}
