//! Reading `keyconf.xml`, the list of keys and certificates of an X-Road signer (control-plane 5.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use identifier::MemberId;
use roxmltree::{Document, Node, ParsingOptions};

/// Longest keyconf.xml that is read.
pub const KEYCONF_BYTES_MAX: usize = 8 * 1024 * 1024;
const NAMESPACE: &str = "http://x-road.eu/xsd/xroad.xsd";
const IDENTIFIERS: &str = "http://x-road.eu/xsd/identifiers";
const ENTRIES_MAX: usize = 4096;

/// Why a keyconf.xml was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyconfRefusal {
    /// Too long.
    #[error("keyconf.xml has {bytes} bytes; at most {KEYCONF_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not well-formed XML, or XML with a DTD.
    #[error("keyconf.xml is not XML that we read: {why}")]
    Xml {
        /// The parser's words.
        why: String,
    },
    /// XML, but not of this shape.
    #[error("keyconf.xml: {why}")]
    Shape {
        /// What is wrong, with the element's name.
        why: String,
    },
}

/// A whole key configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyconf {
    /// The tokens, in the file's order.
    pub devices: Vec<Device>,
}

/// A token: the software token or a hardware one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// `softToken`, or the module's name.
    pub device_type: String,
    /// Token identifier: `0` for the software token.
    pub id: String,
    /// Name for people.
    pub friendly_name: Option<String>,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// A key of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `SIGNING`, `AUTHENTICATION` or undecided.
    pub usage: Option<Usage>,
    /// Name for people.
    pub friendly_name: Option<String>,
    /// Label on the token.
    pub label: Option<String>,
    /// Identifier; the name of the software token's file.
    pub key_id: Option<String>,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Option<Vec<u8>>,
    /// `CKM_RSA_PKCS`, `CKM_RSA_PKCS_PSS` or `CKM_ECDSA`.
    pub sign_mechanism: Option<String>,
    /// Its certificates.
    pub certificates: Vec<Cert>,
    /// How many certificate requests were made for it.
    pub requests: usize,
}

/// X-Road's two usages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Signs messages.
    Signing,
    /// TLS between servers.
    Authentication,
}

/// A certificate of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cert {
    /// Random identifier.
    pub id: Option<String>,
    /// Whether the operator switched it on.
    pub active: bool,
    /// Whose it is; signing certificates only.
    pub member: Option<MemberId>,
    /// DER, not yet parsed.
    pub contents: Vec<u8>,
    /// `saved`, `registered`, `registration in progress`, `deletion in progress`, …
    pub status: Option<String>,
}

impl Keyconf {
    /// Reads a key configuration. Unknown elements are passed over (versions differ in what they note beside a key);
    /// an element that may stand once and stands twice is refused, as is any DTD.
    ///
    /// # Errors
    /// What does not read.
    pub fn read(xml: &[u8]) -> Result<Self, KeyconfRefusal> {
        if xml.len() > KEYCONF_BYTES_MAX {
            return Err(KeyconfRefusal::TooLong { bytes: xml.len() });
        }
        let text = std::str::from_utf8(xml)
            .map_err(|_| KeyconfRefusal::Xml { why: "it is not UTF-8".to_owned() })?;
        let text = text.trim_start_matches('\u{feff}');
        xml::within_budget(text, &xml::Budget::LARGE)
            .map_err(|e| KeyconfRefusal::Xml { why: e.to_string() })?;
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: 1_000_000, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options)
            .map_err(|e| KeyconfRefusal::Xml { why: e.to_string() })?;
        let root = document.root_element();
        if !root.has_tag_name((NAMESPACE, "keyConf")) {
            return shape("the root element is not keyConf");
        }
        let devices = children(root, "device").map(device).collect::<Result<Vec<_>, _>>()?;
        let entries = devices.iter().map(|d| d.keys.len()).fold(devices.len(), usize::saturating_add);
        if entries > ENTRIES_MAX {
            return shape(format!("it has more than {ENTRIES_MAX} entries"));
        }
        Ok(Self { devices })
    }
}

fn shape<T>(why: impl Into<String>) -> Result<T, KeyconfRefusal> {
    Err(KeyconfRefusal::Shape { why: why.into() })
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn optional(node: Node<'_, '_>, name: &'static str) -> Result<Option<String>, KeyconfRefusal> {
    let mut found = children(node, name);
    let first = found.next();
    if found.next().is_some() {
        return shape(format!("{name} stands twice in {}", node.tag_name().name()));
    }
    let Some(first) = first else { return Ok(None) };
    if first.children().any(|child| child.is_element()) {
        return shape(format!("{name} holds elements where text belongs"));
    }
    Ok(Some(first.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect()))
}

fn required(node: Node<'_, '_>, name: &'static str) -> Result<String, KeyconfRefusal> {
    match optional(node, name)? {
        Some(text) => Ok(text),
        None => shape(format!("{} has no {name}", node.tag_name().name())),
    }
}

fn base64_of(text: &str, name: &str) -> Result<Vec<u8>, KeyconfRefusal> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).or_else(|_| shape(format!("{name} is not base64")))
}

