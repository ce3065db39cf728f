//! The extensions of a certificate that we process; those that we do not, and may not ignore, are remembered.

use crate::asn1::{self, Element, Malformed, Reader};
use crate::name;
use crate::oid;

const EXTENSIONS_MAX: usize = 64;
const NAMES_MAX: usize = 256;

/// What the key may be used for. Bits as in RFC 5280 §4.2.1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage {
    bits: u16,
}

impl KeyUsage {
    fn has(self, bit: u16) -> bool {
        self.bits & (0x8000 >> bit) != 0
    }

    /// digitalSignature
    #[must_use]
    pub fn digital_signature(self) -> bool {
        self.has(0)
    }

    /// nonRepudiation (contentCommitment): what a signing certificate has to have.
    #[must_use]
    pub fn non_repudiation(self) -> bool {
        self.has(1)
    }

    /// keyEncipherment
    #[must_use]
    pub fn key_encipherment(self) -> bool {
        self.has(2)
    }

    /// dataEncipherment
    #[must_use]
    pub fn data_encipherment(self) -> bool {
        self.has(3)
    }

    /// keyAgreement
    #[must_use]
    pub fn key_agreement(self) -> bool {
        self.has(4)
    }

    /// keyCertSign: what a CA has to have.
    #[must_use]
    pub fn certificate_sign(self) -> bool {
        self.has(5)
    }

    /// cRLSign
    #[must_use]
    pub fn crl_sign(self) -> bool {
        self.has(6)
    }
}

/// Whether the subject is a CA, and how many CAs may follow below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// The subject may issue certificates.
    pub ca: bool,
    /// How many intermediate certificates may stand between this one and the end entity.
    pub path_length_max: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<Vec<String>>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) subject_key_identifier: Option<Vec<u8>>,
    pub(crate) ocsp_urls: Vec<String>,
    pub(crate) alternative_names: Option<String>,
    pub(crate) unprocessed: Vec<String>,
}

impl Extensions {
    /// Reads the list; `body` is the content of the `[3]` wrapper.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut list = asn1::only(body, asn1::SEQUENCE)?.open();
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut read = Self::default();
        while !list.is_empty() {
            let mut fields = list.sequence()?;
            let id = fields.expect(asn1::OID)?.body;
            let critical = match fields.optional(asn1::BOOLEAN)? {
                Some(flag) => asn1::boolean(&flag)?,
                None => false,
            };
            let value = fields.expect(asn1::OCTET_STRING)?.body;
            fields.end()?;
            if seen.contains(&id) {
                return Err(Malformed::Duplicate("an extension"));
            }
            seen.push(id);
            if seen.len() > EXTENSIONS_MAX {
                return Err(Malformed::TooLarge { what: "extensions", max: EXTENSIONS_MAX });
            }
            read.take(id, critical, value)?;
        }
        Ok(read)
    }

    fn take(&mut self, id: &[u8], critical: bool, value: &[u8]) -> Result<(), Malformed> {
        match id {
            _ if id == oid::KEY_USAGE => self.key_usage = Some(key_usage(value)?),
            _ if id == oid::EXTENDED_KEY_USAGE => self.extended_key_usage = Some(purposes(value)?),
            _ if id == oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            _ if id == oid::SUBJECT_KEY_IDENTIFIER => {
                self.subject_key_identifier = Some(asn1::only(value, asn1::OCTET_STRING)?.body.to_vec());
            }
            // These two only inform: a flaw in them does not spoil the certificate.
            _ if id == oid::AUTHORITY_INFORMATION => self.ocsp_urls = ocsp_urls(value).unwrap_or_default(),
            _ if id == oid::SUBJECT_ALTERNATIVE_NAME => {
                self.alternative_names = alternative_names(value).ok()
            }
            // They restrict nothing that we decide on: policies need no agreement here, CRLs are not fetched, responders'
            // certificates are not asked about.
            _ if id == oid::ISSUER_ALTERNATIVE_NAME
                || id == oid::CERTIFICATE_POLICIES
                || id == oid::AUTHORITY_KEY_IDENTIFIER
                || id == oid::CRL_DISTRIBUTION_POINTS
                || id == oid::OCSP_NO_CHECK => {}
            // Not every CA marks its name constraints as critical; they restrict it all the same.
            _ if critical || id == oid::NAME_CONSTRAINTS => self.unprocessed.push(asn1::dotted(id)?),
            _ => {}
        }
        Ok(())
    }
}

