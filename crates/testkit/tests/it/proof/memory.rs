//! Memory does not grow with the body. The measure is taken of a process in which nothing else runs: unless this test was asked for
//! alone (`--exact`), it starts itself again so.

use super::tools::{spooled, until};
use bytes::Bytes;
use gateway::Log;
use http1::{ClientConnection, Framing, Limits, Request, ResponseHead, stop_channel};
use std::time::Duration;
use testkit::{Choices, Nation, call};
use tokio::net::TcpListener;

const BODY_BYTES: usize = 64 * 1024 * 1024;
/// An eighth of the body. Both gateways, the service and the consumer live in the measured process.
const GROWTH_BYTES_MAX: usize = BODY_BYTES / 8;
/// No divisor of any buffer's size, so that a shifted piece is seen.
const PERIOD: usize = 251;

#[test]
fn memory_does_not_grow_with_the_body() {
    if std::env::args().any(|argument| argument == "--exact") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(measured());
        return;
    }
    let module = module_path!().split_once("::").map_or("", |(_, path)| path);
    let name = format!("{module}::memory_does_not_grow_with_the_body");
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&alone.stdout).into_owned() + &String::from_utf8_lossy(&alone.stderr);
    println!("{told}");
    assert!(alone.status.success() && told.contains("1 passed"), "{told}");
}

async fn measured() {
    let choices = Choices { log: Log { bodies: false, ..Log::default() }, ..Choices::default() };
    let nation = Nation::start_with(choices).await.unwrap();
    let at = nation.address(40, 9080);
    let listener = TcpListener::bind(at).await.unwrap();
    let (_stopper, stop) = stop_channel();
    tokio::spawn(http1::serve(listener, |request, _| mirror(request), Limits::default(), stop));
    let mut settings = nation.provider_settings().unwrap();
    settings.clients[0].services[0].url = format!("http://{at}");
    nation.provider.apply(&settings).await.unwrap();
    // What is made once is made before: threads, caches, buffers of connections.
    there_and_back(&nation, 1_000_000).await;
    let before = status_bytes("VmRSS:");
    // Linux begins a new peak; where it does not, the old one stands, which is stricter.
    let _reset = std::fs::write("/proc/self/clear_refs", "5");
    there_and_back(&nation, BODY_BYTES).await;
    let growth = status_bytes("VmHWM:").saturating_sub(before);
    println!(
        "{} MB there and back; memory {} kB before, at most {} kB more",
        BODY_BYTES >> 20,
        before >> 10,
        growth >> 10
    );
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes");
    until("the spools are empty", || {
        spooled(&nation.consumer.config) + spooled(&nation.provider.config) == 0
    })
    .await;
}

/// A consumer that keeps nothing of what it sends and reads.
async fn there_and_back(nation: &Nation, bytes: usize) {
    let at = nation.consumer.config.listen.consumer_http;
    let socket = http1::connect(&at.ip().to_string(), at.port(), Duration::from_secs(5)).await.unwrap();
    let limits = Limits { head_timeout: Duration::from_secs(120), ..Limits::default() };
    let mut connection = ClientConnection::new(socket, limits);
    let length = u64::try_from(bytes).unwrap();
    let head = call("POST", "/v1/mirror").with("Host", "gateway");
    let (mut writer, mut answer) = connection.send(&head, Framing::ContentLength(length)).await.unwrap();
    let pattern = Pattern::new();
    for at in (0..bytes).step_by(Pattern::PIECE) {
        writer.write(pattern.at(at, Pattern::PIECE.min(bytes - at))).await.unwrap();
    }
    writer.finish().await.unwrap();
    let mut response = answer.receive().await.unwrap();
    assert_eq!(response.head.status, 200);
    let mut read = 0;
    while let Some(piece) = response.body.read_chunk().await.unwrap() {
        read += pattern.check(read, &piece);
    }
    assert_eq!(read, bytes);
}

/// A service that reads the whole request, keeping nothing, and answers with the same.
async fn mirror(request: Request) {
    let Request { mut body, responder, .. } = request;
    let pattern = Pattern::new();
    let mut bytes = 0;
    while let Some(piece) = body.read_chunk().await.unwrap() {
        bytes += pattern.check(bytes, &piece);
    }
    let length = u64::try_from(bytes).unwrap();
    let mut writer = responder.start(&ResponseHead::new(200), Framing::ContentLength(length)).await.unwrap();
    for at in (0..bytes).step_by(Pattern::PIECE) {
        writer.write(pattern.at(at, Pattern::PIECE.min(bytes - at))).await.unwrap();
    }
    writer.finish().await.unwrap();
}

/// An endless body, known at every place.
struct Pattern(Vec<u8>);

impl Pattern {
    const PIECE: usize = 64 * 1024;

    fn new() -> Self {
        Self((0..Self::PIECE + PERIOD).map(|at| u8::try_from(at % PERIOD).unwrap()).collect())
    }

    fn at(&self, offset: usize, length: usize) -> &[u8] {
        let from = offset % PERIOD;
        &self.0[from..from + length]
    }

    /// Compares a received piece; gives its length.
    fn check(&self, offset: usize, piece: &Bytes) -> usize {
        let mut at = offset;
        for part in piece.chunks(Self::PIECE) {
            assert!(part == self.at(at, part.len()), "the body differs near {at}");
            at += part.len();
        }
        piece.len()
    }
}

/// A line of the process's own status, in bytes.
fn status_bytes(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
