//! The list of targets; each stands in a file of its name.

mod access_path;
mod archive;
mod canonical;
mod certificate;
mod configuration;
mod container;
mod declaration;
mod directory;
mod fault;
mod hash_chain;
mod http1;
mod identifier;
mod keyconf;
mod keystore;
mod messagelog;
mod multipart;
mod ocsp;
mod openpgp;
mod parameters;
mod rest;
mod secret_keys;
mod signature;
mod soap;
mod softtoken;
mod timestamp;
mod xml;

/// A parser under test.
pub(crate) struct Target {
    /// Its name on the command line, and that of its file.
    pub(crate) name: &'static str,
    /// Reads an input; panics when something is asserted in vain.
    pub(crate) run: fn(&[u8]),
    /// What to begin from.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// How many octets may be held at once for each octet of input, beside [`FIXED_BYTES`].
    octets_each: usize,
}

/// What any parser may hold, however short its input.
const FIXED_BYTES: usize = 8 << 20;

impl Target {
    /// How much memory an input may cost.
    pub(crate) fn budget(&self, octets: usize) -> usize {
        FIXED_BYTES + octets * self.octets_each
    }
}

const fn target(
    name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
    octets_each: usize,
) -> Target {
    Target { name, run, seeds, octets_each }
}

/// Every target.
pub(crate) const TARGETS: &[Target] = &[
    target("access_path", access_path::run, access_path::seeds, 64),
    target("archive", archive::run, archive::seeds, 64),
    target("canonical", canonical::run, canonical::seeds, 256),
    target("certificate", certificate::run, certificate::seeds, 64),
    target("configuration", configuration::run, configuration::seeds, 512),
    target("container", container::run, container::seeds, 4096),
    target("declaration", declaration::run, declaration::seeds, 512),
    target("directory", directory::run, directory::seeds, 64),
    target("fault", fault::run, fault::seeds, 256),
    target("hash_chain", hash_chain::run, hash_chain::seeds, 256),
    target("http1", http1::run, http1::seeds, 64),
    target("identifier", identifier::run, identifier::seeds, 256),
    target("keyconf", keyconf::run, keyconf::seeds, 256),
    target("keystore", keystore::run, keystore::seeds, 256),
    target("messagelog", messagelog::run, messagelog::seeds, 256),
    target("multipart", multipart::run, multipart::seeds, 256),
    target("ocsp", ocsp::run, ocsp::seeds, 64),
    target("openpgp", openpgp::run, openpgp::seeds, 256),
    target("parameters", parameters::run, parameters::seeds, 256),
    target("rest", rest::run, rest::seeds, 128),
    target("secret_keys", secret_keys::run, secret_keys::seeds, 64),
    target("signature", signature::run, signature::seeds, 256),
    target("soap", soap::run, soap::seeds, 512),
    target("softtoken", softtoken::run, softtoken::seeds, 64),
    target("timestamp", timestamp::run, timestamp::seeds, 64),
    target("xml", xml::run, xml::seeds, 256),
];
