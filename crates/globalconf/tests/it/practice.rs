//! A registry for practice: keys and certificates minted by `openssl`, a small instance, signed directories.

use globalconf::directory::{Draft, DraftFile, file_location};
use globalconf::download::{
    CheckedDirectory, Location, Refusal, Role, SourceOfConfiguration, check_directory,
};
use globalconf::private::ManagementService;
use globalconf::shared::{
    AcmeServer, ApprovedCa, ApprovedTsa, CaCertificate, ConfigurationSource, CostType, CsrFormat, Group,
    Maintenance, Member, MemberClass, OcspResponder, Server, Settings, Subsystem,
};
use globalconf::{CertificateBytes, Configuration, Private, Shared, VerifiedConfiguration};
use identifier::{ClientId, MemberId, ServerId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use trust::{DigestAlgorithm, SignatureAlgorithm};

/// The shared material beside the project; `None` (and a line that says so) when it is absent.
pub(crate) fn vectors() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if path.is_dir() {
        return Some(path);
    }
    println!("the shared vectors are not beside the project: nothing is compared with them");
    None
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Runs a program; gives its standard output, panics with its errors.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} must be installed for this test: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    output.stdout
}

/// A signing key of a registry with its certificate.
#[derive(Debug)]
pub(crate) struct Key {
    dir: TempDir,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) certificate: CertificateBytes,
}

