//! The exit codes of every step.
//!
//! Argo reads them in `retryStrategy.expression`; 64 is left out because Argo's own executor uses it.

/// A verdict was reached, whichever it is, and its event was emitted.
pub const VERDICT: u8 = 0;
/// The same, where `--fail-on-verdict` was given and the verdict is not `pass`.
pub const VERDICT_AGAINST: u8 = 10;
/// Wrong usage or configuration: running again cannot help.
pub const USAGE: u8 = 2;
/// A bug in the step.
pub const BUG: u8 = 70;
/// A transient failure (a broker or registry away, a SIGTERM): run the step again.
pub const TRANSIENT: u8 = 75;

/// Every code with the sentence that `--describe` and the README tables give.
pub const ALL: [(u8, &str); 5] = [
    (VERDICT, "a verdict was reached, whichever it is; its event was emitted"),
    (VERDICT_AGAINST, "with --fail-on-verdict: a verdict was reached, and it is not pass"),
    (USAGE, "wrong usage or configuration; never retried"),
    (BUG, "a bug in the step"),
    (TRANSIENT, "a transient failure, or stopped by SIGTERM; run again"),
];
