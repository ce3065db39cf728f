//! What the provider's gateway refuses before its service hears of it: no such service, no right, switched off (data-plane 4.9 step 5,
//! 8.5). The consumer's gateway has vouched for the request by then; the provider's puts nothing on record.

use super::common::{Traces, client, offer, refused, service};
use anyhow::Result;
use gateway::{Connection, Declaration, Endpoint, LocalGroup, Right, ServiceKind, Subject};
use http1::RequestHead;
use identifier::{ClientId, GlobalGroupId};
use testkit::{CLIENT, Nation, PROVIDER};

const MEMBER: &str = "CAMBODIA/GOV/MOC";
const COLLEAGUE: &str = "CAMBODIA/GOV/MOC/statistics";

fn ask(client: &str, method: &str, path: &str) -> RequestHead {
    RequestHead::new(method, &format!("/r1/{PROVIDER}/{path}")).with("X-Road-Client", client)
}

fn endpoint(service: &str, method: &str, path: &str) -> Result<Right> {
    Ok(Right {
        subject: Subject::Client(ClientId::parse_short(CLIENT)?),
        service: service.to_owned(),
        endpoint: Some(Endpoint { method: method.to_owned(), path: path.to_owned() }),
    })
}

fn settings(nation: &Nation) -> Result<Declaration> {
    let url = format!("http://{}", nation.service.address);
    let mut soap = service("soap", &url);
    soap.kind = ServiceKind::Wsdl;
    let mut closed = service("closed", &url);
    closed.disabled = Some("Back on Monday".to_owned());
    let mut settings = offer(nation.provider_settings()?, vec![soap, closed.clone()])?;
    closed.code = "closed-to-all".to_owned();
    let provider =
        settings.clients.first_mut().ok_or_else(|| anyhow::anyhow!("the provider is not declared"))?;
    provider.services.push(closed);
    for code in ["for-nobody", "narrow", "local", "global", "member"] {
        provider.services.push(service(code, &url));
    }
    provider.rights.push(endpoint("narrow", "GET", "/pets/*")?);
    provider.rights.push(endpoint("narrow", "POST", "/pets")?);
    provider.rights.push(endpoint("narrow", "*", "/any/**")?);
    provider.local_groups.push(LocalGroup {
        code: "friends".to_owned(),
        description: String::new(),
        members: vec![ClientId::parse_short(CLIENT)?],
    });
    for (code, subject) in [
        ("local", Subject::LocalGroup("friends".to_owned())),
        ("global", Subject::GlobalGroup(GlobalGroupId::new("CAMBODIA", "inspectors")?)),
        ("member", Subject::Client(ClientId::parse_short(MEMBER)?)),
    ] {
        provider.rights.push(Right { subject, service: code.to_owned(), endpoint: None });
    }
    Ok(settings)
}

/// A consumer's gateway with two subsystems and the member itself; a group of the nation; and the provider's rights.
async fn nation() -> Result<Nation> {
    let nation = Nation::start().await?;
    let mut consumers = nation.consumer_settings()?;
    for id in [COLLEAGUE, MEMBER] {
        consumers.clients.push(client(id, Connection::Http)?);
    }
    nation.consumer.apply(&consumers).await?;
    nation.provider.apply(&settings(&nation)?).await?;
    let mut state = nation.registry_state.clone();
    let commerce = state.members.iter_mut().find(|member| member.code == "MOC");
    let commerce = commerce.ok_or_else(|| anyhow::anyhow!("no MOC"))?;
    commerce.subsystems.push(registry::Subsystem { code: "statistics".to_owned(), name: None });
    let server = state.servers.iter_mut().find(|server| server.code == "commerce");
    let server = server.ok_or_else(|| anyhow::anyhow!("no commerce"))?;
    server.clients.push(ClientId::parse_short(COLLEAGUE)?);
    state.groups.push(registry::Group {
        code: "inspectors".to_owned(),
        description: "Inspectors".to_owned(),
        members: vec![ClientId::parse_short(COLLEAGUE)?],
    });
    nation.publish(&state).await?;
    Ok(nation)
}

fn denied(service: &str) -> (&'static str, String) {
    (
        "server.serverproxy.access_denied",
        format!("Request is not allowed: SERVICE:CAMBODIA/GOV/MOI/civil-registry/{service}"),
    )
}

fn unknown(service: &str) -> (&'static str, String) {
    (
        "server.serverproxy.unknown_service",
        format!("Unknown service: SERVICE:CAMBODIA/GOV/MOI/civil-registry/{service}"),
    )
}

fn soap() -> (&'static str, String) {
    let sentence = "Service is a SOAP service and cannot be called using REST interface";
    ("server.serverproxy.service_type", sentence.to_owned())
}

