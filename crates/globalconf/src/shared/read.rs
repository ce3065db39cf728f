//! Reading shared parameters of versions 2 to 6: sequence, cardinality, types and references as the schemas
//! ask.

use super::{
    AcmeServer, ApprovedCa, ApprovedTsa, CaCertificate, CentralService, ConfigurationSource, CostType,
    CsrFormat, Group, Maintenance, Member, MemberClass, OcspResponder, Server, Settings, Shared, Subsystem,
    VERSION_NEWEST, VERSION_OLDEST,
};
use crate::certificate::CertificateBytes;
use crate::names;
use crate::xml::{self, Malformed, Sequence, filled_text, path_of, text};
use identifier::ClientId;
use roxmltree::Node;
use std::collections::{BTreeMap, BTreeSet};

impl Shared {
    /// Reads the file as configuration version `version`, which the directory or the metadata names.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes do not follow the schema of that version, a reference leads nowhere or an
    /// identifier occurs twice.
    pub fn read(bytes: &[u8], version: u8) -> Result<Self, Malformed> {
        if !(VERSION_OLDEST..=VERSION_NEWEST).contains(&version) {
            return Err(Malformed::new("/", format!("configuration version {version} is unknown")));
        }
        xml::with_root(bytes, "conf", |root| Reader { version, ids: BTreeMap::new() }.conf(root))
    }
}

struct Reader {
    version: u8,
    ids: BTreeMap<String, ClientId>,
}

