//! A log under keys: nothing of a message is readable on the disk, another program opens it from the described form, keys change over.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clock::Clock;
use messagelog::{Body, Keys, MessageLog, NewRecord, OpenFailure, ReadFailure, Reader, RecordId, Settings};
use rusqlite::Connection;

use crate::bench::{noon, open_with, request, with_body};

const NEEDLE: &[u8] = b"SOK CHANNA LIVES IN KAMPOT";

/// Opens every record of a log, from `docs/design/log-at-rest.md` alone.
const JUDGE: &str = r#"
import base64, hashlib, sqlite3, sys, uuid
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
def hkdf(salt, secret, info, length):
    return HKDF(hashes.SHA512(), length, salt, info).derive(secret)
secrets = {}
for path in sys.argv[2:]:
    head, text = open(path).read().split()
    assert head == "chhatra-messagelog-key-1"
    secret = base64.b64decode(text)
    secrets[hkdf(None, secret, b"chhatra messagelog key id 1", 8)] = secret
def identifier(value):
    return (str(uuid.UUID(bytes=value)) if isinstance(value, bytes) else value).encode()
def bound_to(digest, identifiers, response):
    for value in map(identifier, identifiers):
        digest += len(value).to_bytes(8, "big") + value
    return hashlib.sha512(digest + bytes([response])).digest()
db = sqlite3.connect(sys.argv[1])
columns = "id, seal, signature_digest, query_id, request_id, response, message"
for id, seal, digest, query, request, response, message in db.execute(f"SELECT {columns} FROM record ORDER BY id").fetchall():
    assert seal[0] == 1 and len(seal) == 25
    name, seed = seal[1:9], seal[9:]
    key = AESGCM(hkdf(seed, secrets[name], b"chhatra messagelog record key 1", 32))
    bound = bound_to(digest, (query, request), response)
    text = key.decrypt(bytes(12), message, b"\x01\x00" + bytes(8) + name + bound)
    body = b""
    for body_id, length in db.execute("SELECT id, bytes FROM body WHERE record = ?", (id,)).fetchall():
        chunks = db.execute("SELECT content FROM chunk WHERE body = ? ORDER BY place", (body_id,)).fetchall()
        for n, (chunk,) in enumerate(chunks):
            nonce = b"\x01\x00\x00\x00" + n.to_bytes(8, "big")
            body += key.decrypt(nonce, chunk, b"\x01\x01" + length.to_bytes(8, "big") + name + bound)
        assert len(body) == length
    print(id, text.hex(), body.hex() or "-")
"#;

fn under(keys: &Keys) -> Settings {
    let mut settings = Settings { keys: keys.clone(), ..Settings::default() };
    settings.bodies.rule.bytes_max = 1 << 30;
    settings
}

fn key(folder: &Path, name: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    let id = Keys::make(&path).unwrap();
    (path, id)
}

fn open(directory: &Path, keys: &Keys) -> MessageLog {
    open_with(directory, under(keys), Clock::fixed(noon()))
}

fn refused(directory: &Path, keys: &Keys) -> Option<OpenFailure> {
    MessageLog::open(directory, under(keys), Clock::fixed(noon())).err()
}

fn body_of(reader: &Reader, id: RecordId) -> Result<Vec<u8>, ReadFailure> {
    let mut body = Vec::new();
    reader.body(id, 1, &mut body).map(|length| {
        assert_eq!(length, u64::try_from(body.len()).unwrap());
        body
    })
}

/// A secret text of a length.
fn secret(bytes: usize) -> Vec<u8> {
    NEEDLE.iter().copied().cycle().take(bytes).collect()
}

