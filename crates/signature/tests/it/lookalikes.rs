//! Documents that another program takes for signed, and that say something else: signature wrapping in all its classic variants, texts
//! with a hole in them, names that are nearly the right ones. xmlsec1 shows of those that are cryptographically whole that they are.

use std::path::Path;
use std::process::Command;

use signature::SignedParts;
use signature::verify::verify;

use crate::workshop::{EC, leaf, member, received, workshop};

const MESSAGE: &[u8] = b"GET\r\n/r1/EX/GOV/member/system/svc\r\nX-Road-Client:EX/GOV/member/system\r\n";
const BODY: &[u8] = b"a body";

fn judged(signed: &SignedParts, octets: &[&[u8]]) -> Result<(), String> {
    let (workshop, leaf) = (workshop(), leaf(octets));
    let verdict = verify(signed, &received(&leaf, octets), &member(), &workshop.authorities, workshop.at);
    verdict.map(|_| ()).map_err(|refusal| refusal.code().to_owned())
}

fn verdict(document: &str) -> String {
    let signatures_xml = document.as_bytes().to_vec();
    let signed = SignedParts { signatures_xml, hash_chain_result: None, hash_chain: None };
    judged(&signed, &[MESSAGE]).map_or_else(|code| code, |()| "accepted".to_owned())
}

fn good() -> String {
    let signed = workshop().signed("ec", EC, &[vec![MESSAGE]]).remove(0);
    let document = String::from_utf8(signed.signatures_xml).unwrap();
    assert_eq!(verdict(&document), "accepted");
    document
}

/// Whether xmlsec1 finds the signature called `signature` good.
fn xmlsec1_takes(folder: &Path, document: &str) -> bool {
    std::fs::write(folder.join("signatures.xml"), document).unwrap();
    std::fs::write(folder.join("message"), MESSAGE).unwrap();
    let found = "//*[local-name()='Signature' and @Id='signature']";
    let told = Command::new("xmlsec1")
        .args(["--verify", "--insecure", "--id-attr:Id", "SignedProperties", "--node-xpath", found])
        .args(["--url-map:/message.xml", "message", "signatures.xml"])
        .current_dir(folder)
        .output()
        .unwrap();
    told.status.success()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap();
    &text[from..from + text[from..].find(end).unwrap() + end.len()]
}

/// The eight variants of Somorovsky and others, told of the signed properties instead of a SAML assertion: what is signed stands somewhere,
/// untouched and found by its Id, and what is read by its place is forged.
#[test]
fn refuses_every_classic_wrapping_that_leaves_the_signature_whole() {
    let good = good();
    let folder = tempfile::tempdir().unwrap();
    let signature = between(&good, "<ds:Signature Id", "</ds:Signature>");
    let signed = between(&good, "<xades:SignedProperties ", "</xades:SignedProperties>");
    let time = between(&good, "<xades:SigningTime>", "</xades:SigningTime>");
    let forged = signed
        .replace("Id=\"signed-properties\"", "Id=\"forged\"")
        .replace(time, "<xades:SigningTime>2001-01-01T00:00:00.000Z</xades:SigningTime>");
    let with_child =
        forged.replace("</xades:SignedProperties>", &format!("{signed}</xades:SignedProperties>"));
    let evil = signature
        .replace(signed, &forged)
        .replace("Id=\"signature\"", "Id=\"evil\"")
        .replace("\"#signature\"", "\"#evil\"")
        .replace("\"signature-", "\"evil-")
        .replace("ocsp-response", "evil-response");
    let in_object = format!("</ds:Object><ds:Object>{signed}</ds:Object>");
    let variants = [
        (
            "1: the signature inside a forged one",
            good.replace(signature, &evil.replace("</ds:Object>", &format!("{signature}</ds:Object>"))),
        ),
        ("2: beside a forged one, behind it", good.replace(signature, &format!("{evil}{signature}"))),
        ("2: beside a forged one, before it", good.replace(signature, &format!("{signature}{evil}"))),
        ("3: forged properties before the signed", good.replace(signed, &format!("{forged}{signed}"))),
        ("4: the signed inside the forged", good.replace(signed, &with_child)),
        (
            "5: the signed at the end of the signature",
            good.replace(signed, &forged).replace("</ds:Signature>", &format!("{signed}</ds:Signature>")),
        ),
        (
            "6: the signed at the end of the document",
            good.replace(signed, &forged)
                .replace("</asic:XAdESSignatures>", &format!("{signed}</asic:XAdESSignatures>")),
        ),
        (
            "7: the signed among what is not signed",
            good.replace(signed, &forged).replace(
                "</xades:UnsignedSignatureProperties>",
                &format!("{signed}</xades:UnsignedSignatureProperties>"),
            ),
        ),
        (
            "8: the signed in an object of its own",
            good.replace(signed, &forged).replace("</ds:Object>", &in_object),
        ),
        (
            "8: in an object before",
            good.replace(signed, &forged)
                .replace("<ds:Object>", &format!("<ds:Object>{signed}</ds:Object><ds:Object>")),
        ),
        (
            "in the information on the key",
            good.replace(signed, &forged).replace("</ds:KeyInfo>", &format!("{signed}</ds:KeyInfo>")),
        ),
        (
            "before the signature",
            good.replace(signed, &forged)
                .replace(signature, &format!("{signed}{}", signature.replace(signed, &forged))),
        ),
    ];
    let mut taken = vec![];
    for (name, document) in variants {
        if xmlsec1_takes(folder.path(), &document) {
            taken.push(name);
        }
        assert_eq!(verdict(&document), "malformed_signature", "{name}");
    }
    println!("whole for xmlsec1: {taken:?}");
    assert!(taken.len() >= 8, "{taken:?}");
}

