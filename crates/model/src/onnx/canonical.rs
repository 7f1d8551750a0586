//! A model's bytes as we would have written them.
//!
//! Fields stand in the order of their numbers, repeated numbers are packed where the schema packs them.  That is also
//! what protobuf's own deterministic writing gives.

use super::fault::{Fault, NotOnnx};
use super::reader::{LENGTH, Sink, Value};
use super::schema::{Field, Message, Times, Type};

/// The parts of a file, in the file's order.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    field: &'static Field,
    what: What,
    /// Protobuf's files are shorter than 2 GiB.
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// The message's parts follow, up to the `Close`.
    Open,
    Close,
    /// Values of one field behind each other, each with its tag.
    Tagged,
    /// Numbers without tags.
    Packed,
}

/// Some hundred megabytes of parts.
const MAX_SIZE: usize = 20_000_000;

impl Sink for Parts {
    fn open(&mut self, _message: &'static Message, field: &'static Field) {
        self.push(Part { field, what: What::Open, start: 0, end: 0 });
    }

    fn value(&mut self, _message: &'static Message, field: &'static Field, value: Value) {
        let (start, end) = (if value.packed { value.content } else { value.start }, value.end);
        let what = if value.packed { What::Packed } else { What::Tagged };
        match self.parts.last_mut() {
            Some(last)
                if what == What::Tagged
                    && last.what == What::Tagged
                    && std::ptr::eq(last.field, field)
                    && u64::from(last.end) == start =>
            {
                last.end = end as u32;
            }
            _ => self.push(Part { field, what, start: start as u32, end: end as u32 }),
        }
    }

    fn close(&mut self, _message: &'static Message) {
        if let Some(last) = self.parts.last() {
            let field = last.field;
            self.push(Part { field, what: What::Close, start: 0, end: 0 });
        }
    }
}

impl Parts {
    fn push(&mut self, part: Part) {
        if self.parts.len() <= MAX_SIZE {
            self.parts.push(part);
        }
    }

    /// Writes the parts of `bytes`, which they were read from.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<Vec<u8>, NotOnnx> {
        if self.parts.len() > MAX_SIZE {
            return Err(NotOnnx::Ambiguous(Fault::TooManyParts));
        }
        let mut backwards = Backwards { bytes, out: Vec::with_capacity(bytes.len()) };
        backwards.message(&self.parts);
        backwards.out.reverse();
        Ok(backwards.out)
    }
}

/// Writes from the end to the beginning, so that a message's length is known before it is written.
struct Backwards<'a> {
    bytes: &'a [u8],
    out: Vec<u8>,
}

impl Backwards<'_> {
    fn message(&mut self, parts: &[Part]) {
        let mut children = children(parts);
        // Stable: of one field, what came first stays first.
        children.sort_by_key(|child| child[0].field.number);
        for same in children.chunk_by(|a, b| std::ptr::eq(a[0].field, b[0].field)).rev() {
            let field = same[0][0].field;
            match (field.times, field.of) {
                (_, Type::Message(_)) => {
                    for child in same.iter().rev() {
                        let end = self.out.len();
                        self.message(&child[1..child.len() - 1]);
                        self.length_and_tag(field, end);
                    }
                }
                (Times::Packed, _) => {
                    let end = self.out.len();
                    for child in same.iter().rev() {
                        self.without_tags(&child[0]);
                    }
                    if self.out.len() > end {
                        self.length_and_tag(field, end);
                    }
                }
                _ => {
                    for child in same.iter().rev() {
                        self.with_tags(&child[0]);
                    }
                }
            }
        }
    }

    fn length_and_tag(&mut self, field: &Field, end: usize) {
        let length = self.out.len() - end;
        self.varint(length as u64);
        self.varint(u64::from(field.number) << 3 | LENGTH);
    }

    fn with_tags(&mut self, part: &Part) {
        let content = &self.bytes[part.start as usize..part.end as usize];
        if part.what == What::Tagged {
            self.raw(content);
            return;
        }
        let tag = u64::from(part.field.number) << 3 | part.field.wire();
        let mut numbers = Numbers { field: part.field, rest: content }.collect::<Vec<_>>();
        numbers.reverse();
        for number in numbers {
            self.raw(number);
            self.varint(tag);
        }
    }

    fn without_tags(&mut self, part: &Part) {
        let content = &self.bytes[part.start as usize..part.end as usize];
        if part.what == What::Packed {
            self.raw(content);
            return;
        }
        // Each number has a tag of one byte before it: packed fields have numbers below 16.
        let mut rest = content;
        let mut numbers = Vec::new();
        while let [_tag, behind @ ..] = rest {
            let mut numbers_behind = Numbers { field: part.field, rest: behind };
            numbers.extend(numbers_behind.next());
            rest = numbers_behind.rest;
        }
        for number in numbers.iter().rev() {
            self.raw(number);
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend(bytes.iter().rev());
    }

    fn varint(&mut self, number: u64) {
        let mut bytes = [0; 10];
        let mut used = 0;
        let mut rest = number;
        loop {
            bytes[used] = (rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 };
            used += 1;
            rest >>= 7;
            if rest == 0 {
                break;
            }
        }
        self.raw(&bytes[..used]);
    }
}

/// The parts of one message, each with the parts inside it.
fn children(parts: &[Part]) -> Vec<&[Part]> {
    let mut children = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (at, part) in parts.iter().enumerate() {
        match part.what {
            What::Open => depth += 1,
            What::Close => depth -= 1,
            What::Tagged | What::Packed => {}
        }
        if depth == 0 {
            children.push(&parts[start..=at]);
            start = at + 1;
        }
    }
    children
}

/// Numbers behind each other, as the bytes of each; the reader has found them whole.
struct Numbers<'a> {
    field: &'static Field,
    rest: &'a [u8],
}

impl<'a> Iterator for Numbers<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let length = match self.field.of {
            Type::Float | Type::Double => self.field.width() as usize,
            _ => self.rest.iter().position(|byte| byte & 0x80 == 0)? + 1,
        };
        let (number, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(number)
    }
}
