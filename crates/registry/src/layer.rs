//! Layers as recipes: a tar archive as headers and file ranges, never written down.
//!
//! The archive is uncompressed, so its digest is also its diff id, weights cost one read, and a layer can be
//! read again from its start when an upload breaks.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::CHUNK;
use crate::header::{self, BLOCK, MODE_EXECUTABLE, MODE_PLAIN};
use crate::{Digest, Error, Hasher, Result};

/// Collects what goes into one layer.
#[derive(Debug, Default)]
pub struct LayerBuilder {
    entries: BTreeMap<String, Entry>,
}

/// A layer with known digest and size, readable as often as needed.
#[derive(Debug, Clone)]
pub struct Layer {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Digest and size of the archive before compression.
    pub(crate) unpacked: (Digest, u64),
    pub(crate) files: Vec<LayerFile>,
    pub(crate) segments: Arc<[Segment]>,
}

/// A regular file of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Absolute path in the image.
    pub path: String,
    /// The digest of the file's bytes.
    pub digest: Digest,
    /// The file's size in bytes.
    pub size: u64,
    /// 0o755 for a program, 0o644 for everything else.
    pub mode: u32,
}

impl LayerBuilder {
    /// An empty layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the regular file `source` as `destination`, an absolute path in the image.
    /// It is executable in the image if its owner may execute it here; nothing else of its metadata counts.
    pub fn file(self, destination: &str, source: &Path) -> Result<Self> {
        let metadata = regular(source)?;
        let executable = metadata.permissions().mode() & 0o100 != 0;
        let mode = if executable { MODE_EXECUTABLE } else { MODE_PLAIN };
        self.add(destination, source, metadata.len(), mode)
    }

    /// Like [`LayerBuilder::file`], but never executable: a model's digest must not hang on a mode that some
    /// download set.
    pub fn data(self, destination: &str, source: &Path) -> Result<Self> {
        let size = regular(source)?.len();
        self.add(destination, source, size, MODE_PLAIN)
    }

    /// Adds a file or, with everything beneath it, a folder. Links are followed.
    pub fn tree(mut self, destination: &str, source: &Path) -> Result<Self> {
        if !source.is_dir() {
            return self.file(destination, source);
        }
        self.insert_folders(&format!("{}/", inside(destination)?))?;
        let listing = fs::read_dir(source).map_err(|e| Error::io(source, e))?;
        for child in listing {
            let child = child.map_err(|e| Error::io(source, e))?;
            let name = child.file_name();
            let Some(name) = name.to_str() else {
                let what = child.path().display().to_string();
                return Err(Error::invalid(what, "the name is not UTF-8"));
            };
            let below = format!("{}/{name}", destination.trim_end_matches('/'));
            self = self.tree(&below, &child.path())?;
        }
        Ok(self)
    }

    /// Adds an empty folder that every user may write to, as `/tmp` is; only its owner may delete a file in it.
    pub fn shared_folder(mut self, folder: &str) -> Result<Self> {
        let folder = inside(folder)?;
        self.insert_folders(&folder)?;
        self.entries.insert(folder, Entry::SharedFolder);
        Ok(self)
    }

    /// Adds an empty folder that only its owner may write to.
    pub fn empty_folder(mut self, folder: &str) -> Result<Self> {
        self.insert_folders(&format!("{}/", inside(folder)?))?;
        Ok(self)
    }

    /// Hides what lower layers hold in `folder`, so that nothing stale lies beside this layer's files.
    pub fn only_ours_in(mut self, folder: &str) -> Result<Self> {
        let marker = format!("{}/.wh..wh..opq", inside(folder)?);
        self.insert_folders(&marker)?;
        self.entries.insert(marker, Entry::Marker);
        Ok(self)
    }

    /// Reads every file once, for its own digest and the layer's together.
    pub fn build(self) -> Result<Layer> {
        let mut segments = Vec::new();
        let mut layer = Hasher::default();
        let mut files = Vec::new();
        for (path, entry) in self.entries {
            match entry {
                Entry::Folder => bytes(&mut segments, &mut layer, &header::of_folder(&path)?),
                Entry::SharedFolder => {
                    bytes(&mut segments, &mut layer, &header::of_shared_folder(&path)?);
                }
                Entry::Marker => {
                    bytes(&mut segments, &mut layer, &header::of_file(&path, MODE_PLAIN, 0)?);
                }
                Entry::File { source, size, mode } => {
                    bytes(&mut segments, &mut layer, &header::of_file(&path, mode, size)?);
                    let digest = hash_file(&source, size, &mut layer)?;
                    segments.push(Segment::File { path: source, size });
                    let zeros = [0; BLOCK as usize];
                    let padding = header::padding(size) as usize;
                    bytes(&mut segments, &mut layer, &zeros[..padding]);
                    files.push(LayerFile { path: format!("/{path}"), digest, size, mode });
                }
            }
        }
        bytes(&mut segments, &mut layer, &[0; 2 * BLOCK as usize]);
        let size = layer.size();
        let digest = layer.finish();
        let unpacked = (digest.clone(), size);
        Ok(Layer { digest, size, unpacked, files, segments: segments.into() })
    }

    fn add(mut self, destination: &str, source: &Path, size: u64, mode: u32) -> Result<Self> {
        let entry = Entry::File { source: source.to_owned(), size, mode };
        self.insert(inside(destination)?, entry)?;
        Ok(self)
    }

