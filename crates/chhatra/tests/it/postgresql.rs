//! The log of a live X-Road server in its PostgreSQL database, in the hands of `chhatra evidence` and `chhatra doctor`.

use crate::tools::{Outcome, Setup, chhatra, run, text, vectors};
use database::practice::{Server, psql};
use serde_json::Value;
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
fn a_log_that_x_road_encrypted_is_taken_out_with_its_keys_and_without_them_doctor_names_the_key() {
    let Some(vectors) = vectors() else { return };
    let setup = Setup::new();
    let (address, round) = (Server::shared().database(), vectors.join("recorded/options/messagelog/C"));
    let base = std::fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let base = base.replace("EX/GOV/M1/SS1", "DEV/COM/1234/SS0");
    let configure = |log: &str| setup.write("gateway.toml", format!("{base}[gateway.log]\n{log}"));
    configure(&format!("database = \"{address}\"\n"));
    let run = |act: &[&str]| chhatra(&[act, &["--config", &setup.config()]].concat());
    // Opening it once makes its tables.
    run(&["evidence", "archive"]).fine();
    let mut rows: Vec<Value> =
        serde_json::from_slice(&std::fs::read(round.join("ss0/logrecord.json")).unwrap()).unwrap();
    for row in &mut rows {
        row["ciphermessage"] = format!("\\x{}", row["ciphermessage_hex"].as_str().unwrap()).into();
    }
    let sql = format!(
        "INSERT INTO messagelog.logrecord SELECT * FROM json_populate_recordset(NULL::messagelog.logrecord, $rows${}$rows$)",
        serde_json::to_string(&rows).unwrap()
    );
    psql(&address, &["-f", &setup.write("rows.sql", sql)]).unwrap();

    let out = text(&setup.path("out"));
    let export = ["evidence", "export", "--out", &out];
    let refused = run(&export);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("sealed under X-Road's key \"key1\", which no key store"), "{refused:?}");
    let doctor = || {
        let told = run(&["doctor"]);
        format!("{}{}", told.out, told.err)
    };
    let told = doctor();
    assert!(told.contains("and are kept: 8, under X-Road's key \"key1\""), "{told}");
    assert!(told.contains("under [gateway.log.xroad_encryption]"), "{told}");

    setup.write("password", "throwaway2\n");
    setup.mode("password", 0o600);
    let section = format!(
        "[gateway.log.xroad_encryption]\nkey_store = \"{}\"\npassword_file = \"password\"\n",
        text(&round.join("messagelog.p12"))
    );
    configure(&format!("database = \"{address}\"\n{section}"));
    run(&export).fine();
    assert_eq!(containers(&setup.path("out")).len(), rows.len());
    let told = doctor();
    assert!(!told.contains("key1"), "{told}");

    for (log, why) in [
        (section.clone(), "xroad_encryption is for a log in PostgreSQL"),
        (
            format!("database = \"{address}\"\n{section}key = \"key0\"\n"),
            "no secret key key0; it holds: key1",
        ),
    ] {
        configure(&log);
        run(&["evidence", "list"]).refused(1, why);
        let told = doctor();
        assert!(told.contains(why) && told.contains("correct [gateway.log]"), "{told}");
    }
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

/// A log and settings in a database are asked for there, whatever lies in the folder beside it.
#[test]
fn doctor_tells_a_database_without_a_log_from_one_that_is_away() {
    let setup = Setup::new();
    let config = std::fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let doctor = |gateway: &str, rest: &str| {
        setup.write("gateway.toml", format!("{}{rest}", config.replace("[gateway]\n", gateway)));
        let told = chhatra(&["doctor", "--config", &setup.config()]);
        assert_eq!(told.code, Some(1), "{told:?}");
        told.out
    };
    let empty = Server::shared().database();
    let told = doctor("[gateway]\n", &format!("[gateway.log]\ndatabase = \"{empty}\"\n"));
    assert!(
        told.contains("ok       log: nothing has been put on record yet: no log is in postgresql://"),
        "{told}"
    );

    let away = "database = \"postgresql://log@127.1.255.1:15432/log?sslmode=disable\"\n";
    let openpgp = "[gateway.archive.openpgp]\nsigning_key_file = \"none.gpg\"\n";
    let told = doctor("[gateway]\n", &format!("[gateway.log]\n{away}{openpgp}"));
    assert!(!told.contains("nothing has been put on record"), "{told}");
    assert!(told.contains("problem  log: ") && told.contains("cannot be reached"), "{told}");
    assert!(told.contains("see that the database server runs"), "{told}");
    assert!(told.contains("none.gpg cannot be read") && !setup.path("state").exists(), "{told}");

    let told = doctor(&format!("[gateway]\n{away}"), "");
    assert!(told.contains("problem  settings: ") && told.contains("cannot be reached"), "{told}");
    assert!(told.contains("see to the database server") && !told.contains("restore"), "{told}");

    // Where a log was begun its database is not empty.
    std::fs::create_dir_all(setup.path("state/messagelog")).unwrap();
    std::fs::write(setup.path("state/messagelog").join("messagelog-postgresql.lock"), "begun").unwrap();
    let told = doctor("[gateway]\n", &format!("[gateway.log]\ndatabase = \"{empty}\"\n"));
    assert!(told.contains("problem  log: a message log was begun in postgresql://"), "{told}");
    assert!(told.contains("restore the database from a backup"), "{told}");
}

#[test]
fn no_refusal_of_a_configuration_shows_its_password() {
    let setup = Setup::new();
    let config = std::fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let line = format!("line {}: ", config.lines().count() + 2);
    for (address, why) in [
        ("postgresql://log:SECRET@db/log?sslmode=require", "does not make sure who answers"),
        ("mysql://log:SECRET@db/log", "begins with postgresql://"),
        ("postgresql://log:SEC@RET@db/log", "write it as %40"),
        ("postgresql://log:SEC?RET@db/log", "write it as %40"),
        ("postgresql://log:SECRET@db:port/log", "cannot be read"),
        ("postgresql://log:SECRET@db/log\" more = \"", "expected newline"),
    ] {
        setup.write("gateway.toml", format!("{config}[gateway.log]\ndatabase = \"{address}\"\n"));
        for act in [&["evidence", "list"][..], &["doctor"], &["gateway", "run"]] {
            let told = chhatra(&[act, &["--config", &setup.config()]].concat());
            let says = format!("{}{}", told.out, told.err);
            assert_eq!(told.code, Some(1), "{says}");
            assert!(says.contains(why) && says.contains(&line), "{says}");
            assert!(!says.contains("SEC") && !says.contains("RET"), "{says}");
        }
    }
}
