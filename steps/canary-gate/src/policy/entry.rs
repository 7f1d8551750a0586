//! One thing that happened to a gate: the vocabulary of its journal, and all that [`Gate::apply`](super::gate::Gate::apply)
//! takes.
//!
//! Records are not kept but named: a tick says up to which offsets the topics were read when the gate was asked. Within a
//! tick the order is fixed (topics in the journal's order, then partitions, then offsets), so whoever reads the same
//! ranges again sees the same. What is not on a topic (what Prometheus answered, when scorers confirmed, what a person
//! asked for) stands here itself.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::Record;
use routes::Route;
use serde::{Deserialize, Serialize};

use super::command::Command;

/// What the records of a topic are to the gate. In the order in which a tick takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reads {
    /// Before predictions: an answer's slices are those of its feature record.
    Features,
    Predictions,
    Labels,
    /// Events of the metric at this place.
    Events(usize),
}

/// Up to where a partition was read: place of the topic, partition, next offset.
pub(crate) type Moved = (usize, i32, i64);

/// The records that a tick names, in its order.
pub(crate) type Batch = Vec<(Reads, Record)>;

/// One thing that happened; times are milliseconds since the gate began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The topics were read up to these offsets (only those that moved), and the gate was asked.
    Tick(u64, Vec<Moved>),
    /// Prometheus was asked for the metric at this place.
    Sampled {
        metric: usize,
        /// As text, so that it is the same number when it is read.
        value: Option<String>,
        why: Option<String>,
    },
    /// A route with the next share was written.
    Raised { at: u64, route: Box<Route> },
    /// Every live scorer has the newest route in force; answers count from these offsets of the predictions on.
    Confirmed { at: u64, by: Vec<String>, from: BTreeMap<i32, i64> },
    /// These scorers have not confirmed the newest route yet.
    Missing(Vec<String>),
    /// A scorer cannot answer with the candidate.
    Refused { scorer: String, error: String },
    /// So many labels met answers from before the canary, the slowest of them after so many milliseconds.
    EarlierLabels { met: u64, after: u64 },
    /// A person asked for something.
    Asked { at: u64, command: Command },
    /// Someone else wrote the route.
    TakenOver { at: u64, route: Box<Route> },
    /// Another run went on from here. Whether the candidate had lost its share meanwhile.
    Resumed { at: u64, lost: bool },
}

impl Entry {
    /// When it happened, for those that have a time of their own.
    pub(crate) fn at(&self) -> Option<Duration> {
        match self {
            Self::Tick(at, _)
            | Self::Raised { at, .. }
            | Self::Confirmed { at, .. }
            | Self::Asked { at, .. }
            | Self::TakenOver { at, .. }
            | Self::Resumed { at, .. } => Some(Duration::from_millis(*at)),
            Self::Sampled { .. }
            | Self::Missing(_)
            | Self::Refused { .. }
            | Self::EarlierLabels { .. } => None,
        }
    }
}
