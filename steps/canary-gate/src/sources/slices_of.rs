//! From a feature record to its slices: by a feature's value, by edges, or by a header. Pure.
//!
//! A record is in at most one slice of each column. The slices of a record are one number: each column is a digit, 0 for
//! no slice, else the place of the slice in its column from 1 on.

use std::borrow::Cow;
use std::fmt;

use kafka::Record;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// The set of a record that is in no slice.
pub(super) const NONE: u32 = 0;

/// A column by which the stream is sliced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    from: From,
    by: By,
}

#[derive(Clone, Debug, PartialEq)]
enum From {
    /// A member of a JSON object.
    Member(String),
    /// One of the little-endian 32-bit floats of a record, written `[3]` for the fourth.
    Number(usize),
    Header(String),
}

/// How the values of a column make slices.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum By {
    /// One slice for each of these values.
    Values(Vec<String>),
    /// From below the first edge to the last one and above: an edge belongs to the slice above it.
    Edges(Vec<f64>),
}

impl By {
    /// One slice for each of `values`.
    ///
    /// # Errors
    /// There is none, or one twice.
    pub(crate) fn values<S: AsRef<str>>(values: &[S]) -> Result<Self, String> {
        let values: Vec<String> = values.iter().map(|value| value.as_ref().to_owned()).collect();
        let again = values.iter().enumerate().find(|(n, value)| values[..*n].contains(value));
        match again {
            Some((_, value)) => Err(format!("the value `{value}` is there twice")),
            None if values.is_empty() => Err("it names no value".into()),
            None => Ok(Self::Values(values)),
        }
    }

    /// One slice below, between and above `edges`.
    ///
    /// # Errors
    /// There is none, or they do not rise.
    pub(crate) fn edges(edges: &[f64]) -> Result<Self, String> {
        let rising = edges.windows(2).all(|pair| pair[0] < pair[1]);
        if edges.is_empty() || !rising || !edges.iter().all(|edge| edge.is_finite()) {
            return Err("its edges are not finite numbers that rise".into());
        }
        Ok(Self::Edges(edges.to_vec()))
    }

    /// How many slices it makes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Edges(edges) => edges.len() + 1,
        }
    }

    /// The digit of a value; 0 for one that is in no slice.
    fn digit(&self, value: &Found<'_>) -> usize {
        match self {
            Self::Values(values) => {
                values.iter().position(|it| value.is(it)).map_or(0, |place| place + 1)
            }
            Self::Edges(edges) => match value.number() {
                Some(number) => edges.partition_point(|edge| *edge <= number) + 1,
                None => 0,
            },
        }
    }
}

impl Column {
    /// By the feature `name`; `[3]` is the fourth number of a stream of floats.
    pub(crate) fn feature(name: &str, by: By) -> Self {
        let place = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')?.parse().ok());
        let from = place.map_or_else(|| From::Member(name.to_owned()), From::Number);
        Self { from, by }
    }

    /// By the header `name`.
    pub(crate) fn header(name: &str, by: By) -> Self {
        Self { from: From::Header(name.to_owned()), by }
    }
}

/// Whether one number can hold a digit of each of `columns`.
///
/// # Errors
/// They make too many combinations.
pub(crate) fn check(columns: &[Column]) -> Result<(), String> {
    let combinations = columns.iter().try_fold(1u32, |product, column| {
        product.checked_mul(u32::try_from(column.by.len() + 1).ok()?)
    });
    match combinations {
        Some(all) if all < u32::MAX => Ok(()),
        _ => Err("the slices make more than four thousand million combinations".into()),
    }
}

/// The set of the slices of a record.
pub(super) fn set(columns: &[Column], record: &Record) -> u32 {
    let mut digits = vec![0; columns.len()];
    let value = record.value.as_deref().unwrap_or_default();
    for (column, digit) in columns.iter().zip(&mut digits) {
        let found = match &column.from {
            From::Header(name) => record.header(name).map(|text| Found::Text(text.into())),
            From::Number(place) => value
                .as_chunks::<4>()
                .0
                .get(*place)
                .map(|it| Found::Number(f32::from_le_bytes(*it).into())),
            From::Member(_) => None,
        };
        *digit = found.map_or(0, |found| column.by.digit(&found));
    }
    if columns.iter().any(|column| matches!(column.from, From::Member(_))) {
        let mut json = serde_json::Deserializer::from_slice(value);
        // What is not JSON has no members, and the scorer has sent it to the dead letters.
        let _ = json.deserialize_map(Members { columns, digits: &mut digits });
    }
    digits.iter().zip(columns).rev().fold(NONE, |set, (digit, column)| {
        // `check` has seen that it fits.
        set.wrapping_mul(column.by.len() as u32 + 1).wrapping_add(*digit as u32)
    })
}

