//! What both gateways keep of exchanges, taken out and judged by programs that share no code with us.

use super::containers::{Container, exported, judge, stamped, stamped_singly, stored};
use super::tools::{entries, log_of, run, schemas};
use gateway::Config;
use keystore::KeyAlgorithm;
use messagelog::{Direction, Reader, RecordId};
use practice::PracticeAuthority;
use signature::evidence::StampKind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tempfile::TempDir;
use testkit::{Choices, Nation, Reply, call};

const SIGNATURES: &str = "META-INF/signatures.xml";
const WRAPPER: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
 targetNamespace="http://uri.etsi.org/02918/v1.2.1#" elementFormDefault="qualified">
<xs:import namespace="http://www.w3.org/2000/09/xmldsig#" schemaLocation="xmldsig-core-schema.xsd"/>
<xs:import namespace="http://uri.etsi.org/01903/v1.3.2#" schemaLocation="xades-schema.xsd"/>
<xs:element name="XAdESSignatures"><xs:complexType><xs:sequence><xs:element ref="ds:Signature"/></xs:sequence></xs:complexType></xs:element>
</xs:schema>"#;

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_tools_accept_the_evidence_of_p256_keys() {
    judged(KeyAlgorithm::EcP256, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_tools_accept_the_evidence_of_rsa_keys() {
    judged(KeyAlgorithm::Rsa2048, false).await;
}

async fn judged(algorithm: KeyAlgorithm, intermediate: bool) {
    let choices = Choices { algorithm, intermediate, ..Choices::default() };
    let nation = Nation::start_with(choices).await.unwrap();
    exchanges(&nation).await;
    let consumer = exported("consumer", &nation.consumer.config);
    let provider = exported("provider", &nation.provider.config);
    agree(&nation.consumer.config, &nation.provider.config);
    own_verdicts(&nation, &consumer);
    own_verdicts(&nation, &provider);
    let tools = Tools::prepare(&nation.authority);
    let mut judged: BTreeMap<_, usize> = BTreeMap::new();
    for container in consumer.iter().chain(&provider) {
        let count = judged.entry((container.side, container.direction, container.kind)).or_default();
        *count += 1;
        if *count <= 2 {
            tools.judge(container);
        }
    }
    println!(
        "{algorithm:?}: {} + {} containers; side, direction, (hash chain, body): {judged:?}",
        consumer.len(),
        provider.len()
    );
    let kinds: BTreeSet<_> = judged.keys().map(|(_, _, kind)| *kind).collect();
    for kind in [(false, false), (true, false), (true, true)] {
        assert!(kinds.contains(&kind), "there is no container with (hash chain, body) = {kind:?}");
    }
    for config in [&nation.consumer.config, &nation.provider.config] {
        tools.judge_globalconf(config);
    }
}

/// All kinds of evidence: direct signatures and hash chains over one and over many messages, time-stamps alone and in batches.
async fn exchanges(nation: &Nation) {
    nation.service.answers(Reply::status(204));
    let answer = nation.send(call("GET", "/v1/nothing"), None).await.unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
    stamped_singly(nation).await;
    let answer = nation.send(call("GET", "/v1/nothing"), None).await.unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
    nation.service.answers(Reply::json("{\"name\":\"SOK CHANNA\"}"));
    let head = call("POST", "/v1/people?x=1").with("Content-Type", "application/json");
    let answer = nation.send(head, Some(b"{\"name\":\"KEO SOPHEAP\"}")).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Requests without a body have a hash chain only where several were signed at once.
    for _ in 0..50 {
        let calls = (0..24).map(|n| nation.send(call("GET", &format!("/v1/people/{n}")), None));
        for answer in futures_util::future::join_all(calls).await {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let reader = log_of(&nation.consumer.config);
        let together = |id: RecordId| reader.record(id).unwrap().hash_chain.is_some();
        if entries(&reader)
            .iter()
            .any(|e| e.direction == Direction::Request && e.body_bytes.is_none() && together(e.id))
        {
            stamped(nation).await;
            return;
        }
    }
    panic!("however many came at once, each was signed alone");
}

/// Both gateways recorded the same octets.
fn agree(consumer: &Config, provider: &Config) {
    let all = |config: &Config| {
        let reader = log_of(config);
        let records = entries(&reader).into_iter().map(|entry| ((entry.query_id, entry.direction), entry.id));
        (records.collect::<BTreeMap<_, _>>(), reader)
    };
    let ((ours, our_log), (theirs, their_log)) = (all(consumer), all(provider));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, id) in &ours {
        let (one, other) = (our_log.record(*id).unwrap(), their_log.record(theirs[name]).unwrap());
        assert_eq!(one.message, other.message, "{name:?}");
        assert_eq!(one.signature, other.signature, "{name:?}");
        assert_eq!(one.hash_chain_result, other.hash_chain_result, "{name:?}");
        assert_eq!(one.hash_chain, other.hash_chain, "{name:?}");
        assert_eq!(one.entry.request_id, other.entry.request_id, "{name:?}");
        assert_eq!(one.entry.body_bytes, other.entry.body_bytes, "{name:?}");
        if one.entry.body_bytes.is_some() {
            assert_eq!(body(&our_log, *id), body(&their_log, theirs[name]), "{name:?}");
        }
    }
}

fn body(reader: &Reader, id: RecordId) -> Vec<u8> {
    let mut body = Vec::new();
    reader.body(id, 1, &mut body).unwrap();
    body
}

/// Each container verifies with the configuration that its gateway has stored, and with the other gateway's.
fn own_verdicts(nation: &Nation, containers: &[Container]) {
    for config in [&nation.consumer.config, &nation.provider.config] {
        let held = stored(config);
        for container in containers {
            let report =
                judge(&container.bytes, &held).unwrap_or_else(|why| panic!("{}: {why}", container.name));
            assert_eq!(report.stamp, StampKind::Batch, "{}", container.name);
            let (sender, signer) = match container.direction {
                Direction::Request => (testkit::CLIENT, &nation.consumer_identity.signing),
                Direction::Response => (testkit::PROVIDER, &nation.provider_identity.signing),
            };
            assert_eq!(
                (report.sender.to_string().as_str(), &report.signer),
                (sender, signer),
                "{}",
                container.name
            );
        }
    }
}

/// A folder with certificates and schemas, for programs of others.
struct Tools {
    folder: TempDir,
    intermediate: bool,
    schemas: bool,
}

impl Tools {
    fn prepare(authority: &PracticeAuthority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let pem = |name: &str, der: &[u8]| {
            std::fs::write(at.join("x.der"), der).unwrap();
            run(at, "openssl", &["x509", "-inform", "DER", "-in", "x.der", "-out", name]);
        };
        pem("root.pem", authority.root_certificate());
        pem("issuer.pem", authority.issuer_certificate());
        pem("tsa.pem", authority.tsa_certificate());
        pem("ocsp.pem", authority.ocsp_certificate());
        pem("root-ocsp.pem", authority.root_ocsp_certificate());
        let schemas = schemas();
        if let Some(from) = &schemas {
            run(at, "cp", &["-r", "--no-preserve=mode", &text(from), "xsd"]);
            std::fs::copy(at.join("xsd/identifiers.xsd"), at.join("xsd/globalconf/identifiers.xsd")).unwrap();
            std::fs::write(at.join("xsd/wrapper.xsd"), WRAPPER).unwrap();
        }
        Self {
            folder,
            intermediate: authority.intermediate_certificate().is_some(),
            schemas: schemas.is_some(),
        }
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name))
    }

    fn judge(&self, container: &Container) {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::write(at.join("x.asice"), &container.bytes).unwrap();
        run(at, "unzip", &["-t", "x.asice"]);
        python(at);
        run(at, "unzip", &["-q", "x.asice", "-d", "in"]);
        let at = at.join("in");
        self.signature(&at, container);
        self.revocation(&at);
        self.time_stamp(&at, container);
        self.validate(&at, "wrapper.xsd", &with_a_short_serial(&at));
        for chain in
            ["sig-hashchain.xml", "sig-hashchainresult.xml", "ts-hashchain.xml", "ts-hashchainresult.xml"]
        {
            if at.join(chain).exists() {
                self.validate(&at, "hashchain.xsd", chain);
            }
        }
    }

    fn validate(&self, at: &Path, schema: &str, document: &str) {
        if self.schemas {
            let schema = self.path(&format!("xsd/{schema}"));
            run(at, "xmllint", &["--noout", "--nonet", "--schema", &schema, document]);
        }
    }

    /// The signature's value and every digest, first with the key that it names, then with the path to the practice root.
    fn signature(&self, at: &Path, container: &Container) {
        let signed = if container.kind.0 { "sig-hashchainresult.xml" } else { "message.xml" };
        let map = format!("--url-map:/{signed}");
        let verify = |trust: &[&str]| {
            let common = ["--verify", "--id-attr:Id", "SignedProperties", &map, signed];
            let told = run(at, "xmlsec1", &[&common[..], trust, &[SIGNATURES]].concat());
            assert!(told.contains("OK") && told.contains("(ok/all): 2/2"), "{}: {told}", container.name);
        };
        verify(&["--insecure"]);
        let (root, issuer) = (self.path("root.pem"), self.path("issuer.pem"));
        if self.intermediate {
            verify(&["--trusted-pem", &root, "--untrusted-pem", &issuer]);
        } else {
            verify(&["--trusted-pem", &root]);
        }
    }

    /// Every OCSP answer that the signature carries.
    fn revocation(&self, at: &Path) {
        let count = if self.intermediate { 2 } else { 1 };
        let carried = xpath(at, "count(//*[local-name()='EncapsulatedOCSPValue'])");
        assert_eq!(carried, count.to_string());
        take_out(at, "X509Certificate", 1, "signer.der");
        run(at, "openssl", &["x509", "-inform", "DER", "-in", "signer.der", "-out", "signer.pem"]);
        let (root, issuer) = (self.path("root.pem"), self.path("issuer.pem"));
        let (responder, root_responder) = (self.path("ocsp.pem"), self.path("root-ocsp.pem"));
        let chain = [("signer.pem", &issuer, &responder), (issuer.as_str(), &root, &root_responder)];
        for (number, (certificate, issued_by, answered_by)) in chain.iter().enumerate().take(count) {
            take_out(at, "EncapsulatedOCSPValue", number + 1, "ocsp.der");
            let told = run(
                at,
                "openssl",
                &[
                    "ocsp",
                    "-respin",
                    "ocsp.der",
                    "-issuer",
                    issued_by,
                    "-cert",
                    certificate,
                    "-VAfile",
                    answered_by,
                    "-CAfile",
                    &root,
                ],
            );
            assert!(told.contains("Response verify OK") && told.contains(": good"), "{told}");
        }
    }

    fn time_stamp(&self, at: &Path, container: &Container) {
        let (token, data) = ("META-INF/timestamp.tst", "ts-hashchainresult.xml");
        let tsa = self.path("tsa.pem");
        let arguments =
            ["ts", "-verify", "-in", token, "-token_in", "-data", data, "-CAfile", &tsa, "-partial_chain"];
        let told = run(at, "openssl", &arguments);
        assert!(told.contains("Verification: OK"), "{}: {told}", container.name);
    }

    /// What a gateway holds of the global configuration, as it holds it.
    fn judge_globalconf(&self, config: &Config) {
        let held = config.globalconf_dir().join(testkit::INSTANCE);
        for (schema, file) in [
            ("v6/shared-parameters.xsd", "shared-params.xml"),
            ("v3/private-parameters.xsd", "private-params.xml"),
        ] {
            self.validate(&held, &format!("globalconf/{schema}"), file);
        }
    }
}

