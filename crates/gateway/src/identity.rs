//! As whom this gateway signs and connects: certificates of the keystore that are in date, approved, and shown to be good by a fresh
//! OCSP answer (data-plane 5.1, 6.2).

use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::revocation::OcspBook;
use globalconf::Current;
use identifier::MemberId;
use jiff::{SignedDuration, Timestamp};
use keystore::{Credential, KeyId, Keystore};
use signature::xades::SignerMaterial;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use trust::{Authorities, Certificate, OcspResponse};

/// How long a choice stands at most before it is made anew.
const CHOICE_SECONDS_MAX: i64 = 300;

/// A signing key with everything that its signatures carry along.
#[derive(Debug)]
pub(crate) struct SigningIdentity {
    pub(crate) key: KeyId,
    pub(crate) material: SignerMaterial,
    until: Timestamp,
}

/// The authentication key with the chain that is presented and the OCSP answers that go with it.
#[derive(Debug)]
pub(crate) struct AuthenticationIdentity {
    pub(crate) key: KeyId,
    pub(crate) chain: Vec<Certificate>,
    pub(crate) responses: Vec<OcspResponse>,
    until: Timestamp,
}

/// Chooses identities and remembers the choices.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) keystore: Arc<Keystore>,
    pub(crate) ocsp: OcspBook,
    signing: Mutex<BTreeMap<MemberId, Arc<SigningIdentity>>>,
    authentication: Mutex<Option<Arc<AuthenticationIdentity>>>,
}

impl Identity {
    pub(crate) fn new(keystore: Arc<Keystore>, ocsp: OcspBook) -> Self {
        Self { keystore, ocsp, signing: Mutex::default(), authentication: Mutex::default() }
    }

    /// Forgets the choices: keys, certificates, OCSP answers or globalconf have changed.
    pub(crate) fn forget(&self) {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.authentication.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// With what the member signs now.
    pub(crate) fn signing(
        &self,
        gateway: &Gateway,
        member: &MemberId,
    ) -> Result<Arc<SigningIdentity>, Refusal> {
        let now = gateway.clock.now();
        let mut chosen = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = chosen.get(member).filter(|identity| now < identity.until) {
            return Ok(Arc::clone(identity));
        }
        let identity = Arc::new(self.choose_signing(gateway, member, now)?);
        chosen.insert(member.clone(), Arc::clone(&identity));
        Ok(identity)
    }

    fn choose_signing(
        &self,
        gateway: &Gateway,
        member: &MemberId,
        now: Timestamp,
    ) -> Result<SigningIdentity, Refusal> {
        let picture = gateway.picture()?;
        let current = picture.check_current(now).map_err(Gateway::outdated)?;
        let cannot = |text: String| Refusal::CannotSign { code: "", text };
        let credentials = self.keystore.active_signing(member, now);
        let (credential, usable) =
            self.first_usable(&credentials, member.instance(), &current, now).map_err(|why| {
                cannot(format!("Could not get signing info for member '{}': {why}", member.display_form()))
            })?;
        let extra = usable.chain.get(1..).unwrap_or_default().to_vec();
        let material = SignerMaterial {
            certificate: credential.certificate.clone(),
            extra,
            ocsp: usable.responses.iter().map(|r| r.der().to_vec()).collect(),
            algorithm: algorithm(credential),
        };
        Ok(SigningIdentity { key: credential.key.clone(), material, until: usable.until })
    }

    /// As whom this gateway connects and accepts now.
    pub(crate) fn authentication(&self, gateway: &Gateway) -> Result<Arc<AuthenticationIdentity>, Refusal> {
        let now = gateway.clock.now();
        let mut chosen = self.authentication.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = chosen.as_ref().filter(|identity| now < identity.until) {
            return Ok(Arc::clone(identity));
        }
        let picture = gateway.picture()?;
        let current = picture.check_current(now).map_err(Gateway::outdated)?;
        let credentials = self.keystore.active_authentication(now);
        let (credential, usable) = self
            .first_usable(&credentials, gateway.config.server.instance(), &current, now)
            .map_err(Refusal::NoAuthentication)?;
        let identity = Arc::new(AuthenticationIdentity {
            key: credential.key.clone(),
            chain: usable.chain,
            responses: usable.responses,
            until: usable.until,
        });
        *chosen = Some(Arc::clone(&identity));
        Ok(identity)
    }

    fn first_usable<'c>(
        &self,
        credentials: &'c [Credential],
        instance: &str,
        current: &Current<'_>,
        now: Timestamp,
    ) -> Result<(&'c Credential, Usable), String> {
        let authorities = current
            .authorities(instance)
            .ok_or_else(|| format!("the global configuration does not know instance {instance}"))?;
        let mut why = "there is no active certificate in date".to_owned();
        for credential in credentials {
            match self.usable(&credential.certificate, authorities, now) {
                Ok(usable) => return Ok((credential, usable)),
                Err(reason) => why = reason,
            }
        }
        Err(why)
    }

    fn usable(
        &self,
        certificate: &Certificate,
        authorities: &Authorities,
        now: Timestamp,
    ) -> Result<Usable, String> {
        let chain = authorities.chain_of(certificate);
        let intermediates = chain.get(1..).unwrap_or_default();
        let path = trust::path::verify_presented(certificate, intermediates, authorities, now)
            .map_err(|e| e.to_string())?;
        let responses: Option<Vec<OcspResponse>> = chain.iter().map(|c| self.ocsp.held(c)).collect();
        let responses = responses.ok_or("Could not get OCSP responses for certificates")?;
        let statuses =
            trust::ocsp::verify_statuses(&path, &responses, authorities, now).map_err(|e| e.to_string())?;
        let longest =
            now.checked_add(SignedDuration::from_secs(CHOICE_SECONDS_MAX)).unwrap_or(Timestamp::MAX);
        Ok(Usable { chain, responses, until: statuses.usable_until().min(longest) })
    }
}

/// A certificate's chain and its OCSP answers, good until then.
struct Usable {
    chain: Vec<Certificate>,
    responses: Vec<OcspResponse>,
    until: Timestamp,
}

/// X-Road's default mechanisms (data-plane 5.4).
fn algorithm(credential: &Credential) -> SignatureAlgorithm {
    if credential.algorithm.is_rsa() {
        SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512)
    } else {
        SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha512)
    }
}
