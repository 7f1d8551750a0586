//! What people read in the end, and the one line that programs read.

use serde::Serialize;
use testkit::programs::Places;

use crate::story::{Done, Played};

/// Whether every release ended as planned and the audit found nothing.
pub(crate) fn is_good(found: &Played) -> bool {
    let findings = &found.findings;
    findings.lost(&found.features) == 0
        && findings.duplicated() == 0
        && findings.unexplained_count == 0
        && found.releases.iter().all(|done| done.ending == done.planned.expected)
}

/// How each release ended, the audit, and where the reports lie; why is said by the steps when they end.
#[expect(clippy::print_stdout, reason = "the demo's own output")]
pub(crate) fn timeline(found: &Played, places: &Places) {
    println!("\nHow they ended");
    for done in &found.releases {
        println!(
            "  {:<14} {:<14} in {:>5.1} s, {}",
            done.name,
            done.ending.as_str(),
            done.seconds,
            counted(done.steps.len(), "step")
        );
    }
    let findings = &found.findings;
    println!("\nAudit of the stream, from the topics");
    println!("  {:>9}  records on shuttle.features", found.features.len());
    println!(
        "  {:>9}  answered, {} of them as dead letters",
        findings.predictions + findings.dead_letters,
        findings.dead_letters
    );
    println!("  {:>9}  lost", findings.lost(&found.features));
    println!("  {:>9}  answered more than once", findings.duplicated());
    println!(
        "  {:>9}  answered by a model that had no share of their key",
        findings.unexplained_count
    );
    for example in &findings.unexplained {
        println!("             {example}");
    }
    println!("\nReports: {}/releases/<release>/<step>/report.html", shown(places));
    println!(
        "Images:  {}/images/<model>   Scorer's log: {}/scorer.log",
        shown(places),
        shown(places)
    );
    println!("Took {:.0} s", found.seconds);
    for done in found.releases.iter().filter(|done| done.ending != done.planned.expected) {
        println!(
            "NOT AS PLANNED: {} should have been {}",
            done.name,
            done.planned.expected.as_str()
        );
    }
}

/// The last line on stdout.
#[derive(Serialize)]
struct Summary {
    features: u64,
    predictions: u64,
    lost: u64,
    duplicated: u64,
    dead_letters: u64,
    releases: Vec<Release>,
}

#[derive(Serialize)]
struct Release {
    model: &'static str,
    outcome: &'static str,
    seconds: f64,
}

/// The last line: one JSON object.
#[expect(clippy::print_stdout, reason = "stdout is where the data goes")]
pub(crate) fn print(found: &Played) -> anyhow::Result<()> {
    let release = |done: &Done| Release {
        model: done.planned.model,
        outcome: done.ending.as_str(),
        seconds: (done.seconds * 10.0).round() / 10.0,
    };
    let findings = &found.findings;
    let summary = Summary {
        features: found.features.len(),
        predictions: findings.predictions,
        lost: findings.lost(&found.features),
        duplicated: findings.duplicated(),
        dead_letters: findings.dead_letters,
        releases: found.releases.iter().map(release).collect(),
    };
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn shown(places: &Places) -> String {
    places.out.strip_prefix(&places.root).unwrap_or(&places.out).display().to_string()
}
