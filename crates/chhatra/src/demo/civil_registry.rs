//! The interior ministry's service in the demonstration: an ordinary REST service that knows nothing of gateways.

pub(crate) mod store;

use anyhow::{Context as _, Result};
use http1::{Limits, Request, ResponseHead, Stop};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;
use tokio::net::TcpListener;

const OPENAPI: &str = include_str!("civil_registry/openapi.json");

/// An answer before it is written.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Serves until it is stopped.
pub(crate) async fn run(listen: SocketAddr, file: &Path, stop: Stop) -> Result<()> {
    let store = Arc::new(Mutex::new(Store::open(file)?));
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("{listen} cannot be listened on"))?;
    http1::serve(
        listener,
        move |request: Request, _| {
            let store = Arc::clone(&store);
            async move {
                let answer = answer(&store, &request);
                let head = ResponseHead::new(answer.status).with("Content-Type", "application/json");
                // A caller that has gone needs no answer.
                let _gone = request.responder.respond(&head, &answer.body).await;
            }
        },
        Limits { body_bytes_max: 64 * 1024, ..Limits::default() },
        stop,
    )
    .await;
    Ok(())
}

fn answer(store: &Mutex<Store>, request: &Request) -> Answer {
    if request.head.method != "GET" {
        return problem(405, "method_not_allowed", "only GET is offered");
    }
    let path = request.head.path();
    if path == "/openapi.json" {
        return Answer { status: 200, body: OPENAPI.as_bytes().to_vec() };
    }
    let store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let found = match (path, path.strip_prefix("/v1/people/")) {
        ("/v1/people", _) => store.people().map(|people| serde_json::to_vec(&people).ok()),
        (_, Some(id)) => store.person(id).map(|person| person.and_then(|p| serde_json::to_vec(&p).ok())),
        (_, None) => return problem(404, "not_found", "there is nothing at this address"),
    };
    match found {
        Ok(Some(body)) => Answer { status: 200, body },
        Ok(None) => problem(404, "not_found", "no person has this number"),
        Err(_) => problem(500, "storage", "the register cannot be read"),
    }
}

fn problem(status: u16, error: &str, message: &str) -> Answer {
    Answer { status, body: json!({ "error": error, "message": message }).to_string().into_bytes() }
}
