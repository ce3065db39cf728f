//! Writing shared parameters, version by version, in the layout of a central server.

use super::{
    AcmeServer, ApprovedCa, CaCertificate, CostType, CsrFormat, Group, Member, Server, Shared,
    VERSION_NEWEST, VERSION_OLDEST,
};
use crate::names::{write_client, write_service};
use crate::xml::{Unwritable, Writer};
use identifier::ClientId;
use std::collections::BTreeMap;

impl Shared {
    /// Writes the file of configuration version `version`.
    ///
    /// What a version does not know is left out (control-plane 1.5): before 6 costs and `defaultCsrFormat`,
    /// before 5 subsystem names and maintenance mode — a server in maintenance then hides its subsystem
    /// clients —, before 4 the ACME profile ids, before 3 sources and ACME. Certificate hashes are written as
    /// given: SHA-256, for version 2 SHA-1. Publish at least one internal and one external certificate in
    /// every source (trap 15).
    ///
    /// # Errors
    /// [`Unwritable`] when a version 3 or later has no source, a server refers to a client that is no
    /// member's, a hash has the wrong length or a text holds a character XML cannot carry.
    pub fn write(&self, version: u8) -> Result<Vec<u8>, Unwritable> {
        if !(VERSION_OLDEST..=VERSION_NEWEST).contains(&version) {
            return Err(Unwritable::shape("conf", format!("configuration version {version} is unknown")));
        }
        let mut scribe = Scribe { version, writer: Writer::new("conf"), ids: BTreeMap::new() };
        scribe.conf(self)?;
        Ok(scribe.writer.finish())
    }
}

struct Scribe {
    version: u8,
    writer: Writer,
    ids: BTreeMap<ClientId, String>,
}

const fn cost_text(cost: CostType) -> &'static str {
    match cost {
        CostType::Free => "FREE",
        CostType::Paid => "PAID",
        CostType::Undefined => "UNDEFINED",
    }
}

impl Scribe {
    fn conf(&mut self, shared: &Shared) -> Result<(), Unwritable> {
        self.writer.text("instanceIdentifier", &shared.instance)?;
        self.sources(shared)?;
        for approved in &shared.approved_cas {
            self.approved_ca(approved)?;
        }
        for tsa in &shared.approved_tsas {
            self.writer.open("approvedTSA", "");
            self.writer.text("name", &tsa.name)?;
            self.writer.text("url", &tsa.url)?;
            self.writer.base64("cert", tsa.certificate.as_bytes())?;
            self.cost(tsa.cost)?;
            self.writer.close();
        }
        for member in &shared.members {
            self.member(member)?;
        }
        for server in &shared.servers {
            self.server(server)?;
        }
        for group in &shared.groups {
            self.group(group)?;
        }
        self.central_services(shared)?;
        self.writer.open("globalSettings", "");
        for class in &shared.settings.member_classes {
            self.class(&class.code, &class.description)?;
        }
        self.writer.text("ocspFreshnessSeconds", &shared.settings.ocsp_freshness_seconds.to_string())?;
        self.writer.close();
        Ok(())
    }

    fn sources(&mut self, shared: &Shared) -> Result<(), Unwritable> {
        if self.version < 3 {
            return Ok(());
        }
        if shared.sources.is_empty() {
            return Err(Unwritable::shape("source", "versions 3 and later need at least one"));
        }
        for source in &shared.sources {
            self.writer.open("source", "");
            self.writer.text("address", &source.address)?;
            for certificate in &source.internal_certificates {
                self.writer.base64("internalVerificationCert", certificate.as_bytes())?;
            }
            for certificate in &source.external_certificates {
                self.writer.base64("externalVerificationCert", certificate.as_bytes())?;
            }
            self.writer.close();
        }
        Ok(())
    }

    fn approved_ca(&mut self, approved: &ApprovedCa) -> Result<(), Unwritable> {
        self.writer.open("approvedCA", "");
        self.writer.text("name", &approved.name)?;
        self.writer
            .text("authenticationOnly", if approved.authentication_only { "true" } else { "false" })?;
        self.ca_certificate("topCA", &approved.top)?;
        for intermediate in &approved.intermediates {
            self.ca_certificate("intermediateCA", intermediate)?;
        }
        self.writer.text("certificateProfileInfo", &approved.profile_class)?;
        if let Some(format) = approved.default_csr_format.filter(|_| self.version > 5) {
            let text = match format {
                CsrFormat::Pem => "PEM",
                CsrFormat::Der => "DER",
            };
            self.writer.text("defaultCsrFormat", text)?;
        }
        if let Some(acme) = approved.acme.as_ref().filter(|_| self.version > 2) {
            self.acme(acme)?;
        }
        self.writer.close();
        Ok(())
    }

    fn acme(&mut self, acme: &AcmeServer) -> Result<(), Unwritable> {
        self.writer.open("acmeServer", "");
        self.writer.text("directoryURL", &acme.directory_url)?;
        self.writer.optional_text("ipAddress", acme.ip_address.as_deref())?;
        if self.version > 3 {
            let profile = acme.authentication_profile.as_deref();
            self.writer.optional_text("authenticationCertificateProfileId", profile)?;
            self.writer.optional_text("signingCertificateProfileId", acme.signing_profile.as_deref())?;
        }
        self.writer.close();
        Ok(())
    }

