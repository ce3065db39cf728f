//! The HTTP face, as `curl` sees it.

use crate::nation::{Running, run_in};
use keystore::KeyAlgorithm;

/// Status, headers in lower case, body.
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: String,
}

async fn curl(running: &Running, options: &[&str], target: &str) -> Answer {
    let mut arguments = vec!["-s", "-S", "-i", "--path-as-is", "--max-time", "20"];
    arguments.extend(options);
    let url = running.url(target);
    let (arguments, url) = (arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), url);
    let output = tokio::task::spawn_blocking(move || {
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.push(&url);
        run_in(std::path::Path::new("/"), "curl", &arguments, b"")
    });
    let text = String::from_utf8(output.await.unwrap()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, headers: lines.map(str::to_lowercase).collect(), body: body.to_owned() }
}

impl Answer {
    fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line == header)
    }
}

fn version_of(document: &str) -> &str {
    document.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap()
}

#[tokio::test]
async fn serves_directories_and_files_without_caching() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    for (target, version) in [
        ("/internalconf?version=6", "6"),
        ("/internalconf?version=5", "5"),
        ("/internalconf?version=4", "4"),
        ("/internalconf", "4"),
        ("/externalconf?version=6", "6"),
        ("/externalconf", "4"),
    ] {
        let answer = curl(&running, &[], target).await;
        assert_eq!((answer.status, version_of(&answer.body)), (200, version), "{target}");
        assert!(answer.has("cache-control: no-cache"), "{:?}", answer.headers);
        assert!(answer.has("content-type: application/octet-stream"), "{:?}", answer.headers);
        // A client takes the beginning of the body for the beginning of a MIME document.
        assert!(answer.body.starts_with("Content-Type: multipart/related; charset=UTF-8; boundary="));
        let has_private = answer.body.contains("PRIVATE-PARAMETERS");
        assert_eq!(has_private, target.starts_with("/internalconf"), "{target}");
        let line = answer.body.lines().find(|line| line.ends_with("/shared-params.xml")).unwrap();
        let location = line.strip_prefix("Content-location: ").unwrap();
        let file = curl(&running, &[], location).await;
        assert_eq!(file.status, 200);
        assert!(file.has("content-type: text/xml") && file.has("cache-control: no-cache"));
        assert!(file.has(&format!("content-length: {}", file.body.len())));
        assert!(file.body.contains("<instanceIdentifier>CAMBODIA</instanceIdentifier>"));
    }
}

#[tokio::test]
async fn answers_404_to_everything_that_is_not_published() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    for target in [
        "/",
        "/internalconf?version=7",
        "/internalconf?version=3",
        "/internalconf?version=2",
        "/internalconf?version=x",
        "/managementservices.wsdl",
        "/V6/",
        "/V6/internalconf",
        "/V6/20260102030405678901234/absent.xml",
        "/../registry.sqlite",
        "/V6/../../registry.sqlite",
        "/V6/20260102030405678901234/../../../keystore/keystore.json",
        "/V6/20260102030405678901234/..%2f..%2f..%2fregistry.sqlite",
        "/%2e%2e/registry.sqlite",
    ] {
        let answer = curl(&running, &[], target).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{target}");
        assert!(answer.has("cache-control: no-cache"));
    }
}

#[tokio::test]
async fn answers_head_like_get_without_the_body_and_nothing_else() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    let got = curl(&running, &[], "/internalconf?version=6").await;
    let head = curl(&running, &["--head"], "/internalconf?version=6").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.has(&format!("content-length: {}", got.body.len())));
    assert_eq!(curl(&running, &["--head"], "/internalconf?version=9").await.status, 404);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"] {
        let answer = curl(&running, &["-X", method], "/internalconf?version=6").await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.has("allow: get, head"));
    }
    let posted = curl(&running, &["-d", "x=y"], "/internalconf?version=6").await;
    assert!(posted.status == 405 || posted.status == 413, "{}", posted.status);
}