/// A comment cuts a text in two for programs that read the first piece only, and canonical XML does not see it.
#[test]
fn refuses_a_comment_or_an_instruction_inside_any_text() {
    let good = good();
    let document = roxmltree::Document::parse(&good).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut tried, mut whole_for_xmlsec1) = (0, 0);
    for text in document.descendants().filter(|node| node.is_text()) {
        let at = text.range().start + text.range().len() / 2;
        // Not into a character reference.
        let at = good[..at].rfind('&').filter(|from| !good[*from..at].contains(';')).unwrap_or(at);
        for hole in ["<!---->", "<!-- 2 -->", "<?a?>"] {
            let (before, after) = good.split_at(at);
            let holed = format!("{before}{hole}{after}");
            assert_eq!(verdict(&holed), "malformed_signature", "{hole} in {:?}", text.parent_element());
            tried += 1;
            whole_for_xmlsec1 += usize::from(hole == "<!---->" && xmlsec1_takes(folder.path(), &holed));
        }
    }
    println!("{tried} holes, {whole_for_xmlsec1} of them nothing to xmlsec1");
    assert!(tried > 60 && whole_for_xmlsec1 > 10, "{tried} {whole_for_xmlsec1}");
}

#[test]
fn refuses_a_comment_inside_any_value_of_a_hash_chain() {
    let signed = workshop().signed("ec", EC, &[vec![MESSAGE, BODY]]).remove(0);
    let octets: [&[u8]; 2] = [MESSAGE, BODY];
    assert_eq!(judged(&signed, &octets), Ok(()));
    let chain = String::from_utf8(signed.hash_chain.clone().unwrap()).unwrap();
    let result = String::from_utf8(signed.hash_chain_result.clone().unwrap()).unwrap();
    let holed = |text: &str, at: usize| format!("{}<!-- -->{}", &text[..at], &text[at..]).into_bytes();
    let places = |text: &str| -> Vec<usize> {
        let document = roxmltree::Document::parse(text).unwrap();
        let texts = document.descendants().filter(roxmltree::Node::is_text);
        texts.map(|node| node.range().start + node.range().len() / 2).collect()
    };
    for at in places(&chain) {
        let bent = SignedParts { hash_chain: Some(holed(&chain, at)), ..signed.clone() };
        let code = judged(&bent, &octets).unwrap_err();
        assert_eq!(code, "malformed_signature.malformed_hash_chain", "{at}");
    }
    for at in places(&result) {
        let bent = SignedParts { hash_chain_result: Some(holed(&result, at)), ..signed.clone() };
        assert!(judged(&bent, &octets).is_err(), "{at}");
    }
}