/// libxml2 counts integers to 24 digits only; serial numbers of certificates have up to 48.
fn with_a_short_serial(at: &Path) -> String {
    let mut xml = std::fs::read_to_string(at.join(SIGNATURES)).unwrap();
    let mark = "X509SerialNumber>";
    let serials: Vec<String> = xml
        .split(mark)
        .skip(1)
        .step_by(2)
        .filter_map(|rest| rest.split('<').next())
        .map(str::to_owned)
        .collect();
    assert!(!serials.is_empty());
    for serial in serials {
        assert!(serial.bytes().all(|digit| digit.is_ascii_digit()), "{serial}");
        xml = xml.replace(&format!("{mark}{serial}<"), &format!("{mark}1<"));
    }
    std::fs::write(at.join("short-serial.xml"), xml).unwrap();
    "short-serial.xml".to_owned()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn xpath(at: &Path, expression: &str) -> String {
    run(at, "xmllint", &["--xpath", expression, SIGNATURES]).trim_end().to_owned()
}

/// Takes the octets of the n-th element of this name out of the signature.
fn take_out(at: &Path, name: &str, number: usize, file: &str) {
    let value = xpath(at, &format!("string((//*[local-name()='{name}'])[{number}])"));
    std::fs::write(at.join(file), super::tools::decoded(&value)).unwrap();
}

/// Python reads each entry to its end and compares checksums; nothing follows the archive that it does not know.
fn python(at: &Path) {
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile('x.asice')\n\
        assert z.testzip() is None\n\
        assert z.namelist()[0] == 'mimetype' and z.infolist()[0].compress_type == zipfile.ZIP_STORED\n\
        assert z.read('mimetype') == b'application/vnd.etsi.asic-e+zip'\n\
        assert z.comment == b'mimetype=application/vnd.etsi.asic-e+zip'\n\
        assert len(set(z.namelist())) == len(z.namelist())\n";
    run(at, "/usr/bin/python3", &["-c", script]);
}