impl Key {
    pub(crate) fn new(algorithm: SignatureAlgorithm) -> Self {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let kind: &[&str] = match algorithm {
            SignatureAlgorithm::Ecdsa(_) => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_) => &["-newkey", "rsa:2048"],
        };
        let (key, certificate) = (path("key.pem"), path("certificate.der"));
        let common = ["req", "-x509", "-nodes", "-subj", "/CN=internalSigningKey", "-outform", "DER"];
        let arguments = [&common[..], kind, &["-keyout", &key, "-out", &certificate, "-days", "1"]].concat();
        run("openssl", &arguments, b"");
        let certificate = CertificateBytes::new(std::fs::read(certificate).unwrap());
        Self { dir, algorithm, certificate }
    }

    pub(crate) fn rsa() -> Self {
        Self::new(SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512))
    }

    pub(crate) fn ec() -> Self {
        Self::new(SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Arguments of `openssl dgst` for this key's algorithm.
    pub(crate) fn dgst(&self) -> Vec<String> {
        let digest = self.algorithm.digest().name().replace('-', "").to_lowercase();
        let mut arguments = vec!["dgst".to_owned(), format!("-{digest}")];
        if matches!(self.algorithm, SignatureAlgorithm::RsaPss(_)) {
            let options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
            arguments.extend(options.map(str::to_owned));
        }
        arguments
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut arguments = self.dgst();
        arguments.extend(["-sign".to_owned(), self.path("key.pem")]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run("openssl", &arguments, bytes)
    }
}

pub(crate) fn client(text: &str) -> ClientId {
    ClientId::parse_short(text).unwrap()
}

fn member(instance: &str, code: &str, name: &str, subsystems: &[(&str, Option<&str>)]) -> Member {
    let subsystem = |(code, name): &(&str, Option<&str>)| Subsystem {
        code: (*code).to_owned(),
        name: name.map(str::to_owned),
    };
    Member {
        id: MemberId::new(instance, "GOV", code).unwrap(),
        class_description: "Government & co".to_owned(),
        name: name.to_owned(),
        subsystems: subsystems.iter().map(subsystem).collect(),
    }
}

fn ca(bytes: &CertificateBytes) -> ApprovedCa {
    let certificate = || CaCertificate {
        certificate: bytes.clone(),
        responders: vec![OcspResponder {
            url: "http://ca/ocsp".to_owned(),
            certificate: Some(bytes.clone()),
            cost: Some(CostType::Paid),
        }],
    };
    ApprovedCa {
        name: "Practice CA".to_owned(),
        authentication_only: false,
        top: certificate(),
        intermediates: vec![certificate()],
        profile_class: "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider"
            .to_owned(),
        default_csr_format: Some(CsrFormat::Der),
        acme: Some(AcmeServer {
            directory_url: "http://ca/acme".to_owned(),
            ip_address: Some("192.0.2.1".to_owned()),
            authentication_profile: Some("5".to_owned()),
            signing_profile: Some("6".to_owned()),
        }),
    }
}

fn servers(instance: &str) -> Vec<Server> {
    let of = |rest: &str| client(&format!("{instance}/GOV/{rest}"));
    vec![
        Server {
            id: ServerId::new(instance, "GOV", "MOI", "gw1").unwrap(),
            address: Some("gw1.example".to_owned()),
            authentication_certificate_hashes: vec![vec![1; 32], vec![2; 32]],
            clients: vec![of("MOI/civil-registry"), of("MOC")],
            maintenance: Some(Maintenance { message: Some("back at noon".to_owned()) }),
        },
        Server {
            id: ServerId::new(instance, "GOV", "MOC", "gw2").unwrap(),
            address: None,
            authentication_certificate_hashes: vec![],
            clients: vec![of("MOC/business-registry")],
            maintenance: None,
        },
    ]
}

/// An instance with one of everything.
pub(crate) fn shared(instance: &str, internal: &[CertificateBytes]) -> Shared {
    let any = internal.first().unwrap();
    let class = MemberClass { code: "GOV".to_owned(), description: "Government & co".to_owned() };
    Shared {
        instance: instance.to_owned(),
        sources: vec![ConfigurationSource {
            address: "cs.example".to_owned(),
            internal_certificates: internal.to_vec(),
            external_certificates: internal.to_vec(),
        }],
        approved_cas: vec![ca(any)],
        approved_tsas: vec![ApprovedTsa {
            name: "Practice TSA".to_owned(),
            url: "http://tsa/".to_owned(),
            certificate: any.clone(),
            cost: Some(CostType::Free),
        }],
        members: vec![
            member(
                instance,
                "MOI",
                "Ministry of <Interior>",
                &[("civil-registry", Some("Civil registry")), ("b", None)],
            ),
            member(instance, "MOC", "ក្រសួង", &[("business-registry", None)]),
        ],
        servers: servers(instance),
        groups: vec![Group {
            code: "security-server-owners".to_owned(),
            description: "Owners".to_owned(),
            members: vec![client(&format!("{instance}/GOV/MOI")), client("OTHER/GOV/X/y")],
        }],
        central_services: vec![],
        settings: Settings { member_classes: vec![class], ocsp_freshness_seconds: 3600 },
    }
}

pub(crate) fn private(instance: &str) -> Private {
    Private {
        instance: instance.to_owned(),
        anchors: vec![],
        management: ManagementService {
            registration_address: "https://cs.example:4001/managementservice/".to_owned(),
            registration_certificate: None,
            provider: client(&format!("{instance}/GOV/MOI/b")),
        },
        time_stamping_interval_seconds: 60,
    }
}

/// What a registry publishes at one moment.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) directory: Vec<u8>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

pub(crate) const INSTANCE: &str = "CAMBODIA";
pub(crate) const BOUNDARIES: (&str, &str) = ("outeraaaaaaaaaaaaaaa", "innerbbbbbbbbbbbbbbb");

pub(crate) fn now() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

pub(crate) fn location(key: &Key) -> Location {
    Location {
        url: "http://cs.example/internalconf?version=6".to_owned(),
        certificates: vec![key.certificate.clone()],
    }
}

pub(crate) fn source(role: Role) -> SourceOfConfiguration {
    SourceOfConfiguration { instance: INSTANCE.to_owned(), role }
}

/// The usual content with `edit` made to it.
pub(crate) fn contents(
    key: &Key,
    edit: impl FnOnce(&mut Shared),
) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut content = shared(INSTANCE, std::slice::from_ref(&key.certificate));
    edit(&mut content);
    vec![
        ("PRIVATE-PARAMETERS", "private-params.xml", private(INSTANCE).write().unwrap()),
        ("SHARED-PARAMETERS", "shared-params.xml", content.write(6).unwrap()),
    ]
}

/// Publishes `contents` (identifier, file name, bytes) as generation `generated`, valid for ten minutes.
pub(crate) fn publish(key: &Key, generated: Timestamp, contents: &[(&str, &str, Vec<u8>)]) -> Publication {
    let files: Vec<DraftFile> = contents
        .iter()
        .map(|(identifier, name, bytes)| {
            DraftFile::new(identifier, &file_location(6, generated, name), bytes, DigestAlgorithm::Sha512)
        })
        .collect();
    let expires = generated.checked_add(SignedDuration::from_secs(600)).unwrap();
    let draft = Draft::new(6, expires, INSTANCE, &files, BOUNDARIES).unwrap();
    let signature = key.sign(draft.to_be_signed());
    let directory = draft.finish(&signature, key.algorithm, &key.certificate.der()).unwrap();
    let files = contents.iter().map(|(_, name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
    Publication { directory, files }
}

pub(crate) fn check(
    publication: &Publication,
    key: &Key,
    role: Role,
    held: Option<&Configuration>,
) -> Result<CheckedDirectory, Refusal> {
    check_directory(&publication.directory, &location(key), &source(role), held, now())
}

pub(crate) fn assemble(
    publication: &Publication,
    key: &Key,
    role: Role,
) -> Result<VerifiedConfiguration, Refusal> {
    fetch(check(publication, key, role, None)?, &publication.files, None)
}

/// Downloads from these files, as far as they go.
pub(crate) fn fetch(
    checked: CheckedDirectory,
    files: &BTreeMap<String, Vec<u8>>,
    held: Option<&Configuration>,
) -> Result<VerifiedConfiguration, Refusal> {
    let mut fetching = checked.fetch(held);
    while let Some(file) = fetching.next() {
        let Some(bytes) = files.get(&file.file_name) else { break };
        fetching.take(bytes.clone())?;
    }
    fetching.assemble()
}
