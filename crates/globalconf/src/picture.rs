//! The whole local picture: the own instance and those it is federated with.

mod authorities;
mod current;
mod index;

use crate::anchor::Anchor;
use crate::configuration::{Configuration, VerifiedConfiguration, Warning};
use crate::download::FederationFilter;
use crate::store;
use index::Index;
use jiff::Timestamp;
use std::path::Path;
use trust::Authorities;

pub use current::{Current, ProviderServer, TimeStampingService};

/// Everything that a gateway holds. On the message path it answers only through [`Current`], which
/// [`Self::check_current`] gives.
#[derive(Debug, Clone)]
pub struct GlobalConf {
    main: Held,
    federated: Vec<Held>,
    warnings: Vec<Warning>,
}

/// One instance with what is derived from it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    configuration: Configuration,
    authorities: Authorities,
    index: Index,
}

/// The configuration of the own instance is not in force: no message may pass (trap 22).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Outdated {
    /// It has ended.
    #[error("the global configuration of {instance} ended at {expires}; it is {now}")]
    Ended {
        /// The own instance.
        instance: String,
        /// The earlier end of shared and private parameters.
        expires: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// The store does not say until when it holds.
    #[error("the global configuration of {instance} does not say until when it holds")]
    NoEnd {
        /// The own instance.
        instance: String,
    },
    /// The store has no private parameters of the own instance.
    #[error("the global configuration of {instance} has no private parameters")]
    NoPrivateParameters {
        /// The own instance.
        instance: String,
    },
}

impl Outdated {
    /// The original's error code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "global_conf_outdated"
    }
}

impl GlobalConf {
    /// Loads the store, see [`crate::store`]. A configuration that has ended is loaded too.
    ///
    /// # Errors
    /// [`store::Refusal`] when the own instance is missing, damaged or mixed. A federated instance in such a
    /// state is left out, and [`Self::warnings`] tells.
    pub fn load(dir: &Path) -> Result<Self, store::Refusal> {
        let loaded = store::load(dir)?;
        Ok(Self::build(loaded.main, loaded.federated, loaded.warnings))
    }

    /// The picture from configurations that have just been verified, without the store.
    #[must_use]
    pub fn from_verified(main: &VerifiedConfiguration, federated: &[VerifiedConfiguration]) -> Self {
        let federated: Vec<Configuration> = federated.iter().map(|one| one.configuration().clone()).collect();
        let warnings =
            std::iter::once(main.configuration()).chain(&federated).flat_map(|one| one.warnings().to_vec());
        let warnings = warnings.collect();
        Self::build(main.configuration().clone(), federated, warnings)
    }

    fn build(main: Configuration, federated: Vec<Configuration>, mut warnings: Vec<Warning>) -> Self {
        // OCSP answers are judged by the rules of the own instance, for every instance (control-plane 2.1).
        let policy = authorities::ocsp_policy(&main);
        let mut hold = |configuration: Configuration| Held {
            authorities: authorities::build(configuration.shared(), policy, &mut warnings),
            index: Index::of(configuration.shared()),
            configuration,
        };
        let main = hold(main);
        let federated = federated.into_iter().map(hold).collect();
        Self { main, federated, warnings }
    }

    /// The own instance.
    #[must_use]
    pub fn main_instance(&self) -> &str {
        self.main.configuration.instance()
    }

    /// The only way to the questions of the message path.
    ///
    /// # Errors
    /// [`Outdated`] when the configuration of the own instance is not in force at `now`. Federated instances
    /// that have ended do not hinder: they are absent.
    pub fn check_current(&self, now: Timestamp) -> Result<Current<'_>, Outdated> {
        let configuration = &self.main.configuration;
        let instance = || configuration.instance().to_owned();
        let Some(private) = configuration.private() else {
            return Err(Outdated::NoPrivateParameters { instance: instance() });
        };
        match configuration.expires() {
            None => Err(Outdated::NoEnd { instance: instance() }),
            Some(expires) if expires < now => Err(Outdated::Ended { instance: instance(), expires, now }),
            Some(expires) => Ok(Current::new(self, private, expires, now)),
        }
    }

    /// What is held of an instance, in force or not: for the next download, for evidence and for people,
    /// never to let a message pass.
    #[must_use]
    pub fn configuration(&self, instance: &str) -> Option<&Configuration> {
        self.held().find(|held| held.configuration.instance() == instance).map(|held| &held.configuration)
    }

    /// Whom an instance approves, in force or not: to judge evidence of the past against a configuration that
    /// was kept.
    #[must_use]
    pub fn authorities_for_evidence(&self, instance: &str) -> Option<&Authorities> {
        self.held().find(|held| held.configuration.instance() == instance).map(|held| &held.authorities)
    }

    /// The anchors of federated instances that `filter` admits: what to download after the own instance.
    pub fn federated_anchors(&self, filter: &FederationFilter) -> impl Iterator<Item = &Anchor> {
        let anchors =
            self.main.configuration.private().map(|private| private.anchors.as_slice()).unwrap_or_default();
        let own = self.main_instance();
        anchors.iter().filter(move |anchor| anchor.instance != own && filter.admits(&anchor.instance))
    }

    /// What an operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = &Held> {
        std::iter::once(&self.main).chain(&self.federated)
    }
}
