//! X-Road's own form of encryption: what a live server wrote is read, what is written others read, and what is changed shows where it can.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clock::Clock;
use database::practice::{Server, psql};
use globalconf::GlobalConf;
use identifier::ClientId;
use jiff::SignedDuration;
use messagelog::{
    Archiving, Archivist, Body, Failure, KeyName, Keys, MessageLog, OpenFailure, Place, ReadFailure, Reader,
    RecordId, Search, Settings, XroadEncryption,
};
use serde_json::Value;
use signature::SignedParts;
use signature::archive::{Before, verify};
use signature::container::AsicContainer;
use signature::verify::{ReceivedPart, Refusal};
use trust::DigestAlgorithm;

use crate::archives::stamp_all;
use crate::bench::{noon, reader, request, with_body};
use crate::practice::Practice;
use crate::recorded::{signed_messages, vectors};
use crate::sealed::{body_of, compare, filled, judged_line, to_be_judged, under};
use crate::store::{address, alter, at};

/// Two secrets as keytool made them: `key0` and `key1`.
const STORE: &[u8] = include_bytes!("../fixtures/xroad.p12");
const SECRET: &str = "7461537161eb6b227c5c73f9e6599907c9b37d1fc18a34ee1fe3d2bdb8c56c1b";

/// A log of a live server, loaded as it was recorded, with the keys of its key store.
struct Live {
    address: String,
    directory: tempfile::TempDir,
    rows: Vec<Value>,
    encryption: XroadEncryption,
}

fn keys(store: &[u8], password: &str, key: Option<&str>, folder: &Path) -> (Keys, XroadEncryption) {
    let (key_store, password_file) = (folder.join("messagelog.p12"), folder.join("password"));
    std::fs::write(&key_store, store).unwrap();
    std::fs::write(&password_file, password).unwrap();
    std::fs::set_permissions(&password_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let encryption = XroadEncryption { key_store, password_file, key: key.map(str::to_owned) };
    (Keys::default().with_xroad(&encryption).unwrap(), encryption)
}

fn run(address: &str, sql: &str, directory: &Path) {
    let file = directory.join("load.sql");
    std::fs::write(&file, sql).unwrap();
    psql(address, &["-f", file.to_str().unwrap()]).unwrap();
}

impl Live {
    fn load(vectors: &Path, round: &str, server: &str, password: &str) -> Self {
        let (directory, address) = (tempfile::tempdir().unwrap(), Server::shared().database());
        let folder = vectors.join("recorded/options/messagelog").join(round);
        let text = std::fs::read_to_string(folder.join(server).join("logrecord.json")).unwrap();
        let mut rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut sql = "SET search_path = messagelog;".to_owned();
        for row in &mut rows {
            let id = row["id"].as_i64().unwrap();
            row["ciphermessage"] = Value::from(format!("\\x{}", row["ciphermessage_hex"].as_str().unwrap()));
            if let Ok(attachment) = std::fs::read(folder.join(server).join(format!("attachment-{id}-1.bin")))
            {
                sql.push_str(&format!(
                    "INSERT INTO message_attachment (logrecord_id, attachment_no, attachment)
                     VALUES ({id}, 1, lo_from_bytea(0, '\\x{}'));",
                    hex::encode(&attachment)
                ));
            }
        }
        let store = std::fs::read(folder.join("messagelog.p12")).unwrap();
        let (_, encryption) = keys(&store, password, None, directory.path());
        let live = Self { address, directory, rows, encryption };
        MessageLog::open(live.place(), Settings::default(), Clock::fixed(noon())).unwrap();
        let told = serde_json::to_string(&live.rows).unwrap();
        let sql = format!(
            "INSERT INTO messagelog.logrecord SELECT * FROM json_populate_recordset(NULL::messagelog.logrecord, $rows${told}$rows$);
             {sql} SELECT setval('messagelog.logrecord_sequence', 90000)"
        );
        run(&live.address, &sql, live.directory.path());
        live
    }

    fn place(&self) -> Place {
        let Place::Database { url, folder, .. } = at(&self.address, self.directory.path()) else {
            panic!("another place")
        };
        Place::Database { url, instance: "DEV".to_owned(), folder }
    }

    fn keys(&self) -> Keys {
        Keys::default().with_xroad(&self.encryption).unwrap()
    }

    fn ids(&self) -> impl Iterator<Item = RecordId> {
        self.rows.iter().map(|row| RecordId(row["id"].as_u64().unwrap()))
    }

    fn reader(&self) -> Reader {
        Reader::open(self.place()).unwrap().with_keys(self.keys())
    }

    fn open(&self, keys: &Keys) -> MessageLog {
        let settings = Settings { keys: keys.clone(), ..Settings::default() };
        let log = MessageLog::open(self.place(), settings, Clock::fixed(noon())).unwrap();
        log.provide_time_stamping(true);
        log
    }
}

/// Who may have sent it.
fn senders(direction: messagelog::Direction) -> &'static [&'static str] {
    match direction {
        messagelog::Direction::Request => {
            &["DEV/COM/4321/TestClient", "DEV/COM/4321", "DEV/COM/1234/test-consumer"]
        }
        messagelog::Direction::Response => &["DEV/COM/1234/TestService", "DEV/COM/1234"],
    }
}

