//! One HTTP exchange, and whether another attempt could end better.

use std::error::Error as _;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode, Url};

use crate::Error;
use crate::answer::Body;

/// Queries up to this length travel in the address; longer ones as a form, which every server takes but not every
/// proxy.
const LONGEST_ADDRESS: usize = 4096;
/// One series of 11,000 values needs a tenth of it.
const LARGEST_ANSWER: usize = 8 << 20;

/// Why one attempt failed.
pub(crate) enum Failure {
    /// The next attempt may end better.
    Passing(String),
    Final(Error),
}

/// The request for `path` with `parameters`, without credentials.
pub(crate) fn request(
    http: &reqwest::Client,
    server: &Url,
    path: &str,
    parameters: &[(&str, String)],
) -> RequestBuilder {
    let mut url = server.clone();
    url.set_path(&format!("{}/api/v1/{path}", server.path().trim_end_matches('/')));
    url.query_pairs_mut().extend_pairs(parameters);
    if url.as_str().len() <= LONGEST_ADDRESS {
        return http.request(Method::GET, url);
    }
    let form = url.query().unwrap_or_default().to_owned();
    url.set_query(None);
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    http.request(Method::POST, url).header(CONTENT_TYPE, kind).body(form)
}

/// Sends and reads the whole answer; `server` is its name in errors.
pub(crate) async fn send(request: RequestBuilder, server: &str) -> Result<Body, Failure> {
    let mut answer = request.send().await.map_err(|error| fault(&error, server))?;
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error, server))? {
        if bytes.len() + chunk.len() > LARGEST_ANSWER {
            return Err(strange(server, "the answer is larger than 8 MiB"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let told = serde_json::from_slice::<Body>(&bytes);
    match (status, told) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            let (server, status) = (server.to_owned(), status.as_u16());
            Err(Failure::Final(Error::Denied { server, status }))
        }
        (StatusCode::OK, Ok(body)) if body.status == "success" => Ok(body),
        (_, Ok(body)) if is_passing(status) => {
            Err(Failure::Passing(format!("{status}, {}: {}", body.error_type, body.error)))
        }
        (_, Err(_)) if is_passing(status) => Err(Failure::Passing(status.to_string())),
        (_, Ok(body)) => Err(Failure::Final(Error::Refused {
            server: server.to_owned(),
            why: format!("{}: {}", body.error_type, body.error),
        })),
        (_, Err(_)) => Err(strange(server, &format!("answered {status} with something else"))),
    }
}

/// Whether a status is a fault of the moment.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

fn strange(server: &str, why: &str) -> Failure {
    Failure::Final(Error::NotPrometheus { server: server.to_owned(), why: why.to_owned() })
}

/// A broken connection passes; a certificate that is not trusted stays so.
fn fault(error: &reqwest::Error, server: &str) -> Failure {
    if is_certificate(error) {
        return Failure::Final(Error::setting(
            format!("the certificate of {server}"),
            chain(error),
            "name its authority by a CA file",
        ));
    }
    if error.is_builder() {
        return Failure::Final(Error::setting("the request", chain(error), "correct the address"));
    }
    Failure::Passing(chain(error))
}

fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // An I/O error that wraps another one names the other's cause as its source, not the other itself.
    let wrapped = error.downcast_ref().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|inner| is_certificate(inner)) || error.source().is_some_and(is_certificate)
}

/// An error with its causes in one line, without the address.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time" } else { "request" }.to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
