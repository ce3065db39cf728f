//! What is declared comes back from either store, and whoever else has the settings open learns of it.

use super::*;
use crate::serverconf::changes;
use database::practice;
use std::path::Path;

const STATE: &str = r#"
[[client]]
id = "EX/COM/1/sub"
connection = "https"

[[client.service]]
code = "people"
url = "https://10.0.0.5/api"
description = "https://10.0.0.5/openapi.json"
disabled = "until noon"
verify_certificate = false
endpoints = [{ method = "GET", path = "/v1/*" }]

[[client.local_group]]
code = "registrars"
description = "they register"
members = ["EX/GOV/2/c"]

[[client.right]]
subject = { local_group = "registrars" }
service = "people"
endpoint = { method = "GET", path = "/v1/*" }

[[client.right]]
subject = { client = "EX/GOV/2/c" }
service = "people"

[[client.right]]
subject = { global_group = "EX/all" }
service = "people"

[[client]]
id = "EX/COM/1"
status = "disabled"

[[time_stamp]]
name = "TSA"
url = "http://tsa.example/"
"#;

fn stores(folder: &Path) -> [(Store, Store); 2] {
    let file = || Store::File(File::open(&folder.join("s.sqlite")).unwrap());
    let address = practice::Server::shared().database();
    let server = || Store::Server(Box::new(opened(&address, "interior").unwrap()));
    [(file(), file()), (server(), server())]
}

fn opened(address: &str, server: &str) -> Result<Server, StoreFault> {
    let server = format!("EX/COM/1/{server}").parse().unwrap();
    Server::open(database::Url::parse(address).unwrap(), &server)
}

#[test]
fn settings_of_another_gateway_or_of_a_newer_program_are_neither_read_nor_replaced() {
    let server = practice::Server::shared();
    let address = server.database();
    let name = address.rsplit('/').next().unwrap();
    let declared = Declaration::read(STATE, Path::new(".")).unwrap();
    opened(&address, "interior").unwrap().replace(&declared).unwrap();
    let mut other = opened(&address, "commerce").unwrap();
    for refused in [other.read().map(|_| ()), other.replace(&Declaration::default())] {
        let says = refused.unwrap_err().to_string();
        assert!(says.contains("of the gateway EX/COM/1/interior") && says.contains("of EX/COM/1/commerce"));
    }
    let mut own = opened(&address, "interior").unwrap();
    assert_eq!(own.read().unwrap(), declared);
    for (change, says) in [
        ("'format', 2, 'more', 1", "newer"),
        ("'more', 1", "unknown field `more`"),
        ("'internal_certificates', '[]'::jsonb", "number of internal certificates"),
    ] {
        let sql = format!(
            "UPDATE chhatra_serverconf.document SET content = content::jsonb || jsonb_build_object({change})"
        );
        let before = server.psql(name, "SELECT content FROM chhatra_serverconf.document").unwrap();
        server.psql(name, &sql).unwrap();
        for refused in [own.read().map(|_| ()), own.replace(&Declaration::default())] {
            let told = refused.unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
        }
        server
            .psql(name, &format!("UPDATE chhatra_serverconf.document SET content = $old${before}$old$"))
            .unwrap();
    }
}

#[test]
fn what_was_applied_is_read_back_whole_from_either_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut declared = Declaration::read(STATE, folder.path()).unwrap();
    declared.clients[0].internal_certificates_der = vec!["AAEC".to_owned(), "AwQF".to_owned()];
    for (mut one, mut other) in stores(folder.path()) {
        assert_eq!(one.read().unwrap(), Declaration::default());
        let before = other.version().unwrap();
        assert_eq!(other.version().unwrap(), before);
        one.replace(&declared).unwrap();
        assert_ne!(other.version().unwrap(), before);
        assert_eq!(other.read().unwrap(), declared);
        assert_eq!(changes(&other.read().unwrap(), &declared), []);
        let between = other.version().unwrap();
        one.replace(&Declaration::default()).unwrap();
        assert_ne!(other.version().unwrap(), between);
        assert_eq!(other.read().unwrap(), Declaration::default());
    }
}

#[test]
fn a_server_that_was_away_is_asked_again_when_it_is_back() {
    let server = practice::Server::start("").unwrap();
    let mut store = opened(&server.url("postgres"), "interior").unwrap();
    let declared = Declaration::read(STATE, Path::new(".")).unwrap();
    store.replace(&declared).unwrap();
    server.pause().unwrap();
    for _ in 0..2 {
        assert!(matches!(store.version(), Err(StoreFault::Server(database::Fault::Away(_)))));
    }
    server.resume().unwrap();
    assert_eq!((store.version().unwrap(), store.read().unwrap()), (1, declared));
}

#[test]
fn wherever_the_file_is_cut_it_is_refused_or_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.sqlite");
    let declared = Declaration::read(STATE, folder.path()).unwrap();
    let mut store = File::open(&file).unwrap();
    store.replace(&declared).unwrap();
    drop(store);
    let whole = std::fs::read(&file).unwrap();
    let edges = (0..whole.len()).step_by(4096).flat_map(|page| [page.saturating_sub(1), page, page + 1]);
    let mut refused = 0;
    for length in (0..whole.len()).step_by(509).chain(edges).filter(|length| *length < whole.len()) {
        std::fs::write(&file, &whole[..length]).unwrap();
        match File::open(&file).and_then(|mut store| store.read()) {
            Ok(read) => assert_eq!(read, declared, "cut to {length} of {} bytes", whole.len()),
            Err(_) => refused += 1,
        }
        assert_eq!(std::fs::metadata(&file).unwrap().len(), u64::try_from(length).unwrap());
    }
    assert!(refused > 100, "{refused}");
    std::fs::write(&file, b"").unwrap();
    let told = File::open(&file).unwrap_err().to_string();
    assert!(told.contains("s.sqlite is damaged (it is empty): put it back from a backup"), "{told}");
}

#[test]
fn a_database_that_is_made_twice_at_once_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.sqlite");
    let makers: Vec<_> = (0..8)
        .map(|_| {
            let file = file.clone();
            std::thread::spawn(move || File::open(&file).map(drop))
        })
        .collect();
    assert!(makers.into_iter().all(|maker| maker.join().unwrap().is_ok()));
    let left = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| left(entry.unwrap())).collect();
    assert!(names.iter().all(|name| name.starts_with("s.sqlite")), "{names:?}");
}