    fn ca_certificate(&mut self, element: &str, ca: &CaCertificate) -> Result<(), Unwritable> {
        self.writer.open(element, "");
        self.writer.base64("cert", ca.certificate.as_bytes())?;
        for responder in &ca.responders {
            self.writer.open("ocsp", "");
            self.writer.text("url", &responder.url)?;
            if let Some(certificate) = &responder.certificate {
                self.writer.base64("cert", certificate.as_bytes())?;
            }
            self.cost(responder.cost)?;
            self.writer.close();
        }
        self.writer.close();
        Ok(())
    }

    fn cost(&mut self, cost: Option<CostType>) -> Result<(), Unwritable> {
        self.writer.optional_text("costType", cost.filter(|_| self.version > 5).map(cost_text))
    }

    fn class(&mut self, code: &str, description: &str) -> Result<(), Unwritable> {
        self.writer.open("memberClass", "");
        self.writer.text("code", code)?;
        self.writer.text("description", description)?;
        self.writer.close();
        Ok(())
    }

    /// Ids are counted over members and subsystems in document order.
    fn next_id(&mut self, client: &ClientId) -> Result<String, Unwritable> {
        let id = format!("id{}", self.ids.len());
        if self.ids.insert(client.clone(), id.clone()).is_some() {
            return Err(Unwritable::shape("member", format!("{client} occurs twice")));
        }
        Ok(id)
    }

    fn member(&mut self, member: &Member) -> Result<(), Unwritable> {
        let clients: Vec<ClientId> = member.clients().collect();
        if clients.len() != member.subsystems.len().saturating_add(1) {
            return Err(Unwritable::shape(
                "member",
                format!("{}: a subsystem code is no identifier", member.id),
            ));
        }
        let mut clients = clients.iter();
        let id = clients.next().map_or(Ok(String::new()), |client| self.next_id(client))?;
        self.writer.open("member", &format!(" id=\"{id}\""));
        self.class(member.id.class(), &member.class_description)?;
        self.writer.text("memberCode", member.id.code())?;
        self.writer.text("name", &member.name)?;
        for (subsystem, client) in member.subsystems.iter().zip(clients) {
            let id = self.next_id(client)?;
            self.writer.open("subsystem", &format!(" id=\"{id}\""));
            self.writer.text("subsystemCode", &subsystem.code)?;
            let name = subsystem.name.as_deref().filter(|_| self.version > 4);
            self.writer.optional_text("subsystemName", name)?;
            self.writer.close();
        }
        self.writer.close();
        Ok(())
    }

    fn reference(&self, client: &ClientId) -> Result<String, Unwritable> {
        let found = self.ids.get(client).cloned();
        found
            .ok_or_else(|| Unwritable::shape("securityServer", format!("{client} is no member or subsystem")))
    }

    fn server(&mut self, server: &Server) -> Result<(), Unwritable> {
        self.writer.open("securityServer", "");
        let owner = self.reference(&server.owner())?;
        self.writer.text("owner", &owner)?;
        self.writer.text("serverCode", server.id.server())?;
        self.writer.optional_text("address", server.address.as_deref())?;
        let hash_bytes = if self.version > 2 { 32 } else { 20 };
        for hash in &server.authentication_certificate_hashes {
            if hash.len() != hash_bytes {
                let problem = format!("version {} needs hashes of {hash_bytes} bytes", self.version);
                return Err(Unwritable::shape("authCertHash", problem));
            }
            self.writer.base64("authCertHash", hash)?;
        }
        let hide_subsystems = self.version < 5 && server.maintenance.is_some();
        for client in server.clients.iter().filter(|client| !(hide_subsystems && client.is_subsystem())) {
            let id = self.reference(client)?;
            self.writer.text("client", &id)?;
        }
        match server.maintenance.as_ref().filter(|_| self.version > 4) {
            Some(maintenance) if maintenance.message.is_some() => {
                self.writer.open("inMaintenanceMode", "");
                self.writer.optional_text("message", maintenance.message.as_deref())?;
                self.writer.close();
            }
            Some(_) => self.writer.empty("inMaintenanceMode"),
            None => {}
        }
        self.writer.close();
        Ok(())
    }

    fn group(&mut self, group: &Group) -> Result<(), Unwritable> {
        self.writer.open("globalGroup", "");
        self.writer.text("groupCode", &group.code)?;
        self.writer.text("description", &group.description)?;
        for member in &group.members {
            write_client(&mut self.writer, "groupMember", member)?;
        }
        self.writer.close();
        Ok(())
    }

    fn central_services(&mut self, shared: &Shared) -> Result<(), Unwritable> {
        for service in &shared.central_services {
            self.writer.open("centralService", "");
            self.writer.text("serviceCode", &service.code)?;
            if let Some(implementing) = &service.implementing_service {
                write_service(&mut self.writer, "implementingService", implementing)?;
            }
            self.writer.close();
        }
        Ok(())
    }
}
