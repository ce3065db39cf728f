//! What is in a database under keys of our own: nothing of a message, and another program opens it from the described form.

use std::path::Path;

use clock::Clock;
use database::practice::Server;
use messagelog::{Keys, MessageLog, Search};

use crate::bench::{noon, reader};
use crate::sealed::{NEEDLE, compare, filled, judged, key, open, to_be_judged, under};
use crate::store::{alter, at};

/// Opens every row, from `docs/design/log-at-rest.md` alone: reads what psql prints.
const JUDGE: &str = r#"
import base64, hashlib, sys
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
def hkdf(salt, secret, info, length):
    return HKDF(hashes.SHA512(), length, salt, info).derive(secret)
head, text = open(sys.argv[1]).read().split()
secret = base64.b64decode(text)
name = hkdf(None, secret, b"chhatra messagelog key id 1", 8)
for line in open(sys.argv[2]):
    id, keyid, message, signature, query, request, response, body = line.rstrip("\n").split("|")
    mark, _, seal = keyid.partition(":")
    seal = base64.b64decode(seal)
    assert mark == "chhatra-seal-1" and seal[0] == 1 and seal[1:9] == name and len(seal) == 25
    key = AESGCM(hkdf(seal[9:], secret, b"chhatra messagelog record key 1", 32))
    bound = hashlib.sha512(bytes.fromhex(signature)).digest()
    for value in (query.encode(), request.encode()):
        bound += len(value).to_bytes(8, "big") + value
    bound = hashlib.sha512(bound + bytes([response == "t"])).digest()
    text = key.decrypt(bytes(12), bytes.fromhex(message), b"\x01\x00" + bytes(8) + name + bound)
    stored, plain = bytes.fromhex(body), b""
    pieces = [stored[n : n + 65552] for n in range(0, len(stored), 65552)]
    length = len(stored) - 16 * len(pieces)
    for n, piece in enumerate(pieces):
        nonce = b"\x01\x00\x00\x00" + n.to_bytes(8, "big")
        plain += key.decrypt(nonce, piece, b"\x01\x01" + length.to_bytes(8, "big") + name + bound)
    print(id, text.hex(), plain.hex() or "-")
"#;

const ROWS: &str = "SELECT id, keyid, encode(ciphermessage, 'hex'), encode(convert_to(signature, 'UTF8'), 'hex'), queryid, xrequestid,
  response, (SELECT encode(lo_get(attachment), 'hex') FROM messagelog.message_attachment WHERE logrecord_id = r.id)
  FROM messagelog.logrecord r WHERE message IS NULL ORDER BY id";

/// Whether any file below a folder holds a text.
fn holds(folder: &Path, text: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        let here = || std::fs::read(&path).unwrap_or_default().windows(text.len()).any(|seen| seen == text);
        if path.is_dir() { holds(&path, text) } else { here() }
    })
}

#[tokio::test]
async fn nothing_of_a_message_is_at_the_server_and_another_program_opens_it() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, _) = key(folder.path(), "key");
    let keys = Keys::read(std::slice::from_ref(&path)).unwrap();
    let server = Server::start("wal_compression = off").unwrap();
    let data = server.url("").split(['@', ':']).nth(2).unwrap().replace("%2F", "/");
    let data = Path::new(&data).join("data");
    let place = at(&server.url("postgres"), directory.path());
    let log = MessageLog::open(place.clone(), under(&keys), Clock::fixed(noon())).unwrap();
    log.provide_time_stamping(true);
    let recorded = filled(&log, folder.path()).await;
    log.read({
        let recorded = recorded.clone();
        move |reader| {
            compare(reader, &recorded);
            Ok(())
        }
    })
    .await
    .unwrap();
    let lengths = log.read(|reader| reader.find(&Search::default())).await.unwrap();
    let lengths: Vec<u64> = lengths.iter().rev().map(|entry| entry.body_bytes.unwrap_or_default()).collect();
    assert_eq!(
        lengths,
        recorded.iter().map(|(_, body)| u64::try_from(body.len()).unwrap()).collect::<Vec<_>>()
    );
    log.close().await.unwrap();
    let rows = server.psql("postgres", ROWS).unwrap();
    server.psql("postgres", "CHECKPOINT").unwrap();
    assert!(!holds(&data, &NEEDLE[..12]));
    // So that it could be found: an open record has it.
    let log = MessageLog::open(place, under(&Keys::default()), Clock::fixed(noon()));
    // The newest records need the key.
    assert!(log.is_err());
    server
        .psql(
            "postgres",
            "UPDATE messagelog.logrecord SET message = 'SOK CHANNA LIVES IN KAMPOT' WHERE id = 1",
        )
        .unwrap();
    assert!(holds(&data, &NEEDLE[..12]));

    let told = folder.path().join("rows");
    std::fs::write(&told, rows).unwrap();
    let read = judged(JUDGE, [&path, &told]);
    assert!(read == to_be_judged(&recorded), "the judge read something else");
}

#[tokio::test]
async fn open_and_sealed_records_stand_side_by_side_and_x_road_finds_no_key_for_ours() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, name) = key(folder.path(), "key");
    let keys = Keys::read(std::slice::from_ref(&path)).unwrap();
    for (keys, count) in [(Keys::default(), 1), (keys.clone(), 2)] {
        let log = open(directory.path(), &keys);
        for place in 0..count {
            log.record(crate::bench::request(&format!("q-{place}"))).await.unwrap();
        }
        log.close().await.unwrap();
    }
    let told = crate::store::address(directory.path());
    let sql = "SELECT id, message IS NULL, ciphermessage IS NULL, left(keyid, 15), length(keyid) FROM messagelog.logrecord ORDER BY id";
    let told = database::practice::psql(&told, &["-c", sql]).unwrap();
    assert_eq!(told, "1|f|t||\n2|t|f|chhatra-seal-1:|51\n3|t|f|chhatra-seal-1:|51");
    alter(directory.path(), "UPDATE messagelog.logrecord SET keyid = 'unknown' WHERE id = 3");
    let told = reader(directory.path()).missing_keys().unwrap();
    let told: Vec<String> = told.into_iter().map(|(key, count)| format!("{count}: {key}")).collect();
    assert_eq!(
        told,
        [
            format!("1: the key {name}, which no key file holds"),
            "1: X-Road's key \"unknown\", which no key store of xroad_encryption holds".to_owned(),
        ]
    );
}
