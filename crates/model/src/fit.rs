//! Whether a model and a stream fit each other: the model's declared inputs against the stream's schema, and
//! its outputs against what a prediction is.

use crate::excerpt::Excerpt;
use crate::exporter;
use crate::model::{Model, Port};
use stream::StreamSchema;

/// Why a model cannot answer the records of a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// An input is not of 32-bit floats in two dimensions.
    #[error(
        "the input {0} is not float32[N, k] (hint: export with float32 inputs, one row a record)"
    )]
    Input(String),
    /// A fixed number of rows.
    #[error("{0} has a fixed number of rows (hint: export with a batch dimension of any size)")]
    FixedBatch(String),
    /// Several inputs that are not one column each.
    #[error("the model has {count} inputs, and {port} is more than one column")]
    Columns {
        /// Number of inputs.
        count: usize,
        /// The input that is wider.
        port: String,
    },
    /// Another number of numbers a row.
    #[error("the model takes {model} numbers a row, the stream `{stream}` has {fields} fields")]
    Width {
        /// What the model takes.
        model: usize,
        /// The stream's name.
        stream: String,
        /// What the stream gives.
        fields: usize,
    },
    /// Inputs and fields have not the same names.
    #[error(
        "inputs and fields of the stream `{stream}` differ: the model wants {} that the stream lacks, \
         the stream has {} that the model does not take",
        listed(wanted),
        listed(unused)
    )]
    Names {
        /// The stream's name.
        stream: String,
        /// Inputs that are no fields.
        wanted: Vec<Excerpt>,
        /// Fields that are no inputs.
        unused: Vec<Excerpt>,
    },
    /// More inputs or outputs than a stream has fields.
    #[error("the model has {count} inputs or outputs, and {most} is the most there can be")]
    TooMany {
        /// What it has.
        count: usize,
        /// What it may have.
        most: usize,
    },
    /// The same names but for the characters that an exporter does not take.
    #[error(
        "the model's input names are the fields of the stream `{stream}` with spaces and other marks as `_`: it wants \
         `{input}` for `{field}`{more} (hint: name the fields in the schema and in the records as the model does, or \
         export with one input of all columns, which go by their order)"
    )]
    Renamed {
        /// The stream's name.
        stream: String,
        /// The first such input.
        input: String,
        /// Its field.
        field: String,
        /// How many more there are, in words.
        more: String,
    },
    /// Probabilities as a list of maps.
    #[error("the output {port} is a list of maps (hint: {hint})")]
    ZipMap {
        /// The output.
        port: String,
        /// What to do, in the words of the exporter.
        hint: &'static str,
    },
    /// Labels that are text.
    #[error("the output {0} gives labels as text (hint: train with whole numbers as labels)")]
    TextLabels(String),
    /// Nothing that could be a score.
    #[error("no output is float32[N, C]; the outputs are {0}")]
    NoScores(String),
}

impl Model {
    /// Makes the model answer rows in the order of the schema's fields.
    ///
    /// # Errors
    /// [`Misfit::Width`] for a model with one input, [`Misfit::Names`] for one with an input a field.
    pub fn fit(&mut self, schema: &StreamSchema) -> Result<(), Misfit> {
        self.inputs.fit(schema)
    }
}

/// The first names, and how many more there are.
fn listed(names: &[Excerpt]) -> String {
    const SHOWN: usize = 10;
    match names {
        [] => "nothing".to_owned(),
        names => words::first_few(names.iter().map(|name| format!("`{name}`")), SHOWN),
    }
}

/// How the rows go in.
#[derive(Debug)]
pub(crate) enum Inputs {
    /// One input of rows; any width where `None`.
    Matrix { width: Option<usize> },
    /// One input a field: for each input its name and its column in the row, and room for the columns.
    Columns { columns: Vec<(String, usize)>, buffer: Vec<f32> },
}

