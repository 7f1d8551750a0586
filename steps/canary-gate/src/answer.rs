//! Predictions and labels, as they are read from their topics.

use contract::kafka::Record;
use routes::{Route, Variant};
use serde::Deserialize;

use crate::learnt::Past;
use crate::sources::slices::{Place, SliceSet, place};

/// An answer that counts: given under a route of this gate, and true to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Hash of the record id.
    pub(crate) id: u64,
    /// Hash of the record's key.
    pub(crate) key: u64,
    /// Whose lot the key drew. A record that fell back from the candidate to the champion is the candidate's.
    pub(crate) drawn: Variant,
    /// The candidate did not answer, so the champion did.
    pub(crate) fallback: bool,
    pub(crate) generation: u64,
    /// `None` where the model gives none.
    pub(crate) label: Option<f64>,
    pub(crate) score: Option<f64>,
    /// What the model needed, where the scorer says so.
    pub(crate) took_us: Option<u64>,
    /// Of the prediction, milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// Of its feature record.
    pub(crate) source: Option<Place>,
    /// Found by the source, once the gate takes it in.
    pub(crate) slices: SliceSet,
}

impl Answer {
    /// Whether it differs from the label; an answer that has only a score has nothing to differ.
    pub(crate) fn is_wrong(&self, label: f64) -> bool {
        self.label.is_some_and(|own| own != label)
    }
}

/// What a record of the predictions topic is to the gate.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Answer(Answer),
    /// Given under another route: before the gate, or after someone took over.
    Foreign,
    /// It says that it was answered under a route of this gate, but not as that route says.
    Untrue(String),
    /// Not a prediction.
    Unreadable,
}

/// Reads a prediction; `route` finds the gate's routes by generation.
pub(crate) fn read<'a>(record: &Record, route: impl Fn(u64) -> Option<&'a Route>) -> Seen {
    let Some(generation) = record.header("generation").and_then(|text| text.parse().ok()) else {
        return Seen::Unreadable;
    };
    let Some(route) = route(generation) else { return Seen::Foreign };
    let (Some(id), Some(model), Some(variant), Some(value)) = (
        record.header("id"),
        record.header("model"),
        record.header("variant"),
        record.value.as_deref().and_then(|value| serde_json::from_slice::<Labelled>(value).ok()),
    ) else {
        return Seen::Unreadable;
    };
    // A record without a key is split by its source.
    let source = record.header("source").unwrap_or_default();
    let key = record.key.as_deref().unwrap_or(source.as_bytes());
    let drawn = routes::variant(route, key);
    let fallback = record.header("fallback").is_some();
    if let Some(lie) = untrue(route, drawn, fallback, model, variant) {
        let (partition, offset) = (record.partition, record.offset);
        return Seen::Untrue(format!("prediction {partition}/{offset}: {lie}"));
    }
    Seen::Answer(Answer {
        id: hash(id.as_bytes()),
        key: hash(key),
        drawn,
        fallback,
        generation,
        label: value.label,
        score: value.score.filter(|score| score.is_finite()),
        took_us: took(record),
        at_ms: record.timestamp_ms,
        source: place(source, &format!("{}.features", route.stream)),
        slices: SliceSet::default(),
    })
}

fn took(record: &Record) -> Option<u64> {
    record.header("took")?.parse().ok()
}

/// What `model` answered as the champion to a key of its own lot, and the answer's label; not yet whether it is wrong.
pub(crate) fn read_own(record: &Record, model: &str) -> Option<(Past, f64)> {
    let own = record.header("model") == Some(model)
        && record.header("variant") == Some(Variant::Champion.as_str())
        && record.header("fallback").is_none();
    if !own {
        return None;
    }
    let value: Labelled = serde_json::from_slice(record.value.as_deref()?).ok()?;
    let source = record.header("source").unwrap_or_default();
    let past = Past {
        id: hash(record.header("id")?.as_bytes()),
        key: hash(record.key.as_deref().unwrap_or(source.as_bytes())),
        at_ms: record.timestamp_ms,
        wrong: false,
        took_us: took(record),
    };
    Some((past, value.label?))
}

/// The record id (hashed) and the label of a record of the labels topic.
pub(crate) fn read_label(record: &Record) -> Option<(u64, f64)> {
    let value = serde_json::from_slice::<Labelled>(record.value.as_deref()?).ok()?;
    Some((hash(record.key.as_deref()?), value.label?))
}

#[derive(Deserialize)]
struct Labelled {
    label: Option<f64>,
    #[serde(default)]
    score: Option<f64>,
}

/// What is wrong with an answer, by its own headers: the test rests on the split being what the route says.
fn untrue(
    route: &Route,
    drawn: Variant,
    fallback: bool,
    model: &str,
    variant: &str,
) -> Option<String> {
    let expected = if fallback { Variant::Champion } else { drawn };
    let digest = match (expected, &route.candidate) {
        (Variant::Candidate, Some(candidate)) => &candidate.model.digest,
        _ => &route.champion.digest,
    };
    let generation = route.generation;
    if fallback && drawn == Variant::Champion {
        return Some("a key of the champion fell back from the candidate".into());
    }
    if variant != expected.as_str() {
        return Some(format!(
            "answered by the {variant}, where generation {generation} gives the key to the {}",
            expected.as_str()
        ));
    }
    (model != digest).then(|| {
        format!("answered by {model}, but the {variant} of generation {generation} is {digest}")
    })
}

