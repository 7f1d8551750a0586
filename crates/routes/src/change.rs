//! What the records under a stream's key say: one change each, and what stands after all of them. Pure.

use kafka::Record;

use crate::follow::Entry;
use crate::{ROUTES_TOPIC, Route};

/// What one record of the routes topic says about a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Route(Box<Route>),
    /// The stream has no route any more: a record without a value.
    Retired,
    /// It is no route of this stream, and why.
    Unreadable(String),
}

/// What all records say, taken in the order of the topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// The newest route that can be read.
    pub route: Option<Route>,
    /// The newest record, where it is none that can be read: then nobody knows the route for sure, since the topic's
    /// compaction may have removed the last good one for it.
    pub unreadable: Option<Unreadable>,
    /// The highest generation met, also before the stream was retired.
    pub highest: u64,
}

/// A record that is no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub stream: String,
    pub partition: i32,
    pub offset: i64,
    pub why: String,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The stream has another route now, or none.
    Changed,
    /// It is the newest route once more.
    Known,
    /// It is older than the newest route.
    Stale,
    Unreadable,
}

impl Change {
    /// What `record` says about `stream`; `None` where it is about another one.
    pub fn of(stream: &str, record: &Record) -> Option<Self> {
        (record.key.as_deref() == Some(stream.as_bytes())).then(|| match record.value.as_deref() {
            None => Self::Retired,
            Some(value) => match route(stream, value) {
                Ok(route) => Self::Route(Box::new(route)),
                Err(why) => Self::Unreadable(why),
            },
        })
    }
}

fn route(stream: &str, value: &[u8]) -> Result<Route, String> {
    let json: serde_json::Value =
        serde_json::from_slice(value).map_err(|_| "it is not JSON".to_owned())?;
    let route: Route = serde_json::from_value(json).map_err(|error| in_words(&error))?;
    if route.stream != stream {
        return Err(format!("it names the stream `{}`", route.stream.escape_debug()));
    }
    route.defect().map_or(Ok(route), Err)
}

/// What is wrong with a member, in the words of the protocol instead of the program's.
fn in_words(error: &serde_json::Error) -> String {
    [
        ("struct Route", "a route"),
        ("struct ModelRef", "a model"),
        ("struct Candidate", "a candidate"),
        ("struct Previous", "a former champion"),
        ("expected u64", "expected a whole number"),
        ("expected f64", "expected a number"),
    ]
    .into_iter()
    .fold(error.to_string(), |text, (from, to)| text.replace(from, to))
}

impl Standing {
    /// Takes the next record of the topic; `None` where it is about another stream.
    pub fn take(&mut self, stream: &str, record: &Record) -> Option<Taken> {
        Some(self.apply(stream, &Entry::of(stream, record)?))
    }

    /// Takes the next change of `stream`.
    pub fn apply(&mut self, stream: &str, entry: &Entry) -> Taken {
        match &entry.change {
            Change::Retired => {
                (self.route, self.unreadable) = (None, None);
                Taken::Changed
            }
            Change::Unreadable(why) => {
                let Entry { partition, offset, .. } = *entry;
                let (stream, why) = (stream.to_owned(), why.clone());
                self.unreadable = Some(Unreadable { stream, partition, offset, why });
                Taken::Unreadable
            }
            Change::Route(route) if self.route.as_ref() == Some(&**route) => {
                self.unreadable = None;
                Taken::Known
            }
            Change::Route(route)
                if self.route.as_ref().is_some_and(|newest| route.is_overtaken_by(newest)) =>
            {
                Taken::Stale
            }
            Change::Route(route) => {
                self.highest = self.highest.max(route.generation);
                (self.route, self.unreadable) = (Some((**route).clone()), None);
                Taken::Changed
            }
        }
    }

    /// The route for whoever is going to change it, or to rest a verdict on it.
    ///
    /// # Errors
    /// The newest record cannot be read (exit 2): that is not "no route".
    pub fn certain(self) -> anyhow::Result<Option<Route>> {
        match self.unreadable {
            None => Ok(self.route),
            Some(unreadable) => Err(unreadable.fault(self.route.as_ref())),
        }
    }
}

impl Unreadable {
    /// In words; `last` is the newest route that can be read.
    pub(crate) fn fault(&self, last: Option<&Route>) -> anyhow::Error {
        let stream = &self.stream;
        let hint = match last {
            Some(route) => format!(
                "find out who wrote it; then `rollback --stream={stream}` goes on from generation {}, the last that can \
                 be read, and writes a sound record over it",
                route.generation
            ),
            None => format!(
                "find out who wrote it; nothing says any more who answered, so retire the stream with a record of this \
                 key and no value (echo '{stream}:' | kcat -P -b <brokers> -t {ROUTES_TOPIC} -K : -Z) and bootstrap it"
            ),
        };
        fault::usage(self.to_string(), hint)
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stream, partition, offset, why } = self;
        write!(
            to,
            "the newest record of the stream {stream} on {ROUTES_TOPIC} (partition {partition}, offset {offset}) is no \
             route: {why}"
        )
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;
    use crate::ModelRef;

