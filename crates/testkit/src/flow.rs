//! Bodies of any length that nobody ever holds whole: each byte is known by its place, made when it is sent and compared when it comes.

use crate::wire::call;
use anyhow::{Context as _, Result, ensure};
use http1::{
    Body, BodyWriter, ClientConnection, Framing, Limits, Request, ResponseHead, Stopper, stop_channel,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// No divisor of any buffer's size, so that a shifted piece is seen.
const PERIOD: usize = 251;
const PIECE: usize = 64 * 1024;

/// A service that reads the whole request, keeping nothing, and answers with the same. It ends with the caller's runtime or by the
/// stopper.
///
/// # Errors
/// The address is taken.
pub async fn mirror(at: SocketAddr) -> Result<Stopper> {
    let listener = TcpListener::bind(at).await?;
    let (stopper, stop) = stop_channel();
    let handler = |request, _| async move {
        if let Err(error) = reflect(request).await {
            // Whoever asked does not get it whole, and says so.
            eprintln!("the mirror: {error:#}");
        }
    };
    tokio::spawn(http1::serve(listener, handler, Limits::default(), stop));
    Ok(stopper)
}

async fn reflect(request: Request) -> Result<()> {
    let Request { body, responder, .. } = request;
    let flow = Flow::new();
    let bytes = flow.read(body).await?;
    let framing = Framing::ContentLength(u64::try_from(bytes)?);
    flow.write(responder.start(&ResponseHead::new(200), framing).await?, bytes).await
}

/// A consumer that sends so many bytes to the nation's service, which is a [`mirror`], and keeps nothing of what it sends and reads.
///
/// # Errors
/// The call failed, or what came back is not what went.
pub async fn there_and_back(consumer: SocketAddr, bytes: usize) -> Result<()> {
    let socket = http1::connect(&consumer.ip().to_string(), consumer.port(), Duration::from_secs(5)).await?;
    let limits = Limits { head_timeout: Duration::from_secs(120), ..Limits::default() };
    let mut connection = ClientConnection::new(socket, limits);
    let head = call("POST", "/v1/mirror").with("Host", "gateway");
    let framing = Framing::ContentLength(u64::try_from(bytes)?);
    let (writer, mut answer) = connection.send(&head, framing).await?;
    let flow = Flow::new();
    flow.write(writer, bytes).await?;
    let response = answer.receive().await?;
    ensure!(response.head.status == 200, "status {}", response.head.status);
    let read = flow.read(response.body).await?;
    ensure!(read == bytes, "{read} bytes came back of {bytes}");
    Ok(())
}

/// An endless body.
struct Flow(Vec<u8>);

impl Flow {
    fn new() -> Self {
        let bytes = (0..=250_u8).cycle();
        Self(bytes.take(PIECE.saturating_add(PERIOD)).collect())
    }

    /// The bytes from a place on; never more than a piece.
    fn at(&self, place: usize, length: usize) -> &[u8] {
        let from = place % PERIOD;
        self.0.get(from..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    async fn write(&self, mut writer: BodyWriter, bytes: usize) -> Result<()> {
        for place in (0..bytes).step_by(PIECE) {
            writer.write(self.at(place, PIECE.min(bytes.saturating_sub(place)))).await?;
        }
        writer.finish().await.context("the end")
    }

    /// Its length.
    async fn read(&self, mut body: Body) -> Result<usize> {
        let mut place = 0_usize;
        while let Some(chunk) = body.read_chunk().await? {
            for part in chunk.chunks(PIECE) {
                ensure!(part == self.at(place, part.len()), "the body differs near {place}");
                place = place.saturating_add(part.len());
            }
        }
        Ok(place)
    }
}
