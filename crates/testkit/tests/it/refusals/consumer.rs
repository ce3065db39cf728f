//! What the consumer's own gateway refuses: nothing is signed, nothing leaves (data-plane 2.2–2.4, 2.8).

use super::common::{Traces, client, refused, refused_as_soap, refused_in_xml};
use gateway::{ClientStatus, Connection};
use http1::RequestHead;
use testkit::{CLIENT, Nation, PROVIDER, call};

const PATH: &str = "/r1/CAMBODIA/GOV/MOI/civil-registry/people/v1";

fn get(client: &str) -> RequestHead {
    RequestHead::new("GET", PATH).with("X-Road-Client", client)
}

/// A nation whose consumer's gateway knows more clients, not all of them registered.
async fn nation() -> anyhow::Result<Nation> {
    let nation = Nation::start().await?;
    let mut settings = nation.consumer_settings()?;
    for (id, status) in [
        ("CAMBODIA/GOV/MOC/saved", ClientStatus::Saved),
        ("CAMBODIA/GOV/MOC/disabled", ClientStatus::Disabled),
    ] {
        let mut more = client(id, Connection::Http)?;
        more.status = status;
        settings.clients.push(more);
    }
    settings.clients.push(client("CAMBODIA/GOV/MOC", Connection::HttpsMutual)?);
    nation.consumer.apply(&settings).await?;
    Ok(nation)
}

const MALFORMED: (&str, &str) = ("server.clientproxy.internal_error", "Invalid Client Id");

