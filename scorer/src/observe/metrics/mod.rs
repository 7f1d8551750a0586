//! What Prometheus gets to know.

mod exposition;
mod latency;
mod process;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use routes::{Route, Variant};

use crate::answering::batch::Reject;
pub(crate) use exposition::Format;
use latency::Latency;

type Labels = Vec<(&'static str, String)>;

/// The scorer's metrics; every name begins with `headgate_scorer_`, but for those of every process.
pub(crate) struct Metrics {
    registry: Registry,
    /// The process as such, without prefix and labels.
    plain: Registry,
    records: Family<Labels, Counter>,
    dead_letters: Family<Labels, Counter>,
    lag: Family<Labels, Gauge>,
    routes_skipped: Family<Labels, Counter>,
    model_loads: Family<Labels, Counter>,
    model_seconds: Family<Labels, Histogram>,
    /// Its calls by variant, which the polling thread must not look up for each batch.
    calls: [Histogram; 2],
    apart: process::Apart,
    /// Next offset to answer, by partition.
    positions: Mutex<HashMap<i32, i64>>,
    pub(crate) latency: Latency,
    pub(crate) fallbacks: Counter,
    pub(crate) candidate_failures: Counter,
    pub(crate) batch: Histogram,
    pub(crate) transaction: Histogram,
    pub(crate) switch: Histogram,
    pub(crate) restarts: Counter,
    pub(crate) generation: Gauge,
    pub(crate) share: Gauge<f64, AtomicU64>,
}

impl Metrics {
    /// All metrics of the stream; those whose labels are known begin at 0. `engine` is ONNX Runtime's version.
    pub(crate) fn new(stream: &str, engine: &str) -> Self {
        let labels = [("stream".into(), stream.to_owned().into())];
        let registry = Registry::with_prefix_and_labels("headgate_scorer", labels.into_iter());
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        // From 16 µs to half a minute.
        let model_seconds: Family<Labels, Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(16e-6, 2.0, 22)));
        let calls = VARIANTS.map(|variant| {
            model_seconds.get_or_create(&vec![("variant", variant.as_str().to_owned())]).clone()
        });
        let mut metrics = Self {
            registry,
            plain: Registry::default(),
            records: Family::default(),
            dead_letters: Family::default(),
            lag: Family::default(),
            routes_skipped: Family::default(),
            model_loads: Family::default(),
            model_seconds,
            calls,
            apart: process::Apart::default(),
            positions: Mutex::default(),
            latency: Latency::default(),
            fallbacks: Counter::default(),
            candidate_failures: Counter::default(),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 15)),
            transaction: seconds(),
            switch: seconds(),
            restarts: Counter::default(),
            generation: Gauge::default(),
            share: Gauge::default(),
        };
        // A counter that appears with its first count hides that count from `rate`.
        for reason in Reject::CLASSES {
            metrics.dead(reason, 0);
        }
        for reason in ["stale", "defective", "unreadable"] {
            drop(metrics.routes_skipped.get_or_create(&vec![("reason", reason.to_owned())]));
        }
        for result in ["ok", "failed"] {
            drop(metrics.model_loads.get_or_create(&vec![("result", result.to_owned())]));
        }
        metrics.register(engine);
        metrics
    }

    /// A call of a model, and what it took.
    pub(crate) fn asked(&self, variant: Variant, took: Duration) {
        let place = usize::from(variant == VARIANTS[1]);
        self.calls[place].observe(took.as_secs_f64());
    }

    /// The models of this route answer from now on.
    pub(crate) fn answering(&self, route: &Route) {
        self.answered(Variant::Champion.as_str(), &route.champion.digest, 0);
        if let Some(candidate) = &route.candidate {
            self.answered(Variant::Candidate.as_str(), &candidate.model.digest, 0);
        }
    }

    /// The number of the candidate's process, if there is one.
    pub(crate) fn candidate_process(&self, process: Option<u32>) {
        self.apart.set(process);
    }

    /// `count` records answered by `variant` with `model`, and committed.
    pub(crate) fn answered(&self, variant: &str, model: &str, count: u64) {
        let labels = vec![("variant", variant.to_owned()), ("model", model.to_owned())];
        self.records.get_or_create(&labels).inc_by(count);
    }

    /// `count` dead letters of one class of reasons, committed.
    pub(crate) fn dead(&self, reason: &str, count: u64) {
        self.dead_letters.get_or_create(&vec![("reason", reason.to_owned())]).inc_by(count);
    }

    /// A route that was not taken.
    pub(crate) fn route_skipped(&self, reason: &str) {
        self.routes_skipped.get_or_create(&vec![("reason", reason.to_owned())]).inc();
    }

    pub(crate) fn loaded(&self, result: &str) {
        self.model_loads.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    /// Answers up to `next` are committed.
    pub(crate) fn position(&self, partition: i32, next: i64) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.insert(partition, next);
    }

    /// The broker has committed records up to `end`.
    pub(crate) fn end(&self, partition: i32, end: i64) {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = positions.get(&partition) {
            let labels = vec![("partition", partition.to_string())];
            self.lag.get_or_create(&labels).set((end - next).max(0));
        }
    }

    /// The partition belongs to another scorer now.
    pub(crate) fn gone(&self, partition: i32) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.remove(&partition);
        self.lag.remove(&vec![("partition", partition.to_string())]);
    }

    /// The text that Prometheus scrapes.
    pub(crate) fn text(&self, format: Format) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _written = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &self.plain))
            .and_then(|()| encode_eof(&mut text));
        match format {
            Format::OpenMetrics => text,
            Format::Classic => exposition::classic(&text),
        }
    }

    fn register(&mut self, engine: &str) {
        let to = &mut self.registry;
        to.register("records", "Records answered, by variant and model", self.records.clone());
        to.register("dead_letters", "Records that got no answer", self.dead_letters.clone());
        to.register(
            "fallbacks",
            "Records of the candidate that the champion answered",
            self.fallbacks.clone(),
        );
        to.register(
            "candidate_failures",
            "Processes of a candidate that were ended, or ended by themselves",
            self.candidate_failures.clone(),
        );
        to.register("lag_records", "Records not answered yet, by partition", self.lag.clone());
        to.register("batch_records", "Records in a batch", self.batch.clone());
        to.register(
            "model_seconds",
            "Time of one call of a model, by variant",
            self.model_seconds.clone(),
        );
        to.register("transaction_seconds", "From begin to commit", self.transaction.clone());
        to.register(
            "end_to_end_seconds",
            "From the time that a feature record carries to the commit of its answer",
            self.latency.clone(),
        );
        to.register("generation", "Generation of the route in force", self.generation.clone());
        to.register("share", "The candidate's share", self.share.clone());
        to.register(
            "route_switch_seconds",
            "From seeing a route to having it in force, loading included",
            self.switch.clone(),
        );
        to.register("routes_skipped", "Routes that were not taken", self.routes_skipped.clone());
        to.register("model_loads", "Models loaded or not", self.model_loads.clone());
        to.register(
            "session_restarts",
            "Consumer and producer replaced after a fault",
            self.restarts.clone(),
        );
        to.register_collector(Box::new(self.apart.clone()));
        let build = vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("onnxruntime", engine.to_owned()),
        ];
        to.register("build", "Versions of the scorer and of its engine", Info::new(build));
        self.plain.register_collector(Box::new(process::Own));
    }
}

