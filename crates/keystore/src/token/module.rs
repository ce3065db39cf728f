//! A PKCS#11 library in this process: loaded once, whoever asks for it, and begun anew when a token has gone missing.
//!
//! C_Initialize is for the process, not for a keystore, so that modules are kept by their path for as long as the process lives. Many
//! libraries look for tokens in C_Initialize only: a token that comes back is seen after C_Finalize and C_Initialize. These two must be
//! alone in the library; the gate sees to that. A session belongs to the epoch in which it was opened and is worth nothing in the next,
//! where its number may be another's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};

use crate::error::TokenFailure;

/// How long a new beginning waits for those inside, and they for it.
const GATE_WAIT: Duration = Duration::from_secs(5);

static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// One library.
#[derive(Debug)]
pub(crate) struct Module {
    path: PathBuf,
    library: Mutex<Library>,
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Library {
    loaded: Option<Pkcs11>,
    started: bool,
}

#[derive(Debug, Default)]
struct Gate {
    inside: usize,
    closed: bool,
    epoch: u64,
}

/// Leave to call the library. While it lasts the library is not begun anew.
#[derive(Debug)]
pub(crate) struct Inside<'m> {
    module: &'m Module,
    pub(crate) library: Pkcs11,
    pub(crate) epoch: u64,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.module.leave();
    }
}

impl Module {
    /// The library at this path; it is loaded when it is first entered.
    pub(crate) fn of(path: &Path) -> Arc<Self> {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        let module = modules.entry(path.to_path_buf()).or_insert_with(|| {
            Arc::new(Self {
                path: path.to_path_buf(),
                library: Mutex::default(),
                gate: Mutex::default(),
                moved: Condvar::new(),
            })
        });
        Arc::clone(module)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads and starts the library if need be, and lets the caller in.
    pub(crate) fn enter(&self) -> Result<Inside<'_>, TokenFailure> {
        let gate = self.gate();
        let waited = self.moved.wait_timeout_while(gate, GATE_WAIT, |gate| gate.closed);
        let (mut gate, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if gate.closed {
            return Err(TokenFailure::ModuleBusy { module: self.path.clone() });
        }
        gate.inside = gate.inside.saturating_add(1);
        let epoch = gate.epoch;
        drop(gate);
        match self.started() {
            Ok(library) => Ok(Inside { module: self, library, epoch }),
            Err(failure) => {
                self.leave();
                Err(failure)
            }
        }
    }

    fn leave(&self) {
        let mut gate = self.gate();
        gate.inside = gate.inside.saturating_sub(1);
        drop(gate);
        self.moved.notify_all();
    }

    fn started(&self) -> Result<Pkcs11, TokenFailure> {
        let mut library = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match &library.loaded {
            Some(loaded) => loaded.clone(),
            None => {
                let loaded = Pkcs11::new(&self.path).map_err(|error| self.not_loaded(&error))?;
                library.loaded = Some(loaded.clone());
                loaded
            }
        };
        if !library.started {
            start(&loaded).map_err(|error| self.not_started(&error))?;
            library.started = true;
        }
        Ok(loaded)
    }

    /// Begins the library anew, unless somebody else has done so since `epoch`. The caller is not inside. False when those inside do not
    /// come out, or the library does not start; the next to enter tries to start it again.
    pub(crate) fn restart(&self, epoch: u64) -> bool {
        let mut gate = self.gate();
        if gate.epoch != epoch {
            return true;
        }
        if gate.closed {
            return false;
        }
        gate.closed = true;
        let waited = self.moved.wait_timeout_while(gate, GATE_WAIT, |gate| gate.inside > 0);
        let (gate, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let alone = gate.inside == 0;
        drop(gate);
        let begun = alone && self.begin_anew();
        let mut gate = self.gate();
        gate.closed = false;
        if alone {
            gate.epoch = gate.epoch.saturating_add(1);
        }
        drop(gate);
        self.moved.notify_all();
        begun
    }

    fn begin_anew(&self) -> bool {
        let mut library = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(loaded) = library.loaded.clone() else {
            return true;
        };
        // Whether it ends well or not, what counts is whether it starts.
        let _ended = loaded.clone().finalize();
        library.started = start(&loaded).is_ok();
        library.started
    }

    fn not_loaded(&self, error: &Error) -> TokenFailure {
        let module = self.path.clone();
        if matches!(error, Error::MissingSymbol(_) | Error::NullFunctionPointer) {
            return TokenFailure::NotAModule { module };
        }
        TokenFailure::ModuleNotLoaded { module, text: error.to_string() }
    }

    fn not_started(&self, error: &Error) -> TokenFailure {
        TokenFailure::ModuleNotStarted { module: self.path.clone(), text: error.to_string() }
    }
}

fn start(library: &Pkcs11) -> Result<(), Error> {
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // By somebody else in this process, which is just as good.
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}
