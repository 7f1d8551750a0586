//! Makes the container images of the steps and the scorer, without a daemon.
//!
//! An image is three or four layers: what every program finds (`/etc/passwd`, certificates, `/tmp`), the shared
//! libraries and ONNX Runtime where they are needed, and the program.
//! The lower layers are the same bytes in every image, so a node pulls them once.
//! Nothing of the clock or the machine's users goes into an image: the same files give the same digest.
//!
//! - [`catalogue`]: which images there are; [`programs`]: cargo; [`libraries`]: what the loader needs
//! - [`assemble`]: layers and settings; [`overlay`]: digests for kustomize; [`table`]: sizes

pub mod assemble;
pub mod catalogue;
pub mod libraries;
pub mod overlay;
pub mod programs;
pub mod table;
