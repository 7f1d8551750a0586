//! What records of topics say to a gate: answers, labels, business events, slices. Pure.

pub(crate) mod answer;
pub(crate) mod events;
mod hash;
pub(crate) mod labels;
pub(crate) mod slices;
pub(crate) mod slices_of;

pub(crate) use hash::hash;
