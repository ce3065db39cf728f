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
    let server = || Store::Server(Box::new(Server::open(database::Url::parse(&address).unwrap()).unwrap()));
    [(file(), file()), (server(), server())]
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
    let mut store = Server::open(database::Url::parse(&server.url("postgres")).unwrap()).unwrap();
    let declared = Declaration::read(STATE, Path::new(".")).unwrap();
    store.replace(&declared).unwrap();
    server.pause().unwrap();
    for _ in 0..2 {
        assert!(matches!(store.version(), Err(StoreFault::Server(database::Fault::Away(_)))));
    }
    server.resume().unwrap();
    assert_eq!((store.version().unwrap(), store.read().unwrap()), (1, declared));
}
