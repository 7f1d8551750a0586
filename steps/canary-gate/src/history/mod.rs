//! What has happened, entry by entry: recorded, kept on a topic, and replayed.

pub(crate) mod checkpoint;
pub(crate) mod journal;
pub(crate) mod ledger;

#[cfg(test)]
mod ledger_tests;
