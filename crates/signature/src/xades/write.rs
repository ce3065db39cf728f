//! The text of `signatures.xml`, byte for byte as a live server writes it (data-plane 5.2, E.1.2).
//!
//! Where a line ends and where Base64 is broken looks arbitrary, and is: it is what Santuario and the JDK's serialiser
//! leave behind. There is one shape only, and every recorded signature is rebuilt from its inputs in the tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use trust::certificate::Certificate;

use super::SignerMaterial;

/// Where Santuario breaks Base64.
const BASE64_LINE: usize = 76;
/// A line break as Santuario leaves it in the text: the CR survives as a character reference.
const BREAK: &str = "&#13;\n";

const ROOT_START: &str = "<asic:XAdESSignatures xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" \
     xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:xades=\"http://uri.etsi.org/01903/v1.3.2#\" \
     xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">";
const ROOT_END: &str = "</asic:XAdESSignatures>";

const POLICY: &str = "<xades:SignaturePolicyIdentifier><xades:SignaturePolicyId><xades:SigPolicyId>\
     <xades:Identifier Qualifier=\"OIDAsURN\">urn:oid:1.3.6.1.4.1.3516.16.2</xades:Identifier>\
     <xades:Description>Profile for High Performance Digital Signatures (version 1.2)</xades:Description>\
     </xades:SigPolicyId><xades:SigPolicyHash>\
     <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\"/>\
     <ds:DigestValue>BuO0EDNfkxSVlUbxCzmQPzX1AUF1/xx9ytWHk3/6SAOePxQiniEfDYk+90QeYb3lWpV3Izhuz9fKaYyE+lTcXw==\
     </ds:DigestValue></xades:SigPolicyHash><xades:SigPolicyQualifiers><xades:SigPolicyQualifier>\
     <xades:SPURI>https://repo.cyber.ee/dsig-profile-1.2.pdf</xades:SPURI></xades:SigPolicyQualifier>\
     </xades:SigPolicyQualifiers></xades:SignaturePolicyId></xades:SignaturePolicyIdentifier>";

/// What the first reference points to.
pub(super) struct Subject<'s> {
    pub(super) uri: &'s str,
    pub(super) media_type: &'s str,
    pub(super) algorithm: DigestAlgorithm,
    pub(super) digest: Vec<u8>,
}

/// The fragment inside the root, so that its canonical form has the root's four namespaces in scope.
pub(super) fn in_root(fragment: &str) -> String {
    format!("{ROOT_START}{fragment}{ROOT_END}")
}

pub(super) fn signed_info(algorithm: SignatureAlgorithm, subject: &Subject<'_>, properties: &[u8]) -> String {
    format!(
        "<ds:SignedInfo>\n\
         <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>\n\
         <ds:SignatureMethod Algorithm=\"{}\"/>\n\
         {}{}</ds:SignedInfo>",
        algorithm.uri(),
        reference(
            &format!("Id=\"signature-reference-0\" URI=\"{}\"", subject.uri),
            subject.algorithm,
            &subject.digest
        ),
        reference(
            "Id=\"signature-reference-1\" Type=\"http://uri.etsi.org/01903#SignedProperties\" \
             URI=\"#signed-properties\"",
            algorithm.digest(),
            properties
        ),
    )
}

fn reference(attributes: &str, algorithm: DigestAlgorithm, digest: &[u8]) -> String {
    format!(
        "<ds:Reference {attributes}>\n<ds:DigestMethod Algorithm=\"{}\"/>\n\
         <ds:DigestValue>{}</ds:DigestValue>\n</ds:Reference>\n",
        algorithm.uri(),
        broken(digest)
    )
}

