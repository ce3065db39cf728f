//! Identities outside any keystore, as the independent peer wants them: PEM files, keys by the `openssl` command, certificates by the
//! practice authority; and OCSP answers on a shelf, good and bad ones.

use anyhow::{Context as _, Result};
use clock::{Clock, Hands};
use identifier::{ClientId, MemberId};
use keystore::{KeyUsage, Keystore, Pin, PinHardness, Settings, Subject};
use practice::{Issued, KeyKind, PracticeAuthority};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use testkit::{CLIENT, INSTANCE, Nation, PROVIDER, chance};
use tokio::process::Command;
use trust::Certificate;

/// A client that only the peer's server has.
pub(crate) const SCHOOLS: &str = "CAMBODIA/GOV/MOE/school-registry";

/// A certificate and its key in files.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: Certificate,
    /// As the authority knows it.
    pub(crate) serial: String,
    /// PEM, with intermediates and without the root.
    pub(crate) certificate_file: String,
    pub(crate) key_file: String,
}

/// Makes pairs.
#[derive(Debug)]
pub(crate) struct Mint {
    folder: PathBuf,
    // Only for writing requests: the command-line tool does not take country names of more than two letters.
    requests: Keystore,
    rsa: bool,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Authentication,
    Signing,
}

impl Mint {
    pub(crate) fn new(folder: PathBuf, rsa: bool) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let settings = Settings {
            pin_hardness: PinHardness { memory_kib: 64, passes: 1 },
            sign_threads: 1,
            ..Settings::default()
        };
        let requests = Keystore::create_with(folder.join("requests"), &Pin::new("Practice-2026"), settings)?;
        Ok(Self { folder, requests, rsa })
    }

    /// A folder of that name beside the pairs.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    async fn key(&self, file: &str) -> Result<()> {
        let kind: [&str; 4] = if self.rsa {
            ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        } else {
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        };
        openssl(&[&["genpkey"], kind.as_slice(), &["-out", file]].concat()).await.map(|_| ())
    }

    /// A new pair; `subject` is a server's code for authentication and a member's for signing.
    pub(crate) async fn pair(
        &self,
        authority: &PracticeAuthority,
        name: &str,
        usage: Use,
        subject: &str,
    ) -> Result<Pair> {
        let file = |end: &str| self.folder.join(format!("{name}{end}")).display().to_string();
        let (certificate_file, key_file) = (file(".pem"), file(".key"));
        self.key(&key_file).await?;
        let (kept_for, subject) = match usage {
            Use::Authentication => {
                (KeyUsage::Authentication, Subject::new([("C", INSTANCE), ("CN", subject)])?)
            }
            Use::Signing => {
                (KeyUsage::Signing, Subject::new([("C", INSTANCE), ("O", "GOV"), ("CN", subject)])?)
            }
        };
        let key = self.requests.import_key(&std::fs::read(&key_file)?, None, kept_for, name)?;
        let request = self.requests.csr(&key, &subject, &[])?;
        let issued = match usage {
            Use::Authentication => authority.issue_authentication(request.der())?,
            Use::Signing => authority.issue_signing(request.der())?,
        };
        let mut pem = issued.pem();
        if let Some(der) = authority.intermediate_certificate() {
            pem.push_str(&Issued { serial: String::new(), der: der.to_vec() }.pem());
        }
        std::fs::write(&certificate_file, pem)?;
        Ok(Pair {
            certificate: Certificate::from_der(&issued.der)?,
            serial: issued.serial,
            certificate_file,
            key_file,
        })
    }

    /// A certificate that vouches for itself.
    pub(crate) async fn self_signed(&self, name: &str) -> Result<Pair> {
        let file = |end: &str| self.folder.join(format!("{name}{end}")).display().to_string();
        let (certificate_file, key_file) = (file(".pem"), file(".key"));
        self.key(&key_file).await?;
        openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            &key_file,
            "-subj",
            "/CN=nobody",
            "-days",
            "2",
            "-out",
            &certificate_file,
        ])
        .await?;
        let certificate = Certificate::from_der_or_pem(&std::fs::read(&certificate_file)?)?;
        Ok(Pair { certificate, serial: String::new(), certificate_file, key_file })
    }
}

