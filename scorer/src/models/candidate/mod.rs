//! A candidate answers in a process of its own, so that nothing it does can stop the champion.
//!
//! ```text
//! scorer                                  child: the same program, with rights taken away
//!   start, schema and model  ────────────►  loads and warms up
//!   ◄──────────────────────────────────────  loaded, or why not
//!   rows of the candidate's part  ────────►  asks the model
//!   (asks the champion meanwhile)
//!   ◄──────────────────────────────────────  answers, or why there are none
//! ```
//!
//! A child that does not answer in time, ends or breaks the protocol is killed. Its records are the champion's at once,
//! and another child is started beside the stream, until the [`Breaker`] has seen too much of that.
//!
//! - [`wire`]: the bytes between the two (pure over a socket)
//! - `child`: the scorer's side; `inside`: the child's, which `sandbox` takes its rights from
//! - [`isolated`]: the candidate as what a plan asks
//! - [`breaker`]: when it is enough (pure)

pub(crate) mod breaker;
pub(crate) mod child;
pub(crate) mod inside;
pub(crate) mod isolated;
pub(crate) mod wire;
