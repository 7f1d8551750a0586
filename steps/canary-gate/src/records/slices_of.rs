//! From a feature record to its slices: by a feature's value, by edges, or by a header. Pure.
//!
//! A record is in at most one slice of each column. The slices of a record are one number: each column is a digit, 0 for
//! no slice, else the place of the slice in its column from 1 on.

use kafka::Record;
use stream::{FieldValue, Format};

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
    /// A field of the record's value, as its format has it.
    Field(Format, String),
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
    fn digit(&self, value: &FieldValue<'_>) -> usize {
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
    /// By the field `name` of values of this format.
    ///
    /// # Errors
    /// No record of the format has such a field, or nobody said which format is meant.
    pub(crate) fn feature(name: &str, format: Option<Format>, by: By) -> Result<Self, String> {
        let is_place = Format::F32le.decoder().knows(None, name);
        let format = match format {
            None if is_place => {
                return Err(format!(
                    "`{name}` may be a place among floats or the name of a member: add `format`, f32le or json"
                ));
            }
            format => format.unwrap_or(Format::Json),
        };
        match format.decoder().knows(None, name) {
            true => Ok(Self { from: From::Field(format, name.to_owned()), by }),
            false => Err(format!(
                "values of this format have no field `{name}`; in f32le write the place, [3] for the fourth number"
            )),
        }
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
    for (column, digit) in columns.iter().zip(&mut digits) {
        if let From::Header(name) = &column.from {
            let found = record.header(name).map(|text| FieldValue::Text(text.into()));
            *digit = found.map_or(0, |found| column.by.digit(&found));
        }
    }
    for format in Format::ALL {
        fields(columns, format, record.value.as_deref().unwrap_or_default(), &mut digits);
    }
    digits.iter().zip(columns).rev().fold(NONE, |set, (digit, column)| {
        // `check` has seen that it fits.
        set.wrapping_mul(column.by.len() as u32 + 1).wrapping_add(*digit as u32)
    })
}

/// The digits of the columns by fields of this format.
fn fields(columns: &[Column], format: Format, value: &[u8], digits: &mut [usize]) {
    let of_format = columns.iter().enumerate().filter_map(|(place, column)| match &column.from {
        From::Field(of, name) if *of == format => Some((place, name.as_str())),
        From::Field(..) | From::Header(_) => None,
    });
    let (places, names): (Vec<usize>, Vec<&str>) = of_format.unzip();
    if places.is_empty() {
        return;
    }
    // What cannot be decoded has no fields, and the scorer has sent it to the dead letters.
    format.decoder().fields(None, &names, value, &mut |index, found| {
        let place = places[index];
        digits[place] = found.map_or(0, |found| columns[place].by.digit(&found));
    });
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn columns() -> Vec<Column> {
        let columns = vec![
            Column::feature("country", None, By::values(&["DE", "FR", "7", "true"]).unwrap())
                .unwrap(),
            Column::feature("speed", Some(Format::Json), By::edges(&[1.0, 5.0]).unwrap()).unwrap(),
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
        let columns =
            vec![Column::feature("[1]", Some(Format::F32le), By::edges(&[0.0]).unwrap()).unwrap()];
        let row = |second: f32| [2.0f32, second].map(f32::to_le_bytes).concat();
        assert_eq!(of(&columns, &row(-1.0), None), [0]);
        assert_eq!(of(&columns, &row(0.0), None), [1]);
        assert_eq!(of(&columns, &row(f32::NAN), None), [0u16; 0]);
        assert_eq!(of(&columns, &row(1.0)[..4], None), [0u16; 0]);
    }

    #[test]
    fn what_a_column_means_is_said_and_not_guessed() {
        let column = |name, format| Column::feature(name, format, By::edges(&[0.0]).unwrap());
        assert!(column("[1]", None).unwrap_err().contains("add `format`"));
        assert!(column("speed", Some(Format::F32le)).unwrap_err().contains("no field `speed`"));
        let member = [column("[1]", Some(Format::Json)).unwrap()];
        assert_eq!(of(&member, br#"{"[1]":7}"#, None), [1]);
    }

    #[test]
    fn columns_that_make_no_slices_are_refused() {
        assert!(By::values::<&str>(&[]).is_err());
        assert!(By::values(&["a", "b", "a"]).unwrap_err().contains("`a` is there twice"));
        for edges in [&[][..], &[1.0, 1.0], &[2.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(By::edges(edges).is_err(), "{edges:?}");
        }
        let hundred: Vec<String> = (0..99).map(|n| n.to_string()).collect();
        let column = Column::feature("a", None, By::values(&hundred).unwrap()).unwrap();
        assert!(check(&vec![column.clone(); 4]).is_ok());
        assert!(check(&vec![column; 5]).is_err());
    }
}
