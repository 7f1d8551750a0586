//! Before the canary: how many events to plan for, and whether the plan can be expected to decide in time. Pure.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::cluster::Aggregation;
use stats::counted::CountedPlan;
use stats::forecast::{self, Question, Step, Traffic};
use stats::sequential::{Side, Stage};

use crate::policy::outcome::span;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;
use crate::{Accept, Advance, Strategy};

/// What can be expected of the plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Forecast {
    /// Labelled answers a second.
    pub(crate) records_per_second: f64,
    /// Of these wrong.
    pub(crate) base_rate: f64,
    /// The claim that has to be decided.
    pub(crate) claim: String,
    /// The chance that it is decided before the deadline.
    pub(crate) decided: f64,
    /// Seconds until half of such canaries have decided.
    pub(crate) median_seconds: Option<f64>,
    pub(crate) is_enough: bool,
    /// In words, for people.
    pub(crate) words: String,
    /// What would do, where it is not enough; else empty.
    pub(crate) hint: String,
}

/// The chance of a decision that a plan must have.
const POWER: f64 = 0.8;

/// More events than this decide whatever is asked here; a forecast of more takes seconds.
const MAX_EVENTS: f64 = 3_000.0;

/// Events that the boundaries of metric `place` are calibrated to: for harm those of all shares but the last, so that
/// the false-alarm rate is spent early, where harm is found; for safety all until the deadline.
///
/// None where the shares follow the evidence, or where nothing is known of the stream: then the boundary is the one that
/// needs no plan.
fn stages(plan: &Plan, profile: &StreamProfile, place: usize) -> (Vec<Stage>, Vec<Stage>) {
    let none = (Vec::new(), Vec::new());
    let (Some(rate), Some(track)) = (profile.rate(), profile.tracks.get(place)) else {
        return none;
    };
    if plan.advance == Advance::Adaptive || !(track.base_rate > 0.0 && track.base_rate < 1.0) {
        return none;
    }
    let traffic = Traffic { records_per_second: rate, base_rate: track.base_rate };
    let steps = steps(plan, rate);
    let early = &steps[..steps.len().saturating_sub(1).max(1)];
    match (forecast::stages(traffic, early, 1.0), forecast::stages(traffic, &steps, 1.0)) {
        (Ok(early), Ok(all)) => (early, all),
        _ => none,
    }
}

/// What the count of metric `place` is held to, where its harm may be claimed wrongly at the rate `harm_alpha`.
pub(crate) fn counted(
    plan: &Plan,
    profile: &StreamProfile,
    place: usize,
    harm_alpha: f64,
) -> CountedPlan {
    let (margin, track) =
        (plan.metrics[place].margin.unwrap_or(plan.margin), &profile.tracks[place]);
    let (stages, safe_stages) = stages(plan, profile, place);
    CountedPlan {
        harm_alpha,
        safe_alpha: plan.alpha,
        harm_margin: margin,
        safe_margin: margin,
        stages,
        safe_stages,
        // Each side of a pair has keys of its own, which `bursts` and the baseline count.
        aggregation: match plan.strategy {
            Strategy::BlueGreen => Aggregation::ByRecord,
            Strategy::Canary | Strategy::AA => track.aggregation,
        },
        extra_variance: track.extra_variance,
    }
}

