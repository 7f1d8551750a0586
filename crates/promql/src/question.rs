//! What is asked.

use std::time::Duration;

use crate::Error;

/// Prometheus answers no more points than this for a series.
const MAX_POINTS: u128 = 11_000;

/// A query, and over which time.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// PromQL that gives one number: a scalar, or one series.
    pub query: String,
    /// `None`: its value now. Else its values over the last while, made one.
    pub range: Option<Range>,
}

/// A stretch of time up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub last: Duration,
    /// Between two values; milliseconds count.
    pub step: Duration,
    pub aggregate: Aggregate,
}

/// How the values of a range become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Max,
    Min,
    Mean,
    Last,
}

impl Question {
    /// Whether it can be asked at all.
    ///
    /// # Errors
    /// [`Error::Setting`]: it is empty, or its range has no points or more than a server gives.
    pub fn check(&self) -> Result<(), Error> {
        if self.query.trim().is_empty() {
            return Err(Error::setting("the query", "it is empty", "write PromQL"));
        }
        let Some(Range { last, step, .. }) = self.range else { return Ok(()) };
        if step.as_millis() == 0 || last < step {
            let why = format!("a range of {last:?} has no two values {step:?} apart");
            return Err(Error::setting("the range", why, "choose a step of at most the range"));
        }
        if last.as_millis() / step.as_millis() >= MAX_POINTS {
            let why = format!("{last:?} in steps of {step:?} are more than {MAX_POINTS} values");
            return Err(Error::setting("the range", why, "choose a longer step"));
        }
        Ok(())
    }
}

impl Aggregate {
    /// One number of `values`, which are in the order of time; `None` of none.
    pub fn of(self, values: &[f64]) -> Option<f64> {
        match self {
            Self::Max => values.iter().copied().reduce(f64::max),
            Self::Min => values.iter().copied().reduce(f64::min),
            Self::Mean if values.is_empty() => None,
            Self::Mean => Some(values.iter().sum::<f64>() / values.len() as f64),
            Self::Last => values.last().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_one() {
        let values = [2.0, -1.0, 5.0, 0.0];
        let all = [Aggregate::Max, Aggregate::Min, Aggregate::Mean, Aggregate::Last];
        assert_eq!(all.map(|it| it.of(&values)), [Some(5.0), Some(-1.0), Some(1.5), Some(0.0)]);
        assert_eq!(all.map(|it| it.of(&[])), [None; 4]);
    }

    #[test]
    fn a_question_that_no_server_answers_is_refused() {
        let seconds = Duration::from_secs;
        for (query, range, why) in [
            (" ", None, "empty"),
            ("up", Some((10, 0)), "no two values"),
            ("up", Some((10, 11)), "no two values"),
            ("up", Some((11_000, 1)), "more than 11000"),
        ] {
            let range = range.map(|(last, step)| Range {
                last: seconds(last),
                step: seconds(step),
                aggregate: Aggregate::Max,
            });
            let refused =
                Question { query: query.into(), range }.check().map_err(|e| e.to_string());
            assert!(refused.as_ref().is_err_and(|error| error.contains(why)), "{refused:?}");
        }
    }
}
