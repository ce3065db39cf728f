//! SOAP faults: what one says, it says again when we write it.

use crate::{recordings, vectors};
use bytes::Bytes;
use message::fault::{Fault, ReceivedFault};

pub(crate) fn run(octets: &[u8]) {
    let Ok(read) = ReceivedFault::read(Bytes::copy_from_slice(octets)) else { return };
    assert_eq!(read.xml().as_ref(), octets);
    let fault = read.fault();
    let written = fault.to_xml();
    let again = ReceivedFault::read(Bytes::from(written)).expect("our own fault");
    assert_eq!(again.fault().code, fault.code);
    assert_eq!(again.fault().string, fault.string);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let faults = recordings::messages().iter().map(|message| message.parts.fault.clone());
    let mut found: Vec<_> = faults.filter(|fault| !fault.is_empty()).collect();
    found.extend(vectors::files("soap", &[".xml", ".query"]).into_iter().filter(|file| file.len() < 4096));
    found.push(
        Fault::new("Server.ServerProxy.AccessDenied", "Request is not allowed: <&>", "id")
            .to_xml()
            .into_bytes(),
    );
    found
}
