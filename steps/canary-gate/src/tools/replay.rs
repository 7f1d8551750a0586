//! A verdict reached again from its decision record.

use std::path::Path;

use anyhow::Context as _;
use clap::{Args as _, FromArgMatches as _};
use contract::Verdict;
use kafka::KafkaArgs;
use serde_json::Value;

use crate::Args;
use crate::history::journal::Journal;
use crate::policy::evidence_series::Point;
use crate::policy::gate::Outcome;
use crate::policy::plan::Plan;
use crate::run::start;

/// What a replay came to.
pub(super) struct Replayed {
    pub(super) verdict: Verdict,
    pub(super) reason: String,
    /// How it differs from the record, if it does.
    pub(super) difference: Option<String>,
    pub(super) records: u64,
}

/// Goes the way of the decision record at `path` again.
///
/// # Errors
/// It is no decision record of a canary, or a range that it rests on is gone (exit 2); the broker is away (exit 75).
pub(super) fn replay(path: &Path, kafka: KafkaArgs) -> anyhow::Result<Replayed> {
    let text = regular_file::read_to_string(path, regular_file::TABLE).map_err(|error| {
        fault::usage(format!("{}: {error}", path.display()), "give a canary-gate's report.json")
    })?;
    let record: Value =
        serde_json::from_str(&text).map_err(|error| no_record(path, &error.to_string()))?;
    let details = &record["details"];
    let Some(journal) = details["journal"].as_str() else {
        let why = match details["told-before"].as_str() {
            Some(_) => {
                "it repeats the outcome of an earlier run, whose report.json holds the journal"
            }
            _ => "it holds no journal, so no traffic was moved",
        };
        return Err(no_record(path, why));
    };
    let journal: Journal =
        serde_json::from_str(journal).map_err(|error| no_record(path, &error.to_string()))?;
    let plan = Plan::of(&args(&record["flags"])?, record["inputs"]["metrics"].as_str())?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let context = super::context(&text(&record["release"]), &text(&record["stream"]), kafka)?;

    let digest = journal.digest;
    let ledger = start::replay(&plan, journal, &context)?;
    let records = ledger.records();
    let Some((outcome, at)) = ledger.decision() else {
        return Ok(Replayed {
            verdict: Verdict::Inconclusive,
            reason: "the journal does not reach a decision".into(),
            difference: Some("the record has one".into()),
            records,
        });
    };
    let difference = if ledger.journal().digest == digest {
        differs(details, outcome, &ledger.gate().point(*at))?
    } else {
        Some("the topics hold other records in these ranges than those that were judged".into())
    };
    let Outcome { verdict, reason } = outcome.clone();
    Ok(Replayed { verdict, reason, difference, records })
}

/// Verdict, reason and every number of the evidence at the decision must be the same.
fn differs(details: &Value, outcome: &Outcome, point: &Point) -> anyhow::Result<Option<String>> {
    let recorded = &details["ending"];
    let verdict = serde_json::to_value(outcome.verdict)?;
    if recorded["verdict"] != verdict {
        return Ok(Some(format!("the record says {}", recorded["verdict"])));
    }
    if recorded["reason"] != outcome.reason.as_str() {
        return Ok(Some(format!("the record's reason is {}", recorded["reason"])));
    }
    let last = details["trace"].as_array().and_then(|points| points.last());
    // As texts, for that is how the record has them.
    let (now, then) = (serde_json::to_string(point)?, last.map(Value::to_string));
    let now: Value = serde_json::from_str(&now)?;
    let same = then.as_deref() == Some(now.to_string().as_str());
    Ok((!same).then(|| "the evidence at the decision has other numbers".to_owned()))
}

/// The flags of the run, as they were given.
fn args(flags: &Value) -> anyhow::Result<Args> {
    let command = Args::augment_args(clap::Command::new("canary-gate").no_binary_name(true));
    let known: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    let mut given = Vec::new();
    for (name, values) in flags.as_object().into_iter().flatten() {
        // A list of metrics stands in the record itself, for the file may be another one by now.
        if !known.contains(name) || name == "metrics" {
            continue;
        }
        let values: Vec<&str> =
            values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        given.push(format!("--{name}={}", values.join(",")));
    }
    let matches = command.try_get_matches_from(given).map_err(|error| {
        fault::usage(
            format!("the record's flags are not this version's: {error}"),
            "replay it with the version that the record names",
        )
    })?;
    Args::from_arg_matches(&matches).context("read the record's flags")
}

fn no_record(path: &Path, why: &str) -> anyhow::Error {
    fault::usage(
        format!("{} is no decision record that can be replayed: {why}", path.display()),
        "give the report.json of a canary-gate that moved traffic",
    )
}
