//! The time from a route's write until every scorer follows it, against restarting consumers with a new model.
//!
//! Two scorers answer a steady stream. Routes are written one after the other: shares that rise and fall, champion and
//! candidate that change places. Each is timed from before the write until both scorers have confirmed it. Afterwards
//! every prediction is checked: the model that its generation's route gives to its key, and no generation below one that
//! was confirmed before. The peer is the usual way: a group of two Python consumers, restarted one after the other with
//! the new model, timed until every partition is answered by it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use benches::figure::{Better, Figure};
use benches::load::Load;
use benches::programs::{Python, Scorer, Venv, complain, scorer_binary};
use benches::route_audit::{Confirmed, check};
use benches::warm::until_warm;
use benches::{model_image, stream};
use clap::Parser as _;
use contract::stop::Stop;
use kafka::{Kafka, Record, Start, TopicSpec};
use routes::{
    Confirmation, Confirmations as _, ModelRef, Route, RouteWriter as _, Routes, Scorers,
};

#[derive(clap::Parser)]
#[command(about = "Time from a route's write until every scorer follows it")]
struct Args {
    /// Route changes to time
    #[arg(long, default_value_t = 800)]
    changes: u32,

    /// Feature records a second meanwhile
    #[arg(long, default_value_t = 5_000)]
    rate: u32,

    /// Restarts of the Python consumers to time
    #[arg(long, default_value_t = 5)]
    restarts: u32,
}

const STREAM: &str = "shuttle";
const PEER: &str = "peer";
const PARTITIONS: i32 = 4;
const LIMIT: Duration = Duration::from_secs(60);
/// Each generation answers for a while before the next.
const BETWEEN: Duration = Duration::from_millis(50);

struct Bench {
    kafka: Kafka,
    brokers: String,
    schema: PathBuf,
    folder: tempfile::TempDir,
    rate: u32,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let binary = scorer_binary()?;
    let venv = Venv::ready()?;
    let broker = testkit::kafka::OwnBroker::new();
    let bench = Bench {
        kafka: stream::kafka(&broker.bootstrap)?,
        brokers: broker.bootstrap.clone(),
        schema: testkit::root().join("demo/shuttle/schema.json"),
        folder: tempfile::tempdir()?,
        rate: args.rate,
    };
    for name in [STREAM, PEER] {
        bench.kafka.create_topics(&TopicSpec::of_stream(name, PARTITIONS))?;
    }
    let ours = bench.ours(&binary, broker.process(), args.changes)?;
    let theirs = bench.theirs(&venv, args.restarts)?;
    let peers = [("python-consumers-restarted", &theirs[..])];
    Figure::new("routes", "ms", Better::Lower, &ours, &peers).print()?;
    Ok(())
}

impl Bench {
    fn ours(
        &self,
        binary: &std::path::Path,
        broker: u32,
        changes: u32,
    ) -> anyhow::Result<Vec<f64>> {
        let images = self.folder.path().join("images");
        let [linear, boosting] =
            ["linear", "boosting"].map(|name| model_image::pack(&model(name), &images));
        let (linear, boosting) = (linear?, boosting?);
        let scorers = ["a", "b"].map(|name| Scorer::start(binary, &self.scorer_arguments(name)));
        let [first, second] = scorers;
        let scorers = [first?, second?];
        let load = Load::start(&self.kafka, STREAM, PARTITIONS, self.rate)?;

        let mut routes = Routes::open(&self.kafka, STREAM)?;
        let mut followers = Scorers::open(&self.kafka, STREAM)?;
        self.two_live(&mut followers)?;
        let mut confirmed = Vec::new();
        let bootstrap = Route::bootstrap(STREAM, linear.clone()).with_candidate(boosting, 0.0);
        // Loading the models takes as long as they are large; what is timed is the change of who answers.
        self.change(&mut routes, &mut followers, bootstrap, &mut confirmed)?;
        self.both_answer(&scorers)?;
        let mut one_more = || {
            std::thread::sleep(BETWEEN);
            let current = routes.current().context("a route was written")?.clone();
            let route = next(&current).context("there is a candidate")?;
            self.change(&mut routes, &mut followers, route, &mut confirmed)
        };
        until_warm(broker, |_| (0..100).try_for_each(|_| one_more().map(drop)))?;
        let times = (0..changes).map(|_| one_more()).collect::<anyhow::Result<_>>()?;
        let written = load.stop()?;
        let deadline = Instant::now() + LIMIT;
        while answered(&scorers)? < written {
            ensure!(Instant::now() < deadline, "{} of {written} answered", answered(&scorers)?);
            std::thread::sleep(Duration::from_millis(20));
        }
        for scorer in scorers {
            scorer.end()?;
        }
        self.audit(&confirmed, written)?;
        Ok(times)
    }

