//! Keys as `gpg` writes them: which are taken, and why the others are not.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openpgp::{KeyFault, Purpose, Recipient, Signer, Unfit};
use pgp::composed::{Deserializable as _, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password};

use crate::gpg::Gpg;
use crate::{MADE, NOW};

pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// The vectors stand beside the project; without them there is nothing to compare with.
pub(crate) fn vectors() -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    found.is_dir().then_some(found)
}

fn recipient(octets: &[u8]) -> Result<Recipient, Unfit> {
    Recipient::parse(octets, Path::new("key"), noon())
}

fn signer(octets: &[u8]) -> Result<Signer, Unfit> {
    Signer::parse(octets, Path::new("key"), noon())
}

fn refused<T: std::fmt::Debug>(read: Result<T, Unfit>) -> Unfit {
    read.unwrap_err()
}

#[test]
fn a_key_is_read_armoured_or_not_and_only_one() {
    let gpg = Gpg::at(MADE, NOW);
    let (one, two) = (gpg.pair("one", "ed25519", "cv25519"), gpg.pair("two", "ed25519", "cv25519"));
    let armoured = |key: &str| gpg.run(NOW, &["--armor", "--export", key], b"").fine().out;
    for octets in [gpg.public(&one), armoured(&one)] {
        assert_eq!(recipient(&octets).unwrap().fingerprint(), one);
        assert_eq!(refused(signer(&octets)), Unfit::Public);
    }
    let secret = gpg.run(NOW, &["--passphrase", "", "--armor", "--export-secret-keys", &one], b"").fine().out;
    for octets in [gpg.secret(&one), secret.clone()] {
        let signer = signer(&octets).unwrap();
        assert_eq!(
            (signer.fingerprint(), signer.recipient(noon()).unwrap().fingerprint()),
            (one.clone(), one.clone())
        );
        assert_eq!(refused(recipient(&octets)), Unfit::Secret);
        let shown = format!("{signer:?}");
        assert_eq!(shown, format!("Signer({one})"), "nothing secret is shown");
    }
    for both in [[gpg.public(&one), gpg.public(&two)], [armoured(&one), armoured(&two)]] {
        assert_eq!(refused(recipient(&both.concat())), Unfit::Several);
    }
    assert_eq!(refused(signer(&[gpg.secret(&one), gpg.secret(&two)].concat())), Unfit::Several);
    for octets in
        [&b""[..], b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &[0xb4, 0]]
    {
        assert_eq!(refused(recipient(octets)), Unfit::NoKey, "{octets:?}");
    }
    assert!(matches!(refused(recipient(&vec![0xb4; 300 << 10])), Unfit::TooLong { .. }));
    let message = gpg.run(NOW, &["--armor", "--recipient", &one, "--encrypt"], b"text").fine().out;
    assert_eq!(refused(recipient(&message)), Unfit::NoKey);
    let whole = gpg.public(&one);
    for length in 1..whole.len() {
        assert!(recipient(&whole[..length]).is_err(), "cut at {length}");
    }
    let whole = armoured(&one);
    for length in (1..whole.len() - 30).step_by(37) {
        assert!(recipient(&whole[..length]).is_err(), "cut at {length}");
    }
}

/// What anybody could add to a key, or take away, is no word of its own.
#[test]
fn each_octet_of_a_key_that_matters_is_signed() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("someone", "ed25519", "cv25519");
    let whole = gpg.public(&key);
    let mut taken = 0;
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let read = recipient(&changed);
        // The unsigned areas name the issuer once more; that decides nothing.
        taken += usize::from(read.is_ok_and(|read| read.fingerprint() == key));
    }
    assert!(taken < 40, "{taken} of {} octets", whole.len());
    let name = whole.windows(7).position(|window| window == b"someone").unwrap();
    let mut changed = whole.clone();
    changed[name] = b'S';
    assert_eq!(refused(recipient(&changed)), Unfit::Unbound { key: key.clone() });
    // Without the signature on the subkey, which comes last, nothing says what that is for.
    let packets = starts(&whole);
    let without = &whole[..*packets.last().unwrap()];
    assert!(matches!(refused(recipient(without)), Unfit::NothingFor { purpose: Purpose::Encrypting, .. }));
    // Somebody else's subkey, with its signature, is none of this key.
    let other = gpg.public(&gpg.pair("other", "ed25519", "cv25519"));
    let theirs = &other[starts(&other)[3]..];
    let with_theirs = [&whole[..packets[3]], theirs].concat();
    assert!(matches!(refused(recipient(&with_theirs)), Unfit::Unbound { .. }));
}

