//! What changes while a request's body is on its way counts: who calls and what it may are decided anew when the body is there
//! (data-plane 4.9), and nothing of what is refused then reaches the service.

use super::common::{Traces, refused};
use crate::proof::tools::spooled;
use anyhow::Result;
use gateway::{ClientStatus, Declaration};
use http1::{ClientConnection, Framing, Limits};
use std::time::Duration;
use testkit::{Answer, Nation, Reply, call, until};

/// More than a gateway keeps in memory, so that the first half can be seen lying in the provider's spool.
static HALF: [u8; 1_500_000] = [b'x'; 1_500_000];

/// What happens between the two halves of a body.
enum Change {
    Nothing,
    /// To the provider's settings.
    Settings(fn(&mut gateway::Client)),
    /// To the consumer's server, in the global configuration.
    Server(fn(&mut registry::Server)),
}

async fn applied(nation: &Nation, change: &Change) -> Result<()> {
    match change {
        Change::Nothing => Ok(()),
        Change::Settings(change) => {
            let mut settings: Declaration = nation.provider_settings()?;
            settings.clients.iter_mut().for_each(change);
            nation.provider.apply(&settings).await
        }
        Change::Server(change) => {
            let mut state = nation.registry_state.clone();
            state.servers.iter_mut().filter(|server| server.code == "commerce").for_each(change);
            nation.publish(&state).await
        }
    }
}

async fn interrupted(nation: &Nation, change: &Change) -> Result<Answer> {
    let at = nation.consumer.config.listen.consumer_http;
    let socket = http1::connect(&at.ip().to_string(), at.port(), Duration::from_secs(5)).await?;
    let mut connection = ClientConnection::new(socket, Limits::default());
    let head = call("POST", "/v1").with("Host", "gateway");
    let (mut writer, mut answer) = connection.send(&head, Framing::Chunked).await?;
    writer.write(&HALF).await?;
    until("the provider's gateway has the first half", || spooled(&nation.provider.config) == 1).await?;
    applied(nation, change).await?;
    writer.write(&HALF).await?;
    writer.finish().await?;
    let mut response = answer.receive().await?;
    let body = response.body.read_all(usize::MAX).await?;
    Ok(Answer { status: response.head.status, headers: response.head.headers, body })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_a_body_comes_counts() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    let rows: [(&str, Change, Option<&str>); 7] = [
        ("nothing", Change::Nothing, None),
        ("the right is taken", Change::Settings(|client| client.rights.clear()), Some("access_denied")),
        (
            "the service is switched off",
            Change::Settings(|client| {
                client.services.iter_mut().for_each(|service| service.disabled = Some("closed".to_owned()));
            }),
            Some("service_disabled"),
        ),
        ("the service is gone", Change::Settings(|client| client.services.clear()), Some("unknown_service")),
        (
            "the provider is not registered any more",
            Change::Settings(|client| client.status = ClientStatus::Disabled),
            Some("unknown_member"),
        ),
        (
            "the caller's certificate is not registered any more",
            Change::Server(|server| server.auth_certificates.clear()),
            Some("service_failed.ssl_authentication_failed"),
        ),
        (
            "the client is at that server no more",
            Change::Server(|server| server.clients.clear()),
            Some("service_failed.ssl_authentication_failed"),
        ),
    ];
    for (case, change, code) in rows {
        let before = Traces::of(&nation).unwrap();
        let answer = interrupted(&nation, &change).await.unwrap();
        if let Some(code) = code {
            refused(case, &answer, &format!("server.serverproxy.{code}"));
            before.assert_request_only(&nation, case).unwrap();
        } else {
            assert_eq!((answer.status, answer.body.len()), (200, 2 * HALF.len()), "{case}");
            before.assert_whole(&nation, case).unwrap();
        }
        until("the spool is empty", || spooled(&nation.provider.config) == 0).await.unwrap();
        // Back to where it was.
        nation.provider.apply(&nation.provider_settings().unwrap()).await.unwrap();
        nation.publish(&nation.registry_state).await.unwrap();
    }
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
}
