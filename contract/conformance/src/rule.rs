//! A rule, and holding a step against all of them.

use std::time::Duration;

use crate::evidence::Evidence;
use crate::rules::{ending, event, faults, invocation, outputs};
use crate::{Case, observe};

/// A clause of `contract/README.md` that can be seen from outside.
pub struct Rule {
    pub clause: &'static str,
    /// The clause in a few words.
    pub what: &'static str,
    /// How to mend a step that breaks it.
    pub mend: &'static str,
    /// What was seen: `Ok` when the rule holds.
    pub(crate) holds: fn(&Evidence) -> Seen,
}

/// What was seen, as a rule that holds or one that does not.
pub(crate) type Seen = Result<String, String>;

/// A rule held against a step.
#[derive(Clone, Debug)]
pub struct Finding {
    pub clause: &'static str,
    pub what: &'static str,
    pub holds: bool,
    pub seen: String,
    pub mend: &'static str,
}

/// Runs `command` and holds every rule against what it did; see [`observe`].
///
/// # Errors
/// The command cannot be started.
pub fn check(command: &str, case: &Case, limit: Duration) -> anyhow::Result<Vec<Finding>> {
    let evidence = observe(command, case, limit)?;
    Ok(RULES.iter().map(|rule| rule.against(&evidence)).collect())
}

impl Rule {
    pub fn against(&self, evidence: &Evidence) -> Finding {
        let (holds, seen) = match (self.holds)(evidence) {
            Ok(seen) => (true, seen),
            Err(seen) => (false, seen),
        };
        let Self { clause, what, mend, .. } = *self;
        Finding { clause, what, holds, seen, mend }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { clause, what, seen, mend, .. } = self;
        if self.holds {
            return write!(f, "ok    {clause:<5} {what}");
        }
        write!(f, "FAIL  {clause:<5} {what}\n            seen: {seen}\n            mend: {mend}")
    }
}

