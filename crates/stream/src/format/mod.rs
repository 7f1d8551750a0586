//! How the values of feature records are written: one file a format.
//!
//! A new format is a [`Format`] with its line in [`Format::ALL`] and [`Format::decoder`], and a file with its [`Decoder`].

mod f32le;
mod json;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::schema::StreamSchema;

/// How a feature record's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A JSON object with a number for each field; further members are ignored.
    Json,
    /// One little-endian 32-bit float for each field, nothing else.
    F32le,
}

/// From the bytes of a value to columns.
pub trait Decoder: Send + Sync + std::fmt::Debug {
    /// Appends the record's row to `rows`, in the order of the schema's fields; `rows` is as before when it fails.
    ///
    /// # Errors
    /// [`RowError`]; its text is what a dead letter says.
    fn row(
        &self,
        schema: &StreamSchema,
        record: &[u8],
        rows: &mut Vec<f32>,
    ) -> Result<(), RowError>;

    /// Whether a record can have a field of this name; without a schema, as far as the format itself can say.
    fn knows(&self, schema: Option<&StreamSchema>, name: &str) -> bool;

    /// Hands over the fields `names`, each by its place among them: what the record holds, or that it is no single
    /// value. A field that is not there is not handed over; of one that is there twice the last one counts.
    fn fields(
        &self,
        schema: Option<&StreamSchema>,
        names: &[&str],
        record: &[u8],
        found: &mut dyn FnMut(usize, Option<FieldValue<'_>>),
    );
}

/// One value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// Also `true` and `false`.
    Text(Cow<'a, str>),
    Number(f64),
}

/// Why a record is no row.  The text is what a dead letter says.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// Not a JSON object at all.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// A field of the schema is not there.
    #[error("the field `{field}` is missing")]
    Missing {
        /// The field.
        field: String,
    },
    /// A field is there twice.
    #[error("the field `{field}` is there twice")]
    Duplicate {
        /// The field.
        field: String,
    },
    /// A field's value is not a number.
    #[error("the field `{field}` is not a number: {why}")]
    NotANumber {
        /// The field.
        field: String,
        /// What it is.
        why: String,
    },
    /// NaN, infinite, or too large for 32 bits.
    #[error("the field `{field}` is not a finite 32-bit number")]
    NotFinite {
        /// The field.
        field: String,
    },
    /// A binary row of the wrong length.
    #[error("the row has {got} bytes, the schema's {fields} fields take {expected}")]
    WrongLength {
        /// Bytes that are there.
        got: usize,
        /// Bytes that must be there.
        expected: usize,
        /// Fields of the schema.
        fields: usize,
    },
}

impl Format {
    /// Every format that there is.
    pub const ALL: [Self; 2] = [Self::Json, Self::F32le];

    /// What reads it.
    pub fn decoder(self) -> &'static dyn Decoder {
        match self {
            Self::Json => &json::Json,
            Self::F32le => &f32le::F32le,
        }
    }
}

impl FieldValue<'_> {
    /// Whether it is what a person wrote as `wanted`; a number is, however it is written.
    pub fn is(&self, wanted: &str) -> bool {
        match self {
            Self::Text(text) => text == wanted,
            Self::Number(number) => wanted.trim().parse() == Ok(*number),
        }
    }

    /// It as a number, if it is one or reads as one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
        }
        .filter(|number: &f64| !number.is_nan())
    }
}
