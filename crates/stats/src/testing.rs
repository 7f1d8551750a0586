//! What the tests of this crate share: the seeded generator, and a comparison with tolerance.

pub(crate) use crate::random::Random;

#[track_caller]
pub(crate) fn assert_close(got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance,
        "got {got:.12}, expected {expected:.12} within {tolerance:e}"
    );
}

/// A well-mixed hash of a small number.
pub(crate) fn mixed(number: u64) -> u64 {
    Random::seeded(number).bits()
}
