//! What the message path asks of one instance, prepared so that no answer walks through the whole document.

use crate::shared::Shared;
use identifier::ClientId;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
pub(super) struct Index {
    /// Members and subsystems.
    pub(super) clients: BTreeSet<ClientId>,
    /// Positions of the servers where a client is owner or registered, in document order.
    pub(super) servers_of: BTreeMap<ClientId, Vec<usize>>,
    /// Positions of the servers with this hash of an authentication certificate, in document order.
    pub(super) servers_with_hash: BTreeMap<Vec<u8>, Vec<usize>>,
    /// Members of the global groups.
    pub(super) groups: BTreeMap<String, BTreeSet<ClientId>>,
}

impl Index {
    pub(super) fn of(shared: &Shared) -> Self {
        let mut servers_of: BTreeMap<ClientId, Vec<usize>> = BTreeMap::new();
        let mut servers_with_hash: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (position, server) in shared.servers.iter().enumerate() {
            let clients: BTreeSet<ClientId> =
                std::iter::once(server.owner()).chain(server.clients.iter().cloned()).collect();
            for client in clients {
                servers_of.entry(client).or_default().push(position);
            }
            let hashes: BTreeSet<&Vec<u8>> = server.authentication_certificate_hashes.iter().collect();
            for hash in hashes {
                servers_with_hash.entry(hash.clone()).or_default().push(position);
            }
        }
        let groups = shared.groups.iter();
        let groups = groups.map(|group| (group.code.clone(), group.members.iter().cloned().collect()));
        Self { clients: shared.clients().collect(), servers_of, servers_with_hash, groups: groups.collect() }
    }
}
