//! `make demo`: five releases on live telemetry, from an empty broker to the audit of every record.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::screen::Screen;
use clap::Parser;
use contract::stop::Stop;
use flags::duration;
use testkit::programs::Places;

mod broker;
mod releases;
mod runner;
mod screen;
mod story;
mod summary;

/// A release end to end on real telemetry, on one machine
#[derive(Parser)]
struct Args {
    /// Where the stream lives: memory needs nothing else, apache starts a real Apache Kafka
    #[arg(long, env = "KAFKA", value_enum, default_value_t = broker::Kind::Memory)]
    kafka: broker::Kind,

    /// Records a second
    #[arg(long, default_value_t = 3_000)]
    rate: u32,

    /// How long after its record a label becomes known
    #[arg(long, default_value = "400ms", value_parser = duration)]
    label_delay: Duration,

    /// Folder of the built steps and the scorer
    #[arg(long, env = "STEP_BIN_DIR", default_value = "target/debug")]
    binaries: PathBuf,

    /// Folder for images, reports and logs; emptied first
    #[arg(long, default_value = "target/demo")]
    out: PathBuf,

    /// Let stream and scorer run on after the releases, for `make run-step`, until Enter is pressed
    #[arg(long)]
    keep: bool,
}

#[expect(clippy::print_stderr, reason = "the one place where an error is rendered for people")]
fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!(
                "\nerror: {error:#}\nhint: the logs lie below target/demo; `make demo` starts afresh"
            );
            ExitCode::FAILURE
        }
    }
}

/// Whether everything went as it should.
fn run(args: &Args) -> anyhow::Result<bool> {
    let (screen, stop) = (Screen::new(), Stop::on_signals()?);
    let root = std::env::current_dir()?;
    let out = root.join(&args.out);
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::create_dir_all(&out)?;
    let places = Places { binaries: root.join(&args.binaries), root, out };
    let broker = broker::start(args.kafka, &places, &screen, &stop)?;
    let pace = testkit::replay::Pace {
        stream: story::STREAM.into(),
        partitions: story::PARTITIONS,
        rate: args.rate,
        label_delay: args.label_delay,
    };
    // `make run-step` finds the broker by this file.
    std::fs::write(places.file("brokers")?, broker.brokers())?;
    let setting = story::Setting { places: &places, brokers: &broker.brokers(), screen: &screen };
    let (found, stage) = story::play(&setting, &pace, &stop)?;
    summary::timeline(&found, &places);
    if args.keep {
        story::keep(&setting, pace, &found, &stop)?;
        stage.end_after_the_story(&screen);
    } else {
        stage.end()?;
    }
    summary::print(&found)?;
    Ok(summary::is_good(&found))
}

/// The environment that every program of the demo gets.
pub(crate) fn environment(brokers: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("HEADGATE_BROKERS".to_owned(), brokers.to_owned())])
}
