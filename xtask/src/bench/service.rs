//! The service that is asked: as little as a service can do, so that what is measured is the way to it. A process of its own.

use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};

const ANSWER: &str = r#"{"id":"010000001","name":"Sok Dara","born":"1990-04-14","place":"Kampong Cham"}"#;
/// A body that nobody reads has to be longer than what systems keep for those who read slowly.
pub(super) const LARGE: &str = "/large";
const LARGE_BYTES: usize = 4 << 20;
const HEAD_LINES_MAX: usize = 100;

/// Serves until it is ended.
pub(crate) fn serve(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("{address} cannot be listened on"))?;
    for socket in listener.incoming().flatten() {
        // Whoever breaks off asks again or does not.
        std::thread::spawn(move || connection(socket));
    }
    Ok(())
}

fn connection(mut socket: TcpStream) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, socket.try_clone()?);
    while let Some(head) = Head::read(&mut reader)? {
        let bytes = head.body.skip(&mut reader)?;
        let given = match head.large {
            true => "a".repeat(LARGE_BYTES),
            false => answer(head.post.then_some(bytes)),
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{given}",
            given.len()
        );
        socket.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// A body, after so many bytes were received or nothing was sent.
pub(super) fn answer(received: Option<u64>) -> String {
    received.map_or_else(|| ANSWER.to_owned(), |bytes| format!(r#"{{"received":{bytes}}}"#))
}

/// How long the body is.
#[derive(Debug, PartialEq, Eq)]
enum Body {
    Bytes(u64),
    Chunks,
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    post: bool,
    large: bool,
    body: Body,
}

impl Head {
    /// The next head, or none when there is no further request.
    fn read(reader: &mut impl std::io::BufRead) -> Result<Option<Self>> {
        let first = line(reader)?;
        if first.is_empty() {
            return Ok(None);
        }
        let (post, large) =
            (first.starts_with("POST "), first.split(' ').nth(1).is_some_and(|path| path.ends_with(LARGE)));
        let mut head = Self { post, large, body: Body::Bytes(0) };
        for _ in 0..HEAD_LINES_MAX {
            let line = line(reader)?;
            let Some((name, value)) = line.split_once(':') else { return Ok(Some(head)) };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.body = Body::Bytes(value.parse()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.body = Body::Chunks;
            }
        }
        bail!("a head of more than {HEAD_LINES_MAX} lines")
    }
}

impl Body {
    /// Reads it to its end; how many bytes it had.
    fn skip(self, reader: &mut impl std::io::BufRead) -> Result<u64> {
        match self {
            Self::Bytes(bytes) => exactly(reader, bytes),
            Self::Chunks => {
                let mut all = 0_u64;
                loop {
                    let size = u64::from_str_radix(line(reader)?.trim(), 16)?;
                    all = all.saturating_add(exactly(reader, size)?);
                    line(reader)?;
                    if size == 0 {
                        return Ok(all);
                    }
                }
            }
        }
    }
}

fn exactly(reader: &mut impl Read, bytes: u64) -> Result<u64> {
    let read = std::io::copy(&mut reader.take(bytes), &mut std::io::sink())?;
    if read < bytes {
        bail!("a body of {bytes} bytes ended after {read}");
    }
    Ok(read)
}

/// A line without its end; empty at the end of everything, too.
fn line(reader: &mut impl std::io::BufRead) -> Result<String> {
    let mut line = String::new();
    reader.take(16 * 1024).read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_each_request() {
        let mut bytes: &[u8] = b"POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcPOST /b HTTP/1.1\r\n\
            Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\nGET /large HTTP/1.1\r\nHost: c\r\n\r\n";
        let mut next = || {
            let head = Head::read(&mut bytes).unwrap()?;
            Some((head.post, head.large, head.body.skip(&mut bytes).unwrap()))
        };
        let found = [next(), next(), next()];
        assert_eq!(found, [Some((true, false, 3)), Some((true, false, 12)), Some((false, true, 0))]);
        assert_eq!(next(), None);
    }
}
