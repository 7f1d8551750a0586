//! The client: fits the model to the records once, then asks rows.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{ClientBuilder, Url};
use tokio::runtime::{Builder, Runtime};

use crate::exchange::{ask, refused};
use crate::metadata::Inputs;
use crate::{Error, Metadata, Options, address, response};

/// A client for one model. It blocks the thread that asks, which must not be one that drives a tokio runtime.
pub struct Client {
    options: Options,
    model: Url,
    infer: Url,
    http: reqwest::Client,
    runtime: Runtime,
    metadata: Metadata,
    inputs: Inputs,
}

/// The answer to one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowOutput {
    /// The class; none of a regressor.
    pub label: Option<i64>,
    /// Finite.
    pub score: f64,
}

/// The replies to a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Replies {
    /// For each row its answer, or why there is none.
    pub rows: Vec<Result<RowOutput, String>>,
    /// How long the batch took, pauses and further attempts included; none where rows were asked one by one.
    pub took: Option<Duration>,
}

impl Client {
    /// Reads the model's metadata and fits it to rows of these fields, in this order.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn connect(options: Options, fields: &[&str]) -> Result<Self, Error> {
        let model = address::model(&options.model)?;
        let own = |builder: ClientBuilder| builder.timeout(options.timeout);
        let ca_file = options.ca_file.as_deref();
        let http = http_client::client(model.scheme(), model.authority(), ca_file, own)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            Error::setting("this process", error.to_string(), "give it more file handles")
        })?;
        if options.token_file.is_some() && http_client::is_open(&model) {
            tracing::warn!(model = %model, "the token will travel without TLS");
        }
        let body = runtime.block_on(ask(&options, &model, || http.get(model.clone())))?;
        let metadata: Metadata = serde_json::from_slice(&body)
            .map_err(|_| refused(&model, "what it says about the model cannot be read".into()))?;
        if metadata.inputs.is_empty() {
            tracing::warn!(model = %model, "the server says nothing about inputs; rows are sent as they are");
        }
        let inputs = Inputs::fit(&metadata, fields)
            .map_err(|why| Error::Misfit { model: model.to_string(), why })?;
        let infer = address::infer(&model);
        Ok(Self { options, model, infer, http, runtime, metadata, inputs })
    }

    /// What the model says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Asks `n` rows, given row by row in the order of the fields. A batch that the server refuses, or answers with
    /// something else than one answer a row, is asked again row by row; one that it is away for is not.
    pub fn answer(&self, rows: &[f32], n: usize) -> Replies {
        let started = Instant::now();
        match self.ask(rows, n) {
            Ok(rows) => Replies { rows, took: Some(started.elapsed()) },
            Err(error) if n > 1 && matches!(error, Error::Refused { .. }) => {
                let alone =
                    |row| self.ask(row, 1).unwrap_or_else(|error| vec![Err(in_words(&error))]);
                Replies {
                    rows: rows.chunks_exact(rows.len() / n).flat_map(alone).collect(),
                    took: None,
                }
            }
            Err(error) => {
                Replies { rows: vec![Err(in_words(&error)); n], took: Some(started.elapsed()) }
            }
        }
    }

    fn ask(&self, rows: &[f32], n: usize) -> Result<Vec<Result<RowOutput, String>>, Error> {
        let body = self.inputs.request(rows, n).to_string();
        let kind = HeaderValue::from_static("application/json");
        let request = || {
            let request = self.http.post(self.infer.clone()).header(CONTENT_TYPE, kind.clone());
            request.body(body.clone())
        };
        let answered = self.runtime.block_on(ask(&self.options, &self.model, request))?;
        response::answers(&answered, n).map_err(|why| refused(&self.model, why))
    }
}

/// Why a row has no answer; what to do about it does not belong to the row.
fn in_words(error: &Error) -> String {
    match error {
        Error::Refused { why, .. } => why.clone(),
        Error::Away { attempts, why, .. } => format!("no answer in {attempts} attempts: {why}"),
        error => error.to_string(),
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}
