//! Layers as gzip: for programs, which shrink to a third; weights do not and stay as they are.

use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::layer::Segment;
use crate::{Error, Hasher, Layer, Result, staging};

impl Layer {
    /// The same layer as gzip, kept in `folder` until the image is written.
    ///
    /// The bytes depend on the layer's content alone: no name and no time in the header.
    ///
    /// # Errors
    /// A file cannot be read, or `folder` not written.
    pub fn compressed(self, folder: &Path) -> Result<Layer> {
        let path = folder.join(format!("{}.tar.gz", self.diff_id().hex()));
        let failed = |error| Error::io(&path, error);
        let staged = staging::stage(folder).map_err(failed)?;
        let sink = Both { file: BufWriter::new(staged), hasher: Hasher::default() };
        let mut gzip = GzBuilder::new().mtime(0).write(sink, Compression::default());
        std::io::copy(&mut self.reader(), &mut gzip).map_err(failed)?;
        let sink = gzip.finish().map_err(failed)?;
        let staged = sink.file.into_inner().map_err(|error| failed(error.into_error()))?;
        staging::persist(staged, &path).map_err(failed)?;
        let size = sink.hasher.size();
        let segments = [Segment::File { path: path.clone(), size }];
        Ok(Layer { digest: sink.hasher.finish(), size, segments: segments.into(), ..self })
    }
}

/// A file that is hashed as it is written.
struct Both<W> {
    file: W,
    hasher: Hasher,
}

impl<W: Write> Write for Both<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;
    use std::io::Read as _;

    use crate::{Digest, LayerBuilder};

    #[test]
    fn a_compressed_layer_is_the_same_archive_and_the_same_bytes_every_time() {
        let (files, one, two) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let program = files.path().join("program");
        fs::write(&program, vec![7; 300_000]).unwrap();
        let layer = || {
            let layer = LayerBuilder::new().file("/bin/program", &program).unwrap();
            layer.shared_folder("/tmp").unwrap().build().unwrap()
        };
        let first = layer().compressed(one.path()).unwrap();
        let second = layer().compressed(two.path()).unwrap();
        assert_eq!(first.digest(), second.digest());
        assert_eq!((first.diff_id(), first.unpacked_size()), (layer().digest(), layer().size()));

        let mut packed = Vec::new();
        first.reader().read_to_end(&mut packed).unwrap();
        assert_eq!(
            (Digest::of(&packed), packed.len() as u64),
            (first.digest().clone(), first.size())
        );
        assert!(first.size() < layer().size() / 10);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(Digest::of(&unpacked), *first.diff_id());
    }
}