fn all<'a, 'i, T>(
    nodes: Vec<Node<'a, 'i>>,
    read: impl FnMut(Node<'a, 'i>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    nodes.into_iter().map(read).collect()
}

fn certificate(node: Node<'_, '_>) -> Result<CertificateBytes, Malformed> {
    xml::base64(node).map(CertificateBytes::new)
}

fn optional_text(node: Option<Node<'_, '_>>) -> Result<Option<String>, Malformed> {
    node.map(text).transpose()
}

impl Reader {
    fn conf(mut self, root: Node<'_, '_>) -> Result<Shared, Malformed> {
        let mut children = Sequence::of(root, &[])?;
        let instance = filled_text(children.required("instanceIdentifier")?)?;
        let sources =
            if self.version > 2 { all(children.at_least_one("source")?, source)? } else { Vec::new() };
        let approved_cas = all(children.many("approvedCA"), |node| self.approved_ca(node))?;
        let approved_tsas = all(children.many("approvedTSA"), |node| self.approved_tsa(node))?;
        let members = all(children.many("member"), |node| self.member(node, &instance))?;
        let servers = all(children.many("securityServer"), |node| self.server(node))?;
        let groups = all(children.many("globalGroup"), group)?;
        let central_services = all(children.many("centralService"), central_service)?;
        let mut node = Sequence::of(children.required("globalSettings")?, &[])?;
        let settings = Settings {
            member_classes: all(node.many("memberClass"), member_class)?,
            ocsp_freshness_seconds: xml::seconds(node.required("ocspFreshnessSeconds")?)?,
        };
        node.finish(false)?;
        children.finish(self.version > 2)?;
        let shared = Shared {
            instance,
            sources,
            approved_cas,
            approved_tsas,
            members,
            servers,
            groups,
            central_services,
            settings,
        };
        unique(&shared)?;
        Ok(shared)
    }

    fn approved_ca(&self, node: Node<'_, '_>) -> Result<ApprovedCa, Malformed> {
        let mut children = Sequence::of(node, &[])?;
        let name = text(children.required("name")?)?;
        let authentication_only = children.optional("authenticationOnly").map(xml::boolean).transpose()?;
        let top = self.ca_certificate(children.required("topCA")?)?;
        let intermediates = all(children.many("intermediateCA"), |node| self.ca_certificate(node))?;
        let profile_class = text(children.required("certificateProfileInfo")?)?;
        let format = if self.version > 5 { children.optional("defaultCsrFormat") } else { None };
        let acme = if self.version > 2 { children.optional("acmeServer") } else { None };
        let approved = ApprovedCa {
            name,
            authentication_only: authentication_only.unwrap_or(false),
            top,
            intermediates,
            profile_class,
            default_csr_format: format.map(csr_format).transpose()?,
            acme: acme.map(|node| self.acme(node)).transpose()?,
        };
        children.finish(false)?;
        Ok(approved)
    }

    fn acme(&self, node: Node<'_, '_>) -> Result<AcmeServer, Malformed> {
        let mut children = Sequence::of(node, &[])?;
        let directory_url = text(children.required("directoryURL")?)?;
        let ip_address = optional_text(children.optional("ipAddress"))?;
        let (mut authentication_profile, mut signing_profile) = (None, None);
        if self.version > 3 {
            authentication_profile = optional_text(children.optional("authenticationCertificateProfileId"))?;
            signing_profile = optional_text(children.optional("signingCertificateProfileId"))?;
        }
        children.finish(false)?;
        Ok(AcmeServer { directory_url, ip_address, authentication_profile, signing_profile })
    }

    fn ca_certificate(&self, node: Node<'_, '_>) -> Result<CaCertificate, Malformed> {
        let mut children = Sequence::of(node, &[])?;
        let certificate = certificate(children.required("cert")?)?;
        let responders = all(children.many("ocsp"), |node| self.responder(node))?;
        children.finish(false)?;
        Ok(CaCertificate { certificate, responders })
    }

    fn responder(&self, node: Node<'_, '_>) -> Result<OcspResponder, Malformed> {
        let mut children = Sequence::of(node, &[])?;
        let url = text(children.required("url")?)?;
        let certificate = children.optional("cert").map(certificate).transpose()?;
        let cost = self.cost(&mut children)?;
        children.finish(false)?;
        Ok(OcspResponder { url, certificate, cost })
    }

    fn cost(&self, children: &mut Sequence<'_, '_>) -> Result<Option<CostType>, Malformed> {
        let node = if self.version > 5 { children.optional("costType") } else { None };
        node.map(|node| match text(node)?.as_str() {
            "FREE" => Ok(CostType::Free),
            "PAID" => Ok(CostType::Paid),
            "UNDEFINED" => Ok(CostType::Undefined),
            other => Err(Malformed::new(path_of(node), format!("{other:?} is no cost type"))),
        })
        .transpose()
    }

    fn approved_tsa(&self, node: Node<'_, '_>) -> Result<ApprovedTsa, Malformed> {
        let mut children = Sequence::of(node, &[])?;
        let name = text(children.required("name")?)?;
        let url = text(children.required("url")?)?;
        let certificate = certificate(children.required("cert")?)?;
        let cost = self.cost(&mut children)?;
        children.finish(false)?;
        Ok(ApprovedTsa { name, url, certificate, cost })
    }

    fn remember(&mut self, node: Node<'_, '_>, client: ClientId) -> Result<(), Malformed> {
        let Some(id) = node.attribute("id") else {
            return Ok(());
        };
        let id = id.trim();
        if id.is_empty() || self.ids.insert(id.to_owned(), client).is_some() {
            return Err(Malformed::new(path_of(node), format!("id {id:?} is empty or occurs twice")));
        }
        Ok(())
    }

    fn member(&mut self, node: Node<'_, '_>, instance: &str) -> Result<Member, Malformed> {
        let mut children = Sequence::of(node, &["id"])?;
        let class = member_class(children.required("memberClass")?)?;
        let code = text(children.required("memberCode")?)?;
        let name = text(children.required("name")?)?;
        let id = names::member(node, instance, &class.code, &code)?;
        self.remember(node, names::client(node, &id, None)?)?;
        let mut subsystems = Vec::new();
        for subsystem in children.many("subsystem") {
            let mut parts = Sequence::of(subsystem, &["id"])?;
            let subsystem_code = text(parts.required("subsystemCode")?)?;
            let name = if self.version > 4 { optional_text(parts.optional("subsystemName"))? } else { None };
            parts.finish(false)?;
            let client = names::client(subsystem, &id, Some(&subsystem_code))?;
            self.remember(subsystem, client)?;
            subsystems.push(Subsystem { code: subsystem_code, name });
        }
        children.finish(false)?;
        Ok(Member { id, class_description: class.description, name, subsystems })
    }

    fn referred(&self, node: Node<'_, '_>) -> Result<ClientId, Malformed> {
        let reference = text(node)?;
        let found = self.ids.get(reference.trim()).cloned();
        found.ok_or_else(|| Malformed::new(path_of(node), format!("reference {reference:?} leads nowhere")))
    }

    fn server(&self, node: Node<'_, '_>) -> Result<Server, Malformed> {
        let mut children = Sequence::of(node, &[])?;
        let owner_node = children.required("owner")?;
        let owner = self.referred(owner_node)?;
        if owner.is_subsystem() {
            return Err(Malformed::new(
                path_of(owner_node),
                "the owner of a server is a member, not a subsystem",
            ));
        }
        let code = text(children.required("serverCode")?)?;
        let address = optional_text(children.optional("address"))?;
        let hash_bytes = if self.version > 2 { 32 } else { 20 };
        let authentication_certificate_hashes = all(children.many("authCertHash"), |node| {
            let hash = xml::base64(node)?;
            // A value of another length can match no certificate; the schema does not refuse it, so neither
            // do we.
            Ok((hash.len() == hash_bytes).then_some(hash))
        })?;
        let clients = all(children.many("client"), |node| self.referred(node))?;
        let maintenance = if self.version > 4 { children.optional("inMaintenanceMode") } else { None };
        let maintenance = maintenance.map(maintenance_mode).transpose()?;
        children.finish(false)?;
        Ok(Server {
            id: names::server(node, owner.member(), &code)?,
            address: address.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            authentication_certificate_hashes: authentication_certificate_hashes
                .into_iter()
                .flatten()
                .collect(),
            clients,
            maintenance,
        })
    }
}

fn source(node: Node<'_, '_>) -> Result<ConfigurationSource, Malformed> {
    let mut children = Sequence::of(node, &[])?;
    let address = filled_text(children.required("address")?)?.trim().to_owned();
    let internal_certificates = all(children.many("internalVerificationCert"), certificate)?;
    let external_certificates = all(children.many("externalVerificationCert"), certificate)?;
    children.finish(false)?;
    Ok(ConfigurationSource { address, internal_certificates, external_certificates })
}

fn csr_format(node: Node<'_, '_>) -> Result<CsrFormat, Malformed> {
    match text(node)?.as_str() {
        "PEM" => Ok(CsrFormat::Pem),
        "DER" => Ok(CsrFormat::Der),
        other => Err(Malformed::new(path_of(node), format!("{other:?} is neither PEM nor DER"))),
    }
}

fn member_class(node: Node<'_, '_>) -> Result<MemberClass, Malformed> {
    let mut children = Sequence::of(node, &[])?;
    let code = text(children.required("code")?)?;
    let description = text(children.required("description")?)?;
    children.finish(false)?;
    Ok(MemberClass { code, description })
}

fn maintenance_mode(node: Node<'_, '_>) -> Result<Maintenance, Malformed> {
    let mut children = Sequence::of(node, &[])?;
    let message = optional_text(children.optional("message"))?;
    children.finish(false)?;
    Ok(Maintenance { message })
}

fn group(node: Node<'_, '_>) -> Result<Group, Malformed> {
    let mut children = Sequence::of(node, &[])?;
    let code = text(children.required("groupCode")?)?;
    let description = text(children.required("description")?)?;
    let members = all(children.many("groupMember"), names::read_group_member)?;
    children.finish(false)?;
    Ok(Group { code, description, members })
}

fn central_service(node: Node<'_, '_>) -> Result<CentralService, Malformed> {
    let mut children = Sequence::of(node, &[])?;
    let code = text(children.required("serviceCode")?)?;
    let implementing_service =
        children.optional("implementingService").map(names::read_service).transpose()?;
    children.finish(false)?;
    Ok(CentralService { code, implementing_service })
}

/// What the schema cannot say: a client, a server or a group that occurs twice would make the answers depend on
/// who looks.
fn unique(shared: &Shared) -> Result<(), Malformed> {
    let mut clients = BTreeSet::new();
    for client in shared.clients() {
        if let Some(twice) = clients.replace(client) {
            return Err(Malformed::new("/conf/member", format!("{twice} occurs twice")));
        }
    }
    let mut servers = BTreeSet::new();
    for server in &shared.servers {
        if !servers.insert(&server.id) {
            return Err(Malformed::new("/conf/securityServer", format!("{} occurs twice", server.id)));
        }
    }
    let mut groups = BTreeSet::new();
    for group in &shared.groups {
        if !groups.insert(&group.code) {
            return Err(Malformed::new("/conf/globalGroup", format!("{} occurs twice", group.code)));
        }
    }
    Ok(())
}
