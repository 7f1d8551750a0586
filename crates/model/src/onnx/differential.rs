//! Our reading held against that of the `onnx` package: no mutant may be another model to it than to us.
//!
//! `MUTANTS=1000000 cargo test -p model differential` tries more of them.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::by_hand::{Bytes, elsewhere, message};
use super::reader::LENGTH;
use super::schema::{MODEL, Message, Times, Type};
use stats::random::Random;

use super::{canonical, written};

/// Seeded, so that each run tries the same.
struct Dice(Random);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        (self.0.bits() % below.max(1) as u64) as usize
    }
}

/// One field as it is written.
struct Part<'a> {
    field: u64,
    wire: u64,
    whole: &'a [u8],
    content: &'a [u8],
}

/// The fields of a message that our own writing made.
fn parts(mut bytes: &[u8]) -> Vec<Part<'_>> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let start = bytes;
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                let before = bytes;
                varint(&mut bytes);
                let length = before.len() - bytes.len();
                bytes = before;
                length
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            _ => 4,
        };
        let (content, rest) = bytes.split_at(length);
        let whole = &start[..start.len() - rest.len()];
        parts.push(Part { field: tag >> 3, wire: tag & 7, whole, content });
        bytes = rest;
    }
    parts
}

/// The message with one change somewhere in it, or below it.
fn mutate(message_type: &'static Message, bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let parts = parts(bytes);
    if parts.is_empty() || dice.roll(6) == 0 {
        return [bytes, &stray(dice).0].concat();
    }
    let chosen = dice.roll(parts.len());
    let mut out = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index != chosen {
            out.extend_from_slice(part.whole);
            continue;
        }
        let field = message_type.fields.iter().find(|field| u64::from(field.number) == part.field);
        match field.map(|field| field.of) {
            Some(Type::Message(below)) if dice.roll(5) > 0 => {
                let inner = mutate(below, part.content, dice);
                out.extend(message().bytes(part.field, inner).0);
            }
            _ => out.extend(change(part, dice)),
        }
    }
    out
}

/// The field in another writing, or another field.
fn change(part: &Part<'_>, dice: &mut Dice) -> Vec<u8> {
    let tag = part.field << 3 | part.wire;
    let again =
        |tag: &Bytes| [&tag.0, &part.whole[message().varint(tag_of(part)).0.len()..]].concat();
    match dice.roll(12) {
        0 => vec![],
        1 => part.whole.repeat(2),
        2 => [&stray(dice).0, part.whole].concat(),
        3 => [part.whole, &stray(dice).0].concat(),
        4 => again(&overlong(tag, 1 + dice.roll(4))),
        // Bits that 32-bit readers drop.
        5 => again(&message().varint(tag | 1 << 32)),
        6 if part.wire == LENGTH => {
            let length = overlong(part.content.len() as u64, 1 + dice.roll(3));
            message().varint(tag).raw(&length.0).raw(part.content).0
        }
        7 => again(&message().varint((part.field ^ 1 << dice.roll(5)) << 3 | part.wire)),
        8 => again(&message().varint(part.field << 3 | dice.roll(8) as u64)),
        9 if !part.content.is_empty() => {
            let mut whole = part.whole.to_vec();
            let at = dice.roll(whole.len());
            whole[at] ^= 1 << dice.roll(8);
            whole
        }
        10 => part.whole[..dice.roll(part.whole.len())].to_vec(),
        _ => message().bytes(part.field, [part.content, &[0x80, 0][..dice.roll(3)]].concat()).0,
    }
}

fn tag_of(part: &Part<'_>) -> u64 {
    part.field << 3 | part.wire
}

fn overlong(number: u64, more: usize) -> Bytes {
    let mut bytes = message().varint(number).0;
    *bytes.last_mut().unwrap() |= 0x80;
    bytes.extend(std::iter::repeat_n(0x80, more - 1));
    bytes.push(0);
    Bytes(bytes)
}

/// Something that is put between fields.
fn stray(dice: &mut Dice) -> Bytes {
    let outside = message().bytes(8, "w").raw(&elsewhere().0);
    match dice.roll(9) {
        0 => message().group(100),
        1 => message().group(5),
        2 => message().varint(100 << 3 | 3).bytes(5, outside).varint(100 << 3 | 4),
        3 => message().number(dice.roll(30) as u64, dice.roll(3) as u64),
        4 => message().bytes(dice.roll(30) as u64, outside),
        5 => message().bytes(dice.roll(30) as u64, ""),
        6 => elsewhere(),
        7 => message().number(14, [0, 1, 2, 1 << 32 | 1, u64::MAX][dice.roll(5)]),
        _ => message().varint(dice.roll(256) as u64),
    }
}

