//! The decision.

use std::fmt;

use identifier::path::{self, ServicePath};
use identifier::{ClientId, GlobalGroupId, LocalGroupId};

use crate::right::{Right, Subject};

/// What the caller wants to do with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// A REST call.
    Rest {
        /// The method, in any case.
        method: &'a str,
        /// The service path as it arrived, not decoded, without query; empty or beginning with `/`.
        raw_path: &'a str,
    },
    /// A SOAP call, for which only the base endpoint counts.
    Soap,
}

/// How memberships are looked up.
pub struct Groups<'a> {
    /// Whether globalconf, of the instance that the group names, lists exactly this client in the group.
    pub global: &'a dyn Fn(&ClientId, &GlobalGroupId) -> bool,
    /// Whether exactly this client is in that group of the provider.
    pub local: &'a dyn Fn(&ClientId, &LocalGroupId) -> bool,
}

impl fmt::Debug for Groups<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Groups")
    }
}

/// The call is allowed. Carries what was asked and the right that allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    caller: ClientId,
    service_code: String,
    right: Right,
    path: Option<ServicePath>,
}

impl Allowed {
    /// Who may call.
    pub fn caller(&self) -> &ClientId {
        &self.caller
    }

    /// Which service of the provider.
    pub fn service_code(&self) -> &str {
        &self.service_code
    }

    /// The right that says so: the first that fits, in the order in which the rights were given.
    pub fn right(&self) -> &Right {
        &self.right
    }

    /// The decoded path of a REST call. `None` for SOAP, and for a path with an encoded slash under a right on all paths.
    pub fn path(&self) -> Option<&ServicePath> {
        self.path.as_ref()
    }
}

/// The call is not allowed: `access_denied` on the wire. The fault of the caller; trying again cannot help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No right covers the call.
    #[error("{caller} has no right to this call of the service {service_code}")]
    NoRight {
        /// Who asked.
        caller: ClientId,
        /// For which service.
        service_code: String,
    },
    /// The path can be read in more than one way, and is compared with nothing.
    #[error("the path of the call is ambiguous: {reason}")]
    AmbiguousPath {
        /// In which way.
        reason: path::Refusal,
    },
}

/// Decides whether `caller` may make `call` to the service `service_code`, given the rights of the service's provider.
///
/// # Errors
/// [`Refused`]. A path that is refused as such is refused before rights are looked at, except that an encoded slash is
/// let through where a right covers all paths ([`path::check_uncompared`]).
pub fn decide(
    caller: &ClientId,
    groups: &Groups<'_>,
    rights: &[Right],
    service_code: &str,
    call: Call<'_>,
) -> Result<Allowed, Refused> {
    let candidates =
        held(caller, groups, rights).filter(|right| right.endpoint.service_code() == service_code);
    let (right, path) = match call {
        Call::Soap => (find(candidates, |right| right.endpoint.is_base()), None),
        Call::Rest { method, raw_path } => {
            let candidates = candidates.filter(|right| right.endpoint.covers_method(method));
            match path::decode_strict(raw_path) {
                Ok(path) => {
                    let bare = path.without_parameters();
                    let covers = |right: &Right| covers_path(right, path.as_str(), bare.as_deref());
                    (find(candidates, covers), Some(path))
                }
                Err(path::Refusal::EncodedSlash) => (uncompared(candidates, raw_path)?, None),
                Err(reason) => return Err(Refused::AmbiguousPath { reason }),
            }
        }
    };
    let right = right
        .ok_or_else(|| Refused::NoRight { caller: caller.clone(), service_code: service_code.to_owned() })?;
    Ok(Allowed { caller: caller.clone(), service_code: service_code.to_owned(), right: right.clone(), path })
}

/// The rights whose subject `caller` is or belongs to, in their order; what `allowedMethods` tells a caller
/// (data-plane 10.3).
pub fn held<'r>(
    caller: &ClientId,
    groups: &Groups<'_>,
    rights: &'r [Right],
) -> impl Iterator<Item = &'r Right> {
    rights.iter().filter(move |right| match &right.subject {
        Subject::Client(client) => client == caller,
        Subject::GlobalGroup(group) => (groups.global)(caller, group),
        Subject::LocalGroup(group) => (groups.local)(caller, group),
    })
}

fn find<'r>(mut rights: impl Iterator<Item = &'r Right>, fits: impl Fn(&Right) -> bool) -> Option<&'r Right> {
    rights.find(|right| fits(right))
}

/// A service may cut parameters off and act on the rest: a right has to cover the path with them and without.
fn covers_path(right: &Right, path: &str, bare: Option<&str>) -> bool {
    let pattern = right.endpoint.path();
    pattern.covers_everything()
        || (pattern.matches(path)
            && bare.is_none_or(|without_parameters| pattern.matches(without_parameters)))
}

/// A path with an encoded slash: allowed only where no pattern has to be compared with it.
fn uncompared<'r>(
    rights: impl Iterator<Item = &'r Right>,
    raw_path: &str,
) -> Result<Option<&'r Right>, Refused> {
    path::check_uncompared(raw_path).map_err(|reason| Refused::AmbiguousPath { reason })?;
    match find(rights, |right| right.endpoint.path().covers_everything()) {
        Some(right) => Ok(Some(right)),
        None => Err(Refused::AmbiguousPath { reason: path::Refusal::EncodedSlash }),
    }
}

#[cfg(test)]
mod tests;