fn closed() -> (&'static str, String) {
    let sentence = "Service SERVICE:CAMBODIA/GOV/MOI/civil-registry/closed is disabled: Back on Monday";
    ("server.serverproxy.service_disabled", sentence.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_hears_only_of_calls_that_are_allowed() {
    let nation = nation().await.unwrap();
    for (client, method, path, (code, sentence)) in [
        (CLIENT, "GET", "nothing/v1", unknown("nothing")),
        (CLIENT, "GET", "People/v1", unknown("People")),
        (CLIENT, "GET", "people%20x", unknown("people x")),
        (CLIENT, "POST", "soap/v1", soap()),
        (COLLEAGUE, "POST", "soap/v1", soap()),
        (CLIENT, "GET", "closed/v1", closed()),
        // Whoever has no right learns nothing about the rest.
        (CLIENT, "GET", "closed-to-all/v1", denied("closed-to-all")),
        (COLLEAGUE, "GET", "closed/v1", denied("closed")),
        (CLIENT, "GET", "for-nobody/v1", denied("for-nobody")),
        (COLLEAGUE, "GET", "people/v1", denied("people")),
        (COLLEAGUE, "GET", "local/v1", denied("local")),
        (CLIENT, "GET", "global/v1", denied("global")),
        // A member's right is not its subsystems', nor the other way round.
        (CLIENT, "GET", "member/v1", denied("member")),
        (MEMBER, "GET", "people/v1", denied("people")),
        (MEMBER, "GET", "local/v1", denied("local")),
        (MEMBER, "GET", "global/v1", denied("global")),
        (CLIENT, "DELETE", "narrow/pets/1", denied("narrow")),
        (CLIENT, "POST", "narrow/pets/1", denied("narrow")),
        (CLIENT, "GET", "narrow/pets/1/owner", denied("narrow")),
        (CLIENT, "GET", "narrow/Pets/1", denied("narrow")),
        (CLIENT, "GET", "narrow/pets", denied("narrow")),
        (CLIENT, "GET", "narrow/", denied("narrow")),
        (CLIENT, "GET", "narrow", denied("narrow")),
        (CLIENT, "HEAD", "narrow/any", denied("narrow")),
    ] {
        let case = format!("{client} {method} {path}");
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(ask(client, method, path), None).await.unwrap();
        if method == "HEAD" {
            assert_eq!((answer.status, answer.fault().as_deref()), (500, Some(code)), "{case}");
        } else {
            assert_eq!(refused(&case, &answer, code), sentence, "{case}");
        }
        before.assert_request_only(&nation, &case).unwrap();
    }
    for (client, method, path) in [
        (CLIENT, "GET", "people"),
        (CLIENT, "PATCH", "people/v1/x"),
        (CLIENT, "GET", "local/v1"),
        (COLLEAGUE, "GET", "global/v1"),
        (MEMBER, "GET", "member/v1"),
        (CLIENT, "GET", "narrow/pets/1"),
        (CLIENT, "POST", "narrow/pets"),
        (CLIENT, "OPTIONS", "narrow/any/where/at/all"),
    ] {
        let case = format!("{client} {method} {path}");
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(ask(client, method, path), None).await.unwrap();
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        before.assert_whole(&nation, &case).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_with_two_readings_is_refused() {
    let nation = nation().await.unwrap();
    for path in [
        "narrow/pets/%2e%2e",
        "narrow/pets/..",
        "narrow/pets/.",
        "narrow/pets/%2E",
        "narrow/pets/..;x",
        "narrow/any/../pets/1",
        "narrow//pets/1",
        "narrow/pets//1",
        "narrow/any//x",
        "narrow/pets/a%2Fb",
        "narrow/any/a%2fb",
        "narrow/pets/a%00b",
        "narrow/pets/a%0D%0Ab",
        "narrow/pets/a%5Cb",
        "narrow/pets/%C0%AF",
        "narrow/pets/%FF",
        // Even where every path is allowed, none may lead out of the service's address.
        "people/a/../b",
        "people/%2e%2e/b",
        "people//b",
        "people/a%2F..%2Fb",
        "people/a%00b",
        "people/a%5C..%5Cb",
    ] {
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(ask(CLIENT, "GET", path), None).await.unwrap();
        let service = path.split('/').next().unwrap();
        let (code, sentence) = denied(service);
        assert_eq!(refused(path, &answer, code), sentence, "{path}");
        before.assert_request_only(&nation, path).unwrap();
    }
    for path in [
        "people/a%2Fb",
        "people/a%20b",
        "people/%C3%A4;v=1/b",
        "people/a%252Fb",
        "narrow/pets/a%20b",
        "narrow/pets/a%3Fb",
        "narrow/pets/%E1%9E%80",
        "narrow/pets/a..b",
        "narrow/pets/1?path=/../x",
    ] {
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(ask(CLIENT, "GET", path), None).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        before.assert_whole(&nation, path).unwrap();
        // The service reads what was signed, not what was compared.
        let target = nation.service.seen().pop().unwrap().head.target;
        assert!(path.ends_with(&target), "{path}: {target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_registered_here_is_unknown() {
    let nation = Nation::start().await.unwrap();
    let mut settings = nation.provider_settings().unwrap();
    for status in [gateway::ClientStatus::Saved, gateway::ClientStatus::Disabled] {
        settings.clients[0].status = status;
        nation.provider.apply(&settings).await.unwrap();
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(ask(CLIENT, "GET", "people/v1"), None).await.unwrap();
        let case = format!("{status:?}");
        refused(&case, &answer, "server.serverproxy.service_failed.unknown_member");
        // The provider's gateway may refuse before the request is signed, or after.
        let after = Traces::of(&nation).unwrap();
        assert!(after == before || after == before.plus(0, 1, 0), "{case}: {after:?}");
    }
}
