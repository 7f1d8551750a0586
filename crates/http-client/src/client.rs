//! The client that all questions go through.

use std::path::Path;

use reqwest::{Certificate, Client, ClientBuilder, redirect};

use crate::{Error, chain, is_loopback};

/// A client for a host, which may have a port; others may be asked by it that are reached and trusted the same way.
///
/// Certificates of `ca_file`, in PEM form, are trusted instead of the system's. Loopback hosts are asked without a
/// proxy, and no redirect is followed. `own` adds what is the caller's, time limits before all.
///
/// # Errors
/// [`Error::File`], [`Error::Setting`] for a file without certificates, and [`Error::Tls`].
pub fn client(
    scheme: &str,
    host: &str,
    ca_file: Option<&Path>,
    own: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<Client, Error> {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed = |error: reqwest::Error| Error::Tls(chain(&error));
    let start = || {
        let builder = Client::builder()
            .user_agent(concat!("headgate/", env!("CARGO_PKG_VERSION")))
            // A login page is no answer, and credentials are for this server only.
            .redirect(redirect::Policy::none());
        own(if is_loopback(host) { builder.no_proxy() } else { builder })
    };
    if let Some(path) = ca_file {
        let pem = regular_file::read(path, regular_file::SETTINGS)
            .map_err(|source| Error::File { path: path.into(), source })?;
        let trusted = Certificate::from_pem_bundle(&pem).map_err(failed)?;
        if trusted.is_empty() {
            let (why, hint) = ("it holds no certificate", "give one in PEM form");
            return Err(Error::setting(path.display(), why, hint));
        }
        return start().tls_certs_only(trusted).build().map_err(failed);
    }
    match start().build() {
        // An image without certificates can still speak to a server that needs none.
        Err(_) if scheme == "http" => start().tls_certs_only([]).build().map_err(failed),
        built => built.map_err(failed),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    #[test]
    fn a_ca_file_has_to_hold_certificates() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, why) in [
            ("", "it holds no certificate (hint: give one in PEM form)"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "request: "),
        ] {
            fs::write(&file, text).unwrap();
            let error = client("https", "m.test", Some(file.path()), |it| it).unwrap_err();
            assert!(error.to_string().contains(why), "{error}, expected {why}");
        }
    }
}