    fn route(epoch: &str, generation: u64) -> Route {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let model = ModelRef { digest, image: "oci:images".into() };
        let (id, epoch) = (format!("{epoch}-{generation}"), epoch.to_owned());
        Route { generation, id, epoch, ..Route::bootstrap("s", model) }
    }

    fn record(key: &str, offset: i64, value: Option<Vec<u8>>) -> Record {
        let (key, headers) = (Some(key.as_bytes().to_vec()), Vec::new());
        Record { partition: 0, offset, timestamp_ms: 0, key, value, headers }
    }

    fn good(epoch: &str, generation: u64) -> Option<Vec<u8>> {
        Some(serde_json::to_vec(&route(epoch, generation)).unwrap())
    }

    fn standing(values: Vec<Option<Vec<u8>>>) -> Standing {
        let mut standing = Standing::default();
        for (offset, value) in values.into_iter().enumerate() {
            standing.take("s", &record("s", offset as i64, value));
        }
        standing
    }

    /// A good route with one member changed.
    fn with(change: impl Fn(&mut Value)) -> Vec<u8> {
        let mut value = serde_json::to_value(route("a", 3)).unwrap();
        change(&mut value);
        serde_json::to_vec(&value).unwrap()
    }

    #[test]
    fn whatever_is_no_route_of_this_stream_is_said_to_be_none() {
        let candidate = |share: Value| json!({ "model": { "digest": "sha256:00", "image": "" }, "share": share });
        for (value, why) in [
            (b"no route".to_vec(), "not JSON"),
            (b"".to_vec(), "not JSON"),
            (b"\xff\xfe".to_vec(), "not JSON"),
            (b"{}".to_vec(), "missing field `stream`"),
            (b"[]".to_vec(), "expected a route"),
            (b"null".to_vec(), "expected a route"),
            (with(|route| route["stream"] = "t".into()), "names the stream `t`"),
            (with(|route| route["generation"] = 0.into()), "0 is no generation"),
            (with(|route| route["generation"] = u64::MAX.into()), "is no generation"),
            (with(|route| route["generation"] = (-1).into()), "-1"),
            (with(|route| route["generation"] = json!(1e300)), "1e+300"),
            (with(|route| route["generation"] = json!(2.5)), "2.5"),
            (with(|route| route["champion"]["digest"] = "sha256:12".into()), "no model digest"),
            (with(|route| route["champion"] = Value::Null), "null"),
            (with(|route| route["candidate"] = candidate(json!(0.5))), "no model digest"),
            (with(|route| route["split"] = "by-record".into()), "by-record"),
            // What a writer makes of a share that is not a number.
            (with(|route| route["candidate"] = candidate(Value::Null)), "null"),
            (with(|route| route["candidate"] = candidate("NaN".into())), "NaN"),
        ] {
            let shown = String::from_utf8_lossy(&value).into_owned();
            let change = Change::of("s", &record("s", 0, Some(value.clone())));
            let Some(Change::Unreadable(said)) = change else {
                panic!("{shown} was taken: {change:?}")
            };
            assert!(said.contains(why) && !said.contains("struct"), "{shown}: {said}");
            // Also as the only one that compaction left: never "no route".
            let error = standing(vec![Some(value.clone())]).certain().unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
            assert_eq!(fault::exit_code(&error), fault::exit::USAGE);
            let error = standing(vec![good("a", 2), Some(value)]).certain().unwrap_err();
            assert!(fault::render(&error).contains("generation 2"), "{error:#}");
        }
        assert_eq!(Change::of("t", &record("s", 0, good("a", 1))), None);
        assert_eq!(Change::of("s", &record("s", 0, None)), Some(Change::Retired));
    }

    #[test]
    fn the_newest_of_the_newest_epoch_counts() {
        let garbage = || Some(b"{}".to_vec());
        for (values, expected, certain) in [
            (vec![], None, true),
            (vec![good("a", 1), good("a", 3), good("a", 2)], Some(("a", 3)), true),
            (vec![good("a", 7), None], None, true),
            (vec![good("a", 7), None, good("b", 1)], Some(("b", 1)), true),
            (vec![good("a", 7), good("b", 2), good("b", 3)], Some(("b", 3)), true),
            (vec![good("a", 7), garbage()], Some(("a", 7)), false),
            (vec![garbage()], None, false),
            (vec![garbage(), None], None, true),
            (vec![good("a", 7), garbage(), good("a", 8)], Some(("a", 8)), true),
            // A stale one mends nothing, the newest written once more does.
            (vec![good("a", 7), garbage(), good("a", 6)], Some(("a", 7)), false),
            (vec![good("a", 7), garbage(), good("a", 7)], Some(("a", 7)), true),
        ] {
            let shown = format!("{values:?}");
            let standing = standing(values);
            let expected = expected.map(|(epoch, generation)| route(epoch, generation));
            assert_eq!(standing.route, expected, "{shown}");
            assert_eq!(standing.certain().is_ok(), certain, "{shown}");
        }
    }

    #[test]
    fn a_retired_stream_remembers_how_far_it_was() {
        let standing = standing(vec![good("a", 7), None, good("b", 2)]);
        assert_eq!(standing.highest, 7);
    }
}