    /// Writes the route and waits until both scorers have it in force; returns the milliseconds.
    fn change(
        &self,
        routes: &mut Routes,
        scorers: &mut Scorers,
        route: Route,
        confirmed: &mut Vec<Confirmed>,
    ) -> anyhow::Result<f64> {
        let start = Instant::now();
        let route = routes.write(route, "bench", "to be measured", None)?;
        let confirmation = scorers.confirm(&route, LIMIT, &Stop::default())?;
        let took = start.elapsed().as_secs_f64() * 1000.0;
        match confirmation {
            Confirmation::Confirmed { scorers, .. } if scorers.len() == 2 => {}
            other => bail!("generation {}: {other}", route.generation),
        }
        let end = self.kafka.written(&::stream::Topics::of(STREAM).predictions)?;
        confirmed.push(Confirmed { route, end });
        Ok(took)
    }

    fn audit(&self, confirmed: &[Confirmed], written: u64) -> anyhow::Result<()> {
        let topic = ::stream::Topics::of(STREAM).predictions;
        let predictions = stream::read(&self.kafka, &topic, &self.kafka.extent(&topic)?)?;
        let checked = check(&predictions, confirmed)?;
        let source = |record: &Record| {
            let source = ::stream::PredictionHeaders::of(&record.headers).source().ok()?;
            Some((source.partition, source.offset))
        };
        let sources: BTreeSet<(i32, i64)> = predictions.iter().filter_map(source).collect();
        ensure!(
            (sources.len() as u64, checked as u64) == (written, written),
            "{written} records, {checked} answers to {} of them",
            sources.len()
        );
        complain(&format!(
            "{checked} predictions over {} generations: each answered once, none by a wrong generation",
            confirmed.len()
        ));
        Ok(())
    }

    fn two_live(&self, scorers: &mut Scorers) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        while scorers.live()?.len() < 2 {
            ensure!(Instant::now() < deadline, "not both scorers are there");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Waits until the group has given each of the two its part.
    fn both_answer(&self, scorers: &[Scorer; 2]) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        for scorer in scorers {
            while scorer.metric(RECORDS)? < f64::from(self.rate) / 2.0 {
                ensure!(Instant::now() < deadline, "not both scorers answer");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    fn scorer_arguments(&self, name: &str) -> Vec<String> {
        vec![
            format!("--brokers={}", self.brokers),
            format!("--stream={STREAM}"),
            format!("--name={name}"),
            format!("--schema={}", self.schema.display()),
            format!("--cache={}", self.folder.path().join("cache").display()),
        ]
    }

    fn theirs(&self, venv: &Venv, restarts: u32) -> anyhow::Result<Vec<f64>> {
        let start = |name: &str| {
            let args = [
                format!("--brokers={}", self.brokers),
                format!("--stream={PEER}"),
                "--group=peer".to_owned(),
                format!("--schema={}", self.schema.display()),
                format!("--model={}", model(name).display()),
            ];
            Python::start(venv, &args)
        };
        let load = Load::start(&self.kafka, PEER, PARTITIONS, self.rate)?;
        let mut members = vec![start("linear")?, start("linear")?];
        self.until_answered_by("linear")?;
        let mut times = Vec::new();
        for round in 0..restarts {
            std::thread::sleep(Duration::from_secs(2));
            let name = if round % 2 == 0 { "boosting" } else { "linear" };
            let begin = Instant::now();
            for place in 0..members.len() {
                // One after the other, so that the stream is answered meanwhile.
                members.remove(place).end()?;
                members.insert(place, start(name)?);
            }
            self.until_answered_by(name)?;
            times.push(begin.elapsed().as_secs_f64() * 1000.0);
        }
        for member in members {
            member.end()?;
        }
        load.stop()?;
        Ok(times)
    }

    /// Waits until every partition of the peer's predictions has an answer of the model.
    fn until_answered_by(&self, name: &str) -> anyhow::Result<()> {
        let digest = model::digest(&model(name))?.sha256;
        let topic = ::stream::Topics::of(PEER).predictions;
        let mut reader = self.kafka.reader(&topic, &Start::End)?;
        let mut waiting: BTreeSet<i32> = (0..PARTITIONS).collect();
        let deadline = Instant::now() + LIMIT;
        while !waiting.is_empty() {
            ensure!(Instant::now() < deadline, "partitions {waiting:?} are not answered by {name}");
            if let Some(record) = reader.next(Duration::from_millis(100))?
                && ::stream::PredictionHeaders::of(&record.headers).stated_model() == Some(&*digest)
            {
                waiting.remove(&record.partition);
            }
        }
        Ok(())
    }
}

const RECORDS: &str = "headgate_scorer_records_total";
const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 1.0, 0.0];

fn model(name: &str) -> PathBuf {
    testkit::root().join(format!("demo/models/{name}.onnx"))
}

/// The route after `current`: another share, and every fifth time champion and candidate change places.
fn next(current: &Route) -> Option<Route> {
    let candidate: ModelRef = current.candidate.as_ref()?.model.clone();
    // Generations begin with 1.
    let number = (current.generation - 1) as usize % SHARES.len();
    let share = SHARES[number];
    if number == 4 {
        let champion = current.champion.clone();
        return Some(Route::bootstrap(STREAM, candidate).with_candidate(champion, share));
    }
    Some(current.with_candidate(candidate, share))
}

/// All records that the scorers have answered, by all variants and models.
fn answered(scorers: &[Scorer]) -> anyhow::Result<u64> {
    scorers.iter().map(|scorer| Ok(scorer.metric(RECORDS)? as u64)).sum()
}