/// 64 bits stand for an id: two of a million waiting ones are the same once in 37 million canaries.
///
/// FNV-1a, whose bits are mixed; neither ever changes, so a replay by a later version finds the same numbers.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    stats::random::mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use routes::ModelRef;

    use super::*;

    fn model(n: u8) -> ModelRef {
        ModelRef { digest: format!("sha256:{n}"), image: String::new() }
    }

    fn route() -> Route {
        Route { generation: 7, ..Route::bootstrap("s", model(1)).with_candidate(model(2), 0.5) }
    }

    /// A key of the candidate, or of the champion.
    fn key(variant: Variant) -> String {
        (0..)
            .map(|n| format!("k{n}"))
            .find(|k| routes::variant(&route(), k.as_bytes()) == variant)
            .expect("half of all keys are each model's")
    }

    fn record(drawn: Variant, headers: &[(&str, &str)], value: &str) -> Record {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Record {
            partition: 0,
            offset: 3,
            timestamp_ms: 1_000,
            key: Some(key(drawn).into_bytes()),
            value: Some(value.as_bytes().to_vec()),
            headers: headers.iter().map(pair).collect(),
        }
    }

    fn seen(drawn: Variant, model: &str, variant: &str, generation: &str, more: &[&str]) -> Seen {
        let mut headers =
            vec![("id", "r1"), ("model", model), ("variant", variant), ("generation", generation)];
        headers.extend(more.iter().map(|name| (*name, "why")));
        let route = route();
        read(&record(drawn, &headers, r#"{"label":1,"score":0.9}"#), |generation| {
            (generation == 7).then_some(&route)
        })
    }

    #[test]
    fn answers_are_taken_for_whose_lot_the_key_drew() {
        use Variant::{Candidate, Champion};
        for (drawn, model, variant, more, fallback) in [
            (Candidate, "sha256:2", "candidate", &[][..], false),
            (Champion, "sha256:1", "champion", &[], false),
            (Candidate, "sha256:1", "champion", &["fallback"], true),
        ] {
            let Seen::Answer(answer) = seen(drawn, model, variant, "7", more) else {
                panic!("{variant} {more:?}")
            };
            assert_eq!((answer.drawn, answer.fallback), (drawn, fallback));
            assert_eq!((answer.label, answer.generation), (Some(1.0), 7));
            assert_eq!((answer.score, answer.took_us, answer.source), (Some(0.9), None, None));
        }
    }

    #[test]
    fn a_record_without_a_key_is_split_by_its_source() {
        let source = key(Variant::Candidate);
        let headers = [
            ("id", "r1"),
            ("model", "sha256:2"),
            ("variant", "candidate"),
            ("generation", "7"),
            ("source", &source),
        ];
        let keyless = Record { key: None, ..record(Variant::Champion, &headers, r#"{"label":1}"#) };
        let route = route();
        assert!(matches!(read(&keyless, |_| Some(&route)), Seen::Answer(_)));
    }

    #[test]
    fn an_answer_that_the_route_does_not_explain_is_untrue() {
        use Variant::{Candidate, Champion};
        for (drawn, model, variant, more) in [
            (Champion, "sha256:2", "candidate", &[][..]),
            (Candidate, "sha256:1", "champion", &[]),
            (Candidate, "sha256:1", "candidate", &[]),
            (Candidate, "sha256:3", "candidate", &[]),
            (Champion, "sha256:1", "champion", &["fallback"]),
            (Candidate, "sha256:2", "candidate", &["fallback"]),
        ] {
            let seen = seen(drawn, model, variant, "7", more);
            assert!(matches!(seen, Seen::Untrue(_)), "{drawn:?} {model} {variant}: {seen:?}");
        }
    }

    #[test]
    fn other_generations_and_other_records_do_not_count() {
        let of = |generation| seen(Variant::Champion, "sha256:1", "champion", generation, &[]);
        assert_eq!((of("6"), of("8"), of("x")), (Seen::Foreign, Seen::Foreign, Seen::Unreadable));
        let headers = [("generation", "7"), ("model", "sha256:1"), ("variant", "champion")];
        let (no_id, route) = (record(Variant::Champion, &headers, r#"{"label":1}"#), route());
        assert_eq!(read(&no_id, |_| Some(&route)), Seen::Unreadable);
    }

    #[test]
    fn only_what_the_champion_answered_itself_is_its_past() {
        let base = [("id", "r1"), ("model", "sha256:1"), ("generation", "7")];
        let own = |more: &[(&str, &str)], value: &str| {
            let headers = [&base, more].concat();
            read_own(&record(Variant::Champion, &headers, value), "sha256:1")
        };
        let answered = r#"{"label":1,"score":0.9}"#;
        let champion = ("variant", "champion");
        let took = ("took", "250");
        let (past, label) = own(&[champion, took], answered).expect("an answer of its own");
        assert_eq!((past.id, label, past.at_ms), (hash(b"r1"), 1.0, 1_000));
        assert_eq!(past.took_us, Some(250));
        assert!(own(&[("variant", "candidate")], answered).is_none());
        assert!(own(&[champion, ("fallback", "why")], answered).is_none(), "another model's lot");
        assert!(own(&[champion], r#"{"label":null,"score":1}"#).is_none());
        let other = record(Variant::Champion, &[&base[..], &[champion]].concat(), answered);
        assert!(read_own(&other, "sha256:2").is_none());
    }

    #[test]
    fn labels_are_numbers_under_the_record_id() {
        let labelled = |value: &str| read_label(&record(Variant::Champion, &[], value));
        let id = hash(key(Variant::Champion).as_bytes());
        assert_eq!(labelled(r#"{"label":1}"#), Some((id, 1.0)));
        for bad in [r#"{"label":null}"#, r#"{"label":"1"}"#, "1", "{", ""] {
            assert_eq!(labelled(bad), None, "{bad}");
        }
    }
}
