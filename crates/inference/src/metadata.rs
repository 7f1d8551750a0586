//! What a model says about itself, and how rows of a stream go into it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The answer to `GET <model>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The model's name.
    pub name: String,
    /// Its versions, where the server knows of any.
    #[serde(default)]
    pub versions: Vec<String>,
    /// What runs it.
    #[serde(default)]
    pub platform: String,
    /// What it takes. Some servers know nothing about it.
    #[serde(default)]
    pub inputs: Vec<Port>,
    /// What it gives.
    #[serde(default)]
    pub outputs: Vec<Port>,
}

/// A tensor that a model takes or gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its elements, as in `FP32`.
    pub datatype: String,
    /// Its dimensions; -1 where any size goes.
    #[serde(default)]
    pub shape: Vec<i64>,
}

/// How rows become tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inputs {
    /// One tensor of rows.
    Matrix { name: String, datatype: String },
    /// A tensor for each field: which column of the row it is, and whether it has a second dimension of 1.
    Columns(Vec<(Port, usize)>),
}

/// What servers call the only input where they know nothing of it.
const UNNAMED: &str = "input-0";

impl Inputs {
    /// Fits the model to rows of these fields; a reason when it does not.
    pub(crate) fn fit(metadata: &Metadata, fields: &[&str]) -> Result<Self, String> {
        let inputs = &metadata.inputs;
        if let Some(port) = inputs.iter().find(|it| !matches!(&*it.datatype, "FP32" | "FP64")) {
            return Err(format!(
                "its input `{}` is {}, and records are numbers with a fraction (FP32, FP64)",
                port.name, port.datatype
            ));
        }
        if let Some(port) = inputs.iter().find(|it| it.shape.first().is_some_and(|n| *n >= 0)) {
            return Err(format!("its input `{}` has a fixed number of rows", port.name));
        }
        match &inputs[..] {
            [] => Ok(Self::Matrix { name: UNNAMED.to_owned(), datatype: "FP32".to_owned() }),
            [port] if port.shape.len() == 2 && fits(port.shape[1], fields.len()) => {
                Ok(Self::Matrix { name: port.name.clone(), datatype: port.datatype.clone() })
            }
            [port] if fields.len() > 1 || port.shape.len() > 1 => Err(format!(
                "its input `{}` has the shape {:?}, a record has {} fields",
                port.name,
                port.shape,
                fields.len()
            )),
            ports => Self::columns(ports, fields),
        }
    }

    fn columns(ports: &[Port], fields: &[&str]) -> Result<Self, String> {
        let flat = |port: &Port| matches!(port.shape[..], [_] | [_, 1 | -1]);
        if let Some(wide) = ports.iter().find(|port| !flat(port)) {
            return Err(format!("its input `{}` is more than one field", wide.name));
        }
        let place = |port: &Port| fields.iter().position(|field| *field == port.name);
        if let Some(unknown) = ports.iter().find(|port| place(port).is_none()) {
            return Err(format!("its input `{}` is no field of the records", unknown.name));
        }
        if let Some(unused) = fields.iter().find(|it| !ports.iter().any(|port| port.name == **it)) {
            return Err(format!("it does not take the field `{unused}`"));
        }
        let placed = ports.iter().filter_map(|port| Some((port.clone(), place(port)?)));
        Ok(Self::Columns(placed.collect()))
    }

    /// The body of `POST <model>/infer` for `n` rows, given row by row.
    pub(crate) fn request(&self, rows: &[f32], n: usize) -> Value {
        let width = rows.len().checked_div(n).unwrap_or(0);
        let inputs = match self {
            Self::Matrix { name, datatype } => vec![json!({
                "name": name, "datatype": datatype, "shape": [n, width], "data": rows,
            })],
            Self::Columns(columns) => {
                let tensor = |(port, place): &(Port, usize)| {
                    let data: Vec<f32> =
                        rows.iter().skip(*place).step_by(width.max(1)).copied().collect();
                    let shape = if port.shape.len() == 1 { vec![n] } else { vec![n, 1] };
                    json!({"name": port.name, "datatype": port.datatype, "shape": shape, "data": data})
                };
                columns.iter().map(tensor).collect()
            }
        };
        json!({ "inputs": inputs })
    }
}

fn fits(dimension: i64, width: usize) -> bool {
    dimension == -1 || usize::try_from(dimension) == Ok(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, datatype: &str, shape: &[i64]) -> Port {
        Port { name: name.into(), datatype: datatype.into(), shape: shape.into() }
    }

    fn fit(inputs: Vec<Port>) -> Result<Inputs, String> {
        Inputs::fit(&Metadata { inputs, ..Metadata::default() }, &["a", "b"])
    }

    #[test]
    fn rows_go_in_as_one_tensor_or_one_a_field() {
        let rows = [1.0, 2.0, 3.0, 4.0];
        let body = |inputs| fit(inputs).map(|it| it.request(&rows, 2)["inputs"].clone());
        let whole = |name: &str, datatype: &str| json!([{"name": name, "datatype": datatype, "shape": [2, 2], "data": rows}]);
        assert_eq!(body(vec![port("x", "FP64", &[-1, 2])]), Ok(whole("x", "FP64")));
        assert_eq!(body(vec![port("x", "FP32", &[-1, -1])]), Ok(whole("x", "FP32")));
        assert_eq!(body(vec![]), Ok(whole("input-0", "FP32")));
        let columns = body(vec![port("b", "FP32", &[-1]), port("a", "FP32", &[-1, 1])]);
        let expected = json!([
            {"name": "b", "datatype": "FP32", "shape": [2], "data": [2.0, 4.0]},
            {"name": "a", "datatype": "FP32", "shape": [2, 1], "data": [1.0, 3.0]},
        ]);
        assert_eq!(columns, Ok(expected));
    }

    #[test]
    fn a_model_that_takes_something_else_is_refused_with_the_reason() {
        for (inputs, why) in [
            (vec![port("x", "FP32", &[-1, 3])], "a record has 2 fields"),
            (vec![port("x", "FP32", &[1, 2])], "fixed number of rows"),
            (vec![port("x", "BYTES", &[-1, 2])], "is BYTES"),
            (vec![port("x", "FP32", &[-1, 2, 4])], "a record has 2 fields"),
            (vec![port("a", "FP32", &[-1]), port("c", "FP32", &[-1])], "`c` is no field"),
            (vec![port("a", "FP32", &[-1]), port("b", "FP32", &[-1, 2])], "more than one field"),
        ] {
            let found = fit(inputs);
            assert!(found.as_ref().is_err_and(|it| it.contains(why)), "{found:?}");
        }
        let one = Metadata { inputs: vec![port("a", "FP32", &[-1])], ..Metadata::default() };
        let found = Inputs::fit(&one, &["a", "b"]);
        assert!(found.is_err(), "{found:?}");
        assert!(Inputs::fit(&one, &["a"]).is_ok());
    }
}
