//! The log of a live X-Road server in its PostgreSQL database, in the hands of `chhatra evidence` and `chhatra doctor`.

use crate::tools::{Outcome, Setup, chhatra, run, text, vectors};
use database::practice::{Server, psql};
use std::path::{Path, PathBuf};

const ROLES: &str = "CREATE ROLE messagelog_admin; CREATE ROLE messagelog LOGIN";

/// A set-up of the server whose log it is, over a database with what `pg_dump` wrote of it.
fn taken_over(vectors: &Path) -> (Setup, String) {
    let setup = Setup::new();
    let dump = vectors.join("recorded/messagelog/messagelog-ss1.sql.gz");
    let sql = setup.write("dump.sql", run(setup.folder(), "gunzip", &["-c", &text(&dump)]).fine());
    let server = Server::shared();
    let address = server.database();
    psql(&address, &["-c", ROLES]).unwrap();
    psql(&address, &["-f", &sql]).unwrap();
    psql(&address, &["-c", "CREATE SCHEMA chhatra_messagelog AUTHORIZATION messagelog"]).unwrap();
    let url = address.replace("practice@", "messagelog@");
    let config = std::fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let config = config.replace("EX/GOV/M1/SS1", "DEV/COM/4321/SS1");
    setup.write("gateway.toml", format!("{config}[gateway.log]\ndatabase = \"{url}\"\n"));
    (setup, address)
}

fn containers(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = found.filter(|path| path.extension().is_some_and(|end| end == "asice")).collect();
    found.sort();
    found
}

#[test]
fn a_live_log_is_listed_exported_verified_and_archived() {
    let Some(vectors) = vectors() else { return };
    let (setup, address) = taken_over(&vectors);
    let config = setup.config();
    let evidence = |act: &str, rest: &[&str]| -> Outcome {
        chhatra(&[&["evidence", act, "--config", &config], rest].concat())
    };
    let count = |what: &str| {
        psql(&address, &["-c", &format!("SELECT count(*) FROM messagelog.logrecord WHERE {what}")]).unwrap()
    };
    let listed = evidence("list", &["--json", "--limit", "1000"]).json();
    let listed = listed["records"].as_array().unwrap();
    assert_eq!(listed.len().to_string(), count("discriminator = 'm'"));
    assert!(listed.iter().all(|record| record["owner"].as_str().unwrap().starts_with("DEV/COM/")));

    let out = setup.path("out");
    evidence("export", &["--out", &text(&out)]).fine();
    let exported = containers(&out);
    assert_eq!(exported.len(), listed.len());
    let globalconf = text(&vectors.join("recorded/globalconf/ss1-globalconf"));
    let waiting = listed.iter().filter(|record| record["stamped"] == false).count();
    let mut verified = 0;
    for container in &exported {
        let told = chhatra(&["evidence", "verify", "--globalconf", &globalconf, &text(container)]);
        verified += usize::from(told.code == Some(0));
    }
    println!("{} records, {waiting} without a time-stamp, {verified} verified", exported.len());
    assert!(waiting > 0);
    assert_eq!(verified, exported.len() - waiting);

    let digest = "SELECT digest FROM messagelog.last_archive_digest WHERE groupname IS NULL";
    let previous = psql(&address, &["-c", digest]).unwrap();
    assert!(evidence("archive", &[]).fine().contains("in 1 archives"));
    assert_eq!(count("discriminator = 'm' AND NOT archived AND timestamprecord IS NOT NULL"), "0");
    let archives = std::fs::read_dir(setup.path("state/archive")).unwrap().map(|entry| entry.unwrap().path());
    let archive = archives.into_iter().find(|path| path.extension().is_some_and(|end| end == "zip")).unwrap();
    let told = chhatra(&[
        "evidence",
        "archive-verify",
        &text(&archive),
        "--previous",
        &previous,
        "--globalconf",
        &globalconf,
    ]);
    assert_eq!(told.code, Some(0), "{told:?}");

    let told = chhatra(&["doctor", "--config", &config]);
    let says = format!("{}{}", told.out, told.err);
    assert!(says.contains("records: ") && says.contains("postgresql://messagelog@"), "{says}");
}

#[test]
fn a_server_that_is_away_and_a_password_twice_are_said_in_words() {
    let setup = Setup::new();
    let config = std::fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let list = |log: &str| {
        setup.write("gateway.toml", format!("{config}[gateway.log]\n{log}\n"));
        chhatra(&["evidence", "list", "--config", &setup.config()])
    };
    list("database = \"postgresql://log@127.1.255.1:15432/log?sslmode=disable\"")
        .refused(1, "cannot be reached");
    list("database = \"postgresql://log:geheim@127.1.255.1/log\"\ndatabase_password_file = \"pin\"")
        .refused(1, "keep one");
    list("database = \"postgresql://log@db/log?sslmode=require\"")
        .refused(1, "does not make sure who answers");
    list("database = \"mysql://log@db/log\"").refused(1, "begins with postgresql://");
}