impl Inputs {
    /// `names` are those of the ports, as the engine wants them.
    pub(crate) fn of(ports: &[Port], names: &[&str]) -> Result<Inputs, Misfit> {
        for port in ports {
            if port.dtype != "float32" || port.shape.len() != 2 {
                return Err(Misfit::Input(port.to_string()));
            }
            if port.shape[0] >= 0 {
                return Err(Misfit::FixedBatch(format!("the input {port}")));
            }
        }
        match ports {
            [] => Err(Misfit::Input("(there is none)".to_owned())),
            [port] => Ok(Inputs::Matrix { width: usize::try_from(port.shape[1]).ok() }),
            ports => match ports.iter().find(|port| port.shape[1] != 1) {
                Some(port) => Err(Misfit::Columns { count: ports.len(), port: port.to_string() }),
                None => {
                    let columns =
                        names.iter().enumerate().map(|(i, name)| ((*name).to_owned(), i)).collect();
                    Ok(Inputs::Columns { columns, buffer: Vec::new() })
                }
            },
        }
    }

    pub(crate) fn width(&self) -> Option<usize> {
        match self {
            Inputs::Matrix { width } => *width,
            Inputs::Columns { columns, .. } => Some(columns.len()),
        }
    }

    fn fit(&mut self, schema: &StreamSchema) -> Result<(), Misfit> {
        let stream = || schema.stream.clone();
        match self {
            Inputs::Matrix { width } => match *width {
                Some(model) if model != schema.width() => {
                    Err(Misfit::Width { model, stream: stream(), fields: schema.width() })
                }
                _ => {
                    *width = Some(schema.width());
                    Ok(())
                }
            },
            Inputs::Columns { columns, .. } => {
                let place = |name: &str| schema.fields.iter().position(|field| field.name == name);
                let wanted: Vec<Excerpt> = columns
                    .iter()
                    .filter(|(name, _)| place(name).is_none())
                    .map(|(name, _)| Excerpt::name(name))
                    .collect();
                let unused: Vec<Excerpt> = schema
                    .fields
                    .iter()
                    .filter(|field| !columns.iter().any(|(name, _)| *name == field.name))
                    .map(|field| Excerpt::name(&field.name))
                    .collect();
                if let Some(renamed) = renamed(&wanted, &unused, &schema.stream) {
                    return Err(renamed);
                }
                if !wanted.is_empty() || !unused.is_empty() {
                    return Err(Misfit::Names { stream: stream(), wanted, unused });
                }
                for (name, column) in columns {
                    *column = place(name).unwrap_or(*column);
                }
                Ok(())
            }
        }
    }
}

/// Where every input that is no field is one with its marks as `_`.
fn renamed(
    wanted: &[impl std::fmt::Display],
    unused: &[impl std::fmt::Display],
    stream: &str,
) -> Option<Misfit> {
    let unused: Vec<String> = unused.iter().map(ToString::to_string).collect();
    let field_of = |input: &String| unused.iter().find(|it| exporter::plain_name(it) == *input);
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let first = wanted.first()?;
    if wanted.len() != unused.len() || !wanted.iter().all(|input| field_of(input).is_some()) {
        return None;
    }
    let more = match wanted.len() - 1 {
        0 => String::new(),
        more => format!(" and so on for {more} more"),
    };
    let (stream, input, field) = (stream.to_owned(), first.clone(), field_of(first)?.clone());
    Some(Misfit::Renamed { stream, input, field, more })
}

/// Where the answers come out.
#[derive(Debug)]
pub(crate) struct Outputs {
    /// Index of the output with the labels, where the model is a classifier that gives them.
    pub(crate) labels: Option<usize>,
    /// Index of the output with the scores.
    pub(crate) scores: usize,
}

