//! The files that a release takes: the model, its golden set, the hold-out, the schema.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use stream::StreamSchema;

use crate::linear::{Linear, Rows};
use crate::onnx;

/// What the files are called, in the artifact too.
pub(crate) const MODEL: &str = "model.onnx";
pub(crate) const SCHEMA: &str = "schema.json";
pub(crate) const GOLDEN: &str = "golden.json";
pub(crate) const HOLDOUT: &str = "holdout.csv";

/// Records in the golden set, where the hold-out has as many.
const GOLDEN_CASES: usize = 100;
/// Nearer to the threshold than this, rounding alone may flip a label.
const TOO_NEAR: f64 = 1e-3;

/// Writes the files into `folder`; the model's digest, `sha256:<hex>`, and their paths.
pub(crate) fn write(
    folder: &Path,
    model: &Linear,
    schema: &StreamSchema,
    schema_file: &Path,
    held_out: Rows<'_>,
) -> anyhow::Result<(String, Vec<PathBuf>)> {
    let bytes = onnx::encode(model);
    let digest = model::digest_of(&bytes[..])?.sha256;
    let paths = [MODEL, SCHEMA, GOLDEN, HOLDOUT].map(|name| folder.join(name));
    fs::write(&paths[0], bytes)?;
    fs::copy(schema_file, &paths[1])?;
    fs::write(&paths[2], golden(model, &digest, held_out))?;
    fs::write(&paths[3], holdout(schema, held_out))?;
    Ok((digest, paths.into()))
}

/// Records of the hold-out with the answers of the fit, as `--golden` of validate-model takes them.
fn golden(model: &Linear, digest: &str, held_out: Rows<'_>) -> String {
    let stride = held_out.len().div_ceil(GOLDEN_CASES).max(1);
    let cases: Vec<_> = held_out
        .iter()
        .step_by(stride)
        .map(|(row, _)| (row, model.answer(row)))
        .filter(|(_, score)| (score - 0.5).abs() > TOO_NEAR)
        .map(|(row, score)| json!({"row": row, "label": u8::from(score > 0.5), "score": score}))
        .collect();
    json!({"model": digest, "cases": cases}).to_string()
}

/// The held-out records with their labels, as `--holdout` of validate-model takes them.
fn holdout(schema: &StreamSchema, held_out: Rows<'_>) -> String {
    let mut csv = String::new();
    for field in &schema.fields {
        csv += &field.name;
        csv.push(',');
    }
    csv += "label\n";
    for (row, label) in held_out.iter() {
        for number in row {
            write!(csv, "{number},").expect("writing to a text does not fail");
        }
        writeln!(csv, "{label}").expect("writing to a text does not fail");
    }
    csv
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_golden_set_and_the_hold_out_are_of_the_model() {
        let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"}]}"#;
        let schema = StreamSchema::parse(schema).unwrap();
        let model = Linear { mean: vec![0.0], scale: vec![1.0], weight: vec![1.0], bias: 0.0 };
        // The second lies on the threshold and is no golden case.
        let rows = Rows { numbers: &[-2.0, 0.0, 0.1], labels: &[0, 1, 1], width: 1 };
        assert_eq!(holdout(&schema, rows), "a,label\n-2,0\n0,1\n0.1,1\n");
        let golden: Value = serde_json::from_str(&golden(&model, "sha256:1", rows)).unwrap();
        assert_eq!(golden["model"], "sha256:1");
        let cases = golden["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(
            (&cases[1]["label"], cases[1]["row"][0].as_f64()),
            (&1.into(), Some(f64::from(0.1_f32)))
        );
        assert!((cases[0]["score"].as_f64().unwrap() - 0.119_202_9).abs() < 1e-6);
    }
}
