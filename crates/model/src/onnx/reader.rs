//! The one reading of ONNX files: by schema, strict, chunk by chunk, in memory that grows with the nesting alone.
//!
//! What it takes, every protobuf reader takes for the same: no groups, no number longer than it must be, no field
//! that the schema does not have, nothing twice that is merged or overwritten.  Source of the wire format: the
//! protobuf encoding guide.

use super::fault::{Fault, NotOnnx};
use super::schema::{Field, MODEL, Message, Times, Type};
use super::varint::Varint;

/// What is done with the fields; the reader itself keeps nothing of them.
pub(crate) trait Sink {
    /// A message begins, in `field` of `message`.
    fn open(&mut self, _message: &'static Message, _field: &'static Field) {}
    /// A field that is no message, whole.
    fn value(&mut self, _message: &'static Message, _field: &'static Field, _value: Value) {}
    /// The message that was opened last and not closed is whole.
    fn close(&mut self, _message: &'static Message) {}
}

/// Where a value stands in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    /// First byte of its tag.
    pub(crate) start: u64,
    /// First byte behind tag and length.
    pub(crate) content: u64,
    /// First byte behind it.
    pub(crate) end: u64,
    /// Several numbers behind one tag.
    pub(crate) packed: bool,
    /// The number of a varint that is not packed.
    pub(crate) number: u64,
}

/// Nothing is done with the fields: what matters is whether they can be read.
impl Sink for () {}

/// Reads a `ModelProto`.
#[derive(Debug)]
pub(crate) struct Reader<S> {
    pub(crate) sink: S,
    /// The messages that are open, the outermost first.
    open: Vec<Open>,
    state: State,
    at: u64,
    /// Where the last tag began.
    tag_at: u64,
    canonical: bool,
    found: Found,
    failure: Option<NotOnnx>,
}

#[derive(Debug)]
struct Open {
    message: &'static Message,
    /// The field that it stands in; none for the outermost.
    field: Option<&'static Field>,
    end: u64,
    seen: u32,
    last: u32,
}

