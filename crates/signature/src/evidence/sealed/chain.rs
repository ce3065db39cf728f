//! A hash chain's text proves itself only as far as its values go. The rest must follow from them: plainly printed, no method that no
//! value uses, parts called as their places say. Steps may be called as the producer likes, since they are referred to.

use crate::hashchain;
use crate::reading;
use crate::verify::{CoveredPart, Kind, VerifiedSignature};
use crate::xades::MESSAGE;

use super::super::Refusal;
use super::{plain, unsealed};

/// The parts of a message are called by their places; no digest covers a name.
pub(super) fn check_names(verified: &VerifiedSignature) -> Result<(), Refusal> {
    let is_called = |(place, part): (usize, &CoveredPart)| match place {
        0 => part.name == MESSAGE,
        _ => part.name == format!("/attachment{place}"),
    };
    if verified.kind() == Kind::Direct || verified.parts().iter().enumerate().all(is_called) {
        Ok(())
    } else {
        unsealed("sig-hashchain.xml", "its parts are not called as they must be")
    }
}

/// Refuses a chain in whose text something could be changed without changing what follows from its values.
pub(super) fn check(name: &'static str, bytes: &[u8]) -> Result<(), Refusal> {
    let document = reading::text_of(bytes).and_then(reading::parse);
    let (Ok(document), Ok(chain)) = (document, hashchain::read_chain(bytes)) else {
        return unsealed(name, "it cannot be read");
    };
    if chain.default_is_idle() {
        return unsealed(name, "it names a digest method that no value uses");
    }
    plain::oddity(&document, &[], |_| false).map_or(Ok(()), |why| unsealed(name, why))
}
