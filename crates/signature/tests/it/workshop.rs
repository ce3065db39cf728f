//! A practice exchange made by the openssl command line: a CA with an intermediate, signers, a responder, a time-stamper.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use identifier::ClientId;
use jiff::{SignedDuration, Timestamp};
use signature::SignedParts;
use signature::hashchain::{Leaf, Part};
use signature::verify::ReceivedPart;
use signature::xades::{Batch, SignerMaterial, Unsigned};
use tempfile::TempDir;
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm, der_to_raw};
use trust::authorities::{Authorities, Authority, CaCertificate, OcspPolicy, Responder};
use trust::certificate::Certificate;
use trust::ocsp::OcspResponse;
use trust::profile::CertificateProfile;
use trust::timestamp::read_response;

pub(crate) const H: DigestAlgorithm = DigestAlgorithm::Sha512;

pub(crate) struct Workshop {
    folder: TempDir,
    pub(crate) authorities: Authorities,
    /// When the OCSP responses are fresh.
    pub(crate) at: Timestamp,
    /// Made once, so that all of them are fresh at the same time.
    responses: BTreeMap<&'static str, Vec<u8>>,
}

const CONFIG: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[sign]
basicConstraints = CA:FALSE
keyUsage = critical,nonRepudiation
[tls]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
[ocsp]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,OCSPSigning
[tsa]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa_section]
default_policy = 1.2.3.4.1
digests = sha512, sha256
signer_digest = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
";

pub(crate) fn workshop() -> &'static Workshop {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    WORKSHOP.get_or_init(Workshop::open)
}

pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Whose certificate is made: name, subject, extensions, issuer, serial number, kind of key.
const CERTIFICATES: [(&str, &str, &str, &str, &str, &str); 9] = [
    ("root", "/O=Practice/CN=Root", "ca", "root", "1", "rsa"),
    ("inter", "/O=Practice & Sons/CN=Intermediate", "ca", "root", "2", "ec"),
    ("rsa", "/C=EX/O=GOV/CN=member", "sign", "root", "11", "rsa"),
    ("ec", "/C=EX/O=GOV/CN=member", "sign", "root", "12", "ec"),
    ("below", "/C=EX/O=GOV/CN=member", "sign", "inter", "13", "ec"),
    ("other", "/C=EX/O=GOV/CN=other", "sign", "root", "14", "ec"),
    ("tls", "/C=EX/O=GOV/CN=member", "tls", "root", "15", "ec"),
    ("ocsp", "/O=Practice/CN=OCSP", "ocsp", "root", "16", "ec"),
    ("tsa", "/O=Practice/CN=TSA", "tsa", "root", "17", "rsa"),
];

