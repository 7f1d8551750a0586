//! A steady stream of records in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use kafka::Kafka;

use crate::stream;

/// Writes records until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<u64>>,
}

/// How often records are written; small against what is measured.
const BEAT: Duration = Duration::from_millis(4);

impl Load {
    /// Writes `rate` records a second to `<stream>.features`, to its partitions in turn.
    ///
    /// # Errors
    /// The telemetry is missing, or the broker away.
    pub fn start(kafka: &Kafka, stream: &str, partitions: i32, rate: u32) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, topic) = (Arc::clone(&stop), ::stream::Topics::of(stream).features);
        let (mut values, mut writer) = (stream::telemetry()?, kafka.writer()?);
        let thread = std::thread::spawn(move || {
            let (start, mut sent) = (Instant::now(), 0u64);
            while !ended.load(Ordering::Relaxed) {
                let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
                while sent < due {
                    let value = values.next().unwrap_or_default();
                    let partition = (sent % u64::from(partitions.unsigned_abs())) as i32;
                    writer.send(&stream::feature(&topic, partition, sent, value))?;
                    sent += 1;
                }
                writer.flush()?;
                std::thread::sleep(BEAT);
            }
            Ok(sent)
        });
        Ok(Self { stop, thread })
    }

    /// Ends it and returns how many records were written.
    ///
    /// # Errors
    /// The broker was away.
    pub fn stop(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the load's thread panicked"))?
    }
}
