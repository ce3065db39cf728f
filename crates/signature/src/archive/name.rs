//! The name of an archive's file (data-plane 7.7).

use jiff::Timestamp;

/// Octets of the group in a name, with the dash behind it: with them the whole name has 255, as many as file systems take.
const GROUP_BYTES_MAX: usize = 200;
/// What stands behind the name of an archive that is sealed with OpenPGP.
const SEALED: &str = ".gpg";
const DIGEST_CHARACTERS: usize = 16;

/// `mlog-[{group}-]{time of the first record}-{of the last one}-{beginning of the digest}.zip`, with `.gpg` behind it where it is sealed with
/// OpenPGP. X-Road writes the times of its server's zone; ours are UTC wherever the server stands.
#[must_use]
pub fn file_name(
    group: Option<&str>,
    first: Timestamp,
    last: Timestamp,
    digest: &str,
    is_sealed: bool,
) -> String {
    let sealed = if is_sealed { SEALED } else { "" };
    let mut group = group.map(|group| format!("{}-", harmless(group))).unwrap_or_default();
    group.truncate(group.floor_char_boundary(GROUP_BYTES_MAX.saturating_sub(sealed.len())));
    let time = |at: Timestamp| at.strftime("%Y%m%d%H%M%S").to_string();
    let digest = digest.get(..DIGEST_CHARACTERS).unwrap_or(digest);
    format!("mlog-{group}{}-{}-{digest}.zip{sealed}", time(first), time(last))
}

fn harmless(group: &str) -> String {
    let odd = |c: char| c.is_control() || matches!(c, '\\' | '<' | '>' | '/' | ':' | '|' | '*' | '?');
    group.chars().map(|c| if odd(c) { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(group: Option<&str>, expected: &str) {
        let (first, last) = ("2026-11-22T11:56:48.9Z", "2026-11-22T23:59:59Z");
        let named = |is_sealed| {
            let digest = "0123456789abcdef".repeat(8);
            file_name(group, first.parse().unwrap(), last.parse().unwrap(), &digest, is_sealed)
        };
        assert_eq!(named(false), expected);
        let sealed = named(true);
        assert!(named(false).len() <= 255 && sealed.len() <= 255 && sealed.ends_with(".zip.gpg"), "{sealed}");
    }

    #[test]
    fn a_name_says_group_times_and_digest() {
        let rest = "20261122115648-20261122235959-0123456789abcdef.zip";
        check(None, &format!("mlog-{rest}"));
        check(Some("DEV/COM/4321/Test-Client"), &format!("mlog-DEV_COM_4321_Test-Client-{rest}"));
        check(Some("a\\b<c>d:e|f*g?h\u{1}i j"), &format!("mlog-a_b_c_d_e_f_g_h_i j-{rest}"));
        check(Some(&"x".repeat(300)), &format!("mlog-{}{rest}", "x".repeat(200)));
        check(Some(&"ក".repeat(300)), &format!("mlog-{}{rest}", "ក".repeat(66)));
    }
}
