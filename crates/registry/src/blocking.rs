//! The same functions for callers without a runtime.
//!
//! Each call runs on a thread of its own with a small runtime, so it also works where a runtime is already
//! running, as long as blocking is allowed there.

use std::path::Path;

use crate::{Base, Client, Digest, Error, Fetched, Image, Platform, Published, Reference, Result};

/// See [`crate::read_base`].
pub fn read_base(client: &Client, reference: &Reference, platform: &Platform) -> Result<Base> {
    wait(|| crate::read_base(client, reference, platform))
}

/// See [`crate::publish`].
pub fn publish(
    client: &Client,
    image: &Image,
    target: &Reference,
    tags: &[String],
) -> Result<Published> {
    wait(|| crate::publish(client, image, target, tags))
}

/// See [`crate::fetch_file`].
pub fn fetch_file(
    client: &Client,
    image: &Reference,
    path: &str,
    folder: &Path,
    expected: &Digest,
) -> Result<Fetched> {
    wait(|| crate::fetch_file(client, image, path, folder, expected))
}

/// See [`crate::fetch_model`].
pub fn fetch_model(
    client: &Client,
    image: &Reference,
    folder: &Path,
    expected: Option<&Digest>,
) -> Result<Fetched> {
    wait(|| crate::fetch_model(client, image, folder, expected))
}

/// See [`crate::holds_model`].
pub fn holds_model(client: &Client, image: &Reference, expected: &Digest) -> Result<()> {
    wait(|| crate::holds_model(client, image, expected))
}

pub(crate) fn wait<T: Send, F: Future<Output = Result<T>>>(
    start: impl FnOnce() -> F + Send,
) -> Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| Error::Io { what: "runtime".to_owned(), source })?;
        runtime.block_on(start())
    };
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