/// Every rule, in the order of the contract.
pub const RULES: &[Rule] = &[
    Rule {
        clause: "1.1",
        what: "--describe prints a valid description",
        mend: "print JSON that is valid against contract/schemas/description.schema.json, and exit with 0",
        holds: invocation::describes,
    },
    Rule {
        clause: "1.2",
        what: "the description lists the common flags and outputs",
        mend: "take the flags of section 1 and write the outputs verdict, reason and event-id",
        holds: invocation::lists_the_common,
    },
    Rule {
        clause: "1.3",
        what: "--help prints help",
        mend: "print a text on stdout and exit with 0, whatever else is missing",
        holds: invocation::helps,
    },
    Rule {
        clause: "1.4",
        what: "--version prints the version",
        mend: "print the version of --describe on stdout and exit with 0",
        holds: invocation::prints_its_version,
    },
    Rule {
        clause: "1.5",
        what: "an unknown flag is wrong usage",
        mend: "refuse flags that --describe does not list with exit code 2, and say so on stderr only",
        holds: invocation::refuses_unknown_flags,
    },
    Rule {
        clause: "1.6",
        what: "a missing required flag is wrong usage",
        mend: "without --release and HEADGATE_RELEASE exit with 2, and say so on stderr only",
        holds: invocation::misses_required_flags,
    },
    Rule {
        clause: "1.7",
        what: "flags are taken from the environment",
        mend: "read HEADGATE_<FLAG> for every flag that is not given",
        holds: invocation::reads_the_environment,
    },
    Rule {
        clause: "1.8",
        what: "a flag wins over the environment",
        mend: "read HEADGATE_<FLAG> only where the flag is not given",
        holds: invocation::prefers_flags,
    },
    Rule {
        clause: "2.1",
        what: "every declared output is written",
        mend: "write one file for each output of --describe below --outputs, without a newline at the end",
        holds: outputs::are_written,
    },
    Rule {
        clause: "2.2",
        what: "the verdict is one of three words",
        mend: "write exactly pass, fail or inconclusive to the output verdict",
        holds: outputs::have_a_verdict,
    },
    Rule {
        clause: "2.3",
        what: "report.json is a valid decision record",
        mend: "write a document that is valid against contract/schemas/report.schema.json, with the verdict and reason of the outputs",
        holds: outputs::have_a_record,
    },
    Rule {
        clause: "2.4",
        what: "report.html loads nothing",
        mend: "put styles, scripts and pictures into the page",
        holds: outputs::have_a_page,
    },
    Rule {
        clause: "2.5",
        what: "nothing is written to the working folder",
        mend: "write below --outputs, or to /tmp",
        holds: outputs::leave_no_litter,
    },
    Rule {
        clause: "2.6",
        what: "the reason is one line",
        mend: "write one sentence for a person to the output reason",
        holds: outputs::have_a_reason,
    },
    Rule {
        clause: "3.1",
        what: "a verdict exits with 0",
        mend: "exit with 0 whichever the verdict is: a rejected model is no error",
        holds: ending::exits_with_zero,
    },
    Rule {
        clause: "3.2",
        what: "stdout is one line of JSON",
        mend: "print the event's customData on stdout as one line, logs on stderr",
        holds: ending::prints_one_line,
    },
    Rule {
        clause: "4.1",
        what: "a run with a verdict emits one event, others none",
        mend: "emit the event once, after the outputs, and never before a verdict",
        holds: event::is_emitted_once,
    },
    Rule {
        clause: "4.2",
        what: "the event's key is the release",
        mend: "use the value of --release as the record's key",
        holds: event::has_the_release_as_key,
    },
    Rule {
        clause: "4.3",
        what: "the event is a CloudEvent in binary mode",
        mend: "set the headers of clause 4.3 to what the body says",
        holds: event::has_its_headers,
    },
    Rule {
        clause: "4.4",
        what: "the event's body is valid",
        mend: "write a body that is valid against contract/schemas/outcome-event.schema.json",
        holds: event::has_a_valid_body,
    },
    Rule {
        clause: "4.5",
        what: "the event's id is the output event-id",
        mend: "write one id to ce_id, context.id, the output event-id and the decision record",
        holds: event::has_the_id_of_the_output,
    },
    Rule {
        clause: "4.6",
        what: "a repeated run emits the same id",
        mend: "compute the id from release, step, flags and inputs, never from time or chance",
        holds: event::repeats_its_id,
    },
    Rule {
        clause: "4.7",
        what: "the event's type is declared and a CDEvents type",
        mend: "list the type in --describe, in one of the two forms of clause 4.7",
        holds: event::has_a_declared_type,
    },
    Rule {
        clause: "4.8",
        what: "the event links to its cause",
        mend: "put {\"linkType\":\"PATH\",\"from\":{\"contextId\":<value of --cause>}} into context.links",
        holds: event::links_to_its_cause,
    },
    Rule {
        clause: "4.9",
        what: "the event says what the files say",
        mend: "fill customData from the outputs, and take the SHA-256 of report.json as it was written",
        holds: event::agrees_with_the_files,
    },
    Rule {
        clause: "4.10",
        what: "the event's source names environment and step",
        mend: "use /headgate/<value of --environment>/<name in --describe>",
        holds: event::has_its_source,
    },
    Rule {
        clause: "4.13",
        what: "a type belongs to one verdict",
        mend: "declare an event type for each verdict, and emit the one whose verdict in --describe was reached",
        holds: event::has_the_verdict_of_its_type,
    },
    Rule {
        clause: "5.1",
        what: "a broker that is away is a transient failure",
        mend: "give up after --kafka-timeout with exit code 75",
        holds: faults::gives_up_on_a_broker_that_is_away,
    },
    Rule {
        clause: "5.2",
        what: "credentials are never shown",
        mend: "show no content of --kafka-config, whatever the log level",
        holds: faults::keeps_credentials,
    },
    Rule {
        clause: "5.3",
        what: "a --kafka-config that is missing is wrong usage",
        mend: "exit with 2 where the file cannot be read",
        holds: faults::needs_its_config,
    },
    Rule {
        clause: "6.2",
        what: "progress is done/total",
        mend: "write two whole numbers with a slash, the first at most the second",
        holds: ending::reports_progress_in_numbers,
    },
    Rule {
        clause: "7.1",
        what: "SIGTERM ends the run in time with 75",
        mend: "handle SIGTERM, also while waiting for the broker, and exit with 75",
        holds: faults::ends_when_asked,
    },
];
