//! Recorded REST calls: whom a live server let through, we let through; whom it denied, we deny.

use std::path::{Path, PathBuf};

use access::{Call, Endpoint, Groups, Right, Subject, decide};
use identifier::{ClientId, ServiceId};

/// The rights that the recorded provider had given (its database is recorded too).
const RIGHTS: [(&str, &str, &str); 3] =
    [("mock1", "*", "**"), ("down1", "*", "**"), ("restapi", "GET", "/api/members")];

/// Answered before rights are asked for (data-plane 10.3).
const METADATA: [&str; 3] = ["listMethods", "allowedMethods", "getOpenAPI"];

/// What the live server decided, as far as its answer tells.
#[derive(Debug, PartialEq, Eq)]
enum Live {
    LetThrough,
    Denied,
    FailedForAnotherReason,
}

fn recordings() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/recorded/consumer");
    folder.is_dir().then_some(folder)
}

fn live_decision(response: &str) -> Live {
    let status = response.split(' ').nth(1).unwrap_or_default();
    let fault = response.lines().find_map(|line| line.strip_prefix("X-Road-Error: ")).unwrap_or_default();
    match (status, fault.trim()) {
        (_, "server.serverproxy.access_denied") => Live::Denied,
        // The listener of a live server refuses dot and empty segments itself.
        ("400", "") => Live::Denied,
        (_, "") => Live::LetThrough,
        _ => Live::FailedForAnotherReason,
    }
}

/// Method, service, raw service path and caller of a recorded request, when it is a REST call with all of them.
fn question(request: &str) -> Option<(String, ServiceId, String, ClientId)> {
    let mut words = request.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let target = target.split('?').next()?.strip_prefix("/r1/")?;
    let mut pieces = target.splitn(6, '/');
    let segments: Vec<&str> = pieces.by_ref().take(5).collect();
    let service = ServiceId::from_path(&segments.join("/")).ok()?;
    let path = pieces.next().map(|rest| format!("/{rest}")).unwrap_or_default();
    let client = request.lines().find_map(|line| line.strip_prefix("X-Road-Client: "))?;
    Some((method.to_owned(), service, path, ClientId::from_path(client.trim()).ok()?))
}

fn head(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split("\r\n\r\n").next().unwrap_or_default().to_owned()
}

#[test]
fn decides_as_a_live_server_did() {
    let Some(folder) = recordings() else {
        println!("no recordings: ../shared/vectors is not there, so no live decision was compared");
        return;
    };
    let holder = ClientId::parse_short("DEV/COM/4321/TestClient").unwrap();
    let rights = RIGHTS.map(|(service, method, path)| Right {
        subject: Subject::Client(holder.clone()),
        endpoint: Endpoint::new(service, method, path).unwrap(),
    });
    let groups = Groups { global: &|_, _| false, local: &|_, _| false };
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let (mut let_through, mut denied) = (0, 0);
    for folder in names {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Some((method, service, raw_path, caller)) = question(&head(&folder.join("request.bin"))) else {
            continue;
        };
        if METADATA.contains(&service.code()) {
            continue;
        }
        let call = Call::Rest { method: &method, raw_path: &raw_path };
        let ours = decide(&caller, &groups, &rights, service.code(), call);
        match live_decision(&head(&folder.join("response.bin"))) {
            Live::LetThrough => {
                assert!(ours.is_ok(), "{name}: {ours:?}");
                let_through += 1;
            }
            Live::Denied => {
                assert!(ours.is_err(), "{name}: {ours:?}");
                denied += 1;
            }
            Live::FailedForAnotherReason => println!("says nothing about access: {name}"),
        }
    }
    println!("{let_through} calls let through and {denied} denied, as by a live server");
    assert!(let_through >= 10 && denied >= 3, "the recordings have lost their REST calls");
}
