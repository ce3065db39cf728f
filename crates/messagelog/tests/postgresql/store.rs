//! The store of these tests: a database for each folder, whose address stands in the folder.

use std::path::Path;

use database::Url;
use database::practice::{Server, psql};
use messagelog::Place;

pub(crate) const EMBEDDED: bool = false;

/// The address of a folder's database, which is made when there is none.
pub(crate) fn address(directory: &Path) -> String {
    let file = directory.join("database");
    std::fs::read_to_string(&file).unwrap_or_else(|_| {
        let address = Server::shared().database();
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(&file, &address).unwrap();
        address
    })
}

pub(crate) fn place(directory: &Path) -> Place {
    at(&address(directory), directory)
}

pub(crate) fn at(address: &str, directory: &Path) -> Place {
    let url = Box::new(Url::parse(address).unwrap());
    Place::Database { url, instance: "EX".to_owned(), folder: directory.to_owned() }
}

/// Changes a log behind its back.
pub(crate) fn alter(directory: &Path, sql: &str) {
    psql(&address(directory), &["-c", sql]).unwrap();
}

/// What may be done to two sealed records, and whether the first one's message, and its body, are seen to be damaged then.
pub(crate) const CHANGES: &[(&str, bool, bool)] = &[
    (
        "UPDATE messagelog.logrecord SET ciphermessage = (SELECT ciphermessage FROM messagelog.logrecord WHERE id = 2)
         WHERE id = 1",
        true,
        false,
    ),
    (
        "UPDATE messagelog.logrecord SET keyid = (SELECT keyid FROM messagelog.logrecord WHERE id = 2) WHERE id = 1",
        true,
        true,
    ),
    (
        "UPDATE messagelog.logrecord SET (keyid, ciphermessage) =
           (SELECT keyid, ciphermessage FROM messagelog.logrecord WHERE id = 2) WHERE id = 1;
         UPDATE messagelog.message_attachment SET attachment =
           (SELECT attachment FROM messagelog.message_attachment WHERE logrecord_id = 2) WHERE logrecord_id = 1",
        true,
        true,
    ),
    ("UPDATE messagelog.logrecord SET keyid = 'chhatra-seal-1:AQ==' WHERE id = 1", true, true),
    ("UPDATE messagelog.logrecord SET keyid = 'chhatra-seal-1:' WHERE id = 1", true, true),
    ("UPDATE messagelog.logrecord SET keyid = NULL WHERE id = 1", true, true),
    ("UPDATE messagelog.logrecord SET ciphermessage = NULL WHERE id = 1", true, false),
    ("UPDATE messagelog.logrecord SET signature = signature || ' ' WHERE id = 1", true, true),
    (
        "UPDATE messagelog.message_attachment SET attachment =
           (SELECT attachment FROM messagelog.message_attachment WHERE logrecord_id = 2) WHERE logrecord_id = 1",
        false,
        true,
    ),
    (
        "SELECT lo_put(one.attachment, 0, lo_get(two.attachment, 0, 65552)) FROM messagelog.message_attachment one,
         messagelog.message_attachment two WHERE one.logrecord_id = 1 AND two.logrecord_id = 2",
        false,
        true,
    ),
    (
        "SELECT lo_truncate(lo_open(attachment, 131072), 65552) FROM messagelog.message_attachment WHERE logrecord_id = 1",
        false,
        true,
    ),
    (
        "SELECT lo_truncate(lo_open(attachment, 131072), 65652) FROM messagelog.message_attachment WHERE logrecord_id = 1",
        false,
        true,
    ),
    (
        "SELECT lo_truncate(lo_open(attachment, 131072), 0) FROM messagelog.message_attachment WHERE logrecord_id = 1",
        false,
        true,
    ),
    (
        "SELECT lo_put(attachment, 70035, 'more') FROM messagelog.message_attachment WHERE logrecord_id = 1",
        false,
        true,
    ),
];
