//! For tests: Debian's `prometheus` on a free loopback port, and a page that it scrapes.

mod page;
mod proxy;
mod server;

pub use page::MetricsPage;
pub use proxy::Proxy;
pub use server::{OwnPrometheus, PASSWORD, Setup, USERNAME};
