//! Section 3, and progress of section 6: exit codes and what is printed on the way.

use serde_json::Value;

use super::{body, ended};
use crate::evidence::{Evidence, VerdictRun};
use crate::rule::Seen;

pub(crate) fn exits_with_zero(evidence: &Evidence) -> Seen {
    for verdict_run in [&evidence.first, &evidence.second] {
        if verdict_run.run.code != Some(0) {
            return Err(ended(&verdict_run.run));
        }
    }
    Ok("exit code 0".into())
}

pub(crate) fn prints_one_line(evidence: &Evidence) -> Seen {
    for verdict_run in [&evidence.first, &evidence.second] {
        one_line(verdict_run)?;
    }
    for (name, run) in
        [("without a broker", &evidence.away), ("without its --kafka-config", &evidence.no_config)]
    {
        if run.code != Some(0) && !run.stdout.is_empty() {
            return Err(format!("{name}, on stdout: {}", run.stdout.trim()));
        }
    }
    Ok("one line, the event's customData".into())
}

fn one_line(verdict_run: &VerdictRun) -> Result<(), String> {
    let lines: Vec<&str> = verdict_run.run.stdout.lines().collect();
    let [line] = lines[..] else {
        return Err(format!("{} lines; {}", lines.len(), ended(&verdict_run.run)));
    };
    let printed: Value =
        serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    if printed != body(verdict_run)?["customData"] {
        return Err("the line is not the event's customData".into());
    }
    Ok(())
}

pub(crate) fn reports_progress_in_numbers(evidence: &Evidence) -> Seen {
    for verdict_run in [&evidence.first, &evidence.second] {
        let Some(progress) = &verdict_run.progress else { continue };
        let numbers = progress.trim_end().split_once('/');
        let parsed = numbers.and_then(|(done, total)| {
            Some((done.parse::<u64>().ok()?, total.parse::<u64>().ok()?))
        });
        if parsed.is_none_or(|(done, total)| done > total) {
            return Err(format!("`{progress}`"));
        }
    }
    Ok(evidence.first.progress.clone().unwrap_or_else(|| "none was reported".into()))
}
