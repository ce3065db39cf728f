//! The state in PostgreSQL: whatever holds of the embedded database holds there, and a server that is away stops nothing that runs.

use crate::nation::{Nation, Running, STATE, declaration, pin};
use database::practice::Server;
use jiff::SignedDuration;
use keystore::KeyAlgorithm;
use registry::{Activated, Source, Status, StoreFault, admin};
use std::time::Duration;
use tokio::net::TcpListener;

fn nation(server: &Server, database: Option<&str>) -> Nation {
    let mut nation = Nation::bare(KeyAlgorithm::EcP256, "registry.example");
    let url = database.map_or_else(|| server.database(), |name| server.url(name));
    nation.config.database = Some(database::Url::parse(&url).unwrap());
    nation
}

#[test]
fn every_act_of_the_operator_does_the_same_in_either_place() {
    let embedded = Nation::bare(KeyAlgorithm::EcP256, "registry.example");
    for nation in [embedded, nation(Server::shared(), None)] {
        let (config, clock) = (&nation.config, &nation.clock);
        assert!(matches!(admin::settings(config), Err(StoreFault::NotInitialised { .. })));
        admin::init(config, &pin(), clock).unwrap();
        assert_eq!(admin::settings(config).unwrap(), None);
        let declared = declaration(STATE);
        let planned = admin::plan(config, &declared).unwrap();
        assert!(!planned.is_empty());
        assert_eq!(admin::apply(config, &declared).unwrap(), planned);
        assert_eq!(admin::settings(config).unwrap(), Some(declared.clone()));
        assert_eq!(admin::plan(config, &declared).unwrap(), []);

        let first = admin::signing_keys(config).unwrap();
        assert_eq!(first.iter().filter(|key| key.active).count(), Source::ALL.len());
        nation.hands.advance(SignedDuration::from_secs(1));
        let added = admin::add_signing_key(config, &pin(), Source::Internal, clock).unwrap();
        assert!(!added.active);
        assert_eq!(
            admin::activate_signing_key(config, &pin(), &added.key, clock).unwrap(),
            Activated { known_to_clients: false }
        );
        let old = first.iter().find(|key| key.source == Source::Internal).unwrap();
        admin::delete_signing_key(config, &pin(), &added.key, clock).unwrap_err();
        admin::delete_signing_key(config, &pin(), &old.key, clock).unwrap();
        let keys = admin::signing_keys(config).unwrap();
        assert_eq!(keys.iter().filter(|key| key.active).count(), Source::ALL.len());
        assert!(keys.iter().any(|key| key.key == added.key) && keys.iter().all(|key| key.key != old.key));
        assert_eq!(admin::settings(config).unwrap(), Some(declared));
    }
}

