//! A small registry in memory that misbehaves on request.
//!
//! It keeps what was uploaded, counts requests, and has a list of faults that strike matching requests, each a
//! given number of times. Quirks of real registries are switches.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use registry::Digest;

/// A running double; its threads end with the process.
pub(crate) struct Double {
    /// `127.0.0.1:<port>`.
    pub(crate) host: String,
    state: Arc<Mutex<State>>,
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status and these header lines, after the request was read.
    Answer(u16, &'static str),
    /// The connection ends after this many bytes of the request's body.
    CutRequest(usize),
    /// The connection ends after this many bytes of the answer's body.
    CutAnswer(usize),
    /// The answer's body is this instead.
    Body(&'static [u8]),
    /// This status, and a body in which `{secret}` stands for what the request showed.
    Parrot(u16, &'static str),
    /// All tokens given out so far end with this request.
    EndTokens,
}

/// Ways in which registries differ.
#[derive(Clone, Default)]
pub(crate) struct Quirks {
    /// Upload locations are given without scheme and host.
    pub(crate) relative_location: bool,
    /// Uploads are sent to this other host.
    pub(crate) upload_host: Option<String>,
    /// A PUT with a body answers 405; PATCH must be used.
    pub(crate) no_whole_put: bool,
    /// Ranges are ignored.
    pub(crate) no_ranges: bool,
    /// Requests need a token, which this double also hands out.
    pub(crate) tokens: bool,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body_size: usize,
}

#[derive(Default)]
struct State {
    quirks: Quirks,
    faults: Vec<(&'static str, String, usize, Fault)>,
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, (String, Vec<u8>)>,
    sessions: HashMap<String, Vec<u8>>,
    opened: usize,
    tokens: usize,
    ended_tokens: usize,
    seen: Vec<Seen>,
}

impl Double {
    pub(crate) fn start(quirks: Quirks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State { quirks, ..State::default() }));
        let (shared, own) = (state.clone(), host.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, own) = (shared.clone(), own.clone());
                std::thread::spawn(move || serve(&stream, &shared, &own));
            }
        });
        Double { host, state }
    }

    /// The next `times` requests of `method` whose target contains `part` meet `fault`.
    pub(crate) fn fail(&self, method: &'static str, part: &str, times: usize, fault: Fault) {
        self.state().faults.push((method, part.to_owned(), times, fault));
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// How many requests of `method` had a target that contains `part`.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.seen().iter().filter(|it| it.method == method && it.target.contains(part)).count()
    }

    /// The bytes of a blob, if it arrived.
    pub(crate) fn blob(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.state().blobs.get(digest.as_str()).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
}

fn answer(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Vec::new(), cut: None }
}

impl Answer {
    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }
}

/// Serves one connection until it ends.
fn serve(stream: &TcpStream, state: &Mutex<State>, host: &str) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let size = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        let fault = strike(&mut lock(state), &method, &target);
        let limit = match fault {
            Some(Fault::CutRequest(limit)) => limit.min(size),
            _ => size,
        };
        let mut body = vec![0; limit];
        reader.read_exact(&mut body).ok()?;
        let seen = Seen { method, target, headers, body_size: limit };
        lock(state).seen.push(seen.clone());
        let mut reply = match &fault {
            Some(Fault::CutRequest(_)) => {
                stream.shutdown(std::net::Shutdown::Both).ok()?;
                return None;
            }
            Some(Fault::Answer(status, lines)) => {
                let lines = lines.split('\n').filter_map(|line| line.split_once(": "));
                lines.fold(answer(*status), |answer, (name, value)| answer.with(name, value))
            }
            _ => {
                let mut state = lock(state);
                if matches!(fault, Some(Fault::EndTokens)) {
                    state.ended_tokens = state.tokens;
                }
                route(&mut state, &seen, &body, host)
            }
        };
        match fault {
            Some(Fault::CutAnswer(limit)) => reply.cut = Some(limit),
            Some(Fault::Body(body)) => reply.body = body.to_vec(),
            Some(Fault::Parrot(status, body)) => {
                let shown = seen.headers.get("authorization").map_or("", String::as_str);
                reply = answer(status).body(body.replace("{secret}", shown).as_bytes());
            }
            _ => {}
        }
        send(stream, &reply, seen.method == "HEAD")?;
    }
}

fn strike(state: &mut State, method: &str, target: &str) -> Option<Fault> {
    let hit = state
        .faults
        .iter_mut()
        .find(|(on, part, times, _)| *times > 0 && *on == method && target.contains(&**part))?;
    hit.2 -= 1;
    Some(hit.3.clone())
}