/// Where the packets of a key begin: all have headers of the old form.
fn starts(octets: &[u8]) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        found.push(at);
        at += match octets[at] & 3 {
            0 => 2 + usize::from(octets[at + 1]),
            1 => 3 + usize::from(u16::from_be_bytes([octets[at + 1], octets[at + 2]])),
            _ => panic!("a length of another form"),
        };
    }
    found
}

#[test]
fn a_key_for_something_else_or_of_another_kind_is_refused() {
    let gpg = Gpg::at(MADE, NOW);
    let signs = gpg.key("signs", "ed25519", "sign", "never");
    let nothing = |purpose| Unfit::NothingFor { key: signs.clone(), purpose };
    assert_eq!(refused(recipient(&gpg.public(&signs))), nothing(Purpose::Encrypting));
    let own = signer(&gpg.secret(&signs)).unwrap().recipient(noon());
    assert!(matches!(own, Err(KeyFault::NoRecipient { why, .. }) if why == nothing(Purpose::Encrypting)));
    let certifies = gpg.key("certifies", "ed25519", "cert", "never");
    gpg.subkey(&certifies, "cv25519", "encr", "never");
    recipient(&gpg.public(&certifies)).unwrap();
    assert!(matches!(
        refused(signer(&gpg.secret(&certifies))),
        Unfit::NothingFor { purpose: Purpose::Signing, .. }
    ));
    // A subkey that signs does.
    gpg.subkey(&certifies, "ed25519", "sign", "never");
    assert_eq!(signer(&gpg.secret(&certifies)).unwrap().fingerprint(), certifies);

    let rsa = gpg.pair("rsa", "rsa2048", "rsa2048");
    recipient(&gpg.public(&rsa)).unwrap();
    assert_eq!(refused(signer(&gpg.secret(&rsa))), Unfit::SecretRsa);
    assert_eq!(refused(recipient(&gpg.secret(&rsa))), Unfit::Secret);
    for version in [2, 3, 5, 6] {
        let mut other = gpg.secret(&rsa);
        // Behind a header with two octets of length.
        other[3] = version;
        assert_eq!(refused(signer(&other)), Unfit::SecretVersion { version });
        assert_eq!(refused(recipient(&other)), Unfit::Secret, "version {version}");
    }
    gpg.subkey(&rsa, "ed25519", "sign", "never");
    assert_eq!(refused(signer(&gpg.secret(&rsa))), Unfit::SecretRsa, "no secret RSA key is parsed");

    for (signs, encrypts, is_weak) in [
        ("rsa1024", "cv25519", true),
        ("ed25519", "rsa1024", true),
        ("dsa2048", "elg2048", false),
        ("brainpoolP256r1", "cv25519", false),
        ("ed25519", "brainpoolP256r1", false),
        ("secp256k1", "cv25519", false),
    ] {
        let key = gpg.pair(&format!("{signs} {encrypts}"), signs, encrypts);
        let why = refused(recipient(&gpg.public(&key)));
        let expected = if is_weak {
            matches!(why, Unfit::Weak { bits: 1024, .. })
        } else {
            matches!(why, Unfit::Algorithm { .. })
        };
        assert!(expected, "{signs} {encrypts}: {why}");
    }
}

#[test]
fn a_key_bound_with_sha_1_is_refused() {
    let gpg = Gpg::at(MADE, NOW);
    let old = ["--passphrase", "", "--cert-digest-algo", "SHA1"];
    let key = gpg.key_with(&old, "old", "ed25519", "sign", "never");
    assert_eq!(refused(signer(&gpg.secret(&key))), Unfit::Digest { key });
    let key = gpg.key("new", "ed25519", "sign", "never");
    gpg.run(MADE, &[&old[..], &["--quick-add-key", &key, "cv25519", "encr", "never"]].concat(), b"").fine();
    assert!(matches!(refused(recipient(&gpg.public(&key))), Unfit::Digest { key: part } if part != key));
}

