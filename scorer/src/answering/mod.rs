//! From feature records to what the models answer. Pure but for the models.

pub(crate) mod ask;
pub(crate) mod batch;
pub(crate) mod plan;
