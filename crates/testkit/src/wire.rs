//! A consumer's information system: one request over plain HTTP, the whole answer.

use anyhow::Result;
use bytes::Bytes;
use http1::{ClientConnection, Limits, RequestHead};
use std::net::SocketAddr;
use std::time::Duration;

/// An answer as a consumer sees it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(Bytes, Bytes)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The fault code, if it is an error of the exchange.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.header("x-road-error")
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request and reads the answer to its end.
///
/// # Errors
/// The connection failed or was cut.
pub async fn call_to(address: SocketAddr, head: RequestHead, body: Option<&[u8]>) -> Result<Answer> {
    let socket = http1::connect(&address.ip().to_string(), address.port(), Duration::from_secs(5)).await?;
    let limits = Limits {
        head_timeout: Duration::from_secs(60),
        body_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let mut connection = ClientConnection::new(socket, limits);
    let head = if head.header("host").is_none() { head.with("Host", address.to_string()) } else { head };
    let mut response = connection.exchange(&head, body).await?;
    let body = response.body.read_all(usize::MAX).await?;
    Ok(Answer { status: response.head.status, headers: response.head.headers, body })
}

/// A call of the nation's service by its consumer.
#[must_use]
pub fn call(method: &str, path: &str) -> RequestHead {
    RequestHead::new(method, &format!("/r1/{}/people{path}", crate::PROVIDER))
        .with("X-Road-Client", crate::CLIENT)
}