#[derive(Debug)]
enum State {
    Tag(Varint),
    Number { field: &'static Field, number: Varint },
    Length { field: &'static Field, length: Varint },
    Inside { field: &'static Field, content: u64, end: u64, packed: bool },
    PackedNumbers { field: &'static Field, content: u64, end: u64, number: Varint },
}

#[derive(Debug, Default)]
struct Found {
    ir_version: bool,
    graph: bool,
    operator_set: bool,
}

/// Protobuf reads no message of 2 GiB and more.
pub(super) const MAX_LENGTH: u64 = i32::MAX as u64;
/// As in protobuf, which counts the messages below the outermost.
const DEEPEST: usize = 100;

impl<S: Sink> Reader<S> {
    pub(crate) fn new(sink: S) -> Self {
        let outermost = Open { message: &MODEL, field: None, end: u64::MAX, seen: 0, last: 0 };
        Reader {
            sink,
            open: vec![outermost],
            state: State::Tag(Varint::default()),
            at: 0,
            tag_at: 0,
            canonical: true,
            found: Found::default(),
            failure: None,
        }
    }

    /// Takes the next chunk; costs nothing for bytes inside a field, whose length stands before them.
    pub(crate) fn push(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() && self.failure.is_none() {
            let before = chunk.len();
            let step = self.step(&mut chunk);
            if let Err(fault) = step {
                // Without a version these are no fields of ONNX but chance.
                self.failure = Some(match self.found.ir_version {
                    true => NotOnnx::Ambiguous(fault),
                    false => NotOnnx::Unknown,
                });
            }
            debug_assert!(chunk.len() < before, "each step takes a byte");
        }
    }

    /// Says whether what was pushed is a whole `ModelProto`; if so, whether it is in the canonical order, and gives
    /// the sink back.
    pub(crate) fn finish(self) -> Result<(bool, S), NotOnnx> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if !self.found.ir_version {
            return Err(NotOnnx::Unknown);
        }
        if self.at > MAX_LENGTH {
            return Err(NotOnnx::TooLong);
        }
        let inside = self.open.get(1).and_then(|open| open.field);
        match (inside, self.state) {
            (None, State::Tag(tag)) if tag.is_empty() => {}
            (None, State::Tag(_)) => return Err(NotOnnx::CutShort("next field")),
            (Some(field), _)
            | (
                None,
                State::Number { field, .. }
                | State::Length { field, .. }
                | State::Inside { field, .. }
                | State::PackedNumbers { field, .. },
            ) => return Err(NotOnnx::CutShort(field.name)),
        }
        match self.found {
            Found { graph: false, .. } => Err(NotOnnx::Lacks("graph")),
            Found { operator_set: false, .. } => Err(NotOnnx::Lacks("operator set")),
            Found { .. } => Ok((self.canonical, self.sink)),
        }
    }

    fn step(&mut self, chunk: &mut &[u8]) -> Result<(), Fault> {
        // No step reads beyond the end of the innermost message; the outermost ends with the file.
        let message = self.innermost().message;
        let before = chunk.len();
        match &mut self.state {
            State::Tag(tag) => {
                if tag.is_empty() {
                    self.tag_at = self.at;
                }
                let tag = tag.push(chunk, message.name)?;
                self.at += (before - chunk.len()) as u64;
                self.not_beyond_the_end()?;
                if let Some(tag) = tag {
                    self.begin(tag)?;
                }
            }
            State::Number { field, number } => {
                let field = *field;
                let number = number.push(chunk, message.name)?;
                self.at += (before - chunk.len()) as u64;
                self.not_beyond_the_end()?;
                if let Some(number) = number {
                    fits(message, field, number)?;
                    if std::ptr::eq(message, &MODEL) {
                        self.outermost_number(field, number);
                    }
                    let (start, end) = (self.tag_at, self.at);
                    let value = Value { start, content: end, end, packed: false, number };
                    self.sink.value(message, field, value);
                    self.next();
                }
            }
            State::Length { field, length } => {
                let field = *field;
                let length = length.push(chunk, message.name)?;
                self.at += (before - chunk.len()) as u64;
                self.not_beyond_the_end()?;
                if let Some(length) = length {
                    self.enter(field, length)?;
                }
            }
            State::Inside { field, content, end, packed } => {
                let left = usize::try_from(*end - self.at).unwrap_or(usize::MAX);
                let taken = left.min(chunk.len());
                *chunk = &chunk[taken..];
                self.at += taken as u64;
                if self.at == *end {
                    let (field, content, packed) = (*field, *content, *packed);
                    self.whole(field, content, packed);
                }
            }
            State::PackedNumbers { field, content, end, number } => {
                let (field, content, end) = (*field, *content, *end);
                let read = number.push(chunk, message.name)?;
                self.at += (before - chunk.len()) as u64;
                if self.at > end || (self.at == end && read.is_none()) {
                    return Err(overrun(message, field));
                }
                if let Some(read) = read {
                    fits(message, field, read)?;
                    *number = Varint::default();
                    if self.at == end {
                        self.whole(field, content, true);
                    }
                }
            }
        }
        Ok(())
    }

    fn innermost(&mut self) -> &mut Open {
        self.open.last_mut().expect("the outermost message is never closed")
    }

    fn not_beyond_the_end(&mut self) -> Result<(), Fault> {
        let at = self.at;
        let innermost = self.innermost();
        match innermost.field {
            Some(field) if at > innermost.end => Err(overrun(innermost.message, field)),
            _ => Ok(()),
        }
    }

    /// A tag is whole: which field begins, and may it be there?
    fn begin(&mut self, tag: u64) -> Result<(), Fault> {
        let innermost = self.innermost();
        let message = innermost.message;
        let (number, wire) = (tag >> 3, tag & 7);
        if matches!(wire, 3 | 4) {
            return Err(Fault::Group { message: message.name });
        }
        let unknown = Fault::UnknownField { message: message.name, number };
        let field = message.fields.iter().find(|field| u64::from(field.number) == number);
        let field = field.ok_or(unknown)?;
        let seen = innermost.seen & 1 << field.number != 0;
        let excluded = match field.times {
            Times::Once => seen,
            Times::Choice => {
                let choices = message.fields.iter().filter(|field| field.times == Times::Choice);
                innermost.seen & choices.map(|field| 1 << field.number).sum::<u32>() != 0
            }
            Times::Many | Times::Packed => false,
        };
        if excluded {
            return Err(Fault::Twice { message: message.name, field: field.name });
        }
        let packed = wire == LENGTH && field.is_number();
        let in_order = innermost.last <= field.number;
        innermost.seen |= 1 << field.number;
        innermost.last = field.number;
        self.canonical &= in_order
            && match field.times {
                Times::Packed => packed && !seen,
                _ => !packed,
            };
        let may_pack = matches!(field.times, Times::Many | Times::Packed);
        self.state = match wire {
            _ if packed && may_pack => State::Length { field, length: Varint::default() },
            _ if wire != field.wire() => {
                return Err(Fault::WireType { message: message.name, field: field.name });
            }
            VARINT => State::Number { field, number: Varint::default() },
            LENGTH => State::Length { field, length: Varint::default() },
            _ => {
                self.fixed(field)?;
                return Ok(());
            }
        };
        // A message that ends behind a tag lacks the field's value.
        self.not_at_the_end(field)
    }

    fn fixed(&mut self, field: &'static Field) -> Result<(), Fault> {
        let (at, width) = (self.at, field.width());
        let innermost = self.innermost();
        if at + width > innermost.end {
            return Err(overrun(innermost.message, field));
        }
        self.state = State::Inside { field, content: at, end: at + width, packed: false };
        Ok(())
    }

    fn not_at_the_end(&mut self, field: &'static Field) -> Result<(), Fault> {
        let at = self.at;
        let innermost = self.innermost();
        match at >= innermost.end {
            true => Err(overrun(innermost.message, field)),
            false => Ok(()),
        }
    }

    /// A length is whole: what it is the length of begins.
    fn enter(&mut self, field: &'static Field, length: u64) -> Result<(), Fault> {
        let content = self.at;
        let innermost = self.innermost();
        let message = innermost.message;
        if length > MAX_LENGTH || content + length > innermost.end {
            return Err(overrun(message, field));
        }
        let end = content + length;
        if std::ptr::eq(message, &MODEL) {
            self.found.graph |= field.number == GRAPH && length > 0;
            self.found.operator_set |= field.number == OPERATOR_SET;
        }
        match field.of {
            Type::Message(below) => {
                if self.open.len() > DEEPEST {
                    return Err(Fault::TooDeep);
                }
                self.sink.open(message, field);
                self.open.push(Open { message: below, field: Some(field), end, seen: 0, last: 0 });
                self.next();
            }
            Type::Bytes if length == 0 => self.whole(field, content, false),
            Type::Bytes => self.state = State::Inside { field, content, end, packed: false },
            _ if length == 0 => {
                self.canonical = false;
                self.whole(field, content, true);
            }
            Type::Float | Type::Double => {
                if !length.is_multiple_of(field.width()) {
                    return Err(overrun(message, field));
                }
                self.state = State::Inside { field, content, end, packed: true };
            }
            _ => {
                let number = Varint::default();
                self.state = State::PackedNumbers { field, content, end, number };
            }
        }
        Ok(())
    }

    fn whole(&mut self, field: &'static Field, content: u64, packed: bool) {
        let (start, end) = (self.tag_at, self.at);
        let message = self.innermost().message;
        self.sink.value(message, field, Value { start, content, end, packed, number: 0 });
        self.next();
    }

    /// Closes what ends here, and awaits the next tag.
    fn next(&mut self) {
        while let [_, .., open] = &self.open[..]
            && open.end == self.at
        {
            self.sink.close(open.message);
            self.open.pop();
        }
        self.state = State::Tag(Varint::default());
    }

    fn outermost_number(&mut self, field: &Field, number: u64) {
        // Version 1 is of 2017, 14 of 2026; what is far beyond is no version but chance.
        const NEWEST_PLAUSIBLE: u64 = 200;
        if field.number == IR_VERSION {
            match (1..=NEWEST_PLAUSIBLE).contains(&number) {
                true => self.found.ir_version = true,
                false => self.failure = Some(NotOnnx::Unknown),
            }
        }
    }
}

const IR_VERSION: u32 = 1;
const GRAPH: u32 = 7;
const OPERATOR_SET: u32 = 8;

pub(super) const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
pub(super) const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

impl Field {
    fn is_number(&self) -> bool {
        !matches!(self.of, Type::Bytes | Type::Message(_))
    }

    /// The wire type of one value.
    pub(super) fn wire(&self) -> u64 {
        match self.of {
            Type::Int32 | Type::Int64 | Type::Uint64 | Type::Enum(_) => VARINT,
            Type::Double => FIXED_64,
            Type::Float => FIXED_32,
            Type::Bytes | Type::Message(_) => LENGTH,
        }
    }

    /// Bytes of a number of fixed width.
    pub(super) fn width(&self) -> u64 {
        if matches!(self.of, Type::Double) { 8 } else { 4 }
    }
}

fn overrun(message: &Message, field: &Field) -> Fault {
    Fault::Overrun { message: message.name, field: field.name }
}

/// Protobuf cuts a number to the width of its field, and puts an enum's unknown number aside: neither is let through.
fn fits(message: &Message, field: &Field, number: u64) -> Result<(), Fault> {
    let fits = match field.of {
        Type::Int32 => i32::try_from(number.cast_signed()).is_ok(),
        Type::Enum(highest) => number <= highest,
        _ => true,
    };
    match fits {
        true => Ok(()),
        false => Err(Fault::OutOfRange { message: message.name, field: field.name }),
    }
}
