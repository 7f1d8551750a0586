//! How ids and keys are held in memory.

/// 64 bits stand for an id: two of a million waiting ones are the same once in 37 million canaries.
///
/// FNV-1a, whose bits are mixed; neither ever changes, so a replay by a later version finds the same numbers.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    stats::random::mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}
