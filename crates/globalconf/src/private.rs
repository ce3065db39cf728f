//! Private parameters: what only the members of the instance learn (control-plane 1.6).

use crate::anchor::Anchor;
use crate::certificate::CertificateBytes;
use crate::names::{read_client, write_client};
use crate::xml::{self, Malformed, Sequence, Unwritable, Writer, filled_text, seconds};
use identifier::ClientId;

/// The content of `private-params.xml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Private {
    /// The instance.
    pub instance: String,
    /// External anchors of federated instances.
    pub anchors: Vec<Anchor>,
    /// Where management requests go.
    pub management: ManagementService,
    /// How often message logs are time-stamped, in seconds.
    pub time_stamping_interval_seconds: u64,
}

/// The registry's services for gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementService {
    /// URL of the registration of authentication certificates, for instance
    /// `https://cs:4001/managementservice/`.
    pub registration_address: String,
    /// TLS certificate of that address, pinned by its bytes.
    pub registration_certificate: Option<CertificateBytes>,
    /// Who provides the management requests over the exchange itself.
    pub provider: ClientId,
}

impl Private {
    /// Reads the file of configuration version `version` (2 to 6; from 3 on unknown elements may follow).
    ///
    /// # Errors
    /// [`Malformed`] when the bytes do not follow the schema of that version.
    pub fn read(bytes: &[u8], version: u8) -> Result<Self, Malformed> {
        xml::with_root(bytes, "conf", |root| {
            let mut children = Sequence::of(root, &[])?;
            let instance = filled_text(children.required("instanceIdentifier")?)?;
            let anchors = children.many("configurationAnchor").into_iter().map(Anchor::read_node);
            let anchors = anchors.collect::<Result<_, _>>()?;
            let mut service = Sequence::of(children.required("managementService")?, &[])?;
            let management = ManagementService {
                registration_address: xml::text(service.required("authCertRegServiceAddress")?)?,
                registration_certificate: service
                    .optional("authCertRegServiceCert")
                    .map(|node| xml::base64(node).map(CertificateBytes::new))
                    .transpose()?,
                provider: read_client(service.required("managementRequestServiceProviderId")?)?,
            };
            service.finish(false)?;
            let time_stamping_interval_seconds = seconds(children.required("timeStampingIntervalSeconds")?)?;
            children.finish(version > 2)?;
            Ok(Self { instance, anchors, management, time_stamping_interval_seconds })
        })
    }

    /// Writes the file; the same bytes serve every version from 2 to 6.
    ///
    /// # Errors
    /// [`Unwritable`] when an anchor lacks a source or a text holds a character XML cannot carry.
    pub fn write(&self) -> Result<Vec<u8>, Unwritable> {
        let mut writer = Writer::new("conf");
        writer.text("instanceIdentifier", &self.instance)?;
        for anchor in &self.anchors {
            writer.open("configurationAnchor", "");
            anchor.write_body(&mut writer)?;
            writer.close();
        }
        writer.open("managementService", "");
        writer.text("authCertRegServiceAddress", &self.management.registration_address)?;
        if let Some(certificate) = &self.management.registration_certificate {
            writer.base64("authCertRegServiceCert", certificate.as_bytes())?;
        }
        write_client(&mut writer, "managementRequestServiceProviderId", &self.management.provider)?;
        writer.close();
        writer.text("timeStampingIntervalSeconds", &self.time_stamping_interval_seconds.to_string())?;
        Ok(writer.finish())
    }
}
