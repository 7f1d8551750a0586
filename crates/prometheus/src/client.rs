//! The client: builds requests, adds credentials, and tries again within bounds.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Identity, RequestBuilder, Url, redirect};
use tokio::runtime::{Builder, Runtime};

use crate::answer::Answer;
use crate::exchange::{Failure, chain, request, send};
use crate::{Auth, Error, Options, Question};

/// The pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

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
        let server = address(&options.server)?;
        let http = http(&options, &server)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            Error::setting("this process", error.to_string(), "give it more file handles")
        })?;
        let client = Self { name: server.to_string(), options, server, http, runtime };
        // Files that are not there are told now, not at the first question.
        let _ = client.authorize(client.http.get(client.server.clone()))?;
        if client.options.auth != Auth::None && is_open(&client.server) {
            tracing::warn!(server = client.name, "credentials will travel without TLS");
        }
        Ok(client)
    }

    /// Asks, again and again while the server is away, at most [`Options::attempts`] times.
    ///
    /// # Errors
    /// Any [`Error`]; what is no clear number is [`Answer::NoData`], which is no error.
    pub fn ask(&self, question: &Question) -> Result<Answer, Error> {
        question.check()?;
        let mut asked = 0;
        loop {
            asked += 1;
            let why = match self.runtime.block_on(self.once(question)) {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(why)) => why,
            };
            if asked >= self.options.attempts {
                let server = self.name.clone();
                return Err(Error::Away { server, attempts: asked, why });
            }
            let pause = FIRST_PAUSE.saturating_mul(1 << (asked - 1).min(6));
            tracing::warn!(server = self.name, why, ?pause, "asking again");
            std::thread::sleep(pause);
        }
    }

    async fn once(&self, question: &Question) -> Result<Answer, Failure> {
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
        let request = self.authorize(request).map_err(Failure::Final)?;
        let body = send(request, &self.name).await?;
        let Some(data) = body.data else {
            let (server, why) = (self.name.clone(), "the answer holds no data".to_owned());
            return Err(Failure::Final(Error::NotPrometheus { server, why }));
        };
        Answer::of(&data, &body.warnings, range).map_err(Failure::Final)
    }

    fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        match &self.options.auth {
            Auth::None => Ok(request),
            Auth::Bearer { token_file } => {
                let token = format!("Bearer {}", secret(token_file)?);
                let mut header = HeaderValue::try_from(token).map_err(|_| {
                    let why = "it holds what no header may hold";
                    Error::setting(token_file.display().to_string(), why, "put only the token in")
                })?;
                header.set_sensitive(true);
                Ok(request.header(AUTHORIZATION, header))
            }
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

/// The server's address, if it is one that can be asked.
fn address(text: &str) -> Result<Url, Error> {
    let hint = "write http://host:port or https://host/prefix";
    let Ok(url) = text.parse::<Url>() else {
        return Err(Error::setting("the server's address", "it is no address", hint));
    };
    let why = if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        "it is no HTTP address"
    } else if !url.username().is_empty() || url.password().is_some() {
        "it holds a password, which belongs into a file"
    } else if url.query().is_some() || url.fragment().is_some() {
        "it goes on after the path"
    } else {
        return Ok(url);
    };
    Err(Error::setting("the server's address", why, hint))
}

fn http(options: &Options, server: &Url) -> Result<reqwest::Client, Error> {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed = |error: reqwest::Error| {
        let hint = "mount the system's certificates, or name a CA file and a client certificate";
        Error::setting("TLS", chain(&error), hint)
    };
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
    let start = || {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("headgate/", env!("CARGO_PKG_VERSION")))
            .timeout(options.timeout)
            .tcp_keepalive(Duration::from_secs(15))
            // A login page is no answer, and credentials are for this server only.
            .redirect(redirect::Policy::none());
        if is_loopback(server) {
            builder = builder.no_proxy();
        }
        match identity.clone() {
            Some(identity) => builder.identity(identity),
            None => builder,
        }
    };
    if let Some(path) = &options.ca_file {
        let trusted = Certificate::from_pem_bundle(&read(path)?).map_err(failed)?;
        if trusted.is_empty() {
            let why = "it holds no certificate";
            return Err(Error::setting(path.display().to_string(), why, "give one in PEM form"));
        }
        return start().tls_certs_only(trusted).build().map_err(failed);
    }
    match start().build() {
        // An image without certificates can still speak to a server that needs none.
        Err(_) if server.scheme() == "http" => start().tls_certs_only([]).build().map_err(failed),
        built => built.map_err(failed),
    }
}

fn secret(path: &Path) -> Result<String, Error> {
    let bytes = read(path)?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if text.is_empty() {
        return Err(Error::setting(path.display().to_string(), "it is empty", "mount the secret"));
    }
    Ok(text)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })
}

/// Whether what is said there can be overheard.
fn is_open(server: &Url) -> bool {
    server.scheme() == "http" && !is_loopback(server)
}

fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

fn seconds_now() -> f64 {
    // Before 1970 there was no Prometheus.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_secrets_is_asked() {
        for good in ["http://127.0.0.1:9090", "https://m.test/prometheus/", "http://[::1]:9090"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("prometheus", "no address"),
            ("prometheus:9090", "no HTTP address"),
            ("ftp://m.test", "no HTTP address"),
            ("http://robot:secret@m.test", "belongs into a file"),
            ("http://m.test/?query=up", "goes on"),
        ] {
            let refused = address(bad).map_err(|error| error.to_string());
            let told =
                refused.as_ref().is_err_and(|it| it.contains(why) && !it.contains("secret@"));
            assert!(told, "{bad}: {refused:?}");
        }
    }

    #[test]
    fn credentials_are_overheard_only_beyond_this_machine() {
        for (server, open) in [
            ("http://127.0.0.1:9090", false),
            ("http://[::1]:9090", false),
            ("https://m.test", false),
            ("http://m.test", true),
        ] {
            assert_eq!(address(server).map(|url| is_open(&url)).ok(), Some(open), "{server}");
        }
    }
}
