//! The step's flags.

use kafka::Window;
use registry::{InputFile, Reference, RegistryArgs};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Schema of the stream, JSON: a path or oci://<registry>/<repository>[:tag][@digest][#name]
    #[arg(long, env = "HEADGATE_SCHEMA", value_name = "FILE")]
    pub schema: InputFile,

    /// Where the model and its files go as one artifact: host[:port]/repository[:tag] or oci:<folder>[:<tag>]
    #[arg(long, env = "HEADGATE_ARTIFACT", value_name = "REFERENCE")]
    pub artifact: Reference,

    /// Offsets of <STREAM>.features to learn from, such as 0:100-200,1:5-60; without it the newest
    #[arg(long, env = "HEADGATE_WINDOW", value_name = "OFFSETS")]
    pub window: Option<Window>,

    /// How many of the newest records to read where no window is given
    #[arg(long, env = "HEADGATE_RECORDS", default_value_t = 50_000, value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(1..=50_000_000))]
    pub records: u64,

    /// Fewer labelled records than this are inconclusive; two thirds are learnt from, the last third is held out
    #[arg(long, env = "HEADGATE_MIN_RECORDS", default_value_t = 1000, value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(30..))]
    pub min_records: u64,

    /// Penalty on the squared weights of the standardised fields
    #[arg(long, env = "HEADGATE_RIDGE", default_value_t = 1e-4, value_parser = ridge, value_name = "PENALTY")]
    pub ridge: f64,

    #[command(flatten)]
    pub registry: RegistryArgs,
}

fn ridge(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (1e-12..=1e6).contains(&value) => Ok(value),
        _ => Err(format!("`{text}` is no penalty; write a number from 1e-12 to 1e6")),
    }
}
