//! What an answer of the HTTP API means.
//!
//! Shapes: <https://prometheus.io/docs/prometheus/latest/querying/api/> — a scalar is `[time, "value"]`, a vector a list
//! of series with such a pair, a matrix a list of series with many. Times are seconds since 1970.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Range};

/// What the server knows.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryResult {
    /// A finite number.
    Value(f64),
    NoData(NoData),
}

/// Why there is no number; none of these is a success, and none a failure.
#[derive(Clone, Debug, PartialEq)]
pub enum NoData {
    /// No series matches.
    Empty,
    /// NaN or infinite, as a ratio without anything to divide by.
    NotFinite(f64),
    /// The series has ended: its newest value is this many seconds older than the range's end.
    Ended(f64),
    /// The server doubts its own answer, for instance because a part of its store was away.
    Warned(String),
}

/// The body of any answer of the API.
#[derive(Debug, Deserialize)]
pub(crate) struct Body {
    pub(crate) status: String,
    pub(crate) data: Option<Data>,
    #[serde(default, rename = "errorType")]
    pub(crate) error_type: String,
    #[serde(default)]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data {
    result_type: String,
    result: Value,
}

#[derive(Debug, Deserialize)]
struct Series {
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl QueryResult {
    /// The number of a successful answer; `range` and its end (seconds since 1970) where one was asked for.
    pub(crate) fn of(
        data: &Data,
        warnings: &[String],
        range: Option<(Range, f64)>,
    ) -> Result<Self, Error> {
        if !warnings.is_empty() {
            return Ok(Self::NoData(NoData::Warned(warnings.join("; "))));
        }
        let points = match points(data)? {
            None => return Ok(Self::NoData(NoData::Empty)),
            Some(points) => points,
        };
        let mut values = Vec::with_capacity(points.len());
        for (_, text) in &points {
            let value = text.parse().map_err(|_| number("a text", "ask for a number"))?;
            if !f64::is_finite(value) {
                return Ok(Self::NoData(NoData::NotFinite(value)));
            }
            values.push(value);
        }
        let (Some(value), Some((newest, _))) = (
            match range {
                Some((range, _)) => range.aggregate.of(&values),
                None => values.last().copied(),
            },
            points.last(),
        ) else {
            return Ok(Self::NoData(NoData::Empty));
        };
        match range {
            // A value at the end, or one step before where the end falls between two.
            Some((range, end)) if end - newest >= 2.0 * range.step.as_secs_f64() => {
                Ok(Self::NoData(NoData::Ended(end - newest)))
            }
            _ if !value.is_finite() => Ok(Self::NoData(NoData::NotFinite(value))),
            _ => Ok(Self::Value(value)),
        }
    }

    /// The number, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::NoData(_) => None,
        }
    }
}

/// Times and values of the only series; `None` when there is none.
fn points(data: &Data) -> Result<Option<Vec<(f64, String)>>, Error> {
    let strange = |_| number("values of an unknown shape", "is this a Prometheus server?");
    match data.result_type.as_str() {
        "scalar" => Ok(Some(vec![serde_json::from_value(data.result.clone()).map_err(strange)?])),
        "vector" | "matrix" => {
            let mut series: Vec<Series> =
                serde_json::from_value(data.result.clone()).map_err(strange)?;
            let Some(only) = series.pop() else { return Ok(None) };
            if !series.is_empty() {
                return Err(Error::Several { series: series.len() + 1 });
            }
            let points: Vec<_> = only.values.into_iter().chain(only.value).collect();
            if points.is_empty() {
                return Err(number("a histogram", "wrap it in histogram_quantile()"));
            }
            Ok(Some(points))
        }
        _ => Err(number("a text", "ask for a number")),
    }
}

fn number(what: &'static str, hint: &'static str) -> Error {
    Error::NotANumber { what, hint }
}

