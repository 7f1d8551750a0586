//! Which variant answers a key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stream::Variant;

use crate::Route;

/// How a stream's records are split between champion and candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// By the record's key, so that one key keeps its model while the share stands or grows: [`variant`].
    #[default]
    StickyKey,
}

/// The variant that answers `key` under `route`.
///
/// The key's place is the first 53 bits of SHA-256(candidate digest ‖ 0x00 ‖ key) as a fraction of 1; the
/// candidate answers where the place is below its share. So a raised share only adds keys, every scorer in any
/// language agrees, and different candidates try different keys.
pub fn variant(route: &Route, key: &[u8]) -> Variant {
    let Some(candidate) = &route.candidate else { return Variant::Champion };
    if candidate.share <= 0.0 {
        return Variant::Champion;
    }
    match route.split {
        Split::StickyKey if candidate.share >= 1.0 => Variant::Candidate,
        Split::StickyKey if place(&candidate.model.digest, key) < candidate.share => {
            Variant::Candidate
        }
        Split::StickyKey => Variant::Champion,
    }
}

/// The place of `key` in [0, 1) on the trial of the model with digest `salt`.
pub fn place(salt: &str, key: &[u8]) -> f64 {
    let hash = Sha256::new().chain_update(salt).chain_update([0]).chain_update(key).finalize();
    let head: [u8; 8] = hash[..8].try_into().expect("SHA-256 has 32 bytes");
    (u64::from_be_bytes(head) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelRef;

    fn route(share: f64) -> Route {
        let model = |n: u8| ModelRef { digest: format!("sha256:{n}"), image: String::new() };
        Route::bootstrap("s", model(1)).with_candidate(model(2), share)
    }

    fn keys(share: f64) -> Vec<u32> {
        let route = route(share);
        (0..20_000)
            .filter(|n: &u32| variant(&route, &n.to_be_bytes()) == Variant::Candidate)
            .collect()
    }

    #[test]
    fn a_raised_share_only_adds_keys() {
        let (few, more) = (keys(0.05), keys(0.25));
        assert!(few.iter().all(|key| more.contains(key)));
        assert_eq!((keys(0.0).len(), keys(1.0).len()), (0, 20_000));
    }

    #[test]
    fn the_share_is_met() {
        // Binomial(20,000, 0.05): five standard deviations are 154.
        assert!(keys(0.05).len().abs_diff(1_000) < 154);
    }

    #[test]
    fn the_place_of_a_key_is_the_same_in_every_language() {
        // Python: (int.from_bytes(hashlib.sha256(b"sha256:2\0key").digest()[:8], "big") >> 11) / 2**53
        assert!((place("sha256:2", b"key") - 0.17402792973952264).abs() < 1e-15);
    }
}
