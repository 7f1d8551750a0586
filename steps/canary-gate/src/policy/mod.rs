//! What the gate concludes from what it has seen: pure, so nothing here touches a topic, a clock or a file.

pub(crate) mod admission;
pub(crate) mod baseline;
pub(crate) mod bursts;
pub(crate) mod command;
pub(crate) mod entry;
pub(crate) mod evidence;
pub(crate) mod evidence_series;
pub(crate) mod false_alarms;
pub(crate) mod forecast;
pub(crate) mod gate;
pub(crate) mod join;
pub(crate) mod keys;
pub(crate) mod meeting;
pub(crate) mod metrics;
pub(crate) mod outcome;
pub(crate) mod plan;
pub(crate) mod stream_profile;
