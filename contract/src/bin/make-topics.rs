//! Makes the topics of a stream and Headgate's own, one replica each: for a laptop and for tests.

use std::process::ExitCode;

use clap::Parser;
use kafka::{Kafka, KafkaArgs, TopicSpec};

/// Makes the topics of a stream and Headgate's own, one replica each; those that are there stay as they are
#[derive(Parser)]
// Without it the words of the flattened flags would stand in its place.
#[command(version, about = "Makes the topics of a stream, and those that all streams share, with one replica each", long_about = None)]
struct Args {
    /// Name of the stream
    #[arg(value_parser = flags::name)]
    stream: String,

    /// Partitions of the stream's topics
    #[arg(long, default_value_t = 8)]
    partitions: i32,

    #[command(flatten)]
    kafka: KafkaArgs,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let topics = TopicSpec::of_stream(&args.stream, args.partitions);
    let made = Kafka::new(&args.kafka).and_then(|kafka| kafka.create_topics(&topics));
    contract::step::finish(made.map(|()| fault::exit::VERDICT))
}
