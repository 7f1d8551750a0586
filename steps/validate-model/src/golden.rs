//! The golden set: records with what the training side answers to them.
//!
//! It belongs to one model.  Where an exported file answers otherwise than the model that was trained, the
//! export is wrong: another preprocessing, another column order, a threshold lost in 32 bits.

use serde::Deserialize;

/// A golden set; may be empty, which is a finding and not an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Golden {
    /// The identity of the model it belongs to, where it tells one.
    #[serde(default)]
    pub(crate) model: Option<String>,
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) row: Vec<f32>,
    /// `null` for a regressor.
    #[serde(default)]
    pub(crate) label: Option<i64>,
    pub(crate) score: f64,
}

impl Golden {
    pub(crate) fn parse(text: &str) -> Result<Golden, String> {
        let golden: Golden = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let finite = |case: &Case| case.score.is_finite() && case.row.iter().all(|x| x.is_finite());
        match golden.cases.iter().position(|case| !finite(case)) {
            Some(bad) => Err(format!("case {} holds a number that 32 bits cannot", bad + 1)),
            None => Ok(golden),
        }
    }

    /// The rows one after the other; the place and width of the first that is not `width` wide.
    pub(crate) fn rows_of_width(&self, width: usize) -> Result<Vec<f32>, (usize, usize)> {
        match self.cases.iter().position(|case| case.row.len() != width) {
            Some(bad) => Err((bad, self.cases[bad].row.len())),
            None => Ok(self.cases.iter().flat_map(|case| case.row.iter().copied()).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn rows_must_be_as_wide_as_the_stream() {
        let text = r#"{"cases":[{"row":[1,2],"label":0,"score":0.1},{"row":[3],"score":2}]}"#;
        let golden = Golden::parse(text).unwrap();
        assert_eq!(golden.rows_of_width(2), Err((1, 1)));
        assert_eq!(Golden::parse(r#"{"cases":[]}"#).unwrap().rows_of_width(2), Ok(vec![]));
    }

    #[test]
    fn what_is_no_golden_set_is_refused() {
        for text in ["", "[]", r#"{"cases":[{"row":["a"],"score":1}]}"#, r#"{"rows":[]}"#] {
            assert!(Golden::parse(text).is_err(), "{text}");
        }
        assert!(Golden::parse(r#"{"cases":[{"row":[1e39],"score":1}]}"#).is_err());
    }
}
