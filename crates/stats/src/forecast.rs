//! Before the canary starts: will it decide in time, and if not, what would?

use serde::{Deserialize, Serialize};

use crate::error::{Error, open_unit};
use crate::sequential::{MOST_PLANNED, PlannedTest, Side, Stage, power};

/// What is known of the stream before the canary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Records a second, of both models together.
    pub records_per_second: f64,
    /// Events (errors, failures, answers too slow) a record, of the champion; in (0, 1).
    pub base_rate: f64,
}

/// A step of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The candidate's share of the records.
    pub share: f64,
    /// How long it stays.
    pub seconds: f64,
}

/// The claim that is to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Harm, or its absence.
    pub side: Side,
    /// The tolerated rate ratio minus one.
    pub margin: f64,
    /// This question's part of the false-alarm rate.
    pub alpha: f64,
    /// The candidate's real rate over the champion's for which the decision is foretold: for harm,
    /// the smallest one that must not slip through; for safety usually 1.
    pub ratio: f64,
    /// The chance of a decision that is asked for, usually 0.8.
    pub power: f64,
}

/// What the plan can be expected to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The chance of a decision before the end of the plan.
    pub decided: f64,
    /// When half of such canaries have decided, in seconds from the start.
    pub median_seconds: Option<f64>,
    /// Records answered until then, by both models.
    pub median_records: Option<f64>,
    /// When the asked part has decided. None: not within the plan.
    pub seconds_for_power: Option<f64>,
}

/// What would make a plan enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remedy {
    /// How many times longer every step (or how many times more traffic) would give the asked power;
    /// 1 or less if the plan is long enough, None if more than [`MOST_PLANNED`] events are needed.
    pub stretch: Option<f64>,
    /// The smallest rate ratio (for safety: the smallest margin) that the plan as it is decides
    /// with the asked power.
    pub decidable: Option<f64>,
}

impl Forecast {
    /// Whether the plan decides with the asked power before its end.
    pub fn is_enough(&self) -> bool {
        self.seconds_for_power.is_some()
    }
}

/// The events that the plan will see when the candidate's rate is `ratio` times the champion's, and
/// for which a [`PlannedTest`] is made (with ratio 1).
///
/// # Errors
/// [`Error::OutOfRange`] for traffic, shares or times that make no sense.
pub fn stages(traffic: Traffic, steps: &[Step], ratio: f64) -> Result<Vec<Stage>, Error> {
    open_unit("base rate", traffic.base_rate)?;
    positive("records per second", traffic.records_per_second)?;
    let stage = |step: &Step| {
        positive("seconds", step.seconds)?;
        if !(0.0..=1.0).contains(&step.share) {
            return Err(Error::OutOfRange { what: "share", value: step.share, must: "in [0, 1]" });
        }
        let rate = events_per_second(traffic, step.share, ratio);
        Ok(Stage { share: step.share, events: (rate * step.seconds).round() as u64 })
    };
    steps.iter().map(stage).collect()
}

/// When the question will be decided, from the traffic and the plan. Exact for a constant traffic
/// with independent events; dispersed ones ([`crate::cluster`]) need as many times more.
///
/// # Errors
/// [`Error::OutOfRange`] for numbers that make no sense.
pub fn forecast(traffic: Traffic, steps: &[Step], question: Question) -> Result<Forecast, Error> {
    open_unit("power", question.power)?;
    positive("ratio", question.ratio)?;
    let path = path(traffic, steps, question, 1.0)?;
    let at = |chance: f64| {
        let event = path.partition_point(|&decided| decided < chance);
        (event < path.len()).then(|| time_of(traffic, steps, question.ratio, event as f64 + 1.0))
    };
    let median_seconds = at(0.5);
    Ok(Forecast {
        decided: path.last().copied().unwrap_or(0.0),
        median_seconds,
        median_records: median_seconds.map(|seconds| seconds * traffic.records_per_second),
        seconds_for_power: at(question.power),
    })
}

/// What would make the plan enough; some twenty times the work of a [`forecast`], and only of use where that says no.
///
/// # Errors
/// As [`forecast`].
pub fn remedy(traffic: Traffic, steps: &[Step], question: Question) -> Result<Remedy, Error> {
    open_unit("power", question.power)?;
    positive("ratio", question.ratio)?;
    Ok(Remedy {
        stretch: stretch(traffic, steps, question)?,
        decidable: decidable(traffic, steps, question)?,
    })
}

fn path(
    traffic: Traffic,
    steps: &[Step],
    question: Question,
    stretch: f64,
) -> Result<Vec<f64>, Error> {
    let traffic = Traffic { records_per_second: traffic.records_per_second * stretch, ..traffic };
    let planned = stages(traffic, steps, 1.0)?;
    let test = PlannedTest::new(question.side, question.margin, &planned, question.alpha)?;
    power(&test, &stages(traffic, steps, question.ratio)?, question.ratio)
}

