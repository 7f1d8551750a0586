//! What people read in the end, and the one line that programs read.

use std::io::Read;

use demo::programs::Places;
use serde_json::json;

use crate::story::Told;

/// Whether every release ended as planned and the audit found nothing.
pub(crate) fn is_good(told: &Told) -> bool {
    let findings = &told.findings;
    findings.lost(&told.features) == 0
        && findings.duplicated() == 0
        && findings.unexplained_count == 0
        && told.releases.iter().all(|done| done.ending == done.planned.expected)
}

/// The timeline, the audit, and where the reports lie.
#[expect(clippy::print_stdout, reason = "the demo's own output")]
pub(crate) fn timeline(told: &Told, places: &Places) {
    println!("\nTimeline");
    for done in &told.releases {
        println!(
            "  {:>5.1} s  {:<14} {:<13} {:>5.1} s   {}",
            done.started,
            done.planned.model,
            done.ending.as_str(),
            done.seconds,
            done.planned.story
        );
        for step in &done.steps {
            println!(
                "           └ {:<15} {:<12} {:>5.1} s   {}",
                step.task, step.verdict, step.seconds, step.reason
            );
        }
    }
    let findings = &told.findings;
    println!("\nAudit of the stream, from the topics");
    println!("  {:>9}  records on shuttle.features", told.features.len());
    println!(
        "  {:>9}  answered, {} of them as dead letters",
        findings.predictions + findings.dead_letters,
        findings.dead_letters
    );
    println!("  {:>9}  lost", findings.lost(&told.features));
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
    println!("Took {:.0} s", told.seconds);
    for done in told.releases.iter().filter(|done| done.ending != done.planned.expected) {
        println!(
            "NOT AS PLANNED: {} should have been {}",
            done.name,
            done.planned.expected.as_str()
        );
    }
}

/// The last line: one JSON object.
#[expect(clippy::print_stdout, reason = "stdout is where the data goes")]
pub(crate) fn print(told: &Told) -> anyhow::Result<()> {
    let releases: Vec<_> = told
        .releases
        .iter()
        .map(|done| {
            let seconds = (done.seconds * 10.0).round() / 10.0;
            json!({ "model": done.planned.model, "outcome": done.ending.as_str(), "seconds": seconds })
        })
        .collect();
    let line = json!({
        "features": told.features.len(),
        "predictions": told.findings.predictions,
        "lost": told.findings.lost(&told.features),
        "duplicated": told.findings.duplicated(),
        "dead_letters": told.findings.dead_letters,
        "releases": releases,
    });
    println!("{}", serde_json::to_string(&line)?);
    Ok(())
}

/// Holds the broker open for `make run-step`.
#[expect(clippy::print_stderr, reason = "a prompt for the person at the terminal")]
pub(crate) fn keep(brokers: &str, places: &Places) -> anyhow::Result<()> {
    let file = places.file("brokers")?;
    std::fs::write(&file, brokers)?;
    eprintln!("\nThe broker stays at {brokers} for `make run-step`; press Enter to end.");
    let _any = std::io::stdin().read(&mut [0u8; 1])?;
    std::fs::remove_file(&file)?;
    Ok(())
}

fn shown(places: &Places) -> String {
    places.out.strip_prefix(&places.root).unwrap_or(&places.out).display().to_string()
}
