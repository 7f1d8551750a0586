//! Sections 5 and 7: brokers, credentials, signals.

use super::ended;
use crate::evidence::{Evidence, GRACE, LONG_PATIENCE, PATIENCE, SECRET, VerdictRun};
use crate::rule::Seen;

pub(crate) fn gives_up_on_a_broker_that_is_away(evidence: &Evidence) -> Seen {
    let run = &evidence.away;
    let seen = format!("after {:.1?}, {}", run.took, ended(run));
    if run.code == Some(75) && run.took <= PATIENCE + GRACE { Ok(seen) } else { Err(seen) }
}

pub(crate) fn keeps_credentials(evidence: &Evidence) -> Seen {
    for (name, run) in evidence.runs() {
        for (place, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            if text.contains(SECRET) {
                return Err(format!("{name} shows the password on {place}"));
            }
        }
    }
    for verdict_run in [&evidence.first, &evidence.second] {
        if let Some(place) = leak(verdict_run) {
            return Err(format!("the password stands in {place}"));
        }
    }
    Ok("not shown".into())
}

fn leak(verdict_run: &VerdictRun) -> Option<String> {
    let file = verdict_run.outputs.iter().find(|(_, content)| content.contains(SECRET));
    let event = verdict_run.events.iter().find(|event| {
        let value = event.value.as_deref().unwrap_or_default();
        let headers = event.headers.iter().map(|(_, value)| value.as_slice());
        headers.chain([value]).any(|bytes| String::from_utf8_lossy(bytes).contains(SECRET))
    });
    file.map(|(name, _)| format!("the output {name}")).or(event.map(|_| "the event".to_owned()))
}

pub(crate) fn needs_its_config(evidence: &Evidence) -> Seen {
    let run = &evidence.no_config;
    if run.code == Some(2) { Ok(ended(run)) } else { Err(ended(run)) }
}

pub(crate) fn ends_when_asked(evidence: &Evidence) -> Seen {
    let Some(run) = &evidence.stopped else {
        return Err("the step never spoke to the broker, so it could not be stopped there".into());
    };
    let seen = format!("after {:.1?}, {}", run.took, ended(run));
    if run.code == Some(75) && run.took <= LONG_PATIENCE + GRACE { Ok(seen) } else { Err(seen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_it_is_shown() {
        let mut evidence = Evidence::default();
        assert!(keeps_credentials(&evidence).is_ok());
        evidence.away.stderr = format!("cannot log in with {SECRET}");
        assert!(keeps_credentials(&evidence).is_err_and(|seen| seen.contains("without a broker")));
        let mut evidence = Evidence::default();
        evidence.second.outputs.insert("report.json".into(), SECRET.into());
        assert!(keeps_credentials(&evidence).is_err_and(|seen| seen.contains("report.json")));
    }

    #[test]
    fn nothing_holds_for_a_step_that_did_nothing() {
        let holding: Vec<&str> = crate::RULES
            .iter()
            .map(|rule| rule.against(&Evidence::default()))
            .filter(|finding| finding.holds)
            .map(|finding| finding.clause)
            .collect();
        // What is forbidden is not done by doing nothing; progress is optional.
        assert_eq!(holding, ["2.5", "5.2", "6.2"]);
    }
}