#[test]
fn each_row_that_a_live_server_encrypted_is_what_was_signed() {
    let Some(vectors) = vectors() else { return };
    let conf = GlobalConf::load(&vectors.join("recorded/globalconf/ss1-globalconf")).unwrap();
    let authorities = conf.authorities_for_evidence("DEV").unwrap();
    let (mut verified, mut on_the_wire, mut bodies, mut without) = (0, 0, 0, 0);
    for (round, server, password) in [("B", "ss1", "throwaway1"), ("C", "ss0", "throwaway2")] {
        let live = Live::load(&vectors, round, server, password);
        let wire = signed_messages(&vectors.join("recorded/options/messagelog").join(round).join("wire"));
        let reader = live.reader();
        assert!(Reader::open(live.place()).unwrap().record(live.ids().next().unwrap()).is_err());
        for id in live.ids() {
            let record = reader.record(id).unwrap();
            let body = record.entry.body_bytes.map(|bytes| {
                let body = body_of(&reader, id).unwrap();
                assert_eq!(u64::try_from(body.len()), Ok(bytes));
                body
            });
            bodies += usize::from(body.is_some());
            for sent in wire.iter().filter(|sent| sent.signed.signatures_xml == record.signature) {
                assert_eq!(sent.message, record.message, "{id}");
                assert!(body.is_none() || sent.body == body, "{id}");
                on_the_wire += 1;
            }
            let message_digest = DigestAlgorithm::Sha512.digest(&record.message);
            let body_digest = body.as_ref().map(|body| DigestAlgorithm::Sha512.digest(body));
            let part = |name, digest, bytes| ReceivedPart {
                name,
                algorithm: DigestAlgorithm::Sha512,
                digest,
                bytes: Some(bytes),
            };
            let mut parts = vec![part("/message.xml", message_digest.as_slice(), record.message.as_slice())];
            if let (Some(digest), Some(body)) = (&body_digest, &body) {
                parts.push(part("/attachment1", digest, body));
            }
            let signed = SignedParts {
                signatures_xml: record.signature.clone(),
                hash_chain: record.hash_chain.clone(),
                hash_chain_result: record.hash_chain_result.clone(),
            };
            let judged = |parts: &[ReceivedPart<'_>]| -> Vec<Result<(), Refusal>> {
                let verdict = |sender: &&str| {
                    let sender = ClientId::parse_short(sender).unwrap();
                    signature::verify::verify(&signed, parts, &sender, authorities, record.entry.time)
                        .map(drop)
                };
                senders(record.entry.direction).iter().map(verdict).collect()
            };
            let verdicts = judged(&parts);
            if verdicts.iter().any(Result::is_ok) {
                verified += 1;
            } else {
                // X-Road keeps no attachments of SOAP: the signature covers one that is not there.
                let refusal = verdicts.into_iter().next().unwrap().unwrap_err();
                assert!(body.is_none() && record.entry.query_id.contains("swa"), "{id}: {refusal:?}");
                let named = String::from_utf8(record.hash_chain.clone().unwrap()).unwrap();
                let digest = STANDARD.encode(&message_digest);
                assert!(named.replace(['\n', '\r'], "").contains(&digest), "{id}: {refusal:?}");
                without += 1;
            }
            // The verdict hangs on what was decrypted: another octet of it, another verdict.
            let mut changed = record.message.clone();
            changed[0] ^= 1;
            let digest = DigestAlgorithm::Sha512.digest(&changed);
            parts[0] = part("/message.xml", digest.as_slice(), changed.as_slice());
            assert!(judged(&parts).iter().all(Result::is_err), "{id}");
        }
    }
    println!(
        "{verified} rows verified, {without} without their attachment, {bodies} bodies, {on_the_wire} as on the wire"
    );
    assert_eq!((verified + without, bodies), (19, 8));
    assert!(verified >= 15 && on_the_wire >= 10);
}