fn send(mut stream: &TcpStream, answer: &Answer, head: bool) -> Option<()> {
    let mut text =
        format!("HTTP/1.1 {} x\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).ok()?;
    let body = if head { &[] } else { &answer.body[..answer.cut.unwrap_or(answer.body.len())] };
    stream.write_all(body).ok()?;
    if answer.cut.is_some() {
        stream.shutdown(std::net::Shutdown::Both).ok()?;
        return None;
    }
    Some(())
}

fn route(state: &mut State, request: &Seen, body: &[u8], host: &str) -> Answer {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    if path == "/token" {
        state.tokens += 1;
        let token = format!(r#"{{"token":"token-{}","expires_in":300}}"#, state.tokens);
        return answer(200).body(token.as_bytes());
    }
    if state.quirks.tokens {
        let shown = request.headers.get("authorization");
        let shown = shown.and_then(|it| it.strip_prefix("Bearer token-")?.parse::<usize>().ok());
        if shown.is_none_or(|number| number <= state.ended_tokens) {
            let challenge = format!(r#"Bearer realm="http://{host}/token",service="double""#);
            return answer(401).with("WWW-Authenticate", challenge);
        }
    }
    match path.rsplit_once('/') {
        Some((_, "")) if path.ends_with("/blobs/uploads/") => open(state, path, host),
        Some((rest, id)) if rest.ends_with("/blobs/uploads") => {
            upload(state, request, id, query, body, host)
        }
        Some((rest, digest)) if rest.ends_with("/blobs") => read_blob(state, request, digest),
        Some((rest, name)) if rest.ends_with("/manifests") => manifest(state, request, name, body),
        _ => answer(404),
    }
}

/// Starts an upload. Mounting is not known here: it is answered as the start of an upload, too.
fn open(state: &mut State, path: &str, host: &str) -> Answer {
    state.opened += 1;
    let id = format!("session-{}", state.opened);
    state.sessions.insert(id.clone(), Vec::new());
    let rest = format!("{path}{id}?_state=keep%2Fme");
    let location = match &state.quirks {
        Quirks { upload_host: Some(other), .. } => format!("http://{other}{rest}"),
        Quirks { relative_location: true, .. } => rest,
        _ => format!("http://{host}{rest}"),
    };
    answer(202).with("Location", location)
}

fn upload(
    state: &mut State,
    request: &Seen,
    id: &str,
    query: &str,
    body: &[u8],
    host: &str,
) -> Answer {
    if !query.contains("_state=keep%2Fme") {
        return answer(400).body(br#"{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}"#);
    }
    let whole_put = request.method == "PUT" && !body.is_empty();
    if whole_put && state.quirks.no_whole_put {
        return answer(405);
    }
    let session = state.sessions.entry(id.to_owned()).or_default();
    session.extend_from_slice(body);
    if request.method == "PATCH" {
        let location = format!("http://{host}{}", request.target);
        return answer(202).with("Location", location);
    }
    let bytes = state.sessions.remove(id).unwrap_or_default();
    let digest = Digest::of(&bytes);
    if !query.contains(&format!("digest={}", digest.as_str().replace(':', "%3A"))) {
        return answer(400).body(br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
    }
    state.blobs.insert(digest.to_string(), bytes);
    // A registry that names no Location here is wrong and widespread.
    answer(201)
}

fn read_blob(state: &State, request: &Seen, digest: &str) -> Answer {
    let Some(bytes) = state.blobs.get(digest) else { return answer(404) };
    let range = request.headers.get("range").filter(|_| !state.quirks.no_ranges);
    let from = range.and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    match from {
        Some(from) => answer(206).body(&bytes[from..]),
        None => answer(200).body(bytes),
    }
}

fn manifest(state: &mut State, request: &Seen, name: &str, body: &[u8]) -> Answer {
    if request.method == "PUT" {
        let kind = request.headers.get("content-type").cloned().unwrap_or_default();
        let entry = (kind, body.to_vec());
        state.manifests.insert(Digest::of(body).to_string(), entry.clone());
        state.manifests.insert(name.to_owned(), entry);
        return answer(201);
    }
    match state.manifests.get(name) {
        None => answer(404),
        Some((kind, bytes)) => answer(200)
            .with("Content-Type", kind)
            .with("Docker-Content-Digest", Digest::of(bytes))
            .body(bytes),
    }
}
