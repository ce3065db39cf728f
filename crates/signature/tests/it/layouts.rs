//! Texts that nothing covers, laid out as other producers do: they verify, and still no octet of them is free.

use crate::containers::{batch, entries, judge, single, zipped};
use crate::workshop::workshop;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const HC: &str = "http://cyber.ee/hashchain";
const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

/// The container with one entry written otherwise.
fn with_text(zip: &[u8], name: &str, text: &[u8]) -> Vec<u8> {
    let mut entries = entries(zip);
    let entry = entries.iter_mut().find(|(entry, _)| entry == name).unwrap();
    entry.1 = text.to_vec();
    zipped(&entries)
}

fn text_of(zip: &[u8], name: &str) -> String {
    let found = entries(zip).into_iter().find(|(entry, _)| entry == name).unwrap();
    String::from_utf8(found.1).unwrap()
}

/// Everything but the lines' indentation and ends.
fn compact(text: &str) -> String {
    text.lines().map(str::trim_start).collect()
}

/// Verifies with this text, and then with one bit of each of its octets changed, or of some hundreds of them.
#[track_caller]
fn is_taken_and_every_octet_counts(zip: &[u8], name: &str, text: &str) {
    let authorities = &workshop().authorities;
    let judge = |text: &[u8]| judge(&with_text(zip, name, text), authorities);
    if let Err(why) = judge(text.as_bytes()) {
        panic!("{why}:\n{text}");
    }
    for at in (0..text.len()).step_by(1 + text.len() / 600) {
        let mut changed = text.as_bytes().to_vec();
        changed[at] ^= 1 << (at % 5);
        assert!(judge(&changed).is_err(), "octet {at} is free: {}", String::from_utf8_lossy(&changed));
    }
}

#[track_caller]
fn is_not_taken(zip: &[u8], name: &str, text: &str) {
    assert_ne!(text, text_of(zip, name), "nothing was changed");
    let refused = judge(&with_text(zip, name, text.as_bytes()), &workshop().authorities);
    assert!(refused.as_ref().is_err_and(|why| why.starts_with("asic_not_covered")), "{refused:?}:\n{text}");
}

/// The chain, whose prefixes are those of JAXB, with others.
fn renamed(chain: &str, hash_chain: &str, signature: &str) -> String {
    let colon = |prefix: &str| if prefix.is_empty() { String::new() } else { format!("{prefix}:") };
    let declared =
        |prefix: &str| if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
    let (open, close) = (colon(signature), colon(hash_chain));
    chain
        .replace("<Digest", &format!("<{open}Digest"))
        .replace("</Digest", &format!("</{open}Digest"))
        .replace("ns2:", &close)
        .replace(&format!("xmlns=\"{DS}\""), &format!("{}=\"{DS}\"", declared(signature)))
        .replace(&format!("xmlns:{}\"{HC}\"", "ns2="), &format!("{}=\"{HC}\"", declared(hash_chain)))
        .replace(&format!("xmlns:{close}"), &format!("xmlns:{hash_chain}"))
}

#[test]
fn a_hash_chain_may_be_laid_out_otherwise_and_still_every_octet_counts() {
    let zip = batch(workshop());
    let name = "sig-hashchain.xml";
    let chain = text_of(&zip, name);
    assert!(chain.contains("STEP1") && chain.contains("/attachment1"), "{chain}");
    let (declaration, body) = chain.split_once('\n').unwrap();
    let method = format!("<DigestMethod Algorithm=\"{SHA512}\"/>");
    let every_value = compact(&chain)
        .replace(&format!("<ns2:DefaultDigestMethod Algorithm=\"{SHA512}\"/>"), "")
        .replace("<DigestValue>", &format!("{method}<DigestValue>"))
        .replace("URI=\"#STEP1\"/>", &format!("URI=\"#STEP1\">{method}</ns2:StepRef>"))
        .replace("URI=\"#STEP2\"/>", &format!("URI=\"#STEP2\">{method}</ns2:StepRef>"));
    let nearby = format!("<DigestValue xmlns=\"{DS}\">");
    let layouts = [
        compact(&chain),
        body.to_owned(),
        format!("{declaration}{body}"),
        chain.trim_end().to_owned(),
        chain.replace("standalone=\"yes\"", "standalone=\"no\""),
        chain.replace("    ", "  "),
        chain.replace("    ", "\t"),
        renamed(&chain, "hc", "ds"),
        renamed(&chain, "", "ns3"),
        every_value,
        chain.replace("STEP1", "own").replace("STEP2", "parts"),
        chain.replace("\"#STEP1\"", "\"/sig-hashchain.xml#STEP1\""),
        chain.replace(&format!(" xmlns=\"{DS}\""), "").replace("<DigestValue>", &nearby),
    ];
    for layout in layouts {
        assert_ne!(layout, chain);
        is_taken_and_every_octet_counts(&zip, name, &layout);
    }
}

