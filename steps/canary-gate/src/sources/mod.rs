//! Where evidence comes from besides predictions and labels: slices, business events, Prometheus, and what answers lose.
//!
//! What they hand over is an input of the gate: records by their offsets, answers of Prometheus as they were, both in
//! the journal, so that a replay sees the same.

pub(crate) mod events;
pub(crate) mod loss;
pub(crate) mod promql;
pub(crate) mod slices;
pub(crate) mod slices_of;
