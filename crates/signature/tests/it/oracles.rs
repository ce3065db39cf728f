//! Judges that share no code with us: xmlsec1 on what we sign, xmllint with the schemas, libxml2's canonical forms.

use std::path::Path;
use std::process::Command;

use signature::canonical::{self, Method};
use signature::container::AsicContainer;
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};

use crate::containers::{batch, single};
use crate::support;
use crate::workshop::{EC, RSA, run, workshop};

const MESSAGE: &[u8] = b"GET\r\n/r1/EX/GOV/member/system/svc\r\nX-Road-Client:EX/GOV/member/system\r\n";

#[test]
fn xmlsec1_verifies_what_we_sign() {
    let workshop = workshop();
    let cases = [
        ("rsa", RSA),
        ("rsa", SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256)),
        ("ec", EC),
        ("below", EC),
    ];
    for (name, algorithm) in cases {
        for shape in [vec![MESSAGE], vec![MESSAGE, b"body".as_slice()]] {
            let signed = workshop.signed(name, algorithm, std::slice::from_ref(&shape)).remove(0);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path();
            std::fs::write(path.join("signatures.xml"), &signed.signatures_xml).unwrap();
            std::fs::write(path.join("message"), MESSAGE).unwrap();
            std::fs::write(path.join("result"), signed.hash_chain_result.clone().unwrap_or_default())
                .unwrap();
            let arguments = [
                "--verify",
                "--insecure",
                "--id-attr:Id",
                "SignedProperties",
                "--url-map:/message.xml",
                "message",
                "--url-map:/sig-hashchainresult.xml",
                "result",
                "signatures.xml",
            ];
            let output = Command::new("xmlsec1").args(arguments).current_dir(path).output().unwrap();
            let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success() && told.contains("2/2"), "{name} {algorithm:?}: {told}");
            // And it notices another message.
            std::fs::write(path.join("message"), b"other").unwrap();
            std::fs::write(path.join("result"), b"other").unwrap();
            let output = Command::new("xmlsec1").args(arguments).current_dir(path).output().unwrap();
            assert!(!output.status.success());
        }
    }
}

fn validates(folder: &Path, schema: &str, document: &[u8]) {
    std::fs::write(folder.join("document.xml"), document).unwrap();
    run(folder, "xmllint", &["--noout", "--nonet", "--schema", schema, "document.xml"]);
}

#[test]
fn the_schemas_accept_what_we_write() {
    let Some(vectors) = support::vectors() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for schema in ["hashchain.xsd", "xmldsig-core-schema.xsd", "xades-schema.xsd"] {
        std::fs::copy(vectors.join("schemas/xsd").join(schema), path.join(schema)).unwrap();
    }
    std::fs::write(
        path.join("wrapper.xsd"),
        "<schema xmlns='http://www.w3.org/2001/XMLSchema' xmlns:ds='http://www.w3.org/2000/09/xmldsig#' \
         targetNamespace='http://uri.etsi.org/02918/v1.2.1#' elementFormDefault='qualified'>\
         <import namespace='http://www.w3.org/2000/09/xmldsig#' schemaLocation='xmldsig-core-schema.xsd'/>\
         <import namespace='http://uri.etsi.org/01903/v1.3.2#' schemaLocation='xades-schema.xsd'/>\
         <element name='XAdESSignatures'><complexType><sequence><element ref='ds:Signature'/></sequence>\
         </complexType></element></schema>",
    )
    .unwrap();
    for zip in [single(workshop()), batch(workshop())] {
        let container = AsicContainer::read(&zip).unwrap();
        validates(path, "wrapper.xsd", &container.signed.signatures_xml);
        for document in
            [container.signed.hash_chain, container.signed.hash_chain_result].into_iter().flatten()
        {
            validates(path, "hashchain.xsd", &document);
        }
        if let Some(stamp) = container.stamp {
            validates(path, "hashchain.xsd", &stamp.chain);
            validates(path, "hashchain.xsd", &stamp.result);
        }
    }
}

#[test]
fn unzip_tests_our_containers_and_openssl_our_time_stamps() {
    let workshop = workshop();
    let folder = tempfile::tempdir_in(workshop.folder()).unwrap();
    let path = folder.path();
    std::fs::write(path.join("x.asice"), batch(workshop)).unwrap();
    let told = Command::new("unzip").args(["-tq", "x.asice"]).current_dir(path).output();
    if let Ok(output) = told {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let stamp = AsicContainer::read(&batch(workshop)).unwrap().stamp.unwrap();
    std::fs::write(path.join("token"), stamp.token).unwrap();
    std::fs::write(path.join("result"), stamp.result).unwrap();
    let arguments = [
        "ts",
        "-verify",
        "-in",
        "token",
        "-token_in",
        "-data",
        "result",
        "-CAfile",
        "../tsa.pem",
        "-partial_chain",
    ];
    run(path, "openssl", &arguments);
}

#[test]
fn libxml2_makes_the_same_canonical_forms() {
    let mut documents = vec![
        "<a xmlns='urn:1' xmlns:z='urn:z' xmlns:y='urn:y'><z:b y:q='1' q='2' xmlns=''>t&#13;\r\n<c/></z:b><!-- c --></a>"
            .to_owned(),
        "<?p q?><r xml:lang='km'><n:a xmlns:n='urn:1'><n:b xmlns:n='urn:2' n:c=\"&#9;&quot;'\"/></n:a></r><!-- e -->"
            .to_owned(),
    ];
    let signed = workshop().signed("below", EC, &[vec![MESSAGE]]).remove(0);
    documents.push(String::from_utf8(signed.signatures_xml).unwrap());
    if let Some(vectors) = support::vectors() {
        for file in ["signature/files/sign-0.xml", "signature/files/non-batch-sig/signatures.xml"] {
            documents.push(std::fs::read_to_string(vectors.join(file)).unwrap());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for text in &documents {
        std::fs::write(folder.path().join("document.xml"), text).unwrap();
        let document = roxmltree::Document::parse(text).unwrap();
        for (option, uri) in [
            ("--c14n", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"),
            ("--c14n11", "http://www.w3.org/2006/12/xml-c14n11#WithComments"),
            ("--exc-c14n", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
        ] {
            let theirs = run(folder.path(), "xmllint", &[option, "document.xml"]);
            let ours = canonical::document(&document, &Method::from_uri(uri).unwrap()).unwrap();
            assert_eq!(String::from_utf8(ours).unwrap(), String::from_utf8(theirs).unwrap(), "{uri}");
        }
    }
}
