//! Predictions and labels, as they are read from their topics.

use kafka::Record;
use routes::{Route, Variant};
use stream::{Defect, PredictionHeaders, StatedValue};

use crate::policy::metrics::held::Heads;
use crate::policy::stream_profile::LabelledPrediction;
use crate::records::hash;
use crate::records::slices::{Place, SliceSet};

/// An answer that counts: given under a route of this gate, and true to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Hash of the record id.
    pub(crate) id: u64,
    /// Hash of the record's key.
    pub(crate) key: u64,
    /// Whose key it is by the route. A record that fell back from the candidate to the champion is the candidate's.
    pub(crate) assigned_variant: Variant,
    /// The candidate did not answer, so the champion did.
    pub(crate) fallback: bool,
    pub(crate) generation: u64,
    /// What it says, as far as it says it.
    pub(crate) heads: Heads,
    /// Of the prediction, milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// Of its feature record.
    pub(crate) source: Option<Place>,
    /// Found by the source, once the gate takes it in.
    pub(crate) slices: SliceSet,
}

/// What a record of the predictions topic is to the gate.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Answer(Answer),
    /// Given under another route: before the gate, or after someone took over.
    Foreign,
    /// It says that it was answered under a route of this gate, but not as that route says.
    RoutingMismatch(String),
    /// Not a prediction.
    Unreadable,
}

/// Reads a prediction; `route` finds the gate's routes by generation.
pub(crate) fn read<'a>(record: &Record, route: impl Fn(u64) -> Option<&'a Route>) -> Seen {
    let headers = PredictionHeaders::of(&record.headers);
    let Ok(generation) = headers.generation() else { return Seen::Unreadable };
    let Some(route) = route(generation) else { return Seen::Foreign };
    let (Ok(id), Some(model)) = (headers.id(), headers.stated_model()) else {
        return Seen::Unreadable;
    };
    // One that is neither champion nor candidate is none that the route explains.
    let variant = match headers.variant() {
        Err(Defect::Missing(_)) => return Seen::Unreadable,
        variant => variant.ok(),
    };
    let key = headers.split_key(record.key.as_deref());
    let assigned_variant = routes::variant(route, key);
    let fallback = headers.fallback().is_some();
    if let Some(mismatch) = routing_mismatch(route, assigned_variant, fallback, model, variant) {
        let (partition, offset) = (record.partition, record.offset);
        return Seen::RoutingMismatch(format!("prediction {partition}/{offset}: {mismatch}"));
    }
    Seen::Answer(Answer {
        id: hash(id.as_bytes()),
        key: hash(key),
        assigned_variant,
        fallback,
        generation,
        heads: heads(record),
        at_ms: record.timestamp_ms,
        source: headers.source().ok().and_then(|source| source.of_stream(&route.stream)),
        slices: SliceSet::default(),
    })
}

/// What an answer says. A member that is no number is none: then the answer is there, and cannot be judged.
fn heads(record: &Record) -> Heads {
    let value = StatedValue::read(record.value.as_deref().unwrap_or_default()).unwrap_or_default();
    let took_us = PredictionHeaders::of(&record.headers).took();
    Heads { label: value.label(), score: value.score(), took_us }
}

/// What `model` answered as the champion to a key of its own; its label is not known yet.
pub(crate) fn read_own(record: &Record, model: &str) -> Option<LabelledPrediction> {
    let headers = PredictionHeaders::of(&record.headers);
    let own = headers.stated_model() == Some(model)
        && headers.variant() == Ok(Variant::Champion)
        && headers.fallback().is_none();
    if !own {
        return None;
    }
    Some(LabelledPrediction {
        id: hash(headers.id().ok()?.as_bytes()),
        key: hash(headers.split_key(record.key.as_deref())),
        at_ms: record.timestamp_ms,
        wrong: None,
        heads: heads(record),
    })
}

