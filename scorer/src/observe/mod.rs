//! What can be watched from outside: metrics, probes and whether records are still answered.

pub(crate) mod http;
pub(crate) mod metrics;
pub(crate) mod pulse;
