//! What the kernel counts of the scorer's process and of the candidate's, read when it is asked for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The scorer's own process, under the names that every exporter of Prometheus uses.
#[derive(Debug)]
pub(crate) struct Own;

/// The candidate's process while there is one, under names of the scorer's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apart(Arc<Mutex<Option<u32>>>);

struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    /// Seconds since 1970.
    start: Option<f64>,
}

impl Apart {
    /// Sets the number of the candidate's process, if there is one.
    pub(crate) fn set(&self, process: Option<u32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = process;
    }
}

impl Collector for Own {
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(usage) = usage("self") else { return Ok(()) };
        let cpu = "Processor time in user and kernel mode";
        counter(&mut to, "process_cpu_seconds", cpu, usage.cpu_seconds)?;
        let resident = "Resident memory";
        gauge(&mut to, "process_resident_memory_bytes", resident, usage.resident_bytes)?;
        gauge(&mut to, "process_virtual_memory_bytes", "Virtual memory", usage.virtual_bytes)?;
        if let Some(start) = usage.start {
            let help = "Start of the process, since 1970";
            gauge(&mut to, "process_start_time_seconds", help, start)?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The folder that is being read is one of them, and closed afterwards.
            let open = open.count().saturating_sub(1);
            gauge(&mut to, "process_open_fds", "Open file descriptors", open as f64)?;
        }
        if let Some(most) = most_open() {
            gauge(&mut to, "process_max_fds", "The most file descriptors that may be open", most)?;
        }
        Ok(())
    }
}

impl Collector for Apart {
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), fmt::Error> {
        let process = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = process.and_then(|process| usage(&process.to_string()));
        let up = f64::from(u8::from(usage.is_some()));
        gauge(&mut to, "candidate_up", "Whether the candidate has a process", up)?;
        let (resident, cpu) = usage.map_or((0.0, 0.0), |it| (it.resident_bytes, it.cpu_seconds));
        let help = "Resident memory of the candidate's process";
        gauge(&mut to, "candidate_resident_memory_bytes", help, resident)?;
        let help = "Processor time of the candidate's process; begins anew with each process";
        counter(&mut to, "candidate_cpu_seconds", help, cpu)
    }
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(to.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(to.encode_descriptor(name, help, None, counter.metric_type())?)
}

/// What `/proc/<process>/stat` says; `None` when the process is gone.
fn usage(process: &str) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name may hold spaces, so fields count from behind its closing parenthesis: there stands field 3.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    Some(Usage {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * rustix::param::page_size() as f64,
        start: boot().and_then(|boot| Some(boot + field(22)? / ticks)),
    })
}

/// When the machine started, in seconds since 1970.
fn boot() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn most_open() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn this_process_has_memory_and_started_a_moment_ago() {
        let usage = usage("self").unwrap();
        assert!((1e6..1e12).contains(&usage.resident_bytes), "{}", usage.resident_bytes);
        let now = jiff::Timestamp::now().as_second() as f64;
        let age = now - usage.start.unwrap();
        assert!((-5.0..3600.0).contains(&age), "{age}");
        assert!(most_open().unwrap() >= 3.0);
    }
}
