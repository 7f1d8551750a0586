//! One question over HTTP: asked again within bounds while the server is away or busy.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, RequestBuilder, Response, StatusCode, Url, redirect};

use crate::address::is_loopback;
use crate::{Error, Options};

/// The pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A batch of some hundred rows is a thousandth of it.
const LARGEST_ANSWER: usize = 16 << 20;
/// As much of the server's own words as is told.
const LONGEST_QUOTE: usize = 200;

/// Why one attempt failed.
pub(crate) enum Failure {
    /// The next attempt may end better, not before the pause that the server asks for.
    Passing {
        why: String,
        after: Option<Duration>,
    },
    Final(Error),
}

/// Sends the request that `build` makes, again and again while the server is away or busy, and reads the answer.
pub(crate) async fn ask(
    options: &Options,
    model: &Url,
    build: impl Fn() -> RequestBuilder,
) -> Result<Vec<u8>, Error> {
    let mut asked = 0;
    loop {
        asked += 1;
        let request = authorize(build(), options.token_file.as_deref())?;
        let (why, after) = match once(options, model, request).await {
            Ok(body) => return Ok(body),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing { why, after }) => (why, after),
        };
        if asked >= options.attempts {
            return Err(Error::Away { model: model.to_string(), attempts: asked, why });
        }
        let pause = pause(asked, after).min(options.longest_pause);
        tracing::warn!(model = %model, why, ?pause, "asking again");
        tokio::time::sleep(pause).await;
    }
}

/// What the server asks for, else twice as long as before.
fn pause(asked: u32, after: Option<Duration>) -> Duration {
    after.unwrap_or_else(|| FIRST_PAUSE.saturating_mul(1 << (asked - 1).min(16)))
}

async fn once(options: &Options, model: &Url, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
    let answer = request.send().await.map_err(|error| fault(&error, model))?;
    let (status, after) = (answer.status(), retry_after(answer.headers(), Timestamp::now()));
    let body = read(answer, model).await?;
    match status {
        StatusCode::OK => Ok(body),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let (model, status) = (model.to_string(), status.as_u16());
            Err(Failure::Final(Error::Denied { model, status }))
        }
        status if matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504) => {
            Err(Failure::Passing { why: format!("it answered {status}"), after })
        }
        status => {
            let quote = if options.quote { quote(&body) } else { String::new() };
            Err(Failure::Final(refused(model, format!("it answered {status}{quote}"))))
        }
    }
}

async fn read(mut answer: Response, model: &Url) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error, model))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            let why = "its answer is larger than 16 MiB".to_owned();
            return Err(Failure::Final(refused(model, why)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The server's words in one line, cut to length.
fn quote(body: &[u8]) -> String {
    let told: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let words = told["error"].as_str().unwrap_or_default();
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(LONGEST_QUOTE).collect();
    if cut.is_empty() { cut } else { format!(": {cut}") }
}

pub(crate) fn refused(model: &Url, why: String) -> Error {
    Error::Refused { model: model.to_string(), why }
}

/// Seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

fn authorize(request: RequestBuilder, token_file: Option<&Path>) -> Result<RequestBuilder, Error> {
    let Some(path) = token_file else { return Ok(request) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::setting(name.clone(), error.to_string(), "mount it, or correct its path")
    })?;
    let token = text.trim();
    if token.is_empty() {
        return Err(Error::setting(name, "it is empty", "mount the secret"));
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
        Error::setting(name, "it holds what no header may hold", "put only the token in")
    })?;
    header.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, header))
}

/// A broken connection passes; a certificate that is not trusted stays so.
fn fault(error: &reqwest::Error, model: &Url) -> Failure {
    let why = chain(error);
    if is_certificate(error) {
        let hint = "name its authority by a CA file";
        return Failure::Final(Error::setting(format!("the certificate of {model}"), why, hint));
    }
    Failure::Passing { why, after: None }
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
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time" } else { "request" }.to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The client that all questions to the model go through.
pub(crate) fn http(options: &Options, model: &Url) -> Result<reqwest::Client, Error> {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hint = "mount the system's certificates, or name a CA file";
    let failed = |error: reqwest::Error| Error::setting("TLS", chain(&error), hint);
    let start = || {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("headgate/", env!("CARGO_PKG_VERSION")))
            .timeout(options.timeout)
            // A login page is no answer, and the token is for this server only.
            .redirect(redirect::Policy::none());
        if is_loopback(model) { builder.no_proxy() } else { builder }
    };
    if let Some(path) = &options.ca_file {
        let name = path.display().to_string();
        let pem = std::fs::read(path).map_err(|error| {
            Error::setting(name.clone(), error.to_string(), "mount it, or correct its path")
        })?;
        let trusted = Certificate::from_pem_bundle(&pem).map_err(failed)?;
        if trusted.is_empty() {
            return Err(Error::setting(name, "it holds no certificate", "give one in PEM form"));
        }
        return start().tls_certs_only(trusted).build().map_err(failed);
    }
    match start().build() {
        // An image without certificates can still speak to a server that needs none.
        Err(_) if model.scheme() == "http" => start().tls_certs_only([]).build().map_err(failed),
        built => built.map_err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_may_ask_for_a_pause_in_seconds_or_by_a_date() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]), now)
        };
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Thu, 01 Jan 1970 00:00:09 GMT"), Some(Duration::from_secs(9)));
        assert_eq!(of("soon"), None);
        assert_eq!(pause(1, of("7")), Duration::from_secs(7));
        assert_eq!((pause(1, None), pause(3, None)), (FIRST_PAUSE, FIRST_PAUSE * 4));
    }

    #[test]
    fn the_servers_words_are_told_in_one_line_of_bounded_length() {
        assert_eq!(quote(br#"{"error":"no\n such  model"}"#), ": no such model");
        assert_eq!(quote(b"<html>"), "");
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(999));
        assert_eq!(quote(long.as_bytes()).len(), LONGEST_QUOTE + 2);
    }
}
