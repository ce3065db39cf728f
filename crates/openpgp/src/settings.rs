//! What an operator says of the keys.

use identifier::MemberId;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// Whose keys files are signed with and encrypted to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The secret key that signs, without passphrase, as `gpg --export-secret-keys` writes it; only its owner may read the file.
    pub signing_key_file: PathBuf,
    /// Public keys, one a file: each opens the files of everybody who has no keys of its own. None: the signing key, which must then be made
    /// for encryption too.
    #[serde(default)]
    pub recipient_key_files: Vec<PathBuf>,
    /// Members whose files are encrypted to their own keys, and to no others.
    #[serde(default, deserialize_with = "members")]
    pub member: Vec<MemberKeys>,
}

/// Keys of a member.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberKeys {
    /// Whose files: `INSTANCE/CLASS/MEMBER`.
    #[serde(deserialize_with = "member")]
    pub member: MemberId,
    /// Public keys, one a file; at least one.
    pub key_files: Vec<PathBuf>,
}

impl Settings {
    /// Every path in it.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let of_members = self.member.iter_mut().flat_map(|keys| &mut keys.key_files);
        [&mut self.signing_key_file].into_iter().chain(&mut self.recipient_key_files).chain(of_members)
    }
}

fn member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MemberId, D::Error> {
    let text = String::deserialize(deserializer)?;
    MemberId::parse_short(&text)
        .map_err(|why| D::Error::custom(format!("{text} is no INSTANCE/CLASS/MEMBER: {why}")))
}

/// Two words on the same member would leave open which one holds; none would leave its files to others.
fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MemberKeys>, D::Error> {
    let all = Vec::<MemberKeys>::deserialize(deserializer)?;
    for (place, one) in all.iter().enumerate() {
        let member = &one.member;
        if one.key_files.is_empty() {
            return Err(D::Error::custom(format!("{member} has no key_files; leave it out instead")));
        }
        if all.iter().skip(place.saturating_add(1)).any(|other| other.member == *member) {
            return Err(D::Error::custom(format!(
                "{member} stands there twice; list all its key_files at once"
            )));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let text = format!("signing_key_file = \"key\"\n{text}");
        toml::from_str(&text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn members_have_keys_once() {
        let one = "[[member]]\nmember = \"EX/COM/1\"\nkey_files = [\"a\", \"b\"]\n";
        let mut found = read(one).unwrap();
        assert_eq!(found.member[0].member.to_string(), "EX/COM/1");
        assert_eq!(found.paths().count(), 3);
        for (text, why) in [
            (one.repeat(2), "stands there twice"),
            (one.replace("\"a\", \"b\"", ""), "has no key_files"),
            (one.replace("COM/1", "COM"), "EX/COM is no INSTANCE/CLASS/MEMBER"),
            (one.replace("key_files", "key_file"), "unknown field `key_file`"),
        ] {
            let refused = read(&text).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