pub(super) fn signed_properties(
    material: &SignerMaterial,
    subject: &Subject<'_>,
    signing_time: Timestamp,
) -> String {
    format!(
        "<xades:SignedProperties Id=\"signed-properties\"><xades:SignedSignatureProperties>\
         <xades:SigningTime>{}</xades:SigningTime><xades:SigningCertificate><xades:Cert>{}</xades:Cert>\
         </xades:SigningCertificate>{POLICY}</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>\
         <xades:DataObjectFormat ObjectReference=\"#signature-reference-0\"><xades:MimeType>{}</xades:MimeType>\
         </xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>",
        time(signing_time),
        certificate_identity(&material.certificate, material.algorithm.digest()),
        subject.media_type,
    )
}

/// UTC with milliseconds and `Z`.
fn time(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

fn certificate_identity(certificate: &Certificate, algorithm: DigestAlgorithm) -> String {
    format!(
        "<xades:CertDigest><ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue>{}</ds:DigestValue>\
         </xades:CertDigest><xades:IssuerSerial><ds:X509IssuerName>{}</ds:X509IssuerName>\
         <ds:X509SerialNumber>{}</ds:X509SerialNumber></xades:IssuerSerial>",
        algorithm.uri(),
        STANDARD.encode(algorithm.digest(certificate.der())),
        escaped(&certificate.issuer_rfc2253()),
        certificate.serial_decimal(),
    )
}

pub(super) fn document(
    signed_info: &str,
    value: &[u8],
    material: &SignerMaterial,
    signed_properties: &str,
) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>{ROOT_START}<ds:Signature Id=\"signature\">\n\
         {signed_info}\n<ds:SignatureValue Id=\"signature-value\">\n{}\n</ds:SignatureValue>\n\
         <ds:KeyInfo>\n<ds:X509Data>\n<ds:X509Certificate>\n{}\n</ds:X509Certificate>\n</ds:X509Data>\n\
         </ds:KeyInfo>\n<ds:Object><xades:QualifyingProperties Target=\"#signature\">{signed_properties}{}\
         </xades:QualifyingProperties></ds:Object>\n</ds:Signature>{ROOT_END}",
        STANDARD.encode(value),
        broken(material.certificate.der()),
        unsigned_properties(material),
    )
}

fn unsigned_properties(material: &SignerMaterial) -> String {
    let mut out = String::from("<xades:UnsignedProperties><xades:UnsignedSignatureProperties>");
    if !material.extra.is_empty() {
        out.push_str("<xades:CompleteCertificateRefs Id=\"complete-certificate-refs\"><xades:CertRefs>");
        for (number, certificate) in (1_usize..).zip(&material.extra) {
            out.push_str(&format!(
                "<xades:Cert URI=\"#encapsulated-cert-{number}\">{}</xades:Cert>",
                certificate_identity(certificate, material.algorithm.digest())
            ));
        }
        out.push_str("</xades:CertRefs></xades:CompleteCertificateRefs><xades:CertificateValues>");
        for (number, certificate) in (1_usize..).zip(&material.extra) {
            out.push_str(&format!(
                "<xades:EncapsulatedX509Certificate Id=\"encapsulated-cert-{number}\">{}\
                 </xades:EncapsulatedX509Certificate>",
                STANDARD.encode(certificate.der())
            ));
        }
        out.push_str("</xades:CertificateValues>");
    }
    out.push_str("<xades:RevocationValues><xades:OCSPValues>");
    for (number, response) in (1_usize..).zip(&material.ocsp) {
        out.push_str(&format!(
            "<xades:EncapsulatedOCSPValue Id=\"ocsp-response-{number}\">{}</xades:EncapsulatedOCSPValue>",
            STANDARD.encode(response)
        ));
    }
    out.push_str(
        "</xades:OCSPValues></xades:RevocationValues></xades:UnsignedSignatureProperties></xades:UnsignedProperties>",
    );
    out
}

/// Base64 in lines of 76 characters.
fn broken(octets: &[u8]) -> String {
    let unbroken = STANDARD.encode(octets);
    let mut out = String::new();
    for (position, character) in unbroken.chars().enumerate() {
        if position > 0 && position % BASE64_LINE == 0 {
            out.push_str(BREAK);
        }
        out.push(character);
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
