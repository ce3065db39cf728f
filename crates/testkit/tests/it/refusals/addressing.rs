//! The way to the provider: who it is, where it is, and whether its gateway works today (data-plane 4.11).

use super::common::{Traces, refused};
use http1::RequestHead;
use testkit::{CLIENT, Nation, call};

const HERE: &str = "CAMBODIA/GOV/MOI/interior";

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_must_be_known() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let no_address = |service: &str| {
        (
            "server.clientproxy.unknown_member",
            format!("Could not find addresses for service provider \"SERVICE:{service}\""),
        )
    };
    for (case, path, (code, sentence)) in [
        ("subsystem", "CAMBODIA/GOV/MOI/nothing/people", no_address("CAMBODIA/GOV/MOI/nothing/people")),
        (
            "member",
            "CAMBODIA/GOV/NONE/civil-registry/people",
            no_address("CAMBODIA/GOV/NONE/civil-registry/people"),
        ),
        (
            "class",
            "CAMBODIA/COM/MOI/civil-registry/people",
            no_address("CAMBODIA/COM/MOI/civil-registry/people"),
        ),
        ("served by nobody", "CAMBODIA/GOV/MPTC/desk/people", no_address("CAMBODIA/GOV/MPTC/desk/people")),
        (
            "instance",
            "ANGKOR/GOV/MOI/civil-registry/people",
            (
                "server.clientproxy.internal_error",
                "Shared params for instance identifier ANGKOR not found".to_owned(),
            ),
        ),
    ] {
        let head = RequestHead::new("GET", &format!("/r1/{path}/v1")).with("X-Road-Client", CLIENT);
        let answer = nation.send(head, None).await.unwrap();
        assert_eq!(refused(case, &answer, code), sentence, "{case}");
        before.assert_none_since(&nation, case).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_for_must_serve_the_provider() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let invalid = |id: &str| {
        ("server.clientproxy.invalid_security_server", format!("Invalid security server \"SERVER:{id}\""))
    };
    for (case, server, (code, sentence)) in [
        ("another server", "CAMBODIA/GOV/MOC/commerce", invalid("CAMBODIA/GOV/MOC/commerce")),
        ("unknown", "CAMBODIA/GOV/MOI/nowhere", invalid("CAMBODIA/GOV/MOI/nowhere")),
        (
            "malformed",
            "CAMBODIA/GOV/MOI",
            ("server.clientproxy.internal_error", "Invalid Security Server Id".to_owned()),
        ),
    ] {
        let answer =
            nation.send(call("GET", "/v1").with("X-Road-Security-Server", server), None).await.unwrap();
        assert_eq!(refused(case, &answer, code), sentence, "{case}");
        before.assert_none_since(&nation, case).unwrap();
    }
    let answer = nation.send(call("GET", "/v1").with("X-Road-Security-Server", HERE), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(&nation, "the right server").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_reached_is_told_apart() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let empty_house = nation.address(40, 1).ip().to_string();
    let maintained = |notice: &str| {
        format!(
            "Security server 'SERVER:{HERE}' is in maintenance mode. Message from administrator: {notice}"
        )
    };
    for (case, address, maintenance, code, sentence) in [
        (
            "without address",
            None,
            None,
            "unknown_member",
            Some(
                "Could not find addresses for service provider \"SERVICE:CAMBODIA/GOV/MOI/civil-registry/people\""
                    .to_owned(),
            ),
        ),
        (
            "in maintenance",
            Some(empty_house.clone()),
            Some("Back at noon"),
            "maintenance_mode",
            Some(maintained("Back at noon")),
        ),
        (
            "in maintenance without a word",
            Some(empty_house.clone()),
            Some(""),
            "maintenance_mode",
            Some(maintained("")),
        ),
        ("nobody there", Some(empty_house.clone()), None, "network_error", None),
        ("a name without address", Some("gateway.invalid".to_owned()), None, "unknown_host", None),
    ] {
        let mut state = nation.registry_state.clone();
        let server = state.servers.iter_mut().find(|server| server.code == "interior").unwrap();
        server.address = address;
        server.maintenance = maintenance.map(str::to_owned);
        nation.publish(&state).await.unwrap();
        let code = format!("server.clientproxy.{code}");
        for asked in [None, Some(HERE)] {
            let mut head = call("GET", "/v1");
            if let Some(server) = asked {
                head.push("X-Road-Security-Server", server);
            }
            let code = match (case, asked) {
                // Asked for by name, it has to have an address first (data-plane 4.11 step 2).
                ("without address", Some(_)) => "server.clientproxy.invalid_security_server",
                _ => &code,
            };
            let answer = nation.send(head, None).await.unwrap();
            let said = refused(case, &answer, code);
            if let Some(sentence) = sentence.as_ref().filter(|_| asked.is_none()) {
                assert_eq!(&said, sentence, "{case}");
            }
            before.assert_none_since(&nation, case).unwrap();
        }
    }
    nation.publish(&nation.registry_state).await.unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}
