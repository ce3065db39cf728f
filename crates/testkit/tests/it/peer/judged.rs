//! Every byte that our gateways put on port 5500, both ways, as the independent peer judges it: as among X-Road servers, and as among
//! our own kind.

use super::identity::pem_file;
use super::recorder::{Recorder, Tape};
use super::tool::Tool;
use futures_util::future::join_all;
use http1::RequestHead;
use keystore::KeyAlgorithm;
use std::path::Path;
use testkit::{CLIENT, Choices, Nation, PROVIDER, Reply, call};

/// How many calls go out at once.
const MANY: usize = 24;
const BURSTS_MAX: usize = 20;

/// A call: name, method, path, the consumer's body, what the service answers, the status that the consumer sees.
struct Call {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    body: Option<&'static [u8]>,
    reply: Reply,
    status: u16,
}

fn calls() -> Vec<Call> {
    let json = || Reply::json("{\"name\":\"\u{179f}\u{17bb}\u{1781} SOK CHANNA\"}");
    let one = |name, method, path, body, reply, status| Call { name, method, path, body, reply, status };
    vec![
        one("GET", "GET", "/people/v1/1?x=1&y=%20", None, json(), 200),
        one("POST", "POST", "/people/v1", Some(b"{\"n\":1}".as_slice()), Reply::echo(), 200),
        one("POST with an empty body", "POST", "/people/v1", Some(b"".as_slice()), json(), 200),
        one("PUT of many bytes", "PUT", "/people/v1", Some([b'\n'; 300_000].as_slice()), Reply::echo(), 200),
        one("DELETE with a body", "DELETE", "/people/v1/1", Some(b"why".as_slice()), Reply::status(204), 204),
        one("HEAD", "HEAD", "/people/v1/1", None, json(), 200),
        one("204", "POST", "/people/v1", Some(b"x".as_slice()), Reply::status(204), 204),
        one("304", "GET", "/people/v1/1", None, Reply::status(304), 304),
        one("404", "GET", "/people/v1/2", None, Reply { status: 404, ..json() }, 404),
        one("404 without a body", "GET", "/people/v1/2", None, Reply::status(404), 404),
        one("a bare fault", "GET", "/nothing/v1", None, json(), 500),
        one("a fault part", "GET", "/people/v1/1", None, Reply { cut: true, ..json() }, 500),
    ]
}

/// Writes the exchanges of the tapes for the peer: a folder for each, with request and response.
fn shelve(tapes: &[Tape], folder: &Path, name: &str) -> anyhow::Result<Vec<String>> {
    let mut folders = vec![];
    for (request, response) in tapes.iter().flat_map(Tape::exchanges) {
        let exchange = folder.join(format!("{name} {}", folders.len()));
        std::fs::create_dir_all(&exchange)?;
        std::fs::write(exchange.join("request.bin"), request)?;
        std::fs::write(exchange.join("response.bin"), response)?;
        folders.push(exchange.display().to_string());
    }
    Ok(folders)
}