    fn insert(&mut self, path: String, entry: Entry) -> Result<()> {
        if path.split('/').any(|part| part.starts_with(".wh.")) {
            let why = "names that begin with .wh. delete files in an image";
            return Err(Error::invalid(format!("/{path}"), why));
        }
        self.insert_folders(&path)?;
        match self.entries.insert(path.clone(), entry) {
            None => Ok(()),
            Some(_) => Err(Error::invalid(format!("/{path}"), "added twice to one layer")),
        }
    }

    /// Adds the folders above `path`.
    fn insert_folders(&mut self, path: &str) -> Result<()> {
        for (at, _) in path.match_indices('/') {
            let folder = &path[..at];
            match self.entries.get(folder) {
                None => {
                    self.entries.insert(folder.to_owned(), Entry::Folder);
                }
                Some(Entry::Folder | Entry::SharedFolder) => {}
                Some(_) => {
                    let why = "is a file and a folder in one layer";
                    return Err(Error::invalid(format!("/{folder}"), why));
                }
            }
        }
        Ok(())
    }
}

impl Layer {
    /// The digest of the archive as it is stored.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The digest of the archive before compression; the same as [`Layer::digest`] where there is none.
    pub fn diff_id(&self) -> &Digest {
        &self.unpacked.0
    }

    /// The archive's size in bytes as it is stored.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The archive's size in bytes before compression.
    pub fn unpacked_size(&self) -> u64 {
        self.unpacked.1
    }

    /// The regular files, by path.
    pub fn files(&self) -> &[LayerFile] {
        &self.files
    }

    /// The archive's bytes from the start. A file that shrank since [`LayerBuilder::build`] is an error; one
    /// that changed otherwise shows as a wrong digest, which every writer checks.
    pub fn reader(&self) -> impl Read + Send + use<> {
        LayerReader { segments: self.segments.clone(), next: 0, current: Current::None }
    }
}

#[derive(Debug)]
enum Entry {
    Folder,
    SharedFolder,
    Marker,
    File { source: PathBuf, size: u64, mode: u32 },
}

#[derive(Debug)]
pub(crate) enum Segment {
    Bytes(Vec<u8>),
    File { path: PathBuf, size: u64 },
}

struct LayerReader {
    segments: Arc<[Segment]>,
    next: usize,
    current: Current,
}

enum Current {
    None,
    Bytes { segment: usize, at: usize },
    File { file: File, left: u64 },
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.current {
                Current::Bytes { segment, at } => {
                    let Segment::Bytes(bytes) = &self.segments[*segment] else {
                        unreachable!("the position was made from a byte segment")
                    };
                    let count = buffer.len().min(bytes.len() - *at);
                    if count > 0 {
                        buffer[..count].copy_from_slice(&bytes[*at..*at + count]);
                        *at += count;
                        return Ok(count);
                    }
                }
                Current::File { file, left } if *left > 0 => {
                    let most = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    let count = file.read(&mut buffer[..most])?;
                    if count == 0 {
                        let why = "a file of the layer shrank while it was read";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                    }
                    *left -= count as u64;
                    return Ok(count);
                }
                Current::File { .. } | Current::None => {}
            }
            let Some(segment) = self.segments.get(self.next) else { return Ok(0) };
            self.current = match segment {
                Segment::Bytes(_) => Current::Bytes { segment: self.next, at: 0 },
                Segment::File { path, size } => {
                    Current::File { file: File::open(path)?, left: *size }
                }
            };
            self.next += 1;
        }
    }
}

/// An absolute path in the image as tar writes it: no slash at either end, no `.` or `..`.
pub(crate) fn inside(path: &str) -> Result<String> {
    let invalid = |why| Err(Error::invalid(format!("path {path:?} in the image"), why));
    let Some(relative) = path.strip_prefix('/') else {
        return invalid("must begin with /");
    };
    let relative = relative.trim_end_matches('/');
    if relative.is_empty() {
        return invalid("must name something below /");
    }
    if relative.split('/').any(|part| matches!(part, "" | "." | "..")) || relative.contains('\0') {
        return invalid("must be written without empty parts, '.' and '..'");
    }
    Ok(relative.to_owned())
}

fn regular(path: &Path) -> Result<fs::Metadata> {
    let metadata = fs::metadata(path).map_err(|e| Error::io(path, e))?;
    if !metadata.is_file() {
        return Err(Error::invalid(path.display().to_string(), "not a regular file"));
    }
    Ok(metadata)
}

fn bytes(segments: &mut Vec<Segment>, layer: &mut Hasher, new: &[u8]) {
    layer.update(new);
    match segments.last_mut() {
        Some(Segment::Bytes(last)) => last.extend_from_slice(new),
        _ => segments.push(Segment::Bytes(new.to_vec())),
    }
}

fn hash_file(path: &Path, size: u64, layer: &mut Hasher) -> Result<Digest> {
    let mut reader =
        regular_file::open(path, regular_file::ANY_MODEL).map_err(|e| Error::io(path, e))?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = reader.read(&mut buffer).map_err(|e| Error::io(path, e))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        layer.update(&buffer[..read]);
    }
    if hasher.size() != size {
        let why = format!("changed while it was read: {size} bytes became {}", hasher.size());
        return Err(Error::invalid(path.display().to_string(), why));
    }
    Ok(hasher.finish())
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
