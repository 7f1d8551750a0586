//! Section 2: the files.

use super::{ended, equal, texts};
use crate::evidence::Evidence;
use crate::html;
use crate::rule::Seen;
use crate::schema::{Document, validate};

pub(crate) fn are_written(evidence: &Evidence) -> Seen {
    let outputs = &evidence.first.outputs;
    let declared = texts(&evidence.description()["outputs"], "name");
    let missing: Vec<&str> =
        declared.iter().map(String::as_str).filter(|name| !outputs.contains_key(*name)).collect();
    if declared.is_empty() || !missing.is_empty() {
        let run = ended(&evidence.first.run);
        return Err(format!(
            "{} declared, not written: {}; {run}",
            declared.len(),
            missing.join(", ")
        ));
    }
    match declared.iter().find(|name| outputs[*name].ends_with('\n')) {
        Some(name) => Err(format!("{name} ends with a newline")),
        None => Ok(format!("{} written", declared.len())),
    }
}

pub(crate) fn have_a_verdict(evidence: &Evidence) -> Seen {
    let verdict = output(evidence, "verdict")?;
    let known = ["pass", "fail", "inconclusive"].contains(&verdict);
    if known { Ok(verdict.to_owned()) } else { Err(format!("`{verdict}`")) }
}

pub(crate) fn have_a_record(evidence: &Evidence) -> Seen {
    let record = validate(Document::Report, output(evidence, "report.json")?)?;
    for name in ["verdict", "reason"] {
        let stated = record[name].as_str().unwrap_or_default();
        equal(&format!("{name} in report.json"), stated, output(evidence, name)?.trim())?;
    }
    Ok("valid".into())
}

pub(crate) fn have_a_page(evidence: &Evidence) -> Seen {
    let page = output(evidence, "report.html")?;
    if !page.to_lowercase().contains("<html") {
        return Err("it is no HTML page".into());
    }
    match html::loads(page) {
        Some(place) => Err(format!("it loads: {place}")),
        None => Ok(format!("{} bytes, self-contained", page.len())),
    }
}

pub(crate) fn leave_no_litter(evidence: &Evidence) -> Seen {
    let litter = [&evidence.first.litter[..], &evidence.second.litter[..]].concat();
    if litter.is_empty() {
        Ok("untouched".into())
    } else {
        Err(format!("found {}", litter.join(", ")))
    }
}

pub(crate) fn have_a_reason(evidence: &Evidence) -> Seen {
    let reason = output(evidence, "reason")?;
    let one_line = !reason.trim().is_empty() && reason.trim().lines().count() == 1;
    if one_line { Ok(reason.to_owned()) } else { Err(format!("{reason:?}")) }
}

fn output<'a>(evidence: &'a Evidence, name: &str) -> Result<&'a str, String> {
    let missing = || format!("{name} was not written; {}", ended(&evidence.first.run));
    evidence.first.outputs.get(name).map(String::as_str).ok_or_else(missing)
}
