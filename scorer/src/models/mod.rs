//! Models from their reference to their answers: the champion in this process, a candidate in one of its own.

pub(crate) mod candidate;
pub(crate) mod load;
pub(crate) mod watch;
