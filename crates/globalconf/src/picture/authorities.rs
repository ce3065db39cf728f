//! Whom an instance approves, as crate `trust` wants it.

use crate::certificate::CertificateBytes;
use crate::configuration::{Configuration, Warning};
use crate::shared::{ApprovedCa, CaCertificate, OcspResponder, Shared};
use trust::{Authorities, Authority, Certificate, CertificateProfile, OcspPolicy, Responder};

pub(super) fn ocsp_policy(main: &Configuration) -> OcspPolicy {
    OcspPolicy {
        freshness_seconds: main.shared().settings.ocsp_freshness_seconds,
        verify_next_update: main.verify_next_update(),
    }
}

/// A service with a certificate that cannot be read is left out, and only that one: a stray value in one
/// place must not take a country off the exchange.
pub(super) fn build(shared: &Shared, ocsp: OcspPolicy, warnings: &mut Vec<Warning>) -> Authorities {
    let mut reader = Reader { instance: &shared.instance, warnings };
    let cas = shared.approved_cas.iter().filter_map(|approved| reader.authority(approved)).collect();
    let time_stampers = shared
        .approved_tsas
        .iter()
        .filter_map(|service| reader.certificate(&service.name, "its certificate", &service.certificate))
        .collect();
    Authorities { instance: shared.instance.clone(), cas, time_stampers, ocsp }
}

struct Reader<'a> {
    instance: &'a str,
    warnings: &'a mut Vec<Warning>,
}

impl Reader<'_> {
    fn certificate(&mut self, service: &str, what: &str, bytes: &CertificateBytes) -> Option<Certificate> {
        match bytes.decode() {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                self.warnings.push(Warning::UnusableService {
                    instance: self.instance.to_owned(),
                    service: service.to_owned(),
                    problem: format!("{what}: {error}"),
                });
                None
            }
        }
    }

    fn authority(&mut self, approved: &ApprovedCa) -> Option<Authority> {
        let top = self.ca_certificate(&approved.name, &approved.top)?;
        let intermediates = approved
            .intermediates
            .iter()
            .filter_map(|one| self.ca_certificate(&approved.name, one))
            .collect();
        Some(Authority {
            name: approved.name.clone(),
            profile: CertificateProfile::from_class_name(&approved.profile_class),
            authentication_only: approved.authentication_only,
            top,
            intermediates,
        })
    }

    fn ca_certificate(&mut self, service: &str, ca: &CaCertificate) -> Option<trust::CaCertificate> {
        let certificate = self.certificate(service, "a CA certificate", &ca.certificate)?;
        let responders = ca.responders.iter().map(|responder| self.responder(service, responder)).collect();
        Some(trust::CaCertificate { certificate, responders })
    }

    /// A responder keeps its address even when its certificate cannot be read: it may sign with a delegated
    /// one.
    fn responder(&mut self, service: &str, responder: &OcspResponder) -> Responder {
        let bytes = responder.certificate.as_ref();
        let certificate =
            bytes.and_then(|bytes| self.certificate(service, "an OCSP responder's certificate", bytes));
        Responder { url: responder.url.clone(), certificate }
    }
}
