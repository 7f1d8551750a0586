//! Which route is in force: read, adopted once its models are there, and confirmed.

pub(crate) mod adoption;
pub(crate) mod control;
pub(crate) mod follow;
pub(crate) mod lease;
pub(crate) mod seen;
mod status;