/// What is wrong with an answer, by its own headers: the test rests on the split being what the route says.
fn routing_mismatch(
    route: &Route,
    assigned_variant: Variant,
    fallback: bool,
    model: &str,
    variant: Option<Variant>,
) -> Option<String> {
    let expected = if fallback { Variant::Champion } else { assigned_variant };
    let digest = match (expected, &route.candidate) {
        (Variant::Candidate, Some(candidate)) => &candidate.model.digest,
        _ => &route.champion.digest,
    };
    let generation = route.generation;
    if fallback && assigned_variant == Variant::Champion {
        return Some("a key of the champion fell back from the candidate".into());
    }
    let Some(variant) = variant.filter(|variant| *variant == expected) else {
        let by = variant.map_or("nobody that a route knows".into(), |it| format!("the {it}"));
        return Some(format!(
            "answered by {by}, where generation {generation} gives the key to the {expected}"
        ));
    };
    (model != digest).then(|| {
        format!("answered by {model}, but the {variant} of generation {generation} is {digest}")
    })
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

    fn record(assigned_variant: Variant, headers: &[(&str, &str)], value: &str) -> Record {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Record {
            partition: 0,
            offset: 3,
            timestamp_ms: 1_000,
            key: Some(key(assigned_variant).into_bytes()),
            value: Some(value.as_bytes().to_vec()),
            headers: headers.iter().map(pair).collect(),
        }
    }

    fn seen(
        assigned_variant: Variant,
        model: &str,
        variant: &str,
        generation: &str,
        more: &[&str],
    ) -> Seen {
        let mut headers =
            vec![("id", "r1"), ("model", model), ("variant", variant), ("generation", generation)];
        headers.extend(more.iter().map(|name| (*name, "why")));
        let route = route();
        read(&record(assigned_variant, &headers, r#"{"label":1,"score":0.9}"#), |generation| {
            (generation == 7).then_some(&route)
        })
    }

    #[test]
    fn answers_count_for_the_model_that_the_key_was_assigned_to() {
        use Variant::{Candidate, Champion};
        for (assigned_variant, model, variant, more, fallback) in [
            (Candidate, "sha256:2", "candidate", &[][..], false),
            (Champion, "sha256:1", "champion", &[], false),
            (Candidate, "sha256:1", "champion", &["fallback"], true),
        ] {
            let Seen::Answer(answer) = seen(assigned_variant, model, variant, "7", more) else {
                panic!("{variant} {more:?}")
            };
            assert_eq!((answer.assigned_variant, answer.fallback), (assigned_variant, fallback));
            let heads = Heads { label: Some(1.0), score: Some(0.9), took_us: None };
            assert_eq!((answer.heads, answer.generation, answer.source), (heads, 7, None));
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
    fn an_answer_that_the_route_does_not_explain_is_a_routing_mismatch() {
        use Variant::{Candidate, Champion};
        for (assigned_variant, model, variant, more) in [
            (Champion, "sha256:2", "candidate", &[][..]),
            (Candidate, "sha256:1", "champion", &[]),
            (Candidate, "sha256:1", "candidate", &[]),
            (Candidate, "sha256:3", "candidate", &[]),
            (Champion, "sha256:1", "champion", &["fallback"]),
            (Candidate, "sha256:2", "candidate", &["fallback"]),
            (Candidate, "no digest", "candidate", &[]),
            (Candidate, "sha256:2", "somebody", &[]),
        ] {
            let seen = seen(assigned_variant, model, variant, "7", more);
            assert!(
                matches!(seen, Seen::RoutingMismatch(_)),
                "{assigned_variant:?} {model} {variant}: {seen:?}"
            );
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
        let past = own(&[champion, took], answered).expect("an answer of its own");
        assert_eq!((past.id, past.heads.label, past.at_ms), (hash(b"r1"), Some(1.0), 1_000));
        assert_eq!((past.heads.took_us, past.wrong), (Some(250), None));
        assert!(own(&[("variant", "candidate")], answered).is_none());
        assert!(own(&[champion, ("fallback", "why")], answered).is_none(), "another model's key");
        let scored = own(&[champion], r#"{"label":null,"score":1}"#).expect("it is its own too");
        assert_eq!((scored.heads.label, scored.heads.score), (None, Some(1.0)));
        let other = record(Variant::Champion, &[&base[..], &[champion]].concat(), answered);
        assert!(read_own(&other, "sha256:2").is_none());
    }

    #[test]
    fn an_answer_that_says_nothing_is_an_answer_all_the_same() {
        let headers =
            [("id", "r1"), ("model", "sha256:1"), ("variant", "champion"), ("generation", "7")];
        let route = route();
        for (value, label, score) in [
            (r#"{"label":1}"#, Some(1.0), None),
            (r#"{"label":"1","score":0.5}"#, None, Some(0.5)),
            (r#"{"label":null,"score":null}"#, None, None),
            (r#"{"label":1e999,"score":0.5}"#, None, None),
            (r#"{"label":NaN}"#, None, None),
            ("[1]", None, None),
            ("", None, None),
        ] {
            let seen = read(&record(Variant::Champion, &headers, value), |_| Some(&route));
            let Seen::Answer(answer) = seen else { panic!("{value}: {seen:?}") };
            assert_eq!((answer.heads.label, answer.heads.score), (label, score), "{value}");
        }
    }
}
