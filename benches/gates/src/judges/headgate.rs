//! Headgate's gate: [`stats::counted::CountedMetric`] with a plan from the history.
//!
//! Harm is any excess of failures, safety less than 1.25 times as many. The promise is 5 % false
//! rollbacks; the gate is run at 4.5 %, since it uses up what it is given and the figure of a
//! simulation has an error of half a point. It is asked after every failure, not every minute.

use std::cell::RefCell;
use std::collections::HashMap;

use stats::cluster::Aggregation;
use stats::counted::{CountedMetric, CountedPlan, Decision};
use stats::sequential::Stage;

use crate::judge::{Judge, Look, Verdict};
use crate::scenario::MINUTES;
use crate::stream::{History, Minute};

const HARM_ALPHA: f64 = 0.045;
const SAFE_ALPHA: f64 = 0.05;
/// The steps that the boundary is calibrated to, chosen on these scenarios: with all three, less of
/// the false-alarm rate is spent early, where harm is found. What is left open by the end of the
/// second is decided with the reserve.
const PLANNED_STEPS: usize = 2;
const SAFE_MARGIN: f64 = 0.25;

thread_local! {
    /// Calibrating a boundary takes some milliseconds, and the simulated plans are alike.
    static FRESH: RefCell<HashMap<Vec<u64>, CountedMetric>> = RefCell::new(HashMap::new());
}

pub(crate) fn start(history: &History) -> Box<dyn Judge> {
    Box::new(Headgate { metric: fresh(history), is_decided: false })
}

struct Headgate {
    metric: CountedMetric,
    is_decided: bool,
}

/// The metric for a plan; planned events are rounded so that few boundaries have to be calibrated
/// here. The promise does not depend on how good the plan is.
pub(crate) fn fresh(history: &History) -> CountedMetric {
    let round = |events: u64| {
        let grid = 1.15f64;
        grid.powf(((events + 1) as f64).log(grid).round()).round() as u64
    };
    let stages: Vec<Stage> = history
        .stages
        .iter()
        .take(PLANNED_STEPS)
        .map(|stage| Stage { share: stage.share, events: round(stage.events) })
        .collect();
    let mut key: Vec<u64> = stages.iter().map(|stage| stage.events).collect();
    key.push(u64::from(history.aggregation == Aggregation::ByKey));
    key.push(history.extra_variance.to_bits());
    FRESH.with_borrow_mut(|known| {
        let metric = known.entry(key).or_insert_with(|| {
            let plan = CountedPlan {
                harm_alpha: HARM_ALPHA,
                safe_alpha: SAFE_ALPHA,
                harm_margin: 0.0,
                safe_margin: SAFE_MARGIN,
                safe_stages: stages.clone(),
                stages,
                aggregation: history.aggregation,
                extra_variance: history.extra_variance,
            };
            CountedMetric::new(&plan).expect("the shares and rates of this bench make sense")
        });
        metric.clone()
    })
}

impl Judge for Headgate {
    fn look(&mut self, minutes: &[Minute]) -> Look {
        let open = Look::at_minute(Verdict::Open, f64::NEG_INFINITY);
        let Some(minute) = minutes.last().filter(|_| !self.is_decided) else { return open };
        for (i, failure) in minute.failures.iter().enumerate() {
            self.metric
                .observe(failure.candidate, failure.share, failure.key)
                .expect("the shares of this bench make sense");
            if let Some(decision) = self.metric.decision() {
                self.is_decided = true;
                let verdict = match decision {
                    Decision::Harmful => Verdict::Rollback,
                    Decision::Safe => Verdict::Promote,
                };
                let part = (i as f64 + 0.5) / minute.failures.len() as f64;
                return Look { verdict, score: f64::NEG_INFINITY, part };
            }
        }
        debug_assert!(minutes.len() <= MINUTES);
        self.metric.end_batch(minute.share);
        open
    }
}
