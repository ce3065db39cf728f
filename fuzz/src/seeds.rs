//! What a target begins from: written into a folder, with a dictionary of the words in it.

use crate::targets::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Between the documents of an input that has several.
pub(crate) const SEPARATOR: &[u8] = b"\n--8<--\n";

/// The most words of a dictionary, the most frequent first; libFuzzer slows down with more.
const WORDS_MAX: usize = 400;

/// Cuts an input into its documents; those that are missing are empty.
pub(crate) fn cut<const N: usize>(octets: &[u8]) -> [&[u8]; N] {
    let mut documents = [&b""[..]; N];
    let mut rest = octets;
    for document in &mut documents {
        match rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
            Some(at) => {
                (*document, rest) = (&rest[..at], &rest[at + SEPARATOR.len()..]);
            }
            None => {
                *document = rest;
                return documents;
            }
        }
    }
    documents
}

/// The other way.
pub(crate) fn join(documents: &[&[u8]]) -> Vec<u8> {
    documents.join(SEPARATOR)
}

/// Writes them.
pub(crate) fn write(target: &Target, folder: &Path) {
    let seeds: BTreeSet<Vec<u8>> = (target.seeds)().into_iter().collect();
    std::fs::create_dir_all(folder).expect("the folder of seeds");
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:04}")), seed).expect("a seed");
    }
    std::fs::write(folder.with_extension("dict"), dictionary(&seeds)).expect("the dictionary");
}

fn dictionary(seeds: &BTreeSet<Vec<u8>>) -> String {
    let mut words = BTreeMap::<String, usize>::new();
    for seed in seeds {
        let of_word = |octet: &u8| octet.is_ascii_alphanumeric() || b":-_./#%'".contains(octet);
        for word in seed.split(|octet| !of_word(octet)).filter(|word| (3..=48).contains(&word.len())) {
            if let Ok(word) = std::str::from_utf8(word) {
                *words.entry(word.to_owned()).or_default() += 1;
            }
        }
    }
    let mut words: Vec<_> = words.into_iter().collect();
    words.sort_by(|(a, often), (b, oftener)| oftener.cmp(often).then(a.cmp(b)));
    words.truncate(WORDS_MAX);
    words.into_iter().map(|(word, _)| format!("\"{word}\"\n")).collect()
}
