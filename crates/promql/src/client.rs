//! The client: builds requests, adds credentials, and tries again within bounds.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_client::{Failure, bearer, chain, is_open, secret};
use reqwest::header::AUTHORIZATION;
use reqwest::{ClientBuilder, Identity, RequestBuilder, Url};
use tokio::runtime::{Builder, Runtime};

use crate::exchange::{request, send};
use crate::query_result::QueryResult;
use crate::{Auth, Error, Options, Question};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(16);

/// A client for one server. It blocks the thread that asks, which must not be one that drives a tokio runtime.
pub struct Client {
    options: Options,
    server: Url,
    /// The server in messages: its address, which is without secrets.
    name: String,
    http: reqwest::Client,
    runtime: Runtime,
}

impl Client {
    /// A client with these options. Nothing is opened before the first question, but files are read.
    ///
    /// # Errors
    /// [`Error::Setting`] and [`Error::File`].
    pub fn new(options: Options) -> Result<Self, Error> {
        let server = http_client::address(&options.server).map_err(|why| {
            let hint = "write http://host:port or https://host/prefix";
            Error::setting("the server's address", why, hint)
        })?;
        let http = http(&options, &server)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            Error::setting("this process", error.to_string(), "give it more file handles")
        })?;
        let client = Self { name: server.to_string(), options, server, http, runtime };
        // Files that are not there are refused now, not at the first question.
        let _ = client.authorize(client.http.get(client.server.clone()))?;
        if client.options.auth != Auth::None && is_open(&client.server) {
            tracing::warn!(server = client.name, "credentials will travel without TLS");
        }
        Ok(client)
    }

    /// Asks, again and again while the server is away, at most [`Options::attempts`] times.
    ///
    /// # Errors
    /// Any [`Error`]; what is no clear number is [`QueryResult::NoData`], which is no error.
    pub fn ask(&self, question: &Question) -> Result<QueryResult, Error> {
        question.check()?;
        let (attempts, pauses) = (self.options.attempts, FIRST_PAUSE..=MAX_PAUSE);
        let once = async || self.once(question).await;
        self.runtime.block_on(http_client::ask(&self.name, attempts, pauses, once))
    }

    async fn once(&self, question: &Question) -> Result<QueryResult, Failure<Error>> {
        let mut parameters = vec![("query", question.query.clone())];
        let mut path = "query";
        let range = question.range.map(|range| (range, seconds_now()));
        if let Some((range, end)) = range {
            path = "query_range";
            parameters.push(("start", format!("{:.3}", end - range.last.as_secs_f64())));
            parameters.push(("end", format!("{end:.3}")));
            parameters.push(("step", format!("{:.3}", range.step.as_secs_f64())));
        }
        let request = request(&self.http, &self.server, path, &parameters);
        let body = send(self.authorize(request)?, &self.name).await?;
        let Some(data) = body.data else {
            let (server, why) = (self.name.clone(), "the answer holds no data".to_owned());
            return Err(Error::NotPrometheus { server, why }.into());
        };
        Ok(QueryResult::of(&data, &body.warnings, range)?)
    }

    fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        match &self.options.auth {
            Auth::None => Ok(request),
            Auth::Bearer { token_file } => Ok(request.header(AUTHORIZATION, bearer(token_file)?)),
            Auth::Basic { username, password_file } => {
                Ok(request.basic_auth(username, Some(secret(password_file)?)))
            }
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

fn http(options: &Options, server: &Url) -> Result<reqwest::Client, Error> {
    let failed = |error: reqwest::Error| http_client::Error::Tls(chain(&error));
    let identity = match &options.client_certificate {
        None => None,
        Some((certificate, key)) => {
            let mut pem = read(certificate)?;
            if key != certificate {
                pem.push(b'\n');
                pem.extend(read(key)?);
            }
            Some(Identity::from_pem(&pem).map_err(failed)?)
        }
    };
    let own = |builder: ClientBuilder| match identity.clone() {
        Some(identity) => builder.timeout(options.timeout).identity(identity),
        None => builder.timeout(options.timeout),
    };
    let ca_file = options.ca_file.as_deref();
    Ok(http_client::client(server.scheme(), server.authority(), ca_file, own)?)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })
}

fn seconds_now() -> f64 {
    // Before 1970 there was no Prometheus.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