#[tokio::test]
async fn rows_of_a_live_server_are_archived_as_it_archived_them_and_without_their_key_not_at_all() {
    let Some(vectors) = vectors() else { return };
    let practice = Practice::new();
    let live = Live::load(&vectors, "C", "ss0", "throwaway2");
    let count = live.rows.len();
    // Listed and stamped without a key, as they were before there was one.
    let log = live.open(&Keys::default());
    stamp_all(&log, &practice, noon()).await;
    let found = log.read(|reader| reader.find(&Search::default())).await.unwrap();
    assert!(found.len() == count && found.iter().all(|entry| entry.stamped));
    let archiving = Archiving {
        keep: Some(std::time::Duration::ZERO),
        ..Archiving::new(live.directory.path().join("archive"))
    };
    let long_after = noon() + SignedDuration::from_hours(24 * 365);
    let all = u64::try_from(count).unwrap();
    let made = Archivist::new(log.clone(), archiving.clone()).round(long_after, || true).await.unwrap();
    assert_eq!((made.records, made.withheld.count(), made.deleted), (0, all, 0));
    let key = KeyName::Xroad("key1".to_owned());
    for failure in made.withheld.first() {
        assert!(matches!(failure, ReadFailure::NoKey { key: named, .. } if *named == key), "{failure:?}");
        assert!(failure.to_string().contains("X-Road's key \"key1\""), "{failure}");
    }
    let missing = log.read(|reader| reader.missing_keys()).await.unwrap();
    assert_eq!(missing, [(key, u64::try_from(count).unwrap())]);
    log.close().await.unwrap();

    // A key of the same name that is another one: nothing of what it makes of them leaves.
    let folder = tempfile::tempdir().unwrap();
    let (other, _) = keys(STORE, "practice-only", None, folder.path());
    let settings = Settings { keys: other, ..Settings::default() };
    let refused = MessageLog::open(live.place(), settings, Clock::fixed(noon())).unwrap_err();
    assert!(
        matches!(&refused, OpenFailure::Damaged(why) if why.contains("is that another key of this name")),
        "{refused}"
    );

    let log = live.open(&live.keys());
    let made = Archivist::new(log.clone(), archiving).round(long_after, || true).await.unwrap();
    assert_eq!((made.records, made.withheld.count(), made.deleted), (all, 0, all));
    log.close().await.unwrap();
    let theirs = containers(&vectors.join("recorded/options/messagelog/archive/ss0-subsystem"));
    let ours = containers(&live.directory.path().join("archive"));
    assert_eq!(ours.len(), count);
    for (name, ours) in ours {
        let theirs = &theirs[&name];
        assert_eq!(ours.message, theirs.message, "{name}");
        assert_eq!(ours.signed, theirs.signed, "{name}");
        assert_eq!(ours.attachments, theirs.attachments, "{name}");
    }
}

fn containers(folder: &Path) -> BTreeMap<String, AsicContainer> {
    let mut found = BTreeMap::new();
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "zip")) {
        let verified = verify(File::open(path).unwrap(), Before::Anything, |name, octets| {
            found.insert(name.to_owned(), AsicContainer::read(octets).unwrap());
        });
        verified.unwrap();
    }
    found
}

