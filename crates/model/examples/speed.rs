//! How many rows a second one thread answers and parses: `cargo run --release -p model --example speed`.
//!
//! Takes the model, the stream schema, and the records to repeat, by default those of the demo.

use std::path::Path;
use std::time::{Duration, Instant};

use model::{Answers, Model};
use stream::StreamSchema;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo");
    let schema = model::load_schema(&demo.join("shuttle/schema.json"))?;
    let records = records(&demo.join("shuttle/holdout.csv"), &schema)?;
    let mut rows = Vec::new();
    let parsed = time(records.len(), || {
        rows.clear();
        records.iter().try_for_each(|record| schema.parse_row(record, &mut rows))
    })?;
    eprintln!("parse json: {parsed:.0} rows/s");
    for name in ["linear", "boosting"] {
        let mut model = Model::load(&demo.join("models").join(name).with_extension("onnx"))?;
        model.fit(&schema)?;
        for batch in [1, 10, 100, 500, 1000, 2000, 5000] {
            let some = &rows[..batch * schema.width()];
            let mut answers = Answers::default();
            let speed = time(batch, || model.answer_into(some, batch, &mut answers))?;
            eprintln!("{name}, batches of {batch}: {speed:.0} rows/s");
        }
    }
    Ok(())
}

/// Rows a second, over at least half a second after one round to warm up.
fn time<E>(rows: usize, mut work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    work()?;
    let start = Instant::now();
    let mut rounds = 0.0;
    while start.elapsed() < Duration::from_millis(500) {
        work()?;
        rounds += 1.0;
    }
    Ok(rounds * rows as f64 / start.elapsed().as_secs_f64())
}

fn records(holdout: &Path, schema: &StreamSchema) -> std::io::Result<Vec<Vec<u8>>> {
    let table = std::fs::read_to_string(holdout)?;
    let record = |line: &str| {
        let members: Vec<String> = schema
            .fields
            .iter()
            .zip(line.split(','))
            .map(|(field, value)| format!(r#""{}":{value}"#, field.name))
            .collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    };
    Ok(table.lines().skip(1).map(record).collect())
}
