//! Did a feature leave the range that the model was trained for?
//!
//! A baseline is kept as an [`Ecdf`], a summary that is exact for features with few distinct values
//! (integers, flags, constants) and has a known resolution for all others. A window of records is
//! judged against it with the Kolmogorov-Smirnov statistic ([`ks_against`]) and with the population
//! stability index over bins that the baseline fixes ([`PsiBins`]). Both limits know the sample
//! sizes, so that a small window does not alarm by chance, and both take a practical minimum, so
//! that a large window does not alarm over nothing.
//!
//! Assumption of every limit here: the records of a window are independent. Telemetry that moves
//! slowly is not, and alarms more often than `alpha` says; widen the practical minimum or thin the
//! window then.

mod divergence;
mod ecdf;
mod ks;
mod psi;
mod shift;

pub use divergence::jensen_shannon_distance;
pub use ecdf::{DEFAULT_POINTS, Ecdf, Point};
pub use ks::{KsTest, ks_against, ks_limit};
pub use psi::{DEFAULT_BINS, PsiBins, psi, psi_limit, smoothed};
pub use shift::{Moments, mean_shift, moments};
