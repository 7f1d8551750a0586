//! A server of the protocol that answers with a real model, and with the faults that a test asks for.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use model::Model;
use serde_json::{Value, json};
use stream::StreamSchema;

/// What goes wrong with one request for answers.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this status, and asks for a pause of so many seconds where asked.
    Status(u16, Option<u32>),
    /// Answers rightly, but so much later.
    Slow(Duration),
    /// Answers one row too few.
    Short,
    /// Answers NaN to the first row, as Python's servers write it.
    NotANumber,
    /// Answers with something that is no JSON.
    Garbage,
}

/// A running server of one model named `m`; it ends with this value.
#[derive(Debug)]
pub struct Server {
    /// Address of the model.
    pub url: String,
    state: Arc<Serving>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Serving {
    model: Mutex<Model>,
    width: usize,
    token: Option<String>,
    /// What comes next, and what comes when that is used up.
    faults: Mutex<(VecDeque<Fault>, Option<Fault>)>,
    asked: Mutex<u32>,
}

impl Server {
    /// Serves an ONNX file for records of the schema, to everybody.
    ///
    /// # Panics
    /// When the model or a port cannot be had.
    #[must_use]
    pub fn start(file: &Path, schema: &StreamSchema) -> Self {
        Self::start_for(file, schema, None)
    }

    /// As [`Server::start`], only to those who show this token.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn start_for(file: &Path, schema: &StreamSchema, token: Option<&str>) -> Self {
        let mut model = Model::load(file).expect("a model that can be loaded");
        model.fit(schema).expect("a model for these records");
        let state = Arc::new(Serving {
            model: Mutex::new(model),
            width: schema.width(),
            token: token.map(str::to_owned),
            faults: Mutex::default(),
            asked: Mutex::default(),
        });
        let routes = Router::new()
            .route("/v2/models/m", get(metadata))
            .route("/v2/models/m/infer", post(infer))
            .with_state(Arc::clone(&state));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, found) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("who started it");
                let ended = async { stopped.await.unwrap_or_default() };
                // Open connections of a client do not hold it up: the select drops them.
                tokio::select! {
                    served = axum::serve(listener, routes) => served.expect("serves"),
                    () = ended => {}
                }
            });
        });
        let address = found.recv().expect("the server starts");
        let url = format!("http://{address}/v2/models/m");
        Self { url, state, stop: Some(stop), thread: Some(thread) }
    }

    /// The next requests for answers go wrong like this, one after the other.
    ///
    /// # Panics
    /// When the server has panicked.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.faults.lock().expect("not poisoned").0.extend(faults);
    }

    /// Every request for answers goes wrong like this from now on.
    ///
    /// # Panics
    /// When the server has panicked.
    pub fn always(&self, fault: Fault) {
        self.state.faults.lock().expect("not poisoned").1 = Some(fault);
    }

    /// Requests for answers so far.
    ///
    /// # Panics
    /// When the server has panicked.
    #[must_use]
    pub fn asked(&self) -> u32 {
        *self.state.asked.lock().expect("not poisoned")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

type Shared = State<Arc<Serving>>;

async fn metadata(State(serving): Shared, headers: HeaderMap) -> Response {
    if let Some(refused) = serving.refuse(&headers) {
        return refused;
    }
    let shape = [-1, serving.width as i64];
    let found = json!({
        "name": "m", "versions": ["1"], "platform": "test",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": shape}],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
    });
    found.to_string().into_response()
}

async fn infer(State(serving): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = serving.refuse(&headers) {
        return refused;
    }
    *serving.asked.lock().expect("not poisoned") += 1;
    let fault = {
        let mut faults = serving.faults.lock().expect("not poisoned");
        faults.0.pop_front().or_else(|| faults.1.clone())
    };
    match &fault {
        Some(Fault::Status(status, after)) => {
            let status = StatusCode::from_u16(*status).expect("a status");
            let error = json!({"error": "told to fail"}).to_string();
            return match after {
                Some(seconds) => {
                    (status, [(header::RETRY_AFTER, seconds.to_string())], error).into_response()
                }
                None => (status, error).into_response(),
            };
        }
        Some(Fault::Slow(pause)) => tokio::time::sleep(*pause).await,
        Some(Fault::Garbage) => return "<html>".into_response(),
        Some(Fault::Short | Fault::NotANumber) | None => {}
    }
    match serving.answer(&body, fault.as_ref()) {
        Ok(answer) => answer.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, json!({"error": why}).to_string()).into_response(),
    }
}

impl Serving {
    fn refuse(&self, headers: &HeaderMap) -> Option<Response> {
        let wanted = format!("Bearer {}", self.token.as_ref()?);
        let given = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
        (given != Some(&wanted)).then(|| StatusCode::UNAUTHORIZED.into_response())
    }

    fn answer(&self, body: &[u8], fault: Option<&Fault>) -> Result<String, String> {
        let found = |error: &dyn std::error::Error| error.to_string();
        let asked: Value = serde_json::from_slice(body).map_err(|error| found(&error))?;
        let data = asked["inputs"][0]["data"].as_array().ok_or("no data")?;
        let rows: Vec<f32> =
            data.iter().filter_map(Value::as_f64).map(|number| number as f32).collect();
        let n = rows.len() / self.width;
        let mut model = self.model.lock().expect("not poisoned");
        let answers = model.answer(&rows, n).map_err(|error| found(&error))?;
        let given = if matches!(fault, Some(Fault::Short)) { n.saturating_sub(1) } else { n };
        let mut scores: Vec<Value> =
            answers.scores[..given * answers.width].iter().map(|score| json!(score)).collect();
        if matches!(fault, Some(Fault::NotANumber)) {
            scores[0] = json!(NOT_A_NUMBER);
        }
        let mut outputs = vec![json!({
            "name": "probabilities", "datatype": "FP32", "shape": [given, answers.width],
            "data": scores,
        })];
        if let Some(labels) = &answers.labels {
            outputs.push(json!({
                "name": "label", "datatype": "INT64", "shape": [given], "data": labels[..given],
            }));
        }
        let text = json!({"model_name": "m", "outputs": outputs}).to_string();
        Ok(text.replace(&json!(NOT_A_NUMBER).to_string(), "NaN"))
    }
}

/// Becomes a NaN without quotes, which JSON has no word for.
const NOT_A_NUMBER: &str = "not a number";
