//! Whether a model keeps weights in other files.
//!
//! A model is known by the sha256 of its file.  Weights beside it would escape that name, and their paths have
//! led out of the model's folder before (CVE-2022-25882, CVE-2024-27318), so such models are not loaded at all.
//! Message layouts are those of the public `onnx.proto`.

/// The name of the first tensor whose data is outside the file, if there is one.
///
/// Bytes that are no whole protobuf give `None` from there on: the engine refuses those itself.
pub(crate) fn first_outside(model: &[u8]) -> Option<String> {
    walk(Message::Model, model, 0)
}

#[derive(Clone, Copy, PartialEq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Function,
    Training,
}

impl Message {
    /// The message in a field, for the fields that can hold a tensor somewhere below.
    fn inside(self, field: u64) -> Option<Message> {
        Some(match (self, field) {
            (Message::Model, 7) | (Message::Attribute, 6 | 11) | (Message::Training, 1 | 2) => {
                Message::Graph
            }
            (Message::Model, 20) => Message::Training,
            (Message::Model, 25) => Message::Function,
            (Message::Graph, 1) | (Message::Function, 7) => Message::Node,
            (Message::Node, 5) | (Message::Function, 11) => Message::Attribute,
            (Message::Graph, 5) | (Message::Attribute, 5 | 10) | (Message::SparseTensor, 1 | 2) => {
                Message::Tensor
            }
            (Message::Graph, 15) | (Message::Attribute, 22 | 23) => Message::SparseTensor,
            _ => return None,
        })
    }
}

fn walk(message: Message, bytes: &[u8], depth: u32) -> Option<String> {
    // The engine's protobuf refuses what is nested deeper than 100.
    const DEEPEST: u32 = 100;
    if depth > DEEPEST {
        return None;
    }
    let (mut outside, mut name) = (false, "");
    for (field, value) in Fields(bytes) {
        match (message, field, value) {
            (Message::Tensor, 13, Value::Bytes(_)) | (Message::Tensor, 14, Value::Number(1)) => {
                outside = true;
            }
            (Message::Tensor, 8, Value::Bytes(text)) => {
                name = str::from_utf8(text).unwrap_or("(not text)");
            }
            (_, _, Value::Bytes(below)) => {
                let found = message.inside(field).and_then(|inside| walk(inside, below, depth + 1));
                if found.is_some() {
                    return found;
                }
            }
            _ => {}
        }
    }
    outside.then(|| name.to_owned())
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of a protobuf message; ends at the first byte that is none.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One length-delimited field, short enough for one byte of length.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()
    }

    #[test]
    fn weights_in_other_files_are_found_wherever_they_hide() {
        let tensor = [field(8, b"w"), vec![14 << 3, 1]].concat();
        let initializer = field(7, &field(5, &tensor));
        let in_attribute = field(7, &field(1, &field(5, &field(5, &tensor))));
        let in_branch = field(7, &field(1, &field(5, &field(6, &field(5, &tensor)))));
        for model in [initializer, in_attribute, in_branch] {
            assert_eq!(first_outside(&model), Some("w".to_owned()));
        }
    }

    #[test]
    fn weights_in_the_file_are_fine() {
        assert_eq!(first_outside(include_bytes!("../samples/linear.onnx")), None);
        assert_eq!(first_outside(include_bytes!("../samples/sum.onnx")), None);
        assert_eq!(first_outside(&[0xff; 40]), None);
    }
}
