//! What the caller says: registry, addresses, binaries.

use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, ensure};

/// The bridge of the cluster in `../shared/cluster`, by which pods reach this machine.
const BRIDGE: &str = "10.88.0.1";

/// What the caller says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the images are pulled from and pushed to, seen from this machine and from the nodes.
    pub registry: String,
    /// The same, seen from pods.
    pub registry_from_pods: String,
    /// This machine, seen from pods.
    pub host_from_pods: String,
    /// The binaries of `cargo build`.
    pub binaries: PathBuf,
}

impl Settings {
    /// From the environment: `REGISTRY`, `HOST_FROM_PODS`, `REGISTRY_FROM_PODS`.
    ///
    /// # Errors
    /// Something is missing, with what to set.
    pub fn from_environment(binaries: PathBuf) -> anyhow::Result<Self> {
        let registry = std::env::var("REGISTRY").context(
            "REGISTRY is not set: name the registry that the cluster pulls from, host:port",
        )?;
        let host_from_pods = match std::env::var("HOST_FROM_PODS") {
            Ok(host) => host,
            Err(_) => {
                let here = TcpListener::bind((BRIDGE, 0)).is_ok();
                ensure!(
                    here,
                    "HOST_FROM_PODS is not set: name the address by which pods reach this machine \
                     (with kind, the gateway of its network), for Kafka runs here"
                );
                BRIDGE.to_owned()
            }
        };
        let registry_from_pods = std::env::var("REGISTRY_FROM_PODS").unwrap_or_else(|_| {
            let (host, port) = registry.split_once(':').unwrap_or((&registry, "443"));
            match host {
                "127.0.0.1" | "localhost" => format!("{host_from_pods}:{port}"),
                _ => registry.clone(),
            }
        });
        Ok(Self { registry, registry_from_pods, host_from_pods, binaries })
    }
}