impl Workshop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("config"), CONFIG).unwrap();
        for (name, subject, extensions, issuer, serial, kind) in CERTIFICATES {
            let key = format!("{name}.key");
            let options: &[&str] = match kind {
                "rsa" => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                _ => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            };
            run(path, "openssl", &[&["genpkey", "-out", key.as_str()], options].concat());
            let request = format!("{name}.csr");
            run(
                path,
                "openssl",
                &["req", "-new", "-config", "config", "-key", &key, "-subj", subject, "-out", &request],
            );
            let (pem, issuer_key, issuer_pem) =
                (format!("{name}.pem"), format!("{issuer}.key"), format!("{issuer}.pem"));
            let mut arguments = vec!["x509", "-req", "-in", &request, "-days", "30", "-set_serial", serial];
            arguments.extend(["-sha256", "-extfile", "config", "-extensions", extensions, "-out", &pem]);
            if issuer == name {
                arguments.extend(["-signkey", &key]);
            } else {
                arguments.extend(["-CA", &issuer_pem, "-CAkey", &issuer_key]);
            }
            run(path, "openssl", &arguments);
        }
        let read = |name: &str| {
            Certificate::from_der_or_pem(&std::fs::read(path.join(format!("{name}.pem"))).unwrap()).unwrap()
        };
        let responders =
            vec![Responder { url: "http://127.0.0.1/ocsp".to_owned(), certificate: Some(read("ocsp")) }];
        let authorities = Authorities {
            instance: "EX".to_owned(),
            cas: vec![Authority {
                name: "Practice".to_owned(),
                profile: CertificateProfile::Ejbca,
                authentication_only: false,
                top: CaCertificate { certificate: read("root"), responders: responders.clone() },
                intermediates: vec![CaCertificate { certificate: read("inter"), responders }],
            }],
            time_stampers: vec![read("tsa")],
            ocsp: OcspPolicy { freshness_seconds: 3600, verify_next_update: true },
        };
        let mut workshop =
            Self { folder, authorities, at: Timestamp::UNIX_EPOCH, responses: BTreeMap::new() };
        for name in ["rsa", "ec", "below", "other", "tls", "inter"] {
            let response = workshop.answer(name);
            workshop.at =
                OcspResponse::parse(&response).unwrap().this_update() + SignedDuration::from_secs(5);
            workshop.responses.insert(name, response);
        }
        workshop
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        let pem = std::fs::read(self.folder().join(format!("{name}.pem"))).unwrap();
        Certificate::from_der_or_pem(&pem).unwrap()
    }

    /// A good OCSP response for one of the certificates, as `openssl ocsp` makes it.
    fn answer(&self, name: &str) -> Vec<u8> {
        let (_, subject, _, issuer, serial, _) =
            *CERTIFICATES.iter().find(|certificate| certificate.0 == name).unwrap();
        let path = self.folder();
        let serial = format!("{:02X}", serial.parse::<u8>().unwrap());
        let own = tempfile::tempdir_in(path).unwrap();
        let at = |file: &str| own.path().join(file).to_string_lossy().into_owned();
        std::fs::write(at("index"), format!("V\t491231235959Z\t\t{serial}\tunknown\t{subject}\n")).unwrap();
        let (pem, issuer) = (format!("{name}.pem"), format!("{issuer}.pem"));
        let ask =
            ["ocsp", "-sha1", "-issuer", &issuer, "-cert", &pem, "-no_nonce", "-reqout", &at("request")];
        run(path, "openssl", &ask);
        let (index, request, response) = (at("index"), at("request"), at("response"));
        let mut answer =
            vec!["ocsp", "-index", &index, "-CA", &issuer, "-rsigner", "ocsp.pem", "-rkey", "ocsp.key"];
        answer.extend(["-reqin", &request, "-respout", &response, "-nmin", "60"]);
        run(path, "openssl", &answer);
        std::fs::read(at("response")).unwrap()
    }

    pub(crate) fn material(&self, name: &str, algorithm: SignatureAlgorithm) -> SignerMaterial {
        let mut material = SignerMaterial {
            certificate: self.certificate(name),
            extra: Vec::new(),
            ocsp: vec![self.responses[name].clone()],
            algorithm,
        };
        if name == "below" {
            material.extra.push(self.certificate("inter"));
            material.ocsp.push(self.responses["inter"].clone());
        }
        material
    }

    /// What a signer would answer, as `openssl pkeyutl` does.
    pub(crate) fn sign(&self, name: &str, algorithm: SignatureAlgorithm, digest: &[u8]) -> Vec<u8> {
        sign_with(&self.folder().join(format!("{name}.key")), "PEM", algorithm, digest)
    }

    /// Signs messages; each is a list of octets, the message first.
    pub(crate) fn signed(
        &self,
        name: &str,
        algorithm: SignatureAlgorithm,
        messages: &[Vec<&[u8]>],
    ) -> Vec<SignedParts> {
        let leaves = messages.iter().map(|parts| leaf(parts)).collect();
        let batch = Batch::new(H, leaves).unwrap();
        let unsigned = Unsigned::new(batch, self.material(name, algorithm), self.at).unwrap();
        let value = self.sign(name, algorithm, &unsigned.digest_to_be_signed());
        unsigned.finish(&value).unwrap()
    }

    /// A time-stamp token over octets, as `openssl ts` makes it and we store it.
    pub(crate) fn stamp(&self, data: &[u8]) -> Vec<u8> {
        let own = tempfile::tempdir_in(self.folder()).unwrap();
        let at = |file: &str| own.path().join(file).to_string_lossy().into_owned();
        let digest = H.digest(data);
        std::fs::write(at("query"), trust::timestamp::request(H, &digest)).unwrap();
        std::fs::write(at("serial"), "01").unwrap();
        let section = format!("{CONFIG}serial = {}\n", at("serial"));
        std::fs::write(at("config"), section).unwrap();
        let (query, reply, config) = (at("query"), at("reply"), at("config"));
        let mut arguments = vec!["ts", "-reply", "-queryfile", &query, "-out", &reply, "-config", &config];
        arguments.extend(["-section", "tsa_section", "-signer", "tsa.pem", "-inkey", "tsa.key"]);
        run(self.folder(), "openssl", &arguments);
        let response = std::fs::read(at("reply")).unwrap();
        read_response(&response, H, &digest, &self.authorities.time_stampers).unwrap().der().to_vec()
    }
}

/// Signs a digest with a key file.
pub(crate) fn sign_with(key: &Path, form: &str, algorithm: SignatureAlgorithm, digest: &[u8]) -> Vec<u8> {
    let own = tempfile::tempdir().unwrap();
    std::fs::write(own.path().join("digest"), digest).unwrap();
    let name = format!("digest:{}", algorithm.digest().name().replace('-', "").to_lowercase());
    let key = key.to_string_lossy().into_owned();
    let mut arguments =
        vec!["pkeyutl", "-sign", "-inkey", &key, "-keyform", form, "-in", "digest", "-pkeyopt", &name];
    if matches!(algorithm, SignatureAlgorithm::RsaPss(_)) {
        arguments.extend(["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]);
    }
    let value = run(own.path(), "openssl", &arguments);
    match algorithm {
        SignatureAlgorithm::Ecdsa(_) => der_to_raw(&value, 32).unwrap(),
        SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_) => value,
    }
}

pub(crate) fn leaf(parts: &[&[u8]]) -> Leaf {
    Leaf {
        parts: parts
            .iter()
            .enumerate()
            .map(|(place, octets)| Part {
                name: if place == 0 { "/message.xml".to_owned() } else { format!("/attachment{place}") },
                digest: H.digest(octets),
            })
            .collect(),
    }
}

pub(crate) fn received<'a>(leaf: &'a Leaf, octets: &[&'a [u8]]) -> Vec<ReceivedPart<'a>> {
    leaf.parts
        .iter()
        .zip(octets)
        .map(|(part, octets)| ReceivedPart {
            name: &part.name,
            algorithm: H,
            digest: &part.digest,
            bytes: part.name.ends_with(".xml").then_some(*octets),
        })
        .collect()
}

pub(crate) fn member() -> ClientId {
    "EX/GOV/member/system".parse().unwrap()
}

pub(crate) const RSA: SignatureAlgorithm = SignatureAlgorithm::RsaPkcs1(H);
pub(crate) const EC: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(H);
