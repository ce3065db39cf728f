//! Whom one instance approves: certification authorities, their OCSP responders, time-stamp authorities.

use crate::certificate::Certificate;
use crate::path;
use crate::profile::CertificateProfile;

/// Rules for OCSP responses (data-plane 6.3 steps 5 and 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspPolicy {
    /// How old a response may be.
    pub freshness_seconds: u64,
    /// Whether nextUpdate, where present, has to lie ahead.
    pub verify_next_update: bool,
}

/// An OCSP responder of a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// Where to ask.
    pub url: String,
    /// The certificate that it signs with, when it is not the CA or a delegate of the CA.
    pub certificate: Option<Certificate>,
}

/// A CA certificate with its responders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// In the order of the global configuration.
    pub responders: Vec<Responder>,
}

/// An approved certification service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its name, for people.
    pub name: String,
    /// How it writes members into subjects.
    pub profile: CertificateProfile,
    /// It issues authentication certificates only. The original does not check this at verification
    /// (data-plane 5.6), and neither do we; it concerns who may ask for which certificate.
    pub authentication_only: bool,
    /// The top CA, often self-signed.
    pub top: CaCertificate,
    /// CAs below it.
    pub intermediates: Vec<CaCertificate>,
}

impl Authority {
    /// The top CA, then the intermediate ones.
    pub fn ca_certificates(&self) -> impl Iterator<Item = &CaCertificate> {
        std::iter::once(&self.top).chain(&self.intermediates)
    }

    /// Whether this is one of its CA certificates.
    pub(crate) fn has(&self, certificate: &Certificate) -> bool {
        self.ca_certificates().any(|ca| ca.certificate == *certificate)
    }
}

/// What the global configuration of **one** instance says about trust. Plain data: whoever builds it has verified the
/// configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The instance that approves.
    pub instance: String,
    /// Approved certification services.
    pub cas: Vec<Authority>,
    /// Certificates of approved time-stamp authorities.
    pub time_stampers: Vec<Certificate>,
    /// Rules for OCSP responses.
    pub ocsp: OcspPolicy,
}

impl Authorities {
    /// Every CA certificate, top or intermediate, of every service.
    pub fn ca_certificates(&self) -> impl Iterator<Item = &CaCertificate> {
        self.cas.iter().flat_map(Authority::ca_certificates)
    }

    /// Every CA certificate, without the responders.
    #[must_use]
    pub fn all_ca_certificates(&self) -> Vec<&Certificate> {
        self.ca_certificates().map(|ca| &ca.certificate).collect()
    }

    /// The approved CA certificates that have the issuer's name.
    fn named_issuers<'a>(
        &'a self,
        certificate: &Certificate,
    ) -> impl Iterator<Item = &'a CaCertificate> + use<'a> {
        let issuer = certificate.issuer().clone();
        self.ca_certificates().filter(move |ca| ca.certificate.subject().matches(&issuer))
    }

    /// Among several CAs of one name, the one whose key signed; else the first.
    fn issuing(&self, certificate: &Certificate) -> Option<&CaCertificate> {
        let named: Vec<&CaCertificate> = self.named_issuers(certificate).collect();
        match named.as_slice() {
            [] => None,
            [only] => Some(only),
            [first, ..] => Some(
                named
                    .iter()
                    .find(|ca| certificate.verify_signed_by(&ca.certificate).is_ok())
                    .unwrap_or(first),
            ),
        }
    }

    /// The approved CA, top or intermediate, whose subject is the certificate's issuer (data-plane 4.2). The signature
    /// is *not* proof of anything here: see [`path::verify_path`].
    #[must_use]
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.issuing(certificate).map(|ca| &ca.certificate)
    }

    /// The service that the issuing CA belongs to.
    #[must_use]
    pub fn authority_of(&self, certificate: &Certificate) -> Option<&Authority> {
        let issuer = self.issuer_of(certificate)?;
        self.cas.iter().find(|service| service.has(issuer))
    }

    /// How the issuing CA writes members into subjects (data-plane 5.7).
    #[must_use]
    pub fn profile_for(&self, certificate: &Certificate) -> Option<&CertificateProfile> {
        self.authority_of(certificate).map(|service| &service.profile)
    }

    /// The chain to present or embed: the certificate, then the issuing intermediates, **without** the self-signed
    /// root (data-plane 4.1). Only the certificate itself when its issuer is not approved.
    #[must_use]
    pub fn chain_of(&self, certificate: &Certificate) -> Vec<Certificate> {
        let mut chain = vec![certificate.clone()];
        let mut current = certificate.clone();
        while chain.len() < path::CERTIFICATES_MAX {
            let Some(issuer) = self.issuer_of(&current) else {
                // The last CA has no approved issuer: it is the trusted root, and stays out.
                if chain.len() > 1 {
                    chain.pop();
                }
                return chain;
            };
            if issuer.is_self_issued() || chain.contains(issuer) {
                return chain;
            }
            current = issuer.clone();
            chain.push(current.clone());
        }
        chain
    }

    /// Where the status of a certificate can be asked: the responders of the global configuration, then the
    /// certificate's own addresses (data-plane 6.1), each once.
    #[must_use]
    pub fn ocsp_urls(&self, certificate: &Certificate) -> Vec<String> {
        let listed = self.issuing(certificate).map(|ca| ca.responders.as_slice()).unwrap_or_default();
        let mut urls: Vec<String> = Vec::new();
        for url in listed.iter().map(|responder| &responder.url).chain(certificate.ocsp_urls()) {
            if !url.is_empty() && !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        urls
    }

    /// The responder certificates listed for this CA.
    pub(crate) fn responders_of<'a>(
        &'a self,
        issuer: &'a Certificate,
    ) -> impl Iterator<Item = &'a Certificate> {
        self.ca_certificates()
            .filter(move |ca| ca.certificate == *issuer)
            .flat_map(|ca| &ca.responders)
            .filter_map(|responder| responder.certificate.as_ref())
    }

    /// Every responder certificate of every CA.
    pub(crate) fn all_responders(&self) -> impl Iterator<Item = &Certificate> {
        self.ca_certificates()
            .flat_map(|ca| &ca.responders)
            .filter_map(|responder| responder.certificate.as_ref())
    }

    /// The approved CAs by the issuer's name, for building a path.
    pub(crate) fn anchors_for<'a>(
        &'a self,
        certificate: &Certificate,
    ) -> impl Iterator<Item = &'a Certificate> + use<'a> {
        self.named_issuers(certificate).map(|ca| &ca.certificate)
    }
}
