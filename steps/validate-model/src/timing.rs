//! How many requests it takes to settle a 99th percentile, and the timing of them.
//!
//! There are two looks. Where all of the first few hundred requests were within the budget, that is enough: more than one
//! in a hundred being slower would hardly have left none. Otherwise a thousand are timed, of which some may be slow. The
//! two looks share the risk that `--confidence` leaves.

use std::time::{Duration, Instant};

use model::{AnswerError, Answers, Model};
use serde::{Deserialize, Serialize};

const WARM_UP: usize = 20;
/// Where the first look did not settle it.
const MOST: usize = 1000;
/// A model is not timed for longer.
const LONGEST: Duration = Duration::from_secs(10);
/// Of a model that nothing is decided about: enough to show how long its requests take.
const SHOWN: usize = 100;
/// The part of the risk that the first look may take.
const FIRST: f64 = 0.4;

/// What is timed, and when that is enough.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Timing {
    /// Rows a request.
    pub(crate) batch: usize,
    /// Milliseconds.
    pub(crate) budget: f64,
    /// One-sided: with which the 99th percentile must be within the budget, or beyond it.
    pub(crate) confidence: f64,
    /// Whether something is to be decided; otherwise some requests are timed to be shown.
    pub(crate) decides: bool,
}

impl Timing {
    /// Requests after which it is settled if none of them took longer than the budget: so many that with a 99th
    /// percentile beyond it, this happens with `FIRST` of the risk at most.
    fn first_look(&self) -> usize {
        let requests = (FIRST * (1.0 - self.confidence)).ln() / 0.99_f64.ln();
        (requests.ceil() as usize).min(MOST)
    }

    /// The one-sided confidence of the interval that is looked at, whenever that is.
    pub(crate) fn confidence_of_a_look(&self) -> f64 {
        1.0 - (1.0 - FIRST) * (1.0 - self.confidence)
    }

    fn is_enough(&self, latencies_ms: &[f64]) -> bool {
        let looked_at = latencies_ms.len();
        if !self.decides {
            return looked_at >= SHOWN;
        }
        let is_quick = || latencies_ms.iter().all(|took| *took <= self.budget);
        looked_at >= MOST || looked_at == self.first_look() && is_quick()
    }

    /// Milliseconds of each request, over the rows of the hold-out in their order, again and again.
    ///
    /// # Errors
    /// The model cannot answer.
    pub(crate) fn run(
        &self,
        model: &mut Model,
        rows: &[f32],
        width: usize,
    ) -> Result<Vec<f64>, AnswerError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut endless = rows.iter().copied().cycle();
        let mut answers = Answers::default();
        let mut request = Vec::with_capacity(self.batch * width);
        let mut latencies = Vec::new();
        let begun = Instant::now();
        let mut warming = WARM_UP;
        while !self.is_enough(&latencies) && begun.elapsed() < LONGEST {
            request.clear();
            request.extend(endless.by_ref().take(self.batch * width));
            let start = Instant::now();
            model.answer_into(&request, self.batch, &mut answers)?;
            if warming == 0 {
                latencies.push(start.elapsed().as_secs_f64() * 1e3);
            } else {
                warming -= 1;
            }
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing { batch: 500, budget: 50.0, confidence: 0.95, decides: true };

    #[test]
    fn a_quick_model_is_settled_at_the_first_look_and_no_other() {
        let first = TIMING.first_look();
        assert_eq!(first, 390);
        assert!(include_str!("../README.md").contains(&format!("after {first} requests")));
        // What the first look may let through, and what is left for the second.
        assert!(0.99_f64.powi(first as i32) <= 0.02 && 0.99_f64.powi(first as i32 - 1) > 0.02);
        assert!((TIMING.confidence_of_a_look() - 0.97).abs() < 1e-12);
        for (slow, requests, is_enough) in [
            (0, first - 1, false),
            (0, first, true),
            (0, first + 1, false),
            (1, first, false),
            (1, MOST - 1, false),
            (1, MOST, true),
        ] {
            let times: Vec<f64> =
                (0..requests).map(|index| if index < slow { 50.1 } else { 50.0 }).collect();
            assert_eq!(TIMING.is_enough(&times), is_enough, "{slow} of {requests}");
        }
    }

    #[test]
    fn a_model_that_nothing_is_decided_about_is_timed_for_the_picture() {
        let shown = Timing { decides: false, ..TIMING };
        assert!(!shown.is_enough(&[50.1; SHOWN - 1]) && shown.is_enough(&[50.1; SHOWN]));
    }

    #[test]
    fn more_confidence_than_a_thousand_requests_give_is_never_claimed() {
        assert_eq!(Timing { confidence: 0.999_99, ..TIMING }.first_look(), MOST);
    }
}
