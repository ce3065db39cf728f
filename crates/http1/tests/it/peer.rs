//! A raw peer: sends given bytes in given pieces and hears what comes back.

use bytes::Bytes;
use http1::{BodyError, Limits, Request, RequestError, ResponseHead, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One request as the handler saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(Bytes, Bytes)>,
    pub(crate) body: Result<Vec<u8>, BodyError>,
}

#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) seen: Vec<Seen>,
    pub(crate) end: Result<(), RequestError>,
    pub(crate) output: String,
}

/// Reads the body and echoes it; a body that fails is not answered.
pub(crate) async fn echo(mut request: Request) -> Seen {
    let body = request.body.read_all(1 << 20).await;
    if let Ok(body) = &body {
        let head = ResponseHead::new(200).with("x-seen", &request.head.target);
        let _ = request.responder.respond(&head, body).await;
    }
    Seen { method: request.head.method, target: request.head.target, headers: request.head.headers, body }
}

/// Lets an echoing server hear these pieces, then the end of the stream.
pub(crate) async fn hear(pieces: Vec<Vec<u8>>, limits: Limits) -> Heard {
    let (ours, theirs) = tokio::io::duplex(512);
    let server = tokio::spawn(async move {
        let mut connection = ServerConnection::new(theirs, limits);
        let mut seen = Vec::new();
        loop {
            match connection.next_request().await {
                Ok(Some(request)) => seen.push(echo(request).await),
                Ok(None) => return (seen, Ok(())),
                Err(error) => return (seen, Err(error)),
            }
        }
    });
    let (mut read, mut write) = tokio::io::split(ours);
    let writing = tokio::spawn(async move {
        for piece in pieces {
            if write.write_all(&piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        let _ = write.shutdown().await;
    });
    let mut output = Vec::new();
    let _ = read.read_to_end(&mut output).await;
    let (seen, end) = server.await.unwrap();
    writing.await.unwrap();
    Heard { seen, end, output: String::from_utf8(output).unwrap() }
}

pub(crate) async fn hear_whole(bytes: impl AsRef<[u8]>) -> Heard {
    hear(vec![bytes.as_ref().to_vec()], Limits::default()).await
}

/// The same bytes split once at each place, and all byte by byte.
pub(crate) fn splits(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<Vec<u8>>> = (1..bytes.len())
        .map(|at| {
            let (before, after) = bytes.split_at(at);
            vec![before.to_vec(), after.to_vec()]
        })
        .collect();
    all.push(bytes.iter().map(|byte| vec![*byte]).collect());
    all
}
