//! A nation whose whole state is in PostgreSQL: registry, settings, logs.

use super::containers::{exported, judge, stamped, stored};
use super::settings::until_answer;
use super::tools::{entries, log_of};
use database::Url;
use database::practice::Server;
use testkit::{Answer, Choices, Databases, Nation, call};

async fn on(server: &Server) -> Nation {
    for name in ["registry", "consumer", "provider"] {
        server.psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
    }
    let url = |name: &str| Url::parse(&server.url(name)).unwrap();
    let databases =
        Databases { registry: url("registry"), consumer: url("consumer"), provider: url("provider") };
    Nation::start_with(Choices { databases: Some(databases), ..Choices::default() }).await.unwrap()
}

async fn asked(nation: &Nation) -> Answer {
    nation.send(call("POST", "/v1/people"), Some(br#"{"a":1}"#)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nation_in_postgresql_carries_and_proves_as_any_other_and_outlives_its_server_s_absence() {
    let server = Server::start("").unwrap();
    let nation = on(&server).await;
    for _ in 0..3 {
        assert_eq!(asked(&nation).await.status, 200);
    }
    let rows = |name: &str, what: &str| {
        server.psql(name, &format!("SELECT count(*) FROM messagelog.logrecord WHERE {what}")).unwrap()
    };
    for name in ["consumer", "provider"] {
        assert_eq!(rows(name, "discriminator = 'm'"), "6");
    }
    assert!(!nation.folder.path().join("commerce/serverconf.sqlite").exists());

    server.pause().unwrap();
    let refused = asked(&nation).await;
    assert_eq!(refused.status, 500, "{}", refused.text());
    assert!(refused.text().contains("logging_failed"), "{}", refused.text());
    server.resume().unwrap();
    until_answer(&nation, "messages are carried again", |answer| answer.status == 200).await;

    // What is declared and what is applied is seen by what runs.
    let mut state = nation.registry_state.clone();
    state.settings.time_stamping_interval_seconds = 77;
    nation.publish(&state).await.unwrap();
    let mut settings = nation.provider_settings().unwrap();
    for client in &mut settings.clients {
        client.rights.clear();
    }
    gateway::admin::apply(&nation.provider.config, &settings).unwrap();
    until_answer(&nation, "the right is taken", |answer| {
        answer.fault().is_some_and(|fault| fault.ends_with("access_denied"))
    })
    .await;

    stamped(&nation).await;
    for (side, gateway) in [("consumer", &nation.consumer), ("provider", &nation.provider)] {
        assert!(entries(&log_of(&gateway.config)).len() >= 8, "{side}");
        let held = stored(&gateway.config);
        for container in exported(side, &gateway.config) {
            judge(&container.bytes, &held).unwrap_or_else(|why| panic!("{side} {}: {why}", container.name));
        }
    }
}
