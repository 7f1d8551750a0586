//! Secrets stay in files, which are read again for every request, so that they may be renewed at any time; and what a
//! server says of them does not go any further.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderValue, PROXY_AUTHORIZATION};
use serde_json::Value;

use crate::Error;

/// The secret in a file, without the white space around it.
///
/// # Errors
/// [`Error::File`], also where it is not UTF-8, and [`Error::Setting`] where it is empty.
pub fn secret(path: &Path) -> Result<String, Error> {
    let text = regular_file::read_to_string(path, regular_file::SETTINGS)
        .map_err(|source| Error::File { path: path.into(), source })?;
    match text.trim() {
        "" => Err(Error::setting(path.display(), "it is empty", "mount the secret")),
        secret => Ok(secret.to_owned()),
    }
}

/// The `Authorization` that shows the token in a file, and shows itself in no message.
///
/// # Errors
/// Those of [`secret`], and [`Error::Setting`] where no header may hold it.
pub fn bearer(token_file: &Path) -> Result<HeaderValue, Error> {
    let token = format!("Bearer {}", secret(token_file)?);
    let mut value = HeaderValue::try_from(token).map_err(|_| {
        let why = "it holds what no header may hold";
        Error::setting(token_file.display(), why, "put only the token in")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What stands where a secret stood.
const REDACTED: &str = "[redacted]";
/// In the answer to a question a shorter secret is taken for a part of the answer: `7` is also a number.
const MIN_LENGTH_IN_AN_ANSWER: usize = 8;

/// The secrets that a request shows, in every spelling in which a server may repeat them.
///
/// A server that quotes a request in its refusal would otherwise write a token into errors, reports and checkpoints.
/// They travel with the [`reqwest::Response`] that [`crate::execute`] gives.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Those in the headers of a request, and `more` that are in its body.
    pub(crate) fn of(request: &Request, more: &[&str]) -> Self {
        let shown = [AUTHORIZATION, PROXY_AUTHORIZATION].into_iter().filter_map(|name| {
            let value = request.headers().get(name)?.to_str().ok()?;
            Some(value.split_once(' ').map_or(value, |(_, secret)| secret).trim().to_owned())
        });
        let mut all: Vec<String> = shown.chain(more.iter().map(|it| (*it).to_owned())).collect();
        let basic = |text: &String| {
            let decoded = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
            Some(decoded.split_once(':')?.1.to_owned())
        };
        let passwords: Vec<String> = all.iter().filter_map(basic).collect();
        all.extend(passwords);
        let spellings: Vec<String> = all.iter().flat_map(|it| spellings(it)).collect();
        all.extend(spellings);
        all.retain(|it| !it.is_empty());
        // The longest first, so that no part of one is left.
        all.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        all.dedup();
        Self(all)
    }

    /// The text without any of them.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED))
    }

    /// What a server said when it refused, without any of them, however the words of a JSON text are escaped.
    pub fn redact_refusal(&self, body: Vec<u8>) -> Vec<u8> {
        if self.0.is_empty() {
            return body;
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(&body) else {
            return self.redact(&String::from_utf8_lossy(&body)).into_bytes();
        };
        self.redact_value(&mut value);
        value.to_string().into_bytes()
    }

    /// What a server answered, without those that are long enough not to be a part of the answer by chance.
    pub(crate) fn redact_answer(&self, body: Vec<u8>) -> Vec<u8> {
        let long: Vec<String> =
            self.0.iter().filter(|it| it.len() >= MIN_LENGTH_IN_AN_ANSWER).cloned().collect();
        let repeats =
            |secret: &String| body.windows(secret.len()).any(|window| window == secret.as_bytes());
        if long.iter().any(repeats) { Self(long).redact_refusal(body) } else { body }
    }

    fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_value(item)),
            Value::Object(fields) => {
                let old = std::mem::take(fields);
                fields.extend(old.into_iter().map(|(name, mut value)| {
                    self.redact_value(&mut value);
                    (self.redact(&name), value)
                }));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Shows how many there are, and none.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Secrets({})", self.0.len())
    }
}

/// As it may stand in JSON, in an address, in a page and in what is quoted from those.
fn spellings(secret: &str) -> Vec<String> {
    let json = Value::from(secret).to_string();
    let json = json.trim_matches('"').to_owned();
    let slashes = json.replace('/', "\\/");
    let mut address = reqwest::Url::parse("http://a").expect("a constant address");
    address.query_pairs_mut().append_key_only(secret);
    let form = address.query().unwrap_or_default().to_owned();
    let percent = form.replace('+', "%20");
    let page = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let quoted = page.replace('"', "&quot;").replace('\'', "&#39;");
    let base64 = BASE64_STANDARD.encode(secret);
    vec![json, slashes, form, percent, page, quoted, base64]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    #[test]
    fn a_token_is_taken_from_its_file_and_never_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, expected) in [
            (b" t0ken\r\n".as_slice(), "Bearer t0ken"),
            (b"\n", "cannot be used: it is empty (hint: mount the secret)"),
            (b"t0ken\nt0ken", "no header may hold (hint: put only the token in)"),
            (b"t0ken\xff", "cannot read"),
        ] {
            fs::write(file.path(), text).unwrap();
            let read = bearer(file.path());
            let shown = format!("{read:?}");
            let found = read.map_or_else(|it| it.to_string(), |it| it.to_str().unwrap().to_owned());
            assert!(found.contains(expected) && !shown.contains("t0ken"), "{found} {shown}");
        }
    }

    fn secrets(header: &str) -> Secrets {
        let client = reqwest::Client::new();
        let request = client.get("http://m.test").header(AUTHORIZATION, header).build().unwrap();
        Secrets::of(&request, &["in the body"])
    }

    #[test]
    fn what_was_shown_is_taken_out_of_whatever_comes_back() {
        let token = r#"hunter2/+"&="#;
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("robot:{token}")));
        for header in [format!("Bearer {token}"), basic.clone()] {
            let secrets = secrets(&header);
            for echo in [
                token.to_owned(),
                header.clone(),
                serde_json::json!({ "error": format!("bad token {token}!"), token: [token] })
                    .to_string(),
                r#"{"error":"\u0068unter2\/+\"\u0026="}"#.to_owned(),
                "<p>hunter2/+&quot;&amp;=</p>".to_owned(),
                "/login?token=hunter2%2F%2B%22%26%3D".to_owned(),
                BASE64_STANDARD.encode(token),
                "in the body".to_owned(),
            ] {
                let left = secrets.redact_refusal(echo.clone().into_bytes());
                let left = String::from_utf8(left).unwrap();
                assert!(left.contains(REDACTED), "{echo}: {left}");
                assert!(!left.contains("hunter2") && !left.contains("in the body"), "{left}");
                assert!(!left.contains(basic.trim_start_matches("Basic ")), "{left}");
            }
            assert_eq!(format!("{secrets:?}").find("hunter2"), None);
        }
    }

    #[test]
    fn an_answer_is_left_as_it_is_where_it_holds_no_secret() {
        let body = br#"{"value":[1.50,"7"],  "warnings":["7"]}"#.to_vec();
        assert_eq!(secrets("Bearer 7").redact_answer(body.clone()), body);
        let echo = br#"{"value":[1.50,"7"],"warnings":["token abcdefgh"]}"#.to_vec();
        let left = String::from_utf8(secrets("Bearer abcdefgh").redact_answer(echo)).unwrap();
        assert!(left.contains(r#""7""#) && left.contains("token [redacted]"), "{left}");
        assert_eq!(Secrets::default().redact_refusal(body.clone()), body);
    }
}
