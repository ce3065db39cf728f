//! Round trips: of forms, of cut documents, of documents that were broken on purpose.

use std::collections::BTreeMap;
use std::convert::Infallible;

use clock::Chance;

use super::*;

const SIGNATURE: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><a:X xmlns:a=\"u\" xmlns:ds=\"d\"><ds:Signature Id=\"s\">\n",
    "<ds:SignedInfo>\n<ds:Reference URI=\"/message.xml\">\n<ds:DigestValue>SrPLDyoR/qjlvr1bMfNuRk/GSDbK/v5+V8ju+rVKk/5MMH5iNT6aMgfR57/OPEiqX5chMYIHMz7Z&#13;\n",
    "ldhSu7WSdQ==</ds:DigestValue>\n</ds:Reference>\n</ds:SignedInfo>\n<ds:SignatureValue Id=\"v\">\n",
    "Dx5jMNgxRBnJRny70kvdoR+VJbZsOJbdXeinsH6BeeCltHT+VfZaxIqWXIM2QXxN\n</ds:SignatureValue>",
    "<ds:X509Certificate>\nMIIEQTCCAimg\n</ds:X509Certificate><x:CertDigest><ds:DigestValue>AAAA</ds:DigestValue></x:CertDigest>",
    "<SigningTime>2026-11-22T11:46:19.676Z</SigningTime><EncapsulatedOCSPValue>not base64</EncapsulatedOCSPValue></ds:Signature></a:X>",
);

/// Packs, stores and takes out again; gives the contents that were shared.
fn round_trip(document: &[u8]) -> (Packed, Vec<u8>, BTreeMap<u64, Vec<u8>>) {
    let packed = pack(document);
    let mut shared = BTreeMap::new();
    let stored = encode(&packed, |content| {
        let number = u64::try_from(shared.len()).unwrap_or(0).saturating_add(300);
        shared.insert(number, content.to_vec());
        Ok::<_, Infallible>(number)
    })
    .unwrap_or_else(|never| match never {});
    let rebuilt = decode(&stored, |number| shared.get(&number).cloned().ok_or(()));
    assert_eq!(rebuilt.as_deref(), Ok(document));
    (packed, stored, shared)
}

#[test]
fn a_signature_is_cut_at_its_changing_texts_and_comes_back() {
    let (packed, stored, shared) = round_trip(SIGNATURE.as_bytes());
    let Packed::Cut { holes, .. } = packed else { panic!("not cut") };
    let seen: Vec<_> = holes.iter().map(|hole| (hole.form, hole.shared, hole.bytes.len())).collect();
    assert_eq!(
        seen,
        [
            (Form::BrokenReference, false, 64),
            (Form::Base64, false, 48),
            (Form::Base64, true, 9),
            (Form::Text, false, 24),
            (Form::Text, true, 10),
        ]
    );
    // skeleton, certificate, OCSP answer
    assert_eq!(shared.len(), 3);
    assert!(stored.len() < 160, "{}", stored.len());
}

#[test]
fn what_is_no_cuttable_document_is_kept_raw() {
    let deep = format!("{}<SigningTime>1</SigningTime>{}", "<a>".repeat(40), "</a>".repeat(40));
    let wide = format!("<a>{}</a>", "<SigningTime>1</SigningTime>".repeat(2000));
    let doubled = SIGNATURE.replacen("<ds:Signature ", "<!DOCTYPE a><ds:Signature ", 1);
    for document in [
        "",
        "no markup",
        "<",
        "<a",
        "<a>text</a>",
        "</a>",
        "<SigningTime></SigningTime>",
        "<SigningTime>1</SigningTime></a>",
        "<a b='>' c=\">'\"><SigningTime>1</SigningTime",
        "<![CDATA[<SigningTime>1</SigningTime>]]>",
        "<!-- <SigningTime>1</SigningTime>",
        &deep,
        &wide,
        &doubled,
    ] {
        let (packed, _, shared) = round_trip(document.as_bytes());
        assert_eq!(packed, Packed::Raw(document.as_bytes().to_vec()));
        assert!(shared.is_empty());
    }
}

