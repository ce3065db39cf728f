//! What is published, over HTTP: the paths of a central server (control-plane 1.4) and nothing else.

use crate::VERSIONS;
use crate::publish::{folder, is_stamp};
use crate::signing_key::Source;
use http1::{Framing, Request, ResponseHead, WriteError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

const PIECE_BYTES: usize = 64 * 1024;
const FILE_NAME_BYTES_MAX: usize = 64;

/// Which file answers a path, if any. Only names that we ourselves publish lead to a file, so no path leads out of the folder.
pub(crate) fn find(public: &Path, path: &str, query: Option<&str>) -> Option<PathBuf> {
    let path = path.strip_prefix('/')?;
    if let Some(source) = Source::ALL.into_iter().find(|source| source.directory() == path) {
        let version = match versions_in(query).as_slice() {
            [] => VERSIONS.into_iter().min()?,
            // Clients negotiate by 404: whatever is no published version does not exist.
            [one] => published(one)?,
            _ => return None,
        };
        return Some(folder(public, version).join(source.directory()));
    }
    match path.split('/').collect::<Vec<_>>().as_slice() {
        [version, stamp, name] if is_stamp(stamp) && is_file_name(name) => {
            Some(folder(public, published(version.strip_prefix('V')?)?).join(stamp).join(name))
        }
        _ => None,
    }
}

fn versions_in(query: Option<&str>) -> Vec<&str> {
    let parameters = query.unwrap_or_default().split('&');
    parameters
        .filter_map(|one| match one.split_once('=') {
            Some(("version", value)) => Some(value),
            None if one == "version" => Some(""),
            Some(_) | None => None,
        })
        .collect()
}

fn published(text: &str) -> Option<u8> {
    VERSIONS.into_iter().find(|version| version.to_string() == text)
}

/// `shared-params.xml` and its kind.
fn is_file_name(name: &str) -> bool {
    let stem = name.strip_suffix(".xml").unwrap_or_default();
    name.len() <= FILE_NAME_BYTES_MAX
        && !stem.is_empty()
        && stem.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn head(status: u16) -> ResponseHead {
    ResponseHead::new(status).with("Cache-Control", "no-cache")
}

/// Answers one request.
pub(crate) async fn answer(public: &Path, request: Request) {
    // Whoever asked may be gone before the end; that is theirs.
    if let Err(error) = respond(public, request).await {
        tracing::debug!("an answer was not taken: {error}");
    }
}

async fn respond(public: &Path, request: Request) -> Result<(), WriteError> {
    let Request { head: asked, responder, .. } = request;
    if asked.method != "GET" && asked.method != "HEAD" {
        return responder.respond(&head(405).with("Allow", "GET, HEAD"), b"").await;
    }
    let Some(path) = find(public, asked.path(), asked.query()) else {
        return responder.respond(&head(404), b"").await;
    };
    let (mut file, bytes) = match open(&path).await {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return responder.respond(&head(404), b"").await,
        Err(error) => {
            tracing::error!("{} cannot be read: {error}", path.display());
            return responder.respond(&head(500), b"").await;
        }
    };
    let kind = if path.extension().is_some() { "text/xml" } else { "application/octet-stream" };
    let mut body =
        responder.start(&head(200).with("Content-Type", kind), Framing::ContentLength(bytes)).await?;
    let mut piece = vec![0_u8; PIECE_BYTES];
    if asked.method == "HEAD" {
        return body.finish().await;
    }
    loop {
        match file.read(&mut piece).await {
            Ok(0) => return body.finish().await,
            Ok(count) => body.write(piece.get(..count).unwrap_or_default()).await?,
            Err(error) => {
                // The promised length does not come: the client has to see that the answer is cut.
                tracing::error!("{} cannot be read to its end: {error}", path.display());
                body.abandon();
                return Ok(());
            }
        }
    }
}

/// A file that is open stays what it is, also when another one takes its name.
async fn open(path: &Path) -> std::io::Result<(File, u64)> {
    let file = File::open(path).await?;
    let found = file.metadata().await?;
    if !found.is_file() {
        return Err(ErrorKind::NotFound.into());
    }
    Ok((file, found.len()))
}

#[cfg(test)]
mod tests;