/// Decrypts what psql prints, by `openssl enc` and the text of the specification alone.
const JUDGE: &str = r#"
import hashlib, hmac, subprocess, sys
secret, keyid = bytes.fromhex(sys.argv[1]), sys.argv[2]
pseudo = hmac.new(keyid.encode(), secret, "sha512").digest()
made = hmac.new(pseudo, b"\x01", "sha512").digest()[:32]
def opened(key, iv, text):
    line = ["openssl", "enc", "-aes-128-ctr", "-d", "-nosalt", "-K", key.hex(), "-iv", iv.hex()]
    return subprocess.run(line, input=text, capture_output=True, check=True).stdout
seen = set()
for line in open(sys.argv[3]):
    id, named, message, body = line.rstrip("\n").split("|")
    assert named == keyid and id not in seen
    seen.add(id)
    start = int(id).to_bytes(8, "big")
    text = opened(made[:16], start + bytes(8), bytes.fromhex(message))
    body = opened(made[16:], start + bytes(4) + bytes(4), bytes.fromhex(body))
    print(id, text.hex(), body.hex() or "-")
"#;

#[tokio::test]
async fn what_is_written_under_x_roads_key_openssl_opens_by_the_numbers_of_the_rows() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (keys, _) = keys(STORE, "practice-only", Some("key0"), folder.path());
    let log =
        MessageLog::open(crate::store::place(directory.path()), under(&keys), Clock::fixed(noon())).unwrap();
    log.provide_time_stamping(true);
    let recorded = filled(&log, folder.path()).await;
    compare(&reader(directory.path()).with_keys(keys.clone()), &recorded);
    // A record that fails takes its number with it: whatever was encrypted under it, nothing else ever is.
    let gone = Body::File { path: folder.path().join("gone"), bytes: 7 };
    let failed = log.record(messagelog::NewRecord { body: gone, ..request("gone") }).await;
    assert!(matches!(failed, Err(Failure::Body(_))), "{failed:?}");
    let last = u64::try_from(recorded.len()).unwrap();
    assert_eq!(log.record(with_body("next", b"next")).await, Ok(RecordId(last + 2)));
    let lengths = log.read(|reader| reader.find(&Search::default())).await.unwrap();
    assert_eq!(lengths[0].body_bytes, Some(4));
    log.close().await.unwrap();

    let rows = "SELECT id, keyid, encode(ciphermessage, 'hex'),
      (SELECT encode(lo_get(attachment), 'hex') FROM messagelog.message_attachment WHERE logrecord_id = r.id AND attachment_no = 1)
      FROM messagelog.logrecord r WHERE message IS NULL AND discriminator = 'm' ORDER BY id";
    let told = folder.path().join("rows");
    std::fs::write(&told, psql(&address(directory.path()), &["-c", rows]).unwrap()).unwrap();
    let output =
        Command::new("/usr/bin/python3").args(["-c", JUDGE, SECRET, "key0"]).arg(&told).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = to_be_judged(&recorded) + &judged_line(last + 2, &request("next").message, b"next");
    assert!(String::from_utf8(output.stdout).unwrap() == expected, "the judge read something else");
}

