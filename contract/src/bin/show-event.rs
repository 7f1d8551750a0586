//! Prints one outcome event by its id, the way it lies on the topic; `make run-step` ends with it.

use std::process::ExitCode;

use clap::Parser;
use kafka::{Kafka, KafkaArgs};

/// Prints one outcome event by its id, the way it lies on the topic
#[derive(Parser)]
// Without it the words of the flattened flags would stand in its place.
#[command(version, about = "Prints one outcome event by its id, as it lies on the topic", long_about = None)]
struct Args {
    /// Id of the event, as a step leaves it in its output event-id
    id: String,

    #[command(flatten)]
    kafka: KafkaArgs,
}

fn main() -> ExitCode {
    contract::step::finish(show(&Args::parse()))
}

#[expect(clippy::print_stdout, reason = "the event is this program's data")]
fn show(args: &Args) -> anyhow::Result<u8> {
    let kafka = Kafka::new(&args.kafka)?;
    let event = contract::event_log::find(&kafka, &args.id)?.ok_or_else(|| {
        let what = format!("no event {} on {}", args.id, kafka.events_topic());
        fault::usage(what, "the id is what a step leaves in its output event-id")
    })?;
    println!("{}", serde_json::to_string_pretty(&event)?);
    Ok(fault::exit::VERDICT)
}
