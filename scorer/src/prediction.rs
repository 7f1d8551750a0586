//! The bytes of a prediction and of a dead letter.
//!
//! ```text
//! <stream>.predictions   value {"label":1,"score":0.93} (and "scores":[…] for more than two classes)
//!                        headers model, variant, generation, source, id, took (microseconds), and fallback where
//!                        there was one
//! <stream>.dead-letters  value as it came; headers reason, source, id, and truncated where it was too long
//! ```

use crate::answer::Answer;
use crate::batch::Feature;

/// What the headers of a record may add to its size: names, digest, source, and librdkafka's own.
const HEADER_ROOM: usize = 2048;
/// The most that a header with a reason is given.
const LONGEST_REASON: usize = 1024;

/// Writes the value of a prediction; `scores` are those of the whole batch.
pub fn write_value(out: &mut Vec<u8>, answer: &Answer, scores: &[f32]) {
    out.clear();
    out.extend_from_slice(b"{\"label\":");
    match answer.label {
        Some(label) => out.extend_from_slice(itoa::Buffer::new().format(label).as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"score\":");
    // Writing into memory cannot fail, and neither can writing a number as JSON.
    let _written = serde_json::to_writer(&mut *out, &answer.score);
    if !answer.scores.is_empty() {
        out.extend_from_slice(b",\"scores\":");
        let _written = serde_json::to_writer(&mut *out, &scores[answer.scores.clone()]);
    }
    out.push(b'}');
}

/// Writes the source: `<topic>/<partition>/<offset>`.
pub fn write_source(out: &mut Vec<u8>, topic: &str, feature: &Feature<'_>) {
    out.clear();
    out.extend_from_slice(topic.as_bytes());
    out.push(b'/');
    write_place(out, b'/', feature);
}

/// Writes the record's id: its `id` header, else `<partition>-<offset>`.
pub fn write_id(out: &mut Vec<u8>, feature: &Feature<'_>) {
    out.clear();
    match feature.id {
        Some(id) => out.extend_from_slice(id),
        None => write_place(out, b'-', feature),
    }
}

/// Partition and offset; `write!` for these was a fifth of the committing thread's time.
fn write_place(out: &mut Vec<u8>, between: u8, feature: &Feature<'_>) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(digits.format(feature.partition).as_bytes());
    out.push(between);
    out.extend_from_slice(digits.format(feature.offset).as_bytes());
}

/// Whether a prediction of `value` bytes, with the key and id of its feature record, is within `limit` bytes.
pub fn fits(feature: &Feature<'_>, value: usize, limit: usize) -> bool {
    let (key, id) = (feature.key.map_or(0, <[u8]>::len), feature.id.map_or(0, <[u8]>::len));
    key + id + value + HEADER_ROOM <= limit
}

/// What of a bad record goes into its dead letter, so that it is within `limit` bytes, and whether that is all.
pub fn curtail<'a>(feature: &Feature<'a>, limit: usize) -> (Feature<'a>, bool) {
    let mut room = limit.saturating_sub(HEADER_ROOM + LONGEST_REASON);
    let mut whole = true;
    let mut take = |bytes: Option<&'a [u8]>, may_be_cut: bool| {
        let bytes = bytes?;
        let taken = bytes.len().min(room);
        whole &= taken == bytes.len();
        // A cut key or id would name another record.
        let taken = if may_be_cut || taken == bytes.len() { &bytes[..taken] } else { return None };
        room -= taken.len();
        Some(taken)
    };
    let (id, key) = (take(feature.id, false), take(feature.key, false));
    let value = take(feature.value, true);
    (Feature { key, value, id, ..*feature }, whole)
}

/// A reason in one line that fits into a header.
pub fn header_text(reason: &str) -> String {
    let line = reason.replace(['\n', '\r'], " ");
    match line.char_indices().nth(LONGEST_REASON / 4) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use routes::Variant;

    fn answer(label: Option<i64>, score: f32, scores: std::ops::Range<usize>) -> Answer {
        Answer { label, score, took: 0, scores, variant: Variant::Champion, fallback: None }
    }

    #[test]
    fn a_value_is_json_whatever_the_number() {
        for (answer, json) in [
            (answer(Some(1), 0.75, 0..0), r#"{"label":1,"score":0.75}"#),
            (answer(None, -3.0, 0..0), r#"{"label":null,"score":-3.0}"#),
            (answer(Some(2), 0.5, 1..4), r#"{"label":2,"score":0.5,"scores":[0.25,0.25,0.5]}"#),
        ] {
            let mut out = b"left over".to_vec();
            write_value(&mut out, &answer, &[9.0, 0.25, 0.25, 0.5]);
            assert_eq!(String::from_utf8(out).unwrap(), json);
        }
        for score in [f32::MIN_POSITIVE, f32::MAX, 1e-40] {
            let mut out = Vec::new();
            write_value(&mut out, &answer(None, score, 0..0), &[]);
            let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(read["score"].as_f64().unwrap() as f32, score);
        }
    }

    #[test]
    fn a_record_without_an_id_is_named_by_its_place() {
        let mut feature = Feature { partition: 3, offset: 14, ..Feature::default() };
        let mut out = Vec::new();
        write_id(&mut out, &feature);
        assert_eq!(out, b"3-14");
        feature.id = Some(b"order-7");
        write_id(&mut out, &feature);
        assert_eq!(out, b"order-7");
        write_source(&mut out, "s.features", &feature);
        assert_eq!(out, b"s.features/3/14");
    }

    #[test]
    fn a_dead_letter_is_cut_to_what_the_broker_takes() {
        let long = vec![b'x'; 10_000];
        let feature = Feature { key: Some(b"k"), value: Some(&long), ..Feature::default() };
        assert!(fits(&feature, 50, 10_000) && !fits(&feature, 9_000, 10_000));
        assert_eq!(curtail(&feature, 20_000).0.value, Some(&long[..]));
        let (cut, whole) = curtail(&feature, 5_000);
        assert!(!whole && cut.key == Some(b"k") && cut.value.unwrap().len() < 5_000);
        let (cut, whole) = curtail(&Feature { key: Some(&long), ..feature }, 5_000);
        assert!(!whole && cut.key.is_none());
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(header_text("a\nb"), "a b");
        assert!(header_text(&"ü".repeat(5_000)).len() <= LONGEST_REASON);
    }
}
