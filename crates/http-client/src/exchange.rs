//! One exchange: an answer within bounds, or what its failure means.

use std::error::Error as Cause;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::{Error, Failure, Secrets};

/// What a server answered, whatever its status.
pub struct Answer {
    pub status: StatusCode,
    /// The pause that the server asks for.
    pub after: Option<Duration>,
    /// None where it is larger than was allowed.
    pub body: Option<Vec<u8>>,
}

/// Sends and reads the whole answer, at most `largest` bytes; `server` is its name in messages.
///
/// # Errors
/// What came instead of a whole answer.
pub async fn send<E: From<Error>>(
    request: RequestBuilder,
    server: &str,
    largest: usize,
) -> Result<Answer, Failure<E>> {
    let answer = execute(request, &[]).await.map_err(|error| fault(&error, server))?;
    let (status, after) = (answer.status(), retry_after(answer.headers(), Timestamp::now()));
    let secrets = secrets_of(&answer);
    let body = body(answer, largest).await.map_err(|error| fault(&error, server))?;
    let body = body.map(|body| match status.is_success() {
        true => secrets.redact_answer(body),
        false => secrets.redact_refusal(body),
    });
    Ok(Answer { status, after, body })
}

/// Sends a request and gives the head of the answer, which carries the secrets that the request showed: those in its
/// headers, and `secrets` that are in its body.
///
/// # Errors
/// What came instead of an answer.
pub async fn execute(request: RequestBuilder, secrets: &[&str]) -> reqwest::Result<Response> {
    let (client, request) = request.build_split();
    let request = request?;
    let secrets = Secrets::of(&request, secrets);
    let mut answer = client.execute(request).await?;
    let asked_for = |(name, _): &(&HeaderName, &mut HeaderValue)| *name == WWW_AUTHENTICATE;
    for (_, value) in answer.headers_mut().iter_mut().filter(asked_for) {
        let text = value.to_str().map(|text| secrets.redact(text)).unwrap_or_default();
        *value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    }
    answer.extensions_mut().insert(secrets);
    Ok(answer)
}

/// The secrets that an answer of [`execute`] carries.
pub fn secrets_of(answer: &Response) -> Secrets {
    answer.extensions().get().cloned().unwrap_or_default()
}

async fn body(mut answer: Response, largest: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > largest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The pause that `Retry-After` asks for, in seconds or by a date (RFC 9110, section 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    // No more than 32 bits, so that the pause can be added to a time.
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// A broken connection passes; a certificate that is not trusted stays so, and so does what cannot even be sent.
fn fault<E: From<Error>>(error: &reqwest::Error, server: &str) -> Failure<E> {
    let (what, hint) = if is_certificate(error) {
        (format!("the certificate of {server}"), "name its authority by a CA file")
    } else if error.is_builder() {
        ("the request".to_owned(), "correct the address")
    } else {
        return Failure::transient(chain(error));
    };
    Failure::Final(Error::setting(what, chain(error), hint).into())
}

/// Whether TLS failed over the other side's certificate, which waiting does not mend.
pub fn is_certificate(error: &(dyn Cause + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // An I/O error that wraps another one names the other's cause as its source, not the other itself.
    let wrapped = error.downcast_ref().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|inner| is_certificate(inner)) || error.source().is_some_and(is_certificate)
}

/// An error with its causes in one line, without the address.
pub fn chain(error: &reqwest::Error) -> String {
    causes(if error.is_timeout() { "no answer in time" } else { "request" }, error)
}

/// The causes of an error in one line after `head`, which stands for the error's own words.
pub fn causes(head: &str, error: &dyn Cause) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(head.to_owned(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_up_to_a_size() {
        for (largest, expected) in [(5, Some(b"hello".to_vec())), (4, None)] {
            let answer = Response::from(http::Response::new("hello"));
            assert_eq!(body(answer, largest).await.unwrap(), expected);
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "1994-11-06T08:49:00Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            ("18446744073709551615", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_found_however_deep_it_lies() {
        let file = |source| Error::File { path: "f".into(), source };
        for (tls, expected) in [
            (rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer), true),
            (rustls::Error::DecryptError, false),
        ] {
            assert_eq!(is_certificate(&tls), expected);
            let wrapped = io::Error::other(io::Error::other(tls));
            assert_eq!(is_certificate(&wrapped), expected);
            assert_eq!(is_certificate(&file(wrapped)), expected);
        }
        assert_eq!(causes("request", &file(io::Error::other("disk"))), "request: disk");
    }
}