fn device(node: Node<'_, '_>) -> Result<Device, KeyconfRefusal> {
    Ok(Device {
        device_type: required(node, "deviceType")?,
        id: required(node, "id")?,
        friendly_name: optional(node, "friendlyName")?,
        keys: children(node, "key").map(key).collect::<Result<_, _>>()?,
    })
}

fn key(node: Node<'_, '_>) -> Result<Key, KeyconfRefusal> {
    let usage = match node.attribute("usage") {
        None => None,
        Some("SIGNING") => Some(Usage::Signing),
        Some("AUTHENTICATION") => Some(Usage::Authentication),
        Some(other) => return shape(format!("the key usage {other:?} is unknown")),
    };
    let public_key = optional(node, "publicKey")?;
    Ok(Key {
        usage,
        friendly_name: optional(node, "friendlyName")?,
        label: optional(node, "label")?,
        key_id: optional(node, "keyId")?,
        public_key: public_key.map(|text| base64_of(&text, "publicKey")).transpose()?,
        sign_mechanism: optional(node, "signMechanismName")?,
        certificates: children(node, "cert").map(cert).collect::<Result<_, _>>()?,
        requests: children(node, "certRequest").count(),
    })
}

fn cert(node: Node<'_, '_>) -> Result<Cert, KeyconfRefusal> {
    let active = match node.attribute("active") {
        Some("true" | "1") => true,
        None | Some("false" | "0") => false,
        Some(other) => return shape(format!("active is {other:?}")),
    };
    let mut members = children(node, "memberId");
    let member = members.next().map(member).transpose()?;
    if members.next().is_some() {
        return shape("memberId stands twice in cert");
    }
    Ok(Cert {
        id: node.attribute("id").map(str::to_owned),
        active,
        member,
        contents: base64_of(&required(node, "contents")?, "contents")?,
        status: optional(node, "status")?,
    })
}

fn member(node: Node<'_, '_>) -> Result<MemberId, KeyconfRefusal> {
    if node.attribute((IDENTIFIERS, "objectType")).is_some_and(|kind| kind != "MEMBER") {
        return shape("memberId is not a member");
    }
    let (instance, class, code) =
        (required(node, "xRoadInstance")?, required(node, "memberClass")?, required(node, "memberCode")?);
    MemberId::new(instance, class, code).or_else(|e| shape(format!("memberId: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyconf(inside: &str) -> Vec<u8> {
        format!("<x:keyConf xmlns:x='{NAMESPACE}' xmlns:i='{IDENTIFIERS}'>{inside}</x:keyConf>").into_bytes()
    }

    #[test]
    fn an_empty_configuration_has_no_tokens() {
        assert_eq!(Keyconf::read(&keyconf("")), Ok(Keyconf { devices: vec![] }));
    }

    #[test]
    fn ambiguous_or_foreign_xml_is_refused() {
        let device = |inside: &str| {
            keyconf(&format!("<device><deviceType>softToken</deviceType><id>0</id>{inside}</device>"))
        };
        assert!(Keyconf::read(&device("")).is_ok());
        let refused = [
            b"".to_vec(),
            b"<keyConf/>".to_vec(),
            b"\xff".to_vec(),
            [b"<!DOCTYPE a [<!ENTITY e 'x'>]>".to_vec(), keyconf("")].concat(),
            keyconf(&(0..20_000).map(|n| format!("<a xmlns:p{n}='u'/>")).collect::<String>()),
            keyconf("<device><id>0</id></device>"),
            device("<id>1</id>"),
            device("<key usage='OTHER'/>"),
            device("<key><keyId>1</keyId><keyId>2</keyId></key>"),
            device("<key><publicKey>*</publicKey></key>"),
            device("<key><cert/></key>"),
            device("<key><cert active='maybe'><contents/></cert></key>"),
            device("<key><keyId><b/></keyId></key>"),
            device(
                "<key><cert><memberId><i:xRoadInstance>A</i:xRoadInstance></memberId><contents/></cert></key>",
            ),
        ];
        for xml in refused {
            assert!(Keyconf::read(&xml).is_err(), "{}", String::from_utf8_lossy(&xml));
        }
    }
}