#[test]
fn what_could_be_a_change_of_a_hash_chain_is_not_taken() {
    let zip = batch(workshop());
    let name = "sig-hashchain.xml";
    let chain = text_of(&zip, name);
    let method = format!("<DigestMethod Algorithm=\"{SHA512}\"/><DigestValue>");
    let refs = |chain: &str, number: usize| {
        chain.replace(
            &format!("URI=\"#STEP{number}\"/>"),
            &format!("URI=\"#STEP{number}\">{method}</ns2:StepRef>").replace("<DigestValue>", ""),
        )
    };
    for text in [
        chain.replace("<ns2:HashStep id=\"STEP1\">", "<ns2:HashStep  id=\"STEP1\">"),
        chain.replace("id=\"STEP1\"", "id='STEP1'"),
        chain.replace("\"STEP1\"", "\"STEP&#49;\""),
        chain.replace(&format!("xmlns=\"{DS}\""), &format!("xmlns=\"{DS}\" xmlns:more=\"urn:more\"")),
        chain.replacen("        <", "       <", 1),
        chain.replacen("\n", "\n\n", 2),
        chain.replacen("</DigestValue>", " </DigestValue>", 1),
        format!("{chain}\n"),
        // The default method is named, and nobody needs it.
        refs(&refs(&chain.replace("<DigestValue>", &method), 1), 2),
    ] {
        is_not_taken(&zip, name, &text);
    }
    // Names that no digest covers: the parts are not called as their places say.
    let mut whole = entries(&zip);
    whole.retain(|(entry, _)| entry != "attachment1");
    for (entry, octets) in &mut whole {
        let text = String::from_utf8_lossy(octets).into_owned();
        if entry == "sig-hashchain.xml" {
            *octets = text.replace("/attachment1", "/attachment2").into_bytes();
        } else if entry == "META-INF/manifest.xml" {
            let lines = text.split_inclusive('\n').filter(|line| !line.contains("attachment1"));
            *octets = lines.collect::<String>().into_bytes();
        }
    }
    let refused = judge(&zipped(&whole), &workshop().authorities).unwrap_err();
    assert!(refused.contains("its parts are not called as they must be"), "{refused}");
}

#[test]
fn a_chain_of_a_time_stamp_may_be_laid_out_otherwise_too() {
    let zip = batch(workshop());
    let name = "ts-hashchain.xml";
    let chain = text_of(&zip, name);
    is_taken_and_every_octet_counts(&zip, name, &compact(&chain));
    is_taken_and_every_octet_counts(&zip, name, &renamed(&chain, "c", ""));
    is_not_taken(&zip, name, &chain.replacen("\n", "\n ", 2));
}

#[test]
fn a_signature_with_a_single_time_stamp_may_be_laid_out_otherwise_and_still_every_octet_counts() {
    let zip = single(workshop());
    let name = "META-INF/signatures.xml";
    let text = text_of(&zip, name);
    let (_, certificate) = text.split_once("<ds:X509Certificate>").unwrap();
    let (certificate, _) = certificate.split_once("</ds:X509Certificate>\n").unwrap();
    let certificate = format!("<ds:X509Certificate>{certificate}</ds:X509Certificate>\n");
    let layouts = [
        text.replace("<ds:SignedInfo>", &format!("<ds:SignedInfo xmlns:ds=\"{DS}\">")),
        text.replace("Id=\"signature\"", "Id=\"_x-signature\"")
            .replace("Target=\"#signature\"", "Target=\"#_x-signature\"")
            .replace("\"signature-value\"", "\"_x-signature-value\"")
            .replace("\"ocsp-response-", "\"_x-ocsp-response-"),
        text.replace(&certificate, &certificate.repeat(2)),
    ];
    for layout in layouts {
        assert_ne!(layout, text);
        is_taken_and_every_octet_counts(&zip, name, &layout);
    }
    for text in [
        text.replace("\"signature-value\"", "\"_x-signature-value\""),
        text.replace("\"ocsp-response-1\"", "\"ocsp-response-2\""),
        text.replace("<ds:KeyInfo>", "<ds:KeyInfo Id=\"key\">"),
        text.replace("<ds:Object>", "<ds:Object Id=\"object\">"),
        text.replace("<ds:KeyInfo>", "<ds:KeyInfo >"),
        text.replace("<ds:KeyInfo>\n", "<ds:KeyInfo> "),
    ] {
        is_not_taken(&zip, name, &text);
    }
}
