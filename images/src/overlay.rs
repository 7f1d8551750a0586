//! What kustomize needs to take these images: a component with a digest for every name.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use registry::Digest;

/// An image that was written.
#[derive(Debug)]
pub struct Written {
    /// `headgate/<name>`, as the YAML says it.
    pub name: String,
    /// The same in the registry, without tag; the name itself if there is none.
    pub repository: String,
    /// Of its manifest.
    pub digest: Digest,
}

/// kustomize knows where a Deployment names its image, but not where Argo's kinds do.
const FIELDS: &str = "\
# Where Argo's kinds name an image, for kustomize's `images`.
images:
  - path: spec/templates[]/container/image
    kind: WorkflowTemplate
  - path: spec/templates[]/initContainers[]/image
    kind: WorkflowTemplate
";

/// One line an image: its name and the same by digest, for scripts.
pub fn lines(written: &[Written]) -> String {
    let line = |image: &Written| format!("{}={}@{}\n", image.name, image.repository, image.digest);
    written.iter().map(line).collect()
}

/// Writes the component into `folder`.
///
/// # Errors
/// The folder cannot be written.
pub fn write(folder: &Path, written: &[Written]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let mut component = String::from(
        "# Written by `make images`: the images of this build, by digest.\n\
         apiVersion: kustomize.config.k8s.io/v1alpha1\n\
         kind: Component\n\
         configurations: [fields.yaml]\n\
         images:\n",
    );
    for image in written {
        let (name, repository, digest) = (&image.name, &image.repository, &image.digest);
        writeln!(component, "  - name: {name}\n    newName: {repository}\n    digest: {digest}")?;
    }
    for (name, text) in [("kustomization.yaml", &*component), ("fields.yaml", FIELDS)] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
