//! The topics, the route, Prometheus, files and the clock.

pub(crate) mod clock;
pub(crate) mod commands;
pub(crate) mod labelled_history;
pub(crate) mod metrics_list;
pub(crate) mod prometheus;
pub(crate) mod topics;
pub(crate) mod trial;
