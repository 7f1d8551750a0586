//! Warm-ups that end when the broker's virtual machine has compiled what it runs often.
//!
//! It does so for the first minutes under load, on the same processors: measured here, half of one for more than a
//! minute, and a route change took 81 ms at first and 14 ms afterwards. Brokers that people have run for months.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::programs::{complain, processor_seconds_of};

/// What the compilers may still take of one processor.
const IDLE: f64 = 0.05;
/// What is not warm by then is measured all the same, and said.
const LIMIT: Duration = Duration::from_secs(240);

/// Repeats `run` until the compilers of the process `broker` were idle during one, at most for [`LIMIT`].
///
/// # Errors
/// Those of `run`, or compilers that cannot be observed.
pub fn until_warm(
    broker: u32,
    mut run: impl FnMut(u32) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut last = (begun, compilers(broker)?);
    for number in 0.. {
        run(number)?;
        let now = (Instant::now(), compilers(broker)?);
        let share = (now.1 - last.1) / (now.0 - last.0).as_secs_f64();
        last = now;
        if share < IDLE || begun.elapsed() >= LIMIT {
            let (seconds, percent) = (begun.elapsed().as_secs_f64(), share * 100.0);
            complain(&format!(
                "after {seconds:.0} s of warm-up the broker's compilers take {percent:.0} % of a processor"
            ));
            break;
        }
    }
    Ok(())
}

/// Seconds of processor time that the compilers of a Java process have used so far.
fn compilers(process: u32) -> anyhow::Result<f64> {
    let mut tasks = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        tasks.push(task?.path());
    }
    tasks.retain(|task| is_compiler(task));
    ensure!(!tasks.is_empty(), "process {process} has no thread that is called a compiler");
    Ok(tasks.iter().map(|task| processor_seconds_of(task)).sum())
}

fn is_compiler(task: &Path) -> bool {
    let name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
    name.starts_with("C1 Comp") || name.starts_with("C2 Comp")
}
