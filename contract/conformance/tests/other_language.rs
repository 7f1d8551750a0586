//! A step in another language conforms, and each way to break it is found, and nothing else with it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use conformance::{Case, RULES, check};

const LIMIT: Duration = Duration::from_secs(60);
/// The runs mostly wait, so more of them than cores go on at once.
const AT_ONCE: usize = 6;

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/other-language");
    folder.canonicalize().unwrap()
}

/// The clauses that the program breaks, with what was seen.
fn broken(command: &str) -> Vec<(&'static str, String)> {
    let case = Case::load(&folder().join("conformance.env")).unwrap();
    let findings = check(command, &case, LIMIT).unwrap().into_iter();
    findings
        .filter(|finding| !finding.holds)
        .map(|finding| (finding.clause, finding.seen))
        .collect()
}

#[test]
fn a_step_in_python_conforms() {
    let kcat = std::process::Command::new("kcat").arg("-V").output();
    assert!(
        kcat.is_ok(),
        "tests/other-language/step.py speaks to Kafka through kcat: apt-get install kcat"
    );
    assert_eq!(broken(&format!("python3 '{}'", folder().join("step.py").display())), []);
}

#[test]
fn a_step_that_breaks_one_rule_is_found_by_that_rule_alone() {
    let clauses: Mutex<VecDeque<&str>> = Mutex::new(RULES.iter().map(|rule| rule.clause).collect());
    let wrong = Mutex::new(Vec::new());
    let next = || clauses.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(clause) = next() {
                    let program = folder().join("broken.py");
                    let command = format!("env BREAK={clause} python3 '{}'", program.display());
                    let found = broken(&command);
                    if found.iter().map(|(clause, _)| *clause).ne([clause]) {
                        wrong.lock().unwrap().push((clause, found));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "broken on purpose, and what was found instead: {wrong:#?}");
}
