//! Writing to a registry: blobs as streams that can start over, manifests, tags.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use http_client::execute;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, RequestBuilder, Response, StatusCode, Url};

use crate::answer::{document, expect, fault, lasting, refusal, within};
use crate::auth::Scope;
use crate::blob::Blob;
use crate::client::authority;
use crate::pull::{Repository, SILENCE_LIMIT, path_of};
use crate::retry::Failure;
use crate::{Descriptor, Digest, Error, Outcome, Result, Select};

/// A registry may need minutes to check a large blob after its last byte.
const CHECK_LIMIT: Duration = Duration::from_secs(600);

impl Repository {
    /// Makes sure that the repository holds `blob`; says how, and how many bytes went over the wire.
    pub(crate) async fn put_blob(&self, blob: &Blob) -> Result<(Outcome, u64)> {
        let Descriptor { digest, size, .. } = &blob.descriptor;
        if self.has_blob(digest, *size, &Scope::push(&self.name)).await? {
            return Ok((Outcome::Existing, 0));
        }
        let what = self.label(&format!(" blob {digest}"));
        let neighbour = blob.origin().filter(|it| it.host == self.host && it.name != self.name);
        let mut session = None;
        if let Some(neighbour) = neighbour {
            session = match self.mount(digest, neighbour, &what).await? {
                Mount::Done => return Ok((Outcome::Mounted, 0)),
                Mount::Session(session) => session,
            };
        }
        let mut attempts = self.client.retry().attempts(&what);
        let mut sent_in_all = 0;
        // Most registries take the whole blob in one PUT; for those that do not, PATCH carries the bytes.
        let patch = AtomicBool::new(false);
        loop {
            let sent = Arc::new(AtomicU64::new(0));
            let tried = self.try_upload(blob, session.take(), &what, &patch, &sent).await;
            let sent = sent.load(Ordering::Relaxed);
            sent_in_all += sent;
            match tried {
                Ok(()) => return Ok((Outcome::Uploaded, sent_in_all)),
                Err(failure) => {
                    if sent > 0 {
                        attempts.progressed();
                    }
                    attempts.pause(failure).await?;
                }
            }
        }
    }

    /// Writes a manifest under a tag or its own digest; says whether that changed anything.
    pub(crate) async fn put_manifest(
        &self,
        manifest: &Descriptor,
        bytes: &[u8],
        under: &Select,
    ) -> Result<Outcome> {
        if self.manifest_digest(under).await?.as_ref() == Some(&manifest.digest) {
            return Ok(Outcome::Existing);
        }
        let what = self.label(&under.to_string());
        let url = self.url(&format!("manifests/{}", path_of(under)));
        let mut attempts = self.client.retry().attempts(&what);
        loop {
            let make = |http: &reqwest::Client| {
                http.put(&url).header(CONTENT_TYPE, &manifest.media_type).body(bytes.to_vec())
            };
            let answer =
                self.client.send(&self.host, &Scope::push(&self.name), &what, make).await?;
            if answer.status() == StatusCode::CREATED {
                return Ok(Outcome::Uploaded);
            }
            let status = answer.status();
            let body = document(answer, &what).await.unwrap_or_default();
            // Some registries list a fresh blob a moment late.
            let late = String::from_utf8_lossy(&body).contains("BLOB_UNKNOWN");
            let error = refusal(status, &body, &what);
            let why = error.to_string();
            attempts.pause(if late { Failure::transient(why) } else { error.into() }).await?;
        }
    }

    async fn mount(&self, digest: &Digest, from: &Repository, what: &str) -> Result<Mount> {
        let url = self.url("blobs/uploads/");
        let scope = Scope::mount(&self.name, &from.name);
        let query = [("mount", digest.as_str()), ("from", &from.name)];
        let make = |http: &reqwest::Client| http.post(&url).query(&query).header(CONTENT_LENGTH, 0);
        let answer = self.client.send(&self.host, &scope, what, make).await?;
        Ok(match answer.status() {
            StatusCode::CREATED => Mount::Done,
            StatusCode::ACCEPTED => Mount::Session(Some(location(&answer, what)?)),
            // A registry that knows no mounting still takes the bytes.
            _ => Mount::Session(None),
        })
    }

    async fn try_upload(
        &self,
        blob: &Blob,
        session: Option<Url>,
        what: &str,
        patch: &AtomicBool,
        sent: &Arc<AtomicU64>,
    ) -> Result<(), Failure> {
        let mut target = match session {
            Some(session) => session,
            None => self.open_session(what).await?,
        };
        let size = blob.descriptor.size;
        let digest = &blob.descriptor.digest;
        let by_patch = patch.load(Ordering::Relaxed);
        if by_patch {
            let host = authority(&target);
            let request = self.client.http(&host)?.patch(target);
            let answer = lasting(self.transfer(&host, request, blob, what, sent).await?)?;
            let answer = self.finished(answer, digest, what, StatusCode::ACCEPTED).await?;
            target = location(&answer, what)?;
        }
        target.query_pairs_mut().append_pair("digest", digest.as_str());
        let host = authority(&target);
        let request = self.client.http(&host)?.put(target);
        let answer = if by_patch {
            let request = self.for_target(&host, request.header(CONTENT_LENGTH, 0)).await?;
            within(CHECK_LIMIT, execute(request, &[])).await?
        } else {
            self.transfer(&host, request, blob, what, sent).await?
        };
        let status = answer.status().as_u16();
        if !by_patch && size > 0 && matches!(status, 404 | 405 | 411 | 415 | 416 | 501) {
            patch.store(true, Ordering::Relaxed);
            return Err(Failure::transient(format!(
                "answered {status} to a whole upload; trying PATCH"
            )));
        }
        self.finished(lasting(answer)?, digest, what, StatusCode::CREATED).await.map(drop)
    }

