//! Certificate profiles: how a CA writes members and servers into subjects (data-plane 5.7, control-plane 4.4).

use identifier::{MemberId, ServerId};

use crate::certificate::Certificate;
use crate::error::SubjectRefusal;
use crate::name::Name;

mod fields;

pub use fields::{FieldRefusal, SubjectField, Usage};

const PACKAGE: &str = "ee.ria.xroad.common.certificateprofile.impl.";

const COUNTRY: Attribute = Attribute { oid: "2.5.4.6", name: "C" };
const ORGANISATION: Attribute = Attribute { oid: "2.5.4.10", name: "O" };
const UNIT: Attribute = Attribute { oid: "2.5.4.11", name: "OU" };
const COMMON_NAME: Attribute = Attribute { oid: "2.5.4.3", name: "CN" };
const SERIAL_NUMBER: Attribute = Attribute { oid: "2.5.4.5", name: "serialNumber" };
const BUSINESS_CATEGORY: Attribute = Attribute { oid: "2.5.4.15", name: "businessCategory" };
const ORGANISATION_IDENTIFIER: Attribute = Attribute { oid: "2.5.4.97", name: "organizationIdentifier" };

#[derive(Clone, Copy)]
struct Attribute {
    oid: &'static str,
    name: &'static str,
}

/// A profile, named by a Java class in the global configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateProfile {
    /// C, O, CN are instance, class, code.
    Ejbca,
    /// businessCategory and serialNumber are class and code; the instance is the sender's.
    Basic,
    /// As `Basic`, for certificates ordered by ACME.
    BasicAcme,
    /// Finland.
    FiVrk,
    /// Cambodia's CamDX: serialNumber is `instance/server/class`, CN the code. Its class came with CamDX, not with X-Road 7.8.0.
    CamDx,
    /// The Faroe Islands.
    Fo,
    /// Iceland.
    Is,
    /// Estonia, organisations.
    SkKlass3,
    /// Estonia, persons; deprecated by X-Road.
    SkEsteId,
    /// The instance is the sender's, the class is fixed, CN is the code. No class name of the global configuration leads
    /// here: it stands in where a CA's real profile is not available to us, as in the fixtures that were made with
    /// X-Road's test profile.
    CommonName {
        /// The class of every member that the CA issues to.
        class: String,
    },
    /// A class that we do not know: certificates of that CA cannot sign for anyone.
    Unknown(String),
}

impl CertificateProfile {
    /// Each with a word for people, but for the deprecated one, and its class.
    const KNOWN: [(Self, &'static str, &'static str); 9] = [
        (Self::Ejbca, "ejbca", "EjbcaCertificateProfileInfoProvider"),
        (Self::Basic, "basic", "BasicCertificateProfileInfoProvider"),
        (Self::BasicAcme, "basic-acme", "BasicACMECertificateProfileInfoProvider"),
        (Self::FiVrk, "fi", "FiVRKCertificateProfileInfoProvider"),
        (Self::CamDx, "camdx", "CamDXCertificateProfileInfoProvider"),
        (Self::Fo, "fo", "FoCertificateProfileInfoProvider"),
        (Self::Is, "is", "IsCertificateProfileInfoProvider"),
        (Self::SkKlass3, "sk-klass3", "SkKlass3CertificateProfileInfoProvider"),
        (Self::SkEsteId, "", "SkEsteIdCertificateProfileInfoProvider"),
    ];

    /// The words by which people call the profiles, one behind the other.
    #[must_use]
    pub fn words() -> String {
        let words = Self::KNOWN.iter().map(|(_, word, _)| *word).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(", ")
    }

    /// The profile that somebody means: by its word, or by its class with or without the package.
    #[must_use]
    pub fn from_word(text: &str) -> Self {
        let word = text.trim();
        let known = Self::KNOWN.into_iter().find(|(_, known, _)| !word.is_empty() && *known == word);
        known.map_or_else(|| Self::from_class_name(text), |(profile, ..)| profile)
    }

    /// The profile of a `certificateProfileInfo`.
    #[must_use]
    pub fn from_class_name(class_name: &str) -> Self {
        let class_name = class_name.trim();
        let simple = class_name.strip_prefix(PACKAGE).unwrap_or(class_name);
        Self::KNOWN
            .into_iter()
            .find_map(|(profile, _, class)| (class == simple).then_some(profile))
            .unwrap_or_else(|| Self::Unknown(class_name.to_owned()))
    }

    /// The Java class, with its package; empty for [`Self::CommonName`].
    #[must_use]
    pub fn class_name(&self) -> String {
        if let Self::Unknown(class_name) = self {
            return class_name.clone();
        }
        Self::KNOWN
            .iter()
            .find_map(|(profile, _, class)| (profile == self).then(|| format!("{PACKAGE}{class}")))
            .unwrap_or_default()
    }

    /// The member that a signing certificate speaks for. `sender_instance` is the instance that the message names;
    /// some profiles do not write one into the subject.
    ///
    /// # Errors
    /// [`SubjectRefusal`]; X-Road's code is `incorrect_certificate`.
    pub fn signer_member(
        &self,
        certificate: &Certificate,
        sender_instance: &str,
    ) -> Result<MemberId, SubjectRefusal> {
        self.member_in(certificate.subject(), sender_instance)
    }

