//! What an ONNX file calls its model.

use ort::session::ModelMetadata;

use crate::excerpt::Excerpt;

/// Keys of `metadata_props` under which people keep a name, the best first.
const KEYS: [&str; 4] = ["name", "model_name", "model.name", "model-name"];
/// Names that exporters give to every graph: PyTorch's (newer, older), tf2onnx's, and what else says nothing.
const GENERIC_GRAPHS: [&str; 9] = [
    "main_graph",
    "torch_jit",
    "torch-jit-export",
    "tf2onnx",
    "main",
    "graph",
    "model",
    "onnx",
    "test",
];

/// The name in the file's metadata, else that of its graph where it is not an exporter's.
pub(crate) fn of(metadata: &ModelMetadata<'_>) -> Option<Excerpt> {
    let stated = |name: &String| !name.trim().is_empty();
    let by_key = KEYS.iter().filter_map(|key| metadata.custom(key)).find(stated);
    let of_graph = || metadata.name().filter(|name| stated(name) && !is_generic(name));
    by_key.or_else(of_graph).map(|name| Excerpt::name(name.trim()))
}

/// Whether an exporter would call any graph that, or drew it by lot (skl2onnx takes a UUID's 32 digits).
fn is_generic(graph: &str) -> bool {
    let is_drawn = || {
        let digits = graph.chars().filter(|c| *c != '-');
        digits.clone().all(|c| c.is_ascii_hexdigit()) && digits.count() >= 32
    };
    GENERIC_GRAPHS.iter().any(|generic| graph.eq_ignore_ascii_case(generic)) || is_drawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exporters_call_every_graph_is_no_name() {
        for generic in ["main_graph", "Graph", "0c9b0b6f3fb04a5c8f4d3b2a19e8d7c6"] {
            assert!(is_generic(generic), "{generic}");
        }
        for name in ["fraud-v7", "decade", "boosting of 2026"] {
            assert!(!is_generic(name), "{name}");
        }
    }
}