#[test]
fn a_key_that_is_over_or_not_begun_is_refused() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.key("short", "ed25519", "sign", "10d");
    gpg.subkey(&key, "cv25519", "encr", "never");
    let at = "2026-11-11T00:00:00Z".parse().unwrap();
    assert_eq!(refused(recipient(&gpg.public(&key))), Unfit::Expired { key: key.clone(), at });
    assert_eq!(refused(signer(&gpg.secret(&key))), Unfit::Expired { key: key.clone(), at });
    // Its owner may have it last longer: the newer signature holds, wherever it stands.
    gpg.run(NOW, &["--passphrase", "", "--quick-set-expire", &key, "1y"], b"").fine();
    let until = recipient(&gpg.public(&key)).unwrap().check(noon()).unwrap();
    assert!(until.is_some_and(|until| until > noon()));
    let shorter: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
    gpg.run("20261122T120100", &["--passphrase", "", "--quick-set-expire", &key, "20261130T000000"], b"")
        .fine();
    let later = "2026-11-22T12:02:00Z".parse().unwrap();
    let read = Recipient::parse(&gpg.public(&key), Path::new("key"), later).unwrap();
    assert_eq!(read.check(later).unwrap(), Some(shorter));

    let early: Timestamp = "2026-10-31T00:00:00Z".parse().unwrap();
    let lasting = gpg.public(&gpg.pair("lasting", "ed25519", "cv25519"));
    assert!(matches!(Recipient::parse(&lasting, Path::new("key"), early), Err(Unfit::Early { .. })));

    // Of two subkeys the newer one is taken while it lasts, then the older one.
    let key = gpg.pair("two", "ed25519", "cv25519");
    gpg.run("20261110T000000", &["--passphrase", "", "--quick-add-key", &key, "nistp256", "encr", "5d"], b"")
        .fine();
    let two = recipient(&gpg.public(&key)).unwrap();
    assert_eq!(two.check(noon()), Ok(None));
    let while_it_lasts = "2026-11-12T00:00:00Z".parse().unwrap();
    assert_eq!(two.check(while_it_lasts), Ok(Some("2026-11-15T00:00:00Z".parse().unwrap())));
}

#[test]
fn a_key_that_was_revoked_is_refused() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("one", "ed25519", "cv25519");
    let certificate = gpg.home.path().join(format!("openpgp-revocs.d/{key}.rev"));
    let certificate = std::fs::read_to_string(certificate).unwrap().replace(":-----BEGIN", "-----BEGIN");
    gpg.import(certificate.as_bytes());
    assert_eq!(refused(recipient(&gpg.public(&key))), Unfit::Revoked { key: key.clone() });
    assert_eq!(refused(signer(&gpg.secret(&key))), Unfit::Revoked { key });

    let key = gpg.pair("two", "ed25519", "cv25519");
    let edit = ["--command-fd", "0", "--passphrase", "", "--edit-key", &key];
    gpg.run(NOW, &edit, b"key 1\nrevkey\ny\n0\n\ny\nsave\n").fine();
    let part = refused(recipient(&gpg.public(&key)));
    assert!(matches!(&part, Unfit::Revoked { key: part } if *part != key), "{part}");
    // The key itself still signs.
    signer(&gpg.secret(&key)).unwrap();

    // A name that was revoked binds nothing; another one does.
    let key = gpg.pair("three", "ed25519", "cv25519");
    gpg.run(NOW, &["--passphrase", "", "--quick-add-uid", &key, "four"], b"").fine();
    gpg.run(NOW, &["--passphrase", "", "--quick-revoke-uid", &key, "three"], b"").fine();
    recipient(&gpg.public(&key)).unwrap();
    let whole = gpg.public(&key);
    let name = whole.windows(4).position(|window| window == b"four").unwrap();
    let mut changed = whole.clone();
    changed[name] = b'F';
    assert_eq!(refused(recipient(&changed)), Unfit::Unbound { key });
}

