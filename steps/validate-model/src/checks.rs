//! The single checks: each a pure function from what was measured to one finding.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::difference::error_rate_difference;
use stats::latency::quantile_interval;
use stats::paired::Discordant;
use stats::proportion::wilson;
use words::text::count;

use crate::enough;
use crate::probe::{Answered, Memory};
use crate::timing::Timing;

/// What the findings are held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) golden_tolerance: f64,
    pub(crate) golden_flips: usize,
    pub(crate) min_accuracy: f64,
    pub(crate) margin: f64,
    /// One-sided: with which a limit must be kept, or be broken.
    pub(crate) confidence: f64,
    pub(crate) latency_ms: f64,
    pub(crate) batch: usize,
    /// Bytes.
    pub(crate) memory: u64,
    pub(crate) champion_needed: bool,
}

impl Limits {
    /// How latency is measured, to be held against these.
    pub(crate) fn timing(&self) -> Timing {
        Timing {
            batch: self.batch,
            budget: self.latency_ms,
            confidence: self.confidence,
            decides: true,
        }
    }
}

/// One finding: a value beside its limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub name: String,
    pub value: String,
    pub limit: String,
    pub outcome: Finding,
    /// Why it did not pass, as a sentence without its end; empty where it passed.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    Pass,
    Fail,
    /// Not enough evidence either way.
    Inconclusive,
    /// An earlier check left nothing to look at.
    NotRun,
}

impl Check {
    pub(crate) fn new(name: &str, value: impl Into<String>, limit: impl Into<String>) -> Check {
        let (name, value, limit) = (name.to_owned(), value.into(), limit.into());
        Check { name, value, limit, outcome: Finding::Pass, why: String::new() }
    }

    pub(crate) fn fail(self, why: impl Into<String>) -> Check {
        Check { outcome: Finding::Fail, why: why.into(), ..self }
    }

    pub(crate) fn inconclusive(self, why: impl Into<String>) -> Check {
        Check { outcome: Finding::Inconclusive, why: why.into(), ..self }
    }

    pub(crate) fn not_run(name: &str) -> Check {
        Check { outcome: Finding::NotRun, ..Check::new(name, "not reached", "") }
    }
}

/// Is the share of right labels on the hold-out high enough?  With Wilson's interval.
pub(crate) fn accuracy(
    labels: &[i64],
    answered: &Answered,
    limits: &Limits,
) -> anyhow::Result<Check> {
    let limit = format!("at least {} right", percent(limits.min_accuracy));
    let check = |value: String| Check::new(ACCURACY, value, limit.clone());
    let Some(wrong) = wrong(labels, answered) else {
        return Ok(if labels.is_empty() {
            check("no records".to_owned()).inconclusive("the hold-out has no records")
        } else {
            check("no labels".to_owned())
                .fail("the model gives no labels that could be held against the hold-out's")
        });
    };
    let n = labels.len() as u64;
    let right = n - wrong.iter().filter(|wrong| **wrong).count() as u64;
    let interval = wilson(right, n, two_sided(limits.confidence))?;
    let value = format!(
        "{} right of {n} ({} to {})",
        percent(interval.estimate),
        percent(interval.lower),
        percent(interval.upper)
    );
    let share = percent(interval.estimate);
    let floor = percent(limits.min_accuracy);
    Ok(if interval.lower >= limits.min_accuracy {
        check(value)
    } else if interval.upper < limits.min_accuracy {
        check(value)
            .fail(format!("only {share} of the hold-out's labels are right, less than {floor}"))
    } else {
        let enough = enough::said(n, |records| {
            let right = enough::scaled(right, n, records);
            let interval = wilson(right, records, two_sided(limits.confidence))?;
            Ok(interval.lower >= limits.min_accuracy || interval.upper < limits.min_accuracy)
        })?;
        let records = count(n, "record", "records");
        check(value).inconclusive(format!(
            "{share} right on {records} do not settle whether it is at least {floor}{enough}"
        ))
    })
}

