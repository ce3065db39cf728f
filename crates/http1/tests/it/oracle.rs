//! curl, which others wrote, talks to our server.

use crate::listening::listener;
use crate::peer::echo;
use http1::{Framing, Limits, Request, ResponseHead, serve, stop_channel};
use std::net::SocketAddr;
use std::process::Output;

/// Runs curl against a server of ours; `None` where there is no curl.
async fn curl(arguments: &[&str]) -> Option<Output> {
    let (listener, address) = listener().await;
    let (stopper, stop) = stop_channel();
    let serving = tokio::spawn(serve(listener, handle, Limits::default(), stop));
    let mut command = tokio::process::Command::new("curl");
    command.args(["-s", "-S", "-i", "--max-time", "20"]);
    for argument in arguments {
        command.arg(argument.replace("URL", &format!("http://{address}")));
    }
    let output = command.output().await;
    stopper.stop();
    serving.await.unwrap();
    match output {
        Ok(output) => Some(output),
        Err(error) => {
            println!("curl is not here ({error}): not compared with it");
            None
        }
    }
}

async fn handle(request: Request, _peer: SocketAddr) {
    let target = request.head.target.clone();
    let framing = match target.as_str() {
        "/chunked" => Framing::Chunked,
        "/until-close" => Framing::UntilClose,
        _ => {
            echo(request).await;
            return;
        }
    };
    let mut out =
        request.responder.start(&ResponseHead::new(200).with("x-CASE", "kept"), framing).await.unwrap();
    for piece in ["one ", "two ", "three"] {
        out.write(piece.as_bytes()).await.unwrap();
    }
    out.finish().await.unwrap();
}

async fn check(arguments: &[&str], expected: &str) {
    let Some(output) = curl(arguments).await else {
        return;
    };
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{arguments:?}");
}

#[tokio::test]
async fn curl_reads_every_framing() {
    let head = "HTTP/1.1 200 OK\r\n";
    check(&["URL/a"], &format!("{head}x-seen: /a\r\nContent-Length: 0\r\n\r\n")).await;
    check(
        &["URL/chunked"],
        &format!("{head}x-CASE: kept\r\nTransfer-Encoding: chunked\r\n\r\none two three"),
    )
    .await;
    check(&["URL/until-close"], &format!("{head}x-CASE: kept\r\n\r\none two three")).await;
    check(&["-0", "URL/chunked"], &format!("{head}x-CASE: kept\r\n\r\none two three")).await;
    check(&["-I", "URL/a"], &format!("{head}x-seen: /a\r\nContent-Length: 0\r\n\r\n")).await;
}

#[tokio::test]
async fn curl_sends_every_framing_and_waits_to_be_asked() {
    let answer = "HTTP/1.1 200 OK\r\nx-seen: /a\r\nContent-Length: 5\r\n\r\nhello";
    check(&["-d", "hello", "URL/a"], answer).await;
    check(&["-d", "hello", "-H", "Transfer-Encoding: chunked", "URL/a"], answer).await;
    let asked = format!("HTTP/1.1 100 Continue\r\n\r\n{answer}");
    check(&["-d", "hello", "-H", "Expect: 100-continue", "--expect100-timeout", "15", "URL/a"], &asked).await;
}

#[tokio::test]
async fn curl_keeps_the_connection() {
    let write_out = ["-w", "%{num_connects}\n", "-o", "/dev/null", "URL/a", "-o", "/dev/null", "URL/b"];
    check(&write_out, "1\n0\n").await;
    let closing =
        ["-w", "%{num_connects}\n", "-o", "/dev/null", "URL/until-close", "-o", "/dev/null", "URL/b"];
    check(&closing, "1\n1\n").await;
}

#[tokio::test]
async fn curl_hears_our_refusal() {
    let arguments = ["-H", "Content-Length: 3", "-H", "Transfer-Encoding: chunked", "-d", "abc", "URL/a"];
    let why = "there is both a Content-Length and a Transfer-Encoding\n";
    let head =
        format!("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}", why.len());
    check(&arguments, &format!("{head}\r\nConnection: close\r\n\r\n{why}")).await;
}