/// What would revoke a key counts wherever it stands, in whatever form, and with whatever digest.
#[test]
fn what_revokes_a_key_counts_even_where_it_does_not_verify() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("one", "ed25519", "cv25519");
    let revoked = Unfit::Revoked { key: key.clone() };
    let (public, secret) = (gpg.public(&key), gpg.secret(&key));
    let certificate = gpg.home.path().join(format!("openpgp-revocs.d/{key}.rev"));
    let certificate = std::fs::read_to_string(certificate).unwrap().replace(":-----BEGIN", "-----BEGIN");
    let revocation = gpg.run(NOW, &["--dearmor"], certificate.as_bytes()).fine().out;
    // As when two files are put together: behind the subkey.
    let behind = [&public[..], &revocation].concat();
    let theirs = Gpg::at(MADE, NOW);
    theirs.import(&behind);
    let listed = theirs.run(NOW, &["--with-colons", "--list-keys", &key], b"").fine().out;
    assert!(String::from_utf8(listed).unwrap().contains("pub:r:"), "gpg puts it in its place");
    assert_eq!(refused(recipient(&behind)), revoked);
    assert_eq!(refused(signer(&[&secret[..], &revocation].concat())), revoked);
    // In the form of old, which nobody here reads.
    let old = |version: u8, kind: u8| [&[0x88, 22, version, 5, kind][..], &[0; 19]].concat();
    for (version, kind, counts) in [(3, 0x20, true), (2, 0x20, true), (3, 0x28, true), (3, 0x10, false)] {
        let read = recipient(&[&public[..], &old(version, kind)].concat());
        assert_eq!(read.as_ref().err() == Some(&revoked), counts, "{version} {kind:x}: {read:?}");
        assert_eq!(read.is_ok(), !counts);
    }

    // With SHA-1, which does not even verify.
    let edit = ["--command-fd", "0", "--passphrase", "", "--cert-digest-algo", "SHA1", "--edit-key", &key];
    gpg.run(NOW, &edit, b"key 1\nrevkey\ny\n0\n\ny\nsave\n").fine();
    let listed = gpg.run(NOW, &["--with-colons", "--list-keys", &key], b"").fine().out;
    assert!(String::from_utf8(listed).unwrap().contains("sub:r:"), "gpg takes it");
    let shown = gpg.run(NOW, &["--list-packets"], &gpg.public(&key)).fine();
    assert!(String::from_utf8(shown.out).unwrap().contains("digest algo 2"), "it is SHA-1");
    let whole = gpg.public(&key);
    let part = refused(recipient(&whole));
    assert!(matches!(&part, Unfit::Revoked { key: part } if *part != key), "{part}");
    // The same before any subkey.
    let places = starts(&whole);
    let at = places.iter().position(|at| whole[at + 2..].starts_with(&[4, 0x28])).unwrap();
    let (subkey, from, to) = (places[3], places[at], places.get(at + 1).copied().unwrap_or(whole.len()));
    let stray = [&whole[..subkey], &whole[from..to], &whole[subkey..from], &whole[to..]].concat();
    assert_eq!(refused(recipient(&stray)), revoked);
}

#[test]
fn a_secret_part_that_does_not_fit_its_public_part_is_refused() {
    let gpg = Gpg::at(MADE, NOW);
    let (one, two) = (gpg.key("one", "ed25519", "sign", "never"), gpg.key("two", "ed25519", "sign", "never"));
    let (one, two) = (gpg.secret(&one), gpg.secret(&two));
    // Behind a header of two octets: version, time, algorithm, the curve's name, and the point.
    let secret_at = 2 + 1 + 4 + 1 + 10 + 2 + 33;
    let rest = starts(&one)[1];
    let mixed = |secret: &[u8]| {
        let body = [&one[2..secret_at], &secret[secret_at..starts(secret)[1]]].concat();
        [&[one[0], u8::try_from(body.len()).unwrap()][..], &body, &one[rest..]].concat()
    };
    signer(&mixed(&one)).unwrap();
    assert_eq!(refused(signer(&mixed(&two))), Unfit::Damaged);
}

#[test]
fn a_key_with_too_many_packets_is_refused_for_that() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.public(&gpg.pair("one", "ed25519", "cv25519"));
    let name = [0xb4, 1, b'a'];
    let with = |count: usize| [&key[..], &name.repeat(count)].concat();
    let packets = starts(&key).len();
    recipient(&with(1000 - packets)).unwrap();
    assert_eq!(refused(recipient(&with(1001 - packets))), Unfit::TooMany { max: 1000 });
}

