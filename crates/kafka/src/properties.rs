//! The file of `--kafka-config`. It holds passwords, so nothing that it holds is ever shown but names that librdkafka
//! knows; a line that is wrong is named by its number.

use std::collections::BTreeMap;
use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use fault::redact;

/// Properties that would break what steps rely on.
const OURS: [&str; 6] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.idempotence",
    "acks",
    "isolation.level",
];
/// What people set most, to find what was meant.
const COMMON: [&str; 16] = [
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "sasl.oauthbearer.config",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.endpoint.identification.algorithm",
    "client.id",
    "message.max.bytes",
];

/// The properties of the file, each one known to librdkafka with a value that it takes.
///
/// # Errors
/// The file cannot be read, or a line of it is wrong (exit 2).
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = regular_file::read_to_string(path, regular_file::SETTINGS).map_err(|error| {
        fault::usage(
            format!("cannot read --kafka-config {}: {error}", path.display()),
            "mount the file, or leave the flag out for a broker without encryption",
        )
    })?;
    parse(&text)
}

/// `key=value` lines; `#` starts a comment line.
fn parse(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    // Before anything can fail: a line without `=` may be a password, too.
    // A user's name is no secret, and often a part of the names of topics and ACLs that an error has to say; nor is a path.
    for (_, line) in lines.clone() {
        let (key, value) = line.split_once('=').unwrap_or(("", line));
        match key.trim() {
            "sasl.username" => {}
            known if known.ends_with(".location") && COMMON.contains(&known) => {
                redact::keep_out_whole(value);
            }
            _ => redact::keep_out(value),
        }
    }
    let mut seen = BTreeMap::new();
    let mut properties = Vec::new();
    for (number, line) in lines {
        let wrong = |what: &str, hint: &str| {
            fault::usage(format!("line {number} of --kafka-config {what}"), hint)
        };
        let Some((key, value)) = line.split_once('=') else {
            return Err(wrong("has no `=`", "write one key=value per line"));
        };
        let (key, value) = (key.trim(), value.trim());
        if OURS.contains(&key) {
            let what = format!("sets {key}, which steps set themselves");
            return Err(wrong(&what, "remove that line; the broker is named by --brokers"));
        }
        ensure_built_in(key, value)?;
        ensure_taken(key, value).map_err(|(what, hint)| wrong(&what, &hint))?;
        if let Some(first) = seen.insert(key, number) {
            let what = format!("sets {key} again, after line {first}");
            return Err(wrong(&what, "remove one of the two"));
        }
        properties.push((key.to_owned(), value.to_owned()));
    }
    Ok(properties)
}

/// Fails where librdkafka does not take the property; its own words quote name and value.
fn ensure_taken(key: &str, value: &str) -> Result<(), (String, String)> {
    if key.contains('\0') || value.contains('\0') {
        return Err(("holds a NUL byte".to_owned(), "write it as text".to_owned()));
    }
    let mut alone = ClientConfig::new();
    alone.set(key, value);
    match alone.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            let hint = match nearest(key) {
                Some(meant) => format!("did you mean {meant}?"),
                None => "librdkafka's CONFIGURATION.md lists the properties".to_owned(),
            };
            Err(("sets a property that librdkafka does not know".to_owned(), hint))
        }
        Err(KafkaError::ClientConfig(_, why, ..))
            if why.contains("not supported in this build") =>
        {
            Err((
                format!("sets {key}, which this program was built without"),
                "build it with --features contract/tls, or its image with make images TLS=1"
                    .to_owned(),
            ))
        }
        Err(_) => Err((
            format!("gives {key} a value that librdkafka does not take"),
            format!("librdkafka's CONFIGURATION.md says which values {key} takes"),
        )),
    }
}

/// The common property that differs from `key` by the fewest characters, if by few.
fn nearest(key: &str) -> Option<&'static str> {
    const MAX_NAMED: usize = 3;
    let key = key.to_ascii_lowercase();
    let near = COMMON.iter().map(|known| (distance(&key, known), *known)).min()?;
    (near.0 <= MAX_NAMED).then_some(near.1)
}

/// How many characters have to be inserted, deleted or changed.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Fails where a property asks for what this program was built without.
fn ensure_built_in(key: &str, value: &str) -> anyhow::Result<()> {
    let value = value.to_ascii_uppercase();
    let asked = match key {
        "security.protocol" if value == "SSL" || value == "SASL_SSL" => "TLS",
        "sasl.mechanism" | "sasl.mechanisms" if value.starts_with("SCRAM-SHA-") => "SCRAM",
        _ => return Ok(()),
    };
    if cfg!(feature = "tls") {
        return Ok(());
    }
    Err(fault::usage(
        format!("--kafka-config asks for {asked} by {key}, which this program was built without"),
        "build it with --features contract/tls, or its image with make images TLS=1",
    ))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn properties_are_read() {
        let text = "# who we are\nsecurity.protocol = SASL_PLAINTEXT\n\nsasl.password=a=b\n";
        let read = parse(text).unwrap();
        let expected = [("security.protocol", "SASL_PLAINTEXT"), ("sasl.password", "a=b")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number_and_never_shown() {
        for (text, what, hint) in [
            (
                "\nsasl.pasword=hunter2",
                "line 2 of --kafka-config sets a property that",
                "did you mean sasl.password?",
            ),
            (
                "SASL.PASSWORD=hunter2",
                "sets a property that librdkafka does not know",
                "sasl.password",
            ),
            (
                "hunter2=hunter2",
                "sets a property that librdkafka does not know",
                "CONFIGURATION.md",
            ),
            ("hunter2", "line 1 of --kafka-config has no `=`", "one key=value"),
            ("=hunter2", "sets a property that librdkafka does not know", "CONFIGURATION.md"),
            (
                "security.protocol=hunter2",
                "gives security.protocol a value that",
                "says which values",
            ),
            (
                "sasl.mechanism=hunter2\nsasl.mechanism=hunter2",
                "line 2 of --kafka-config sets sasl.mechanism again, after line 1",
                "remove one",
            ),
            ("socket.timeout.ms=hunter2", "gives socket.timeout.ms a value", "says which"),
            ("acks=hunter2", "sets acks, which steps set themselves", "remove that line"),
            ("sasl.password=hunter2\0", "holds a NUL byte", "as text"),
        ] {
            let error = parse(text).unwrap_err();
            let said = fault::render(&error);
            assert!(said.contains(what) && said.contains(hint), "{text}: {said}");
            assert!(!format!("{said} {error:?}").contains("hunter2"), "{text}: {said}");
            assert_eq!(fault::exit_code(&error), fault::exit::USAGE);
        }
    }

    #[test]
    fn what_is_not_built_in_is_said_before_anything_is_tried() {
        for (key, value) in [("security.protocol", "sasl_ssl"), ("sasl.mechanism", "SCRAM-SHA-512")]
        {
            assert_eq!(ensure_built_in(key, value).is_ok(), cfg!(feature = "tls"), "{key}");
        }
        assert!(ensure_built_in("security.protocol", "sasl_plaintext").is_ok());
        assert!(ensure_built_in("sasl.mechanism", "PLAIN").is_ok());
    }
}
