//! The outcome: verdict, event, outputs and decision record.

use std::collections::BTreeMap;

use contract::kafka::Window;
use contract::{Context, EventType, Outcome, Subject, Verdict};
use serde_json::{Value, json};

use crate::decide::{self, Limits};
use crate::models::Found;
use crate::page::{self, Shown};
use crate::tally::{SEED, Tally};
use crate::{FAILED, PASSED, UNDECIDED};

/// A verdict without a comparison.
pub(crate) fn refused(
    context: &Context,
    verdict: Verdict,
    reason: String,
    model: &str,
    inputs: BTreeMap<String, String>,
) -> Outcome {
    let content = json!({ "model": model, "stream": context.common.stream });
    let event = Subject { event: event(verdict), id: model.to_owned(), content };
    let details = json!({ "compared": false });
    let page = Box::new(page::refused);
    Outcome { verdict, reason, event, inputs, outputs: BTreeMap::new(), details, page }
}

/// The verdict of a comparison of candidate and champion.
pub(crate) fn compared(
    context: &Context,
    limits: &Limits,
    [candidate, champion]: [Found; 2],
    window: Window,
    read: Window,
    tally: Tally,
    inputs: BTreeMap<String, String>,
) -> Outcome {
    let checks = decide::checks(&tally, limits);
    let (verdict, reason) = decide::verdict(&tally, limits, &checks);
    let share = tally.disagreements as f64 / tally.pairs.max(1) as f64;
    let content = json!({
        "model": candidate.digest, "champion": champion.digest, "stream": context.common.stream,
        "window": read.to_string(), "records": tally.records,
    });
    let details = json!({
        "compared": true, "candidate": candidate, "champion": champion,
        "window": window.to_string(), "read": read.to_string(),
        "limits": limits, "checks": checks, "counts": counts(&tally), "latency": latency(&tally),
        "largest": tally.largest.pairs().collect::<Vec<_>>(), "seed": SEED,
    });
    let outputs = [
        ("champion", champion.digest),
        ("window", window.to_string()),
        ("disagreement", if tally.pairs == 0 { String::new() } else { format!("{share:.6}") }),
    ];
    let shown = Shown { stream: context.common.stream.clone(), tally, checks };
    Outcome {
        verdict,
        reason,
        event: Subject { event: event(verdict), id: candidate.digest, content },
        inputs,
        outputs: outputs.into(),
        details,
        page: Box::new(move |record: &Value| page::compared(record, &shown)),
    }
}

fn event(verdict: Verdict) -> EventType {
    match verdict {
        Verdict::Pass => PASSED,
        Verdict::Fail => FAILED,
        Verdict::Inconclusive => UNDECIDED,
    }
}

/// Everything the checks are computed from.
fn counts(tally: &Tally) -> Value {
    let shift = tally.shift.moments();
    json!({
        "records": tally.records, "undecodable": tally.undecodable,
        "first-undecodable": tally.first_undecodable,
        "pairs": tally.pairs, "disagreements": tally.disagreements,
        "candidate-failures": tally.candidate_failures, "champion-failures": tally.champion_failures,
        "shift": { "pairs": tally.shift.count, "mean": shift.mean, "standard-deviation": shift.standard_deviation },
        "live": tally.live,
    })
}

/// Seconds a record.
fn latency(tally: &Tally) -> Value {
    let latency = &tally.latency;
    let quantiles: BTreeMap<_, _> = page::quantiles(tally)
        .into_iter()
        .map(|(name, champion, candidate)| {
            (name, json!({"champion": champion, "candidate": candidate}))
        })
        .collect();
    json!({
        "batch": latency.batch, "timed": latency.timed, "over-limit": latency.over_limit,
        "over-ratio": latency.over_ratio, "seconds-a-record": quantiles,
    })
}
