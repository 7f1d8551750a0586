//! The outcome: verdict, event, outputs and decision record.

use std::collections::BTreeMap;

use contract::results::Shadow;
use contract::{Context, EventType, Outcome, Subject, Verdict, by_verdict};
use serde_json::{Value, json};

use crate::decide::{self, Check, Limits};
use crate::largest::Shown;
use crate::models::Found;
use crate::page::{self, Evidence};
use crate::read::Ended;
use crate::tally::{Latency, SEED, Tally};
use crate::watch::Track;
use crate::window::Plan;
use crate::{Against, Args, FAILED, PASSED, UNDECIDED, result};

/// A comparison that has ended.
pub(crate) struct Compared<'a> {
    pub against: Against,
    pub limits: &'a Limits,
    pub candidate: Found,
    pub champion: Found,
    pub plan: Plan,
    pub ended: Ended,
    pub tally: Tally,
    pub checks: Vec<Check>,
    pub track: Vec<Track>,
    pub largest: Vec<Shown>,
}

/// A verdict without a comparison.
pub(crate) fn refused(
    args: &Args,
    verdict: Verdict,
    reason: String,
    model: &str,
    inputs: BTreeMap<String, String>,
) -> Outcome {
    let event = Subject::new(event(verdict), model, &result::refused(args, model));
    let details = json!({ "compared": false });
    let page = Box::new(page::refused);
    Outcome { verdict, reason, event, inputs, outputs: BTreeMap::new(), details, page }
}

/// The verdict of a comparison of candidate and champion.
pub(crate) fn compared(
    context: &Context,
    compared: Compared<'_>,
    inputs: BTreeMap<String, String>,
) -> Outcome {
    let Compared { against, limits, candidate, champion, plan, ended, .. } = compared;
    let Compared { tally, checks, track, largest, .. } = compared;
    let planned = plan.records();
    let (verdict, reason) = decide::verdict(&tally, planned, limits, &checks);
    let share = tally.disagreements.events as f64 / tally.pairs().max(1) as f64;
    let read = ended.read.to_string();
    let features = stream::Topics::of(&context.common.stream).features;
    let window = contract::results::ranges(&features, &ended.read);
    let result = result::compared(&candidate, &champion, window, &tally, &checks, limits);
    let window = match &plan {
        Plan::Past(window) => json!(window.to_string()),
        Plan::Live { time, records, .. } => {
            json!({ "live-seconds": time.as_secs_f64(), "records": records })
        }
    };
    let named = checks.iter().zip(&track);
    let details = json!({
        "compared": true, "against": against, "candidate": candidate, "champion": champion,
        "window": window, "read": read, "stopped": ended.stopped,
        "limits": limits, "checks": checks, "counts": counts(&tally), "latency": latency(&tally.latency),
        "intervals": named.map(|(check, track)| (check.name, track)).collect::<BTreeMap<_, _>>(),
        "largest": largest.iter().map(Shown::told).collect::<Vec<_>>(), "seed": SEED,
    });
    let outputs = [
        ("champion", champion.digest),
        ("window", read),
        ("disagreement", if tally.pairs() == 0 { String::new() } else { format!("{share:.6}") }),
    ];
    let stream = context.common.stream.clone();
    let shown = Evidence { stream, planned, stopped: ended.stopped, tally, checks, track, largest };
    Outcome {
        verdict,
        reason,
        event: Subject::new(event(verdict), candidate.digest, &result),
        inputs,
        outputs: outputs.into(),
        details,
        page: Box::new(move |record: &Value| page::compared(record, &shown)),
    }
}

fn event(verdict: Verdict) -> EventType<Shadow> {
    by_verdict(verdict, [PASSED, FAILED, UNDECIDED])
}

/// Everything the checks are computed from.
fn counts(tally: &Tally) -> Value {
    let shift = &tally.shift;
    json!({
        "records": tally.records, "undecodable": tally.undecodable,
        "first-undecodable": tally.first_undecodable,
        "pairs": tally.pairs(), "disagreements": tally.disagreements.events,
        "candidate-failures": { "count": tally.failures.events, "first": tally.first_failure },
        "champion-failures": tally.champion_failures,
        "shift": {
            "pairs": shift.count(), "mean": shift.mean(), "standard-deviation": shift.variance().sqrt(),
        },
        "live": tally.live,
    })
}

/// Seconds a record.
fn latency(latency: &Latency) -> Value {
    let quantiles: BTreeMap<_, _> = page::quantiles(latency)
        .into_iter()
        .map(|(name, champion, candidate)| {
            (name, json!({"champion": champion, "candidate": candidate}))
        })
        .collect();
    json!({
        "batch": latency.batch, "timed": latency.over_limit.values.count(),
        "over-limit": latency.over_limit.events, "over-ratio": latency.over_ratio.events,
        "seconds-a-record": quantiles,
    })
}