/// Is it not worse than the champion by more than the margin?  With Tango's interval for paired shares.
pub(crate) fn baseline(
    labels: &[i64],
    candidate: &Answered,
    champion: &Answered,
    limits: &Limits,
) -> anyhow::Result<Check> {
    let limit = format!("at most {} points more wrong", limits.margin * 100.0);
    let check = |value: String| Check::new(BASELINE, value, limit.clone());
    let (Some(candidate), Some(champion)) = (wrong(labels, candidate), wrong(labels, champion))
    else {
        return Ok(check("not comparable".to_owned())
            .inconclusive("candidate and champion did not both give labels for the hold-out"));
    };
    let pairs = discordant(&candidate, &champion);
    let interval = error_rate_difference(pairs, labels.len() as u64, two_sided(limits.confidence))?;
    let value = format!(
        "{:+.3} points ({:+.3} to {:+.3}); only the candidate wrong {}, only the champion {}",
        interval.estimate * 100.0,
        interval.lower * 100.0,
        interval.upper * 100.0,
        pairs.candidate_only,
        pairs.champion_only
    );
    let margin = percent(limits.margin);
    let worse = format!("{:.3}", interval.estimate * 100.0);
    Ok(if interval.upper <= limits.margin {
        check(value)
    } else if interval.lower > limits.margin {
        check(value).fail(format!(
            "it is wrong {worse} points more often than the champion, more than {margin} allow"
        ))
    } else {
        let n = labels.len() as u64;
        let enough = enough::said(n, |records| {
            let pairs = Discordant {
                candidate_only: enough::scaled(pairs.candidate_only, n, records),
                champion_only: enough::scaled(pairs.champion_only, n, records),
            };
            let interval = error_rate_difference(pairs, records, two_sided(limits.confidence))?;
            Ok(interval.upper <= limits.margin || interval.lower > limits.margin)
        })?;
        let records = count(n, "record", "records");
        check(value).inconclusive(format!(
            "{records} do not settle whether it is more than {margin} worse than the champion{enough}"
        ))
    })
}

/// The records that exactly one of them got wrong.
pub(crate) fn discordant(candidate: &[bool], champion: &[bool]) -> Discordant {
    let only = |one: &[bool], other: &[bool]| {
        one.iter().zip(other).filter(|(one, other)| **one && !**other).count() as u64
    };
    Discordant {
        candidate_only: only(candidate, champion),
        champion_only: only(champion, candidate),
    }
}

/// Which labels are wrong; `None` without one label a record.
pub(crate) fn wrong(labels: &[i64], answered: &Answered) -> Option<Vec<bool>> {
    let got =
        answered.labels.as_ref().filter(|got| got.len() == labels.len() && !got.is_empty())?;
    Some(labels.iter().zip(got).map(|(label, got)| label != got).collect())
}

/// Do 99 of 100 requests stay within the budget?  With an interval that holds for every distribution.
pub(crate) fn latency(latencies_ms: &[f64], limits: &Limits) -> anyhow::Result<Check> {
    let timing = limits.timing();
    let limit = format!("p99 at most {} ms for {} rows", timing.budget, timing.batch);
    let check = |value: String| Check::new(LATENCY, value, limit.clone());
    if latencies_ms.is_empty() {
        return Ok(check("nothing timed".to_owned()).inconclusive("no request could be timed"));
    }
    let p99 = quantile_interval(latencies_ms, 0.99, two_sided(timing.confidence_of_a_look()))?;
    let requests = latencies_ms.len();
    let value = format!(
        "p99 {:.3} ms ({:.3} to {:.3}) over {requests} requests",
        p99.estimate, p99.lower, p99.upper
    );
    Ok(if p99.upper <= timing.budget {
        check(value)
    } else if p99.lower > timing.budget {
        check(value).fail(format!(
            "the slowest of 100 requests of {} rows takes {:.1} ms, more than {} ms",
            timing.batch, p99.estimate, timing.budget
        ))
    } else {
        check(value).inconclusive(format!(
            "{requests} requests do not settle whether p99 is within {} ms",
            timing.budget
        ))
    })
}

/// Does a process that does nothing else stay within the budget?
pub(crate) fn memory(memory: Option<Memory>, limits: &Limits) -> Check {
    const MIB: f64 = 1024.0 * 1024.0;
    let limit = format!("at most {:.0} MiB", limits.memory as f64 / MIB);
    let Some(Memory { before, peak }) = memory else {
        return Check::new(MEMORY, "unknown", limit)
            .inconclusive("the system does not report the peak memory of a process");
    };
    let (before, used) = (before as f64 / MIB, peak as f64 / MIB);
    let check = Check::new(MEMORY, format!("{used:.0} MiB, {before:.0} before the model"), limit);
    if peak <= limits.memory {
        check
    } else {
        check.fail(format!(
            "loading and asking it takes {used:.0} MiB, more than {:.0} MiB",
            limits.memory as f64 / MIB
        ))
    }
}

