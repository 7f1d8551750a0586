//! The bytes between the scorer and the child that answers for a candidate.
//!
//! ```text
//! to the child    start   u64 length of the schema, u64 length of the model, schema as JSON, model
//!                 rows    u64 rows, u64 numbers, the numbers (f32)
//! to the scorer   reply   u8 kind, u64 microseconds, u64 numbers a row, u64 length, then by kind
//!                   0     a sentence: why there is no answer
//!                   1     score (f32 a row), and the other numbers (f32, row by row) where a row has more than one
//!                   2     as 1, then a label (i64) a row
//! ```
//!
//! Numbers are in the machine's own order: both ends are one program. The scorer trusts nothing of a reply: lengths
//! must be what was asked for, numbers finite, sentences short.

use std::io::{self, Read, Write};

use model::Answers;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// What came back for some rows, or for the start.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Done {
        micros: u64,
    },
    /// The model cannot answer, in one sentence.
    Failed {
        micros: u64,
        why: String,
    },
}

const HEADER: usize = 1 + 3 * 8;
const FAILED: u8 = 0;
const SCORES: u8 = 1;
const LABELS: u8 = 2;
/// The longest sentence that is taken over from a child, in bytes.
const MAX_LENGTH: usize = 2000;
/// The most numbers that a row of answers may have; a classifier with more classes is none that anybody has.
const WIDEST: u64 = 100_000;
/// The most bytes of answers that are taken at once.
const LARGEST: usize = 256 << 20;

/// Writes the start.
pub(crate) fn write_start(to: &mut impl Write, schema: &[u8], model: &[u8]) -> io::Result<()> {
    to.write_all(
        &[(schema.len() as u64).to_ne_bytes(), (model.len() as u64).to_ne_bytes()].concat(),
    )?;
    to.write_all(schema)?;
    to.write_all(model)
}

/// Reads the start: schema and model.
pub(crate) fn read_start(from: &mut impl Read) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (schema, model) = (read_number(from)?, read_number(from)?);
    let (mut first, mut second) = (vec![0; to_size(schema)?], vec![0; to_size(model)?]);
    from.read_exact(&mut first)?;
    from.read_exact(&mut second)?;
    Ok((first, second))
}

/// Writes rows; `buffer` is memory from call to call.
pub(crate) fn write_rows(
    to: &mut impl Write,
    buffer: &mut Vec<u8>,
    rows: &[f32],
    n: usize,
) -> io::Result<()> {
    buffer.clear();
    buffer.extend_from_slice(&(n as u64).to_ne_bytes());
    buffer.extend_from_slice(&(rows.len() as u64).to_ne_bytes());
    buffer.extend_from_slice(rows.as_bytes());
    to.write_all(buffer)
}

/// Reads rows and returns how many they are; `None` when the scorer is gone.
pub(crate) fn read_rows(from: &mut impl Read, rows: &mut Vec<f32>) -> io::Result<Option<usize>> {
    let mut head = [0; 16];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    rows.resize(to_size(number_at(&head, 8))?, 0.0);
    from.read_exact(rows.as_mut_bytes())?;
    Ok(Some(to_size(number_at(&head, 0))?))
}

/// Writes a failure, cut to what is read.
pub(crate) fn write_failure(to: &mut impl Write, micros: u64, why: &str) -> io::Result<()> {
    let why = &why.as_bytes()[..why.len().min(MAX_LENGTH)];
    to.write_all(&[&header(FAILED, micros, 0, why.len())[..], why].concat())
}

/// Writes answers.
pub(crate) fn write_answers(
    to: &mut impl Write,
    buffer: &mut Vec<u8>,
    micros: u64,
    answers: &Answers,
) -> io::Result<()> {
    let wide = if answers.width > 1 { &answers.scores[..] } else { &[] };
    let labels = answers.labels.as_deref();
    let length =
        (answers.score.len() + wide.len()) * 4 + labels.map_or(0, |labels| labels.len() * 8);
    let kind = if labels.is_some() { LABELS } else { SCORES };
    buffer.clear();
    buffer.extend_from_slice(&header(kind, micros, answers.width, length));
    buffer.extend_from_slice(answers.score.as_bytes());
    buffer.extend_from_slice(wide.as_bytes());
    buffer.extend_from_slice(labels.unwrap_or_default().as_bytes());
    to.write_all(buffer)
}

