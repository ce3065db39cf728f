//! Signature wrapping and every other way to put something beside what is covered: refused, each with its verdict.

use signature::verify::{ReceivedPart, Refusal, verify};
use signature::{SignedParts, XmlRefusal};

use crate::workshop::{EC, leaf, member, received, workshop};

const MESSAGE: &[u8] = b"GET\r\n/r1/EX/GOV/member/system/svc\r\nX-Road-Client:EX/GOV/member/system\r\n";

fn judged(signed: &SignedParts, octets: &[&[u8]]) -> Result<(), Refusal> {
    let workshop = workshop();
    let leaf = leaf(octets);
    verify(signed, &received(&leaf, octets), &member(), &workshop.authorities, workshop.at).map(|_| ())
}

fn good() -> String {
    static GOOD: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    GOOD.get_or_init(|| {
        let signed = workshop().signed("ec", EC, &[vec![MESSAGE]]).remove(0);
        assert_eq!(judged(&signed, &[MESSAGE]), Ok(()));
        String::from_utf8(signed.signatures_xml).unwrap()
    })
    .clone()
}

fn verdict(signatures_xml: String) -> String {
    let signed = SignedParts {
        signatures_xml: signatures_xml.into_bytes(),
        hash_chain_result: None,
        hash_chain: None,
    };
    judged(&signed, &[MESSAGE]).map_or_else(|refusal| refusal.code().to_owned(), |()| "accepted".to_owned())
}

/// The document with the first occurrence of a text replaced.
fn with(before: &str, after: &str) -> String {
    let good = good();
    assert!(good.contains(before), "{before}");
    good.replacen(before, after, 1)
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap();
    let to = from + text[from..].find(end).unwrap() + end.len();
    &text[from..to]
}

const M: &str = "malformed_signature";

#[test]
fn refuses_a_second_signature_object_or_set_of_properties() {
    let good = good();
    let signature = between(&good, "<ds:Signature Id", "</ds:Signature>");
    let object = between(&good, "<ds:Object>", "</ds:Object>");
    let properties = between(&good, "<xades:SignedProperties ", "</xades:SignedProperties>");
    let other_ids = |text: &str| {
        text.replace("\"signature", "\"other")
            .replace("#signature", "#other")
            .replace("signed-prop", "other-prop")
            .replace("ocsp-response", "other-ocsp")
    };
    assert_eq!(verdict(good.replace(signature, &(signature.to_owned() + &other_ids(signature)))), M);
    assert_eq!(verdict(good.replace(signature, &(other_ids(signature) + signature))), M);
    assert_eq!(verdict(good.replace(object, &(object.to_owned() + &other_ids(object)))), M);
    assert_eq!(verdict(good.replace(object, &(other_ids(object) + object))), M);
    assert_eq!(verdict(good.replace(object, &format!("<ds:Object><x/></ds:Object>{object}"))), M);
    assert_eq!(verdict(good.replace(properties, &(properties.to_owned() + &other_ids(properties)))), M);
    assert_eq!(verdict(good.replace(properties, &(other_ids(properties) + properties))), M);
}

#[test]
fn refuses_signed_properties_moved_elsewhere_while_others_stand_in_their_place() {
    let good = good();
    let properties = between(&good, "<xades:SignedProperties ", "</xades:SignedProperties>");
    let forged =
        properties.replace("signed-properties", "forged").replace("SigningTime>20", "SigningTime>19");
    // The signed ones in a second object, in the key information, under the root, in the unsigned properties.
    for place in [
        "</ds:Signature>",
        "</ds:KeyInfo>",
        "</asic:XAdESSignatures>",
        "</xades:UnsignedSignatureProperties>",
    ] {
        let moved = good.replace(properties, &forged).replace(place, &format!("{properties}{place}"));
        assert_eq!(verdict(moved), M, "{place}");
    }
    let wrapped = format!("<ds:Object>{properties}</ds:Object></ds:Signature>");
    assert_eq!(verdict(good.replace(properties, &forged).replace("</ds:Signature>", &wrapped)), M);
    assert_eq!(verdict(good.replace(properties, &forged)), M, "not what is referenced");
    let same_id = forged.replace("forged", "signed-properties");
    assert_eq!(verdict(good.replace(properties, &same_id)), "invalid_signature_value");
}

