//! What models of each shape answer, on the tiny files of `samples/` (made by `demo/train.py`) and on the demo's.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use model::{AnswerError, Answers, LoadError, Misfit, Model};
use stream::StreamSchema;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name).with_extension("onnx")
}

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(name)
}

fn load(name: &str) -> Model {
    Model::load(&sample(name)).unwrap()
}

fn refused(name: &str) -> String {
    Model::load(&sample(name)).unwrap_err().to_string()
}

#[test]
fn two_classes_give_labels_and_the_probability_of_the_second() {
    let answers = load("linear").answer(&[50.0, 2.0, 3.0, 110.0], 2).unwrap();
    assert_eq!(answers.labels, Some(vec![0, 1]));
    assert_eq!(answers.width, 2);
    assert!(answers.score[0] < 0.1 && answers.score[1] > 0.9, "{answers:?}");
    assert!((answers.scores[0] + answers.scores[1] - 1.0).abs() < 1e-5, "{answers:?}");
}

#[test]
fn three_classes_give_the_highest_probability() {
    let answers = load("three-classes").answer(&[50.0, 2.0, 3.0, 110.0], 2).unwrap();
    assert_eq!(answers.labels, Some(vec![0, 2]));
    assert_eq!((answers.width, answers.scores.len()), (3, 6));
    for (score, row) in answers.score.iter().zip(answers.scores.chunks(3)) {
        assert_eq!(*score, row.iter().copied().fold(0.0, f32::max));
    }
}

#[test]
fn a_regressor_gives_its_value_and_no_label() {
    let answers = load("regressor").answer(&[10.0, 3.0, 0.5, 7.0], 2).unwrap();
    assert_eq!(answers.labels, None);
    assert!((answers.score[0] - 21.0).abs() < 1e-3 && (answers.score[1] - 2.0).abs() < 1e-3);
}

#[test]
fn one_input_a_field_is_asked_in_the_streams_order() {
    let mut model = load("columns");
    let schema = StreamSchema::parse(
        r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"},{"name":"b","dtype":"float32"}]}"#,
    )
    .unwrap();
    model.fit(&schema).unwrap();
    let answers = model.answer(&[10.0, 1.0, 20.0, 2.0, 30.0, 3.0], 3).unwrap();
    assert_eq!(answers.score, [9.0, 18.0, 27.0], "the file computes a - b and declares b first");
}

#[test]
fn buffers_of_an_earlier_answer_carry_nothing_over() {
    let mut answers = Answers::default();
    load("three-classes").answer_into(&[50.0, 2.0, 3.0, 110.0], 2, &mut answers).unwrap();
    load("regressor").answer_into(&[10.0, 3.0], 1, &mut answers).unwrap();
    assert_eq!(answers, load("regressor").answer(&[10.0, 3.0], 1).unwrap());
    load("linear").answer_into(&[], 0, &mut answers).unwrap();
    assert_eq!(answers, Answers::default());
}

#[test]
fn what_is_no_number_is_an_error_with_its_row() {
    let error = load("root").answer(&[4.0, 9.0, -1.0], 3).unwrap_err();
    assert!(matches!(error, AnswerError::NotFinite { row: 2, value } if value.is_nan()), "{error}");
}

#[test]
fn rows_of_the_wrong_width_are_an_error() {
    let error = load("linear").answer(&[1.0, 2.0, 3.0], 2).unwrap_err();
    assert_eq!(error, AnswerError::WrongWidth { rows: 2, width: 2, got: 3 });
    assert_eq!(error.to_string(), "2 rows of 2 numbers are 4 numbers, but 3 were given");
}

#[test]
fn an_answer_that_is_not_one_a_row_is_an_error() {
    let error = load("sum").answer(&[1.0, 2.0, 3.0], 3).unwrap_err();
    assert_eq!(error, AnswerError::Shape { rows: 3, what: "scores", got: 1 });
}

#[test]
fn models_that_cannot_be_asked_or_understood_are_refused_with_a_hint() {
    assert!(refused("zipmap").contains("list of maps (hint: "), "{}", refused("zipmap"));
    assert!(refused("external-weights").contains("`weights` in another file"));
    assert!(refused("fixed-batch").contains("fixed number of rows"), "{}", refused("fixed-batch"));
    assert!(refused("unknown-operator").contains("Frobnicate"), "{}", refused("unknown-operator"));
}

#[test]
fn a_broken_file_does_not_reach_the_engine() {
    let file = std::fs::read(sample("linear")).unwrap();
    for bytes in [&file[..file.len() / 2], &[0; 4096], b""] {
        let error = Model::from_bytes(bytes).unwrap_err();
        assert!(matches!(error, LoadError::NotOnnx { .. }), "{error}");
    }
}

#[test]
fn only_the_file_that_is_meant_is_loaded() {
    let path = sample("linear");
    let identity = model::digest(&path).unwrap().sha256;
    Model::load_as(&path, &identity).unwrap();
    let error = Model::load_as(&path, "sha256:00").unwrap_err();
    assert!(matches!(error, LoadError::OtherFile { .. }), "{error}");
    let error = Model::load(Path::new("no/such.onnx")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the model no/such.onnx: "), "{error}");
}

#[test]
fn the_demos_models_fit_the_demos_stream_but_for_the_one_that_lacks_a_sensor() {
    let schema = model::load_schema(&demo("shuttle/schema.json")).unwrap();
    for name in ["linear", "boosting", "memoriser", "blind-spot"] {
        let mut model = Model::load(&demo(&format!("models/{name}.onnx"))).unwrap();
        model.fit(&schema).unwrap();
        assert_eq!(model.width(), Some(9));
    }
    let mut broken = Model::load(&demo("models/broken-width.onnx")).unwrap();
    let misfit = broken.fit(&schema).unwrap_err();
    assert_eq!(misfit, Misfit::Width { model: 8, stream: "shuttle".to_owned(), fields: 9 });
}

#[test]
fn ports_tell_what_the_file_declares() {
    let model = load("linear");
    let ports: Vec<String> =
        model.inputs().iter().chain(model.outputs()).map(ToString::to_string).collect();
    assert_eq!(
        ports,
        ["`features` float32[N, 2]", "`label` int64[N]", "`probabilities` float32[N, 2]"]
    );
}

/// The sample `linear` with an entry of `metadata_props`: field 14 of `ModelProto`, a key and a value.
fn with_metadata(key: &str, value: &str) -> Vec<u8> {
    let text = |tag: u8, text: &str| [&[tag, text.len() as u8], text.as_bytes()].concat();
    let entry = [text(0x0a, key), text(0x12, value)].concat();
    let mut model = std::fs::read(sample("linear")).unwrap();
    model.extend([&[0x72, entry.len() as u8], &entry[..]].concat());
    model
}

#[test]
fn a_file_may_name_its_model() {
    let own_name = |bytes: &[u8]| {
        let model = Model::from_bytes(bytes).unwrap();
        model.own_name().map(ToString::to_string)
    };
    let named = own_name(&with_metadata("model_name", " fraud v7 "));
    assert_eq!(named.as_deref(), Some("fraud v7"));
    let hostile = own_name(&with_metadata("name", "\u{1b}[31m")).unwrap();
    assert!(!hostile.contains('\u{1b}'), "{hostile}");
    // Without an entry of that key the name is the graph's.
    let of_graph = own_name(&std::fs::read(sample("linear")).unwrap());
    assert_eq!(own_name(&with_metadata("author", "somebody")), of_graph);
}