impl Outputs {
    /// `producer` is the name that the exporter gives itself in the file.
    pub(crate) fn of(ports: &[Port], producer: &str) -> Result<Outputs, Misfit> {
        if let Some(port) = ports.iter().find(|port| matches!(&*port.dtype, "sequence" | "map")) {
            let (port, hint) = (port.to_string(), exporter::tensor_scores(producer));
            return Err(Misfit::ZipMap { port, hint });
        }
        if let Some(port) = ports.iter().find(|port| port.dtype == "string") {
            return Err(Misfit::TextLabels(port.to_string()));
        }
        let first = |dtype: &str| {
            ports.iter().position(|port| port.dtype == dtype && matches!(port.shape.len(), 1 | 2))
        };
        let Some(scores) = first("float32") else {
            return Err(Misfit::NoScores(Port::list(ports)));
        };
        Ok(Outputs { labels: first("int64"), scores })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn port(name: &str, dtype: &str, shape: &[i64]) -> Port {
        Port { name: Excerpt::name(name), dtype: dtype.to_owned(), shape: shape.to_vec() }
    }

    fn inputs(ports: &[Port]) -> Result<Inputs, Misfit> {
        let names: Vec<&str> = ports.iter().map(|port| &*port.name).collect();
        Inputs::of(ports, &names)
    }

    fn schema(fields: &[&str]) -> StreamSchema {
        let fields: Vec<String> =
            fields.iter().map(|name| format!(r#"{{"name":"{name}","dtype":"float32"}}"#)).collect();
        StreamSchema::parse(&format!(
            r#"{{"stream":"s","format":"json","fields":[{}]}}"#,
            fields.join(",")
        ))
        .unwrap()
    }

    #[test]
    fn one_input_must_be_as_wide_as_the_stream() {
        let wide = |width| inputs(&[port("x", "float32", &[-1, width])]).unwrap();
        assert_eq!(wide(2).fit(&schema(&["a", "b"])), Ok(()));
        let mut any = wide(-1);
        assert_eq!(any.width(), None);
        assert_eq!(any.fit(&schema(&["a", "b"])), Ok(()));
        assert_eq!(any.width(), Some(2));
        assert_eq!(
            wide(3).fit(&schema(&["a", "b"])).unwrap_err().to_string(),
            "the model takes 3 numbers a row, the stream `s` has 2 fields"
        );
    }

    #[test]
    fn inputs_by_name_are_put_into_the_streams_order() {
        let ports = [port("b", "float32", &[-1, 1]), port("a", "float32", &[-1, 1])];
        let mut inputs = inputs(&ports).unwrap();
        inputs.fit(&schema(&["a", "b"])).unwrap();
        let Inputs::Columns { columns, .. } = &inputs else { panic!("{inputs:?}") };
        assert_eq!(*columns, [("b".to_owned(), 1), ("a".to_owned(), 0)]);
        let Err(Misfit::Names { wanted, unused, .. }) = inputs.fit(&schema(&["a", "c"])) else {
            panic!("fits");
        };
        assert_eq!((wanted, unused), (vec![Excerpt::name("b")], vec![Excerpt::name("c")]));
    }

    #[test]
    fn names_with_spaces_that_became_underscores_are_said_to_have() {
        let names: Vec<String> = (1..=60).map(|n| format!("age in years (wave {n})")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let port = |name: &&str| port(&exporter::plain_name(name), "float32", &[-1, 1]);
        let mut inputs = inputs(&names.iter().map(port).collect::<Vec<_>>()).unwrap();
        let said = inputs.fit(&schema(&names)).unwrap_err().to_string();
        assert!(
            said.contains(
                "wants `age_in_years__wave_1_` for `age in years (wave 1)` and so on for 59 more"
            ),
            "{said}"
        );
        assert!(said.len() < 500, "{said}");
    }

    #[test]
    fn inputs_that_no_stream_can_give_are_refused() {
        for (ports, reason) in [
            (vec![], "there is none"),
            (vec![port("x", "float64", &[-1, 9])], "`x` float64[N, 9] is not float32[N, k]"),
            (vec![port("x", "float32", &[-1, 3, 32])], "is not float32[N, k]"),
            (vec![port("x", "float32", &[1, 9])], "fixed number of rows"),
            (
                vec![port("x", "float32", &[-1, 9]), port("y", "float32", &[-1, 1])],
                "2 inputs, and `x` float32[N, 9] is more than one column",
            ),
        ] {
            let error = inputs(&ports).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn outputs_are_found_by_type() {
        let classifier = [port("label", "int64", &[-1]), port("p", "float32", &[-1, 2])];
        let outputs = Outputs::of(&classifier, "skl2onnx").unwrap();
        assert_eq!((outputs.labels, outputs.scores), (Some(0), 1));
        let regressor = Outputs::of(&[port("variable", "float32", &[-1, 1])], "").unwrap();
        assert_eq!((regressor.labels, regressor.scores), (None, 0));
        for (port, reason) in [
            (port("p", "sequence", &[]), "'zipmap': False"),
            (port("label", "string", &[-1]), "whole numbers"),
            (port("label", "int64", &[-1]), "no output is float32[N, C]"),
        ] {
            let error = Outputs::of(&[port], "skl2onnx").unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
