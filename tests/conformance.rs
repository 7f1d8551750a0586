//! Every step of ours conforms to the step contract, and emits events of the golden ones' shape.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use conformance::{Case, Evidence, RULES, observe};
use pipeline_tests::{binaries, root, steps};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn every_step_conforms() {
    let folder = binaries();
    let broken: Vec<String> = std::thread::scope(|scope| {
        // The runs mostly wait for brokers that do not answer.
        let checks: Vec<_> =
            steps().into_iter().map(|step| scope.spawn(|| check(step.name, &folder))).collect();
        checks.into_iter().flat_map(|check| check.join().unwrap()).collect()
    });
    assert!(
        broken.is_empty(),
        "see it alone with `make conformance STEP=<name>`:\n{}",
        broken.join("\n")
    );
}

/// What the step breaks, in words.
fn check(step: &str, folder: &Path) -> Vec<String> {
    let case = Case::load(&root().join(format!("steps/{step}/samples/conformance.env"))).unwrap();
    let command = format!("'{}'", folder.join(step).canonicalize().unwrap().display());
    let evidence = observe(&command, &case, LIMIT).unwrap();
    let findings =
        RULES.iter().map(|rule| rule.against(&evidence)).filter(|finding| !finding.holds);
    findings
        .map(|finding| format!("{step}: {finding}"))
        .chain(unlike_golden(step, &evidence))
        .collect()
}

/// A field of the emitted event's result that the golden event of its type does not have.
fn unlike_golden(step: &str, evidence: &Evidence) -> Option<String> {
    let found: Value =
        serde_json::from_slice(evidence.first.events.first()?.value.as_deref()?).ok()?;
    let goldens = std::fs::read_dir(root().join("contract/events")).unwrap();
    let golden = goldens
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .map(|text| serde_json::from_str::<Value>(&text).unwrap())
        .find(|golden| golden["context"]["type"] == found["context"]["type"])?;
    let fields = |event: &Value| -> BTreeSet<String> {
        event["customData"]["result"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    };
    let unknown: Vec<String> = fields(&found).difference(&fields(&golden)).cloned().collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "{step}: the golden event of {} lacks {}",
            found["context"]["type"],
            unknown.join(", ")
        )
    })
}