/// `gpg` sets no end to the signature that binds a subkey; others do.
#[test]
fn a_part_ends_where_the_signature_that_binds_it_ends() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("one", "ed25519", "cv25519");
    let mut secret = SignedSecretKey::from_bytes(&gpg.secret(&key)[..]).unwrap();
    let second = |text: &str| {
        let at: Timestamp = text.parse().unwrap();
        pgp::types::Timestamp::from_secs(u32::try_from(at.as_second()).unwrap())
    };
    let primary = &secret.primary_key;
    let mut config =
        SignatureConfig::v4(SignatureType::SubkeyBinding, primary.algorithm(), HashAlgorithm::Sha512);
    let mut flags = KeyFlags::default();
    flags.set_encrypt_storage(true);
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(second("2026-11-02T00:00:00Z")),
        SubpacketData::SignatureExpirationTime(pgp::types::Duration::from_secs(30 * 86_400)),
        SubpacketData::KeyFlags(flags),
        SubpacketData::IssuerFingerprint(primary.fingerprint()),
    ]
    .map(|one| Subpacket::regular(one).unwrap())
    .to_vec();
    let issuer = SubpacketData::IssuerKeyId(primary.legacy_key_id());
    config.unhashed_subpackets = vec![Subpacket::regular(issuer).unwrap()];
    let subkey = &secret.secret_subkeys[0].key;
    let binding =
        config.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), subkey.public_key());
    secret.secret_subkeys[0].signatures = vec![binding.unwrap()];
    let public = secret.to_public_key().to_bytes().unwrap();
    let theirs = Gpg::at(MADE, NOW);
    theirs.import(&public);
    theirs.run(NOW, &["--recipient", &key, "--encrypt"], b"text").fine();
    let end: Timestamp = "2026-12-02T00:00:00Z".parse().unwrap();
    assert_eq!(recipient(&public).unwrap().check(noon()), Ok(Some(end)));
    assert!(Recipient::parse(&public, Path::new("key"), end).is_err());
}

#[test]
fn a_secret_key_that_is_locked_or_left_out_is_refused() {
    let gpg = Gpg::at(MADE, NOW);
    let locked = gpg.key_with(&["--passphrase", "word"], "locked", "ed25519", "sign", "never");
    let octets = gpg.run(NOW, &["--passphrase", "word", "--export-secret-keys", &locked], b"").fine().out;
    assert_eq!(refused(signer(&octets)), Unfit::Locked { key: locked });
    let key = gpg.pair("without", "ed25519", "cv25519");
    let octets = gpg.run(NOW, &["--passphrase", "", "--export-secret-subkeys", &key], b"").fine().out;
    assert_eq!(refused(signer(&octets)), Unfit::Locked { key: key.clone() });
    gpg.subkey(&key, "ed25519", "sign", "never");
    let octets = gpg.run(NOW, &["--passphrase", "", "--export-secret-subkeys", &key], b"").fine().out;
    assert_eq!(
        signer(&octets).unwrap().fingerprint(),
        key,
        "the subkey signs, wherever the key itself is kept"
    );
}

#[test]
fn files_that_are_missing_open_to_others_or_unfit_are_named() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.pair("one", "ed25519", "cv25519");
    let path = gpg.file("secret.gpg", &gpg.secret(&key));
    Signer::read(&path, noon()).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let why = Signer::read(&path, noon()).unwrap_err();
    assert_eq!(why, KeyFault::Mode { path: path.clone(), mode: 0o640 });
    let why = Recipient::read(&path, noon()).unwrap_err();
    assert_eq!(why, KeyFault::Unfit { path, why: Unfit::Secret });
    let public = gpg.file("public.gpg", &gpg.public(&key));
    assert_eq!(Recipient::read(&public, noon()).unwrap().path(), public);
    for path in [gpg.home.path().join("none"), gpg.home.path().to_owned()] {
        assert!(matches!(Recipient::read(&path, noon()), Err(KeyFault::File { .. })), "{}", path.display());
    }
    let long = gpg.file("long", &vec![0x99; 1 << 20]);
    assert!(matches!(
        Recipient::read(&long, noon()),
        Err(KeyFault::Unfit { why: Unfit::TooLong { .. }, .. })
    ));
}

/// Signatures in signatures, as deep as a key file may be: the library would go down into each on the stack.
#[test]
fn signatures_that_nest_are_refused() {
    let gpg = Gpg::at(MADE, NOW);
    let key = gpg.public(&gpg.pair("one", "ed25519", "cv25519"));
    let mut inner = vec![4, 0x18, 22, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    for depth in 1..4_000 {
        let mut area = vec![255];
        area.extend_from_slice(&u32::try_from(inner.len() + 1).unwrap().to_be_bytes());
        area.push(32);
        area.extend_from_slice(&inner);
        let Ok(length) = u16::try_from(area.len()) else { break };
        inner = [&[4, 0x18, 22, 8][..], &length.to_be_bytes(), &area, &[0; 6]].concat();
        if depth == 2 || depth == 1_000 {
            let head = [&[0xc2, 255][..], &u32::try_from(inner.len()).unwrap().to_be_bytes()].concat();
            let octets = [&key[..], &head, &inner].concat();
            assert_eq!(refused(recipient(&octets)), Unfit::Damaged, "{depth}");
        }
    }
}