#[tokio::test]
async fn what_counter_mode_does_not_notice_is_noticed_by_what_is_signed() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (practice, at) = (Practice::new(), directory.path());
    let (keys, _) = keys(STORE, "practice-only", Some("key1"), folder.path());
    let log = MessageLog::open(crate::store::place(at), under(&keys), Clock::fixed(noon())).unwrap();
    log.provide_time_stamping(true);
    let long = vec![b'x'; 70_000];
    for name in ["one", "two", "three", "four"] {
        log.record(practice.message(name, Some(&long))).await.unwrap();
    }
    stamp_all(&log, &practice, noon()).await;
    log.close().await.unwrap();
    let reader = reader(at).with_keys(keys);
    let container = |id| AsicContainer::read(&reader.export(RecordId(id)).unwrap().bytes).unwrap();
    let stampers = &practice.authorities.time_stampers;
    let verdict = |id| signature::evidence::verify(&container(id), |_| Some(&practice.authorities), stampers);
    assert!(verdict(1).is_ok() && container(1).attachments[&1] == long);

    // A message in another row is decrypted with another counter, to noise that is no text.
    alter(
        at,
        "UPDATE messagelog.logrecord SET ciphermessage = (SELECT ciphermessage FROM messagelog.logrecord WHERE id = 2) WHERE id = 1",
    );
    let refused = reader.record(RecordId(1)).unwrap_err();
    assert!(
        matches!(&refused, ReadFailure::Damaged { what, .. } if what.contains("is no text")),
        "{refused}"
    );
    assert!(reader.export(RecordId(1)).is_err());
    // A body in another row is noise too. Nothing here says so; no signature names it, and it does not come along.
    alter(at, "UPDATE messagelog.message_attachment SET attachment = (SELECT attachment FROM messagelog.message_attachment
               WHERE logrecord_id = 1) WHERE logrecord_id = 2");
    assert_ne!(body_of(&reader, RecordId(2)).unwrap(), long);
    assert_eq!(container(2).attachments.len(), 0);
    // A message that was cut, or changed in an octet, is text still: whoever verifies the container sees it.
    alter(at, "UPDATE messagelog.logrecord SET ciphermessage = substr(ciphermessage, 1, 150) WHERE id = 3");
    assert_eq!(reader.record(RecordId(3)).unwrap().message.len(), 150);
    assert!(verdict(3).is_err());
    alter(
        at,
        "UPDATE messagelog.logrecord SET ciphermessage = set_byte(ciphermessage, 0, get_byte(ciphermessage, 0) # 1) WHERE id = 4",
    );
    assert!(verdict(4).is_err());
    // A key that nobody has is named.
    alter(at, "UPDATE messagelog.logrecord SET keyid = 'key2' WHERE id = 4");
    let named = ReadFailure::NoKey { record: RecordId(4), key: KeyName::Xroad("key2".to_owned()) };
    assert_eq!(reader.record(RecordId(4)).unwrap_err(), named);
    assert_eq!(body_of(&reader, RecordId(4)).unwrap_err(), named);
    assert_eq!(reader.export(RecordId(4)).unwrap_err(), named);
    // One that names no key, and holds no message.
    alter(at, "UPDATE messagelog.logrecord SET keyid = NULL WHERE id = 4");
    assert!(matches!(reader.record(RecordId(4)), Err(ReadFailure::Damaged { .. })));
    assert!(matches!(body_of(&reader, RecordId(4)), Err(ReadFailure::Damaged { .. })));
}

#[tokio::test]
async fn records_go_over_from_one_form_to_another_and_each_is_read_in_its_own() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, _) = crate::sealed::key(folder.path(), "key");
    let own = Keys::read(std::slice::from_ref(&path)).unwrap();
    let (_, encryption) = keys(STORE, "practice-only", Some("key0"), folder.path());
    let for_new = own.clone().with_xroad(&encryption).unwrap();
    let only_reading = own.with_xroad(&XroadEncryption { key: None, ..encryption }).unwrap();
    let forms: [&Keys; 4] = [&Keys::default(), &only_reading, &for_new, &only_reading];
    for (place, keys) in forms.into_iter().enumerate() {
        let log = crate::sealed::open(directory.path(), keys);
        log.record(with_body(&format!("q-{place}"), format!("body {place}").as_bytes())).await.unwrap();
        log.close().await.unwrap();
    }
    let kept = "SELECT coalesce(left(keyid, 14), '-') FROM messagelog.logrecord ORDER BY id";
    let kept = psql(&address(directory.path()), &["-c", kept]).unwrap();
    assert_eq!(kept, "-\nchhatra-seal-1\nkey0\nchhatra-seal-1");
    let reader = reader(directory.path()).with_keys(only_reading.clone());
    for place in 0..4u64 {
        assert_eq!(
            reader.record(RecordId(place + 1)).unwrap().message,
            request(&format!("q-{place}")).message
        );
        assert_eq!(body_of(&reader, RecordId(place + 1)).unwrap(), format!("body {place}").into_bytes());
    }
    let lengths = reader.find(&Search::default()).unwrap();
    assert!(lengths.iter().all(|entry| entry.body_bytes == Some(6)));
}