/// Python with the pinned packages, in the target folder.
fn python() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pinned = here.join("tests/requirements.txt");
    let folder = here.join("../../target/model-venv");
    let (wanted, stamp) =
        (std::fs::read_to_string(&pinned).unwrap(), folder.join("requirements.txt"));
    let program = folder.join("bin/python");
    let lock = std::fs::File::create(here.join("../../target/model-venv.lock")).unwrap();
    lock.lock().unwrap();
    if std::fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return program;
    }
    let run = |command: &mut Command| {
        let status =
            command.status().expect("python3 (hint: apt-get install python3 python3-venv)");
        assert!(
            status.success(),
            "{command:?} failed: it needs python3 with venv, pip and its package index"
        );
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(&program)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--only-binary=:all:", "--requirement"])
        .arg(&pinned));
    std::fs::write(stamp, wanted).unwrap();
    program
}

fn asked(question: &str, files: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx_reads.py");
    let found = Command::new(python()).arg(script).arg(question).args(files).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&found.stdout), String::from_utf8_lossy(&found.stderr));
    assert!(found.status.success(), "{out}{err}");
    out.into_owned()
}

#[test]
fn no_mutant_is_another_model_to_the_onnx_package_than_to_us() {
    let mutants = std::env::var("MUTANTS").map_or(6000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutants");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let samples = ["linear", "three-classes", "columns", "sum", "root", "external-weights"]
        .map(|name| std::fs::read(format!("samples/{name}.onnx")).unwrap());
    let mut dice = Dice(Random::seeded(11));
    let mut counts = BTreeMap::new();
    for number in 0..mutants {
        let mut mutant = samples[number % samples.len()].clone();
        for _ in 0..=dice.roll(3) {
            // What is no longer in our writing is left as it is.
            let Ok(written) = written(&mutant) else { break };
            mutant = mutate(&MODEL, &written, &mut dice);
        }
        if dice.roll(4) == 0 {
            let at = dice.roll(mutant.len());
            mutant[at] = dice.roll(256) as u8;
        }
        let ours = canonical(&mutant);
        *counts.entry(ours.is_ok()).or_insert(0) += 1;
        // Nothing in place of our writing says that we refuse it.
        let ours = ours.as_deref().unwrap_or_default();
        for bytes in [&mutant[..], ours] {
            file.write_all(&(bytes.len() as u32).to_le_bytes()).unwrap();
            file.write_all(bytes).unwrap();
        }
    }
    file.into_inner().unwrap();
    let found = asked("mutants", &[&path]);
    assert!(counts[&true] > mutants / 50 && counts[&false] > mutants / 2, "{counts:?}: {found}");
    let words: Vec<&str> = found.split_whitespace().collect();
    let said = |name: &str| -> usize {
        let at = words.iter().position(|word| *word == name).unwrap();
        words[at + 1].parse().unwrap()
    };
    assert_eq!(said("mutants"), mutants, "{found}");
    assert!(said("outside") > mutants / 50, "too few to mean anything: {found}");
    assert_eq!(said("differ"), 0, "{found}");
}

#[test]
fn the_tables_are_those_of_the_onnx_package() {
    let found = asked("schema", &[]);
    let mut theirs: Vec<&str> = found.lines().collect();
    let mut ours = Vec::new();
    let mut messages = vec![&MODEL];
    let mut at = 0;
    while let Some(message) = messages.get(at).copied() {
        at += 1;
        for field in message.fields {
            let (of, below) = match field.of {
                Type::Int32 => ("int32".to_owned(), None),
                Type::Int64 => ("int64".to_owned(), None),
                Type::Uint64 => ("uint64".to_owned(), None),
                Type::Enum(highest) => (format!("enum..{highest}"), None),
                Type::Float => ("float".to_owned(), None),
                Type::Double => ("double".to_owned(), None),
                Type::Bytes => ("bytes".to_owned(), None),
                Type::Message(below) => (below.name.to_owned(), Some(below)),
            };
            let times = match field.times {
                Times::Once => "once",
                Times::Choice => "choice",
                Times::Many => "many",
                Times::Packed => "packed",
            };
            ours.push(format!("{} {} {} {times} {of}", message.name, field.number, field.name));
            if let Some(below) = below
                && !messages.iter().any(|known| std::ptr::eq(*known, below))
            {
                messages.push(below);
            }
        }
    }
    theirs.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, theirs);
}
