//! A server whose place is taken by another one: what passes while that goes on is waited for.

use clock::Clock;
use database::practice::{Server, psql};
use messagelog::{Failure, MessageLog, OpenFailure, RecordId, Settings, StoreFault};

use crate::bench::{noon, request};
use crate::store::at;

/// A server of its own, and a log in a database that others may be told apart from.
struct Bench {
    server: Server,
    directory: tempfile::TempDir,
    address: String,
    log: MessageLog,
}

impl Bench {
    /// The log's user is not the one that the tests change the server as.
    fn new() -> Self {
        let server = Server::start("").unwrap();
        server.psql("postgres", "CREATE ROLE gateway SUPERUSER LOGIN").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let address = server.database().replace("practice@", "gateway@");
        let log = opened(&address, directory.path());
        Self { server, directory, address, log }
    }

    fn database(&self) -> &str {
        self.address.rsplit('/').next().unwrap()
    }

    /// Changes the server while nobody is connected to the log's database.
    fn change(&self, sql: &str) {
        self.server.psql("postgres", sql).unwrap();
    }

    async fn broken(&self) {
        self.server.pause().unwrap();
        let refused = self.log.record(request("refused")).await;
        assert!(matches!(refused, Err(Failure::Storage(StoreFault::Away(_)))), "{refused:?}");
    }

    /// It is not open, and will be tried again; why.
    async fn waits(&self) -> String {
        match self.log.recover().await {
            Err(OpenFailure::Storage(StoreFault::Away(why))) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn opened(address: &str, directory: &std::path::Path) -> MessageLog {
    let log = MessageLog::open(at(address, directory), Settings::default(), Clock::fixed(noon())).unwrap();
    log.provide_time_stamping(true);
    log
}

#[tokio::test]
async fn a_standby_that_becomes_the_server_and_lets_us_in_later_is_waited_for() {
    let bench = Bench::new();
    assert_eq!(bench.log.record(request("before")).await, Ok(RecordId(1)));
    // The next start of this server is one of a standby.
    bench.change("COPY (SELECT 1) TO PROGRAM 'cat > standby.signal'");
    bench.broken().await;
    bench.server.resume().unwrap();
    assert!(bench.waits().await.contains("standby"));
    // Whoever starts there meanwhile has to be told.
    let elsewhere = tempfile::tempdir().unwrap();
    let started =
        MessageLog::open(at(&bench.address, elsewhere.path()), Settings::default(), Clock::fixed(noon()));
    let started = started.map(|_| ()).unwrap_err();
    assert!(matches!(started, OpenFailure::Storage(StoreFault::ReadOnly(_))), "{started:?}");

    bench.change("SELECT pg_promote()");
    bench.change("ALTER ROLE gateway NOLOGIN");
    assert!(bench.waits().await.contains("28000"));
    bench.change("ALTER ROLE gateway LOGIN");
    bench.change(&format!("ALTER DATABASE {} RENAME TO elsewhere", bench.database()));
    assert!(bench.waits().await.contains("3D000"));
    bench.change(&format!("ALTER DATABASE elsewhere RENAME TO {}", bench.database()));
    assert_eq!(bench.log.recover().await, Ok(true));
    assert!(bench.log.record(request("after")).await.unwrap() > RecordId(1));
    bench.log.close().await.unwrap();
}

#[tokio::test]
async fn a_database_without_its_tables_is_not_waited_for() {
    let bench = Bench::new();
    bench.log.record(request("before")).await.unwrap();
    bench.broken().await;
    bench.server.resume().unwrap();
    psql(&bench.address, &["-c", "DROP SCHEMA messagelog CASCADE"]).unwrap();
    assert!(matches!(bench.log.recover().await, Err(OpenFailure::Gone { .. })));
    assert_eq!(bench.log.recover().await, Ok(false));
    drop(bench.directory);
}
