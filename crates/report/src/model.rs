//! Models on a page: a name for people beside the digest that identifies them.

use maud::{Markup, html};
use serde_json::Value;

use crate::text;

/// A model, and what it is to the page.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Such as `Candidate`.
    pub role: String,
    /// Empty where nobody gave one.
    pub name: String,
    pub digest: String,
    /// Where its image lies; may be empty.
    pub image: String,
}

impl Model {
    /// A model that an image carries.
    pub fn of_image(
        role: impl Into<String>,
        digest: impl Into<String>,
        image: impl Into<String>,
    ) -> Self {
        let image = image.into();
        let name = name_of_image(&image);
        Self { role: role.into(), name, digest: digest.into(), image }
    }

    /// A model that lies in a file.
    pub fn of_file(role: impl Into<String>, digest: impl Into<String>, file: &str) -> Self {
        let name = name_of_file(file);
        Self { role: role.into(), name, digest: digest.into(), image: String::new() }
    }

    /// A model as decision records hold it: an object with `digest`, and perhaps `name` and `image`; or its digest alone.
    #[must_use]
    pub fn of(role: impl Into<String>, value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let digest = value.as_str().map_or_else(
            || if text("digest").is_empty() { text("sha256") } else { text("digest") },
            str::to_owned,
        );
        let image = text("image");
        let name = if text("name").is_empty() { name_of_image(&image) } else { text("name") };
        (!digest.is_empty()).then(|| Self { role: role.into(), name, digest, image })
    }

    /// A model that a record names by its digest among the inputs and by its file or image among the flags.
    #[must_use]
    pub fn of_input(role: impl Into<String>, record: &Value, input: &str) -> Option<Self> {
        let given = record["flags"][input][0].as_str().unwrap_or_default();
        let mut model = Self::of(role, &record["inputs"][input])?;
        model.name = name_of_file(given);
        Some(model)
    }

    /// Its name, or else the first digits of its digest.
    #[must_use]
    pub fn called(&self) -> String {
        match self.name.is_empty() {
            true => text::short(&self.digest),
            false => text::plain(&self.name),
        }
    }

    pub(crate) fn render(&self) -> Markup {
        html! {
            div class="model" {
                dt { (text::prose(&self.role)) }
                dd {
                    @if !self.name.is_empty() { strong { (text::prose(&self.name)) } }
                    (text::value(&self.digest))
                    @if !self.image.is_empty() {
                        span class="note" { "image " (text::prose(&self.image)) }
                    }
                }
            }
        }
    }
}

/// The name of a file without folder and extension; of an artifact (`oci://…#file`), that of the file in it.
#[must_use]
pub fn name_of_file(path: &str) -> String {
    let path = path.rsplit('#').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty())
        .map_or(name, |(stem, _)| stem)
        .to_owned()
}

/// The name within an image's reference: the repository without its registry, with the tag where it has one.
///
/// `registry.example:5000/shuttle/boosting:v3@sha256:…` is `shuttle/boosting:v3`; a layout on disk (`oci:…`) is called
/// by its folder.
#[must_use]
pub fn name_of_image(image: &str) -> String {
    words::model_name::of_image(image).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_give_models_their_names() {
        for (image, name) in [
            ("registry.example:5000/shuttle/boosting:v3@sha256:12", "shuttle/boosting:v3"),
            ("localhost/shuttle@sha256:12", "shuttle"),
            ("shuttle/boosting:v3", "shuttle/boosting:v3"),
            ("oci:/tmp/layouts/boosting:v3", "boosting:v3"),
            ("oci:x", "x"),
            ("sha256", "sha256"),
            ("", ""),
        ] {
            assert_eq!(name_of_image(image), name, "{image}");
        }
    }

    #[test]
    fn files_give_models_their_names() {
        let files = [
            "demo/models/boosting.onnx",
            "oci://r.io/a@sha256:1#boosting.onnx",
            "/boosting",
            ".onnx",
            "",
        ];
        let names = ["boosting", "boosting", "boosting", ".onnx", ""];
        assert_eq!(files.map(name_of_file), names);
        let record =
            json!({ "flags": { "model": ["m/a.onnx"] }, "inputs": { "model": "sha256:12" } });
        assert_eq!(
            Model::of_input("Model", &record, "model").map(|it| it.called()).as_deref(),
            Some("a")
        );
        assert!(Model::of_input("Model", &record, "champion").is_none());
    }

    #[test]
    fn a_name_of_its_own_comes_first_and_a_digest_last() {
        let of = |value| Model::of("Candidate", &value).map(|model| model.called());
        let digest = "sha256:0123456789abcdef";
        assert_eq!(
            of(json!({ "digest": digest, "image": "r.io/a/b:1", "name": "c" })).as_deref(),
            Some("c")
        );
        assert_eq!(
            of(json!({ "digest": digest, "image": "r.io/a/b:1" })).as_deref(),
            Some("a/b:1")
        );
        assert_eq!(of(json!(digest)).as_deref(), Some("0123456789ab"));
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!(null)), None);
    }
}
