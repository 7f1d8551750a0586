//! The address of a model, and who may listen on the way there.

use reqwest::Url;

use crate::Error;

/// The model's address without a slash at its end, if it is one that can be asked.
pub(crate) fn model(text: &str) -> Result<Url, Error> {
    let hint = "write http://host:port/v2/models/<name>";
    let refuse = |why: &str| Err(Error::setting("the model's address", why, hint));
    let Ok(mut url) = text.parse::<Url>() else { return refuse("it is no address") };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return refuse("it is no HTTP address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds a password, which belongs into a file");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it goes on after the path");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let named = path.split_once("/v2/models/").is_some_and(|(_, name)| !name.is_empty());
    if !named || path.ends_with("/infer") {
        return refuse("it names no model");
    }
    url.set_path(&path);
    Ok(url)
}

/// Where the model is asked.
pub(crate) fn infer(model: &Url) -> Url {
    let mut url = model.clone();
    url.set_path(&format!("{}/infer", model.path()));
    url
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Whether what is said there can be overheard.
pub(crate) fn is_open(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_model_is_taken() {
        for (good, asked) in [
            ("http://127.0.0.1:8000/v2/models/m", "http://127.0.0.1:8000/v2/models/m/infer"),
            ("https://h/prefix/v2/models/m/", "https://h/prefix/v2/models/m/infer"),
            ("http://h/v2/models/m/versions/2", "http://h/v2/models/m/versions/2/infer"),
        ] {
            let url = model(good).map(|url| infer(&url).to_string());
            assert_eq!(url.as_deref(), Ok(asked));
        }
        for (bad, why) in [
            ("predictor", "no address"),
            ("ftp://h/v2/models/m", "no HTTP address"),
            ("http://robot:secret@h/v2/models/m", "belongs into a file"),
            ("http://h/v2/models/m?x=1", "goes on"),
            ("http://h/v1/models/m:predict", "names no model"),
            ("http://h/v2/models/", "names no model"),
            ("http://h/v2/models/m/infer", "names no model"),
        ] {
            let told = model(bad).map_err(|error| error.to_string());
            let refused = told.as_ref().is_err_and(|it| it.contains(why) && !it.contains("secret"));
            assert!(refused, "{bad}: {told:?}");
        }
    }

    #[test]
    fn a_token_is_overheard_only_without_tls_and_beyond_this_machine() {
        for (text, open) in [
            ("http://127.0.0.1/v2/models/m", false),
            ("http://[::1]/v2/models/m", false),
            ("https://h.test/v2/models/m", false),
            ("http://h.test/v2/models/m", true),
        ] {
            assert_eq!(model(text).map(|url| is_open(&url)), Ok(open), "{text}");
        }
    }
}
