//! The committed schema of the decision record's own part is that of its type.
#![expect(clippy::unwrap_used, reason = "tests")]

#[test]
fn the_committed_schema_is_that_of_the_type() {
    let path = harness::root().join("contract/schemas/reports/canary-gate.json");
    let schema = schemars::schema_for!(canary_gate::Details);
    let fresh = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::fs::read_to_string(&path).unwrap_or_default() == fresh {
        return;
    }
    assert!(
        std::env::var_os("BLESS").is_some(),
        "{} is not what the type says: run `make bless` and look at the diff",
        path.display()
    );
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, fresh).unwrap();
}