#[test]
fn refuses_ids_and_references_that_are_nearly_right() {
    let good = good();
    let with = |before: &str, after: &str| {
        assert!(good.contains(before), "{before}");
        verdict(&good.replacen(before, after, 1))
    };
    let m = "malformed_signature";
    // Of the signed properties, whose Id is looked for.
    for id in ["ID", "id", "iD", "xml:id", "ds:Id", "xades:Id", "xsi:Id", "AssertionID", "Ident"] {
        assert_eq!(with(" Id=\"signed-properties\"", &format!(" {id}=\"signed-properties\"")), m, "{id}");
        assert_eq!(
            with("<ds:KeyInfo", &format!("<ds:KeyInfo {id}=\"signed-properties\"")),
            m,
            "{id} elsewhere"
        );
        let beside = format!(" Id=\"other\" {id}=\"signed-properties\"");
        assert_eq!(with(" Id=\"signed-properties\"", &beside), m, "{id} beside");
    }
    for element in
        ["<ds:X509Data", "<ds:SignatureValue", "<ds:DigestMethod", "<xades:Cert", "<asic:XAdESSignatures"]
    {
        assert_ne!(with(element, &format!("{element} Id=\"signed-properties\"")), "accepted", "{element}");
    }
    for uri in [
        "#xpointer(id('signed-properties'))",
        "#xpointer(/)",
        "#element(signed-properties)",
        "#xmlns(x=y)xpointer(//x)",
        "signatures.xml#signed-properties",
        "/#signed-properties",
        "# signed-properties",
        "#signed-properties ",
        "##signed-properties",
        "#Signed-Properties",
        "%23signed-properties",
        "#signed&#45;propertie",
    ] {
        assert_eq!(with("\"#signed-properties\"", &format!("\"{uri}\"")), m, "{uri}");
    }
    for uri in [
        "message.xml",
        "./message.xml",
        "//message.xml",
        "/MESSAGE.xml",
        "/%6dessage.xml",
        "/message.xml#",
        "/message.xml#xpointer(/)",
        "/message.xml?",
        "/x/../message.xml",
        "file:///message.xml",
        "\u{2f}message.xml\u{200b}",
    ] {
        assert_eq!(with("URI=\"/message.xml\"", &format!("URI=\"{uri}\"")), m, "{uri}");
    }
}

#[test]
fn refuses_transforms_that_drop_what_is_signed() {
    let (good, m) = (good(), "malformed_signature");
    let properties = between(&good, "<ds:Reference Id=\"signature-reference-1\"", "</ds:Reference>");
    let transformed = |transforms: &str| {
        let list = format!("<ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod");
        verdict(&good.replace(properties, &properties.replacen("<ds:DigestMethod", &list, 1)))
    };
    let transform = |algorithm: &str, inside: &str| {
        format!("<ds:Transform Algorithm=\"{algorithm}\">{inside}</ds:Transform>")
    };
    let canonical = transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "");
    for (algorithm, inside) in [
        ("http://www.w3.org/TR/1999/REC-xpath-19991116", "<ds:XPath>false()</ds:XPath>"),
        ("http://www.w3.org/2002/06/xmldsig-filter2", "<ds:XPath>/x</ds:XPath>"),
        ("http://www.w3.org/TR/1999/REC-xslt-19991116", ""),
        ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", ""),
        ("http://www.w3.org/2000/09/xmldsig#base64", ""),
        ("http://www.w3.org/2002/07/decrypt#XML", ""),
        ("http://www.w3.org/2006/12/xml-c14n11", "<ds:XPath>false()</ds:XPath>"),
        ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "<ds:XPath>false()</ds:XPath>"),
    ] {
        assert_eq!(transformed(&transform(algorithm, inside)), m, "{algorithm}");
        assert_eq!(
            transformed(&(canonical.clone() + &transform(algorithm, inside))),
            m,
            "{algorithm}, second"
        );
    }
    assert_eq!(transformed(&canonical.repeat(2)), m, "two of them");
    assert_eq!(transformed(&canonical.repeat(6)), m, "six of them");
    assert_eq!(transformed(&canonical), "invalid_signature_value", "one is fine, and was not signed");
}
