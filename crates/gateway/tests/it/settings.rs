//! What an operator declares, and what of it is refused.

use gateway::{Change, Config, Declaration, DeclarationFault, admin};
use std::path::Path;

const STATE: &str = r#"
[[time_stamp]]
name = "Practice TSA"
url = "http://127.0.0.13:8899/"

[[client]]
id = "CAMBODIA/GOV/MOI/civil-registry"
connection = "http"

[[client.service]]
code = "people"
kind = "openapi3"
url = "http://127.0.0.12:9080"
description = "http://127.0.0.12:9080/openapi.json"
endpoints = [{ method = "GET", path = "/v1/people/*" }]

[[client.local_group]]
code = "partners"
description = "who may read"
members = ["CAMBODIA/GOV/MOC/business-registry"]

[[client.right]]
subject = { local_group = "partners" }
service = "people"
endpoint = { method = "GET", path = "/v1/people/*" }

[[client.right]]
subject = { global_group = "CAMBODIA/auditors" }
service = "people"

[[client.right]]
subject = { client = "CAMBODIA/GOV/MOC/business-registry" }
service = "people"
"#;

fn config(folder: &Path) -> Result<Config, toml::de::Error> {
    let text = format!(
        r#"
        server = "CAMBODIA/GOV/MOI/interior"
        state_dir = "{}"
        anchor = "anchor.xml"
        pin_file = "pin"
        [listen]
        consumer_http = "127.0.0.12:8080"
        consumer_https = "127.0.0.12:8443"
        transport = "127.0.0.12:5500"
        ocsp = "127.0.0.12:5577"
        "#,
        folder.display()
    );
    toml::from_str(&text)
}

fn read(text: &str) -> Result<Declaration, DeclarationFault> {
    Declaration::read(text, Path::new("."))
}

#[test]
fn what_is_applied_is_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path()).unwrap();
    let declared = read(STATE).unwrap();
    let planned = admin::plan(&config, &declared).unwrap();
    assert_eq!(planned.len(), 9, "{planned:#?}");
    assert!(planned.iter().all(|change| matches!(change, Change::Add(..))));
    assert_eq!(admin::settings(&config).unwrap(), Declaration::default(), "a plan touches nothing");
    assert_eq!(admin::apply(&config, &declared).unwrap(), planned);
    assert_eq!(admin::settings(&config).unwrap(), declared);
    assert_eq!(admin::apply(&config, &declared).unwrap(), [], "applying again changes nothing");
}

#[test]
fn a_password_file_for_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = config(folder.path()).unwrap();
    settings.database_password_file = Some("password".into());
    let refused = admin::settings(&settings).unwrap_err().to_string();
    assert!(refused.contains("database_password_file is set and database is not"), "{refused}");
    let mut log = config(folder.path()).unwrap();
    log.log.database_password_file = Some("password".into());
    assert!(log.messagelog().is_err());
    assert!(config(folder.path()).unwrap().messagelog().is_ok());
}

#[test]
fn a_plan_names_each_difference() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path()).unwrap();
    admin::apply(&config, &read(STATE).unwrap()).unwrap();
    let other = STATE
        .replace("connection = \"http\"", "connection = \"https-mutual\"")
        .replace("members = [\"CAMBODIA/GOV/MOC/business-registry\"]", "members = []");
    let planned = admin::plan(&config, &read(&other).unwrap()).unwrap();
    let lines: Vec<String> = planned.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "~ client CAMBODIA/GOV/MOI/civil-registry: Registered, Http -> Registered, HttpsMutual",
            "- client CAMBODIA/GOV/MOI/civil-registry group partners member CAMBODIA/GOV/MOC/business-registry: in",
        ]
    );
}

#[test]
fn refuses_a_declaration_that_contradicts_itself() {
    let client = "[[client]]\nid = \"A/B/C/d\"\n";
    let service = "[[client.service]]\ncode = \"s\"\nurl = \"http://h\"\n";
    let right = "[[client.right]]\nsubject = { client = \"A/B/C/e\" }\n";
    let cases = [
        ("nothing", String::new(), "is empty"),
        ("nothing but a comment", "# [[client]]\n".to_owned(), "is empty"),
        ("an unknown key", "surprise = 1\n".to_owned(), "cannot be read"),
        ("no identifier", "[[client]]\nid = \"A/B\"\n".to_owned(), "cannot be read"),
        ("a client twice", format!("{client}{client}"), "declared twice"),
        ("a service twice", format!("{client}{service}{service}"), "declared twice"),
        (
            "an address that is none",
            format!("{client}[[client.service]]\ncode = \"s\"\nurl = \"ftp://h\"\n"),
            "not an address",
        ),
        ("a right on nothing", format!("{client}{right}service = \"t\"\n"), "not declared"),
        (
            "a right for a group that is not there",
            format!(
                "{client}{service}[[client.right]]\nsubject = {{ local_group = \"g\" }}\nservice = \"s\"\n"
            ),
            "local group that is not declared",
        ),
        (
            "an endpoint that is none",
            format!(
                "{client}{service}{right}service = \"s\"\nendpoint = {{ method = \"\", path = \"/x\" }}\n"
            ),
            "endpoint that cannot be used",
        ),
        (
            "a certificate that is not there",
            format!("{client}internal_certificates = [\"nowhere.pem\"]\n"),
            "nowhere.pem",
        ),
        (
            "a time-stamp service over TLS",
            "[[time_stamp]]\nname = \"t\"\nurl = \"https://t/\"\n".to_owned(),
            "not an address",
        ),
    ];
    for (what, text, part) in cases {
        match read(&text) {
            Ok(declaration) => panic!("{what} was taken: {declaration:?}"),
            Err(fault) => assert!(fault.to_string().contains(part), "{what}: {fault}"),
        }
    }
}

#[test]
fn an_identifier_with_a_slash_in_it_survives_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path()).unwrap();
    let mut declared = read(STATE).unwrap();
    declared.clients[0].id =
        identifier::ClientId::new("CAMBODIA", "GOV", "MOI", Some("civil/registry")).unwrap();
    admin::apply(&config, &declared).unwrap();
    assert_eq!(admin::settings(&config).unwrap().clients[0].id, declared.clients[0].id);
}
