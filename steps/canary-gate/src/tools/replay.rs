//! A verdict reached again from its decision record.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use clap::{Args as _, FromArgMatches as _};
use contract::Verdict;
use contract::record::DecisionRecord;
use contract::repeat::Earlier;
use kafka::KafkaArgs;
use serde::Deserialize as _;

use crate::Args;
use crate::decision_record::details::{Canary, Details};
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
    let record: DecisionRecord =
        serde_json::from_str(&text).map_err(|error| no_record(path, &error.to_string()))?;
    let repeats = Earlier::deserialize(&record.details).is_ok();
    let details =
        serde_json::from_value::<Details>(record.details).map_err(|error| match repeats {
            true => no_record(
                path,
                "it repeats the outcome of an earlier run, whose report.json holds the journal",
            ),
            false => no_record(path, &error.to_string()),
        })?;
    let Some(canary) = details.canary else {
        return Err(no_record(path, "it holds no journal, so no traffic was moved"));
    };
    let journal: Journal = serde_json::from_str(&canary.journal)
        .map_err(|error| no_record(path, &error.to_string()))?;
    let metrics = record.inputs.get("metrics").map(String::as_str);
    let plan = Plan::of(&args(&record.flags)?, metrics)?;
    let context = super::context(&record.release, &record.stream, kafka)?;

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
        differs(&canary, outcome, &ledger.gate().point(*at))?
    } else {
        Some("the topics hold other records in these ranges than those that were judged".into())
    };
    let Outcome { verdict, reason } = outcome.clone();
    Ok(Replayed { verdict, reason, difference, records })
}

/// Verdict, reason and every number of the evidence at the decision must be the same.
fn differs(canary: &Canary, outcome: &Outcome, point: &Point) -> anyhow::Result<Option<String>> {
    let recorded = &canary.outcome;
    if recorded.verdict != outcome.verdict {
        return Ok(Some(format!("the record says {}", recorded.verdict)));
    }
    if recorded.reason != outcome.reason {
        return Ok(Some(format!("the record's reason is {}", recorded.reason)));
    }
    // Read from its text as the record was, so that both went the same way.
    let now: Point = serde_json::from_str(&serde_json::to_string(point)?)?;
    let then = canary.evidence.last().map(serde_json::to_string).transpose()?;
    let same = then == Some(serde_json::to_string(&now)?);
    Ok((!same).then(|| "the evidence at the decision has other numbers".to_owned()))
}

/// The flags of the run, as they were given.
fn args(flags: &BTreeMap<String, Vec<String>>) -> anyhow::Result<Args> {
    let command = Args::augment_args(clap::Command::new("canary-gate").no_binary_name(true));
    let known: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    let mut given = Vec::new();
    for (name, values) in flags {
        // A list of metrics stands in the record itself, for the file may be another one by now.
        if !known.contains(name) || name == "metrics" {
            continue;
        }
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