/// Messages and bodies that say the needle, of all lengths at which pieces begin and end; one comes from a file.
async fn filled(log: &MessageLog, folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut recorded = Vec::new();
    for (place, bytes) in [0, 1, 26, 65_535, 65_536, 65_537, 131_072, 200_000].into_iter().enumerate() {
        let body = secret(bytes);
        let mut record = with_body(&format!("q-{place}"), &body);
        record.message.extend_from_slice(b"X-Name:");
        record.message.extend_from_slice(NEEDLE);
        record.message.extend_from_slice(b"\r\n");
        if place % 2 == 1 {
            let path = folder.join(format!("spooled-{place}"));
            std::fs::write(&path, &body).unwrap();
            record.body = Body::File { path, bytes: u64::try_from(bytes).unwrap() };
        }
        recorded.push((record.message.clone(), body));
        log.record(record).await.unwrap();
    }
    recorded
}

/// The files of the log that hold a text.
fn holding(directory: &Path, text: &[u8]) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| std::fs::read(path).unwrap().windows(text.len()).any(|seen| seen == text)).collect()
}

fn compare(reader: &Reader, recorded: &[(Vec<u8>, Vec<u8>)]) {
    for (id, (message, body)) in (1..).map(RecordId).zip(recorded) {
        assert_eq!(reader.record(id).unwrap().message, *message);
        match body.len() {
            0 => assert!(matches!(body_of(reader, id), Err(ReadFailure::NoSuchAttachment { .. }))),
            _ => assert!(body_of(reader, id).unwrap() == *body, "{id}"),
        }
    }
}

#[tokio::test]
async fn nothing_of_a_message_is_on_the_disk_and_another_program_opens_it() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, _) = key(folder.path(), "key");
    let keys = Keys::read(std::slice::from_ref(&path)).unwrap();
    let log = open(directory.path(), &keys);
    let recorded = filled(&log, folder.path()).await;
    let whole = |path: &str| std::fs::metadata(directory.path().join(path)).unwrap().len() > 400_000;
    assert!(whole("messagelog.db-wal"), "the records are to be looked for in the write-ahead log too");
    assert_eq!(holding(directory.path(), &NEEDLE[..12]), Vec::<PathBuf>::new());
    log.close().await.unwrap();
    assert!(whole("messagelog.db"));
    assert_eq!(holding(directory.path(), &NEEDLE[..12]), Vec::<PathBuf>::new());
    let reader = Reader::open(directory.path()).unwrap().with_keys(keys);
    compare(&reader, &recorded);
    // So that it could be found: an open log has it.
    let plain = tempfile::tempdir().unwrap();
    let log = open(plain.path(), &Keys::default());
    filled(&log, folder.path()).await;
    log.close().await.unwrap();
    assert_eq!(holding(plain.path(), &NEEDLE[..12]), [plain.path().join("messagelog.db")]);

    let database = directory.path().join("messagelog.db");
    let mut judge = Command::new("/usr/bin/python3")
        .arg("-")
        .args([&database, &path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(JUDGE.as_bytes()).unwrap();
    let judged = judge.wait_with_output().unwrap();
    assert!(judged.status.success());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let expected: String = (1..)
        .zip(&recorded)
        .map(|(id, (message, body))| {
            let body = if body.is_empty() { "-".to_owned() } else { hex(body) };
            format!("{id} {} {body}\n", hex(message))
        })
        .collect();
    assert!(String::from_utf8(judged.stdout).unwrap() == expected, "the judge read something else");
}

#[tokio::test]
async fn keys_change_over_and_one_that_is_missing_is_named() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, old_name) = key(folder.path(), "old");
    let (new, new_name) = key(folder.path(), "new");
    let read = |files: &[&PathBuf]| {
        Keys::read(&files.iter().map(|path| (*path).clone()).collect::<Vec<_>>()).unwrap()
    };
    let in_the_open = open(directory.path(), &Keys::default());
    in_the_open.record(with_body("open", b"open")).await.unwrap();
    in_the_open.close().await.unwrap();
    let log = open(directory.path(), &read(&[&old]));
    log.record(with_body("old", b"old")).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(
        refused(directory.path(), &Keys::default()),
        Some(OpenFailure::NoKey { key: old_name.clone() })
    );
    assert_eq!(refused(directory.path(), &read(&[&new])), Some(OpenFailure::NoKey { key: old_name.clone() }));
    let log = open(directory.path(), &read(&[&new, &old]));
    for place in 0..16 {
        log.record(with_body(&format!("new-{place}"), b"new")).await.unwrap();
    }
    let read_by_log =
        log.read(|reader| Ok((reader.record(RecordId(2))?.message, reader.record(RecordId(3))?.message)));
    assert_eq!(read_by_log.await.unwrap(), (request("old").message.clone(), request("new-0").message));
    log.close().await.unwrap();
    // The newest records do not need the old key; whoever asks for an old one hears which key it needs.
    let log = open(directory.path(), &read(&[&new]));
    log.close().await.unwrap();
    let reader = Reader::open(directory.path()).unwrap().with_keys(read(&[&new]));
    let missing = |record, key: &str| ReadFailure::NoKey { record: RecordId(record), key: key.to_owned() };
    assert_eq!(reader.record(RecordId(2)), Err(missing(2, &old_name)));
    assert_eq!(body_of(&reader, RecordId(2)), Err(missing(2, &old_name)));
    assert_eq!(reader.export(RecordId(2)).err(), Some(missing(2, &old_name)));
    assert_eq!(body_of(&reader, RecordId(1)).unwrap(), b"open");
    assert_eq!(body_of(&reader, RecordId(3)).unwrap(), b"new");
    let without = Reader::open(directory.path()).unwrap();
    assert_eq!(without.record(RecordId(3)), Err(missing(3, &new_name)));
    assert_eq!(without.find(&messagelog::Search::default()).unwrap().len(), 18);
}

