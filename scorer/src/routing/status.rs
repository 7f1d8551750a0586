//! The scorer's status on the scorers topic: published when it changes, and as a heartbeat.

use std::time::{Duration, Instant};

use kafka::{Kafka, Outgoing, Writer};
use routes::status::HEARTBEAT;
use routes::{SCORERS_TOPIC, ScorerStatus};

/// Writes the status of one scorer.
#[derive(Default)]
pub(crate) struct StatusPublisher {
    writer: Option<Writer>,
    /// The status that stands on the topic, and when it was sent.
    last: Option<(ScorerStatus, Instant)>,
}

impl StatusPublisher {
    /// How long until the next heartbeat.
    pub(crate) fn due(&self) -> Duration {
        self.last.as_ref().map_or(HEARTBEAT / 4, |(_, at)| HEARTBEAT.saturating_sub(at.elapsed()))
    }

    /// Publishes `status` when it changed or the last one is a heartbeat old; when it was sent, once it has arrived.
    pub(crate) fn publish(&mut self, kafka: &Kafka, status: ScorerStatus) -> Option<Instant> {
        if let Some((last, at)) = &self.last
            && at.elapsed() < HEARTBEAT
            && same_but_for_counts(last, &status)
        {
            return None;
        }
        let sent = Instant::now();
        let value = serde_json::to_vec(&status).expect("a status is JSON");
        match self.write(kafka, &status, Some(value)) {
            Ok(()) => {
                self.last = Some((status, sent));
                Some(sent)
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the status cannot be published");
                (self.writer, self.last) = (None, None);
                None
            }
        }
    }

    /// Takes the status of this scorer away, so that nobody waits for it.
    pub(crate) fn withdraw(&mut self, kafka: &Kafka, status: &ScorerStatus) {
        if let Err(error) = self.write(kafka, status, None) {
            tracing::warn!(
                error = format!("{error:#}"),
                "others will wait for this scorer a while"
            );
        }
    }

    fn write(
        &mut self,
        kafka: &Kafka,
        status: &ScorerStatus,
        value: Option<Vec<u8>>,
    ) -> anyhow::Result<()> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => kafka.writer()?,
        };
        let (topic, key) = (SCORERS_TOPIC.to_owned(), Some(status.key().into_bytes()));
        writer.send(&Outgoing { topic, key, value, ..Outgoing::default() })?;
        writer.flush()?;
        self.writer = Some(writer);
        Ok(())
    }
}

/// Counts are news for the next heartbeat only.
fn same_but_for_counts(last: &ScorerStatus, now: &ScorerStatus) -> bool {
    let fallbacks = now.fallbacks;
    (ScorerStatus { fallbacks, ..last.clone() }) == *now
}
