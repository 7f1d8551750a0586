//! The flags, and what they mean before anything is read.

use std::path::PathBuf;
use std::str::FromStr;

use registry::{Digest, InputFile, Platform, Reference, RegistryArgs};

/// The flags of the step.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// File of the model: a path, or oci://<registry>/<repository>[:tag][@digest][#name]
    #[arg(long, env = "HEADGATE_MODEL", value_name = "FILE")]
    pub model: InputFile,

    /// Digest that the model's file must have, sha256:<hex>; any other ends in the verdict fail
    #[arg(long, env = "HEADGATE_MODEL_DIGEST", value_name = "DIGEST")]
    pub model_digest: Digest,

    /// Image to build on: oci:<folder>, a registry reference, or scratch for an empty one
    #[arg(long, env = "HEADGATE_BASE", value_name = "IMAGE", default_value = "scratch")]
    pub base: Base,

    /// Where the image goes: oci:<folder>[:<tag>] or host[:port]/repository[:tag]
    #[arg(long, env = "HEADGATE_IMAGE", value_name = "IMAGE")]
    pub image: Reference,

    /// Further tags, repeated or separated by commas
    #[arg(long, env = "HEADGATE_TAG", value_delimiter = ',')]
    pub tag: Vec<String>,

    /// Path of the model in the image
    #[arg(long, env = "HEADGATE_MODEL_DEST", value_name = "PATH", default_value = MODEL_DEST)]
    pub model_dest: String,

    /// File or folder to add and its path in the image; repeated or separated by commas
    #[arg(long, env = "HEADGATE_ADD", value_name = "SRC:DEST", value_delimiter = ',')]
    pub add: Vec<Addition>,

    /// Program of the image, in words or as a JSON array; the base's stays if none is given
    #[arg(long, env = "HEADGATE_ENTRYPOINT", value_name = "WORDS")]
    pub entrypoint: Option<Entrypoint>,

    /// Environment variable of the image, NAME=value; may be repeated
    #[arg(long, env = "HEADGATE_ENV", value_name = "NAME=VALUE", value_parser = pair)]
    pub env: Vec<(String, String)>,

    /// Label of the image, name=value; may be repeated
    #[arg(long, env = "HEADGATE_LABEL", value_name = "NAME=VALUE", value_parser = pair)]
    pub label: Vec<(String, String)>,

    /// User that the image runs as
    #[arg(long, env = "HEADGATE_USER", default_value = "65532")]
    pub user: String,

    /// What the image runs on; picks the base out of an index
    #[arg(long, env = "HEADGATE_PLATFORM", default_value = "linux/amd64")]
    pub platform: Platform,

    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Where the scorer looks for the model of its image.
pub const MODEL_DEST: &str = "/models/model.onnx";

/// What to build on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An image.
    Image(Reference),
}

/// A file or folder to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Here.
    pub source: PathBuf,
    /// In the image.
    pub destination: String,
}

/// A program and its first arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrypoint(pub Vec<String>);

impl FromStr for Base {
    type Err = registry::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "scratch" => Ok(Base::Scratch),
            image => image.parse().map(Base::Image),
        }
    }
}

impl FromStr for Addition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((source, destination)) if !source.is_empty() && destination.starts_with('/') => {
                Ok(Addition { source: source.into(), destination: destination.to_owned() })
            }
            _ => Err("write <file or folder>:<absolute path in the image>".to_owned()),
        }
    }
}

impl FromStr for Entrypoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = if text.trim_start().starts_with('[') {
            serde_json::from_str(text).map_err(|_| "not a JSON array of texts".to_owned())?
        } else {
            text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        if words.is_empty() { Err("no program is named".to_owned()) } else { Ok(Entrypoint(words)) }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn flags_say_what_they_look_like() {
        let words = |text: &str| text.parse::<Entrypoint>().map(|it| it.0);
        assert_eq!(words("/scorer --port 8080").unwrap(), ["/scorer", "--port", "8080"]);
        assert_eq!(words(r#"["/scorer","a b"]"#).unwrap(), ["/scorer", "a b"]);
        assert!(words(" ").is_err() && words("[1]").is_err() && words("[]").is_err());

        let added: Addition = "target/a:b:/bin/b".parse().unwrap();
        assert_eq!((added.source, &*added.destination), ("target/a:b".into(), "/bin/b"));
        assert!("a".parse::<Addition>().is_err() && "a:b".parse::<Addition>().is_err());

        assert_eq!(pair("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert!(pair("A").is_err() && pair("=b").is_err());

        assert_eq!("scratch".parse::<Base>().unwrap(), Base::Scratch);
        assert!("Not An Image".parse::<Base>().is_err());
    }
}