pub(crate) const ACCURACY: &str = "accuracy";
pub(crate) const BASELINE: &str = "against the champion";
pub(crate) const LATENCY: &str = "latency";
pub(crate) const MEMORY: &str = "memory";

/// Each end of a two-sided interval at this level holds with the one-sided confidence.
pub(crate) fn two_sided(confidence: f64) -> f64 {
    2.0 * confidence - 1.0
}

pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{LIMITS, answered};
    use Finding::{Fail, Inconclusive, Pass};

    /// `n` records labelled 0 of which the answers get `wrong` wrong, from the place `from` on.
    fn with_wrong(n: usize, from: usize, wrong: usize) -> Answered {
        answered((0..n).map(|i| i64::from((from..from + wrong).contains(&i))).collect())
    }

    #[test]
    fn accuracy_is_decided_by_an_interval_and_not_by_a_number() {
        for (n, wrong, outcome) in [
            (1000, 0, Pass),
            (1000, 20, Pass),
            (1000, 45, Inconclusive),
            (1000, 55, Inconclusive),
            (1000, 100, Fail),
            (20, 0, Inconclusive),
            (0, 0, Inconclusive),
        ] {
            let found = accuracy(&vec![0; n], &with_wrong(n, 0, wrong), &LIMITS).unwrap();
            assert_eq!(found.outcome, outcome, "{found:?}");
        }
        let no_labels = Answered { labels: None, score: vec![0.0; 10] };
        assert_eq!(accuracy(&[0; 10], &no_labels, &LIMITS).unwrap().outcome, Fail);
    }

    #[test]
    fn the_champion_is_beaten_or_equalled_only_with_enough_records() {
        for (n, candidate, champion, outcome) in [
            (5000, 0, 0, Pass),
            (5000, 10, 100, Pass),
            (5000, 15, 10, Pass),
            (5000, 20, 0, Inconclusive),
            (5000, 60, 0, Fail),
            (100, 0, 0, Inconclusive),
        ] {
            let found = baseline(
                &vec![0; n],
                &with_wrong(n, 0, candidate),
                &with_wrong(n, n / 2, champion),
                &LIMITS,
            );
            let found = found.unwrap();
            assert_eq!(found.outcome, outcome, "{n} {candidate} {champion}: {found:?}");
        }
    }

    #[test]
    fn a_small_holdout_says_how_many_records_would_settle_it() {
        let labels = |n: usize| vec![0; n];
        let found = accuracy(&labels(20), &with_wrong(20, 0, 0), &LIMITS).unwrap();
        assert!(
            found.why.ends_with("; about 52 records would, if the shares stay as they are"),
            "{found:?}"
        );
        // As many do.
        assert_eq!(accuracy(&labels(52), &with_wrong(52, 0, 0), &LIMITS).unwrap().outcome, Pass);
        let right = with_wrong(100, 0, 0);
        let found = baseline(&labels(100), &right, &right, &LIMITS).unwrap();
        assert!(found.why.contains("; about 540 records would"), "{found:?}");
        let right = with_wrong(540, 0, 0);
        assert_eq!(baseline(&labels(540), &right, &right, &LIMITS).unwrap().outcome, Pass);
        let found = accuracy(&labels(20_000), &with_wrong(20_000, 0, 1_000), &LIMITS).unwrap();
        assert!(found.why.ends_with("that no hold-out would settle it"), "{found:?}");
    }

    #[test]
    fn latency_needs_enough_requests() {
        let times = |n: usize, slow: usize| -> Vec<f64> {
            (0..n).map(|i| if i < slow { 80.0 } else { 1.0 }).collect()
        };
        for (latencies, outcome) in [
            (times(1000, 0), Pass),
            (times(1000, 3), Pass),
            (times(1000, 10), Inconclusive),
            (times(1000, 50), Fail),
            (times(50, 0), Inconclusive),
            (vec![], Inconclusive),
        ] {
            let found = latency(&latencies, &LIMITS).unwrap();
            assert_eq!(found.outcome, outcome, "{found:?}");
        }
    }

    #[test]
    fn memory_that_is_not_known_does_not_pass() {
        let of = |peak| Some(Memory { before: 1, peak });
        assert_eq!(memory(of(512 << 20), &LIMITS).outcome, Pass);
        assert_eq!(memory(of((512 << 20) + 1), &LIMITS).outcome, Fail);
        assert_eq!(memory(None, &LIMITS).outcome, Inconclusive);
    }
}
