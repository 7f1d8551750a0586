//! Makes the topics of a stream and Headgate's own, one replica each: for a laptop and for tests.

use clap::Parser;
use contract::kafka::{Kafka, KafkaArgs, TopicSpec};

#[derive(Parser)]
// Without it the words of the flattened flags would stand in its place.
#[command(version, about = "Makes the topics of a stream, and those that all streams share, with one replica each", long_about = None)]
struct Args {
    /// Name of the stream
    #[arg(value_parser = contract::args::name)]
    stream: String,

    /// Partitions of the stream's topics
    #[arg(long, default_value_t = 8)]
    partitions: i32,

    #[command(flatten)]
    kafka: KafkaArgs,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    Kafka::new(&args.kafka)?.create_topics(&TopicSpec::of_stream(&args.stream, args.partitions))
}