#[test]
fn refuses_what_stands_before_or_beside_the_signature() {
    let start = "<ds:Signature Id=\"signature\">";
    for before in [" ", "\n", "<!-- comment -->", "<x/>", "text", "<?instruction?>"] {
        assert_eq!(verdict(with(start, &format!("{before}{start}"))), M, "{before:?}");
        assert_eq!(
            verdict(good().replace("</ds:Signature>", &format!("</ds:Signature>{before}"))),
            M,
            "{before:?}"
        );
    }
    assert_eq!(verdict(format!("{}<!-- comment -->", good())), M);
    assert_eq!(verdict(format!("{}x", good())), "invalid_xml");
    assert_eq!(verdict(with("?><asic", "?><!-- comment --><asic")), M);
    assert_eq!(
        verdict(with("?><asic", "?>\n<asic")),
        "accepted",
        "a line end after the declaration is usual"
    );
    assert_eq!(verdict(with("<asic:XAdESSignatures ", "<asic:XAdESSignatures Id=\"root\" ")), M);
    assert_eq!(verdict(good().replace("asic:XAdESSignatures", "asic:Other")), M);
    assert_eq!(verdict(with("02918/v1.2.1#", "2918/v1.2.1#")), M);
}

#[test]
fn refuses_comments_instructions_and_doctypes_inside() {
    for inside in ["<!-- comment -->", "<?instruction?>"] {
        assert_eq!(verdict(with("<ds:DigestValue>", &format!("<ds:DigestValue>{inside}"))), M);
        assert_eq!(verdict(with("<ds:SignedInfo>", &format!("<ds:SignedInfo>{inside}"))), M);
        assert_eq!(verdict(with("<xades:SigningTime>", &format!("<xades:SigningTime>{inside}"))), M);
        assert_eq!(verdict(with("<ds:X509Data>", &format!("<ds:X509Data>{inside}"))), M);
    }
    assert_eq!(verdict(with("?><asic", "?><!DOCTYPE x><asic")), "invalid_xml");
    assert_eq!(verdict(with("?><asic", "?><!DOCTYPE x [<!ENTITY y 'z'>]><asic")), "invalid_xml");
}

#[test]
fn refuses_what_would_keep_the_parser_busy_for_hours() {
    let attributes: String = (0..150_000).map(|n| format!(" a{n}=''")).collect();
    let prefixes: String = (0..37_000).map(|n| format!(" xmlns:p{n}='u'")).collect();
    let children: String = (0..10_000).map(|n| format!("<c xmlns:q{n}='u'/>")).collect();
    for (before, after, refusal) in [
        ("<ds:KeyInfo", format!("<ds:KeyInfo{attributes}"), xml::Refusal::TagTooLong { bytes_max: 8192 }),
        (
            "<ds:KeyInfo>",
            format!("<ds:KeyInfo{prefixes}>{children}"),
            xml::Refusal::TagTooLong { bytes_max: 8192 },
        ),
        (
            "<ds:KeyInfo>",
            format!("<ds:KeyInfo>{children}"),
            xml::Refusal::TooManyDeclarations { declarations_max: 64 },
        ),
        (
            "<ds:KeyInfo",
            format!("<ds:KeyInfo{}", " a=''".repeat(33)),
            xml::Refusal::TooManyAttributes { attributes_max: 32 },
        ),
        ("<ds:KeyInfo>", "<ds:KeyInfo>".repeat(100), xml::Refusal::TooDeep { depth_max: 64 }),
    ] {
        let signed = SignedParts {
            signatures_xml: with(before, &after).into_bytes(),
            hash_chain_result: None,
            hash_chain: None,
        };
        let refused = judged(&signed, &[MESSAGE]).unwrap_err();
        assert_eq!(refused.code(), "invalid_xml");
        assert_eq!(refused, Refusal::Unreadable(XmlRefusal::OverBudget(refusal)));
    }
}

