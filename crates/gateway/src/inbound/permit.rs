//! May it ask? Existence of the service, its kind, the rights given, and whether it is switched off (data-plane 4.9 step 5).

use super::verify::Verified;
use crate::error::Refusal;
use crate::fault::Plain;
use crate::gateway::Gateway;
use crate::serverconf::{ClientEntry, ServerConf, ServiceEntry, ServiceKind};
use access::{Call, Groups, Refused};
use identifier::{ClientId, GlobalGroupId, LocalGroupId};
use std::sync::Arc;

/// A verified request that its provider allows.
#[derive(Debug)]
pub struct Permitted {
    verified: Verified,
    settings: Arc<ServerConf>,
}

impl Permitted {
    /// What was proven.
    #[must_use]
    pub const fn verified(&self) -> &Verified {
        &self.verified
    }

    pub(crate) fn into_verified(self) -> Verified {
        self.verified
    }

    /// The provider and its service, as they were when the decision was made.
    pub(crate) fn service(&self) -> Option<(&ClientEntry, &ServiceEntry)> {
        let service = self.verified.received().service();
        let provider = self.settings.client(service.client())?;
        Some((provider, provider.service(service.code())?))
    }
}

/// Decides.
pub(crate) fn permit(gateway: &Gateway, verified: Verified) -> Result<Permitted, Refusal> {
    let settings = gateway.settings();
    decide(gateway, &settings, &verified)?;
    Ok(Permitted { verified, settings })
}

fn decide(gateway: &Gateway, settings: &ServerConf, verified: &Verified) -> Result<(), Refusal> {
    let received = verified.received();
    let id = received.service();
    let provider = settings
        .client(id.client())
        .filter(|client| client.registered)
        .ok_or_else(|| Refusal::UnknownProviderHere(id.client().clone()))?;
    let service = provider
        .service(id.code())
        .filter(|_| id.version().is_none())
        .ok_or_else(|| Refusal::UnknownService(id.clone()))?;
    if service.kind == ServiceKind::Wsdl {
        return Err(Refusal::NotRest);
    }
    let picture = gateway.picture()?;
    let current = picture.check_current(gateway.clock.now()).map_err(Gateway::outdated)?;
    let global = |client: &ClientId, group: &GlobalGroupId| current.in_global_group(client, group);
    let local = |client: &ClientId, group: &LocalGroupId| provider.in_local_group(client, group);
    let call = Call::Rest { method: received.method(), raw_path: received.service_path() };
    let groups = Groups { global: &global, local: &local };
    access::decide(received.client(), &groups, provider.rights(), id.code(), call).map_err(|refused| {
        // The path is the caller's and may name a person, so only the kind of the refusal is written down.
        let why = match refused {
            Refused::NoRight { .. } => "no right covers the call",
            Refused::AmbiguousPath { .. } => "the path can be read in more than one way",
        };
        tracing::info!(service = %Plain(id), "{why}");
        Refusal::AccessDenied(id.clone())
    })?;
    match &service.disabled {
        Some(notice) => Err(Refusal::Disabled { service: id.clone(), notice: notice.clone() }),
        None => Ok(()),
    }
}