/// Whether the plan decides in time; `None` where too little is known of the stream to say.
pub(crate) fn forecast(plan: &Plan, profile: &StreamProfile) -> Option<Forecast> {
    let rate = profile.rate()?;
    let place = plan
        .metrics
        .iter()
        .position(|metric| metric.of == crate::policy::metrics::spec::Of::LabelErrors)?;
    let track = &profile.tracks[place];
    let margin = plan.metrics[place].margin.unwrap_or(plan.margin);
    // By key, a key's later failures say nothing, so this is the best that can be hoped for.
    let base_rate = track.base_rate;
    let needs_proof = plan.accept == Accept::Evidence && plan.metrics[place].needs_proof();
    let (side, ratio, alpha) = if needs_proof {
        (Side::Safe, plan.expect, plan.alpha)
    } else {
        (Side::Harm, plan.detect, plan.alphas()[place].overall)
    };
    let claim = if needs_proof { "not worse" } else { "harm" };
    let often = if ratio == 1.0 {
        "as often".to_owned()
    } else {
        format!("{} times as often", report::number(ratio))
    };
    let asked = match side {
        Side::Safe => format!(
            "that a candidate which fails {often} as the champion is not worse by {}",
            report::percent(margin)
        ),
        Side::Harm => format!("the harm of a candidate which fails {often} as the champion"),
    };
    let seen = format!(
        "{} labelled answers a second, of which {} are wrong",
        report::number(rate),
        report::percent(base_rate)
    );
    let found = |decided: f64, median: Option<f64>, is_enough, words, hint| Forecast {
        records_per_second: rate,
        base_rate,
        claim: claim.to_owned(),
        decided,
        median_seconds: median,
        is_enough,
        words,
        hint,
    };
    let go = "or go all the same with --undecidable=go";
    if base_rate <= 0.0 {
        let words = format!(
            "the champion made no error in {} labelled answers, so no time to a decision can be forecast",
            report::count(profile.answers)
        );
        let hint = format!("take --accept=no-harm, {go}");
        return Some(found(0.0, None, !needs_proof, words, hint));
    }
    let steps = shortened(&steps(plan, rate), rate * base_rate);
    let question = Question { side, margin, alpha, ratio, power: POWER };
    let traffic = Traffic { records_per_second: rate, base_rate };
    let forecast = forecast::forecast(traffic, &steps, question).ok()?;
    let median = forecast.median_seconds;
    let words = match (forecast.is_enough(), median) {
        (true, Some(median)) => format!(
            "at {seen}, half of such canaries show {asked} within {}",
            span(Duration::from_secs_f64(median))
        ),
        _ => format!(
            "at {seen}, the chance to show {asked} before the deadline of {} is {}",
            span(plan.deadline),
            report::percent(forecast.decided)
        ),
    };
    let hint = if forecast.is_enough() {
        String::new()
    } else {
        let remedy = forecast::remedy(traffic, &steps, question).ok()?;
        let ways = ways(plan, traffic, question, &remedy);
        match ways.as_slice() {
            [] => format!(
                "more labelled answers are needed than can be planned for: take --accept=no-harm, {go}"
            ),
            ways => format!("{}; {go}", ways.join("; or ")),
        }
    };
    Some(found(forecast.decided, median, forecast.is_enough(), words, hint))
}

/// What would do, the first to try first: more time, a larger share, and only where neither would, another question.
fn ways(
    plan: &Plan,
    traffic: Traffic,
    question: Question,
    remedy: &forecast::Remedy,
) -> Vec<String> {
    let rate = traffic.records_per_second;
    let deadline = plan.deadline.as_secs_f64();
    let answers = |seconds: f64| report::count((rate * seconds) as u64);
    let longer = remedy.stretch.map(|stretch| {
        let seconds = (deadline * stretch.max(1.0)).ceil();
        format!(
            "give it more time: --deadline={seconds}s ({}), for about {} labelled answers are needed, and {} can be \
             expected by the deadline",
            span(Duration::from_secs_f64(seconds)),
            answers(seconds),
            answers(deadline)
        )
    });
    let larger = plan.shares.last().filter(|_| plan.shares.len() > 1).and_then(|last| {
        let at_once = Plan { shares: vec![*last], ..plan.clone() };
        let steps = shortened(&steps(&at_once, rate), rate * traffic.base_rate);
        let is_enough = forecast::forecast(traffic, &steps, question).ok()?.is_enough();
        is_enough.then(|| {
            format!(
                "begin with the largest share: --shares={}",
                report::percent(*last).replace(' ', "")
            )
        })
    });
    let mut ways: Vec<String> = longer.into_iter().chain(larger).collect();
    if let (true, Some(least)) = (ways.is_empty(), remedy.decidable) {
        ways.push(match question.side {
            Side::Safe => format!(
                "nothing less than --margin={least:.2} could be shown with these answers, by which a candidate that fails \
                 {} times as often would count as not worse",
                report::number(1.0 + least)
            ),
            Side::Harm => format!(
                "only a candidate that fails {} times as often would be found out (--detect={least:.2})",
                report::number(least)
            ),
        });
    }
    ways
}

/// The shares with the time at each: the least of the plan, the last until the deadline.
fn steps(plan: &Plan, rate: f64) -> Vec<Step> {
    if plan.strategy == Strategy::BlueGreen {
        // Each answer stands beside one of the past, as at a share of one half, with both models answering.
        return vec![Step { share: 0.5, seconds: plan.deadline.as_secs_f64() * 2.0 }];
    }
    let least = |share: f64| {
        let records = plan.min_records as f64 / (rate * share.min(1.0 - share));
        plan.min_step_time.as_secs_f64().max(records) + plan.warm_up.as_secs_f64()
    };
    let mut left = plan.deadline.as_secs_f64();
    let last = plan.shares.len().saturating_sub(1);
    let mut steps = Vec::new();
    for (place, share) in plan.shares.iter().enumerate() {
        let seconds = if place == last { left } else { least(*share).min(left) };
        left -= seconds;
        // A step of no time is none; the forecast then says that the deadline comes first.
        steps.push(Step { share: *share, seconds: seconds.max(1e-3) });
    }
    steps
}