#[test]
fn refuses_ids_that_are_not_unique_and_prefixes_that_are_not_literal() {
    assert_eq!(verdict(with("<ds:KeyInfo>", "<ds:KeyInfo Id=\"signed-properties\">")), M);
    assert_eq!(verdict(with("<ds:KeyInfo>", "<ds:KeyInfo Id=\"signature\">")), M);
    assert_eq!(verdict(with("<ds:KeyInfo>", "<ds:KeyInfo Id=\"\">")), M);
    assert_eq!(verdict(with("<ds:KeyInfo>", "<ds:KeyInfo xml:id=\"signed-properties\">")), M);
    assert_eq!(verdict(with("<ds:KeyInfo>", "<ds:KeyInfo id=\"another\">")), M);
    let other = |prefix: &str, other: &str| {
        good()
            .replace(&format!("<{prefix}:"), &format!("<{other}:"))
            .replace(&format!("</{prefix}:"), &format!("</{other}:"))
            .replace(&format!("xmlns:{prefix}="), &format!("xmlns:{other}="))
    };
    assert_eq!(verdict(other("ds", "dsig")), M);
    assert_eq!(verdict(other("xades", "x")), M);
    assert_ne!(verdict(other("asic", "a")), M, "the root's prefix is free, though it is signed here");
    let default = with("<ds:KeyInfo>", "<KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">");
    assert_eq!(verdict(default.replace("</ds:KeyInfo>", "</KeyInfo>")), M);
}

#[test]
fn refuses_properties_that_target_or_name_something_else() {
    assert_eq!(verdict(with("Target=\"#signature\"", "Target=\"#signature-value\"")), M);
    assert_eq!(verdict(with("Target=\"#signature\"", "Target=\"signature\"")), M);
    assert_eq!(verdict(with(" Target=\"#signature\"", "")), M);
    assert_eq!(verdict(with("<ds:Signature Id=\"signature\">", "<ds:Signature>")), M);
    assert_eq!(verdict(with("URI=\"#signed-properties\"", "URI=\"#signature-value\"")), M);
    assert_eq!(verdict(with(" Type=\"http://uri.etsi.org/01903#SignedProperties\"", "")), M);
    assert_eq!(verdict(with("URI=\"#signed-properties\"", "URI=\"\"")), M);
    let good = good();
    let certificate = between(&good, "<ds:X509Certificate>", "</ds:X509Certificate>");
    let other: String =
        crate::workshop::run(workshop().folder(), "openssl", &["x509", "-in", "rsa.pem", "-outform", "PEM"])
            .iter()
            .map(|byte| char::from(*byte))
            .collect::<String>()
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
    let other = format!("<ds:X509Certificate>{other}</ds:X509Certificate>");
    assert_eq!(verdict(good.replace(certificate, &other)), M, "not the certificate that was signed");
    assert_eq!(
        verdict(good.replace(certificate, &format!("{other}{certificate}"))),
        M,
        "it must be the first"
    );
    assert_eq!(verdict(good.replace(certificate, &format!("{certificate}{other}"))), "accepted");
    assert_eq!(verdict(good.replace(certificate, "")), M);
    assert_eq!(verdict(good.replace(certificate, "<ds:X509Certificate>AAAA</ds:X509Certificate>")), M);
}

#[test]
fn refuses_references_that_are_missing_doubled_transformed_or_too_many() {
    let good = good();
    let message = between(&good, "<ds:Reference Id=\"signature-reference-0\"", "</ds:Reference>").to_owned();
    let properties =
        between(&good, "<ds:Reference Id=\"signature-reference-1\"", "</ds:Reference>").to_owned();
    let other = |uri: &str| message.replace("/message.xml", uri).replace("Id=\"signature-reference-0\" ", "");
    assert_eq!(verdict(good.replace(&message, "")), M);
    assert_eq!(verdict(good.replace(&properties, "")), M);
    assert_eq!(verdict(good.replace(&message, &(message.clone() + &other("/message.xml")))), M);
    assert_eq!(verdict(good.replace(&message, &other("/other.xml"))), M);
    let refused = "invalid_signature_value";
    for uri in
        ["/attachment1", "http://127.0.0.1/x", "file:///etc/passwd", "message.xml", "#signature-value", ""]
    {
        assert_eq!(verdict(good.replace(&message, &(message.clone() + &other(uri)))), refused, "{uri}");
    }
    for algorithm in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ] {
        let transforms = format!(
            "<ds:Transforms><ds:Transform Algorithm=\"{algorithm}\"/></ds:Transforms><ds:DigestMethod"
        );
        assert_eq!(
            verdict(good.replace(&message, &message.replace("<ds:DigestMethod", &transforms))),
            M,
            "{algorithm}"
        );
    }
    let many: String = (1..=30).map(|number| other(&format!("/attachment{number}"))).collect();
    assert_eq!(verdict(good.replace(&message, &(message.clone() + &many))), "internal_error");
}

