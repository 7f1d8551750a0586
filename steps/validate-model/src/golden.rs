//! The golden set: records with what the training side answers to them.
//!
//! It belongs to one model.  Where an exported file answers otherwise than the model that was trained, the
//! export is wrong: another preprocessing, another column order, a threshold lost in 32 bits.

use serde::Deserialize;

use crate::checks::{Check, Limits};
use crate::probe::Answered;

/// A golden set; may be empty, which is a finding and not an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Golden {
    /// The identity of the model it belongs to, where it names one.
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
        let golden: Golden = words::read_json(text)?;
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

/// The name of the check.
pub(crate) const NAME: &str = "golden set";

/// Does the file answer as the model that was trained did?
pub(crate) fn check(
    golden: &Golden,
    answered: &Answered,
    width: usize,
    identity: &str,
    limits: &Limits,
) -> Check {
    let limit = format!(
        "scores within {}, at most {} labels differ",
        limits.golden_tolerance, limits.golden_flips
    );
    let cases = golden.cases.len();
    let check = |value: String| Check::new(NAME, value, limit.clone());
    if cases == 0 {
        return check("no records".to_owned()).fail("the golden set is empty: it proves nothing");
    }
    if let Some(other) = golden.model.as_deref().filter(|owner| *owner != identity) {
        let why = format!("the golden set belongs to another model, {other}");
        return check("another model's".to_owned()).fail(why);
    }
    if let Err((place, found)) = golden.rows_of_width(width) {
        let why = format!(
            "record {} of the golden set has {found} numbers, the stream has {width} fields",
            place + 1
        );
        return check(format!("{found} numbers a record")).fail(why);
    }
    if answered.score.len() != cases {
        return check(format!("{} answers", answered.score.len()))
            .fail("the golden set was not answered record by record");
    }
    let far = distance(golden, answered);
    let flips = flips(golden, answered);
    let check = check(format!("{cases} records: furthest score {far:.2e}, {flips} labels differ"));
    if far > limits.golden_tolerance {
        let tolerance = limits.golden_tolerance;
        check.fail(format!(
            "a score of the golden set is {far:.2e} away from what the training side answers, \
             more than {tolerance}"
        ))
    } else if flips > limits.golden_flips {
        check.fail(format!(
            "{flips} of {cases} labels of the golden set differ from what the training side answers"
        ))
    } else {
        check
    }
}

/// The largest distance of a score from the golden one.
pub(crate) fn distance(golden: &Golden, answered: &Answered) -> f64 {
    let distances = golden.cases.iter().zip(&answered.score);
    distances.map(|(case, got)| (case.score - f64::from(*got)).abs()).fold(0.0, f64::max)
}

fn flips(golden: &Golden, answered: &Answered) -> usize {
    let got = |place: usize| answered.labels.as_ref().map(|labels| labels[place]);
    golden.cases.iter().enumerate().filter(|(place, case)| case.label != got(*place)).count()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::checks::Finding::{Fail, Pass};
    use crate::testing::{LIMITS, answered};

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

    #[test]
    fn the_golden_set_must_be_there_be_the_models_and_be_answered() {
        let golden_of = |text: &str| Golden::parse(text).unwrap();
        let good = golden_of(r#"{"model":"sha256:1","cases":[{"row":[1],"label":1,"score":1.0}]}"#);
        let check = |golden: &Golden, answered: &Answered, width| {
            super::check(golden, answered, width, "sha256:1", &LIMITS)
        };
        let right = answered(vec![1]);
        let near = Answered { labels: Some(vec![1]), score: vec![0.99995] };
        let far = Answered { labels: Some(vec![1]), score: vec![0.9] };
        let flipped = Answered { labels: Some(vec![0]), score: vec![1.0] };
        for (golden, answers, width, outcome, why) in [
            (&good, &right, 1, Pass, ""),
            (&good, &near, 1, Pass, ""),
            (&good, &far, 1, Fail, "a score of the golden set is 1.00e-1 away"),
            (&good, &flipped, 1, Fail, "1 of 1 labels of the golden set differ"),
            (&good, &right, 2, Fail, "record 1 of the golden set has 1 numbers"),
            (&good, &Answered::default(), 1, Fail, "the golden set was not answered"),
            (&golden_of(r#"{"cases":[]}"#), &right, 1, Fail, "the golden set is empty"),
            (
                &golden_of(r#"{"model":"sha256:2","cases":[{"row":[1],"score":1.0}]}"#),
                &right,
                1,
                Fail,
                "the golden set belongs to another model, sha256:2",
            ),
        ] {
            let stated = check(golden, answers, width);
            assert_eq!(stated.outcome, outcome, "{stated:?}");
            assert!(stated.why.starts_with(why), "{stated:?}");
        }
    }
}