#[tokio::test(flavor = "multi_thread")]
async fn a_client_must_be_named_known_and_registered() {
    let nation = nation().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let unknown = |id: &str| ("server.clientproxy.unknown_member", format!("Client '{id}' not found"));
    let malformed = || (MALFORMED.0, MALFORMED.1.to_owned());
    let missing =
        || ("server.clientproxy.invalid_client_identifier", "The client identifier is missing".to_owned());
    for (case, head, (code, sentence)) in [
        ("no client", RequestHead::new("GET", PATH), missing()),
        ("two segments", get("CAMBODIA/GOV"), malformed()),
        ("five segments", get("CAMBODIA/GOV/MOC/a/b"), malformed()),
        ("an empty segment", get("CAMBODIA//MOC/a"), malformed()),
        ("a broken escape", get("CAMBODIA/GOV/MOC/%2"), malformed()),
        ("colons", get("CAMBODIA:GOV:MOC:a"), malformed()),
        ("unknown", get("CAMBODIA/GOV/MOC/nobody"), unknown("SUBSYSTEM:CAMBODIA/GOV/MOC/nobody")),
        (
            "another case",
            get("CAMBODIA/GOV/MOC/Business-Registry"),
            unknown("SUBSYSTEM:CAMBODIA/GOV/MOC/Business-Registry"),
        ),
        ("of another gateway", get(PROVIDER), unknown("SUBSYSTEM:CAMBODIA/GOV/MOI/civil-registry")),
        ("of another instance", get("KAMPUCHEA/GOV/MOC/x"), unknown("SUBSYSTEM:KAMPUCHEA/GOV/MOC/x")),
        ("saved", get("CAMBODIA/GOV/MOC/saved"), unknown("SUBSYSTEM:CAMBODIA/GOV/MOC/saved")),
        ("disabled", get("CAMBODIA/GOV/MOC/disabled"), unknown("SUBSYSTEM:CAMBODIA/GOV/MOC/disabled")),
        ("a member not declared", get("CAMBODIA/GOV/MOI"), unknown("MEMBER:CAMBODIA/GOV/MOI")),
        (
            "a member that must come over HTTPS",
            get("CAMBODIA/GOV/MOC"),
            (
                "server.clientproxy.ssl_authentication_failed",
                "Client (MEMBER:CAMBODIA/GOV/MOC) specifies HTTPS but did not supply TLS certificate"
                    .to_owned(),
            ),
        ),
        (
            "two clients, the last unknown",
            get(CLIENT).with("x-road-client", "CAMBODIA/GOV/MOC/nobody"),
            unknown("SUBSYSTEM:CAMBODIA/GOV/MOC/nobody"),
        ),
    ] {
        let answer = nation.send(head, None).await.unwrap();
        assert_eq!(refused(case, &answer, code), sentence, "{case}");
        before.assert_none_since(&nation, case).unwrap();
    }
    let empty = nation.send(get(""), None).await.unwrap();
    assert_eq!(empty.status, 500);
    assert!(empty.fault().unwrap().starts_with("server.clientproxy."), "{:?}", empty.fault());
    before.assert_none_since(&nation, "an empty client").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_clients_the_last_counts() {
    let nation = nation().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let head = get("CAMBODIA/GOV/MOC/nobody").with("X-ROAD-CLIENT", CLIENT);
    let answer = nation.send(head, None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-road-client").as_deref(), Some(CLIENT));
    // A service that reads the first would act for somebody who did not ask.
    let seen = nation.service.seen().pop().unwrap();
    let named: Vec<_> = seen.head.header_all("x-road-client").collect();
    assert_eq!(named, [CLIENT], "the service reads only who was permitted");
    before.assert_whole(&nation, "two clients").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_or_method_that_is_none_is_refused() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let code = "server.clientproxy.internal_error";
    for (case, method, target, sentence) in [
        ("unknown verb", "BREW", PATH, "Unknown method BREW"),
        ("verb in small letters", "get", PATH, "Unknown method get"),
        ("CONNECT", "CONNECT", PATH, "Unknown method CONNECT"),
        ("nothing behind r1", "GET", "/r1/", "Invalid request URI"),
        ("three identifiers", "GET", "/r1/CAMBODIA/GOV/MOI", "Invalid request URI"),
        ("a member's service", "GET", "/r1/CAMBODIA/GOV/MOI/people", "Invalid request URI"),
        ("an empty identifier", "GET", "/r1/CAMBODIA//MOI/civil-registry/people", "Invalid request URI"),
        ("an empty service", "GET", "/r1/CAMBODIA/GOV/MOI/civil-registry/", "Invalid request URI"),
        ("a broken escape", "GET", "/r1/CAMBODIA/GOV/MOI/civil-registry/people/%zz", "Invalid request URI"),
        ("a raw backslash", "GET", "/r1/CAMBODIA/GOV/MOI/civil-registry/people/a\\b", "Invalid request URI"),
        ("a raw quote", "GET", "/r1/CAMBODIA/GOV/MOI/civil-registry/people/a\"b", "Invalid request URI"),
    ] {
        let head = RequestHead::new(method, target).with("X-Road-Client", CLIENT);
        let answer = nation.send(head, None).await.unwrap();
        assert_eq!(refused(case, &answer, code), sentence, "{case}");
        before.assert_none_since(&nation, case).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_rest_gets_a_soap_fault() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let must_post = |method: &str| format!("Must use POST request method instead of {method}");
    for (case, method, target, content_type, code, sentence) in [
        (
            "another version",
            "GET",
            "/r2/CAMBODIA/GOV/MOI/civil-registry/people",
            "",
            "client.invalid_http_method",
            must_post("GET"),
        ),
        ("the root", "GET", "/", "", "client.invalid_http_method", must_post("GET")),
        ("r1 without a slash", "GET", "/r1", "", "client.invalid_http_method", must_post("GET")),
        ("R1", "DELETE", "/R1/a/b/c/d/e", "", "client.invalid_http_method", must_post("DELETE")),
        ("an old service", "GET", "/listCentralServices", "", "client.invalid_http_method", must_post("GET")),
        (
            "JSON",
            "POST",
            "/r2/x",
            "application/json",
            "client.invalid_content_type",
            "Invalid content type: application/json".to_owned(),
        ),
        (
            "SOAP 1.2",
            "POST",
            "/",
            "application/soap+xml",
            "client.invalid_content_type",
            "Invalid content type: application/soap+xml".to_owned(),
        ),
        (
            "SOAP",
            "POST",
            "/",
            "text/xml; charset=UTF-8",
            "server.clientproxy.internal_error",
            "This gateway carries REST messages: the path must begin with /r1/".to_owned(),
        ),
    ] {
        let mut head = RequestHead::new(method, target).with("X-Road-Client", CLIENT);
        if !content_type.is_empty() {
            head.push("Content-Type", content_type);
        }
        let body = (method == "POST").then_some(b"<x/>".as_slice());
        let answer = nation.send(head, body).await.unwrap();
        refused_as_soap(case, &answer, code, &sentence);
        before.assert_none_since(&nation, case).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_json_unless_xml_is_accepted() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let code = "server.clientproxy.invalid_client_identifier";
    let ask = |accept: &[&str]| {
        let mut head = RequestHead::new("GET", PATH);
        for value in accept {
            head.push("Accept", value);
        }
        head
    };
    for accept in [
        &[][..],
        &["*/*"],
        &["application/json"],
        &["application/xhtml+xml"],
        &["application/*"],
        &["text/plain"],
    ] {
        let answer = nation.send(ask(accept), None).await.unwrap();
        refused(&format!("{accept:?}"), &answer, code);
    }
    for (accept, content_type) in [
        (&["text/xml"][..], "text/xml;charset=utf-8"),
        (&["text/*"], "text/xml;charset=utf-8"),
        (&["application/xml"], "application/xml;charset=utf-8"),
        (&["application/json, application/xml;q=0.1"], "application/xml;charset=utf-8"),
        (&["application/json", "text/xml"], "text/xml;charset=utf-8"),
        (&["text/html,application/xml,text/xml"], "application/xml;charset=utf-8"),
    ] {
        let answer = nation.send(ask(accept), None).await.unwrap();
        refused_in_xml(&format!("{accept:?}"), &answer, code, content_type);
    }
    let head = nation.send(RequestHead::new("HEAD", PATH), None).await.unwrap();
    assert_eq!((head.status, head.fault().as_deref(), head.body.len()), (500, Some(code), 0));
    before.assert_none_since(&nation, "errors").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_provider_is_passed_on_in_the_form_that_is_accepted() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let code = "server.serverproxy.unknown_service";
    let ask = || {
        RequestHead::new("GET", "/r1/CAMBODIA/GOV/MOI/civil-registry/nothing/v1")
            .with("X-Road-Client", CLIENT)
    };
    let answer = nation.send(ask(), None).await.unwrap();
    let sentence = refused("JSON", &answer, code);
    assert_eq!(sentence, "Unknown service: SERVICE:CAMBODIA/GOV/MOI/civil-registry/nothing");
    let answer = nation.send(ask().with("Accept", "text/*"), None).await.unwrap();
    refused_in_xml("XML", &answer, code, "text/xml;charset=utf-8");
    // Both requests are on record at the consumer's gateway, which vouched for them; nothing else happened.
    assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 2, 0));
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200);
}