#[test]
fn refuses_weak_or_unknown_algorithms_and_changed_values() {
    for weak in [
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha224",
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "",
    ] {
        assert_eq!(verdict(with("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", weak)), M, "{weak}");
    }
    for weak in ["http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmldsig-more#md5"] {
        assert_eq!(verdict(with("http://www.w3.org/2001/04/xmlenc#sha512", weak)), M, "{weak}");
    }
    assert_eq!(verdict(with("REC-xml-c14n-20010315", "REC-other")), M);
    let other = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512";
    assert_eq!(
        verdict(with("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", other)),
        "invalid_signature_value"
    );
    let good = good();
    let value = between(&good, "<ds:SignatureValue Id=\"signature-value\">\n", "\n<");
    let zero = "<ds:SignatureValue Id=\"signature-value\">\nAAAA\n<";
    assert_eq!(verdict(good.replace(value, zero)), "invalid_signature_value");
    assert_eq!(verdict(good.replace(value, &zero.replace("AAAA", ""))), M);
    assert_eq!(verdict(good.replace(value, &zero.replace("AAAA", "A!!A"))), M);
    let time = between(&good, "<xades:SigningTime>", "</xades:SigningTime>");
    let later = "<xades:SigningTime>2030-01-01T00:00:00.000Z</xades:SigningTime>";
    assert_eq!(verdict(good.replace(time, later)), "invalid_signature_value");
    assert_eq!(verdict(good.replace(time, &later.replace("2030", "soon"))), M);
}

#[test]
fn refuses_a_chain_that_nothing_references_and_parts_of_a_chain() {
    let workshop = workshop();
    let chained = workshop.signed("ec", EC, &[vec![MESSAGE, b"body"]]).remove(0);
    let octets: [&[u8]; 2] = [MESSAGE, b"body"];
    let code = |signed: &SignedParts| judged(signed, &octets).unwrap_err().code();
    assert_eq!(
        code(&SignedParts { hash_chain: None, ..chained.clone() }),
        "malformed_signature.invalid_reference"
    );
    assert_eq!(code(&SignedParts { hash_chain_result: None, ..chained.clone() }), "internal_error");
    let neither = SignedParts { hash_chain: None, hash_chain_result: None, ..chained.clone() };
    assert_eq!(code(&neither), "invalid_signature_value");
    let direct = workshop.signed("ec", EC, &[vec![MESSAGE]]).remove(0);
    let beside = SignedParts { signatures_xml: direct.signatures_xml.clone(), ..chained.clone() };
    assert_eq!(judged(&beside, &[MESSAGE]), Err(Refusal::ChainNotReferenced));
    assert_eq!(judged(&direct, &octets), Err(Refusal::PartNotCovered { name: "/attachment1".to_owned() }));
    let mut result = chained.hash_chain_result.clone().unwrap();
    result.push(b'\n');
    let spaced = SignedParts { hash_chain_result: Some(result), ..chained };
    assert_eq!(code(&spaced), "invalid_signature_value", "the result's octets are what is signed");
}

#[test]
fn refuses_texts_that_are_no_signatures() {
    for (text, code) in [
        ("", "invalid_xml"),
        ("nothing", "invalid_xml"),
        ("<a/>", M),
        ("<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>", M),
    ] {
        assert_eq!(verdict(text.to_owned()), code, "{text}");
    }
    assert_eq!(verdict(format!("{}{}", good(), " ".repeat(5_000_000))), "invalid_xml");
    let deep = "<a>".repeat(500) + &"</a>".repeat(500);
    assert_eq!(verdict(with("<ds:KeyInfo>", &format!("{deep}<ds:KeyInfo>"))), "invalid_xml");
    let good = good();
    for length in (0..good.len()).step_by(97) {
        assert_eq!(verdict(good[..length].to_owned()), "invalid_xml", "cut after {length}");
    }
}

/// A caller that has no octets any more, and a reference under another digest than the one that was made.
#[test]
fn refuses_a_digest_that_cannot_be_made_any_more() {
    let workshop = workshop();
    let signed = workshop.signed("ec", EC, &[vec![MESSAGE]]).remove(0);
    let digest = trust::DigestAlgorithm::Sha256.digest(MESSAGE);
    let part = |bytes| ReceivedPart {
        name: "/message.xml",
        algorithm: trust::DigestAlgorithm::Sha256,
        digest: &digest,
        bytes,
    };
    let judge = |part| verify(&signed, &[part], &member(), &workshop.authorities, workshop.at).map(|_| ());
    assert_eq!(judge(part(Some(MESSAGE))), Ok(()));
    assert_eq!(judge(part(None)), Err(Refusal::DigestUnavailable { uri: "/message.xml".to_owned() }));
}
