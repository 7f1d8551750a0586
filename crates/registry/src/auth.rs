//! How a registry wants to be shown a credential: not at all, on each request, or in exchange for a token.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;

/// What a request needs to be allowed to do; written as the token protocol's `scope` values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope(Vec<String>);

/// What is known about one registry.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) scheme: Option<Scheme>,
    tokens: HashMap<Scope, Token>,
}

/// How a registry asks for credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// The answer of a token service.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

#[derive(Debug)]
struct Token {
    value: String,
    until: Instant,
}

impl Scope {
    /// Reading from a repository.
    pub(crate) fn pull(repository: &str) -> Self {
        Scope(vec![format!("repository:{repository}:pull")])
    }

    /// Reading from and writing to a repository.
    pub(crate) fn push(repository: &str) -> Self {
        Scope(vec![format!("repository:{repository}:pull,push")])
    }

    /// Writing to a repository what another one holds already.
    pub(crate) fn mount(repository: &str, from: &str) -> Self {
        let mut scope = Scope::push(repository);
        scope.0.extend(Scope::pull(from).0);
        scope
    }

    pub(crate) fn values(&self) -> &[String] {
        &self.0
    }
}

impl Session {
    /// A token that holds for a while yet.
    pub(crate) fn token(&self, scope: &Scope) -> Option<&str> {
        let token = self.tokens.get(scope)?;
        (token.until > Instant::now()).then_some(&*token.value)
    }

    pub(crate) fn forget(&mut self, scope: &Scope) {
        self.tokens.remove(scope);
    }

    /// Keeps a token for three quarters of its life, which is 60 s where nothing is said.
    pub(crate) fn keep(&mut self, scope: &Scope, answer: TokenAnswer) -> Option<String> {
        let value = answer.token.or(answer.access_token)?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(60)).mul_f64(0.75);
        let token = Token { value: value.clone(), until: Instant::now() + life };
        self.tokens.insert(scope.clone(), token);
        Some(value)
    }
}

/// The challenge of a 401 answer; a token is preferred over sending the password each time.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Scheme> {
    let mut basic = None;
    for header in headers.get_all(WWW_AUTHENTICATE) {
        let Some(challenges) =
            header.to_str().ok().and_then(|it| http_auth::parse_challenges(it).ok())
        else {
            continue;
        };
        for challenge in challenges {
            let param = |name: &str| {
                let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = param("realm")
            {
                return Some(Scheme::Bearer { realm, service: param("service") });
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Scheme::Basic);
            }
        }
    }
    basic
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn challenges_are_understood() {
        let bearer = Scheme::Bearer {
            realm: "http://localhost/token?a=b".to_owned(),
            service: Some("registry".to_owned()),
        };
        for (text, expected) in [
            (r#"Basic realm="r""#, Some(Scheme::Basic)),
            (
                r#"Bearer realm="http://localhost/token?a=b",service="registry",scope="x:y,z""#,
                Some(bearer.clone()),
            ),
            (
                r#"Basic realm="r", bearer realm="http://localhost/token?a=b", service=registry"#,
                Some(bearer),
            ),
            ("Negotiate", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(WWW_AUTHENTICATE, text.parse().unwrap());
            assert_eq!(challenge(&headers), expected, "{text}");
        }
    }

    #[test]
    fn a_token_is_kept_for_its_scope_and_not_after_its_life() {
        let mut session = Session::default();
        let (pull, push) = (Scope::pull("a"), Scope::push("a"));
        let answer = |seconds| TokenAnswer {
            token: Some("t".to_owned()),
            access_token: None,
            expires_in: Some(seconds),
        };
        session.keep(&pull, answer(300));
        session.keep(&push, answer(0));
        assert_eq!((session.token(&pull), session.token(&push)), (Some("t"), None));
        session.forget(&pull);
        assert_eq!(session.token(&pull), None);
    }
}
