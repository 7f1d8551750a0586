//! What a person tells a gate that is under way: pause, resume, abort, as records on a topic of its own.
//!
//! Who may write that topic may do so; the release that a command is for is the record's key.

use kafka::{Kafka, Outgoing, Reader, Record, Start};
use serde::{Deserialize, Serialize};

/// Keyed by release; the step's README says what stands there.
pub(crate) const COMMANDS_TOPIC: &str = "headgate.commands";

/// A record's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) command: What,
    /// Who says so.
    #[serde(default)]
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) reason: String,
    /// RFC 3339.
    #[serde(default)]
    pub(crate) at: String,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// Stay at the share in hand: neither raise it nor pass. Harm still ends the canary.
    Pause,
    /// Go on.
    Resume,
    /// Give up: share 0, inconclusive.
    Abort,
}

impl What {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
        }
    }
}

/// Listens to the commands for one release.
pub(crate) struct Commands {
    reader: Reader,
    release: String,
}

impl Commands {
    /// Hears what is said from now on.
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
        tracing::warn!(%error, offset = record.offset, "a command that says nothing known");
    }
    command.ok()
}

/// Tells a gate.
///
/// # Errors
/// The broker is away.
pub(crate) fn tell(kafka: &Kafka, release: &str, command: &Command) -> anyhow::Result<()> {
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
        assert_eq!(said("r", r#"{"command":"pause","by":"ann"}"#), Some(What::Pause));
        assert_eq!(said("q", r#"{"command":"pause"}"#), None);
        assert_eq!(said("r", r#"{"command":"explode"}"#), None);
        assert_eq!(said("r", "pause"), None);
    }
}
