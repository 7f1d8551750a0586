//! Reading from a registry.

use std::io::Write;
use std::time::Duration;

use reqwest::header::{ACCEPT, RANGE};
use reqwest::{Response, StatusCode};

use crate::answer::{document, expect, within};
use crate::auth::Scope;
use crate::retry::Failure;
use crate::{Client, Descriptor, Digest, Error, Result, Select, media_type};

/// Silence in the middle of a blob for this long is a broken connection.
pub(crate) const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// One repository of one registry.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) client: Client,
    pub(crate) host: String,
    pub(crate) name: String,
}

impl Repository {
    pub(crate) fn new(client: &Client, host: &str, name: &str) -> Self {
        Repository { client: client.clone(), host: host.to_owned(), name: name.to_owned() }
    }

    /// An address below this repository.
    pub(crate) fn url(&self, rest: &str) -> String {
        format!("{}://{}/v2/{}/{rest}", self.client.scheme(&self.host), self.host, self.name)
    }

    pub(crate) fn label(&self, rest: &str) -> String {
        format!("{}/{}{rest}", self.host, self.name)
    }

    /// A manifest or index with the digest of its bytes.
    pub(crate) async fn manifest(&self, select: &Select) -> Result<(Digest, Vec<u8>)> {
        let what = self.label(&select.to_string());
        let scope = Scope::pull(&self.name);
        let mut attempts = self.client.retry().attempts(&what);
        loop {
            let url = self.url(&format!("manifests/{}", path_of(select)));
            let make = |http: &reqwest::Client| http.get(&url).header(ACCEPT, accepted());
            let answer = self.client.send(&self.host, &scope, &what, make).await?;
            let answer = expect(answer, &what, &[StatusCode::OK]).await?;
            match document(answer, &what).await {
                Ok(bytes) => {
                    let digest = Digest::of(&bytes);
                    if let Select::Digest(expected) = select {
                        digest.must_be(expected, &what)?;
                    }
                    return Ok((digest, bytes));
                }
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }

    /// The digest that a tag or digest leads to, if there is such a manifest.
    pub(crate) async fn manifest_digest(&self, select: &Select) -> Result<Option<Digest>> {
        let what = self.label(&select.to_string());
        let url = self.url(&format!("manifests/{}", path_of(select)));
        let make = |http: &reqwest::Client| http.head(&url).header(ACCEPT, accepted());
        let answer = self.client.send(&self.host, &Scope::push(&self.name), &what, make).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = expect(answer, &what, &[StatusCode::OK]).await?;
        let found = answer.headers().get("docker-content-digest").and_then(|it| it.to_str().ok());
        Ok(found.and_then(|it| it.parse().ok()))
    }

    /// Whether the repository holds a blob of this digest and size, asked with the rights of `scope`.
    pub(crate) async fn has_blob(&self, digest: &Digest, size: u64, scope: &Scope) -> Result<bool> {
        let what = self.label(&format!(" blob {digest}"));
        let url = self.url(&format!("blobs/{digest}"));
        let answer = self.client.send(&self.host, scope, &what, |http| http.head(&url)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let answer = expect(answer, &what, &[StatusCode::OK]).await?;
        let found = answer.headers().get("content-length").and_then(|it| it.to_str().ok());
        Ok(found.is_none_or(|found| found == size.to_string()))
    }

    /// Writes a blob into `sink`. A broken connection is taken up where it broke.
    pub(crate) async fn blob_into(
        &self,
        blob: &Descriptor,
        sink: &mut (dyn Write + Send),
    ) -> Result<()> {
        let what = self.label(&format!(" blob {}", blob.digest));
        let mut attempts = self.client.retry().attempts(&what);
        let mut done = 0;
        while done < blob.size {
            let before = done;
            let (mut answer, mut skip) = match self.blob_from(&blob.digest, done).await {
                Ok(opened) => opened,
                Err(failure) => {
                    attempts.pause(failure).await?;
                    continue;
                }
            };
            let failure = loop {
                let chunk = match within(SILENCE_LIMIT, answer.chunk()).await {
                    Ok(Some(chunk)) => chunk,
                    Ok(None) => break Failure::transient(format!("ended after {done} bytes")),
                    Err(failure) => break failure,
                };
                let skipped = skip.min(chunk.len() as u64);
                skip -= skipped;
                let new = &chunk[skipped as usize..];
                done += new.len() as u64;
                if done > blob.size {
                    let why = format!("longer than the {} bytes of its descriptor", blob.size);
                    return Err(Error::invalid(what, why));
                }
                sink.write_all(new).map_err(|e| Error::Io { what: what.clone(), source: e })?;
            };
            if done < blob.size {
                if done > before {
                    attempts.progressed();
                }
                attempts.pause(failure).await?;
            }
        }
        Ok(())
    }

    /// Opens a blob at `offset`; a registry without ranges answers all of it and says how much to skip.
    pub(crate) async fn blob_from(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<(Response, u64), Failure> {
        let what = self.label(&format!(" blob {digest}"));
        let url = self.url(&format!("blobs/{digest}"));
        let make = |http: &reqwest::Client| match offset {
            0 => http.get(&url),
            _ => http.get(&url).header(RANGE, format!("bytes={offset}-")),
        };
        let answer = self.client.try_send(&self.host, &Scope::pull(&self.name), make).await?;
        let good = [StatusCode::OK, StatusCode::PARTIAL_CONTENT];
        let answer = expect(answer, &what, &good).await?;
        let skip = if answer.status() == StatusCode::PARTIAL_CONTENT { 0 } else { offset };
        Ok((answer, skip))
    }
}

pub(crate) fn path_of(select: &Select) -> String {
    match select {
        Select::Only => "latest".to_owned(),
        Select::Tag(tag) => tag.clone(),
        Select::Digest(digest) => digest.to_string(),
    }
}

fn accepted() -> String {
    use media_type::{DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST};
    [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST].join(", ")
}
