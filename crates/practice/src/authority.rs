//! The authority: issues, revokes, and holds what the answering services need.

use crate::certificate::{Draft, Purpose};
use crate::drills::Drills;
use crate::error::{IssueRefusal, OpenFailure};
use crate::home::{self, Home};
use crate::key::KeyKind;
use crate::party::{Party, Validity, certify, serial};
use crate::pem;
use crate::register::{Entry, Profile, RevocationReason, Status};
use crate::request;
use clock::{Chance, Clock};
use der::Decode;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use x509_cert::Certificate;

/// What the first start decides, and what each start may say anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// First start only: stands in the names of all certificates, 1 to 40 printable characters.
    pub name: String,
    /// First start only: the kind of the authority's own keys.
    pub keys: KeyKind,
    /// First start only: whether an issuing authority stands between the root and what is issued.
    pub intermediate: bool,
    /// The OCSP address written into issued certificates; [`crate::Services`] sets it to its own.
    pub ocsp_url: Option<String>,
    /// How long issued certificates are valid.
    pub certificate_days: u16,
    /// How long an OCSP answer says it holds (nextUpdate after thisUpdate); `None`: no nextUpdate.
    pub ocsp_lifetime_seconds: Option<u32>,
}

impl Settings {
    /// RSA keys, no intermediate, two years, OCSP answers for a day.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            keys: KeyKind::Rsa,
            intermediate: false,
            ocsp_url: None,
            certificate_days: 731,
            ocsp_lifetime_seconds: Some(86_400),
        }
    }
}

/// A certificate just issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Lower-case hexadecimal.
    pub serial: String,
    pub der: Vec<u8>,
}

impl Issued {
    /// The certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem::write("CERTIFICATE", &self.der)
    }
}

/// The practice authority with its OCSP responder and time-stamper. Share it behind an `Arc`.
#[derive(Debug)]
pub struct PracticeAuthority {
    pub(crate) clock: Clock,
    chance: Chance,
    settings: Settings,
    ocsp_url: Mutex<Option<String>>,
    home: Mutex<Home>,
    own: Own,
    drills: Drills,
}

/// The certificates that do not change, DER.
#[derive(Debug)]
struct Own {
    root: Vec<u8>,
    issuing: Option<Vec<u8>>,
    ocsp: Vec<u8>,
    root_ocsp: Option<Vec<u8>>,
    tsa: Vec<u8>,
    stranger: Party,
}

