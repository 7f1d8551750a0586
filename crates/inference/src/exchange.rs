//! One question over HTTP: asked again within bounds while the server is away or busy.

use std::time::Duration;

use http_client::{Answer, Failure, bearer, is_transient};
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, StatusCode, Url};

use crate::{Error, Options};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A batch of some hundred rows is a thousandth of it.
const LARGEST_ANSWER: usize = 16 << 20;
/// As much of the server's own words as is quoted.
const MAX_QUOTE: usize = 200;

/// Sends the request that `build` makes, again and again while the server is away or busy, and reads the answer.
pub(crate) async fn ask(
    options: &Options,
    model: &Url,
    build: impl Fn() -> RequestBuilder,
) -> Result<Vec<u8>, Error> {
    let pauses = FIRST_PAUSE..=options.longest_pause;
    let once = async || once(options, model, build()).await;
    http_client::ask(model.as_str(), options.attempts, pauses, once).await
}

async fn once(
    options: &Options,
    model: &Url,
    mut request: RequestBuilder,
) -> Result<Vec<u8>, Failure<Error>> {
    if let Some(token_file) = &options.token_file {
        request = request.header(AUTHORIZATION, bearer(token_file).map_err(Error::from)?);
    }
    let Answer { status, after, body } =
        http_client::send(request, model.as_str(), LARGEST_ANSWER).await?;
    let body = body.ok_or_else(|| refused(model, "its answer is larger than 16 MiB".into()))?;
    match status {
        StatusCode::OK => Ok(body),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let (model, status) = (model.to_string(), status.as_u16());
            Err(Error::Denied { model, status }.into())
        }
        // 500 is what such a server says of a model that cannot answer these rows.
        status if is_transient(status) && status != StatusCode::INTERNAL_SERVER_ERROR => {
            Err(Failure::Passing { why: format!("it answered {status}"), after })
        }
        status => {
            let quote = if options.quote { quote(&body) } else { String::new() };
            Err(refused(model, format!("it answered {status}{quote}")).into())
        }
    }
}

/// The server's words in one line, cut to length.
fn quote(body: &[u8]) -> String {
    let found: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let words = found["error"].as_str().unwrap_or_default();
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(MAX_QUOTE).collect();
    if cut.is_empty() { cut } else { format!(": {cut}") }
}

pub(crate) fn refused(model: &Url, why: String) -> Error {
    Error::Refused { model: model.to_string(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_told_in_one_line_of_bounded_length() {
        assert_eq!(quote(br#"{"error":"no\n such  model"}"#), ": no such model");
        assert_eq!(quote(b"<html>"), "");
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(999));
        assert_eq!(quote(long.as_bytes()).len(), MAX_QUOTE + 2);
    }
}
