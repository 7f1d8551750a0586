//! From the tensors of a response to one answer a row.

use serde::Deserialize;
use serde_json::Value;

use crate::client::RowOutput;

/// The body of a response.
#[derive(Debug, Deserialize)]
struct Response {
    outputs: Vec<Tensor>,
}

#[derive(Debug, Deserialize)]
struct Tensor {
    datatype: String,
    /// Flat or nested.
    data: Value,
}

/// One answer for each of `n` rows, read as the engine reads a model's outputs: the first tensor of whole numbers
/// holds the labels, the first of numbers with a fraction the scores. The score of a row is the second class's of two,
/// the highest of more, or the only number; a model that gives labels alone has them as its scores.
///
/// Fails as a whole where the tensors have not one answer a row; a row with NaN fails by itself.
pub(crate) fn answers(body: &[u8], n: usize) -> Result<Vec<Result<RowOutput, String>>, String> {
    let response = parse(body).ok_or("its answer is no response of the protocol")?;
    let of = |is: fn(&str) -> bool| {
        let tensor = response.outputs.iter().find(|tensor| is(&tensor.datatype))?;
        let mut numbers = Vec::with_capacity(n);
        flatten(&tensor.data, &mut numbers);
        Some(numbers)
    };
    let labels = of(is_whole);
    let scores = of(is_fraction);
    if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != n) {
        return Err(format!("it gives {} labels for {n} rows", labels.len()));
    }
    let Some(scores) = scores.or_else(|| labels.clone()) else {
        return Err("it gives no numbers".to_owned());
    };
    if scores.is_empty() || scores.len() % n != 0 {
        return Err(format!("it gives {} scores for {n} rows", scores.len()));
    }
    let by_row = scores.chunks_exact(scores.len() / n).enumerate();
    Ok(by_row.map(|(row, scores)| answer(labels.as_ref().map(|it| it[row]), scores)).collect())
}

fn answer(label: Option<f64>, scores: &[f64]) -> Result<RowOutput, String> {
    if let Some(bad) = scores.iter().chain(&label).find(|score| !score.is_finite()) {
        return Err(format!("the model answers {bad}"));
    }
    let largest =
        (0..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best });
    let score = if scores.len() == 2 { scores[1] } else { scores[largest] };
    let label = match (label, scores.len()) {
        (Some(label), _) => Some(label as i64),
        (None, 1) => None,
        (None, _) => Some(largest as i64),
    };
    Ok(RowOutput { label, score })
}

fn is_whole(datatype: &str) -> bool {
    datatype.starts_with("INT") || datatype.starts_with("UINT") || datatype == "BOOL"
}

fn is_fraction(datatype: &str) -> bool {
    datatype.starts_with("FP") || datatype == "BF16"
}

/// Numbers in their order; what is none is NaN, so that its row has no answer.
fn flatten(data: &Value, into: &mut Vec<f64>) {
    match data {
        Value::Array(inner) => inner.iter().for_each(|value| flatten(value, into)),
        Value::Bool(value) => into.push(f64::from(u8::from(*value))),
        value => into.push(value.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Python's servers write NaN and Infinity as such, which JSON does not know: they are read as null.
fn parse(body: &[u8]) -> Option<Response> {
    if let Ok(response) = serde_json::from_slice(body) {
        return Some(response);
    }
    let text = std::str::from_utf8(body).ok()?;
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    // Outside of quotes only; the tensors are numbers.
    while let Some(quote) = rest.find('"') {
        clean.push_str(&without_nan(&rest[..quote]));
        let end = end_of_string(&rest[quote..])?;
        clean.push_str(&rest[quote..quote + end]);
        rest = &rest[quote + end..];
    }
    clean.push_str(&without_nan(rest));
    serde_json::from_str(&clean).ok()
}

fn without_nan(text: &str) -> String {
    text.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null")
}

/// The length of the quoted string that `text` begins with.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(outputs: &str, n: usize) -> Result<Vec<Result<RowOutput, String>>, String> {
        answers(format!(r#"{{"model_name":"m \"NaN\"","outputs":[{outputs}]}}"#).as_bytes(), n)
    }

    fn one(label: Option<i64>, score: f64) -> Result<RowOutput, String> {
        Ok(RowOutput { label, score })
    }

    #[test]
    fn labels_and_scores_are_found_by_their_types() {
        let labels = r#"{"name":"l","datatype":"INT64","shape":[2],"data":[1,0]}"#;
        let two = r#"{"name":"p","datatype":"FP32","shape":[2,2],"data":[0.25,0.75,0.5,0.5]}"#;
        let nested =
            r#"{"name":"p","datatype":"FP64","shape":[2,3],"data":[[0.1,0.2,0.7],[0.6,0.3,0.1]]}"#;
        let value = r#"{"name":"y","datatype":"FP32","shape":[2,1],"data":[7.5,-2]}"#;
        let flag = r#"{"name":"y","datatype":"BOOL","shape":[2],"data":[true,false]}"#;
        for (outputs, expected) in [
            (format!("{labels},{two}"), [one(Some(1), 0.75), one(Some(0), 0.5)]),
            (two.to_owned(), [one(Some(1), 0.75), one(Some(0), 0.5)]),
            (nested.to_owned(), [one(Some(2), 0.7), one(Some(0), 0.6)]),
            (value.to_owned(), [one(None, 7.5), one(None, -2.0)]),
            (labels.to_owned(), [one(Some(1), 1.0), one(Some(0), 0.0)]),
            (flag.to_owned(), [one(Some(1), 1.0), one(Some(0), 0.0)]),
        ] {
            assert_eq!(of(&outputs, 2).as_deref(), Ok(&expected[..]), "{outputs}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_answer_of_that_row_alone() {
        for bad in ["NaN", "-Infinity", "null", "\"NaN\""] {
            let found = of(&format!(r#"{{"datatype":"FP32","data":[1.5,{bad}]}}"#), 2);
            let rows = found.unwrap_or_default();
            assert_eq!(rows[0], one(None, 1.5), "{bad}");
            assert!(rows[1].as_ref().is_err_and(|why| why.contains("NaN")), "{bad}");
        }
    }

    #[test]
    fn too_many_or_too_few_are_refused() {
        for (outputs, why) in [
            (r#"{"datatype":"FP32","data":[1,2,3]}"#, "3 scores for 2 rows"),
            (r#"{"datatype":"FP32","data":[]}"#, "0 scores for 2 rows"),
            (r#"{"datatype":"INT64","data":[1]}"#, "1 labels for 2 rows"),
            (r#"{"datatype":"BYTES","data":["a","b"]}"#, "no numbers"),
            ("", "no numbers"),
        ] {
            assert!(of(outputs, 2).is_err_and(|it| it.contains(why)), "{outputs}");
        }
        assert!(answers(b"<html>", 1).is_err());
    }
}
