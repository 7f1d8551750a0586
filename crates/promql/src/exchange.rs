//! One HTTP exchange, and whether another attempt could end better.

use http_client::{Answer, Failure, is_transient};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode, Url};

use crate::Error;
use crate::query_result::Body;

/// Queries up to this length travel in the address; longer ones as a form, which every server takes but not every
/// proxy.
const MAX_ADDRESS: usize = 4096;
/// One series of 11,000 values needs a tenth of it.
const LARGEST_ANSWER: usize = 8 << 20;

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
    if url.as_str().len() <= MAX_ADDRESS {
        return http.request(Method::GET, url);
    }
    let form = url.query().unwrap_or_default().to_owned();
    url.set_query(None);
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    http.request(Method::POST, url).header(CONTENT_TYPE, kind).body(form)
}

/// Sends and reads the whole answer; `server` is its name in errors.
pub(crate) async fn send(request: RequestBuilder, server: &str) -> Result<Body, Failure<Error>> {
    let Answer { status, body, .. } = http_client::send(request, server, LARGEST_ANSWER).await?;
    let bytes = body.ok_or_else(|| strange(server, "the answer is larger than 8 MiB"))?;
    let found = serde_json::from_slice::<Body>(&bytes);
    match (status, found) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            let (server, status) = (server.to_owned(), status.as_u16());
            Err(Failure::Final(Error::Denied { server, status }))
        }
        (StatusCode::OK, Ok(body)) if body.status == "success" => Ok(body),
        (_, Ok(body)) if is_transient(status) => {
            Err(Failure::transient(format!("{status}, {}: {}", body.error_type, body.error)))
        }
        (_, Err(_)) if is_transient(status) => Err(Failure::transient(status.to_string())),
        (_, Ok(body)) => Err(Failure::Final(Error::Refused {
            server: server.to_owned(),
            why: format!("{}: {}", body.error_type, body.error),
        })),
        (_, Err(_)) => Err(strange(server, &format!("answered {status} with something else"))),
    }
}

fn strange(server: &str, why: &str) -> Failure<Error> {
    Failure::Final(Error::NotPrometheus { server: server.to_owned(), why: why.to_owned() })
}
