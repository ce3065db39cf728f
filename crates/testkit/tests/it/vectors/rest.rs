//! Every `rest-exchange` of the shared manifest, between our two gateways.

use gateway::{Right, ServiceKind, Subject};
use http1::RequestHead;
use identifier::ClientId;
use serde_json::Value;
use std::path::Path;
use testkit::{Answer, CLIENT, Nation, PROVIDER, Reply};

/// The manifest's identifiers as those of our nation. The registry does not admit a code with `/` in it, so that one becomes the plain
/// subsystem; what percent-decoding makes of it is tested where messages are parsed.
const NAMES: [(&str, &str); 5] = [
    ("EE/BUSINESS/producer/s%2Fub", PROVIDER),
    ("EE/BUSINESS/producer/sub", PROVIDER),
    ("EE/BUSINESS/consumer/sub%2Fsystem", CLIENT),
    ("EE/BUSINESS/consumer/subsystem", CLIENT),
    ("EE/BUSINESS/consumer/sub", CLIENT),
];

fn translate(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

fn manifest() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/rest/manifest.json");
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str(&text).ok()
}

fn service(code: &str, kind: ServiceKind, url: String) -> gateway::Service {
    gateway::Service {
        code: code.to_owned(),
        kind,
        url,
        description: None,
        timeout_seconds: 5,
        verify_certificate: true,
        disabled: None,
        endpoints: Vec::new(),
    }
}

async fn nation() -> anyhow::Result<Nation> {
    let nation = Nation::start().await?;
    let mut settings = nation.provider_settings()?;
    for client in &mut settings.clients {
        let url = format!("http://{}", nation.service.address);
        for (code, kind) in [
            ("echo", ServiceKind::Rest),
            ("service", ServiceKind::Rest),
            ("wsdl", ServiceKind::Wsdl),
            ("\u{f6}\u{e4}\u{e5}", ServiceKind::Rest),
        ] {
            client.services.push(service(code, kind, url.clone()));
            let subject = Subject::Client(ClientId::parse_short(CLIENT)?);
            client.rights.push(Right { subject, service: code.to_owned(), endpoint: None });
        }
    }
    nation.provider.apply(&settings).await?;
    Ok(nation)
}

fn request(input: &Value) -> (RequestHead, Option<Vec<u8>>) {
    let text = |value: &Value| translate(value.as_str().unwrap_or_default());
    let mut head = RequestHead::new(&text(&input["verb"]), &text(&input["path"]));
    for pair in input["headers"].as_array().into_iter().flatten() {
        head.push(text(&pair[0]), text(&pair[1]));
    }
    (head, input["body"].as_str().map(|body| body.as_bytes().to_vec()))
}

fn scripted(expect: &Value) -> Reply {
    let Some(location) =
        expect.pointer("/response_header/1").and_then(Value::as_str).filter(|_| expect["status"] == 302)
    else {
        let headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Date".to_owned(), "Thu, 01 Jan 2026 00:00:00 GMT".to_owned()),
        ];
        return Reply { headers, ..Reply::echo() };
    };
    Reply { headers: vec![("Location".to_owned(), location.to_owned())], ..Reply::status(302) }
}

/// What the answer is not; empty when it is all that is expected.
fn differences(id: &str, expect: &Value, answer: &Answer, nation: &Nation) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |fine: bool, what: &str| {
        if !fine {
            wrong.push(format!("{id}: {what}: {} {}", answer.status, answer.text()));
        }
    };
    let last = nation.service.seen().pop();
    for (name, value) in expect.as_object().into_iter().flatten() {
        match name.as_str() {
            "status" => check(value.as_u64() == Some(u64::from(answer.status)), "status"),
            "x_road_error" if value == "present" => check(answer.fault().is_some(), "no X-Road-Error"),
            "x_road_error" => check(answer.fault().as_deref() == value.as_str(), "X-Road-Error"),
            "content_type" => {
                check(answer.header("content-type").as_deref() == value.as_str(), "Content-Type")
            }
            "response_header" => {
                let wanted = value[1].as_str();
                check(
                    answer.header(value[0].as_str().unwrap_or_default()).as_deref() == wanted,
                    "response header",
                );
            }
            "count_of_response_header" => {
                let header = value[0].as_str().unwrap_or_default().as_bytes();
                let count = answer.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(header)).count();
                check(value[1].as_u64() == u64::try_from(count).ok(), "count of a header");
            }
            "json_field" => {
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                check(
                    value.as_object().into_iter().flatten().all(|(k, v)| body.get(k) == Some(v)),
                    "JSON field",
                );
            }
            "service_receives_content_length" => {
                let length =
                    last.as_ref().and_then(|seen| seen.head.header_text("content-length")?.parse().ok());
                check(value.as_u64() == length, "Content-Length at the service");
            }
            "service_receives_path" => {
                let path = last.as_ref().map(|seen| seen.head.target.clone());
                check(path.as_deref() == value.as_str(), "path at the service");
            }
            other => check(false, &format!("this test does not know the expectation {other}")),
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_the_manifest_of_rest_exchanges_says() {
    let Some(entries) = manifest() else {
        println!("the shared vectors are not beside the project: no REST exchange of theirs was run");
        return;
    };
    let nation = nation().await.unwrap();
    let (mut run, mut wrong) = (0, Vec::new());
    for entry in &entries {
        let id = entry["id"].as_str().unwrap();
        match entry["operation"].as_str().unwrap() {
            "rest-exchange" => {
                let (head, body) = request(&entry["input"]);
                nation.service.answers(scripted(&entry["expect"]));
                let answer = nation.send(head, body.as_deref()).await.unwrap();
                wrong.extend(differences(id, &entry["expect"], &answer, &nation));
                run += 1;
            }
            "rest-request" | "rest-response" | "accepts-json" => println!("elsewhere: {id} (message)"),
            _ => println!("later: {id} (metadata services, monitoring)"),
        }
    }
    println!("{run} REST exchanges of the manifest");
    assert!(run > 0);
    assert_eq!(wrong, Vec::<String>::new());
}