fn key_usage(value: &[u8]) -> Result<KeyUsage, Malformed> {
    let bits = asn1::only(value, asn1::BIT_STRING)?.body;
    let (unused, octets) = bits.split_first().ok_or(Malformed::Value("keyUsage"))?;
    if *unused > 7 || octets.len() > 2 {
        return Err(Malformed::Value("keyUsage"));
    }
    let high = octets.first().copied().unwrap_or_default();
    let low = octets.get(1).copied().unwrap_or_default();
    Ok(KeyUsage { bits: u16::from_be_bytes([high, low]) })
}

fn purposes(value: &[u8]) -> Result<Vec<String>, Malformed> {
    let mut list = asn1::only(value, asn1::SEQUENCE)?.open();
    let mut purposes = Vec::new();
    while !list.is_empty() {
        purposes.push(asn1::dotted(list.expect(asn1::OID)?.body)?);
        if purposes.len() > NAMES_MAX {
            return Err(Malformed::TooLarge { what: "purposes", max: NAMES_MAX });
        }
    }
    Ok(purposes)
}

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, Malformed> {
    let mut fields = asn1::only(value, asn1::SEQUENCE)?.open();
    let ca = match fields.optional(asn1::BOOLEAN)? {
        Some(flag) => asn1::boolean(&flag)?,
        None => false,
    };
    let path_length_max = match fields.optional(asn1::INTEGER)? {
        Some(length) => Some(asn1::small(&length)?),
        None => None,
    };
    fields.end()?;
    Ok(BasicConstraints { ca, path_length_max })
}

fn ocsp_urls(value: &[u8]) -> Result<Vec<String>, Malformed> {
    let mut list = asn1::only(value, asn1::SEQUENCE)?.open();
    let mut urls = Vec::new();
    while !list.is_empty() {
        let mut entry = list.sequence()?;
        let method = entry.expect(asn1::OID)?;
        let location = entry.any()?;
        if method.body == oid::OCSP
            && location.tag == asn1::plain(6)
            && let Ok(url) = std::str::from_utf8(location.body)
        {
            urls.push(url.to_owned());
        }
        if urls.len() > NAMES_MAX {
            return Err(Malformed::TooLarge { what: "addresses", max: NAMES_MAX });
        }
    }
    Ok(urls)
}

fn alternative_names(value: &[u8]) -> Result<String, Malformed> {
    let mut list = asn1::only(value, asn1::SEQUENCE)?.open();
    let mut texts = Vec::new();
    while !list.is_empty() {
        texts.push(general_name(&list.any()?)?);
        if texts.len() > NAMES_MAX {
            return Err(Malformed::TooLarge { what: "names", max: NAMES_MAX });
        }
    }
    Ok(texts.join(", "))
}

fn general_name(entry: &Element<'_>) -> Result<String, Malformed> {
    let text = || String::from_utf8_lossy(entry.body).into_owned();
    Ok(match entry.tag {
        tag if tag == asn1::plain(1) => format!("email:{}", text()),
        tag if tag == asn1::plain(2) => format!("DNS:{}", text()),
        tag if tag == asn1::wrapped(4) => format!("DirName:{}", name::directory(entry.body)?),
        tag if tag == asn1::plain(6) => format!("URI:{}", text()),
        tag if tag == asn1::plain(7) => format!("IP Address:{}", address(entry.body)?),
        tag if tag == asn1::plain(8) => format!("Registered ID:{}", asn1::dotted(entry.body)?),
        tag if tag == asn1::wrapped(0) => "othername:<unsupported>".to_owned(),
        tag if tag == asn1::wrapped(3) => "X400Name:<unsupported>".to_owned(),
        tag if tag == asn1::wrapped(5) => "EdiPartyName:<unsupported>".to_owned(),
        _ => return Err(Malformed::Unknown("kind of name")),
    })
}

fn address(octets: &[u8]) -> Result<String, Malformed> {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return Ok(std::net::Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(octets).map_err(|_| Malformed::Value("IP address"))?;
    Ok(std::net::Ipv6Addr::from(sixteen).to_string())
}

/// Whether any extension of a list is critical.
pub(crate) fn has_critical(body: Reader<'_>) -> Result<bool, Malformed> {
    let mut list = body;
    let mut count = 0usize;
    while !list.is_empty() {
        let mut fields = list.sequence()?;
        fields.expect(asn1::OID)?;
        if let Some(flag) = fields.optional(asn1::BOOLEAN)?
            && asn1::boolean(&flag)?
        {
            return Ok(true);
        }
        count = count.saturating_add(1);
        if count > EXTENSIONS_MAX {
            return Err(Malformed::TooLarge { what: "extensions", max: EXTENSIONS_MAX });
        }
    }
    Ok(false)
}
