//! Whether a model keeps weights in other files.
//!
//! A model is known by the sha256 of its file.  Weights beside it would escape that name, and their paths have
//! led out of the model's folder before (CVE-2022-25882, CVE-2024-27318), so such models are not loaded at all.

use super::reader::{Sink, Value};
use super::schema::{Field, Message, TENSOR, Type};

/// Notices the first tensor whose data is outside the file.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// Where the name of that tensor stands; none for one without a name.
    pub(super) found: Option<Option<(u64, u64)>>,
    tensors: Vec<Tensor>,
}

#[derive(Debug, Default)]
struct Tensor {
    name: Option<(u64, u64)>,
    outside: bool,
}

const NAME: u32 = 8;
const EXTERNAL_DATA: u32 = 13;
const DATA_LOCATION: u32 = 14;
const EXTERNAL: u64 = 1;

impl Sink for Outside {
    fn open(&mut self, message: &'static Message, field: &'static Field) {
        if std::ptr::eq(message, &TENSOR) && field.number == EXTERNAL_DATA {
            // Words about another place count even where the tensor does not say that its data is there.
            if let Some(tensor) = self.tensors.last_mut() {
                tensor.outside = true;
            }
        }
        if matches!(field.of, Type::Message(below) if std::ptr::eq(below, &TENSOR)) {
            self.tensors.push(Tensor::default());
        }
    }

    fn value(&mut self, message: &'static Message, field: &'static Field, value: Value) {
        if !std::ptr::eq(message, &TENSOR) {
            return;
        }
        let Some(tensor) = self.tensors.last_mut() else { return };
        match field.number {
            NAME => tensor.name = Some((value.content, value.end)),
            DATA_LOCATION if value.number == EXTERNAL => tensor.outside = true,
            _ => {}
        }
    }

    fn close(&mut self, message: &'static Message) {
        if std::ptr::eq(message, &TENSOR)
            && let Some(tensor) = self.tensors.pop()
            && tensor.outside
            && self.found.is_none()
        {
            self.found = Some(tensor.name);
        }
    }
}
