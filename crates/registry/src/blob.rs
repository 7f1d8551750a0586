//! Where the bytes of a blob come from; each source can be read again from its start.

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::digest::CHUNK;
use crate::image::Base;
use crate::place::Place;
use crate::pull::Repository;
use crate::retry::Failure;
use crate::staging::Promised;
use crate::{Descriptor, Error, Layer, Layout, Result};

/// A blob of an image to be written.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) descriptor: Descriptor,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    /// A file as it is, under its title.
    File {
        title: String,
        path: PathBuf,
    },
    Layer(Layer),
    Base(Place),
}

/// The bytes of a blob on their way into a request.
pub(crate) type ByteStream = BoxStream<'static, io::Result<Bytes>>;

impl Blob {
    pub(crate) fn of_bytes(descriptor: Descriptor, bytes: Vec<u8>) -> Self {
        Blob { descriptor, content: Content::Bytes(bytes.into()) }
    }

    pub(crate) fn of_file(descriptor: Descriptor, title: &str, path: &Path) -> Self {
        let content = Content::File { title: title.to_owned(), path: path.to_owned() };
        Blob { descriptor, content }
    }

    pub(crate) fn of_layer(descriptor: Descriptor, layer: &Layer) -> Self {
        Blob { descriptor, content: Content::Layer(layer.clone()) }
    }

    pub(crate) fn of_base(descriptor: Descriptor, base: &Base) -> Self {
        Blob { descriptor, content: Content::Base(base.place.clone()) }
    }

    /// What the blob holds, in a word or the path of its first file.
    pub(crate) fn title(&self) -> String {
        match &self.content {
            Content::Bytes(_) => "config".to_owned(),
            Content::File { title, .. } => title.clone(),
            Content::Base(_) => "base layer".to_owned(),
            Content::Layer(layer) => match layer.files() {
                [] => "folders".to_owned(),
                [one] => one.path.clone(),
                [first, rest @ ..] => format!("{} and {} more", first.path, rest.len()),
            },
        }
    }

    /// The repository that holds the blob already, if it comes from one.
    pub(crate) fn origin(&self) -> Option<&Repository> {
        match &self.content {
            Content::Base(Place::Repository(repository)) => Some(repository),
            _ => None,
        }
    }

    /// Streams the blob from its start, counting what was handed out in `sent`.
    pub(crate) async fn stream(&self, sent: Arc<AtomicU64>) -> Result<ByteStream, Failure> {
        let stream = match &self.content {
            Content::Bytes(bytes) => stream_of(Cursor::new(bytes.clone())),
            Content::File { path, .. } => {
                stream_of(File::open(path).map_err(|e| Error::io(path, e))?)
            }
            Content::Layer(layer) => stream_of(layer.reader()),
            Content::Base(Place::Layout(layout)) => {
                let path = layout.blob_path(&self.descriptor.digest);
                stream_of(File::open(&path).map_err(|e| Error::io(&path, e))?)
            }
            Content::Base(Place::Repository(repository)) => {
                let (answer, _) = repository.blob_from(&self.descriptor.digest, 0).await?;
                answer.bytes_stream().map(|chunk| chunk.map_err(io::Error::other)).boxed()
            }
        };
        let count = move |chunk: &io::Result<Bytes>| {
            let length = chunk.as_ref().map_or(0, Bytes::len);
            sent.fetch_add(length as u64, Ordering::Relaxed);
        };
        Ok(stream.inspect(count).boxed())
    }

    /// Writes the blob into a layout, verified, counting in `moved`.
    pub(crate) async fn write_to(&self, layout: &Layout, moved: &AtomicU64) -> Result<()> {
        let mut writer = Counted { writer: layout.writer(&self.descriptor.digest)?, moved };
        match &self.content {
            Content::Bytes(bytes) => writer.take(Cursor::new(bytes)),
            Content::File { path, .. } => {
                writer.take(File::open(path).map_err(|e| Error::io(path, e))?)
            }
            Content::Layer(layer) => writer.take(layer.reader()),
            Content::Base(place) => place.blob_into(&self.descriptor, &mut writer).await,
        }?;
        writer.writer.commit(&format!("blob {}", self.descriptor.digest))?;
        Ok(())
    }
}

struct Counted<'a> {
    writer: Promised,
    moved: &'a AtomicU64,
}

impl Counted<'_> {
    fn take(&mut self, mut reader: impl Read) -> Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let copied = reader.read(&mut buffer).and_then(|count| {
                self.write_all(&buffer[..count])?;
                Ok(count)
            });
            if copied.map_err(|e| Error::io(self.writer.target(), e))? == 0 {
                return Ok(());
            }
        }
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.moved.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Reads ahead one chunk at a time on a thread that may block.
fn stream_of<R: Read + Send + 'static>(reader: R) -> ByteStream {
    let next = |mut reader: R| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK];
            let result = reader.read(&mut chunk);
            result.map(|count| {
                chunk.truncate(count);
                (chunk, reader)
            })
        });
        match read.await.map_err(io::Error::other).flatten() {
            Ok((chunk, _)) if chunk.is_empty() => Ok(None),
            Ok((chunk, reader)) => Ok(Some((Bytes::from(chunk), reader))),
            Err(error) => Err(error),
        }
    };
    stream::try_unfold(reader, next).boxed()
}
