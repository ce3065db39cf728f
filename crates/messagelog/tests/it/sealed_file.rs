//! What is on the disk of an embedded log under keys: nothing of a message, and another program opens it from the described form.

use std::path::{Path, PathBuf};

use messagelog::{Keys, Reader};

use crate::bench::request;
use crate::sealed::{NEEDLE, compare, filled, judged, key, open, to_be_judged};

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

/// The files of the log that hold a text.
fn holding(directory: &Path, text: &[u8]) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| std::fs::read(path).unwrap().windows(text.len()).any(|seen| seen == text)).collect()
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
    let read = judged(JUDGE, [&database, &path]);
    assert!(read == to_be_judged(&recorded), "the judge read something else");
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
