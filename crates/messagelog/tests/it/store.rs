//! The store of these tests: an embedded database in the folder of each.

use std::path::Path;

use messagelog::Place;
use rusqlite::Connection;

pub(crate) const EMBEDDED: bool = true;

pub(crate) fn place(directory: &Path) -> Place {
    directory.into()
}

/// Changes a log behind its back.
pub(crate) fn alter(directory: &Path, sql: &str) {
    Connection::open(directory.join("messagelog.db")).unwrap().execute_batch(sql).unwrap();
}

/// What may be done to two sealed records, and whether the first one's message, and its body, are seen to be damaged then.
pub(crate) const CHANGES: &[(&str, bool, bool)] = &[
        ("UPDATE record SET message = (SELECT message FROM record WHERE id = 2) WHERE id = 1", true, false),
        ("UPDATE record SET seal = (SELECT seal FROM record WHERE id = 2) WHERE id = 1", true, true),
        (
            "UPDATE record SET (seal, message) = (SELECT seal, message FROM record WHERE id = 2) WHERE id = 1;
             UPDATE chunk SET content = (SELECT content FROM chunk o WHERE o.body = 2 AND o.place = chunk.place) WHERE body = 1",
            true,
            true,
        ),
        ("UPDATE record SET seal = x'01' WHERE id = 1", true, true),
        ("UPDATE record SET seal = NULL WHERE id = 1", false, true),
        (
            "UPDATE chunk SET content = (SELECT content FROM chunk WHERE body = 2 AND place = 0) WHERE body = 1 AND place = 0",
            false,
            true,
        ),
        ("UPDATE chunk SET place = 9 WHERE body = 1 AND place = 0", false, true),
        ("DELETE FROM chunk WHERE body = 1 AND place = 1", false, true),
        (
            "DELETE FROM chunk WHERE body = 1 AND place = 1; UPDATE body SET bytes = 65536 WHERE id = 1",
            false,
            true,
        ),
        (
            "UPDATE chunk SET content = substr(content, 1, 100) WHERE body = 1 AND place = 1; UPDATE body SET bytes = 65620 WHERE id = 1",
            false,
            true,
        ),
];