/// The command-line tool; what it printed.
pub(crate) async fn openssl(args: &[&str]) -> Result<String> {
    let output = Command::new("openssl").args(args).stdin(Stdio::null()).kill_on_drop(true).output().await?;
    anyhow::ensure!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The independent peer as a server of the nation: `CAMBODIA/GOV/MOC/peer`, with the consumer's client and one of its own.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) mint: Mint,
    pub(crate) authentication: Pair,
    /// Of the consumer's member.
    pub(crate) consumer: Pair,
    /// Of the member of [`SCHOOLS`].
    pub(crate) provider: Pair,
    /// Where it listens when it provides.
    pub(crate) host: String,
}

impl Peer {
    /// Mints, registers, publishes. `others` are registered for the same server, `elsewhere` for one that serves no client.
    pub(crate) async fn join(
        nation: &Nation,
        mint: Mint,
        others: &[&Pair],
        elsewhere: Option<&Pair>,
    ) -> Result<Self> {
        let authority = &nation.authority;
        let authentication = mint.pair(authority, "authentication", Use::Authentication, "peer").await?;
        let consumer = mint.pair(authority, "consumer", Use::Signing, "MOC").await?;
        let provider = mint.pair(authority, "provider", Use::Signing, "MOE").await?;
        let host = nation.address(40, 5500).ip().to_string();
        let mut state = nation.registry_state.clone();
        state.members.push(registry::Member {
            class: "GOV".to_owned(),
            code: "MOE".to_owned(),
            name: "Education".to_owned(),
            subsystems: vec![registry::Subsystem { code: "school-registry".to_owned(), name: None }],
        });
        let mut certificates = vec![authentication.certificate.clone()];
        certificates.extend(others.iter().map(|pair| pair.certificate.clone()));
        state.servers.push(registry::Server {
            owner: MemberId::new(INSTANCE, "GOV", "MOC")?,
            code: "peer".to_owned(),
            address: Some(host.clone()),
            auth_certificates: certificates,
            clients: vec![ClientId::parse_short(CLIENT)?, ClientId::parse_short(SCHOOLS)?],
            maintenance: None,
        });
        state.servers.extend(match elsewhere {
            Some(pair) => Some(registry::Server {
                owner: MemberId::new(INSTANCE, "GOV", "MOE")?,
                code: "elsewhere".to_owned(),
                address: None,
                auth_certificates: vec![pair.certificate.clone()],
                clients: vec![],
                maintenance: None,
            }),
            None => None,
        });
        nation.publish(&state).await?;
        Ok(Self { mint, authentication, consumer, provider, host })
    }
}

/// The arguments that both commands share.
pub(crate) fn arguments(nation: &Nation, authentication: &Pair, signing: &Pair) -> Vec<String> {
    let globalconf = nation.consumer.config.globalconf_dir().display().to_string();
    let pairs = [
        ("--globalconf", &globalconf),
        ("--auth-cert", &authentication.certificate_file),
        ("--auth-key", &authentication.key_file),
        ("--sign-cert", &signing.certificate_file),
        ("--sign-key", &signing.key_file),
    ];
    pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.clone()]).collect()
}

/// Where a consumer finds the nation's service, and for whom it asks.
pub(crate) fn target(nation: &Nation) -> Vec<String> {
    let host = nation.provider.config.listen.transport.ip().to_string();
    let service = format!("{PROVIDER}/people");
    ["--host", &host, "--client", CLIENT, "--service", &service, "--path", "/v1/people/1?x=1"]
        .map(str::to_owned)
        .to_vec()
}

/// OCSP answers in the files where the peer looks first.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn path(&self) -> String {
        self.folder.display().to_string()
    }

    /// Lays an answer where the one for `certificate` is looked for.
    pub(crate) fn put(&self, certificate: &Certificate, answer: &[u8]) -> Result<()> {
        let file = self.folder.join(format!("{}.ocsp", hex::encode(certificate.sha1())));
        Ok(std::fs::write(file, answer)?)
    }

    /// Takes all away.
    pub(crate) fn clear(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            std::fs::remove_file(entry?.path())?;
        }
        Ok(())
    }
}