/// The ids of the slices in `set`.
pub(super) fn ids(columns: &[Column], mut set: u32) -> Vec<u16> {
    let (mut ids, mut first) = (Vec::new(), 0);
    for column in columns {
        let radix = column.by.len() as u32 + 1;
        let digit = set % radix;
        if digit > 0 {
            ids.push(first + digit as u16 - 1);
        }
        set /= radix;
        first += column.by.len() as u16;
    }
    ids
}

/// A value that was found in a record.
#[derive(Debug)]
enum Found<'a> {
    Text(Cow<'a, str>),
    Number(f64),
}

impl Found<'_> {
    fn is(&self, wanted: &str) -> bool {
        match self {
            Self::Text(text) => text == wanted,
            Self::Number(number) => wanted.trim().parse() == Ok(*number),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
        }
        .filter(|number: &f64| !number.is_nan())
    }

    fn of(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.into())),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Bool(truth) => Some(Self::Text(truth.to_string().into())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Reads the members that some column asks for and passes over all others.
struct Members<'a> {
    columns: &'a [Column],
    digits: &'a mut [usize],
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(wanted) = map.next_key_seed(Wanted(self.columns))? {
            let Some(name) = wanted else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let found = Found::of(map.next_value()?);
            for (column, digit) in self.columns.iter().zip(self.digits.iter_mut()) {
                if matches!(&column.from, From::Member(member) if *member == name) {
                    *digit = found.as_ref().map_or(0, |found| column.by.digit(found));
                }
            }
        }
        Ok(())
    }
}

/// A member's name, if some column asks for it.
struct Wanted<'a>(&'a [Column]);

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Option<String>;

    fn deserialize<D: serde::Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Wanted<'_> {
    type Value = Option<String>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let asked =
            |column: &Column| matches!(&column.from, From::Member(member) if member == name);
        Ok(self.0.iter().any(asked).then(|| name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn columns() -> Vec<Column> {
        let columns = vec![
            Column::feature("country", By::values(&["DE", "FR", "7", "true"]).unwrap()),
            Column::feature("speed", By::edges(&[1.0, 5.0]).unwrap()),
            Column::header("tier", By::values(&["gold", "3"]).unwrap()),
        ];
        check(&columns).unwrap();
        columns
    }

    fn of(columns: &[Column], value: &[u8], tier: Option<&str>) -> Vec<u16> {
        let record = Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: None,
            value: Some(value.to_vec()),
            headers: tier.map(|tier| ("tier".into(), tier.into())).into_iter().collect(),
        };
        ids(columns, set(columns, &record))
    }

    #[test]
    fn a_record_is_in_one_slice_of_each_column_at_most() {
        let columns = columns();
        for (value, tier, expected) in [
            (r#"{"country":"DE","speed":0.5}"#, Some("gold"), &[0, 4, 7][..]),
            (r#"{"x":{"country":"DE"},"speed":1,"country":"FR"}"#, None, &[1, 5]),
            (r#"{"country":7.0,"speed":5}"#, Some("3"), &[2, 6, 8]),
            (r#"{"country":true,"speed":"4.9"}"#, Some("lead"), &[3, 5]),
            (r#"{"country":null,"speed":null}"#, None, &[]),
            (r#"{"country":["DE"],"speed":"NaN"}"#, None, &[]),
            ("not json", Some("gold"), &[7]),
            ("", None, &[]),
        ] {
            assert_eq!(of(&columns, value.as_bytes(), tier), expected, "{value}");
        }
    }

    #[test]
    fn streams_of_floats_are_sliced_by_place() {
        let columns = vec![Column::feature("[1]", By::edges(&[0.0]).unwrap())];
        let row = |second: f32| [2.0f32, second].map(f32::to_le_bytes).concat();
        assert_eq!(of(&columns, &row(-1.0), None), [0]);
        assert_eq!(of(&columns, &row(0.0), None), [1]);
        assert_eq!(of(&columns, &row(f32::NAN), None), [0u16; 0]);
        assert_eq!(of(&columns, &row(1.0)[..4], None), [0u16; 0]);
    }

    #[test]
    fn columns_that_make_no_slices_are_refused() {
        assert!(By::values::<&str>(&[]).is_err());
        assert!(By::values(&["a", "b", "a"]).unwrap_err().contains("`a` is there twice"));
        for edges in [&[][..], &[1.0, 1.0], &[2.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(By::edges(edges).is_err(), "{edges:?}");
        }
        let hundred: Vec<String> = (0..99).map(|n| n.to_string()).collect();
        let column = Column::feature("a", By::values(&hundred).unwrap());
        assert!(check(&vec![column.clone(); 4]).is_ok());
        assert!(check(&vec![column; 5]).is_err());
    }
}
