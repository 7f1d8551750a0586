//! Events that do not come alone: keys that fail again and again, and stretches of bad luck.
//!
//! The count test takes events to be independent given who answered. Two things break that.
//! A sticky split draws *keys*, so all failures of one key are one draw ([`KeyWeights`] measures how
//! much that matters, [`Aggregation`] chooses from it, [`SeenKeys`] counts each key once). And one
//! model's failures may come and go on their own over time ([`Dispersion`] measures by how much more
//! the split of the failures varies from batch to batch than that of independent ones).
//!
//! Where both models answered every record there is no split: [`ClusteredMean`] measures both ways in
//! which the values of one sequence may go together.

mod dispersion;
mod keys;
mod mean;
mod seen;

pub use dispersion::{Dispersion, HISTORY_WEIGHT, extra_variance};
pub use keys::{Aggregation, KeyWeights, MEASURES};
pub use mean::{Cause, ClusteredMean, Dependence};
pub use seen::SeenKeys;
