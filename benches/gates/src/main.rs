//! `gates`: which gate rolls harm back soonest without rolling healthy models back?
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

mod judge;
mod judges;
mod random;
mod scenario;
mod speed;
mod stream;
mod table;
mod trial;

use clap::Parser;

/// Headgate's gate beside the judges of other systems, on the same simulated streams.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Healthy and as many harmful canaries a scenario.
    #[arg(long, default_value_t = 2000)]
    runs: usize,
    /// The seed of all simulations.
    #[arg(long, default_value_t = 20_261_124)]
    seed: u64,
    /// Only scenarios whose name contains this.
    #[arg(long, default_value = "")]
    scenario: String,
}

fn main() {
    let args = Args::parse();
    let speed = speed::measure();
    println!(
        "{} healthy and {} harmful canaries a scenario, two hours each, shares {:?}",
        args.runs,
        args.runs,
        scenario::PLAN.map(|(share, _)| share),
    );
    let mut results = Vec::new();
    for scenario in &scenario::SCENARIOS {
        if scenario.name.contains(&args.scenario) {
            let rows = trial::compare(scenario, args.runs, args.seed);
            print!("{}", table::of(scenario, &rows));
            results.push((scenario, rows));
        }
    }
    println!(
        "\nevidence: {:.1} million records/s on one core (2 % fail), {:.1} million failures/s\n",
        speed.records / 1e6,
        speed.failures / 1e6,
    );
    println!("{}", table::json(&results, args.runs, &speed));
}
