//! What a person asks of a gate that is under way: pause, resume, abort, as records on a topic of its own.
//!
//! Who may write that topic may do so; the release that a command is for is the record's key.

use kafka::{Kafka, Outgoing, Reader, Record, Start};

use crate::policy::command::Command;

/// Keyed by release; the step's README says what stands there.
pub(crate) const COMMANDS_TOPIC: &str = "headgate.commands";

/// The commands for one release.
pub(crate) struct Commands {
    reader: Reader,
    release: String,
}

impl Commands {
    /// Those that come from now on.
    ///
    /// # Errors
    /// The broker is away or the topic is missing.
    pub(crate) fn open(kafka: &Kafka, release: &str) -> anyhow::Result<Self> {
        let reader = kafka.reader(COMMANDS_TOPIC, &Start::End)?;
        Ok(Self { reader, release: release.to_owned() })
    }

    /// The next command, if one has come.
    ///
    /// # Errors
    /// The broker is away.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Command>> {
        while let Some(record) = self.reader.next(std::time::Duration::ZERO)? {
            if let Some(command) = read(&record, &self.release) {
                return Ok(Some(command));
            }
        }
        Ok(None)
    }
}

/// The command in a record, if it is one for this release.
fn read(record: &Record, release: &str) -> Option<Command> {
    if record.key.as_deref() != Some(release.as_bytes()) {
        return None;
    }
    let command = serde_json::from_slice(record.value.as_deref()?);
    if let Err(error) = &command {
        tracing::warn!(%error, offset = record.offset, "skipped a command that cannot be read");
    }
    command.ok()
}

/// Sends a gate a command.
///
/// # Errors
/// The broker is away.
pub(crate) fn send(kafka: &Kafka, release: &str, command: &Command) -> anyhow::Result<()> {
    let mut writer = kafka.writer()?;
    writer.send(&Outgoing {
        topic: COMMANDS_TOPIC.into(),
        key: Some(release.as_bytes().to_vec()),
        value: Some(serde_json::to_vec(command)?),
        ..Outgoing::default()
    })?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::command::Action;

    #[test]
    fn a_command_is_for_the_release_in_its_key() {
        let record = |key: &str, value: &str| Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: Vec::new(),
        };
        let said = |key: &str, value: &str| read(&record(key, value), "r").map(|it| it.command);
        assert_eq!(said("r", r#"{"command":"pause","by":"ann"}"#), Some(Action::Pause));
        assert_eq!(said("q", r#"{"command":"pause"}"#), None);
        assert_eq!(said("r", r#"{"command":"explode"}"#), None);
        assert_eq!(said("r", "pause"), None);
    }
}
