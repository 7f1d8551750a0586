//! Prints one outcome event by its id, the way it lies on the topic; `make run-step` ends with it.

use anyhow::Context;
use clap::Parser;
use contract::kafka::{Kafka, KafkaArgs};

#[derive(Parser)]
// Without it the words of the flattened flags would stand in its place.
#[command(version, about = "Prints one outcome event by its id, as it lies on the topic", long_about = None)]
struct Args {
    /// Id of the event, as a step leaves it in its output event-id
    id: String,

    #[command(flatten)]
    kafka: KafkaArgs,
}

#[expect(clippy::print_stdout, reason = "the event is this program's data")]
fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let kafka = Kafka::new(&args.kafka)?;
    let event = contract::event_log::find(&kafka, &args.id)?
        .with_context(|| format!("no event {} on {}", args.id, kafka.events_topic()))?;
    println!("{}", serde_json::to_string_pretty(&event)?);
    Ok(())
}
