//! What an answer means: a result, a fault of the moment, or a refusal in the registry's own words.

use std::time::Duration;

use http_client::{causes, is_certificate, retry_after, secrets_of};
use jiff::Timestamp;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::client::authority;
use crate::retry::Failure;
use crate::{Error, Result};

/// How long a small request may take, from sending it to the head of its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Documents larger than this are refused; the distribution specification asks for 4 MiB at least.
pub(crate) const DOCUMENT_LIMIT: u64 = 8 << 20;

/// An answer with one of these statuses, or the error that its status and body say.
pub(crate) async fn expect(answer: Response, what: &str, good: &[StatusCode]) -> Result<Response> {
    if good.contains(&answer.status()) {
        return Ok(answer);
    }
    let status = answer.status();
    let body = document(answer, what).await.unwrap_or_default();
    Err(refusal(status, &body, what))
}

/// The body of an answer that must be small; that of a refusal is without what the request showed.
pub(crate) async fn document(mut answer: Response, what: &str) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let (is_refusal, secrets) = (!answer.status().is_success(), secrets_of(&answer));
    loop {
        let chunk = within(ANSWER_LIMIT, answer.chunk()).await?;
        let Some(chunk) = chunk else {
            return Ok(if is_refusal { secrets.redact_refusal(body) } else { body });
        };
        if (body.len() + chunk.len()) as u64 > DOCUMENT_LIMIT {
            return Err(Error::invalid(what, "the answer is larger than 8 MiB").into());
        }
        body.extend_from_slice(&chunk);
    }
}

/// Awaits the head of an answer.
pub(crate) async fn within_limit(
    sending: impl Future<Output = reqwest::Result<Response>>,
) -> Result<Response, Failure> {
    within(ANSWER_LIMIT, sending).await
}

/// Awaits a part of an exchange; silence and broken connections are transient failures.
pub(crate) async fn within<T>(
    limit: Duration,
    waiting: impl Future<Output = reqwest::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, waiting).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fault(&error)),
        Err(_) => Err(Failure::transient(format!("no answer within {} s", limit.as_secs()))),
    }
}

/// A failed exchange: broken connections pass, a request that could not even be built does not.
pub(crate) fn fault(error: &reqwest::Error) -> Failure {
    if error.is_builder() || error.is_redirect() {
        return Failure::Final(Error::invalid("request", chain(error)));
    }
    if is_certificate(error) {
        let why = "its certificate is not trusted; name its authority by a CA file";
        return Failure::Final(Error::invalid(chain(error), why));
    }
    Failure::transient(chain(error))
}

/// Turns the statuses of a transient failure into one.
pub(crate) fn lasting(answer: Response) -> Result<Response, Failure> {
    let status = answer.status();
    if http_client::is_transient(status) {
        let after = retry_after(answer.headers(), Timestamp::now());
        return Err(Failure::Passing { why: format!("answered {status}"), after });
    }
    Ok(answer)
}

/// What a refusal means, from its status and the error codes of the distribution specification.
pub(crate) fn refusal(status: StatusCode, body: &[u8], what: &str) -> Error {
    let found = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
        let first = &value["errors"][0];
        let code = first["code"].as_str()?.to_owned();
        Some(format!("{code}: {}", first["message"].as_str().unwrap_or_default()))
    });
    let why =
        found.map_or_else(|| format!("answered {status}"), |it| format!("answered {status}, {it}"));
    let what = what.to_owned();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Denied { what, why },
        StatusCode::NOT_FOUND => Error::NotFound { what },
        StatusCode::PAYLOAD_TOO_LARGE => Error::invalid(
            what,
            format!("{why}; raise the body limit of the registry or its proxy"),
        ),
        _ => Error::Invalid { what, why },
    }
}

/// An error with its causes in one line, without the address, which may hold a signed token.
fn chain(error: &reqwest::Error) -> String {
    match error.url() {
        Some(url) => causes(&format!("request to {}", authority(url)), error),
        None => causes("request", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_the_registry_s_words() {
        let body = br#"{"errors":[{"code":"DENIED","message":"quota exceeded"}]}"#;
        let error = refusal(StatusCode::FORBIDDEN, body, "push");
        assert!(matches!(error, Error::Denied { .. }));
        assert!(error.to_string().contains("DENIED: quota exceeded"), "{error}");
        let error = refusal(StatusCode::PAYLOAD_TOO_LARGE, b"<html>", "push");
        assert!(error.to_string().contains("raise the body limit"), "{error}");
    }
}
