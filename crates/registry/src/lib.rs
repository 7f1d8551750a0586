//! OCI layouts and registries: write, push and fetch images without a layer in memory.
//!
//! A model is gigabytes, a step's pod is not: every blob here is a stream that can be started again, never a
//! buffer.
//! What an image is made of depends on content alone, so the same model and base give the same digest on any
//! day and a second push sends no byte.
//!
//! - [`Reference`] says where an image lies: an OCI layout folder or a registry.
//! - [`LayerBuilder`] turns files into a [`Layer`], a tar archive that exists only as a recipe.
//! - [`Recipe`] puts layers onto a base and gives an [`Image`]; [`publish`] writes it where it belongs.
//! - [`fetch_file`] and [`fetch_model`] get one file back out, by digest.
//! - [`Image::of_files`] makes an artifact of files as they are; an [`InputFile`] names one of them, or a path.
//! - [`RegistryArgs`] are the flags of every program that speaks to registries.
//!
//! Everything that talks HTTP is async; [`blocking`] wraps the same functions for callers without a runtime.

mod answer;
mod args;
mod artifact;
mod auth;
mod blob;
pub mod blocking;
mod client;
mod compress;
mod credentials;
mod descriptor;
mod digest;
mod error;
mod fetch;
mod header;
mod image;
mod input;
mod json;
mod layer;
mod layout;
mod pick;
mod place;
mod publish;
mod pull;
mod reference;
mod retry;
mod staging;
mod upload;

pub use args::RegistryArgs;
pub use client::{Client, Options, PlainHttp};
pub use credentials::{Credential, Credentials};
pub use descriptor::{Descriptor, Platform, media_type};
pub use digest::{Digest, Hasher};
pub use error::{Error, Result};
pub use fetch::{Fetched, fetch_file, fetch_model, holds_model};
pub use image::{Base, Image, Recipe, annotation, read_base};
pub use input::InputFile;
pub use layer::{Layer, LayerBuilder, LayerFile};
pub use layout::Layout;
pub use publish::{BlobReport, Outcome, Published, publish};
pub use reference::{Reference, Select};
pub use retry::RetryPolicy;
