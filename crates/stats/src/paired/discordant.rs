//! Of the pairs on which exactly one model is wrong, how many are whose?

use serde::{Deserialize, Serialize};

/// Pairs on which exactly one of the two models is wrong. The pairs on which both are right or both
/// are wrong say nothing about which is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discordant {
    /// Pairs that only the candidate got wrong.
    pub candidate_only: u64,
    /// Pairs that only the champion got wrong.
    pub champion_only: u64,
}

impl Discordant {
    /// All discordant pairs.
    pub fn total(&self) -> u64 {
        self.candidate_only + self.champion_only
    }
}