#[test]
fn a_database_of_another_instance_or_with_something_else_in_it_is_refused() {
    let server = Server::shared();
    let mut nation = nation(server, None);
    admin::init(&nation.config, &pin(), &nation.clock).unwrap();
    nation.config.instance = "VIETNAM".to_owned();
    match admin::settings(&nation.config) {
        Err(StoreFault::AnotherInstance { stored, configured }) => {
            assert_eq!((stored.as_str(), configured.as_str()), ("CAMBODIA", "VIETNAM"));
        }
        other => panic!("{other:?}"),
    }
    nation.config.instance = "CAMBODIA".to_owned();
    let url = nation.config.database.clone().unwrap();
    let name = url.to_string().rsplit('/').next().unwrap().to_owned();
    for (content, says) in [
        (r#"{"format":1,"instance":"CAMBODIA","declaration":null,"signing_keys":[],"more":1}"#, "more"),
        (
            r#"{"format":1,"instance":"CAMBODIA","declaration":{"settings":{}},"signing_keys":[]}"#,
            "member_classes",
        ),
        (r#""CAMBODIA""#, "state"),
        (r#"{"format":2,"instance":"CAMBODIA"}"#, "newer"),
    ] {
        server.psql(&name, &format!("UPDATE chhatra_registry.document SET content = '{content}'")).unwrap();
        match admin::settings(&nation.config) {
            Err(fault @ (StoreFault::Content(_) | StoreFault::Version { .. })) => {
                assert!(fault.to_string().contains(says), "{fault}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_password_file_for_no_database_is_refused() {
    let mut nation = Nation::bare(KeyAlgorithm::EcP256, "registry.example");
    nation.config.database_password_file = Some(nation.config.pin_file.clone());
    let refused = admin::init(&nation.config, &pin(), &nation.clock).unwrap_err();
    assert!(refused.to_string().contains("database_password_file is set and database is not"), "{refused}");
}

// Several threads: stopping a server blocks one of them while the registry publishes on another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_declared_is_published_anew_while_the_server_is_away_and_changes_when_it_is_back() {
    let server = Server::start("").unwrap();
    let nation = nation(&server, Some("postgres"));
    admin::init(&nation.config, &pin(), &nation.clock).unwrap();
    nation.apply(STATE);
    let running = Running::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), nation).await;
    let first = running.registry.published().await.unwrap();
    server.pause().unwrap();
    running.nation.hands.advance(SignedDuration::from_secs(61));
    let second = running.registry.published_after(first).await.unwrap();
    let Status::Stale { made, read_at } = running.registry.status() else { panic!("not stale") };
    assert_eq!(made, second);
    assert!(read_at < second && second.duration_since(read_at).as_secs() >= 60, "{read_at} {second}");
    assert!(admin::settings(&running.nation.config).is_err());
    server.resume().unwrap();
    running.nation.apply(&STATE.replace("Whoever takes part", "Those who take part"));
    let third = running.registry.published_after(second).await.unwrap();
    assert_eq!(running.registry.status(), Status::Published(third));

    // What may have changed meanwhile is not published for ever.
    server.pause().unwrap();
    running.nation.hands.advance(SignedDuration::from_secs(2 * 600 - 60));
    let last = running.registry.published_after(third).await.unwrap();
    running.nation.hands.advance(SignedDuration::from_secs(61));
    let why = failure(&running).await;
    assert!(why.contains("cannot be reached") && why.contains("too long ago"), "{why}");
    server.resume().unwrap();
    running.nation.apply(STATE);
    running.registry.published_after(last).await.unwrap();
}

async fn failure(running: &Running) -> String {
    match running.registry.reached(|status| matches!(status, Status::Failed(_))).await {
        Ok(Status::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_without_the_state_is_not_away_nothing_is_published_and_a_stop_is_obeyed() {
    let server = Server::shared();
    let nation = nation(server, None);
    admin::init(&nation.config, &pin(), &nation.clock).unwrap();
    nation.apply(STATE);
    let name = nation.config.database.clone().unwrap().to_string().rsplit('/').next().unwrap().to_owned();
    let url = nation.config.database.clone().unwrap();
    let sql = |sql: &str| server.psql(&name, sql).unwrap();
    let good = sql("SELECT content FROM chhatra_registry.document");
    let running = Running::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), nation).await;
    let first = running.registry.published().await.unwrap();

    sql("UPDATE chhatra_registry.document SET content = '{}', version = version + 1");
    let why = failure(&running).await;
    assert!(why.contains("unusable state"), "{why}");
    // The same version, mended: it was not read before, so it is a change still.
    sql(&format!("UPDATE chhatra_registry.document SET content = $good${good}$good$"));
    running.nation.hands.advance(SignedDuration::from_secs(1));
    let second = running.registry.published_after(first).await.unwrap();

    let mut holder = database::Session::open(&url, "a test").unwrap();
    holder
        .run(|client| {
            Ok::<_, database::Fault>(client.batch_execute("BEGIN; LOCK TABLE chhatra_registry.document")?)
        })
        .unwrap();
    running.nation.hands.advance(SignedDuration::from_secs(61));
    let why = failure(&running).await;
    assert!(why.contains("timeout"), "{why}");
    assert!(second < running.nation.clock.now());
    running.stopper.stop();
    tokio::time::timeout(Duration::from_secs(30), running.registry.reached(|_| false))
        .await
        .unwrap()
        .unwrap_err();
    drop(holder);
}
