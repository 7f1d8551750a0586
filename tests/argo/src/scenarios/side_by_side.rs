//! Two releases of one stream: validated and shadowed at once, on traffic one after the other.

use anyhow::{Context, ensure};

use super::{PROMOTED, RELEASE, TAKEN_BACK, check, check_told, release, with_champion};
use crate::workflow::Ended;
use crate::world::World;

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "side-by-side", "linear")?;
    // Both pass their shadow; whoever comes to traffic second is compared with the first, which is the champion then.
    // The canary is long, so that on a slow machine too the later shadow ends while the earlier release has the traffic.
    let more =
        [("records", "20000"), ("accept", "no-harm"), ("shares", "50%"), ("min-step-time", "60s")];
    let one = release(world, &stream, "boosting", &more)?;
    let other = release(world, &stream, "blind-spot", &more)?;
    let (first, second) = (one.end(RELEASE)?, other.end(RELEASE)?);
    let (a, b) = (span(&first, "canary-gate")?, span(&second, "canary-gate")?);
    ensure!(a.1 <= b.0 || b.1 <= a.0, "both moved traffic at once: {a:?}, {b:?}");
    // Pods come up when the cluster has room, so the two shadows need not meet; but the later release's must have run
    // while the earlier one had the traffic, or before.
    let (earlier, later) = if a.0 < b.0 { (a, &second) } else { (b, &first) };
    let shadow = span(later, "shadow-test")?;
    ensure!(shadow.1 <= earlier.1, "{shadow:?} waited for the traffic of the other, {earlier:?}");
    // At least the one that came to a champion without its flaw or found none itself has a verdict of its own.
    let promoted = [&first, &second].iter().filter(|ended| ended.phase == "Succeeded").count();
    ensure!(promoted >= 1, "nothing was promoted: {first}\n{second}");
    for (release, ended) in [(&one, &first), (&other, &second)] {
        if ended.phase == "Succeeded" {
            check_told(&stream, release, PROMOTED)?;
        } else {
            check(ended, "Failed", &["canary-gate"])?;
            check_told(&stream, release, TAKEN_BACK)?;
        }
    }
    stream.audit()?;
    Ok(())
}

/// From when to when the pods of a task ran; RFC 3339 in UTC sorts as text.
fn span(ended: &Ended, task: &str) -> anyhow::Result<(String, String)> {
    let pods = ended.pods(task);
    let first = pods.iter().map(|pod| pod.started.clone()).min();
    let last = pods.iter().map(|pod| pod.finished.clone()).max();
    first.zip(last).with_context(|| format!("{task} did not run: {ended}"))
}
