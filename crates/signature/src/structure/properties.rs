//! The signed and the unsigned properties of XAdES 1.3.2, as far as they occur between gateways.

use roxmltree::Node;
use trust::algorithm::DigestAlgorithm;

use crate::reading::{self, Children, DS, Misshapen, XADES, misshapen};

use super::VALUES_MAX;
use super::signed_info::digest_method;

/// In which form the signer's certificate is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SigningCertificateForm {
    /// `xades:SigningCertificate`, what a live server writes and the only one it takes online.
    First,
    /// `xades:SigningCertificateV2`, which a live server takes in containers only.
    Second,
}

/// A digest with its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) algorithm: DigestAlgorithm,
    pub(crate) value: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) signing_time: Option<String>,
    pub(crate) form: SigningCertificateForm,
    pub(crate) certificates: Vec<Digest>,
}

/// What the signature does not cover: material for checking it later.
#[derive(Debug, Default)]
pub(crate) struct Unsigned {
    pub(crate) time_stamps: Vec<Vec<u8>>,
    pub(crate) certificate_references: Vec<CertificateReference>,
    pub(crate) certificates: Vec<EncapsulatedCertificate>,
    pub(crate) ocsp: Vec<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct CertificateReference {
    pub(crate) uri: String,
    pub(crate) digest: Digest,
}

#[derive(Debug)]
pub(crate) struct EncapsulatedCertificate {
    pub(crate) id: Option<String>,
    pub(crate) der: Vec<u8>,
}

pub(super) fn signed(node: Node<'_, '_>) -> Result<Signed, Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    let of_signature = children.required(XADES, "SignedSignatureProperties")?;
    let of_objects = children.optional(XADES, "SignedDataObjectProperties");
    children.end()?;
    if let Some(of_objects) = of_objects {
        data_objects(of_objects)?;
    }
    reading::only_attributes(of_signature, &["Id"])?;
    let mut children = Children::of(of_signature)?;
    let signing_time = children.optional(XADES, "SigningTime").map(signing_time).transpose()?;
    let (form, list) = match children.optional(XADES, "SigningCertificate") {
        Some(list) => (SigningCertificateForm::First, list),
        None => (SigningCertificateForm::Second, children.required(XADES, "SigningCertificateV2")?),
    };
    let certificates = certificate_list(list, form)?.into_iter().map(|reference| reference.digest).collect();
    if let Some(policy) = children.optional(XADES, "SignaturePolicyIdentifier") {
        signature_policy(policy)?;
    }
    children.end()?;
    Ok(Signed { signing_time, form, certificates })
}

fn signing_time(node: Node<'_, '_>) -> Result<String, Misshapen> {
    reading::only_attributes(node, &[])?;
    let text = reading::text(node)?.trim_matches(reading::is_space);
    match text.parse::<jiff::civil::DateTime>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if text.parse::<jiff::Timestamp>().is_ok() => Ok(text.to_owned()),
        Err(_) => misshapen("SigningTime is not a time"),
    }
}

/// The certificates that a `CertIDList` names; the URI is empty where none is given.
fn certificate_list(
    list: Node<'_, '_>,
    form: SigningCertificateForm,
) -> Result<Vec<CertificateReference>, Misshapen> {
    reading::only_attributes(list, &[])?;
    let mut children = Children::of(list)?;
    let mut named = Vec::new();
    while let Some(certificate) = children.optional(XADES, "Cert") {
        reading::only_attributes(certificate, &["URI"])?;
        let mut in_certificate = Children::of(certificate)?;
        let digest = digest_of(in_certificate.required(XADES, "CertDigest")?)?;
        match form {
            SigningCertificateForm::First => issuer_serial(in_certificate.required(XADES, "IssuerSerial")?)?,
            SigningCertificateForm::Second => {
                if let Some(serial) = in_certificate.optional(XADES, "IssuerSerialV2") {
                    reading::only_attributes(serial, &[])?;
                    reading::base64(serial)?;
                }
            }
        }
        in_certificate.end()?;
        let uri = reading::attribute(certificate, "URI").unwrap_or_default().to_owned();
        named.push(CertificateReference { uri, digest });
        if named.len() > VALUES_MAX {
            return misshapen(format!("more than {VALUES_MAX} certificates are named"));
        }
    }
    children.end()?;
    if named.is_empty() {
        return misshapen(format!("{} names no certificate", reading::called(list)));
    }
    Ok(named)
}

fn digest_of(node: Node<'_, '_>) -> Result<Digest, Misshapen> {
    reading::only_attributes(node, &[])?;
    let mut children = Children::of(node)?;
    let algorithm = digest_method(children.required(DS, "DigestMethod")?)?;
    let value = children.required(DS, "DigestValue")?;
    children.end()?;
    reading::only_attributes(value, &[])?;
    Ok(Digest { algorithm, value: reading::base64(value)? })
}

fn issuer_serial(node: Node<'_, '_>) -> Result<(), Misshapen> {
    reading::only_attributes(node, &[])?;
    let mut children = Children::of(node)?;
    let name = children.required(DS, "X509IssuerName")?;
    let serial = children.required(DS, "X509SerialNumber")?;
    children.end()?;
    reading::only_attributes(name, &[])?;
    reading::only_attributes(serial, &[])?;
    reading::text(name)?;
    let digits = reading::text(serial)?.trim_matches(reading::is_space);
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return misshapen("X509SerialNumber is not a number");
    }
    Ok(())
}

