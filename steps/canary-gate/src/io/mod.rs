//! The topics, the route and the clock.

pub(crate) mod clock;
pub(crate) mod commands;
pub(crate) mod labelled_history;
pub(crate) mod topics;
pub(crate) mod traffic;
