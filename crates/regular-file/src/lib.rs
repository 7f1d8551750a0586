//! Files that flags name: regular ones, of bounded size, opened without waiting.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of secrets, certificates, client settings and lists of metrics.
pub const SETTINGS: u64 = 1 << 20;
/// Bytes of schemas, golden sets and baselines.
pub const TEXT: u64 = 64 << 20;
/// Bytes of hold-outs, reference files and decision records.
pub const TABLE: u64 = 1 << 30;
/// Bytes of models that are loaded: protobuf, and so ONNX, ends there.
pub const MODEL: u64 = 2 << 30;
/// Bytes of models that are only hashed and named, whatever their format.
pub const ANY_MODEL: u64 = 64 << 30;

/// Opens a regular file of at most `most` bytes; what it grows by later is an error of the reading.
///
/// # Errors
/// It cannot be opened, is a folder, pipe, socket or device, or is larger.
pub fn open(path: &Path, most: u64) -> io::Result<Bounded> {
    // Without the flag, opening a pipe waits for a writer.
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => io::Error::new(error.kind(), "it is a socket, not a regular file"),
        _ => error,
    })?;
    // Asked of what was opened: the name may mean something else by now.
    allow(&file.metadata()?, most)?;
    Ok(Bounded { file, most, left: most })
}

/// Whether [`open`] would take the file; does not open it.
///
/// # Errors
/// Those of [`open`].
pub fn check(path: &Path, most: u64) -> io::Result<()> {
    allow(&path.metadata()?, most)
}

/// The bytes of a regular file.
///
/// # Errors
/// Those of [`open`], and what reading says.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = open(path, most)?;
    let size = file.file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a regular file.
///
/// # Errors
/// Those of [`read`]; the text is not UTF-8.
pub fn read_to_string(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// A regular file, of which no more is read than was allowed.
#[derive(Debug)]
pub struct Bounded {
    file: File,
    most: u64,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| too_large(self.most))?;
        Ok(read)
    }
}

fn allow(metadata: &Metadata, most: u64) -> io::Result<()> {
    let kind = metadata.file_type();
    if !kind.is_file() {
        let why = format!("it is {}, not a regular file", name(kind));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    if metadata.len() > most {
        return Err(too_large(most));
    }
    Ok(())
}

fn name(kind: FileType) -> &'static str {
    match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "something else",
    }
}

fn too_large(most: u64) -> io::Error {
    let most = match most {
        large if large >= 1 << 30 => format!("{} GiB", large >> 30),
        small => format!("{} MiB", small >> 20),
    };
    let why = format!("it is larger than the {most} that such a file may have");
    io::Error::new(io::ErrorKind::FileTooLarge, why)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    #[test]
    fn only_regular_files_are_read_and_nobody_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, socket, link] = ["pipe", "socket", "link"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _listening = UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for (path, why) in [
            (&*pipe, "it is a pipe, not a regular file"),
            (&link, "it is a pipe, not a regular file"),
            (&socket, "it is a socket, not a regular file"),
            (folder.path(), "it is a folder, not a regular file"),
            (Path::new("/dev/zero"), "it is a device, not a regular file"),
        ] {
            assert_eq!(read(path, TEXT).unwrap_err().to_string(), why);
            assert_eq!(check(path, TEXT).unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_even_when_it_grows() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"four").unwrap();
        assert_eq!(read(file.path(), 4).unwrap(), b"four");
        let why = "it is larger than the 0 MiB that such a file may have";
        assert_eq!(read(file.path(), 3).unwrap_err().to_string(), why);
        let mut opened = open(file.path(), 4).unwrap();
        file.write_all(b"more").unwrap();
        assert_eq!(opened.read_to_end(&mut Vec::new()).unwrap_err().to_string(), why);
        let sparse = file.as_file().set_len(1 << 40);
        sparse.unwrap();
        let error = check(file.path(), ANY_MODEL).unwrap_err().to_string();
        assert_eq!(error, "it is larger than the 64 GiB that such a file may have");
        assert!(read_to_string(Path::new("no/such"), TEXT).is_err());
    }
}
