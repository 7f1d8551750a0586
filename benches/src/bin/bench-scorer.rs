//! Records per second of one scorer, exactly once, against a Python consumer, at least once.
//!
//! One partition holds `--records` records of the demo's telemetry. In turns, each with a group of its own, the scorer and
//! the Python consumer answer all of them with the demo's gradient-boosting model. The time runs from the first
//! prediction to the last commit. Afterwards each record must have been answered once, with the same score by both.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use benches::figure::{Better, Figure};
use benches::programs::{Python, Scorer, Venv, complain, processor_seconds, scorer_binary};
use benches::warm::until_warm;
use benches::{model_image, stream};
use clap::Parser as _;
use kafka::{Kafka, Record, TopicSpec};
use routes::{Route, RouteWriter as _, Routes};

#[derive(clap::Parser)]
#[command(about = "Records per second, exactly once, against a Python consumer")]
struct Args {
    /// Feature records that each round answers
    #[arg(long, default_value_t = 800_000)]
    records: u32,

    /// Rounds of each of the two, in turns
    #[arg(long, default_value_t = 5)]
    rounds: u32,

    /// Measure the Python consumer a second time with this setting of its client, such as fetch.queue.backoff.ms=5
    #[arg(long, value_name = "KEY=VALUE")]
    peer_setting: Vec<String>,

    /// Give this share of the records to a candidate, which is the same model; both scorers have it, Python has not
    #[arg(long, default_value_t = 0.0)]
    share: f64,

    /// Take turns with the scorer of another build, such as target/release/scorer of an older checkout, not with Python
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Measure this scorer, and build none
    #[arg(long, value_name = "FILE")]
    scorer: Option<PathBuf>,

    /// Do not wait until the broker has compiled what it runs often: for a first look, not for a figure
    #[arg(long)]
    no_warm_up: bool,
}

const STREAM: &str = "shuttle";
const LIMIT: Duration = Duration::from_secs(300);

struct Bench {
    kafka: Kafka,
    brokers: String,
    model: PathBuf,
    schema: PathBuf,
    folder: tempfile::TempDir,
    records: usize,
}

/// What one round found: records per second, and the score of each record.
struct Round {
    rate: f64,
    scores: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let scorer = args.scorer.clone().map_or_else(scorer_binary, Ok)?;
    let broker = testkit::kafka::OwnBroker::new();
    let bench = Bench::new(&broker.bootstrap, args.records as usize, args.share)?;
    if let Some(other) = &args.against {
        let warm = (!args.no_warm_up).then(|| broker.process());
        return against(&bench, warm, &scorer, other, args.rounds);
    }
    let venv = Venv::ready()?;
    let settings: Vec<String> =
        args.peer_setting.iter().map(|setting| format!("--setting={setting}")).collect();
    let warm_up = |run| bench.ours(&scorer, &format!("warm-up-{run}")).map(drop);
    if args.no_warm_up {
        warm_up(0)?
    } else {
        until_warm(broker.process(), warm_up)?
    }
    let (mut ours, mut python, mut tuned) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let mine = bench.ours(&scorer, &format!("ours-{round}"))?;
        let theirs = bench.python(&venv, &format!("python-{round}"), &[])?;
        complain(&format!("round {round}: {:.0} and {:.0} records/s", mine.rate, theirs.rate));
        let differ = mine.scores.iter().zip(&theirs.scores).filter(|(a, b)| (*a - *b).abs() > 1e-5);
        ensure!(differ.count() == 0, "the two do not answer the same");
        ours.push(mine.rate);
        python.push(theirs.rate);
        if !args.peer_setting.is_empty() {
            let group = format!("python-tuned-{round}");
            tuned.push(bench.python(&venv, &group, &settings)?.rate);
        }
    }
    // Once is enough for one that is slower than the peer and takes a quarter of a minute.
    let plain = [bench.python(&venv, "python-json", &["--json=json".to_owned()])?.rate];
    let mut peers =
        vec![("python-consumer", &python[..]), ("python-consumer-stdlib-json", &plain[..])];
    if !tuned.is_empty() {
        peers.push(("python-consumer-tuned", &tuned));
    }
    Figure::new("scorer", "records/s", Better::Higher, &ours, &peers).print()?;
    Ok(())
}

