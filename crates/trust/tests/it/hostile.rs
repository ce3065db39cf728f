//! Bytes from strangers: nothing panics, nothing grows, nothing half-read is taken.

use trust::{Certificate, OcspResponse, PublicKey, timestamp};

use crate::der::{oid, sequence, tlv};
use crate::mint::{Answer, Stamp, Wish};

#[test]
fn a_certificate_cut_anywhere_is_refused() {
    let leaf = Wish::signer("1").mint(None).certificate;
    for length in 0..leaf.der().len() {
        assert!(Certificate::from_der(&leaf.der()[..length]).is_err(), "cut at {length}");
    }
    assert!(Certificate::from_der(&[leaf.der(), &[0]].concat()).is_err());
}

#[test]
fn a_key_says_its_kind_and_one_parameter_and_nothing_else() {
    const NULL: &[u8] = &[5, 0];
    let rsa = oid("1.2.840.113549.1.1.1");
    let key = |algorithm: &[&[u8]]| sequence(&[&sequence(algorithm), &tlv(3, &[0, 1])]);
    for fine in [&[rsa.as_slice()][..], &[&rsa, NULL]] {
        assert!(PublicKey::from_spki(&key(fine)).is_ok(), "{fine:02x?}");
    }
    for odd in [&[rsa.as_slice(), NULL, NULL][..], &[&rsa, &[5]], &[&rsa, &[5, 0x7f]], &[&rsa, NULL, &[0]]] {
        assert!(PublicKey::from_spki(&key(odd)).is_err(), "{odd:02x?}");
    }
}

#[test]
fn any_changed_bit_of_a_certificate_is_refused_or_breaks_its_signature() {
    let root = Wish::ca("Root").mint(None);
    let leaf = Wish::signer("1").mint(Some(&root)).certificate;
    for place in 0..leaf.der().len() {
        for bit in 0..8 {
            let mut changed = leaf.der().to_vec();
            changed[place] ^= 1 << bit;
            if let Ok(read) = Certificate::from_der(&changed) {
                assert!(read.verify_signed_by(&root.certificate).is_err(), "byte {place} bit {bit}");
            }
        }
    }
}

#[test]
fn noise_never_gets_through_and_never_panics() {
    // A small generator: the same noise in every run.
    let mut state: u32 = 0x2545_f491;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    let root = Wish::ca("Root").mint(None);
    let leaf = Wish::signer("1").mint(Some(&root));
    let seeds = [
        leaf.certificate.der().to_vec(),
        Answer::new(&leaf.certificate, &root.certificate).der(&root),
        Stamp::over(b"data", &leaf.certificate).token(&leaf),
        Stamp::over(b"data", &leaf.certificate).response(&leaf),
    ];
    let listed = std::slice::from_ref(&leaf.certificate);
    for seed in &seeds {
        for _ in 0..3000 {
            let mut bytes = seed.clone();
            for _ in 0..=noise() % 4 {
                let place = usize::from(u16::from_le_bytes([noise(), noise()])) % bytes.len();
                bytes[place] = noise();
            }
            let _ = Certificate::from_der_or_pem(&bytes);
            let _ = OcspResponse::parse(&bytes);
            let _ = timestamp::verify_token(&bytes, b"data", listed);
            let _ = timestamp::read_granted(&bytes, listed);
        }
    }
}

#[test]
fn doubled_extensions_are_refused() {
    let extension = sequence(&[&oid("2.5.29.15"), &tlv(4, &[3, 2, 0, 0x40])]);
    let wish =
        Wish { key_usage: None, more: vec![("2.5.29.15", false, vec![3, 2, 0, 0x40])], ..Wish::signer("1") };
    let once = wish.mint(None).certificate.der().to_vec();
    assert!(once.windows(extension.len()).any(|window| window == extension));
    // Make room by hand: the list, its wrapper, the body and the certificate all grow.
    let doubled = splice(&once, &extension);
    assert!(Certificate::from_der(&once).is_ok());
    let refusal = Certificate::from_der(&doubled).unwrap_err();
    assert!(refusal.to_string().contains("appears twice"), "{refusal}");
}

