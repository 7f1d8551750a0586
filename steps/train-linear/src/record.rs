//! The step's part of the decision record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::StreamSchema;

use crate::linear::{Fitted, Rows};
use crate::sample::Counts;

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The offsets that were read, PARTITION:FIRST-END separated by commas.
    pub(crate) window: String,
    pub(crate) counts: Counts,
    /// So many labelled records are asked for.
    pub(crate) min_records: u64,
    /// Nothing where there was too little to learn from.
    pub(crate) fit: Option<Fit>,
}

/// A fitted model, and how right it is on what it has not seen.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fit {
    /// In the schema's order.
    pub(crate) fields: Vec<Field>,
    pub(crate) bias: f32,
    /// Newton steps taken.
    pub(crate) rounds: u32,
    pub(crate) converged: bool,
    /// Mean logistic loss on the records that were learnt from, in nats, without the ridge.
    pub(crate) loss: f64,
    pub(crate) learnt: Part,
    pub(crate) held_out: Part,
    /// Share of the held-out records that are answered with their label.
    pub(crate) accuracy: f64,
    /// Share of the commoner class there: what a model is right on that always answers with it.
    pub(crate) commoner_class: f64,
}

/// What a field weighs: `weight · (x − mean) · scale`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) mean: f32,
    pub(crate) scale: f32,
    pub(crate) weight: f32,
}

/// A part of the labelled records.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) records: u64,
    /// Of these, of class 1.
    pub(crate) class_1: u64,
}

// === impl Fit ===

impl Fit {
    pub(crate) fn of(
        fitted: &Fitted,
        schema: &StreamSchema,
        learnt: Rows<'_>,
        held_out: Rows<'_>,
    ) -> Self {
        let model = &fitted.model;
        let fields = schema.fields.iter().enumerate().map(|(at, field)| Field {
            name: field.name.clone(),
            mean: model.mean[at],
            scale: model.scale[at],
            weight: model.weight[at],
        });
        let is_right = |row: &[f32], label: u8| u8::from(model.answer(row) > 0.5) == label;
        let right = held_out.iter().filter(|(row, label)| is_right(row, *label)).count();
        let ones = held_out.ones() as f64 / held_out.len() as f64;
        Self {
            fields: fields.collect(),
            bias: model.bias,
            rounds: fitted.rounds,
            converged: fitted.converged,
            loss: fitted.loss,
            learnt: Part::from(learnt),
            held_out: Part::from(held_out),
            accuracy: right as f64 / held_out.len() as f64,
            commoner_class: ones.max(1.0 - ones),
        }
    }
}

// === impl Part ===

impl From<Rows<'_>> for Part {
    fn from(rows: Rows<'_>) -> Self {
        Self { records: rows.len() as u64, class_1: rows.ones() as u64 }
    }
}
