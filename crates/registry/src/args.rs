//! The flags of every program that speaks to registries.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::{Client, Credentials, Options, PlainHttp, RetryPolicy};

/// How registries are reached, as flags and environment variables.
#[derive(Clone, Debug, clap::Args)]
pub struct RegistryArgs {
    /// Registries without TLS: host:port separated by commas, or true for all; loopback ones need not be named, unless --ca-file is given
    #[arg(
        long,
        env = "HEADGATE_PLAIN_HTTP",
        value_name = "HOSTS",
        default_value = "",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true
    )]
    pub plain_http: PlainHttp,

    /// File of certificates in PEM form that are trusted instead of the system's
    #[arg(long, env = "HEADGATE_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// How long to try before a registry that does not answer becomes a transient failure
    #[arg(long, env = "HEADGATE_REGISTRY_TIMEOUT", default_value = "60s", value_parser = duration)]
    pub registry_timeout: Duration,
}

impl RegistryArgs {
    /// A client that does as these flags say, with the credentials of the pod or user.
    pub fn client(&self) -> Client {
        Client::new(Options {
            plain_http: self.plain_http.clone(),
            ca_file: self.ca_file.clone(),
            credentials: Credentials::from_environment(),
            retry: RetryPolicy { budget: self.registry_timeout, ..RetryPolicy::default() },
        })
    }
}

impl FromStr for PlainHttp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "false" => Ok(PlainHttp::None),
            "true" => Ok(PlainHttp::All),
            hosts => {
                let hosts: Vec<String> = hosts.split(',').map(|it| it.trim().to_owned()).collect();
                let strange = |host: &&String| host.is_empty() || host.contains('/');
                match hosts.iter().find(strange) {
                    Some(bad) => {
                        Err(format!("`{bad}` is no host; write host:port, without http://"))
                    }
                    None => Ok(PlainHttp::Hosts(hosts)),
                }
            }
        }
    }
}

/// Parses a span such as `500ms`, `30s` or `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no duration; write 500ms, 30s, 2m or 1h"))?;
    Duration::try_from(span).map_err(|_| format!("`{text}` is negative; a duration is not"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: RegistryArgs,
    }

    fn scheme(flags: &[&str], host: &str) -> &'static str {
        let cli = Cli::try_parse_from([&["program"], flags].concat()).unwrap();
        cli.args.client().scheme(host)
    }

    #[test]
    fn who_is_spoken_to_without_tls() {
        for (flags, host, expected) in [
            (&[][..], "10.88.0.1:5000", "https"),
            (&[], "127.0.0.1:5000", "http"),
            (&["--plain-http"], "10.88.0.1:5000", "http"),
            (&["--plain-http=true"], "registry:5000", "http"),
            (&["--plain-http=false"], "registry:5000", "https"),
            (&["--plain-http=a:1,registry:5000"], "registry:5000", "http"),
            (&["--plain-http=a:1,registry:5000"], "other:5000", "https"),
            (&["--plain-http=127.0.0.1:5000", "--ca-file=ca.pem"], "127.0.0.1:5000", "http"),
            (&["--ca-file=ca.pem"], "127.0.0.1:5000", "https"),
        ] {
            assert_eq!(scheme(flags, host), expected, "{flags:?} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        assert!("http://a:1".parse::<PlainHttp>().is_err());
        assert!("a:1,,b:2".parse::<PlainHttp>().is_err());
        assert!(duration("soon").is_err() && duration("-3s").is_err());
    }
}
