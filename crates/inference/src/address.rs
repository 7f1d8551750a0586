//! The address of a model.

use reqwest::Url;

use crate::Error;

/// The model's address without a slash at its end, if it is one that can be asked.
pub(crate) fn model(text: &str) -> Result<Url, Error> {
    let hint = "write http://host:port/v2/models/<name>";
    let refuse = |why: &str| Err(Error::setting("the model's address", why, hint));
    let mut url = http_client::address(text).or_else(refuse)?;
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
            ("http://robot:secret@h/v2/models/m", "belongs into a file"),
            ("http://h/v1/models/m:predict", "names no model"),
            ("http://h/v2/models/", "names no model"),
            ("http://h/v2/models/m/infer", "names no model"),
        ] {
            let found = model(bad).map_err(|error| error.to_string());
            let refused =
                found.as_ref().is_err_and(|it| it.contains(why) && !it.contains("secret"));
            assert!(refused, "{bad}: {found:?}");
        }
    }
}
