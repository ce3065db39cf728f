//! The peer as a provider's server: what a live 7.8.0 consumer's server accepted, ours accepts; what it refused, ours refuses with the
//! same code, or more strictly. Of a refused answer the consumer sees nothing.

use crate::proof::containers::odd_evidence;

use super::answers::{Case, MEANT, Stage, further, recorded};
use super::cast::Cast;
use super::identity::{SCHOOLS, Shelf};
use super::tool::Tool;
use anyhow::{Context as _, Result};
use http1::RequestHead;
use std::net::SocketAddr;
use testkit::{Answer, CLIENT};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// The arguments of `provider.py` in this stage.
fn arguments(cast: &Cast, stage: &Stage, bad: &Shelf) -> Result<Vec<String>> {
    let authentication = if let Stage::Certificate(name) = stage { name } else { "authentication" };
    // Who signs when told to sign wrongly.
    let other = cast.pair(if let Stage::Signer(name) = stage { name } else { "other-member" })?;
    let mut all = cast.arguments(authentication, "signer")?;
    let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["--client-cert", &cast.client_file, "--listen", &cast.peer.host, "--stale-ocsp-dir", &bad.path()]);
    add(&["--other-sign-cert", &other.certificate_file, "--other-sign-key", &other.key_file]);
    match stage {
        Stage::Revocation(name, _) if name.starts_with("ocsp-") => add(&["--misbehave", name]),
        Stage::Framing(framing, kept) => {
            add(&["--framing", framing]);
            if *kept {
                add(&["--keep-alive"]);
            }
        }
        Stage::Revocation(..)
        | Stage::Nobody
        | Stage::NoTls(_)
        | Stage::Tls(_)
        | Stage::Certificate(_)
        | Stage::Signer(_)
        | Stage::Ordinary => {}
    }
    Ok(all)
}

/// Lays out the bad answers that a case wants.
fn prepare(cast: &Cast, case: &Case, bad: &Shelf) -> Result<()> {
    bad.clear()?;
    if let Stage::Revocation(_, kind) = &case.stage
        && let Some(answer) = cast.about_authentication.get(kind.as_str())
    {
        bad.put(&cast.pair("authentication")?.certificate, answer)?;
    }
    if let Some((_, kind)) = case.misbehave.split_once("shelf-") {
        let answer = cast.about_signing.get(kind).with_context(|| format!("no answer is called {kind}"))?;
        bad.put(&cast.pair("signer")?.certificate, answer)?;
    }
    Ok(())
}

async fn call(cast: &Cast, case: &Case) -> Result<Answer> {
    let path = format!("/r1/{SCHOOLS}/pupils/v1/1?misbehave={}", case.misbehave);
    let head = RequestHead::new(case.method, &path).with("X-Road-Client", CLIENT);
    let body = (case.method == "POST").then_some(b"{\"secret\":\"SOVANN\"}".as_slice());
    cast.nation.send(head, body).await
}

/// Where the provider goes away while the request is still being written, the system reports a broken pipe or a reset, as it happens: the
/// other code that is right.
const EITHER: [(&str, &str); 1] = [("tls-no-client-cert-request", "server.clientproxy.network_error")];

/// What is wrong with an answer.
fn judge(case: &Case, answer: &Answer) -> Option<String> {
    let meant = MEANT.iter().find(|(name, ..)| *name == case.name);
    if let Some((name, word, why)) = meant {
        println!("meant: {name}: {word}: {why}");
    }
    let expect = meant.map_or(case.expect.as_str(), |(_, word, _)| word);
    let either =
        EITHER.iter().find(|(name, other)| *name == case.name && answer.fault().as_deref() == Some(*other));
    let expect = either.map_or(expect, |(_, other)| other);
    let shown = answer.text().contains("SOVANN") || answer.text().contains("\"method\"");
    let right = if expect == "accepted" {
        let silent = case.method == "HEAD" || case.misbehave.contains("no-body-part");
        answer.status == 200 && answer.fault().is_none() && shown != silent
    } else {
        let status = if expect.starts_with("server.") { 500 } else { 400 };
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        answer.status == status
            && answer.fault().as_deref() == Some(expect)
            && body.get("type").and_then(serde_json::Value::as_str) == Some(expect)
            && !shown
    };
    let text = answer.text();
    (!right).then(|| {
        format!(
            "{}: expected {expect}, came {} {:?} {text}",
            case.name,
            answer.status,
            answer.fault().unwrap_or_default()
        )
    })
}

/// A listener that is no TLS server, until it is dropped.
async fn no_tls(kind: &'static str, address: SocketAddr) -> Result<tokio::task::JoinHandle<()>> {
    let listener = TcpListener::bind(address).await?;
    Ok(tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            if kind == "plain text" {
                // Whatever becomes of it.
                let _written = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        }
    }))
}

/// One stage after the other; what is not as expected.
async fn play(tool: &Tool, cast: &Cast, cases: &[Case]) -> Result<Vec<String>> {
    let folder = cast.peer.mint.folder("run")?;
    let bad = Shelf::new(cast.peer.mint.folder("bad")?);
    let address = cast.nation.address(40, 5500);
    let mut wrong = vec![];
    for stage in cases.chunk_by(|one, other| one.stage == other.stage) {
        let Some(Case { stage: first, .. }) = stage.first() else { continue };
        let (mut provider, mut listener) = (None, None);
        match first {
            Stage::Nobody => {}
            Stage::NoTls(kind) => listener = Some(no_tls(kind, address).await?),
            Stage::Revocation(..)
            | Stage::Tls(_)
            | Stage::Certificate(_)
            | Stage::Signer(_)
            | Stage::Framing(..)
            | Stage::Ordinary => {
                let setting = if let Stage::Tls(setting) = first { setting } else { "" };
                let args = arguments(cast, first, &bad)?;
                provider = Some(tool.provide(setting, &args, address, &folder).await?);
            }
        }
        for case in stage {
            prepare(cast, case, &bad)?;
            wrong.extend(judge(case, &call(cast, case).await?));
        }
        if let Some(listener) = listener {
            listener.abort();
            let _ended = listener.await;
        }
        if let Some(provider) = provider {
            provider.stop().await?;
        }
    }
    Ok(wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_providers_answers_meet_the_verdicts_of_a_live_consumer() {
    let Some(tool) = Tool::find() else { return };
    let cast = Cast::assemble(true, "MOE").await.unwrap();
    let mut cases = recorded(&tool.outbound);
    cases.extend(further());
    // Answers of the OCSP interface come first, before a good one is held; the good one is the last of them.
    cases.sort_by_key(|case| case.stage.clone());
    let mut wrong = play(&tool, &cast, &cases).await.unwrap();
    for (name, ..) in MEANT.iter().filter(|(name, ..)| !cases.iter().any(|case| case.name == *name)) {
        wrong.push(format!("{name} was not tried"));
    }
    assert!(cases.len() > 110, "only {} cases", cases.len());
    // What was accepted can be proven afterwards, however it was laid out.
    wrong.extend(odd_evidence(&cast.nation, "consumer", &cast.nation.consumer.config).await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
