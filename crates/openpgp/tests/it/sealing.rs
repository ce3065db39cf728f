//! What is sealed, `gpg` opens, and nobody else.

use std::io::Read as _;
use std::path::Path;

use jiff::Timestamp;
use openpgp::{KeyFault, Recipient, SealFailure, Signer, Unfit, seal};

use crate::gpg::{Gpg, Told};
use crate::keys::{noon, vectors};
use crate::{MADE, NOW};

fn recipient(gpg: &Gpg, key: &str) -> Recipient {
    Recipient::parse(&gpg.public(key), Path::new("key"), noon()).unwrap()
}

fn signer(gpg: &Gpg, key: &str) -> Signer {
    Signer::parse(&gpg.secret(key), Path::new("key"), noon()).unwrap()
}

fn sealed(octets: &[u8], signer: &Signer, recipients: &[Recipient]) -> Vec<u8> {
    let mut out = Vec::new();
    seal(octets, &mut out, signer, recipients, noon()).unwrap();
    out
}

/// Opened whole, encrypted with AES-256 and a modification detection code, and well signed by this key at this time.
#[track_caller]
fn proves(told: &Told, key: &str, octets: &[u8]) {
    assert!(told.is_fine && told.out == octets, "{} octets: {}", told.out.len(), told.err);
    for word in ["DECRYPTION_OKAY", "GOODMDC", "GOODSIG"] {
        assert!(told.says(word), "{word}: {}", told.err);
    }
    assert!(told.err.contains("[GNUPG:] DECRYPTION_INFO 2 9"), "{}", told.err);
    let line = told.err.lines().find(|line| line.starts_with("[GNUPG:] VALIDSIG ")).unwrap();
    let fields: Vec<&str> = line.split(' ').collect();
    let made = noon().as_second().to_string();
    // Time, and SHA-512 over a binary document.
    assert_eq!((fields[4], fields[9], fields[10]), (made.as_str(), "10", "00"), "{line}");
    assert_eq!(*fields.last().unwrap(), key, "{line}");
}

#[test]
fn gpg_opens_what_is_sealed_to_any_key_that_it_makes_and_finds_the_signature_good() {
    let (ours, theirs) = (Gpg::at(MADE, NOW), Gpg::at(MADE, NOW));
    let signers = [
        ours.key("ed25519", "ed25519", "sign", "never"),
        ours.key("nist", "nistp256", "sign", "never"),
        ours.pair("both", "ed25519", "cv25519"),
    ];
    for key in &signers {
        theirs.import(&ours.public(key));
    }
    let readers = [
        theirs.pair("25519", "ed25519", "cv25519"),
        theirs.pair("rsa", "rsa3072", "rsa3072"),
        theirs.pair("nist", "nistp256", "nistp256"),
        theirs.pair("384", "nistp384", "nistp384"),
        theirs.key("one for all", "rsa2048", "sign,encr", "never"),
    ];
    let text = b"an archive of evidence".repeat(10);
    for (place, reader) in readers.iter().enumerate() {
        let by = &signers[place % signers.len()];
        let octets = sealed(&text, &signer(&ours, by), &[recipient(&theirs, reader)]);
        proves(&theirs.open(&octets), by, &text);
        // Whoever has no key of theirs cannot open it; that of the signer opens nothing either.
        let other = ours.open(&octets);
        assert!(!other.is_fine && other.out.is_empty() && other.says("NO_SECKEY"), "{}", other.err);
    }
    // To several at once, each opens it.
    let own = signer(&ours, &signers[2]);
    let to =
        [own.recipient(noon()).unwrap(), recipient(&theirs, &readers[1]), recipient(&theirs, &readers[0])];
    let octets = sealed(&text, &own, &to);
    proves(&ours.open(&octets), &signers[2], &text);
    proves(&theirs.open(&octets), &signers[2], &text);
}

#[test]
fn whatever_its_length_a_file_is_sealed_whole_and_not_compressed() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("one", "ed25519", "cv25519");
    let (signer, to) = (signer(&gpg, &key), [recipient(&gpg, &key)]);
    let chunk = 64 << 10;
    // Before, at and behind the places where the pieces of packets end.
    for length in [0, 1, 190, chunk - 40, chunk - 6, chunk, chunk + 1, 3 * chunk + 17] {
        let octets: Vec<u8> = (0..=250).cycle().take(length).collect();
        let sealed = sealed(&octets, &signer, &to);
        assert!(sealed.len() > length, "{length}");
        proves(&gpg.open(&sealed), &key, &octets);
    }
    let shown = gpg.run(NOW, &["--list-packets"], &sealed(b"text", &signer, &to)).fine();
    let shown = String::from_utf8(shown.out).unwrap();
    assert!(shown.contains("mdc_method: 2") && !shown.contains("compressed"), "{shown}");
}

