//! The peer as a consumer's server, with some 130 deliberate deviations: what a live 7.8.0 provider accepted, ours accepts; what it
//! refused, ours refuses with the same code; or more strictly, and then the table below says why (`docs/design/stricter.md`).

use crate::proof::containers::odd_evidence;

use super::identity::{Mint, Peer, arguments, target};
use super::tool::{Row, Tool, Verdict, recorded, rows};
use keystore::KeyAlgorithm;
use std::collections::BTreeMap;
use testkit::{Choices, Nation, Reply};

const TABLE: &str = "base,xml,algorithm,chain,body,empty,message,multipart,ocsp,http,tls,reuse";

/// With which identity a difference is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Any,
    Rsa,
    Elliptic,
}
use With::{Any, Elliptic, Rsa};

const MALFORMED: &str = "server.serverproxy.signature_verification.malformed_signature";
const VALUE: &str = "server.serverproxy.signature_verification.invalid_signature_value";
const INTERNAL: &str = "server.serverproxy.service_failed.internal_error";

/// Where our verdict is meant to differ from the recorded one: row, identity, our verdict (`accepted`, `none`, `http_error` or a fault
/// code), reason.
const MEANT: &[(&str, With, &str, &str)] = &[
    ("xml GET whitespace-before-signature", Any, MALFORMED, "it would switch the schema off (E.1.4)"),
    (
        "xml GET whitespace-before-signature+signing-certificate-v2",
        Any,
        MALFORMED,
        "it would switch the schema off (E.1.4)",
    ),
    ("xml GET comment-before-signature", Any, MALFORMED, "it would switch the schema off (E.1.4)"),
    ("xml GET no-properties-ref", Any, MALFORMED, "certificate and time of signing would not be signed"),
    ("xml GET wrong-target", Any, MALFORMED, "the properties would be those of another signature"),
    ("algorithm GET signature-SHA-1", Any, MALFORMED, "SHA-1 is broken"),
    ("algorithm GET hash-SHA-1", Any, MALFORMED, "SHA-1 is broken"),
    ("chain GET chain-not-referenced", Any, MALFORMED, "what came along is not signed"),
    ("body POST chain-not-referenced", Any, MALFORMED, "the body is not signed"),
    ("body POST body-not-signed", Any, MALFORMED, "the body is not signed"),
    ("message GET title-case-request-id", Any, INTERNAL, "the answer could not be tied to the request"),
    ("message GET omit:x-road-request-id", Any, INTERNAL, "the answer could not be tied to the request"),
    (
        "multipart GET no-closing-boundary",
        Any,
        "server.serverproxy.signature_verification.invalid_xml",
        "nothing else tells a cut message from a whole one",
    ),
    ("http GET http-1.0", Any, "http_error", "HTTP/1.0 knows no chunks: the end could be read in two ways"),
    ("tls GET tls13-only", Any, "accepted", "our own kind uses TLS 1.3"),
    ("algorithm GET ecdsa-der", Rsa, "accepted", "an RSA signature has no such form"),
    ("algorithm GET rsa-pss", Elliptic, VALUE, "the method does not fit the key"),
    ("http GET cut:9000", Elliptic, "accepted", "the message is shorter than that, so nothing is cut"),
    ("tls GET dhe", Elliptic, "none", "the suite needs an RSA certificate"),
];

/// Rows whose answer is framed otherwise than a live server's, and why.
const FRAMED: &[(&str, &str)] = &[
    ("message GET omit:x-road-id", "refused before the service is called, so it is a bare fault (E.1.9)"),
    (
        "http GET omit-http:x-road-request-id",
        "refused before the service is called, so it is a bare fault (E.1.9)",
    ),
];

fn stated(word: &str) -> Verdict {
    match word {
        "accepted" => Verdict::Accepted,
        "none" => Verdict::NoAnswer,
        "http_error" => Verdict::BadAnswer(word.to_owned()),
        code => Verdict::Refused(code.to_owned()),
    }
}

/// What is not as recorded and not as meant.
fn differences(found: &[Row], known: &BTreeMap<String, Row>, with: With) -> Vec<String> {
    let meant = || MEANT.iter().filter(|(_, when, ..)| *when == Any || *when == with);
    let mut wrong = vec![];
    for row in found {
        if row.name.contains(" SOAP ") || row.name.contains(" ATTACH ") {
            println!("later: {} (SOAP)", row.name);
            continue;
        }
        let live = known.get(&row.name);
        if let Some((name, _, word, why)) = meant().find(|(name, ..)| *name == row.name) {
            println!("meant: {name}: {word}: {why}");
            if row.verdict != stated(word) {
                wrong.push(format!("expected {word}: {}", row.line));
            }
        } else if live.map(|live| &live.verdict) != Some(&row.verdict) {
            wrong.push(format!("expected {live:?}: {}", row.line));
        } else if let Some(live) = live
            && !live.framing.is_empty()
            && live.framing != row.framing
            && !FRAMED.iter().any(|(name, _)| *name == row.name)
        {
            wrong.push(format!("framed otherwise than {}: {}", live.framing, row.line));
        }
    }
    for (name, ..) in meant().filter(|(name, ..)| !found.iter().any(|row| row.name == *name)) {
        wrong.push(format!("{name} was not tried"));
    }
    wrong
}

async fn compare(choices: Choices, rsa: bool) -> anyhow::Result<Vec<String>> {
    let Some(tool) = Tool::find() else { return Ok(vec![]) };
    let nation = Nation::start_with(choices).await?;
    nation.service.answers(Reply::json("{\"name\":\"SOK CHANNA\"}"));
    let mint = Mint::new(nation.folder.path().join("peer"), rsa)?;
    let peer = Peer::join(&nation, mint, &[], None).await?;
    let mut args = arguments(&nation, &peer.authentication, &peer.consumer);
    args.extend(target(&nation));
    args.extend(["--table".to_owned(), TABLE.to_owned()]);
    let (ended_well, text, complaints) = tool.run("consumer", &args, nation.folder.path()).await?;
    anyhow::ensure!(ended_well, "the peer failed: {complaints}");
    let found = rows(&text);
    let with = if rsa { Rsa } else { Elliptic };
    let mut wrong = differences(&found, &recorded(&tool.inbound), with);
    let accepted = found.iter().filter(|row| row.verdict == Verdict::Accepted).count();
    if nation.service.count() != accepted {
        wrong.push(format!(
            "{accepted} rows were accepted, but {} requests reached the service",
            nation.service.count()
        ));
    }
    if accepted < 75 {
        wrong.push(format!("only {accepted} rows were accepted"));
    }
    // What was accepted can be proven afterwards, however it was laid out.
    wrong.extend(odd_evidence(&nation, "provider", &nation.provider.config).await);
    Ok(wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_consumer_with_elliptic_keys_meets_the_verdicts_of_a_live_provider() {
    let wrong = compare(Choices::default(), false).await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_consumer_with_rsa_keys_below_an_intermediate_meets_the_verdicts_of_a_live_provider() {
    let choices = Choices { algorithm: KeyAlgorithm::Rsa2048, intermediate: true, ..Choices::default() };
    let wrong = compare(choices, true).await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