/// Bisection on the length, between a hundredth of the plan and the most that can be planned.
fn stretch(traffic: Traffic, steps: &[Step], question: Question) -> Result<Option<f64>, Error> {
    let events: u64 = stages(traffic, steps, 1.0)?.iter().map(|stage| stage.events).sum();
    let decides = |stretch: f64| -> Result<bool, Error> {
        let path = path(traffic, steps, question, stretch)?;
        Ok(path.last().is_some_and(|&decided| decided >= question.power))
    };
    let mut high = 1.0;
    while !decides(high)? {
        high *= 2.0;
        if high * events.max(1) as f64 > MOST_PLANNED as f64 {
            return Ok(None);
        }
    }
    let mut low = if high > 1.0 { high / 2.0 } else { 0.01 };
    while high / low > 1.05 {
        let middle = (low * high).sqrt();
        if decides(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

/// The smallest effect that the plan sees: bisection on the ratio, or for safety on the margin.
fn decidable(traffic: Traffic, steps: &[Step], question: Question) -> Result<Option<f64>, Error> {
    let decides = |effect: f64| -> Result<bool, Error> {
        let question = match question.side {
            Side::Harm => Question { ratio: effect, ..question },
            Side::Safe => Question { margin: effect, ..question },
        };
        let path = path(traffic, steps, question, 1.0)?;
        Ok(path.last().is_some_and(|&decided| decided >= question.power))
    };
    let nothing = match question.side {
        Side::Harm => 1.0 + question.margin,
        Side::Safe => (question.ratio - 1.0).max(0.0),
    };
    let (mut low, mut high) = (nothing, nothing + 0.1);
    while !decides(high)? {
        low = high;
        high = nothing + 2.0 * (high - nothing);
        if high > 100.0 {
            return Ok(None);
        }
    }
    while high - low > 0.02 * high {
        let middle = 0.5 * (low + high);
        if decides(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

/// Seconds until this many events have come.
fn time_of(traffic: Traffic, steps: &[Step], ratio: f64, mut events: f64) -> f64 {
    let mut seconds = 0.0;
    for step in steps {
        let rate = events_per_second(traffic, step.share, ratio);
        // Events at a share of 0 or 1 decide nothing and are not counted.
        if step.share == 0.0 || step.share == 1.0 {
            seconds += step.seconds;
            continue;
        }
        if rate * step.seconds >= events {
            return seconds + events / rate;
        }
        events -= rate * step.seconds;
        seconds += step.seconds;
    }
    seconds
}

fn events_per_second(traffic: Traffic, share: f64, ratio: f64) -> f64 {
    traffic.records_per_second * traffic.base_rate * (1.0 + share * (ratio - 1.0))
}

fn positive(what: &'static str, value: f64) -> Result<f64, Error> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(Error::OutOfRange { what, value, must: "above 0 and finite" })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::assert_close;

    const STEPS: [Step; 2] =
        [Step { share: 0.1, seconds: 600.0 }, Step { share: 0.5, seconds: 600.0 }];
    const HARM: Question =
        Question { side: Side::Harm, margin: 0.0, alpha: 0.05, ratio: 2.0, power: 0.8 };

    fn of(records_per_second: f64, question: Question) -> Forecast {
        forecast(Traffic { records_per_second, base_rate: 0.02 }, &STEPS, question).unwrap()
    }

    fn would_do(records_per_second: f64, question: Question) -> Remedy {
        remedy(Traffic { records_per_second, base_rate: 0.02 }, &STEPS, question).unwrap()
    }

    #[test]
    fn the_plan_becomes_events() {
        let traffic = Traffic { records_per_second: 10.0, base_rate: 0.02 };
        let events = |ratio| -> Vec<u64> {
            stages(traffic, &STEPS, ratio).unwrap().iter().map(|stage| stage.events).collect()
        };
        assert_eq!(events(1.0), [120, 120]);
        assert_eq!(events(2.0), [132, 180]);
    }

    #[test]
    fn more_traffic_decides_sooner() {
        let (slow, fast) = (of(4.0, HARM), of(40.0, HARM));
        assert!(fast.is_enough() && fast.decided > 0.99);
        assert!(slow.median_seconds.unwrap() > 2.0 * fast.median_seconds.unwrap());
        assert_close(fast.median_records.unwrap(), 40.0 * fast.median_seconds.unwrap(), 1e-9);
        assert!(would_do(40.0, HARM).stretch.unwrap() < 0.5);
    }

    #[test]
    fn a_plan_that_is_too_short_is_told_what_would_do() {
        let short = of(0.6, HARM);
        assert!(!short.is_enough() && short.decided < 0.6, "{short:?}");
        let Remedy { stretch, decidable } = would_do(0.6, HARM);
        let stretch = stretch.unwrap();
        assert!(stretch > 1.5, "{stretch}");
        assert!(of(0.6 * stretch, HARM).decided >= 0.79);
        let ratio = decidable.unwrap();
        assert!(of(0.6, Question { ratio, ..HARM }).decided >= 0.8);
    }

    #[test]
    fn safety_needs_a_margin() {
        let safe = Question { side: Side::Safe, margin: 0.5, ratio: 1.0, ..HARM };
        let forecast = of(20.0, safe);
        assert!(forecast.is_enough(), "{forecast:?}");
        let margin = would_do(20.0, safe).decidable.unwrap();
        assert!(margin < 0.5 && margin > 0.1, "{margin}");
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        let traffic = Traffic { records_per_second: 1.0, base_rate: 0.0 };
        assert!(forecast(traffic, &STEPS, HARM).is_err());
        let traffic = Traffic { records_per_second: 1.0, base_rate: 0.1 };
        let backwards = [Step { share: 0.1, seconds: -1.0 }];
        assert!(forecast(traffic, &backwards, HARM).is_err());
        assert!(forecast(traffic, &STEPS, Question { power: 1.0, ..HARM }).is_err());
    }
}
