//! The outline of an ONNX file: its outermost protobuf fields, walked without holding or decoding what is in them.
//!
//! ONNX has no magic number.  What makes bytes an ONNX model is that they are a whole `ModelProto`: known fields
//! with their wire types, an IR version, an operator set and a graph, and the last field ending with the file.
//! Field numbers are those of the public `onnx.proto`, wire format that of the protobuf encoding guide.

use std::fmt;

/// Walks the outermost fields of a `ModelProto`, chunk by chunk.
#[derive(Debug)]
pub(crate) struct Outline {
    state: State,
    seen: Seen,
    failure: Option<NotOnnx>,
}

/// Why bytes are no ONNX model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotOnnx {
    /// Not the fields that an ONNX file has.
    Unknown,
    /// Whole protobuf, but a part is not there.
    Lacks(&'static str),
    /// Ended inside the field of this name.
    CutShort(&'static str),
}

impl fmt::Display for NotOnnx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotOnnx::Unknown => f.write_str("it has no known model format"),
            NotOnnx::Lacks(part) => write!(f, "it begins like an ONNX model but has no {part}"),
            NotOnnx::CutShort(part) => write!(
                f,
                "it begins like an ONNX model but is cut short: its {part} is longer than the file"
            ),
        }
    }
}

impl Default for Outline {
    fn default() -> Self {
        Outline { state: State::Tag(Varint::default()), seen: Seen::default(), failure: None }
    }
}

impl Outline {
    /// Takes the next chunk; costs nothing for bytes inside a field, whose length was told before them.
    pub(crate) fn push(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() && self.failure.is_none() {
            if let Err(failure) = self.step(&mut chunk) {
                self.failure = Some(failure);
            }
        }
    }

    /// Says whether what was pushed is a whole `ModelProto`.
    pub(crate) fn finish(self) -> Result<(), NotOnnx> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if !self.seen.ir_version {
            return Err(NotOnnx::Unknown);
        }
        match self.state {
            State::Tag(Varint { bytes: 0, .. }) => {}
            State::Tag(_) => return Err(NotOnnx::CutShort("next field")),
            State::Value { field, .. }
            | State::Length { field, .. }
            | State::Inside { field, .. } => {
                return Err(NotOnnx::CutShort(name(field)));
            }
        }
        match self.seen {
            Seen { graph: false, .. } => Err(NotOnnx::Lacks("graph")),
            Seen { operator_set: false, .. } => Err(NotOnnx::Lacks("operator set")),
            Seen { .. } => Ok(()),
        }
    }

    fn step(&mut self, chunk: &mut &[u8]) -> Result<(), NotOnnx> {
        match &mut self.state {
            State::Tag(tag) => {
                if let Some(tag) = tag.push(chunk)? {
                    self.state = after_tag(tag)?;
                }
            }
            State::Value { field, value } => {
                let field = *field;
                if let Some(value) = value.push(chunk)? {
                    self.value(field, value)?;
                    self.state = State::Tag(Varint::default());
                }
            }
            State::Length { field, length } => {
                let field = *field;
                if let Some(length) = length.push(chunk)? {
                    self.begin(field, length)?;
                    self.state = State::Inside { field, left: length };
                    self.leave_if_done();
                }
            }
            State::Inside { left, .. } => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len());
                *chunk = &chunk[taken..];
                *left -= taken as u64;
                self.leave_if_done();
            }
        }
        Ok(())
    }

    fn leave_if_done(&mut self) {
        if let State::Inside { left: 0, .. } = self.state {
            self.state = State::Tag(Varint::default());
        }
    }

    fn value(&mut self, field: u64, value: u64) -> Result<(), NotOnnx> {
        // Version 1 is of 2017, 13 of 2025; what is far beyond is no version but chance.
        const NEWEST_PLAUSIBLE: u64 = 200;
        if field == IR_VERSION {
            if !(1..=NEWEST_PLAUSIBLE).contains(&value) {
                return Err(NotOnnx::Unknown);
            }
            self.seen.ir_version = true;
        }
        Ok(())
    }

    fn begin(&mut self, field: u64, length: u64) -> Result<(), NotOnnx> {
        // The engine refuses protobuf messages of 2 GiB and more.
        if length > i32::MAX as u64 {
            return Err(NotOnnx::Unknown);
        }
        self.seen.graph |= field == GRAPH && length > 0;
        self.seen.operator_set |= field == OPERATOR_SET;
        Ok(())
    }
}

