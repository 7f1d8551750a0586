//! The scorer as a program, on the memory broker.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod calls;
mod champion;
mod hostile;
mod routes;
mod support;
