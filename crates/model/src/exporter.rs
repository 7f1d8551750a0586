//! Who wrote a model file, and how that writer is made to leave out what cannot be answered with.
//!
//! Every exporter has its own switch, and one exporter's switch is another's error.  `scripts/try-export-hints`
//! tries each of these with the real exporters and writes `crates/model/samples/export-hints.json`.

/// How each exporter gives probabilities as a tensor, by the producer's name in its files.
const TENSOR_SCORES: [(&str, &str); 3] = [
    ("skl2onnx", "convert with skl2onnx's options={'zipmap': False}"),
    ("OnnxMLTools", "convert with onnxmltools' zipmap=False"),
    (
        "CatBoost",
        "CatBoost has no option for it: take the node ZipMap out of the saved file, as scripts/try-export-hints does",
    ),
];
/// For all others.
const ANY: &str = "export the probabilities as a tensor, without a ZipMap behind them";

/// What to do about probabilities that are a list of maps, in the words of the exporter named `producer`.
pub(crate) fn tensor_scores(producer: &str) -> &'static str {
    TENSOR_SCORES.iter().find(|(name, _)| *name == producer).map_or(ANY, |(_, hint)| hint)
}

/// A name as exporters write it that take letters, digits and `_` alone.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn each_hint_was_tried_with_its_exporter() {
        let tried: serde_json::Value =
            serde_json::from_str(include_str!("../samples/export-hints.json")).unwrap();
        for (producer, hint) in TENSOR_SCORES {
            let tried = &tried[producer];
            assert_eq!(tried["hint"], hint, "run scripts/try-export-hints again");
            assert_eq!(tried["without"], "sequence", "{producer}");
            assert_eq!(tried["with"], "tensor", "{producer}");
        }
        assert_eq!(tried.as_object().unwrap().len(), TENSOR_SCORES.len());
    }

    #[test]
    fn an_unknown_exporter_is_not_given_anothers_switch() {
        assert!(!tensor_scores("pytorch").contains("zipmap="));
        assert!(tensor_scores("CatBoost").contains("CatBoost has no option"));
        assert_eq!(plain_name("age in years (é)"), "age_in_years__é_");
    }
}
