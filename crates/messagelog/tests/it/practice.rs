//! A practice member and a practice time-stamp authority, made with the openssl command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use messagelog::{Body, Direction, NewRecord, Round};
use signature::hashchain::{Leaf, Part};
use signature::xades::{Batch, SignerMaterial, Unsigned};
use tempfile::TempDir;
use trust::profile::CertificateProfile;
use trust::timestamp::{TimeStampToken, read_response, request};
use trust::{
    Authorities, Authority, CaCertificate, Certificate, DigestAlgorithm, OcspPolicy, SignatureAlgorithm,
};

use crate::bench::{client, request as bench_request};

const TSA_CONF: &str = "[tsa]\ndefault_tsa = practice\n[practice]\nserial = serial\ncrypto_device = builtin\n\
signer_cert = tsa.pem\nsigner_key = tsa.key\nsigner_digest = sha512\ndefault_policy = 1.2.3.4.1\ndigests = sha256, sha512\n\
ess_cert_id_alg = sha256\n";

const CA_CONF: &str = "[ca]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign, digitalSignature\n\
subjectKeyIdentifier = hash\n[sign]\nbasicConstraints = CA:FALSE\nkeyUsage = critical, nonRepudiation\n\
[tsa]\nbasicConstraints = CA:FALSE\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = critical, timeStamping\n\
[req]\ndistinguished_name = dn\n[dn]\n";

pub(crate) struct Practice {
    directory: TempDir,
    certificate: Certificate,
    ocsp: Vec<u8>,
    pub(crate) authorities: Authorities,
}

fn openssl(directory: &Path, line: &str) {
    let output =
        Command::new("openssl").args(line.split_whitespace()).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn certificate(path: &Path) -> Certificate {
    Certificate::from_der_or_pem(&std::fs::read(path).unwrap()).unwrap()
}

impl Practice {
    /// A CA, a signing certificate of member `EX/COM/1` with an OCSP response, a time-stamp authority.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        std::fs::write(at.join("tsa.cnf"), TSA_CONF).unwrap();
        std::fs::write(at.join("ca.cnf"), CA_CONF).unwrap();
        std::fs::write(at.join("serial"), "01\n").unwrap();
        std::fs::write(at.join("index.txt"), "V\t491231235959Z\t\t1001\tunknown\t/CN=1\n").unwrap();
        // Elliptic keys take no time to make.
        let own = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -config ca.cnf";
        openssl(at, &format!("{own} -extensions ca -subj /CN=Practice -keyout ca.key -out ca.pem"));
        openssl(at, &format!("{own} -extensions tsa -subj /CN=TSA -keyout tsa.key -out tsa.pem"));
        openssl(
            at,
            "req -newkey rsa:2048 -nodes -config ca.cnf -subj /C=EX/O=COM/CN=1 -keyout sign.key -out sign.csr",
        );
        openssl(
            at,
            "x509 -req -in sign.csr -CA ca.pem -CAkey ca.key -set_serial 0x1001 -days 3650 -extfile ca.cnf -extensions sign -out sign.pem",
        );
        openssl(at, "ocsp -sha1 -issuer ca.pem -cert sign.pem -no_nonce -reqout ocsp.req");
        openssl(
            at,
            "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin ocsp.req -respout ocsp.der -ndays 1",
        );
        let ca = CaCertificate { certificate: certificate(&at.join("ca.pem")), responders: Vec::new() };
        let authorities = Authorities {
            instance: "EX".to_owned(),
            cas: vec![Authority {
                name: "Practice".to_owned(),
                profile: CertificateProfile::Ejbca,
                authentication_only: false,
                top: ca,
                intermediates: Vec::new(),
            }],
            time_stampers: vec![certificate(&at.join("tsa.pem"))],
            ocsp: OcspPolicy { freshness_seconds: 3600, verify_next_update: true },
        };
        let certificate = certificate(&at.join("sign.pem"));
        let ocsp = std::fs::read(at.join("ocsp.der")).unwrap();
        Self { directory, certificate, ocsp, authorities }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A response of member `EX/COM/1`, signed, to be recorded.
    pub(crate) fn message(&self, query_id: &str, body: Option<&[u8]>) -> NewRecord {
        let text = format!(
            "200\r\nOK\r\nContent-Type:text/plain\r\nx-road-id:{query_id}\r\nx-road-client:EX/GOV/2/c\r\n\
             x-road-service:EX/COM/1/sub/svc\r\nx-road-request-id:0b6c5fe0-7f0d-4a2b-9d0b-000000000001\r\n\
             x-road-request-hash:{}\r\n",
            "A".repeat(86) + "=="
        );
        let algorithm = DigestAlgorithm::Sha512;
        let mut parts =
            vec![Part { name: "/message.xml".to_owned(), digest: algorithm.digest(text.as_bytes()) }];
        parts.extend(
            body.map(|body| Part { name: "/attachment1".to_owned(), digest: algorithm.digest(body) }),
        );
        let material = SignerMaterial {
            certificate: self.certificate.clone(),
            extra: Vec::new(),
            ocsp: vec![self.ocsp.clone()],
            algorithm: SignatureAlgorithm::RsaPkcs1(algorithm),
        };
        let batch = Batch::new(algorithm, vec![Leaf { parts }]).unwrap();
        let time: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let unsigned = Unsigned::new(batch, material, time).unwrap();
        std::fs::write(self.path("tbs"), unsigned.to_be_signed()).unwrap();
        openssl(self.directory.path(), "dgst -sha512 -sign sign.key -out value tbs");
        let signed = unsigned.finish(&std::fs::read(self.path("value")).unwrap()).unwrap().remove(0);
        NewRecord {
            owner: client("EX/COM/1/sub"),
            direction: Direction::Response,
            message: text.into_bytes(),
            body: body.map_or(Body::None, |body| Body::Bytes(body.to_vec().into())),
            signed,
            ..bench_request(query_id)
        }
    }

    /// Asks the authority as the gateway would, without a network.
    pub(crate) fn stamp(&self, round: &Round) -> TimeStampToken {
        self.stamp_of(round.algorithm(), round.imprint())
    }

    pub(crate) fn stamp_of(&self, algorithm: DigestAlgorithm, imprint: &[u8]) -> TimeStampToken {
        std::fs::write(self.path("q.tsq"), request(algorithm, imprint)).unwrap();
        openssl(self.directory.path(), "ts -reply -config tsa.cnf -queryfile q.tsq -out r.tsr");
        let answer = std::fs::read(self.path("r.tsr")).unwrap();
        read_response(&answer, algorithm, imprint, &self.authorities.time_stampers).unwrap()
    }

    /// `openssl ts -verify` on a stored token.
    pub(crate) fn openssl_verifies(&self, token: &[u8], data: &[u8]) -> bool {
        std::fs::write(self.path("token.tst"), token).unwrap();
        std::fs::write(self.path("data"), data).unwrap();
        Command::new("openssl")
            .args("ts -verify -in token.tst -token_in -data data -CAfile tsa.pem -partial_chain".split(' '))
            .current_dir(self.directory.path())
            .output()
            .unwrap()
            .status
            .success()
    }
}
