//! From files to an image: three layers, the lower ones shared by all images that have them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use registry::{Image, Layer, LayerBuilder, Platform, Recipe};

use crate::catalogue::Entry;
use crate::libraries;

/// Everything of an image that does not depend on its programs.
#[derive(Debug)]
pub struct Surroundings {
    /// Certificates that are trusted, PEM.
    pub certificates: PathBuf,
    /// Folder of `libonnxruntime.so` with its licences.
    pub engine: PathBuf,
    /// Licence of this project.
    pub license: PathBuf,
    /// Version of the images.
    pub version: String,
}

/// An image and what it weighs.
#[derive(Debug)]
pub struct Assembled {
    /// Ready to be written.
    pub image: Image,
    /// Bytes of its layers as they are stored and sent.
    pub packed: u64,
    /// Bytes of its layers once unpacked.
    pub unpacked: u64,
}

/// Compressed layers of this run, each made once however many images share it.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    layers: RefCell<BTreeMap<String, Layer>>,
}

/// Where models are loaded: no relative path leads anywhere from there.
const EMPTY_FOLDER: &str = "/empty";
/// User and group of every image.
pub const USER: &str = "65532:65532";
/// Folder of the programs.
pub const PROGRAMS: &str = "/usr/local/bin";

const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const ENGINE: &str = "libonnxruntime.so";
const ENGINE_FOLDER: &str = "/usr/local/lib";
const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\n\
    nonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";
/// glibc asks what is written here, in this order.
const NAMES: &str = "hosts: files dns\n";

impl Shelf {
    /// Layers are kept in `folder`, which must outlive the images.
    pub fn new(folder: &Path) -> Self {
        Shelf { folder: folder.to_owned(), layers: RefCell::default() }
    }

    fn packed(&self, layer: LayerBuilder) -> anyhow::Result<Layer> {
        let layer = layer.build()?;
        let mut layers = self.layers.borrow_mut();
        let key = layer.diff_id().to_string();
        if let Some(packed) = layers.get(&key) {
            return Ok(packed.clone());
        }
        let packed = layer.compressed(&self.folder)?;
        layers.insert(key, packed.clone());
        Ok(packed)
    }
}

/// Puts the image of `entry` together; `programs` are its compiled programs in its order.
///
/// # Errors
/// A file is missing or cannot be read.
pub fn assemble(
    entry: &Entry,
    programs: &[PathBuf],
    around: &Surroundings,
    shelf: &Shelf,
) -> anyhow::Result<Assembled> {
    let mut layers = vec![ground(around, shelf)?];
    let mut needing = programs.to_vec();
    if entry.engine {
        needing.push(around.engine.join(ENGINE));
    }
    let libraries = libraries::of(&needing)?;
    if !libraries.is_empty() {
        let mut layer = LayerBuilder::new();
        for library in &libraries {
            let path = library.to_str().context("a library's path is not UTF-8")?;
            layer = layer.file(path, library)?;
        }
        layers.push(shelf.packed(layer)?);
    }
    if entry.engine {
        layers.push(engine(around, shelf)?);
    }
    let mut layer = LayerBuilder::new();
    for ((_, name), program) in entry.programs.iter().zip(programs) {
        layer = layer.file(&format!("{PROGRAMS}/{name}"), program)?;
    }
    layers.push(shelf.packed(layer)?);

    let (_, first) = entry.programs.first().context("an image needs a program")?;
    let mut recipe = Recipe::new(platform()?);
    recipe.env = environment(entry, libraries::search_path(&libraries));
    recipe.labels = labels(entry, &around.version);
    recipe.annotations = recipe.labels.clone();
    recipe.entrypoint = Some(vec![format!("{PROGRAMS}/{first}")]);
    recipe.user = Some(USER.to_owned());
    recipe.working_folder = entry.engine.then(|| EMPTY_FOLDER.to_owned());
    let packed = layers.iter().map(Layer::size).sum();
    let unpacked = layers.iter().map(Layer::unpacked_size).sum();
    recipe.layers = layers;
    Ok(Assembled { image: recipe.assemble()?, packed, unpacked })
}

/// What every program finds: who it is, whom to trust, where to write.
fn ground(around: &Surroundings, shelf: &Shelf) -> anyhow::Result<Layer> {
    let layer = LayerBuilder::new();
    let mut layer = layer.shared_folder("/tmp")?;
    let files = [("/etc/passwd", PASSWD), ("/etc/group", GROUP), ("/etc/nsswitch.conf", NAMES)];
    for (path, text) in files {
        let file = shelf.folder.join(path.trim_start_matches("/etc/"));
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        layer = layer.data(path, &file)?;
    }
    ensure!(
        around.certificates.is_file(),
        "no certificates at {}; install ca-certificates or name the file with --certificates",
        around.certificates.display()
    );
    let layer = layer
        .data(CERTIFICATES, &around.certificates)?
        .data("/usr/share/doc/headgate/LICENSE", &around.license)?;
    shelf.packed(layer)
}

fn engine(around: &Surroundings, shelf: &Shelf) -> anyhow::Result<Layer> {
    let mut layer = LayerBuilder::new()
        .empty_folder(EMPTY_FOLDER)?
        .file(&format!("{ENGINE_FOLDER}/{ENGINE}"), &around.engine.join(ENGINE))?;
    for paper in ["LICENSE", "ThirdPartyNotices.txt"] {
        let place = format!("/usr/share/doc/onnxruntime/{paper}");
        layer = layer.data(&place, &around.engine.join(paper))?;
    }
    shelf.packed(layer)
}

fn environment(entry: &Entry, search_path: Option<String>) -> BTreeMap<String, String> {
    let mut variables = vec![("PATH", PROGRAMS.to_owned()), ("SSL_CERT_FILE", CERTIFICATES.into())];
    variables.extend(search_path.map(|path| (libraries::SEARCHED, path)));
    if entry.engine {
        variables.push(("ORT_DYLIB_PATH", format!("{ENGINE_FOLDER}/{ENGINE}")));
        // Otherwise the engine calls its vendor; programs set it themselves too.
        variables.push(("ORT_DISABLE_TELEMETRY", "1".to_owned()));
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn labels(entry: &Entry, version: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("title", format!("headgate/{}", entry.name)),
        ("description", entry.about.to_owned()),
        ("version", version.to_owned()),
        ("licenses", "Apache-2.0".to_owned()),
    ];
    pairs.map(|(key, value)| (format!("org.opencontainers.image.{key}"), value)).into()
}

fn platform() -> anyhow::Result<Platform> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    Ok(format!("linux/{architecture}").parse()?)
}