fn signature_policy(node: Node<'_, '_>) -> Result<(), Misshapen> {
    reading::only_attributes(node, &[])?;
    let mut children = Children::of(node)?;
    if let Some(implied) = children.optional(XADES, "SignaturePolicyImplied") {
        reading::only_attributes(implied, &[])?;
        Children::of(implied)?.end()?;
        return children.end();
    }
    let policy = children.required(XADES, "SignaturePolicyId")?;
    children.end()?;
    reading::only_attributes(policy, &[])?;
    let mut in_policy = Children::of(policy)?;
    let identity = in_policy.required(XADES, "SigPolicyId")?;
    reading::only_attributes(identity, &[])?;
    let mut in_identity = Children::of(identity)?;
    let identifier = in_identity.required(XADES, "Identifier")?;
    reading::only_attributes(identifier, &["Qualifier"])?;
    reading::text(identifier)?;
    if let Some(description) = in_identity.optional(XADES, "Description") {
        reading::only_attributes(description, &[])?;
        reading::text(description)?;
    }
    in_identity.end()?;
    digest_of(in_policy.required(XADES, "SigPolicyHash")?)?;
    if let Some(qualifiers) = in_policy.optional(XADES, "SigPolicyQualifiers") {
        policy_qualifiers(qualifiers)?;
    }
    in_policy.end()
}

fn policy_qualifiers(node: Node<'_, '_>) -> Result<(), Misshapen> {
    reading::only_attributes(node, &[])?;
    let mut children = Children::of(node)?;
    let mut some = false;
    while let Some(qualifier) = children.optional(XADES, "SigPolicyQualifier") {
        some = true;
        reading::only_attributes(qualifier, &[])?;
        let mut in_qualifier = Children::of(qualifier)?;
        let address = in_qualifier.required(XADES, "SPURI")?;
        in_qualifier.end()?;
        reading::only_attributes(address, &[])?;
        reading::text(address)?;
    }
    children.end()?;
    if some { Ok(()) } else { misshapen("SigPolicyQualifiers is empty") }
}

fn data_objects(node: Node<'_, '_>) -> Result<(), Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    while let Some(format) = children.optional(XADES, "DataObjectFormat") {
        reading::only_attributes(format, &["ObjectReference"])?;
        reading::required_attribute(format, "ObjectReference")?;
        let mut in_format = Children::of(format)?;
        for name in ["Description", "MimeType", "Encoding"] {
            if let Some(text) = in_format.optional(XADES, name) {
                reading::only_attributes(text, &[])?;
                reading::text(text)?;
            }
        }
        in_format.end()?;
    }
    children.end()
}

pub(super) fn unsigned(node: Node<'_, '_>) -> Result<Unsigned, Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    let of_signature = children.required(XADES, "UnsignedSignatureProperties")?;
    children.end()?;
    reading::only_attributes(of_signature, &["Id"])?;
    let mut unsigned = Unsigned::default();
    let mut children = Children::of(of_signature)?;
    let mut some = false;
    while let Some(property) = children.any() {
        some = true;
        let is = |name| reading::is(property, XADES, name);
        if is("SignatureTimeStamp") {
            unsigned.time_stamps.push(time_stamp(property)?);
        } else if is("CompleteCertificateRefs") && unsigned.certificate_references.is_empty() {
            unsigned.certificate_references = certificate_references(property)?;
        } else if is("CertificateValues") && unsigned.certificates.is_empty() {
            unsigned.certificates = certificate_values(property)?;
        } else if is("RevocationValues") && unsigned.ocsp.is_empty() {
            unsigned.ocsp = revocation_values(property)?;
        } else {
            return misshapen(format!("{} is not accepted here", reading::called(property)));
        }
    }
    let most = [unsigned.time_stamps.len(), unsigned.certificates.len(), unsigned.ocsp.len()];
    if most.into_iter().any(|count| count > VALUES_MAX) {
        return misshapen(format!("more than {VALUES_MAX} values of one kind are carried"));
    }
    if some { Ok(unsigned) } else { misshapen("UnsignedSignatureProperties is empty") }
}

fn time_stamp(node: Node<'_, '_>) -> Result<Vec<u8>, Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    if let Some(method) = children.optional(DS, "CanonicalizationMethod") {
        reading::only_attributes(method, &["Algorithm"])?;
        Children::of(method)?.end()?;
    }
    let token = children.required(XADES, "EncapsulatedTimeStamp")?;
    children.end()?;
    reading::only_attributes(token, &["Id"])?;
    reading::base64(token)
}

fn certificate_references(node: Node<'_, '_>) -> Result<Vec<CertificateReference>, Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    let list = children.required(XADES, "CertRefs")?;
    children.end()?;
    certificate_list(list, SigningCertificateForm::First)
}

fn certificate_values(node: Node<'_, '_>) -> Result<Vec<EncapsulatedCertificate>, Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    let mut certificates = Vec::new();
    while let Some(certificate) = children.optional(XADES, "EncapsulatedX509Certificate") {
        reading::only_attributes(certificate, &["Id"])?;
        let id = reading::attribute(certificate, "Id").map(str::to_owned);
        certificates.push(EncapsulatedCertificate { id, der: reading::base64(certificate)? });
    }
    children.end()?;
    if certificates.is_empty() { misshapen("CertificateValues is empty") } else { Ok(certificates) }
}

fn revocation_values(node: Node<'_, '_>) -> Result<Vec<Vec<u8>>, Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    let values = children.required(XADES, "OCSPValues")?;
    children.end()?;
    reading::only_attributes(values, &[])?;
    let mut in_values = Children::of(values)?;
    let mut responses = Vec::new();
    while let Some(response) = in_values.optional(XADES, "EncapsulatedOCSPValue") {
        reading::only_attributes(response, &["Id"])?;
        responses.push(reading::base64(response)?);
    }
    in_values.end()?;
    if responses.is_empty() { misshapen("OCSPValues is empty") } else { Ok(responses) }
}