#[test]
fn gpg_refuses_what_was_changed_or_cut() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("one", "ed25519", "cv25519");
    let whole = sealed(&[7; 5_000], &signer(&gpg, &key), &[recipient(&gpg, &key)]);
    proves(&gpg.open(&whole), &key, &[7; 5_000]);
    for at in [20, 90, 150, 1_000, 3_000, whole.len() - 60, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        for refused in [&changed[..], &whole[..at]] {
            let told = gpg.open(refused);
            // Where nothing is left that was encrypted it has nothing to complain of either.
            let nothing = told.out.is_empty() && !told.says("DECRYPTION_OKAY") && !told.says("GOODSIG");
            assert!(!told.is_fine || nothing, "{at}: {}", told.err);
        }
    }
}

#[test]
fn a_key_that_ended_since_it_was_read_is_not_sealed_to_or_with() {
    let gpg = Gpg::at(MADE, NOW);
    let lasting = gpg.pair("lasting", "ed25519", "cv25519");
    let short = gpg.key("short", "ed25519", "sign", "30d");
    gpg.subkey(&short, "cv25519", "encr", "25d");
    let (signs, reads) = (signer(&gpg, &lasting), recipient(&gpg, &lasting));
    let (short_signs, short_reads) = (signer(&gpg, &short), recipient(&gpg, &short));
    let day = |text: &str| -> Timestamp { format!("{text}T00:00:00Z").parse().unwrap() };
    // Made on the first of November; the subkey ends first.
    assert_eq!(short_reads.check(noon()).unwrap(), Some(day("2026-11-26")));
    assert_eq!(short_signs.check(noon()).unwrap(), Some(day("2026-12-01")));
    assert_eq!((reads.check(noon()), signs.check(noon())), (Ok(None), Ok(None)));
    let at = |now: &str, signer: &Signer, recipient: &Recipient| {
        let mut out = Vec::new();
        let done = seal(&b"text"[..], &mut out, signer, std::slice::from_ref(recipient), day(now));
        assert!(done.is_ok() || out.is_empty(), "nothing is written where it cannot be sealed");
        done
    };
    let ended = |done: Result<(), SealFailure>| {
        matches!(done, Err(SealFailure::Key(KeyFault::Unfit { why: Unfit::Expired { .. }, .. })))
    };
    assert!(at("2026-11-25", &signs, &short_reads).is_ok());
    assert!(ended(at("2026-11-26", &signs, &short_reads)));
    assert!(at("2026-11-30", &short_signs, &reads).is_ok());
    assert!(ended(at("2026-12-01", &short_signs, &reads)));
    assert!(matches!(seal(&b""[..], Vec::new(), &signs, &[], noon()), Err(SealFailure::NoRecipient)));
}

/// A source or a place that fails.
struct Failing;

impl std::io::Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("as the test wants"))
    }
}

impl std::io::Write for Failing {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("as the test wants"))
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_read_or_written_is_told() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("one", "ed25519", "cv25519");
    let (signer, to) = (signer(&gpg, &key), [recipient(&gpg, &key)]);
    let is_ours = |why: &std::io::Error| why.to_string() == "as the test wants";
    let done = seal(Failing, Vec::new(), &signer, &to, noon());
    assert!(matches!(&done, Err(SealFailure::Read(why)) if is_ours(why)), "{done:?}");
    let done = seal(&b"text"[..], Failing, &signer, &to, noon());
    assert!(matches!(&done, Err(SealFailure::Write(why)) if is_ours(why)), "{done:?}");
    // In the middle too.
    let done = seal(b"text".chain(Failing), Vec::new(), &signer, &to, noon());
    assert!(matches!(&done, Err(SealFailure::Read(why)) if is_ours(why)), "{done:?}");
}

/// The key rings of two X-Road servers: an RSA key each that signs and is encrypted to, and a member's.
#[test]
fn the_keys_of_a_live_server_are_encrypted_to() {
    let Some(vectors) = vectors() else { return };
    let rings = vectors.join("recorded/options/messagelog/archive/gpg-keys");
    let theirs = Gpg::at(MADE, "20261123T120000");
    theirs.import(&std::fs::read(rings.join("ss1-secret-keys.gpg")).unwrap());
    let ours = Gpg::at(MADE, "20261123T120000");
    let key = ours.key("ours", "ed25519", "sign", "never");
    theirs.import(&ours.public(&key));
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    for fingerprint in
        ["74F73B4F5EB05C171AD531C8BE7939A08266AF96", "12796C7EC0F8185191428C3633712BFE14BA8959"]
    {
        let to = [Recipient::parse(&theirs.public(fingerprint), Path::new("key"), now).unwrap()];
        assert_eq!(to[0].fingerprint(), fingerprint);
        let mut octets = Vec::new();
        seal(&b"text"[..], &mut octets, &signer(&ours, &key), &to, now).unwrap();
        let told = theirs.open(&octets);
        assert!(told.is_fine && told.says("GOODSIG") && told.out == b"text", "{}", told.err);
    }
}
