//! Rights: who, on which endpoint.

use identifier::glob::{self, Glob};
use identifier::{ClientId, GlobalGroupId, LocalGroupId};

/// The methods that a REST call can have (data-plane 2.2).
pub const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// What a right is given on: a service of the provider, a method and a pattern of paths.
///
/// The *base endpoint* — method `*`, path `**` — is the whole service. SOAP services have no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    service_code: String,
    method: String,
    path: Glob,
}

/// Why something is not an endpoint. The fault of whoever configures the gateway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointRefusal {
    /// The code of the service is empty or white space only.
    #[error("the endpoint names no service")]
    BlankService,
    /// The method is neither `*` nor one of [`METHODS`].
    #[error("\"{method}\" is neither * nor a method of REST")]
    UnknownMethod {
        /// What was given, cut after 32 characters.
        method: String,
    },
    /// The path cannot be a pattern.
    #[error("the path of the endpoint is no pattern: {0}")]
    Path(#[from] glob::Refusal),
}

impl Endpoint {
    /// An endpoint of the service `service_code`. `method` is `*` or a method in any case; `path` is a pattern such as
    /// `/pets/*` (see [`Glob`]).
    ///
    /// # Errors
    /// See [`EndpointRefusal`].
    pub fn new(service_code: &str, method: &str, path: &str) -> Result<Self, EndpointRefusal> {
        if service_code.trim().is_empty() {
            return Err(EndpointRefusal::BlankService);
        }
        let method = method.to_ascii_uppercase();
        if method != "*" && !METHODS.contains(&method.as_str()) {
            return Err(EndpointRefusal::UnknownMethod { method: method.chars().take(32).collect() });
        }
        Ok(Self { service_code: service_code.to_owned(), method, path: Glob::new(path)? })
    }

    /// The base endpoint of the service: every method, every path.
    ///
    /// # Errors
    /// [`EndpointRefusal::BlankService`].
    pub fn base(service_code: &str) -> Result<Self, EndpointRefusal> {
        Self::new(service_code, "*", "**")
    }

    /// The code of the service. Versions do not matter here.
    pub fn service_code(&self) -> &str {
        &self.service_code
    }

    /// `*`, or the method in capitals.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The pattern of paths.
    pub fn path(&self) -> &Glob {
        &self.path
    }

    /// Whether this is the whole service.
    pub fn is_base(&self) -> bool {
        self.method == "*" && self.path.covers_everything()
    }

    /// Whether calls with `method`, in any case, are covered.
    pub fn covers_method(&self, method: &str) -> bool {
        self.method == "*" || self.method.eq_ignore_ascii_case(method)
    }
}

/// Who holds a right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Exactly this client: the right of a member is not the right of its subsystems, nor the other way round.
    Client(ClientId),
    /// Every client in a group of a registry.
    GlobalGroup(GlobalGroupId),
    /// Every client in a group that the provider keeps.
    LocalGroup(LocalGroupId),
}

/// A right: a subject on an endpoint of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// Who holds it.
    pub subject: Subject,
    /// On what.
    pub endpoint: Endpoint,
}
