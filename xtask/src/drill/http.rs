//! HTTP/1.1 as plainly as a drill needs it: a head and a body, from either end.

use std::io::{BufRead, Error, ErrorKind, Read as _, Result};

const LINES_MAX: usize = 100;
const LINE_BYTES_MAX: u64 = 16 * 1024;
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A request or an answer, read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The first line of its head.
    pub(super) first: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The next one, or none when the other end has closed in between.
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Option<Self>> {
        let Some(first) = line(reader)? else { return Ok(None) };
        let mut message = Self { first, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = line(reader)?.ok_or_else(|| broken("the head ends before its end"))?;
            match line.split_once(':') {
                Some((name, value)) if message.headers.len() < LINES_MAX => {
                    message.headers.push((name.to_owned(), value.trim().to_owned()));
                }
                Some(_) => return Err(broken("the head has too many lines")),
                None => break,
            }
        }
        message.body = message.read_body(reader)?;
        Ok(Some(message))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn read_body(&self, reader: &mut impl BufRead) -> Result<Vec<u8>> {
        if self.header("transfer-encoding").is_some() {
            return chunks(reader);
        }
        let mut body = Vec::new();
        if let Some(length) = self.header("content-length") {
            let bytes = length.parse().map_err(|_| broken("the length is no number"))?;
            exactly(reader, bytes, &mut body)?;
        }
        Ok(body)
    }
}

fn chunks(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?.ok_or_else(|| broken("the body ends before its last chunk"))?;
        let size = u64::from_str_radix(&size, 16).map_err(|_| broken("a chunk without a size"))?;
        exactly(reader, size, &mut body)?;
        line(reader)?.ok_or_else(|| broken("a chunk without an end"))?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn exactly(reader: &mut impl BufRead, bytes: u64, body: &mut Vec<u8>) -> Result<()> {
    if bytes > BODY_BYTES_MAX {
        return Err(broken("a body that nobody sent"));
    }
    let read = reader.take(bytes).read_to_end(body)?;
    if u64::try_from(read) == Ok(bytes) { Ok(()) } else { Err(broken("the body is cut")) }
}

/// A line without its end; one that has none is cut.
fn line(reader: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = String::new();
    reader.take(LINE_BYTES_MAX).read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(whole) => Ok(Some(whole.trim_end().to_owned())),
        None if line.is_empty() => Ok(None),
        None => Err(broken("a line is cut, or too long")),
    }
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_only_when_it_is_whole() {
        let lengthy = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nabc";
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        for whole in [lengthy, chunked] {
            let read = |text: &str| Message::read(&mut text.as_bytes());
            assert_eq!(read(whole).unwrap().unwrap().body, b"abc");
            assert_eq!(read("").unwrap(), None);
            for end in 1..whole.len() {
                assert!(read(&whole[..end]).is_err(), "{end} of {whole:?}");
            }
        }
    }
}
