//! Which keys have failed already, in fixed memory.

use serde::{Deserialize, Serialize};

use crate::random::mix;

/// Bits a planned key, and hash functions: less than 0.1 % of new keys are taken for known ones
/// when all planned keys have failed.
const BITS: u64 = 16;
const HASHES: u64 = 8;

/// A Bloom filter of keys. A new key taken for a known one is passed over whichever model
/// answered it, so that a count of keys stays exact and only loses a little of its evidence.
/// Source: Bloom, CACM 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenKeys {
    words: Vec<u64>,
}

impl SeenKeys {
    /// Room for `planned` failing keys, 2 bytes each (rounded up to a power of two).
    pub fn new(planned: u64) -> Self {
        let words = (planned.max(64) * BITS / 64).next_power_of_two();
        Self { words: vec![0; words as usize] }
    }

    /// Whether the key (a well-mixed 64-bit hash) is new; it is known from now on.
    pub fn is_new(&mut self, key: u64) -> bool {
        let bits = self.words.len() as u64 * 64;
        let (start, step) = (mix(key ^ 0xa076_1d64_78bd_642f), mix(key) | 1);
        let mut is_new = false;
        for hash in 0..HASHES {
            let bit = start.wrapping_add(step.wrapping_mul(hash)) % bits;
            let (word, mask) = ((bit / 64) as usize, 1 << (bit % 64));
            is_new |= self.words[word] & mask == 0;
            self.words[word] |= mask;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_once_and_few_new_ones_are_missed() {
        let mut seen = SeenKeys::new(10_000);
        let found = (0..10_000u64).filter(|&key| seen.is_new(mix(key + 7))).count();
        assert!(found >= 9_990, "{found}");
        assert!((0..10_000u64).all(|key| !seen.is_new(mix(key + 7))));
    }
}
