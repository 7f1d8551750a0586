//! Faults on a real Apache Kafka: processes killed with signal 9, writers fenced, a broker that is away, records
//! that cannot be answered.
//!
//! # Layout
//!
//! - `scorer`: the scorer killed under load
//! - `steps`: every step killed in mid-run and run again
//! - `broker`: fencing, and a broker that is away
//! - `records`: what goes to the dead letters
//! - `secured`: a broker that speaks encrypted and wants to know who asks
#![expect(clippy::unwrap_used, reason = "tests")]

mod broker;
mod records;
mod scorer;
mod secured;
mod steps;
