//! ASiC-E containers: read as they are written, and evidence of nothing but what was signed and stamped.

use crate::seeds::{cut, join};
use crate::vectors;
use ::signature::container::{AsicContainer, BatchStamp};
use ::signature::{SignedParts, evidence};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use trust::Certificate;

/// Zip files begin with this; anything else is message, signature, chain result and chain, those of the stamp, token, attachment.
const ZIP: &[u8] = b"PK";

pub(crate) fn run(octets: &[u8]) {
    let known = known();
    let read = if octets.starts_with(ZIP) {
        let Ok(read) = AsicContainer::read(octets) else { return };
        same(&read);
        read
    } else {
        let made = put_together(octets);
        let written = made.write(Timestamp::UNIX_EPOCH).expect("it fits a zip file");
        let Ok(read) = AsicContainer::read(&written) else { panic!("what we write we read") };
        assert_eq!(parts(&read), parts(&made));
        read
    };
    for proven in proven(&read) {
        assert!(known.contains(&proven), "nobody signed this");
    }
}

type Parts<'a> = (&'a [u8], &'a SignedParts, &'a Option<BatchStamp>, Vec<(&'a u32, &'a Vec<u8>)>);

fn parts(container: &AsicContainer) -> Parts<'_> {
    (&container.message, &container.signed, &container.stamp, container.attachments.iter().collect())
}

fn same(read: &AsicContainer) {
    let written = read.write(Timestamp::UNIX_EPOCH).expect("what was read fits a zip file");
    let again = AsicContainer::read(&written).expect("what we write we read");
    assert_eq!(parts(&again), parts(read));
}

fn put_together(octets: &[u8]) -> AsicContainer {
    let [message, signature, result, chain, stamp_result, stamp_chain, token, attachment] = cut::<8>(octets);
    let pair = (!result.is_empty()).then(|| (result.to_vec(), chain.to_vec()));
    let (hash_chain_result, hash_chain) = pair.unzip();
    let signed = SignedParts { signatures_xml: signature.to_vec(), hash_chain_result, hash_chain };
    let stamp = (!token.is_empty()).then(|| BatchStamp {
        result: stamp_result.to_vec(),
        chain: stamp_chain.to_vec(),
        token: token.to_vec(),
    });
    let attachments = if attachment.is_empty() { Vec::new() } else { vec![attachment.to_vec()] };
    AsicContainer::new(message.to_vec(), signed, stamp, attachments)
}

/// What a container proves: its message, and each attachment together with it.
fn proven(container: &AsicContainer) -> Vec<Vec<u8>> {
    static AUTHORITIES: OnceLock<Vec<Certificate>> = OnceLock::new();
    let time_stampers = AUTHORITIES.get_or_init(vectors::time_stampers);
    if evidence::verify(container, vectors::authorities, time_stampers).is_err() {
        return Vec::new();
    }
    let attachments = container
        .attachments
        .iter()
        .map(|(number, octets)| join(&[&container.message, number.to_string().as_bytes(), octets]));
    std::iter::once(container.message.clone()).chain(attachments).collect()
}

fn known() -> &'static BTreeSet<Vec<u8>> {
    static KNOWN: OnceLock<BTreeSet<Vec<u8>>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let read: Vec<_> = files().iter().filter_map(|file| AsicContainer::read(file).ok()).collect();
        vectors::something(read.iter().flat_map(proven).collect())
    })
}

/// Every container: those that lie there, and those inside of zip files.
pub(crate) fn files() -> Vec<Vec<u8>> {
    let mut found = vectors::files("asic/containers", &[".asice"]);
    found.extend(vectors::files("recorded/messagelog/asice", &[".asice"]));
    let archives = ["asic/archives", "recorded/messagelog/archive-ss0", "recorded/messagelog/archive-ss1"];
    for archive in archives.iter().flat_map(|place| vectors::files(place, &[".zip"])) {
        let before = ::signature::archive::Before::Anything;
        let _ = ::signature::archive::verify(std::io::Cursor::new(&archive), before, |_, container| {
            found.push(container.to_vec());
        });
    }
    found.retain(|file| file.len() < 48 * 1024);
    found
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let files = files();
    let mut found = files.clone();
    for read in files.iter().filter_map(|file| AsicContainer::read(file).ok()) {
        let (signed, stamp) = (&read.signed, read.stamp.as_ref());
        let of = |pick: fn(&BatchStamp) -> &Vec<u8>| stamp.map(pick).cloned().unwrap_or_default();
        found.push(join(&[
            &read.message,
            &signed.signatures_xml,
            signed.hash_chain_result.as_deref().unwrap_or_default(),
            signed.hash_chain.as_deref().unwrap_or_default(),
            &of(|stamp| &stamp.result),
            &of(|stamp| &stamp.chain),
            &of(|stamp| &stamp.token),
            read.attachments.values().next().map(Vec::as_slice).unwrap_or_default(),
        ]));
    }
    found
}
