//! The HTTP client: one request at a time, with credentials, time limits and retries.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http_client::{client, execute, is_loopback};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{ClientBuilder, RequestBuilder, Response, StatusCode, Url, redirect};

use crate::answer::{document, expect, lasting, within_limit};
use crate::auth::{Scheme, Scope, Session, TokenAnswer, challenge};
use crate::retry::Failure;
use crate::{Credential, Credentials, Error, Result, RetryPolicy};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How registries are reached.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who is spoken to without TLS. Loopback hosts are too, unless a CA file is given.
    pub plain_http: PlainHttp,
    /// Certificates in PEM form that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Where credentials come from.
    pub credentials: Credentials,
    /// How long transient failures are endured.
    pub retry: RetryPolicy,
}

/// Registries that are spoken to without TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only those that always are.
    #[default]
    None,
    /// These hosts, with their port.
    Hosts(Vec<String>),
    /// Every registry.
    All,
}

/// A client for any number of registries; cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: Options,
    near: OnceLock<reqwest::Client>,
    far: OnceLock<reqwest::Client>,
    sessions: Mutex<HashMap<String, Session>>,
    moved: Arc<AtomicU64>,
}

impl Client {
    /// A client with these options. Nothing is opened before the first request.
    pub fn new(options: Options) -> Self {
        let (near, far) = (OnceLock::new(), OnceLock::new());
        let (sessions, moved) = (Mutex::default(), Arc::default());
        Client(Arc::new(Inner { options, near, far, sessions, moved }))
    }

    /// Bytes of blobs that [`crate::publish`] has sent or written so far, for showing progress.
    pub fn bytes_moved(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    pub(crate) fn moved(&self) -> &Arc<AtomicU64> {
        &self.0.moved
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        &self.0.options.retry
    }

    /// `http` for hosts that were named and, without a CA file, for loopback ones; `https` for all others.
    pub(crate) fn scheme(&self, host: &str) -> &'static str {
        let Options { plain_http, ca_file, .. } = &self.0.options;
        let named = match plain_http {
            PlainHttp::None => false,
            PlainHttp::Hosts(hosts) => hosts.iter().any(|it| it == host),
            PlainHttp::All => true,
        };
        let plain = named || is_loopback(host) && ca_file.is_none();
        if plain { "http" } else { "https" }
    }

    /// The connection pool for a host. Loopback hosts never go through a proxy.
    pub(crate) fn http(&self, host: &str) -> Result<&reqwest::Client> {
        let near = is_loopback(host);
        let cell = if near { &self.0.near } else { &self.0.far };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let own = |builder: ClientBuilder| {
            builder.connect_timeout(CONNECT_LIMIT).redirect(redirect::Policy::custom(follow))
        };
        let ca_file = self.0.options.ca_file.as_deref();
        let built = client(self.scheme(host), host, ca_file, own).map_err(|error| match error {
            http_client::Error::File { path, source } => Error::io(&path, source),
            error => {
                let why = format!("{error}; mount the system's certificates or name a CA file");
                Error::invalid("TLS certificates", why)
            }
        })?;
        Ok(cell.get_or_init(|| built))
    }