    async fn open_session(&self, what: &str) -> Result<Url, Failure> {
        let url = self.url("blobs/uploads/");
        let make = |http: &reqwest::Client| http.post(&url).header(CONTENT_LENGTH, 0);
        let answer = self.client.try_send(&self.host, &Scope::push(&self.name), make).await?;
        let answer = expect(answer, what, &[StatusCode::ACCEPTED]).await?;
        Ok(location(&answer, what)?)
    }

    /// Sends the blob as the body of `request`. There is no limit on the whole, only on standing still.
    async fn transfer(
        &self,
        host: &str,
        request: RequestBuilder,
        blob: &Blob,
        what: &str,
        sent: &Arc<AtomicU64>,
    ) -> Result<Response, Failure> {
        let size = blob.descriptor.size;
        // The transport tells only that the body failed; why is kept here.
        let disk_fault = Arc::new(std::sync::Mutex::new(None::<String>));
        let from_disk = blob.origin().is_none();
        let (keep, moved) = (disk_fault.clone(), self.client.moved().clone());
        let stream =
            blob.stream(sent.clone()).await?.inspect(move |chunk| match (chunk, keep.lock()) {
                (Ok(chunk), _) => {
                    moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                }
                (Err(error), Ok(mut kept)) => *kept = Some(error.to_string()),
                (Err(_), Err(_)) => {}
            });
        let request = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(Body::wrap_stream(stream));
        let mut sending = std::pin::pin!(execute(self.for_target(host, request).await?, &[]));
        let mut seen = 0;
        loop {
            let limit = if seen < size { SILENCE_LIMIT } else { CHECK_LIMIT };
            if let Ok(result) = tokio::time::timeout(limit, &mut sending).await {
                let kept = disk_fault.lock().ok().and_then(|mut kept| kept.take());
                return match (result, kept) {
                    (Ok(answer), _) => Ok(answer),
                    (Err(_), Some(why)) if from_disk => Err(Error::invalid(what, why).into()),
                    (Err(error), _) => Err(fault(&error)),
                };
            }
            let now = sent.load(Ordering::Relaxed);
            if now == seen {
                return Err(Failure::transient(format!("stood still after {now} bytes")));
            }
            seen = now;
        }
    }

    /// Shows the credential only to the registry itself: an upload may be sent to another host.
    async fn for_target(
        &self,
        host: &str,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, Failure> {
        if host != self.host {
            return Ok(request);
        }
        self.client.authorize(&self.host, &Scope::push(&self.name), request).await
    }

    async fn finished(
        &self,
        answer: Response,
        digest: &Digest,
        what: &str,
        good: StatusCode,
    ) -> Result<Response, Failure> {
        let status = answer.status();
        if status == good || (status.is_success() && good == StatusCode::CREATED) {
            return Ok(answer);
        }
        let scope = Scope::push(&self.name);
        if status == StatusCode::UNAUTHORIZED
            && self.client.learn(&self.host, &scope, &answer).is_some()
        {
            // The token ended under way; opening the next session shows whether a new one is given.
            let why = "the token ended during the upload".to_owned();
            return Err(Failure::Passing { why, after: Some(Duration::ZERO) });
        }
        let body = document(answer, what).await.unwrap_or_default();
        if String::from_utf8_lossy(&body).contains("DIGEST_INVALID") {
            let (what, expected) = (what.to_owned(), digest.to_string());
            let found = "another one by the registry's count".to_owned();
            return Err(Error::DigestMismatch { what, expected, found }.into());
        }
        debug_assert!(
            !http_client::is_transient(status),
            "transient statuses were sorted out before"
        );
        Err(refusal(status, &body, what).into())
    }
}

enum Mount {
    Done,
    Session(Option<Url>),
}

/// Where an upload goes on: absolute or relative, with a query that must be kept.
fn location(answer: &Response, what: &str) -> Result<Url> {
    let invalid = |why: &str| Error::invalid(what, why);
    let header = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let header = header.ok_or_else(|| invalid("the registry named no upload location"))?;
    let url =
        answer.url().join(header).map_err(|_| invalid("the upload location is no address"))?;
    if answer.url().scheme() == "https" && url.scheme() != "https" {
        return Err(invalid("the upload location is without TLS"));
    }
    Ok(url)
}