impl PracticeAuthority {
    /// Opens the authority in this directory, or mints a new one there. The clock may be fixed; chance gives the
    /// serial numbers (keys come from the cryptographic library).
    ///
    /// # Errors
    /// A directory that cannot be used, is used by another process, or holds damaged files.
    pub fn create_or_open(
        directory: &Path,
        settings: Settings,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, OpenFailure> {
        check(&settings)?;
        let home = home::open(directory, &settings, clock.now(), &chance)?;
        let der = |party: &Party| party.certificate.clone();
        let own = Own {
            root: der(&home.root),
            issuing: home.issuing.as_ref().map(der),
            ocsp: der(&home.ocsp),
            root_ocsp: home.root_ocsp.as_ref().map(der),
            tsa: der(&home.tsa),
            stranger: stranger(&clock, &chance)?,
        };
        Ok(Self {
            clock,
            chance,
            ocsp_url: Mutex::new(settings.ocsp_url.clone()),
            settings,
            home: Mutex::new(home),
            own,
            drills: Drills::default(),
        })
    }

    /// Issues a signing certificate for a PKCS#10 request, PEM or DER: the subject as it stands in the request,
    /// keyUsage nonRepudiation only.
    ///
    /// # Errors
    /// A request that is refused, or a register that cannot be written.
    pub fn issue_signing(&self, request: &[u8]) -> Result<Issued, IssueRefusal> {
        self.issue(request, Purpose::Signing, Profile::Signing)
    }

    /// Issues an authentication certificate: keyUsage digitalSignature, keyEncipherment and dataEncipherment (with
    /// an elliptic key digitalSignature and keyAgreement), extended usage client and server authentication.
    ///
    /// # Errors
    /// As [`PracticeAuthority::issue_signing`].
    pub fn issue_authentication(&self, request: &[u8]) -> Result<Issued, IssueRefusal> {
        self.issue(request, Purpose::Authentication, Profile::Authentication)
    }

    fn issue(&self, request: &[u8], purpose: Purpose, profile: Profile) -> Result<Issued, IssueRefusal> {
        let request = request::read(request)?;
        let url = self.url().clone();
        let mut home = self.home();
        if home.own_keys().any(|party| party.information.spki == request.key.spki) {
            return Err(IssueRefusal::OwnKey);
        }
        let issuer = home.issuer();
        let validity = Validity { now: self.clock.now(), days: i64::from(self.settings.certificate_days) };
        let serial = serial(&self.chance);
        let draft = Draft {
            serial: &serial,
            issuer: &issuer.subject,
            issuer_key: issuer.information.identifier(),
            not_before: validity.not_before(),
            not_after: validity.not_after(),
            subject: &request.subject,
            key: &request.key,
            purpose,
            ocsp_url: url.as_deref(),
        };
        let der = certify(&draft, &issuer.key).map_err(|_| IssueRefusal::Crypto)?;
        let serial = hex::encode(serial);
        if home.register.get(&serial).is_some() {
            // Sixteen random bytes do not repeat; a chance that gives them again is broken.
            return Err(IssueRefusal::Crypto);
        }
        let by_root = home.issuing.is_none();
        // A crash before this line: the certificate never existed. After it: OCSP knows it, even if nobody got it.
        home.register.issue(Entry {
            serial: serial.clone(),
            profile,
            by_root,
            certificate: der.clone(),
            status: Status::Good,
        })?;
        Ok(Issued { serial, der })
    }

    /// Revokes for good. Revoking twice changes nothing.
    ///
    /// # Errors
    /// An unknown serial number, a register that cannot be written.
    pub fn revoke(&self, serial: &str, reason: RevocationReason) -> Result<(), IssueRefusal> {
        match self.change(serial, Status::Revoked { at: self.clock.now(), reason }) {
            Err(IssueRefusal::Revoked) => Ok(()),
            other => other,
        }
    }

    /// Puts a certificate on hold.
    ///
    /// # Errors
    /// An unknown or revoked serial number, a register that cannot be written.
    pub fn suspend(&self, serial: &str) -> Result<(), IssueRefusal> {
        self.change(serial, Status::Suspended { at: self.clock.now() })
    }

    /// Takes a certificate off hold.
    ///
    /// # Errors
    /// As [`PracticeAuthority::suspend`].
    pub fn resume(&self, serial: &str) -> Result<(), IssueRefusal> {
        self.change(serial, Status::Good)
    }

    fn change(&self, serial: &str, standing: Status) -> Result<(), IssueRefusal> {
        let mut home = self.home();
        let entry = home.register.get(serial).ok_or(IssueRefusal::NotIssued)?;
        if matches!(entry.status, Status::Revoked { .. }) {
            return Err(IssueRefusal::Revoked);
        }
        Ok(home.register.change(serial, standing)?)
    }

    /// All that was issued, by serial number.
    #[must_use]
    pub fn issued(&self) -> Vec<Entry> {
        self.home().register.all().cloned().collect()
    }

    /// The serial number of a certificate, DER or PEM, in the form that [`PracticeAuthority::revoke`] takes.
    #[must_use]
    pub fn serial_of(certificate: &[u8]) -> Option<String> {
        let unpacked = pem::read(certificate, &["CERTIFICATE"]);
        let parsed = Certificate::from_der(unpacked.as_deref().unwrap_or(certificate)).ok()?;
        Some(hex::encode(parsed.tbs_certificate.serial_number.as_bytes()))
    }

    /// The root's certificate, DER: the trust anchor.
    #[must_use]
    pub fn root_certificate(&self) -> &[u8] {
        &self.own.root
    }

    /// The issuing authority's certificate, DER, when there is one below the root.
    #[must_use]
    pub fn intermediate_certificate(&self) -> Option<&[u8]> {
        self.own.issuing.as_deref()
    }

    /// The certificate of whoever issues to members: the intermediate, or the root.
    #[must_use]
    pub fn issuer_certificate(&self) -> &[u8] {
        self.own.issuing.as_deref().unwrap_or(&self.own.root)
    }

    /// The certificate of the OCSP signer for issued certificates, DER.
    #[must_use]
    pub fn ocsp_certificate(&self) -> &[u8] {
        &self.own.ocsp
    }

    /// The certificate of the OCSP signer for what the root issued, DER.
    #[must_use]
    pub fn root_ocsp_certificate(&self) -> &[u8] {
        self.own.root_ocsp.as_deref().unwrap_or(&self.own.ocsp)
    }

    /// The time-stamper's certificate, DER.
    #[must_use]
    pub fn tsa_certificate(&self) -> &[u8] {
        &self.own.tsa
    }

    /// The OCSP address that is written into certificates from now on.
    ///
    /// # Errors
    /// An address that could not stand in a certificate.
    pub fn set_ocsp_url(&self, url: &str) -> Result<(), OpenFailure> {
        check_url(url)?;
        *self.url() = Some(url.to_owned());
        Ok(())
    }

    /// The switches for drills.
    #[must_use]
    pub fn drills(&self) -> &Drills {
        &self.drills
    }

    pub(crate) fn ocsp_lifetime_seconds(&self) -> Option<u32> {
        self.settings.ocsp_lifetime_seconds
    }

    pub(crate) fn stranger(&self) -> &Party {
        &self.own.stranger
    }

    pub(crate) fn home(&self) -> MutexGuard<'_, Home> {
        // A panic inside cannot leave half a change: each is one call on the register.
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self) -> MutexGuard<'_, Option<String>> {
        self.ocsp_url.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Home {
    fn issuer(&self) -> &Party {
        self.issuing.as_ref().unwrap_or(&self.root)
    }

    fn own_keys(&self) -> impl Iterator<Item = &Party> {
        let below = self.issuing.iter().chain(self.root_ocsp.iter());
        [&self.root, &self.ocsp, &self.tsa].into_iter().chain(below)
    }
}

/// Whoever signs when the drill wants a wrong signer.
fn stranger(clock: &Clock, chance: &Chance) -> Result<Party, OpenFailure> {
    let validity = Validity { now: clock.now(), days: 3650 };
    Party::mint(KeyKind::Ec, ("Stranger", "Stranger"), Purpose::OcspSigner, validity, None, chance)
        .map_err(|_| OpenFailure::Crypto)
}

fn check(settings: &Settings) -> Result<(), OpenFailure> {
    let name = settings.name.trim();
    let count = settings.name.chars().count();
    if name.is_empty()
        || name.len() != settings.name.len()
        || count > 40
        || name.chars().any(char::is_control)
    {
        return Err(OpenFailure::Name);
    }
    settings.ocsp_url.as_deref().map_or(Ok(()), check_url)
}

fn check_url(url: &str) -> Result<(), OpenFailure> {
    let printable = !url.is_empty() && url.len() <= 200 && url.bytes().all(|byte| byte.is_ascii_graphic());
    if printable { Ok(()) } else { Err(OpenFailure::OcspUrl) }
}
