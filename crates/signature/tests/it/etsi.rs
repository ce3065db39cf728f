//! The second form of a signature, for validators that know XAdES and nothing of X-Road: judged by xmlsec1, libxml2 and openssl.

use std::path::Path;
use std::process::Command;

use signature::container::AsicContainer;
use signature::etsi::{self, Added, ENTRY, Refusal};
use signature::evidence::StampKind;
use zip::ZipArchive;

use crate::containers::{batch, entries, judge, single, zipped};
use crate::support;
use crate::workshop::{Workshop, run, workshop};

/// What a general validator stamps and reads, by libxml2: the `ds:SignatureValue` alone, in exclusive canonical form.
const CANONICAL_VALUE: &str = "import sys; from lxml import etree; \
    value = next(etree.parse('second.xml').iter('{http://www.w3.org/2000/09/xmldsig#}SignatureValue')); value.tail = None; \
    open('value', 'wb').write(etree.tostring(value, method='c14n', exclusive=True))";

/// The container with its second form, stamped by the workshop's authority.
fn with_second(workshop: &Workshop, zip: &[u8]) -> AsicContainer {
    let container = AsicContainer::read(zip).unwrap();
    let report = judge(zip, &workshop.authorities).unwrap();
    let signatures_xml = &container.signed.signatures_xml;
    let token = workshop.stamp(&etsi::to_be_stamped(signatures_xml).unwrap());
    let certificates = report.chain.iter().map(|one| one.der().to_vec()).collect();
    let document = etsi::write(signatures_xml, &Added { token, certificates }).unwrap();
    container.with_etsi(document)
}

fn written(container: &AsicContainer) -> Vec<u8> {
    container.write(workshop().at).unwrap()
}

/// The same document without what a second form may add.
fn stripped(document: &[u8], folder: &Path) -> Vec<u8> {
    std::fs::write(folder.join("in.xml"), document).unwrap();
    let strip = "from lxml import etree; x = '{http://uri.etsi.org/01903/v1.3.2#}'; t = etree.parse('in.xml'); \
        [e.getparent().remove(e) for n in ('SignatureTimeStamp', 'CertificateValues') for e in list(t.iter(x + n))]; \
        t.write('out.xml', method='c14n')";
    run(folder, "/usr/bin/python3", &["-c", strip]);
    std::fs::read(folder.join("out.xml")).unwrap()
}

#[test]
fn others_find_the_same_signature_and_a_time_stamp_over_its_value() {
    let workshop = workshop();
    for (zip, kind) in [(batch(workshop), StampKind::Batch), (single(workshop), StampKind::Single)] {
        let container = with_second(workshop, &zip);
        let folder = tempfile::tempdir_in(workshop.folder()).unwrap();
        let at = folder.path();
        let second = container.etsi.clone().unwrap();
        assert_eq!(stripped(&second, at), stripped(&container.signed.signatures_xml, at));
        std::fs::write(at.join("second.xml"), &second).unwrap();
        std::fs::write(at.join("message"), &container.message).unwrap();
        std::fs::write(at.join("result"), container.signed.hash_chain_result.clone().unwrap_or_default())
            .unwrap();
        let maps = ["--url-map:/message.xml", "message", "--url-map:/sig-hashchainresult.xml", "result"];
        let verify = ["--verify", "--insecure", "--id-attr:Id", "SignedProperties"];
        run(at, "xmlsec1", &[&verify[..], &maps, &["second.xml"]].concat());
        run(at, "/usr/bin/python3", &["-c", CANONICAL_VALUE]);
        let token = etsi::read(&second, &container.signed.signatures_xml).unwrap().token;
        std::fs::write(at.join("token"), token).unwrap();
        let stamp = ["ts", "-verify", "-in", "token", "-token_in", "-data", "value", "-CAfile", "../tsa.pem"];
        run(at, "openssl", &[&stamp[..], &["-partial_chain"]].concat());
        std::fs::write(at.join("value"), "another value").unwrap();
        let output = Command::new("openssl").args(stamp).arg("-partial_chain").current_dir(at).output();
        assert!(!output.unwrap().status.success());

        let report = judge(&written(&container), &workshop.authorities).unwrap();
        assert_eq!(report.stamp, kind, "what X-Road reads is what it was");
        assert!(report.second_stamp.is_some_and(|second| second.time >= report.time));
    }
}