/// Carries everything, one call after the other and then many at once; gives what the peer says, and the number
/// of exchanges.
async fn judged(choices: Choices, own_kind: bool) -> anyhow::Result<Option<(Vec<String>, usize)>> {
    let Some(tool) = Tool::find() else { return Ok(None) };
    let nation = Nation::start_with(choices).await?;
    let at = nation.address(41, 5500);
    let recorder = Recorder::start(&nation, at, own_kind).await?;
    let mut state = nation.registry_state.clone();
    for server in state.servers.iter_mut().filter(|server| server.code == "interior") {
        server.address = Some(at.ip().to_string());
    }
    nation.publish(&state).await?;
    let folder = nation.folder.path().join("judged");
    let mut folders = vec![];
    for call in calls() {
        nation.service.answers(call.reply.clone());
        let head = RequestHead::new(call.method, &format!("/r1/{PROVIDER}{}", call.path))
            .with("X-Road-Client", CLIENT)
            .with("Content-Type", "application/json");
        let answer = nation.send(head, call.body).await?;
        anyhow::ensure!(answer.status == call.status, "{}: {} {}", call.name, answer.status, answer.text());
        if !own_kind {
            folders.extend(shelve(&recorder.take(1).await?, &folder, call.name)?);
        }
    }
    let mut waiting = if own_kind { calls().len() } else { 0 };
    // Until some had to wait for a key and were signed together.
    for _ in 0..BURSTS_MAX {
        many_at_once(&nation).await?;
        waiting = waiting.saturating_add(MANY);
        if recorder.heard(b"\"STEP1\"") {
            break;
        }
    }
    folders.extend(shelve(&recorder.take(waiting).await?, &folder, "of many")?);
    let client =
        pem_file(&nation.consumer_identity.authentication, &nation.folder.path().join("client.pem"))?;
    let globalconf = nation.consumer.config.globalconf_dir().display().to_string();
    let mut args = ["--globalconf", &globalconf, "--auth-cert", &client, "-v"].map(str::to_owned).to_vec();
    let exchanges = folders.len();
    args.extend(folders);
    let (_, text, complaints) = tool.run("verify", &args, nation.folder.path()).await?;
    anyhow::ensure!(!text.is_empty(), "the peer said nothing: {complaints}");
    Ok(Some((text.lines().map(str::to_owned).collect(), exchanges)))
}

async fn many_at_once(nation: &Nation) -> anyhow::Result<()> {
    nation.service.answers(Reply::json("{\"ok\":true}"));
    let many = (0..MANY).map(|number| {
        let body = (number % 2 == 0).then_some(b"{\"n\":1}".as_slice());
        let method = if body.is_some() { "POST" } else { "GET" };
        nation.send(call(method, &format!("/v1/many/{number}")), body)
    });
    for answer in join_all(many).await {
        anyhow::ensure!(answer?.status == 200, "one of many was refused");
    }
    Ok(())
}

/// What should not be so among the peer's lines.
fn faults(lines: &[String], exchanges: usize) -> Vec<String> {
    let mut wrong: Vec<String> =
        lines.iter().filter(|line| line.contains("REFUSED") || line.contains("note:")).cloned().collect();
    let count = |mark: &str| lines.iter().filter(|line| line.contains(mark)).count();
    let expected = exchanges.saturating_mul(2);
    // Both faults stand in answers.
    if count(": FAULT server.serverproxy.") != 2 || count(": VALID REST ") != expected.saturating_sub(2) {
        wrong.push(format!("{} valid, {} faults", count(": VALID"), count(": FAULT")));
    }
    let merged = lines.iter().filter(|line| line.contains("of many") && !line.contains("chain of 1,"));
    if merged.filter(|line| line.contains("chain of ")).count() == 0 {
        wrong.push("of many calls at once none were signed together".to_owned());
    }
    wrong
}

/// What the peer finds wrong.
async fn wrong(choices: Choices, own_kind: bool) -> anyhow::Result<String> {
    let Some((lines, exchanges)) = judged(choices, own_kind).await? else { return Ok(String::new()) };
    let wrong = faults(&lines, exchanges);
    Ok(if wrong.is_empty() { String::new() } else { format!("{}\n\n{}", wrong.join("\n"), lines.join("\n")) })
}

fn rsa_below_an_intermediate() -> Choices {
    Choices { algorithm: KeyAlgorithm::Rsa2048, intermediate: true, ..Choices::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_judge_accepts_every_byte_between_our_gateways_with_elliptic_keys() {
    assert_eq!(wrong(Choices::default(), false).await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_judge_accepts_every_byte_between_our_gateways_with_rsa_keys() {
    assert_eq!(wrong(rsa_below_an_intermediate(), false).await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_judge_accepts_every_byte_on_kept_connections_with_elliptic_keys() {
    assert_eq!(wrong(Choices::default(), true).await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_judge_accepts_every_byte_on_kept_connections_with_rsa_keys() {
    assert_eq!(wrong(rsa_below_an_intermediate(), true).await.unwrap(), "");
}