#[derive(Debug)]
enum State {
    Tag(Varint),
    Value { field: u64, value: Varint },
    Length { field: u64, length: Varint },
    Inside { field: u64, left: u64 },
}

#[derive(Debug, Default)]
struct Seen {
    ir_version: bool,
    graph: bool,
    operator_set: bool,
}

#[derive(Debug, Default)]
struct Varint {
    value: u64,
    bytes: u32,
}

impl Varint {
    /// Takes bytes until the number is whole.
    fn push(&mut self, chunk: &mut &[u8]) -> Result<Option<u64>, NotOnnx> {
        while let [byte, rest @ ..] = *chunk {
            *chunk = rest;
            if self.bytes == 10 {
                return Err(NotOnnx::Unknown);
            }
            self.value |= u64::from(byte & 0x7f) << (7 * self.bytes).min(63);
            self.bytes += 1;
            if byte & 0x80 == 0 {
                return Ok(Some(self.value));
            }
        }
        Ok(None)
    }
}

const IR_VERSION: u64 = 1;
const GRAPH: u64 = 7;
const OPERATOR_SET: u64 = 8;
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

/// The fields of `ModelProto` and the wire type of each.
const FIELDS: &[(u64, u64, &str)] = &[
    (IR_VERSION, VARINT, "version"),
    (2, LENGTH_DELIMITED, "producer's name"),
    (3, LENGTH_DELIMITED, "producer's version"),
    (4, LENGTH_DELIMITED, "domain"),
    (5, VARINT, "model version"),
    (6, LENGTH_DELIMITED, "description"),
    (GRAPH, LENGTH_DELIMITED, "graph"),
    (OPERATOR_SET, LENGTH_DELIMITED, "operator set"),
    (14, LENGTH_DELIMITED, "metadata"),
    (20, LENGTH_DELIMITED, "training information"),
    (25, LENGTH_DELIMITED, "function"),
    (26, LENGTH_DELIMITED, "device configuration"),
];

fn name(field: u64) -> &'static str {
    FIELDS.iter().find(|(number, ..)| *number == field).map_or("unknown field", |(.., name)| name)
}

/// A field that later versions of ONNX add is passed over; a known one must have its wire type.
fn after_tag(tag: u64) -> Result<State, NotOnnx> {
    const HIGHEST_PLAUSIBLE: u64 = 1000;
    let (field, wire) = (tag >> 3, tag & 7);
    let known = FIELDS.iter().find(|(number, ..)| *number == field);
    if field == 0 || field > HIGHEST_PLAUSIBLE || known.is_some_and(|(_, known, _)| *known != wire)
    {
        return Err(NotOnnx::Unknown);
    }
    match wire {
        VARINT => Ok(State::Value { field, value: Varint::default() }),
        1 => Ok(State::Inside { field, left: 8 }),
        LENGTH_DELIMITED => Ok(State::Length { field, length: Varint::default() }),
        5 => Ok(State::Inside { field, left: 4 }),
        _ => Err(NotOnnx::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(bytes: &[u8]) -> Result<(), NotOnnx> {
        let mut outline = Outline::default();
        outline.push(bytes);
        outline.finish()
    }

    #[test]
    fn version_graph_and_operator_set_make_a_model() {
        let graph: &[u8] = &[0x3a, 2, 0x12, 0];
        let set: &[u8] = &[0x42, 2, 0x10, 21];
        let version: &[u8] = &[0x08, 10];
        for (fields, expected) in [
            (vec![version, graph, set], Ok(())),
            (vec![version, set, graph], Ok(())),
            (vec![version, graph, set, &[0xfa, 0x01, 1, 9]], Ok(())),
            (vec![version, set], Err(NotOnnx::Lacks("graph"))),
            (vec![version, graph], Err(NotOnnx::Lacks("operator set"))),
            (vec![version, &[0x3a, 0], set], Err(NotOnnx::Lacks("graph"))),
            (vec![graph, set], Err(NotOnnx::Unknown)),
            (vec![&[0x08, 0], graph, set], Err(NotOnnx::Unknown)),
            (vec![&[0x0a, 1, 1], graph, set], Err(NotOnnx::Unknown)),
            (vec![version, &[0x3a, 9, 1]], Err(NotOnnx::CutShort("graph"))),
            (vec![version, &[0x3a]], Err(NotOnnx::CutShort("graph"))),
            (vec![version, &[0xba]], Err(NotOnnx::CutShort("next field"))),
            (vec![&[0xff; 11]], Err(NotOnnx::Unknown)),
        ] {
            assert_eq!(outline(&fields.concat()), expected, "{fields:?}");
        }
    }
}
