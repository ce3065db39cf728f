//! serde: a certificate as the Base64 text of its DER, a profile as the name of its Java class.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::certificate::Certificate;
use crate::profile::CertificateProfile;

impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.der()))
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let der = STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Self::from_der(&der).map_err(D::Error::custom)
    }
}

impl Serialize for CertificateProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.class_name())
    }
}

impl<'de> Deserialize<'de> for CertificateProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_class_name(&String::deserialize(deserializer)?))
    }
}
