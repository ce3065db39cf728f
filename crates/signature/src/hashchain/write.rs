//! The two documents of a hash chain, byte for byte as a live server's JAXB prints them in the `ns2:` form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trust::algorithm::DigestAlgorithm;

use super::{Neighbour, Part};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const NAMESPACES: &str =
    "xmlns=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:ns2=\"http://cyber.ee/hashchain\"";

pub(super) fn result(algorithm: DigestAlgorithm, top: &[u8], chain: &str) -> Vec<u8> {
    format!(
        "{HEAD}<ns2:HashChainResult URI=\"{}#STEP0\" {NAMESPACES}>\n    <DigestMethod Algorithm=\"{}\"/>\n    \
         <DigestValue>{}</DigestValue>\n</ns2:HashChainResult>\n",
        escaped(chain),
        algorithm.uri(),
        STANDARD.encode(top),
    )
    .into_bytes()
}

pub(super) fn chain(algorithm: DigestAlgorithm, path: &[Neighbour<'_>], parts: &[Part]) -> Vec<u8> {
    let mut out = format!(
        "{HEAD}<ns2:HashChain {NAMESPACES}>\n    <ns2:DefaultDigestMethod Algorithm=\"{}\"/>\n",
        algorithm.uri()
    );
    let single = if let [only] = parts { Some(only) } else { None };
    let last = path.len().saturating_sub(1);
    for (number, neighbour) in path.iter().enumerate() {
        let own = match single {
            Some(part) if number == last => data_ref(part),
            _ => format!("        <ns2:StepRef URI=\"#STEP{}\"/>\n", number.saturating_add(1)),
        };
        let other = format!(
            "        <ns2:HashValue>\n            <DigestValue>{}</DigestValue>\n        </ns2:HashValue>\n",
            STANDARD.encode(neighbour.digest)
        );
        let both = if neighbour.own_is_left { own + &other } else { other + &own };
        out.push_str(&one_step(number, &both));
    }
    if single.is_none() || path.is_empty() {
        let parts: String = parts.iter().map(data_ref).collect();
        out.push_str(&one_step(path.len(), &parts));
    }
    out.push_str("</ns2:HashChain>\n");
    out.into_bytes()
}

fn one_step(number: usize, values: &str) -> String {
    format!("    <ns2:HashStep id=\"STEP{number}\">\n{values}    </ns2:HashStep>\n")
}

fn data_ref(part: &Part) -> String {
    format!(
        "        <ns2:DataRef URI=\"{}\">\n            <DigestValue>{}</DigestValue>\n        </ns2:DataRef>\n",
        escaped(&part.name),
        STANDARD.encode(&part.digest)
    )
}

fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
