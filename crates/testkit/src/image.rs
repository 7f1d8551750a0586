//! Images that hold a model by what their manifest says, as steps look for it; nobody loads such a model.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Writes an OCI layout into `folder` whose only image says that it holds the model `digest`; the file of its layer.
///
/// # Errors
/// The folder cannot be written.
pub fn write_image(folder: &Path, digest: &str) -> anyhow::Result<PathBuf> {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs)?;
    let blob = |media_type: &str, bytes: &[u8]| -> anyhow::Result<Value> {
        let hex = hex(&Sha256::digest(bytes));
        std::fs::write(blobs.join(&hex), bytes)?;
        Ok(
            json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() }),
        )
    };
    let mut layer = blob("application/vnd.oci.image.layer.v1.tar", digest.as_bytes())?;
    layer["annotations"] = json!({ "dev.headgate.model.digest": digest });
    let config = blob("application/vnd.oci.image.config.v1+json", b"{}")?;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
        "annotations": {
            "dev.headgate.model.path": "/models/model.onnx", "dev.headgate.model.digest": digest,
        },
    });
    let manifest = blob(MANIFEST, manifest.to_string().as_bytes())?;
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    std::fs::write(folder.join("index.json"), index.to_string())?;
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(blobs.join(hex(&Sha256::digest(digest.as_bytes()))))
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
