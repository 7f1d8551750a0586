//! The committed schemas are those of the types, and the text carries the crate's version.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use conformance::RULES;
use contract::CONTRACT_VERSION;
use schemars::Schema;

fn contract() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn schemas() -> [(&'static str, Schema); 5] {
    [
        ("description", schemars::schema_for!(contract::describe::Description)),
        ("outcome-event", schemars::schema_for!(contract::event::OutcomeEvent)),
        ("report", schemars::schema_for!(contract::record::DecisionRecord)),
        ("route", schemars::schema_for!(routes::Route)),
        ("scorer-status", schemars::schema_for!(routes::ScorerStatus)),
    ]
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    // Those of event types and of records are held by tests/events.rs and tests/reports.rs.
    let text = |schema| serde_json::to_string_pretty(&schema).unwrap() + "\n";
    testkit::generated::hold_folder(
        &contract().join("schemas"),
        &schemas()
            .into_iter()
            .map(|(name, schema)| (format!("{name}.schema.json"), text(schema)))
            .collect(),
        "is not what the type says: run `make bless`, look at the diff, and raise the contract's version if a consumer \
         could break",
    );
}

#[test]
fn the_text_has_the_version_of_the_crate() {
    let text = std::fs::read_to_string(contract().join("README.md")).unwrap();
    let title = format!("# The step contract, version {CONTRACT_VERSION}\n");
    assert!(text.starts_with(&title), "contract/README.md should start with: {title}");
}

#[test]
fn every_checked_clause_has_a_rule_and_the_reverse() {
    let text = std::fs::read_to_string(contract().join("README.md")).unwrap();
    let clause = |line: &str| -> Option<String> {
        let (number, rest) = line.strip_prefix("- **")?.split_once("** ")?;
        rest.starts_with('✓').then(|| number.to_owned())
    };
    let checked: Vec<String> = text.lines().filter_map(clause).collect();
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.clause).collect();
    assert_eq!(
        checked, rules,
        "the ✓ in contract/README.md and RULES in contract/conformance/src/rule.rs differ"
    );
}
