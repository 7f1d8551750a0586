//! Section 1: how a step is started.

use super::{body, ended, equal, refused, texts};
use crate::evidence::{ENVIRONMENT, Evidence};
use crate::rule::Seen;
use crate::schema::{Document, validate};

const COMMON_FLAGS: [&str; 10] = [
    "--release",
    "--stream",
    "--environment",
    "--cause",
    "--outputs",
    "--brokers",
    "--kafka-config",
    "--kafka-timeout",
    "--events-topic",
    "--log",
];
const COMMON_OUTPUTS: [&str; 3] = ["verdict", "reason", "event-id"];

pub(crate) fn describes(evidence: &Evidence) -> Seen {
    let run = &evidence.describe;
    if run.code != Some(0) {
        return Err(ended(run));
    }
    validate(Document::Description, &run.stdout).map(|_| "valid".to_owned())
}

pub(crate) fn lists_the_common(evidence: &Evidence) -> Seen {
    let description = evidence.description();
    let (flags, outputs) =
        (texts(&description["flags"], "name"), texts(&description["outputs"], "name"));
    let wanted = COMMON_FLAGS.iter().filter(|flag| !flags.iter().any(|listed| listed == *flag));
    let missing =
        COMMON_OUTPUTS.iter().filter(|name| !outputs.iter().any(|listed| listed == *name));
    let missing: Vec<&str> = wanted.chain(missing).copied().collect();
    if !missing.is_empty() {
        return Err(format!("not listed: {}", missing.join(", ")));
    }
    let outputs = description["outputs"].as_array().into_iter().flatten();
    let passes =
        outputs.filter(|output| output["name"] == "verdict").any(|o| o["default"] == "pass");
    if passes { Err("the verdict's default is pass".into()) } else { Ok("all listed".into()) }
}

pub(crate) fn helps(evidence: &Evidence) -> Seen {
    let run = &evidence.help;
    let helped = run.code == Some(0) && !run.stdout.trim().is_empty();
    if helped {
        Ok(ended(run))
    } else {
        Err(format!("{}; {} bytes on stdout", ended(run), run.stdout.len()))
    }
}

pub(crate) fn prints_its_version(evidence: &Evidence) -> Seen {
    let run = &evidence.version;
    let description = evidence.description();
    let version = description["version"].as_str().unwrap_or_default();
    let is_printed = run.code == Some(0) && !version.is_empty() && run.stdout.contains(version);
    let seen = format!("`{}`, {}; described as `{version}`", run.stdout.trim(), ended(run));
    if is_printed { Ok(seen) } else { Err(seen) }
}

pub(crate) fn refuses_unknown_flags(evidence: &Evidence) -> Seen {
    refused(&evidence.unknown_flag)
}

pub(crate) fn misses_required_flags(evidence: &Evidence) -> Seen {
    refused(&evidence.missing_flag)
}

pub(crate) fn reads_the_environment(evidence: &Evidence) -> Seen {
    let body = body(&evidence.first)?;
    let emitted = body["customData"]["environment"].as_str().unwrap_or_default();
    equal("with HEADGATE_ENVIRONMENT, the event's environment", emitted, ENVIRONMENT)
}

pub(crate) fn prefers_flags(evidence: &Evidence) -> Seen {
    let body = body(&evidence.second)?;
    let emitted = body["customData"]["environment"].as_str().unwrap_or_default();
    equal(
        "with --environment over HEADGATE_ENVIRONMENT, the event's environment",
        emitted,
        ENVIRONMENT,
    )
}
