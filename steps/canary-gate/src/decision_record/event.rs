//! What the event says of a canary.

use clap::ValueEnum;
use contract::results::{Canary, CanaryMetric, CanaryShare, Interval, Model, Proof, Tally};
use routes::{ModelRef, Route};

use crate::Strategy;
use crate::policy::evidence::Track;
use crate::policy::gate::{Counts, Step};
use crate::policy::metrics::judge::Claim;
use crate::policy::plan::Plan;
use crate::run::Finished;

/// Of a canary that did not begin.
pub(crate) fn untouched(plan: &Plan, model: &ModelRef, before: Option<&Route>) -> Canary {
    let named = |model: &ModelRef| Model::of_image(&model.digest, &model.image);
    Canary {
        model: named(model),
        champion: before.map(|route| named(&route.champion)),
        strategy: name(plan.strategy),
        share: 0.0,
        generation: None,
        alpha: plan.alpha,
        margin: plan.margin,
        min_records: plan.min_records,
        seconds: None,
        shares: Vec::new(),
        metrics: Vec::new(),
    }
}

/// Of a canary that was carried out.
pub(crate) fn finished(
    plan: &Plan,
    model: &ModelRef,
    finished: &Finished,
    before: Option<&Route>,
) -> Canary {
    let gate = &finished.gate;
    let share = gate.steps.last().map_or(0.0, |step| step.share);
    Canary {
        seconds: Some(finished.decided),
        shares: gate.steps.iter().map(one_share).collect(),
        metrics: gate.evidence.tracks.iter().map(|track| metric(track, share)).collect(),
        ..untouched(plan, model, before)
    }
}

/// As the flag has it.
fn name(strategy: Strategy) -> String {
    strategy.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn one_share(step: &Step) -> CanaryShare {
    CanaryShare {
        share: step.share,
        generation: step.generation,
        champion: tally(step.champion),
        candidate: tally(step.candidate),
    }
}

fn tally(counts: Counts) -> Tally {
    Tally {
        records: counts.records,
        failed: counts.fallbacks,
        labelled: counts.labelled,
        wrong: counts.errors,
    }
}

fn metric(track: &Track, share: f64) -> CanaryMetric {
    let view = track.whole.view(share);
    CanaryMetric {
        name: track.metric.name.clone(),
        margin: track.margin,
        champion: view.champion,
        candidate: view.candidate,
        estimate: view.estimate.filter(|estimate| estimate.is_finite()),
        interval: Interval::new(view.lower, view.upper),
        harm: proof(view.harm),
        safe: proof(view.safe),
    }
}

fn proof(claim: Claim) -> Proof {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    Proof { proven: claim.proven, log_evidence: finite(claim.log_e), enough: finite(claim.limit) }
}