    /// As [`Self::signer_member`], from the subject alone.
    ///
    /// # Errors
    /// [`SubjectRefusal`].
    pub fn member_in(&self, subject: &Name, sender_instance: &str) -> Result<MemberId, SubjectRefusal> {
        let subject = Subject(subject);
        match self {
            Self::Ejbca => subject.ejbca(),
            Self::Basic | Self::BasicAcme => {
                let class = subject.require(BUSINESS_CATEGORY)?;
                let code = subject.require(SERIAL_NUMBER)?;
                subject.member(sender_instance, &class, &code)
            }
            Self::FiVrk => subject.finland(),
            Self::CamDx => {
                let serial_number = subject.require(SERIAL_NUMBER)?;
                subject.by_serial_number("KH", serial_number)
            }
            Self::Fo => subject.island("FO"),
            Self::Is => {
                if subject.get(SERIAL_NUMBER).is_none() && subject.get(UNIT).is_none() {
                    subject.ejbca()
                } else {
                    subject.island("IS")
                }
            }
            Self::SkKlass3 => subject.estonia(sender_instance),
            Self::SkEsteId => {
                let code = subject.require(SERIAL_NUMBER)?;
                subject.member(sender_instance, "PERSON", &code)
            }
            Self::CommonName { class } => {
                let code = subject.require(COMMON_NAME)?;
                subject.member(sender_instance, class, &code)
            }
            Self::Unknown(class_name) => {
                Err(SubjectRefusal::UnknownProfile { class_name: class_name.clone() })
            }
        }
    }

    /// The subject of a request for an authentication certificate, in its order.
    #[must_use]
    pub fn subject_of_auth(&self, server: &ServerId, member_name: &str) -> Vec<SubjectField> {
        fields::of_auth(self, server, member_name)
    }

    /// The subject of a request for a signing certificate of `member`, made at `server`.
    #[must_use]
    pub fn subject_of_sign(
        &self,
        server: &ServerId,
        member: &MemberId,
        member_name: &str,
    ) -> Vec<SubjectField> {
        fields::of_sign(self, server, member, member_name)
    }

    /// Whether a person may put `value` into the field `name` of a request.
    ///
    /// # Errors
    /// [`FieldRefusal`]: the profile has no such field, or the value is blank.
    pub fn validate_field(&self, usage: Usage, name: &str, value: &str) -> Result<(), FieldRefusal> {
        fields::validate(self, usage, name, value)
    }
}

struct Subject<'a>(&'a Name);

impl Subject<'_> {
    fn get(&self, attribute: Attribute) -> Option<String> {
        self.0.attribute(attribute.oid)
    }

    fn require(&self, attribute: Attribute) -> Result<String, SubjectRefusal> {
        self.get(attribute)
            .ok_or_else(|| SubjectRefusal::Missing { subject: self.0.rfc2253(), attribute: attribute.name })
    }

    fn require_country(&self, required: &'static str) -> Result<(), SubjectRefusal> {
        let found = self.require(COUNTRY)?;
        if found == required {
            Ok(())
        } else {
            Err(SubjectRefusal::Country { subject: self.0.rfc2253(), required, found })
        }
    }

    fn member(&self, instance: &str, class: &str, code: &str) -> Result<MemberId, SubjectRefusal> {
        MemberId::new(instance, class, code)
            .map_err(|_| SubjectRefusal::Identifier { subject: self.0.rfc2253() })
    }

    fn ejbca(&self) -> Result<MemberId, SubjectRefusal> {
        let instance = self.require(COUNTRY)?;
        let class = self.require(ORGANISATION)?;
        let code = self.require(COMMON_NAME)?;
        self.member(&instance, &class, &code)
    }

    /// O, OU, CN are instance, class and code.
    fn by_unit(&self) -> Result<MemberId, SubjectRefusal> {
        let instance = self.require(ORGANISATION)?;
        let class = self.require(UNIT)?;
        let code = self.require(COMMON_NAME)?;
        self.member(&instance, &class, &code)
    }

    /// serialNumber is instance, server and class; CN is the code.
    fn by_serial_number(
        &self,
        country: &'static str,
        serial_number: String,
    ) -> Result<MemberId, SubjectRefusal> {
        self.require_country(country)?;
        self.require(ORGANISATION)?;
        let parts: Vec<&str> = serial_number.split('/').collect();
        let [instance, _server, class] = parts.as_slice() else {
            return Err(SubjectRefusal::SerialNumber { serial_number });
        };
        let code = self.require(COMMON_NAME)?;
        self.member(instance, class, &code)
    }

    fn finland(&self) -> Result<MemberId, SubjectRefusal> {
        if let Some(serial_number) = self.get(SERIAL_NUMBER) {
            return self.by_serial_number("FI", serial_number);
        }
        if self.get(UNIT).is_some() {
            self.require_country("FI")?;
            return self.by_unit();
        }
        self.ejbca()
    }

    fn island(&self, country: &'static str) -> Result<MemberId, SubjectRefusal> {
        self.require_country(country)?;
        self.require(SERIAL_NUMBER)?;
        self.by_unit()
    }

    fn estonia(&self, instance: &str) -> Result<MemberId, SubjectRefusal> {
        if let Some(identifier) = self.get(ORGANISATION_IDENTIFIER) {
            let classes = [("NTREE-", "COM"), ("GO:EE-", "GOV"), ("NP:EE-", "NGO")];
            for (prefix, class) in classes {
                if let Some(code) = identifier.strip_prefix(prefix) {
                    return self.member(instance, class, code);
                }
            }
            return self.member(instance, "NEE", &identifier);
        }
        let serial_number = self.require(SERIAL_NUMBER)?;
        let all_digits = serial_number.len() == 8 && serial_number.bytes().all(|byte| byte.is_ascii_digit());
        let class = match serial_number.bytes().next() {
            Some(b'1'..=b'6') if all_digits => "COM",
            Some(b'7') if all_digits => "GOV",
            Some(b'8' | b'9') if all_digits => "NGO",
            _ => return Err(SubjectRefusal::SerialNumber { serial_number }),
        };
        self.member(instance, class, &serial_number)
    }
}