const VARIANTS: [Variant; 2] = [Variant::Champion, Variant::Candidate];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// A scorer's metrics with something in everything.
    fn busy() -> Metrics {
        let metrics = Metrics::new("shuttle", "1.32.0");
        metrics.answered("candidate", "sha256:2", 3);
        metrics.asked(Variant::Candidate, Duration::from_micros(700));
        metrics.latency.observe(&[1_000, 1_500, 9_000], 2_000);
        metrics.position(4, 90);
        metrics.end(4, 100);
        metrics.candidate_process(Some(std::process::id()));
        metrics
    }

    #[test]
    fn both_formats_pass_the_lint_of_prometheus() {
        for format in [Format::Classic, Format::OpenMetrics] {
            let text = busy().text(format);
            // promtool reads the classic format only; the other one says the same, but for what counters are called.
            let read = match format {
                Format::Classic => text,
                Format::OpenMetrics => exposition::classic(&text),
            };
            let mut promtool = Command::new("promtool")
                .args(["check", "metrics"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("promtool is on the PATH: Debian's package prometheus has it");
            promtool.stdin.take().unwrap().write_all(read.as_bytes()).unwrap();
            let output = promtool.wait_with_output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.success() && said.trim().is_empty(), "{said}\n{read}");
        }
    }

    #[test]
    fn every_family_is_described_and_every_counter_begins_at_zero() {
        let text = Metrics::new("shuttle", "1.32.0").text(Format::Classic);
        assert!(!text.contains("# EOF"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .filter(|family| text.contains(&format!("# TYPE {family} histogram")))
                .unwrap_or(name);
            assert!(text.contains(&format!("# HELP {family} ")), "{line}");
            assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
        }
        for counter in [
            r#"dead_letters_total{stream="shuttle",reason="not-json"} 0"#,
            r#"fallbacks_total{stream="shuttle"} 0"#,
            r#"candidate_failures_total{stream="shuttle"} 0"#,
            r#"session_restarts_total{stream="shuttle"} 0"#,
            r#"routes_skipped_total{stream="shuttle",reason="stale"} 0"#,
            r#"model_loads_total{stream="shuttle",result="failed"} 0"#,
            r#"model_seconds_count{stream="shuttle",variant="candidate"} 0"#,
            r#"end_to_end_seconds_count{stream="shuttle"} 0"#,
        ] {
            assert!(text.contains(&format!("headgate_scorer_{counter}\n")), "{counter}\n{text}");
        }
        for process in
            ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"]
        {
            assert!(text.contains(&format!("\nprocess_{process} ")), "{process}\n{text}");
        }
        let build = r#"headgate_scorer_build_info{stream="shuttle",version="0.1.0",onnxruntime="1.32.0"} 1"#;
        assert!(text.contains(build), "{text}");
    }

    #[test]
    fn latencies_fall_into_their_buckets() {
        let text = busy().text(Format::OpenMetrics);
        for line in [
            r#"end_to_end_seconds_bucket{stream="shuttle",le="0.001"} 1"#,
            r#"end_to_end_seconds_bucket{stream="shuttle",le="0.5"} 2"#,
            r#"end_to_end_seconds_bucket{stream="shuttle",le="1.0"} 3"#,
            r#"end_to_end_seconds_bucket{stream="shuttle",le="+Inf"} 3"#,
            r#"end_to_end_seconds_sum{stream="shuttle"} 1.5"#,
        ] {
            assert!(text.contains(&format!("headgate_scorer_{line}\n")), "{line}\n{text}");
        }
    }

    #[test]
    fn the_text_has_what_alerts_and_dashboards_ask_for() {
        let metrics = Metrics::new("shuttle", "1.32.0");
        metrics.answered("champion", "sha256:1", 3);
        metrics.dead("not-json", 1);
        metrics.position(4, 90);
        metrics.end(4, 100);
        metrics.end(5, 100);
        metrics.share.set(0.25);
        let text = metrics.text(Format::OpenMetrics);
        for line in [
            r#"headgate_scorer_records_total{stream="shuttle",variant="champion",model="sha256:1"} 3"#,
            r#"headgate_scorer_dead_letters_total{stream="shuttle",reason="not-json"} 1"#,
            r#"headgate_scorer_lag_records{stream="shuttle",partition="4"} 10"#,
            r#"headgate_scorer_share{stream="shuttle"} 0.25"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains(r#"partition="5""#));
        metrics.gone(4);
        assert!(!metrics.text(Format::OpenMetrics).contains(r#"partition="4""#));
    }
}