/// Puts the last extension in twice and mends the lengths around it.
fn splice(certificate: &[u8], extension: &[u8]) -> Vec<u8> {
    let body = |bytes: &[u8]| -> (usize, usize) {
        if bytes[1] < 0x80 {
            (2, usize::from(bytes[1]))
        } else {
            let octets = usize::from(bytes[1] & 0x7f);
            let length = bytes[2..2 + octets].iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (2 + octets, length)
        }
    };
    let (skip, _) = body(certificate);
    let tbs_on = &certificate[skip..];
    let (head, length) = body(tbs_on);
    let tbs = &tbs_on[head..head + length];
    let after = &tbs_on[head + length..];
    let wrapper = tbs.windows(extension.len()).position(|window| window == extension).unwrap() - 4;
    let list: Vec<u8> = tbs[wrapper + 4..].to_vec();
    let doubled = [list.as_slice(), extension].concat();
    let mended = [&tbs[..wrapper], &tlv(0xa3, &tlv(0x30, &doubled))].concat();
    tlv(0x30, &[tlv(0x30, &mended), after.to_vec()].concat())
}

/// Lengths that promise what does not come: none, four gigabytes, more than a number holds, more octets than a length may have.
const LENGTHS: [&[u8]; 8] = [
    &[0x80],
    &[0x84, 0xff, 0xff, 0xff, 0xff],
    &[0x84, 0x7f, 0xff, 0xff, 0xff],
    &[0x83, 0xff, 0xff, 0xff],
    &[0x85, 1, 0, 0, 0, 0],
    &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xff],
    &[0x7f],
];

/// The same octets with each of these lengths in the place of each of theirs.
fn with_absurd_lengths(der: &[u8]) -> Vec<Vec<u8>> {
    fn places(der: &[u8], from: usize, to: usize, found: &mut Vec<(usize, usize)>) {
        let mut at = from;
        while at + 2 <= to {
            let first = der[at + 1];
            let octets = if first < 0x80 { 0 } else { usize::from(first & 0x7f) };
            let long =
                der[at + 2..at + 2 + octets].iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            let (body, length) = (at + 2 + octets, if octets == 0 { usize::from(first) } else { long });
            found.push((at + 1, body));
            if der[at] & 0x20 != 0 {
                places(der, body, body + length, found);
            }
            at = body + length;
        }
    }
    let mut found = vec![];
    places(der, 0, der.len(), &mut found);
    let with = |(at, body): (usize, usize), length: &[u8]| [&der[..at], length, &der[body..]].concat();
    found
        .into_iter()
        .flat_map(|place| LENGTHS.map(|length| with(place, length)))
        .filter(|bent| bent != der)
        .collect()
}

/// A structure in a structure, ten thousand times: with lengths as they should be, and with lengths that are left open.
fn nested(tag: u8) -> [Vec<u8>; 2] {
    let mut closed = vec![5, 0];
    for _ in 0..10_000 {
        closed = tlv(tag, &closed);
    }
    [closed, [tag, 0x80].repeat(10_000)]
}

#[test]
fn absurd_lengths_and_depths_are_refused_wherever_they_stand() {
    let root = Wish::ca("Root").mint(None);
    let leaf = Wish::signer("1").mint(Some(&root));
    let listed = std::slice::from_ref(&leaf.certificate);
    let answer = Answer::new(&leaf.certificate, &root.certificate).der(&root);
    let token = Stamp::over(b"data", &leaf.certificate).token(&leaf);
    let response = Stamp::over(b"data", &leaf.certificate).response(&leaf);
    let mut tried = 0;
    for bent in with_absurd_lengths(leaf.certificate.der()) {
        let believed =
            Certificate::from_der(&bent).is_ok_and(|read| read.verify_signed_by(&root.certificate).is_ok());
        assert!(!believed, "{bent:02x?}");
        tried += 1;
    }
    for bent in with_absurd_lengths(&answer) {
        assert!(OcspResponse::parse(&bent).is_err(), "{bent:02x?}");
        tried += 1;
    }
    for bent in with_absurd_lengths(&token) {
        assert!(timestamp::verify_token(&bent, b"data", listed).is_err(), "{bent:02x?}");
        tried += 1;
    }
    for bent in with_absurd_lengths(&response) {
        assert!(timestamp::read_granted(&bent, listed).is_err(), "{bent:02x?}");
        tried += 1;
    }
    println!("{tried} absurd lengths");
    assert!(tried > 1000, "{tried}");
    for deep in [0x30, 0x31, 0xa0, 0xa1, 0x24].into_iter().flat_map(nested) {
        for inside in [deep.clone(), sequence(&[&oid("1.2.840.113549.1.7.2"), &tlv(0xa0, &deep)])] {
            assert!(Certificate::from_der(&inside).is_err());
            assert!(PublicKey::from_spki(&inside).is_err());
            assert!(OcspResponse::parse(&inside).is_err());
            let refused = timestamp::verify_token(&inside, b"data", listed).unwrap_err().to_string();
            assert!(refused.contains("more than 32 levels"), "{refused}");
            assert!(timestamp::read_granted(&inside, listed).is_err());
        }
    }
}