#[test]
fn the_container_is_laid_out_for_both_readers() {
    let workshop = workshop();
    let plain = batch(workshop);
    let zip = written(&with_second(workshop, &plain));
    // X-Road reads this name and no other; nothing that it reads has changed.
    let (before, after) = (entries(&plain), entries(&zip));
    for (name, octets) in &before {
        let found = after.iter().find(|(other, _)| other == name);
        if name == "META-INF/ASiCManifest.xml" {
            assert_eq!(found, None, "it says what is not so");
        } else {
            assert_eq!(found.map(|(_, octets)| octets), Some(octets), "{name}");
        }
    }
    let new: Vec<&str> = after
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| before.iter().all(|(one, _)| one != name))
        .collect();
    assert_eq!(new, [ENTRY]);
    let mut archive = ZipArchive::new(std::io::Cursor::new(&zip)).unwrap();
    let first = archive.by_index(0).unwrap();
    assert_eq!(first.name().unwrap(), "mimetype");
    assert_eq!(first.compression(), zip::CompressionMethod::Stored);
    assert_eq!(&zip[30..38], b"mimetype");
}

#[test]
fn the_certificates_lead_from_the_signer_to_the_root() {
    let workshop = workshop();
    let report = judge(&batch(workshop), &workshop.authorities).unwrap();
    let names: Vec<_> = report.chain.iter().filter_map(|one| one.common_name()).collect();
    assert!(names.contains(&"Root".to_owned()), "{names:?}");
    assert!(!report.chain.contains(&report.signer), "it stands in ds:KeyInfo");
}

#[test]
fn one_octet_changed_in_the_second_form_is_refused() {
    let workshop = workshop();
    let container = with_second(workshop, &batch(workshop));
    let good = container.etsi.clone().unwrap();
    for at in (0..good.len()).step_by(37) {
        let mut document = good.clone();
        document[at] ^= 1 << (at % 7);
        let zip = written(&container.clone().with_etsi(document));
        assert!(judge(&zip, &workshop.authorities).is_err(), "octet {at}");
    }
}

#[test]
fn what_is_no_second_form_is_refused() {
    let workshop = workshop();
    let zip = batch(workshop);
    let container = with_second(workshop, &zip);
    let first = container.signed.signatures_xml.clone();
    let added = etsi::read(container.etsi.as_ref().unwrap(), &first).unwrap();
    let refused = |added: &Added| {
        let document = etsi::write(&first, added).unwrap();
        judge(&written(&container.clone().with_etsi(document)), &workshop.authorities).expect_err("refused")
    };
    // The token of the batch is over something else.
    let other = Added { token: container.stamp.clone().unwrap().token, ..added.clone() };
    assert!(refused(&other).contains("mlog.invalid_timestamp"), "{}", refused(&other));
    // A certificate that nobody here knows.
    let folder = tempfile::tempdir().unwrap();
    let own =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"];
    run(folder.path(), "openssl", &[&own[..], &["-keyout", "k", "-outform", "DER", "-out", "c"]].concat());
    let mut stranger = added.clone();
    stranger.certificates.push(std::fs::read(folder.path().join("c")).unwrap());
    assert!(refused(&stranger).contains("a certificate that is unknown"), "{}", refused(&stranger));
    // The first document as its own second; one of another signature; no signature.
    assert_eq!(etsi::read(&first, &first), Err(Refusal::OtherContents));
    let another = with_second(workshop, &batch(workshop)).etsi.unwrap();
    let other_first = AsicContainer::read(&single(workshop)).unwrap().signed.signatures_xml;
    assert!(etsi::read(&another, &other_first).is_err());
    assert!(matches!(etsi::to_be_stamped(b"<a/>"), Err(Refusal::Unreadable(_))));
    // Two of the name, whatever the case; a third document.
    let mut all = entries(&written(&container));
    all.push(("META-INF/signatures-third.xml".to_owned(), first));
    assert_eq!(judge(&zipped(&all), &workshop.authorities).expect_err("refused"), "asic_invalid");
}

/// Of a live server's containers, the octets of which we did not choose.
#[test]
fn containers_of_a_live_server_get_a_second_form() {
    let Some(vectors) = support::vectors() else { return };
    let workshop = workshop();
    let file = vectors.join("recorded/messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    let zip = std::fs::read(file).unwrap();
    let mut authorities = support::recorded(&vectors);
    authorities.time_stampers.extend(workshop.authorities.time_stampers.clone());
    let container = AsicContainer::read(&zip).unwrap();
    let first = container.signed.signatures_xml.clone();
    let certificates: Vec<Vec<u8>> =
        judge(&zip, &authorities).unwrap().chain.iter().map(|one| one.der().to_vec()).collect();
    assert!(!certificates.is_empty());
    let token = workshop.stamp(&etsi::to_be_stamped(&first).unwrap());
    let document = etsi::write(&first, &Added { token, certificates }).unwrap();
    let report = judge(&written(&container.with_etsi(document)), &authorities).unwrap();
    let second = report.second_stamp.unwrap();
    assert_eq!(second.time_stamper.common_name().as_deref(), Some("TSA"));
}