impl fmt::Display for NoData {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str("no series matches"),
            Self::NotFinite(value) => write!(out, "the value is {value}"),
            Self::Ended(ago) => write!(out, "the series ended {ago:.0} s ago"),
            Self::Warned(why) => write!(out, "the server warns: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::*;
    use crate::Aggregate;

    fn answer(
        kind: &str,
        result: &str,
        range: Option<(Range, f64)>,
    ) -> Result<QueryResult, String> {
        let text = format!(r#"{{"resultType":"{kind}","result":{result}}}"#);
        let data = serde_json::from_str(&text).unwrap();
        QueryResult::of(&data, &[], range).map_err(|error| error.to_string())
    }

    fn no(why: NoData) -> Result<QueryResult, String> {
        Ok(QueryResult::NoData(why))
    }

    #[test]
    fn one_number_is_a_value_whatever_its_shape() {
        for (kind, result, expected) in [
            ("scalar", r#"[1,"2.5"]"#, 2.5),
            ("vector", r#"[{"metric":{"a":"b"},"value":[1.5,"-1e-05"]}]"#, -1e-5),
            ("matrix", r#"[{"metric":{},"values":[[1,"3"],[2,"4"]]}]"#, 4.0),
        ] {
            assert_eq!(answer(kind, result, None), Ok(QueryResult::Value(expected)), "{kind}");
        }
    }

    #[test]
    fn nothing_is_never_a_number() {
        assert_eq!(answer("vector", "[]", None), no(NoData::Empty));
        assert_eq!(answer("matrix", "[]", None), no(NoData::Empty));
        for text in ["NaN", "+Inf", "-Inf"] {
            let got = answer("vector", &format!(r#"[{{"value":[1,"{text}"]}}]"#), None);
            assert!(
                matches!(got, Ok(QueryResult::NoData(NoData::NotFinite(_)))),
                "{text}: {got:?}"
            );
        }
        let data = Data { result_type: "scalar".into(), result: serde_json::json!([1, "0"]) };
        let warned = QueryResult::of(&data, &["a store is away".into()], None).unwrap();
        assert_eq!(warned, QueryResult::NoData(NoData::Warned("a store is away".into())));
        assert_eq!(warned.value(), None);
    }

    #[test]
    fn a_range_is_made_one_number_if_it_reaches_its_end() {
        let range = |aggregate| Range {
            last: Duration::from_secs(30),
            step: Duration::from_secs(10),
            aggregate,
        };
        let series = r#"[{"metric":{},"values":[[100,"1"],[110,"7"],[120,"4"]]}]"#;
        let at = |aggregate, end| answer("matrix", series, Some((range(aggregate), end)));
        assert_eq!(at(Aggregate::Max, 120.0), Ok(QueryResult::Value(7.0)));
        assert_eq!(at(Aggregate::Mean, 129.0), Ok(QueryResult::Value(4.0)));
        assert_eq!(at(Aggregate::Last, 150.0), no(NoData::Ended(30.0)));
        let gap = r#"[{"metric":{},"values":[[100,"1"],[110,"NaN"],[120,"4"]]}]"#;
        let got = answer("matrix", gap, Some((range(Aggregate::Max), 120.0)));
        assert!(matches!(got, Ok(QueryResult::NoData(NoData::NotFinite(_)))), "{got:?}");
    }

    #[test]
    fn what_is_no_single_number_is_refused_with_a_way_out() {
        for (kind, result, hint) in [
            ("vector", r#"[{"value":[1,"1"]},{"value":[1,"2"]}]"#, "sum()"),
            ("string", r#"[1,"hello"]"#, "ask for a number"),
            ("vector", r#"[{"metric":{},"histogram":[1,{}]}]"#, "histogram_quantile()"),
            ("scalar", r#"{"a":1}"#, "is this a Prometheus server?"),
        ] {
            let refused = answer(kind, result, None).unwrap_err();
            assert!(refused.contains(hint), "{refused}");
        }
    }
}