    /// Sends a request that can be made again, renewing a token once and retrying transient failures.
    /// The answer may have any lasting status; see [`expect`].
    pub(crate) async fn send(
        &self,
        host: &str,
        scope: &Scope,
        what: &str,
        make: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response> {
        let mut attempts = self.retry().attempts(what);
        loop {
            match self.try_send(host, scope, &make).await {
                Ok(response) => return Ok(response),
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }

    /// One attempt of [`Client::send`].
    pub(crate) async fn try_send(
        &self,
        host: &str,
        scope: &Scope,
        make: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let http = self.http(host)?;
        let mut renewals = 0;
        let answer = loop {
            let request = self.authorize(host, scope, make(http)).await?;
            let answer = within_limit(execute(request, &[])).await?;
            if answer.status() != StatusCode::UNAUTHORIZED {
                break answer;
            }
            // A new token can be ended at once by whoever ends tokens; a password stays what it is.
            let most = match self.learn(host, scope, &answer) {
                Some(Scheme::Bearer { .. }) => 2,
                Some(Scheme::Basic) => 1,
                None => 0,
            };
            if renewals == most {
                break answer;
            }
            renewals += 1;
        };
        lasting(answer)
    }

    /// Adds what the registry asked for to a request, as far as it is known.
    pub(crate) async fn authorize(
        &self,
        host: &str,
        scope: &Scope,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, Failure> {
        let scheme = match self.sessions().get(host) {
            Some(session) => match session.token(scope) {
                Some(token) => return Ok(request.bearer_auth(token)),
                None => session.scheme.clone(),
            },
            None => None,
        };
        let Some(scheme) = scheme else { return Ok(request) };
        let repository = scope.values().first().and_then(|it| it.split(':').nth(1));
        let credential = self.0.options.credentials.find(host, repository.unwrap_or_default())?;
        match scheme {
            Scheme::Basic => match credential {
                Some(Credential::Basic { username, password }) => {
                    Ok(request.basic_auth(username, Some(password)))
                }
                _ => Ok(request),
            },
            Scheme::Bearer { realm, service } => {
                let answer =
                    self.ask_token(host, scope, &realm, service.as_deref(), credential).await?;
                let kept = self.sessions().entry(host.to_owned()).or_default().keep(scope, answer);
                let token = kept.ok_or_else(|| Error::invalid(realm, "the answer has no token"))?;
                let mut header = HeaderValue::try_from(format!("Bearer {token}"))
                    .map_err(|_| Error::invalid(host, "the token is not a header value"))?;
                header.set_sensitive(true);
                Ok(request.header(AUTHORIZATION, header))
            }
        }
    }

    /// Takes in the challenge of a 401 answer; without one, asking again cannot help.
    pub(crate) fn learn(&self, host: &str, scope: &Scope, answer: &Response) -> Option<Scheme> {
        let scheme = challenge(answer.headers())?;
        let mut sessions = self.sessions();
        let session = sessions.entry(host.to_owned()).or_default();
        session.forget(scope);
        session.scheme = Some(scheme.clone());
        Some(scheme)
    }

    async fn ask_token(
        &self,
        host: &str,
        scope: &Scope,
        realm: &str,
        service: Option<&str>,
        credential: Option<Credential>,
    ) -> Result<TokenAnswer, Failure> {
        let what = format!("token for {host}");
        let url: Url =
            realm.parse().map_err(|_| Error::invalid(&what, format!("realm {realm:?}")))?;
        if url.scheme() != "https" && self.scheme(host) == "https" {
            return Err(Error::invalid(what, "the token service is without TLS").into());
        }
        let http = self.http(&authority(&url))?;
        let mut fields: Vec<(&str, &str)> = Vec::new();
        fields.extend(service.map(|service| ("service", service)));
        let request = match &credential {
            Some(Credential::IdentityToken(token)) => {
                let scopes = scope.values().join(" ");
                fields.extend([("grant_type", "refresh_token"), ("client_id", "headgate")]);
                fields.extend([("refresh_token", token.as_str()), ("scope", &scopes)]);
                let form = url::form(&fields);
                http.post(url)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form)
            }
            other => {
                fields.extend(scope.values().iter().map(|scope| ("scope", scope.as_str())));
                let request = http.get(url).query(&fields);
                match other {
                    Some(Credential::Basic { username, password }) => {
                        request.basic_auth(username, Some(password))
                    }
                    _ => request,
                }
            }
        };
        let shown = match &credential {
            Some(Credential::IdentityToken(token)) => &[token.as_str()][..],
            _ => &[],
        };
        let answer = lasting(within_limit(execute(request, shown)).await?)?;
        let answer = expect(answer, &what, &[StatusCode::OK]).await?;
        let body = document(answer, &what).await?;
        // What it says instead may be a token, too.
        let why = |_: serde_json::Error| Error::invalid(&what, "the answer holds no token");
        Ok(serde_json::from_slice(&body).map_err(why)?)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("options", &self.0.options).finish_non_exhaustive()
    }
}

mod url {
    //! Form encoding by way of the address type, which is the one we have.

    use reqwest::Url;

    pub(super) fn form(fields: &[(&str, &str)]) -> String {
        let mut url = Url::parse("http://form").expect("a constant address");
        url.query_pairs_mut().extend_pairs(fields);
        url.query().unwrap_or_default().to_owned()
    }
}

/// Host and, where it is written, port of an address.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Follows up to five redirects, never from TLS to plain HTTP.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let from_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if from_tls && attempt.url().scheme() != "https" {
        return attempt.error("redirected from TLS to plain HTTP");
    }
    if attempt.previous().len() > 5 {
        return attempt.error("too many redirects");
    }
    attempt.follow()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_and_named_hosts_only() {
        let plain_http = vec!["registry.test:5000".to_owned()];
        let client =
            Client::new(Options { plain_http: PlainHttp::Hosts(plain_http), ..Options::default() });
        for (host, expected) in [
            ("localhost:5000", "http"),
            ("127.0.0.9", "http"),
            ("[::1]:5000", "http"),
            ("registry.test:5000", "http"),
            ("registry.test", "https"),
            ("localhost.evil.test", "https"),
            ("10.0.0.1:5000", "https"),
        ] {
            assert_eq!(client.scheme(host), expected, "{host}");
        }
        let ca_file = Some(PathBuf::from("ca.pem"));
        let client = Client::new(Options { ca_file, ..Options::default() });
        assert_eq!(client.scheme("localhost:5000"), "https");
    }
}