/// Two builds of the scorer in turns, each first as often as second, so that both meet the same other work.
fn against(
    bench: &Bench,
    warm: Option<u32>,
    scorer: &Path,
    other: &Path,
    rounds: u32,
) -> anyhow::Result<()> {
    for (name, binary) in [("this", scorer), ("other", other)] {
        let warm_up = |run| bench.ours(binary, &format!("warm-up-{name}-{run}")).map(drop);
        warm.map_or_else(|| warm_up(0), |broker| until_warm(broker, warm_up))?;
    }
    let (mut this, mut that) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let pair = [(&mut this, scorer, "this"), (&mut that, other, "other")];
        let turns: Vec<_> = if round % 2 == 1 {
            pair.into_iter().collect()
        } else {
            pair.into_iter().rev().collect()
        };
        for (rates, binary, name) in turns {
            let rate = bench.ours(binary, &format!("{name}-{round}"))?.rate;
            complain(&format!("round {round}: {name} {rate:.0} records/s"));
            rates.push(rate);
        }
    }
    let peers = [("other-build", &that[..])];
    Figure::new("scorer", "records/s", Better::Higher, &this, &peers).print()?;
    Ok(())
}

impl Bench {
    fn new(brokers: &str, records: usize, share: f64) -> anyhow::Result<Self> {
        let root = testkit::root();
        let bench = Self {
            kafka: stream::kafka(brokers)?,
            brokers: brokers.to_owned(),
            model: root.join("demo/models/boosting.onnx"),
            schema: root.join("demo/shuttle/schema.json"),
            folder: tempfile::tempdir()?,
            records,
        };
        bench.kafka.create_topics(&TopicSpec::of_stream(STREAM, 1))?;
        let mut writer = bench.kafka.writer()?;
        for (n, value) in (0..).zip(stream::telemetry()?.take(records)) {
            writer.send(&stream::feature(&::stream::Topics::of(STREAM).features, 0, n, value))?;
        }
        writer.flush()?;
        let model = model_image::pack(&bench.model, &bench.folder.path().join("images"))?;
        let route = Route::bootstrap(STREAM, model.clone());
        let route = if share > 0.0 { route.with_candidate(model, share) } else { route };
        Routes::open(&bench.kafka, STREAM)?.write(route, "bench", "to be measured", None)?;
        Ok(bench)
    }

    fn arguments(&self, group: &str) -> Vec<String> {
        let schema = self.schema.display();
        vec![
            format!("--brokers={}", self.brokers),
            format!("--stream={STREAM}"),
            format!("--group={group}"),
            format!("--schema={schema}"),
        ]
    }

    fn ours(&self, binary: &Path, group: &str) -> anyhow::Result<Round> {
        self.round(|| {
            let mut args = self.arguments(group);
            args.push("--name=bench".to_owned());
            args.push(format!("--cache={}", self.folder.path().join("cache").display()));
            let scorer = Scorer::start(binary, &args)?;
            let deadline = Instant::now() + LIMIT;
            // Counted after the commit; not asked more often, for answering takes time of the same processors.
            while scorer.metric("headgate_scorer_records_total")? < self.records as f64 {
                ensure!(Instant::now() < deadline, "the scorer did not get through in {LIMIT:?}");
                std::thread::sleep(Duration::from_millis(40));
            }
            let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
            let each = processor_seconds(scorer.id()) * 1e6 / self.records as f64;
            complain(&format!("the scorer took {each:.2} us of processor time a record"));
            let fallbacks = scorer.metric("headgate_scorer_fallbacks_total")?;
            ensure!(
                fallbacks == 0.0,
                "the champion answered {fallbacks} records of the candidate's"
            );
            scorer.end()?;
            Ok(end)
        })
    }

    fn python(&self, venv: &Venv, group: &str, more: &[String]) -> anyhow::Result<Round> {
        self.round(|| {
            let mut args = self.arguments(group);
            args.push(format!("--model={}", self.model.display()));
            args.push(format!("--count={}", self.records));
            args.extend_from_slice(more);
            Python::start(venv, &args)?.done()
        })
    }

    /// Runs one program to its end, which it returns in seconds since 1970, and looks at what it wrote.
    fn round(&self, run: impl FnOnce() -> anyhow::Result<f64>) -> anyhow::Result<Round> {
        let topic = ::stream::Topics::of(STREAM).predictions;
        let before = self.kafka.extent(&topic)?;
        let end = run()?;
        let window = stream::between(&before, &self.kafka.extent(&topic)?);
        let predictions = stream::read(&self.kafka, &topic, &window)?;
        let scores = stream::exactly_once(&predictions, self.records)?;
        let first = predictions.iter().map(|record: &Record| record.timestamp_ms).min();
        let start = first.context("nothing was answered")? as f64 / 1000.0;
        Ok(Round { rate: self.records as f64 / (end - start), scores })
    }
}