/// The same steps cut off where more events were seen than are needed.
fn shortened(steps: &[Step], events_per_second: f64) -> Vec<Step> {
    let mut left = MAX_EVENTS / events_per_second;
    let cut = steps.iter().map(|step| {
        let seconds = step.seconds.min(left);
        left = (left - seconds).max(0.0);
        Step { seconds: seconds.max(1e-3), ..*step }
    });
    cut.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn profile(plan: &Plan, rate: f64, base_rate: f64) -> StreamProfile {
        let mut profile = StreamProfile::nothing(plan);
        (profile.answers, profile.seconds) = (10_000, 10_000.0 / rate);
        profile.tracks[0].base_rate = base_rate;
        profile
    }

    fn plan(deadline: u64, accept: Accept) -> Plan {
        let deadline = Duration::from_secs(deadline);
        Plan { deadline, accept, shares: vec![0.1, 0.5], ..Plan::for_tests() }
    }

    #[test]
    fn a_plan_with_time_enough_says_when_it_decides() {
        let plan = plan(3600, Accept::Evidence);
        let found = forecast(&plan, &profile(&plan, 100.0, 0.05)).unwrap();
        assert!(found.is_enough && found.decided > 0.9, "{found:?}");
        assert!(found.median_seconds.unwrap() < 1000.0, "{found:?}");
        assert!(found.words.contains("100 labelled answers a second"), "{}", found.words);
    }

    #[test]
    fn a_plan_that_cannot_decide_says_what_would() {
        let plan = plan(60, Accept::Evidence);
        let found = forecast(&plan, &profile(&plan, 10.0, 0.05)).unwrap();
        assert!(!found.is_enough, "{found:?}");
        let deadline: f64 = found
            .hint
            .split_once("--deadline=")
            .and_then(|(_, rest)| rest.split_once('s')?.0.parse().ok())
            .unwrap();
        assert!(found.hint.starts_with("give it more time: --deadline="), "{}", found.hint);
        assert!(
            found.hint.contains("labelled answers are needed, and 600 can be"),
            "{}",
            found.hint
        );
        assert!(!found.hint.contains("--margin="), "no way out: {}", found.hint);
        assert!(found.words.contains("fails as often as the champion"), "{}", found.words);
        let longer = Plan { deadline: Duration::from_secs_f64(deadline), ..plan };
        let found = forecast(&longer, &profile(&longer, 10.0, 0.05)).unwrap();
        assert!(found.decided > 0.7, "{found:?}");
    }

    #[test]
    fn without_a_proof_it_is_harm_that_must_be_seen() {
        let plan = plan(600, Accept::NoHarm);
        let found = forecast(&plan, &profile(&plan, 100.0, 0.02)).unwrap();
        assert!(found.is_enough && found.claim == "harm", "{found:?}");
        let never = forecast(&plan, &profile(&plan, 100.0, 0.0)).unwrap();
        assert!(never.is_enough, "a champion without errors hides no harm: {never:?}");
    }

    #[test]
    fn a_stream_that_nobody_knows_has_no_forecast() {
        let plan = plan(60, Accept::Evidence);
        assert!(forecast(&plan, &StreamProfile::nothing(&plan)).is_none());
        assert_eq!(stages(&plan, &StreamProfile::nothing(&plan), 0), (vec![], vec![]));
    }

    #[test]
    fn harm_is_planned_for_the_early_shares_and_safety_for_all() {
        let plan = plan(3600, Accept::Evidence);
        let (harm, safe) = stages(&plan, &profile(&plan, 100.0, 0.05), 0);
        let shares = |stages: &[Stage]| stages.iter().map(|stage| stage.share).collect::<Vec<_>>();
        assert_eq!((shares(&harm), shares(&safe)), (vec![0.1], vec![0.1, 0.5]));
        assert!(safe[1].events > 10_000, "{safe:?}");
        let adaptive = Plan { advance: Advance::Adaptive, ..plan };
        assert_eq!(stages(&adaptive, &profile(&adaptive, 100.0, 0.05), 0), (vec![], vec![]));
    }
}
