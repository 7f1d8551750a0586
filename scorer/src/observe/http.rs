//! /metrics, /healthz and /readyz, on a thread of their own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;

use crate::observe::metrics::Format;
use crate::shared::Shared;

/// Serves until the process ends; returns the address.
///
/// # Errors
/// The address is taken or not this machine's (exit 2).
pub(crate) fn serve(address: SocketAddr, shared: &Arc<Shared>) -> anyhow::Result<SocketAddr> {
    let hint = "choose another --http address; port 0 takes a free one";
    let usage = |error| fault::usage(format!("cannot listen on {address}: {error}"), hint);
    let listener = TcpListener::bind(address).map_err(usage)?;
    listener.set_nonblocking(true).map_err(usage)?;
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let router = router(Arc::clone(shared));
    std::thread::Builder::new().name("http".into()).spawn(move || {
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        if let Err(error) = served {
            tracing::error!(%error, "/metrics and the probes are no longer served");
        }
    })?;
    Ok(bound)
}

fn router(shared: Arc<Shared>) -> Router {
    let (metrics, alive, ready) = (Arc::clone(&shared), Arc::clone(&shared), shared);
    let metrics = move |headers: HeaderMap| async move {
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let format = Format::of(accept.unwrap_or_default());
        ([(header::CONTENT_TYPE, format.content_type())], metrics.metrics.text(format))
    };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(move || async move { probe("alive", alive.liveness()) }))
        .route("/readyz", get(move || async move { probe("ready", ready.readiness()) }))
}

fn probe(what: &str, found: Result<&'static str, String>) -> (StatusCode, String) {
    match found {
        Ok(how) => (StatusCode::OK, format!("{what}: {how}\n")),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not {what}: {why}\n")),
    }
}