/// Two records that were signed together, as the messages of a batch are.
async fn two(directory: &Path, keys: &Keys) {
    let log = open(directory, keys);
    for text in ["yes", "no!"] {
        let body = [text.as_bytes(), &secret(70_000)].concat();
        let (query_id, message) = (format!("q-{text}"), text.as_bytes().to_vec());
        log.record(NewRecord { query_id, message, ..with_body("q", &body) }).await.unwrap();
    }
    log.close().await.unwrap();
}

#[tokio::test]
async fn values_do_not_open_in_another_row_nor_in_another_order_nor_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = key(folder.path(), "key");
    let keys = Keys::read(&[path]).unwrap();
    for (change, of_message, of_body) in [
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
    ] {
        let directory = tempfile::tempdir().unwrap();
        two(directory.path(), &keys).await;
        let reader = Reader::open(directory.path()).unwrap().with_keys(keys.clone());
        assert_eq!(reader.record(RecordId(1)).unwrap().message, b"yes");
        Connection::open(directory.path().join("messagelog.db")).unwrap().execute_batch(change).unwrap();
        let damaged =
            |failure: &ReadFailure| matches!(failure, ReadFailure::Damaged { record: RecordId(1), .. });
        assert_eq!(reader.record(RecordId(1)).err().is_some_and(|why| damaged(&why)), of_message, "{change}");
        assert_eq!(body_of(&reader, RecordId(1)).err().is_some_and(|why| damaged(&why)), of_body, "{change}");
        assert_eq!(reader.record(RecordId(2)).unwrap().message, b"no!");
    }
}

#[tokio::test]
async fn sealing_costs_little_more_than_forty_bytes_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = key(folder.path(), "key");
    let mut bytes = Vec::new();
    for keys in [Keys::default(), Keys::read(&[path]).unwrap()] {
        let directory = tempfile::tempdir().unwrap();
        let log = open(directory.path(), &keys);
        for place in 0..2000 {
            log.record(request(&format!("q-{place}"))).await.unwrap();
        }
        log.close().await.unwrap();
        bytes.push(std::fs::metadata(directory.path().join("messagelog.db")).unwrap().len() / 2000);
    }
    println!("{} bytes a record without a key, {} with one", bytes[0], bytes[1]);
    assert!(bytes[1] - bytes[0] < 60, "{bytes:?}");
}
