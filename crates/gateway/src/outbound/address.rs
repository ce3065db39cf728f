//! Which gateway answers: the servers that globalconf names for the provider, and the first of them that proves to be one
//! (data-plane 2.4 step 3, 4.11).

use super::identify::Identified;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::transport::connect::{self, Peer};
use globalconf::{Current, ProviderServer};
use message::rest::RestRequest;

/// A request with an open connection to a server that proved to serve the provider.
#[derive(Debug)]
pub struct Addressed {
    pub(crate) identified: Identified,
    pub(crate) peer: Peer,
}

/// Chooses and connects.
pub(crate) async fn address(gateway: &Gateway, identified: Identified) -> Result<Addressed, Refusal> {
    let addresses = {
        let picture = gateway.picture()?;
        let current = picture.check_current(gateway.clock.now()).map_err(Gateway::outdated)?;
        candidates(&current, &identified.request)?
    };
    let provider = identified.request.service().client().clone();
    let peer = connect::open(gateway, addresses, &provider).await?;
    Ok(Addressed { identified, peer })
}

fn candidates(current: &Current<'_>, request: &RestRequest) -> Result<Vec<String>, Refusal> {
    let service = request.service();
    let no_provider = || Refusal::NoProvider(service.clone());
    let instance = service.client().instance();
    if current.authorities(instance).is_none() {
        return Err(Refusal::UnknownInstance(instance.to_owned()));
    }
    let mut servers = current.providers(service.client());
    if let Some(wanted) = request.security_server() {
        if current.server_address(wanted).is_none() {
            return Err(Refusal::InvalidServer(wanted.clone()));
        }
        servers.retain(|server| server.server == *wanted);
        if servers.is_empty() {
            return Err(Refusal::InvalidServer(wanted.clone()));
        }
    }
    if servers.is_empty() {
        return Err(no_provider());
    }
    let (maintained, serving): (Vec<_>, Vec<_>) = servers.into_iter().partition(|s| s.maintenance.is_some());
    let addresses: Vec<String> = serving.into_iter().map(|s| s.address).filter(|a| !a.is_empty()).collect();
    match (addresses.is_empty(), maintained.first()) {
        (false, _) => Ok(addresses),
        (true, Some(server)) => Err(maintenance(server)),
        (true, None) => Err(no_provider()),
    }
}

fn maintenance(server: &ProviderServer) -> Refusal {
    let message = server.maintenance.as_ref().and_then(|m| m.as_deref()).unwrap_or_default();
    let name = server.server.display_form();
    Refusal::Maintenance(format!(
        "Security server '{name}' is in maintenance mode. Message from administrator: {message}"
    ))
}
