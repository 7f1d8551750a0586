//! Floating-point numbers as texts, so that a saved test goes on bit for bit: the shortest decimal
//! that reads back as the same number, which not every JSON parser does with a number.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// For `#[serde(with = "stats::exact")]`.
///
/// # Errors
/// The serializer refuses.
pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{value:?}"))
}

/// See [`serialize`].
///
/// # Errors
/// It is no text, or no number.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}