/// What the authority says now about a certificate that its issuer issued.
pub(crate) fn ocsp(authority: &PracticeAuthority, certificate: &Certificate) -> Result<Vec<u8>> {
    let issuer = Certificate::from_der(authority.issuer_certificate())?;
    Ok(authority.answer_ocsp(&trust::ocsp::request(certificate, &issuer)))
}

/// Answers about `pair` that are wrong in one way each, by name; the last is good. They come from `twin`, which knows the pair, and
/// from `ignorant`, which does not.
pub(crate) fn bad_answers(
    twin: &PracticeAuthority,
    ignorant: &PracticeAuthority,
    pair: &Pair,
    other: &Pair,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let about = |pair: &Pair| ocsp(twin, &pair.certificate);
    let drills = twin.drills();
    let mut all = vec![];
    drills.stale(7200);
    all.push(("stale", about(pair)?));
    drills.stale(-7200);
    all.push(("future", about(pair)?));
    drills.stale(0);
    drills.set_ocsp_past_next_update(true);
    all.push(("nextpast", about(pair)?));
    drills.set_ocsp_past_next_update(false);
    drills.set_ocsp_wrong_signer(true);
    all.push(("wrong-responder", about(pair)?));
    drills.set_ocsp_wrong_signer(false);
    drills.set_ocsp_broken_signature(true);
    all.push(("broken-signature", about(pair)?));
    drills.set_ocsp_broken_signature(false);
    twin.suspend(&pair.serial)?;
    all.push(("revoked", about(pair)?));
    twin.resume(&pair.serial)?;
    all.push(("unknown", ocsp(ignorant, &pair.certificate)?));
    all.push(("othercert", about(other)?));
    all.push(("good", about(pair)?));
    Ok(all)
}

/// A certificate in a file, as PEM.
pub(crate) fn pem_file(certificate: &Certificate, file: &Path) -> Result<String> {
    std::fs::write(file, Issued { serial: String::new(), der: certificate.der().to_vec() }.pem())?;
    Ok(file.display().to_string())
}

/// The nation's authority once more, from a copy of its files: what it issues, the first one does not know; and its clock is its own.
pub(crate) fn twin(nation: &Nation, folder: &Path) -> Result<(PracticeAuthority, Hands)> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(nation.folder.path().join("practice"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    let intermediate = nation.authority.intermediate_certificate().is_some();
    let settings =
        practice::Settings { keys: KeyKind::Ec, intermediate, ..practice::Settings::new("Practice") };
    let (clock, hands) = Clock::by_hand(nation.clock.now());
    Ok((PracticeAuthority::create_or_open(folder, settings, clock, chance())?, hands))
}

/// An authority that nobody approves.
pub(crate) fn stranger(nation: &Nation, folder: &Path) -> Result<PracticeAuthority> {
    let settings = practice::Settings { keys: KeyKind::Ec, ..practice::Settings::new("Stranger") };
    Ok(PracticeAuthority::create_or_open(folder, settings, nation.clock.clone(), chance())?)
}

/// The nation's configuration as a peer would hold it that approves another authority too.
pub(crate) fn widened(nation: &Nation, stranger: &PracticeAuthority, folder: &Path) -> Result<String> {
    let held = nation.consumer.config.globalconf_dir().join(INSTANCE).join("shared-params.xml");
    let xml = std::fs::read_to_string(held)?;
    let start = xml.find("<approvedCA>").context("approvedCA")?;
    let (head, rest) = xml.split_at(start);
    let end = rest.find("</approvedCA>").context("approvedCA")?;
    let (approved, tail) = rest.split_at(end);
    let encoded = base64(stranger.root_certificate());
    let own = base64(nation.authority.root_certificate());
    let flat: String = approved.split_whitespace().collect::<Vec<_>>().join(" ");
    anyhow::ensure!(flat.contains(&own), "the root stands in one piece in approvedCA");
    let second = flat.replace(&own, &encoded);
    let folder = folder.join(INSTANCE);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("shared-params.xml"), format!("{head}{approved}</approvedCA>{second}{tail}"))?;
    Ok(folder.parent().context("parent")?.display().to_string())
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
