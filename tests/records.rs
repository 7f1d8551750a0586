//! The bytes of each kind of record, as `contract/records` shows them to whoever writes or reads one in another language.
//!
//! `BLESS=1` writes the files anew.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use serde_json::{Value, json};
use stream::dead_letter::LetterBuffer;
use stream::headers::owned;
use stream::{
    DeadLetter, FeatureRecord, LabelRecord, Prediction, PredictionValue, RecordId, SourceOffset,
    StatedValue, StreamSchema, Topics, Variant, record_id,
};

/// A record as it lies on its topic.
struct OnTopic {
    topic: String,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    value: Vec<u8>,
}

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const KEY: &[u8] = b"shuttle-7";

fn folder() -> PathBuf {
    testkit::root().join("contract/records")
}

fn feature(value: Vec<u8>, id: Option<&[u8]>) -> OnTopic {
    let headers = owned(id.map(|id| (stream::feature::ID, id)));
    OnTopic { topic: Topics::of("shuttle").features, key: Some(KEY.to_vec()), headers, value }
}

fn prediction() -> Prediction<'static> {
    Prediction {
        model: DIGEST.try_into().unwrap(),
        variant: Variant::Candidate,
        generation: 7,
        source: SourceOffset { topic: "shuttle.features", partition: 3, offset: 14 },
        id: RecordId::Given(b"r42"),
        took: Some(250),
        fallback: None,
    }
}

fn predicted(prediction: &Prediction<'_>, output: &PredictionValue<'_>) -> OnTopic {
    let mut value = Vec::new();
    output.write(&mut value);
    let headers = prediction.to_headers();
    OnTopic { topic: Topics::of("shuttle").predictions, key: Some(KEY.to_vec()), headers, value }
}

fn dead(value: &[u8], reason: &str, limit: usize) -> OnTopic {
    let feature = FeatureRecord {
        partition: 3,
        offset: 15,
        key: Some(KEY),
        value: Some(value),
        ..FeatureRecord::default()
    };
    let letter = DeadLetter::of(&feature, "shuttle.features", reason, limit);
    OnTopic {
        topic: Topics::of("shuttle").dead_letters,
        key: letter.key.map(<[u8]>::to_vec),
        headers: owned(letter.headers(&mut LetterBuffer::default())),
        value: letter.value.unwrap().to_vec(),
    }
}

fn records() -> Vec<(&'static str, OnTopic)> {
    let fallback = Prediction {
        variant: Variant::Champion,
        fallback: Some("the candidate cannot answer: no answer within 2 s"),
        ..prediction()
    };
    let plain = PredictionValue { label: Some(1), score: 0.93, scores: &[] };
    let classes = PredictionValue { label: Some(2), score: 0.5, scores: &[0.25, 0.25, 0.5] };
    let regressor = PredictionValue { label: None, score: -3.5, scores: &[] };
    let label = LabelRecord { id: b"r42", label: 1.0 };
    vec![
        ("feature", feature(br#"{"f1":50.0,"f2":-1.5}"#.to_vec(), Some(b"r42"))),
        ("feature-f32le", feature([50.0_f32, -1.5].map(f32::to_le_bytes).concat(), None)),
        ("prediction", predicted(&prediction(), &plain)),
        ("prediction-fallback", predicted(&fallback, &plain)),
        ("prediction-many-classes", predicted(&prediction(), &classes)),
        ("prediction-regressor", predicted(&prediction(), &regressor)),
        ("dead-letter", dead(br#"{"f1":50.0}"#, "the field `f2` is missing", 1_000_000)),
        ("dead-letter-truncated", dead(&[b'x'; 100], "not a JSON object: it begins with x", 3_100)),
        (
            "label",
            OnTopic {
                topic: Topics::of("shuttle").labels,
                key: Some(label.id.to_vec()),
                headers: Vec::new(),
                value: label.value(),
            },
        ),
    ]
}

/// Text as text, other bytes as `{"hex": …}`.
fn shown(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => json!(text),
        _ => json!({ "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
    }
}

fn bytes(shown: &Value) -> Vec<u8> {
    match shown.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => {
            let hex = shown["hex"].as_str().unwrap();
            let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(pair).collect()
        }
    }
}

impl OnTopic {
    fn to_json(&self) -> Value {
        let headers = self.headers.iter().map(|(name, value)| json!([name, shown(value)]));
        json!({
            "topic": self.topic,
            "key": self.key.as_deref().map(shown),
            "headers": headers.collect::<Vec<_>>(),
            "value": shown(&self.value),
        })
    }

    fn of_json(json: &Value) -> Self {
        let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), bytes(&pair[1]));
        Self {
            topic: json["topic"].as_str().unwrap().to_owned(),
            key: Some(bytes(&json["key"])),
            headers: json["headers"].as_array().unwrap().iter().map(pair).collect(),
            value: bytes(&json["value"]),
        }
    }
}

fn golden(name: &str) -> OnTopic {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    OnTopic::of_json(&serde_json::from_str(&text).unwrap())
}

#[test]
fn every_record_is_written_as_its_golden_bytes() {
    let text = |record: OnTopic| serde_json::to_string_pretty(&record.to_json()).unwrap() + "\n";
    testkit::generated::hold_folder(
        &folder(),
        &records().into_iter().map(|(name, it)| (format!("{name}.json"), text(it))).collect(),
        "is not what crates/stream writes: run `make bless` and look at the diff; who reads this topic in another \
         language may break",
    );
}

#[test]
fn the_golden_bytes_are_read_as_what_was_written() {
    let read = golden("prediction");
    assert_eq!(Prediction::read(&read.headers).unwrap(), prediction());
    let value = StatedValue::read(&read.value).unwrap();
    assert_eq!((value.class(), value.score()), (Ok(Some(1)), Some(0.93)));

    let fallback = golden("prediction-fallback");
    let fallback = Prediction::read(&fallback.headers).unwrap();
    assert_eq!(fallback.variant, Variant::Champion);
    assert_eq!(fallback.fallback, Some("the candidate cannot answer: no answer within 2 s"));

    let letter = golden("dead-letter-truncated");
    let key = letter.key.as_deref();
    let letter = DeadLetter::read(&letter.headers, key, Some(&letter.value)).unwrap();
    assert!(letter.truncated && letter.value.is_some_and(|value| value.len() < 100));
    assert_eq!(letter.source.to_string(), "shuttle.features/3/15");
    assert_eq!(letter.id.unwrap().to_string(), "3-15");

    let label = golden("label");
    let label = LabelRecord::read(label.key.as_deref(), Some(&label.value)).unwrap();
    assert_eq!((label.id, label.label), (&b"r42"[..], 1.0));
}

#[test]
fn features_of_both_formats_are_the_same_row() {
    for (name, format, id) in [("feature", "json", "r42"), ("feature-f32le", "f32le", "3-14")] {
        let fields = r#"[{"name":"f1","dtype":"float32"},{"name":"f2","dtype":"float32"}]"#;
        let text = format!(r#"{{"stream":"shuttle","format":"{format}","fields":{fields}}}"#);
        let (schema, record, mut rows) =
            (StreamSchema::parse(&text).unwrap(), golden(name), vec![]);
        schema.parse_row(&record.value, &mut rows).unwrap();
        assert_eq!(rows, [50.0, -1.5], "{name}");
        assert_eq!(record_id(&record.headers, 3, 14).to_string(), id);
    }
}
