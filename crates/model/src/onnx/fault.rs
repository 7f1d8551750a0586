//! Why bytes are no ONNX model, or none that every reader would understand alike.

use std::fmt;

/// Why bytes are no ONNX model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotOnnx {
    /// Not the fields that an ONNX file has.
    Unknown,
    /// Whole protobuf, but a part is not there.
    Lacks(&'static str),
    /// Ended inside the field of this name.
    CutShort(&'static str),
    /// 2 GiB and more.
    TooLong,
    /// Protobuf that readers may understand in different ways.
    Ambiguous(Fault),
}

/// What is wrong with an encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Wire types 3 and 4, which no field of ONNX has.
    Group { message: &'static str },
    /// More bytes than the number needs.
    Overlong { message: &'static str },
    /// A field that the message does not have.
    UnknownField { message: &'static str, number: u64 },
    /// A wire type that the field does not have.
    WireType { message: &'static str, field: &'static str },
    /// What may be there once is there again.
    Twice { message: &'static str, field: &'static str },
    /// Longer than what it stands in.
    Overrun { message: &'static str, field: &'static str },
    /// A number that the field's type cannot hold.
    OutOfRange { message: &'static str, field: &'static str },
    /// More messages in messages than protobuf reads.
    TooDeep,
    /// Not in the usual order, and too many parts to put them into it.
    TooManyParts,
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
            NotOnnx::TooLong => f.write_str(
                "it begins like an ONNX model but is longer than the 2 GiB that protobuf reads",
            ),
            NotOnnx::Ambiguous(fault) => write!(
                f,
                "it begins like an ONNX model but is not written as one: {fault} \
                 (hint: write it anew with onnx.save(onnx.load(\"in.onnx\"), \"out.onnx\"))"
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Group { message } => write!(f, "{message} holds a protobuf group"),
            Fault::Overlong { message } => {
                write!(f, "a tag, length or number in {message} takes more bytes than it needs")
            }
            Fault::UnknownField { message, number } => {
                write!(f, "{message} has no field {number} in ONNX 1.23")
            }
            Fault::WireType { message, field } => {
                write!(f, "{message}.{field} has the wire type of another field")
            }
            Fault::Twice { message, field } => {
                write!(f, "{message}.{field} is there twice, or beside what excludes it")
            }
            Fault::Overrun { message, field } => {
                write!(f, "{message}.{field} is longer than the message it stands in")
            }
            Fault::OutOfRange { message, field } => {
                write!(f, "{message}.{field} has a number that its type cannot hold")
            }
            Fault::TooDeep => f.write_str("its messages are nested deeper than protobuf reads"),
            Fault::TooManyParts => {
                f.write_str("its fields are not in their usual order, and are too many to sort")
            }
        }
    }
}
