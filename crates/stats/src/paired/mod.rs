//! Tests for models that answered the same records: each pair is its own control, which on the
//! demo's kind of data needs about a fifth of the records that a split stream needs.

mod betting;
mod discordant;

pub use betting::BettingTest;
pub use discordant::Discordant;
