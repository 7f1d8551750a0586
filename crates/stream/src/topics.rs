//! The topics of a stream, by name.

/// The four topics of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// What is to be answered.
    pub features: String,
    /// What was answered, one record for each feature record that has an answer.
    pub predictions: String,
    /// Feature records that got no answer, each with the reason.
    pub dead_letters: String,
    /// What turned out to be true, by record id.
    pub labels: String,
}

impl Topics {
    /// The topics of the stream `stream`.
    pub fn of(stream: &str) -> Self {
        let topic = |kind: &str| format!("{stream}.{kind}");
        Self {
            features: topic("features"),
            predictions: topic("predictions"),
            dead_letters: topic("dead-letters"),
            labels: topic("labels"),
        }
    }

    /// Whether `topic` holds the features of `stream`, without making any name.
    pub fn is_features(stream: &str, topic: &str) -> bool {
        topic.strip_prefix(stream) == Some(".features")
    }

    /// All of them, in the order in which a record passes through.
    pub fn all(&self) -> [&str; 4] {
        [&self.features, &self.predictions, &self.dead_letters, &self.labels]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_after_their_stream() {
        let names = ["s.features", "s.predictions", "s.dead-letters", "s.labels"];
        assert_eq!(Topics::of("s").all(), names);
        for topic in
            ["s.features", "s.predictions", "t.features", "s.s.features", "s.features2", "s"]
        {
            let is_features = topic == Topics::of("s").features;
            assert_eq!(Topics::is_features("s", topic), is_features, "{topic}");
        }
    }
}
