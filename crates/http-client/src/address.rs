//! The address of a server, and who may listen on the way there.

use std::net::IpAddr;

use reqwest::Url;

/// The address, if it is one that can be asked: over HTTP, without a password, with nothing after the path.
///
/// # Errors
/// What is wrong with it, without repeating it.
pub fn address(text: &str) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| "it is no address")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        Err("it is no HTTP address")
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("it holds a password, which belongs into a file")
    } else if url.query().is_some() || url.fragment().is_some() {
        Err("it goes on after the path")
    } else {
        Ok(url)
    }
}

/// Whether a host, which may have a port, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether what is said there can be overheard.
pub fn is_open(server: &Url) -> bool {
    server.scheme() == "http" && !is_loopback(server.authority())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_overheard_only_without_tls_and_beyond_this_machine() {
        for (server, open) in [
            ("http://127.0.0.1:9090", Ok(false)),
            ("http://[::1]:9090", Ok(false)),
            ("http://localhost/v2/models/m", Ok(false)),
            ("http://localhost.m.test", Ok(true)),
            ("http://m.test/prometheus/", Ok(true)),
            ("https://m.test", Ok(false)),
            ("m.test", Err("it is no address")),
            ("m.test:9090", Err("it is no HTTP address")),
            ("ftp://m.test", Err("it is no HTTP address")),
            ("http://robot:secret@m.test", Err("it holds a password, which belongs into a file")),
            ("http://m.test/?query=up", Err("it goes on after the path")),
            ("http://m.test/#up", Err("it goes on after the path")),
        ] {
            assert_eq!(address(server).map(|url| is_open(&url)), open, "{server}");
        }
    }
}