/// Reads the reply to `n` rows into `answers`; to the start where `n` is 0.
///
/// # Errors
/// The child is gone, or what it says is no reply to that.
pub(crate) fn read_reply(
    from: &mut impl Read,
    buffer: &mut Vec<u8>,
    n: usize,
    answers: &mut Answers,
) -> io::Result<Reply> {
    let mut head = [0; HEADER];
    from.read_exact(&mut head)?;
    let number = |place: usize| number_at(&head, 1 + 8 * place);
    let (kind, micros, width, length) = (head[0], number(0), number(1), to_size(number(2))?);
    if kind == FAILED && length <= MAX_LENGTH {
        buffer.resize(length, 0);
        from.read_exact(buffer)?;
        return Ok(Reply::Failed { micros, why: sentence(buffer) });
    }
    if !(kind == SCORES || kind == LABELS) || width > WIDEST || (n > 0 && width == 0) {
        return Err(strange());
    }
    let wide = if width > 1 { n * to_size(width)? } else { 0 };
    if length > LARGEST || length != (n + wide) * 4 + if kind == LABELS { n * 8 } else { 0 } {
        return Err(strange());
    }
    buffer.resize(length, 0);
    from.read_exact(buffer)?;
    let (score, rest) = buffer.split_at(n * 4);
    let (scores, labels) = rest.split_at(wide * 4);
    take(score, &mut answers.score);
    take(if width > 1 { scores } else { score }, &mut answers.scores);
    answers.width = to_size(width)?;
    let mut room = answers.labels.take().unwrap_or_default();
    take(labels, &mut room);
    answers.labels = (kind == LABELS).then_some(room);
    let finite = answers.score.iter().chain(&answers.scores).all(|number| number.is_finite());
    if finite { Ok(Reply::Done { micros }) } else { Err(strange()) }
}

fn header(kind: u8, micros: u64, width: usize, length: usize) -> [u8; HEADER] {
    let mut head = [kind; HEADER];
    for (place, number) in [micros, width as u64, length as u64].into_iter().enumerate() {
        head[1 + 8 * place..][..8].copy_from_slice(&number.to_ne_bytes());
    }
    head
}

/// Puts numbers in the place of those that `into` holds; `bytes` are whole numbers.
fn take<T: FromZeros + FromBytes + IntoBytes>(bytes: &[u8], into: &mut Vec<T>) {
    into.clear();
    into.resize_with(bytes.len() / size_of::<T>(), T::new_zeroed);
    into.as_mut_bytes().copy_from_slice(bytes);
}

fn number_at(bytes: &[u8], place: usize) -> u64 {
    u64::from_ne_bytes(bytes[place..][..8].try_into().expect("eight bytes were taken"))
}

fn read_number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn to_size(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(|_| strange())
}

/// Text of a child as one line without control characters.
pub(crate) fn sentence(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its reply does not fit what was asked")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn sent(answers: &Answers) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_answers(&mut bytes, &mut Vec::new(), 7, answers).unwrap();
        bytes
    }

    fn read(bytes: &[u8], n: usize) -> io::Result<(Reply, Answers)> {
        // What an earlier reply left behind must not show.
        let mut answers = Answers { score: vec![9.0], labels: Some(vec![9]), ..Answers::default() };
        let reply = read_reply(&mut &*bytes, &mut Vec::new(), n, &mut answers)?;
        Ok((reply, answers))
    }

    #[test]
    fn what_is_written_is_read() {
        let regressor =
            Answers { labels: None, score: vec![1.5, -2.0], scores: vec![1.5, -2.0], width: 1 };
        let labels = Some(vec![2, -1]);
        let scores = vec![0.0, 0.25, 0.75, 0.5, 0.25, 0.25];
        let classifier = Answers { labels, score: vec![0.75, 0.5], scores, width: 3 };
        for answers in [regressor, classifier] {
            assert_eq!(read(&sent(&answers), 2).unwrap(), (Reply::Done { micros: 7 }, answers));
        }
        let mut bytes = Vec::new();
        write_rows(&mut bytes, &mut Vec::new(), &[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        let mut rows = vec![8.0];
        let from = &mut &*bytes;
        assert_eq!(read_rows(from, &mut rows).unwrap(), Some(2));
        assert_eq!(rows, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(read_rows(from, &mut rows).unwrap(), None);
        let mut bytes = Vec::new();
        write_start(&mut bytes, b"{}", b"model").unwrap();
        assert_eq!(read_start(&mut &*bytes).unwrap(), (b"{}".to_vec(), b"model".to_vec()));
    }

    #[test]
    fn a_failure_is_one_short_line() {
        let mut bytes = Vec::new();
        write_failure(&mut bytes, 7, &format!("no\n\u{1b}{}", "x".repeat(9000))).unwrap();
        let (Reply::Failed { why, micros: 7 }, _) = read(&bytes, 2).unwrap() else { panic!() };
        assert!(why.starts_with("no  xx") && why.len() == MAX_LENGTH, "{why}");
    }

    #[test]
    fn a_reply_that_does_not_fit_is_none() {
        let one = |score: f32| Answers {
            score: vec![score],
            scores: vec![score],
            width: 1,
            ..Answers::default()
        };
        let honest = sent(&one(1.0));
        assert!(read(&honest, 1).is_ok());
        assert!(read(&honest, 2).is_err(), "fewer rows than were asked");
        assert!(read(&sent(&one(f32::NAN)), 1).is_err(), "no number");
        assert!(read(&honest[..honest.len() - 1], 1).is_err(), "cut");
        for place in [0, 9, 17, 24] {
            let mut forged = honest.clone();
            forged[place] = 0x7f;
            assert!(read(&forged, 1).is_err(), "byte {place}");
        }
        let long = [&header(FAILED, 0, 0, MAX_LENGTH + 1)[..], &[b'x'; MAX_LENGTH + 1]].concat();
        assert!(read(&long, 1).is_err(), "a sentence that is too long");
    }
}