#[test]
fn comments_quotes_and_odd_white_space_do_not_disturb_the_round_trip() {
    for document in [
        "<a b='>' c=\">'\"><SigningTime > \t1\r\n </SigningTime ></a>",
        "<a><!-- < > --><?p <x> ?><SigningTime>1</SigningTime></a>trailing",
        "\u{feff}<a><DigestValue>QUI=</DigestValue><DigestValue>QUJ=</DigestValue></a>",
        "<a><DigestValue>Q U I =</DigestValue><b/><SignatureValue>A&amp;B</SignatureValue></a>",
    ] {
        assert!(matches!(round_trip(document.as_bytes()).0, Packed::Cut { .. }), "{document}");
    }
}

#[test]
fn a_form_is_chosen_only_if_it_gives_back_the_very_text() {
    let long = vec![7u8; 120];
    for form in [Form::Base64, Form::BrokenReference, Form::BrokenLineFeed] {
        let text = form.text_of(&long);
        assert_eq!(Form::of(&text), (form, long.clone()));
        assert_eq!(Form::of_tag(form.tag()), Some(form));
        let mut spoilt = text.clone();
        spoilt.push(b'\n');
        assert_eq!(Form::of(&spoilt), (Form::Text, spoilt));
    }
    for text in ["QUJ=", "QUI", "QUI==", "QU\nI=", "Q&#13;\nUI=", "QUI=&#13;\n", "-_8=", "\n", "&#13;"] {
        assert_eq!(Form::of(text.as_bytes()), (Form::Text, text.as_bytes().to_vec()), "{text:?}");
    }
    assert_eq!(Form::of(b""), (Form::Base64, Vec::new()));
    assert_eq!(Form::of_tag(4), None);
}

#[test]
fn a_part_is_cut_out_of_a_token_and_comes_back() {
    let packed = pack_around(b"before CERTIFICATE after", b"CERTIFICATE");
    let Packed::Cut { holes, .. } = &packed else { panic!("not cut") };
    assert_eq!(holes.iter().filter(|hole| hole.shared).count(), 1);
    let stored =
        encode(&packed, |content| Ok::<_, Infallible>(if content == b"CERTIFICATE" { 1 } else { 2 }));
    let rebuilt = decode(&stored.unwrap_or_else(|never| match never {}), |number| match number {
        1 => Ok::<_, Infallible>(b"CERTIFICATE".to_vec()),
        _ => Ok(vec![0, 0, 0, 0]),
    });
    assert_eq!(rebuilt.as_deref(), Ok(&b"before CERTIFICATE after"[..]));
    for (document, part) in [(&b"token"[..], &b"CERTIFICATE"[..]), (b"token", b""), (b"", b"a"), (b"", b"")] {
        assert_eq!(pack_around(document, part), Packed::Raw(document.to_vec()));
    }
}

#[test]
fn documents_with_bytes_changed_at_random_come_back_all_the_same() {
    let chance = Chance::seeded(7);
    for _ in 0..3_000 {
        let mut document = SIGNATURE.as_bytes().to_vec();
        let mut dice = [0u8; 9];
        chance.fill(&mut dice);
        for roll in dice.chunks(3) {
            let place = usize::from(u16::from_be_bytes([roll[0], roll[1]])) % document.len();
            document[place] = match roll[2] % 4 {
                0 => b'<',
                1 => b'>',
                2 => b'"',
                _ => roll[2],
            };
        }
        round_trip(&document);
    }
}

#[test]
fn a_damaged_column_is_a_verdict() {
    let (_, stored, shared) = round_trip(SIGNATURE.as_bytes());
    let get = |number: u64| shared.get(&number).cloned().ok_or(number);
    for end in 0..stored.len() {
        assert_ne!(decode(&stored[..end], get).as_deref(), Ok(SIGNATURE.as_bytes()), "cut at {end}");
    }
    assert_eq!(decode(&[], get), Err(DecodeFailure::Broken));
    assert_eq!(decode(&[9, 1], get), Err(DecodeFailure::Broken));
    assert_eq!(decode(&[CUT, 5], get), Err(DecodeFailure::Shared(5)));
    let endless = [CUT, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(decode(&endless, get), Err(DecodeFailure::Broken));
}

#[test]
fn numbers_take_as_few_bytes_as_they_need() {
    for (number, length) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (u64::MAX, 10)] {
        let mut out = Vec::new();
        varint::put(&mut out, number);
        assert_eq!(out.len(), length, "{number}");
        let mut rest = out.as_slice();
        assert_eq!(varint::take(&mut rest), Some(number));
        assert!(rest.is_empty());
    }
    let mut too_large: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(varint::take(&mut too_large), None);
}
