//! What ends when: certificates, soonest first.

use super::findings::Findings;
use jiff::SignedDuration;
use trust::Certificate;

/// Time enough to have a certificate renewed.
const WARNING_DAYS: i64 = 30;

/// A certificate and whose it is, in words.
#[derive(Debug)]
pub(super) struct Dated {
    pub(super) what: String,
    pub(super) certificate: Certificate,
    pub(super) renew: &'static str,
}

/// Says of each when it ends.
pub(super) fn ends(mut certificates: Vec<Dated>, findings: &mut Findings) {
    certificates.sort_by_key(|dated| dated.certificate.not_after());
    let now = findings.now();
    for Dated { what, certificate, renew } in certificates {
        let name = name(&certificate);
        let (from, until) = (certificate.not_before(), certificate.not_after());
        let ends = findings.moment(until);
        if now < from {
            let says = format!("{what} ({name}) begins only at {}", findings.moment(from));
            findings.problem("certificate", says, "is the clock of this machine right?");
        } else if until < now {
            findings.problem("certificate", format!("{what} ({name}) ended at {ends}"), renew);
        } else if until.duration_since(now) < SignedDuration::from_hours(24 * WARNING_DAYS) {
            findings.warning("certificate", format!("{what} ({name}) ends at {ends}"), renew);
        } else {
            findings.ok("certificate", format!("{what} ({name}) ends at {ends}"));
        }
    }
}

/// Its common name, and enough of its hash to name it on the command line.
pub(super) fn name(certificate: &Certificate) -> String {
    let name = certificate.common_name().unwrap_or_else(|| certificate.subject_rfc2253());
    let sha256 = hex::encode(certificate.sha256());
    format!("{name}, {}", sha256.get(..16).unwrap_or_default())
}
