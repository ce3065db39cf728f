//! `chhatra evidence export --form etsi`: the container once more, with what a validator wants that knows XAdES and nothing of X-Road.
//!
//! The time-stamp that such a validator reads covers this one signature. The log has none (its own covers a batch), so one is asked for
//! at the time of the export. `docs/design/etsi-containers.md` says why, and what can be reached.

use super::verify;
use crate::{config, outside};
use ::gateway::admin;
use anyhow::{Context as _, Result, bail};
use globalconf::GlobalConf;
use jiff::Timestamp;
use messagelog::Exported;
use signature::container::AsicContainer;
use signature::etsi::{self, Added};
use signature::evidence::Report;
use std::path::{Path, PathBuf};
use trust::{Certificate, DigestAlgorithm};

/// What every gateway's time-stamp service knows: the log asks with it too.
const ALGORITHM: DigestAlgorithm = DigestAlgorithm::Sha512;

/// Makes containers in the second form.
pub(super) struct Maker {
    picture: GlobalConf,
    folder: PathBuf,
    time_stampers: Vec<Certificate>,
    services: Vec<String>,
    runtime: tokio::runtime::Runtime,
    now: Timestamp,
}

/// Beside a container in X-Road's form, not instead of it.
pub(super) fn file_name(of: &str) -> String {
    format!("{}-etsi.asice", of.strip_suffix(".asice").unwrap_or(of))
}

impl Maker {
    /// Asks `tsa`, or else the services that are declared for the gateway, one after the other.
    pub(super) fn new(config: &Path, globalconf: Option<&Path>, tsa: Option<&str>) -> Result<Self> {
        let config = config::gateway(config)?;
        let folder = globalconf.map_or_else(|| config.globalconf_dir(), Path::to_path_buf);
        let picture = GlobalConf::load(&folder)?;
        let services: Vec<String> = match tsa {
            Some(url) => vec![url.to_owned()],
            None => {
                let settings = admin::settings(&config).context("the gateway's settings cannot be read")?;
                settings.time_stamps.into_iter().map(|service| service.url).collect()
            }
        };
        if services.is_empty() {
            bail!(
                "no time-stamp service is declared for this gateway; name one that the exchange approves with --tsa"
            );
        }
        Ok(Self {
            time_stampers: verify::time_stampers(&picture, &folder),
            picture,
            folder,
            services,
            runtime: outside::runtime()?,
            now: outside::clock().now(),
        })
    }

    /// The container in the second form, proven once more. What is refused is said; nothing was written then.
    pub(super) fn make(&self, exported: &Exported) -> Result<Vec<u8>, String> {
        if !exported.stamped {
            return Err("has no time-stamp of the log yet; the gateway gets one within minutes".to_owned());
        }
        let report = self.proven(&exported.bytes)?;
        if !report.signer.is_valid_at(self.now) {
            return Err(format!(
                "was signed with a certificate that ended at {}: a time-stamp of today would not show that it was signed before; \
                 the container in X-Road's form is as good as ever",
                report.signer.not_after()
            ));
        }
        let container = AsicContainer::read(&exported.bytes).map_err(|why| why.to_string())?;
        let signatures_xml = &container.signed.signatures_xml;
        let stamped = etsi::to_be_stamped(signatures_xml).map_err(|why| why.to_string())?;
        let token = self.time_stamp(&ALGORITHM.digest(&stamped))?;
        let certificates = report.chain.iter().map(|one| one.der().to_vec()).collect();
        let document =
            etsi::write(signatures_xml, &Added { token, certificates }).map_err(|why| why.to_string())?;
        let bytes =
            container.with_etsi(document).write(exported.time).map_err(|failure| failure.to_string())?;
        self.proven(&bytes)?;
        Ok(bytes)
    }

    fn proven(&self, bytes: &[u8]) -> Result<Report, String> {
        verify::verify(bytes, None, &self.picture, &self.folder).map_err(|refused| {
            format!(
                "does not verify against {}: {} ({}); if that is not the configuration of its time, give it with --globalconf",
                self.folder.display(),
                refused.reason,
                refused.code
            )
        })
    }

    /// From the first service that gives a good one.
    fn time_stamp(&self, digest: &[u8]) -> Result<Vec<u8>, String> {
        let mut refusals = Vec::new();
        for url in &self.services {
            let asked = ::gateway::ask_time_stamp(url, ALGORITHM, digest, &self.time_stampers);
            match self.runtime.block_on(asked) {
                Ok(token) => return Ok(token.der().to_vec()),
                Err(why) => refusals.push(format!("{url}: {why}")),
            }
        }
        Err(format!(
            "gets no time-stamp ({}); this form needs one at the time of the export: try again when the service can be reached, name \
             another that the exchange approves with --tsa, or take X-Road's form, which needs none",
            refusals.join("; ")
        ))
    }
}
