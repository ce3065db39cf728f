//! A gateway of the nation: opened, running, stopped, started again.

use crate::bell::{ring, until};
use crate::nation::chance;
use anyhow::{Context as _, Result};
use clock::{Chance, Clock};
use gateway::{Config, Declaration, Gateway, Listeners};
use http1::{FetchLimits, Stopper, stop_channel};
use keystore::Pin;
use std::sync::Arc;
use tokio::task::JoinHandle;
use trust::Certificate;

/// A gateway in a task of its own.
#[derive(Debug)]
pub struct RunningGateway {
    /// Its configuration.
    pub config: Config,
    /// Itself.
    pub gateway: Arc<Gateway>,
    stopper: Stopper,
    task: Option<JoinHandle<Result<(), gateway::StartFault>>>,
}

impl RunningGateway {
    /// Opens and runs.
    ///
    /// # Errors
    /// What the gateway said.
    pub async fn start(config: Config, pin: &Pin, clock: Clock, chance: Chance) -> Result<Self> {
        let listeners = Listeners::bind(&config).await?;
        let (opened, pin) = (config.clone(), pin.clone());
        let gateway =
            tokio::task::spawn_blocking(move || Gateway::open(opened, &pin, clock, chance)).await??;
        let gateway = Arc::new(gateway);
        let mut changes = gateway.changes();
        tokio::spawn(async move {
            while changes.next().await {
                ring();
            }
        });
        let (stopper, stop) = stop_channel();
        let task = Some(tokio::spawn(Arc::clone(&gateway).run(listeners, stop)));
        Ok(Self { config, gateway, stopper, task })
    }

    /// Stops it and starts it anew with another configuration.
    ///
    /// # Errors
    /// What the gateway said, and why it carries nothing after a minute.
    pub async fn restart(
        &mut self,
        pin: &Pin,
        clock: &Clock,
        change: impl FnOnce(&mut Config),
    ) -> Result<()> {
        let mut config = self.config.clone();
        change(&mut config);
        // A log that broke says so once more when it is closed.
        let _broken = self.halt().await;
        *self = Self::start(config, pin, clock.clone(), chance()).await?;
        self.ready().await
    }

    /// Waits until messages would be carried.
    ///
    /// # Errors
    /// The reason why not, after a minute.
    pub async fn ready(&self) -> Result<()> {
        if until("the gateway is ready", || self.gateway.ready().is_ok()).await.is_err() {
            self.gateway.ready().context("the gateway did not get ready")?;
        }
        Ok(())
    }

    /// Waits until it holds an OCSP answer about each of these certificates, and tells it whoever asks. Without one about a member's own it
    /// does not sign.
    ///
    /// # Errors
    /// There is none after a minute.
    pub async fn proves(&self, certificates: &[&Certificate]) -> Result<()> {
        let asked: Vec<String> =
            certificates.iter().map(|c| format!("cert={}", hex::encode(c.sha1()))).collect();
        let url = format!("http://{}/?{}", self.config.listen.ocsp, asked.join("&"));
        let mut changes = self.gateway.changes();
        let waiting = async {
            while http1::fetch("GET", &url, &[], None, &FetchLimits::default()).await?.status != 200 {
                anyhow::ensure!(changes.next().await, "the gateway has gone");
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
            .await
            .context("an OCSP answer is missing")?
    }

    /// Applies other settings and waits until they are in force.
    ///
    /// # Errors
    /// What the settings database said.
    pub async fn apply(&self, declaration: &Declaration) -> Result<()> {
        let changed = gateway::admin::apply(&self.config, declaration)?;
        if changed.is_empty() {
            return Ok(());
        }
        let before = self.gateway.settings_taken();
        until("the settings are taken", || self.gateway.settings_taken() > before).await
    }

    /// Stops as an operator would: no new work, what runs is finished, the log is flushed.
    ///
    /// # Errors
    /// What the gateway said.
    pub async fn stop(mut self) -> Result<()> {
        self.halt().await
    }

    /// The same in place: it can still be looked at, and another can be put where it was.
    ///
    /// # Errors
    /// What the gateway said.
    pub async fn halt(&mut self) -> Result<()> {
        self.stopper.stop();
        match self.task.take() {
            Some(task) => Ok(task.await??),
            None => Ok(()),
        }
    }
}
