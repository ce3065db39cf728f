//! Archives that are sealed with OpenPGP: those of a live server, and ours from a running gateway; `gpg` opens both.

#[path = "../../../openpgp/tests/it/gpg.rs"]
mod gpg;

use crate::archives::{archive, ending, exchanged, judge, with_archive};
use crate::tools::{chhatra, text, until, vectors};
use gateway::{Config, Grouping};
use gpg::Gpg;
use identifier::MemberId;
use jiff::SignedDuration;
use openpgp::{MemberKeys, Settings};
use std::path::{Path, PathBuf};
use testkit::{Nation, RunningGateway, chance};

/// Decrypts an archive beside itself, as it is told to be done.
fn opened(ring: &Gpg, sealed: &Path, into: &Path) -> PathBuf {
    let told = ring.open(&std::fs::read(sealed).unwrap()).fine();
    assert!(told.says("GOODSIG") && told.says("DECRYPTION_OKAY"), "{}", told.err);
    let path = into.join(sealed.file_stem().unwrap());
    std::fs::write(&path, told.out).unwrap();
    path
}

#[test]
fn the_sealed_archives_of_a_live_server_lead_to_one_another_and_to_open_ones() {
    let Some(vectors) = vectors() else { return };
    let recorded = vectors.join("recorded/options/messagelog/archive");
    let folder = tempfile::tempdir().unwrap();
    let of = |place: &str, group: &str| {
        let mut found = ending(&recorded.join(place), "gpg");
        found.extend(ending(&recorded.join(place), "zip"));
        found.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(group));
        found.sort_by_key(|path| path.file_name().unwrap().to_owned());
        // Names have the time of the first record behind the group.
        found
    };
    for (server, groups, count) in [
        ("ss1", vec![of("ss1-member-gpg", "mlog-DEV_COM_1234-")], 1),
        (
            "ss1",
            vec![of("ss1-member-gpg", "mlog-DEV_COM_4321-"), of("ss1-subsystem", "mlog-DEV_COM_4321-")],
            3,
        ),
        ("ss0", vec![of("ss0-none-gpg-default", "mlog-")], 3),
    ] {
        let ring = Gpg::at("", "20261123T120000");
        ring.import(&std::fs::read(recorded.join(format!("gpg-keys/{server}-secret-keys.gpg"))).unwrap());
        let archives = groups.concat();
        assert_eq!(archives.len(), count);
        let mut before: Option<(String, String)> = None;
        for path in &archives {
            let is_sealed = path.extension().is_some_and(|end| end == "gpg");
            if is_sealed {
                let told = judge(path, &["--previous", "-"]);
                told.refused(2, "is encrypted with OpenPGP; decrypt it first");
            }
            let open = if is_sealed { opened(&ring, path, folder.path()) } else { path.clone() };
            let previous = before.as_ref().map(|(digest, _)| vec!["--previous", digest.as_str()]);
            let told = judge(&open, &[&previous.unwrap_or_default()[..], &["--json"]].concat());
            assert_eq!(told.code, Some(0), "{}: {told:?}", path.display());
            let told = told.json();
            if let Some((_, name)) = &before {
                assert_eq!(told["previous_file"].as_str(), Some(name.as_str()));
                assert!(name.ends_with(".zip.gpg"), "{name}");
            }
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            before = Some((told["digest"].as_str().unwrap().to_owned(), name));
        }
    }
}

/// The key rings of an operator and of the consumer's member, made before a nation's clock begins.
struct Rings {
    ours: Gpg,
    members: Gpg,
    signing: PathBuf,
    reading: PathBuf,
}

impl Rings {
    fn new() -> Self {
        let (ours, members) = (Gpg::at("", ""), Gpg::at("", ""));
        let signs = ours.key("archives of commerce", "ed25519", "sign", "never");
        let reads = ours.pair("readers", "rsa2048", "rsa2048");
        members.import(&ours.public(&signs));
        let signing = ours.file("sign.gpg", &ours.secret(&signs));
        let reading = ours.file("read.gpg", &ours.public(&reads));
        Self { ours, members, signing, reading }
    }

    fn members_key(&self, lasts: &str) -> (String, PathBuf) {
        let key = self.members.key("ministry of commerce", "nistp256", "sign", "never");
        self.members.subkey(&key, "nistp256", "encr", lasts);
        let path = self.members.file("member.gpg", &self.members.public(&key));
        (key, path)
    }

    /// What a gateway is told of archives, beside how they are grouped.
    fn openpgp(&self, nation: &Nation, member: &Path) -> Settings {
        Settings {
            signing_key_file: self.signing.clone(),
            recipient_key_files: vec![self.reading.clone()],
            member: vec![MemberKeys { member: commerce(nation), key_files: vec![member.to_owned()] }],
        }
    }

    fn lines(&self, nation: &Nation, member: &Path) -> String {
        format!(
            "[gateway.archive.openpgp]\nsigning_key_file = {:?}\nrecipient_key_files = [{:?}]\n\
             [[gateway.archive.openpgp.member]]\nmember = \"{}\"\nkey_files = [{member:?}]\n",
            self.signing,
            self.reading,
            short(&commerce(nation)),
        )
    }
}

fn commerce(nation: &Nation) -> MemberId {
    nation.consumer.config.server.owner()
}

fn short(member: &MemberId) -> String {
    [member.instance(), member.class(), member.code()].join("/")
}

fn sealing(openpgp: Settings) -> impl FnOnce(&mut Config) {
    move |config| {
        config.archive.grouping = Grouping::Member;
        config.archive.openpgp = Some(openpgp);
    }
}

/// A gateway's first round is due a minute after it has begun, whenever that is.
fn next_archive(nation: &Nation, folder: &Path) -> PathBuf {
    until("the archive", || {
        nation.hands.advance(SignedDuration::from_secs(5));
        ending(folder, "gpg").pop()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_seals_what_it_archives_and_hands_over_nothing_else() {
    let rings = Rings::new();
    let (_, member) = rings.members_key("never");
    let mut nation = exchanged().await;
    let openpgp = rings.openpgp(&nation, &member);
    nation.consumer.restart(&nation.pin, &nation.clock, sealing(openpgp)).await.unwrap();
    let folder = nation.consumer.config.state_dir.join("archive");
    let made = next_archive(&nation, &folder);
    nation.consumer.halt().await.unwrap();
    assert!(nation.consumer.gateway.not_archived().is_none());
    let left = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(left, 2, "the archive and the lock");
    assert!(made.file_name().unwrap().to_str().unwrap().contains("_GOV_MOC-"), "{}", made.display());

    // For the member, and for nobody else.
    assert!(!rings.ours.open(&std::fs::read(&made).unwrap()).is_fine);
    let open = opened(&rings.members, &made, nation.folder.path());
    let globalconf = text(&nation.provider.config.globalconf_dir());
    let told = judge(&open, &["--previous", "-", "--globalconf", &globalconf, "--json"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(told.json()["containers"], 4);
    let told = judge(&made, &[]);
    told.refused(2, &format!("gpg --output {} --decrypt", open.file_name().unwrap().display()));

    // Where the operator wants it elsewhere, by a command or in a store, it goes as it is.
    let sealed = std::fs::read(&made).unwrap();
    for (place, way) in [
        ("taken", "transfer_command = [\"cp\", \"-t\", PLACE]\n"),
        ("vault", "[gateway.archive.store]\ndirectory = PLACE\n"),
    ] {
        let place = nation.folder.path().join(place);
        std::fs::create_dir(&place).unwrap();
        let way = way.replace("PLACE", &format!("{:?}", text(&place)));
        let config = format!("grouping = \"member\"\n{way}{}", rings.lines(&nation, &member));
        let config = with_archive(&nation, &config);
        let told = archive(&config).fine();
        assert!(told.contains("handed over: 1"), "{told}");
        let there = place.join(made.file_name().unwrap());
        assert!(std::fs::read(&there).unwrap() == sealed && !made.exists());
        let told = chhatra(&["doctor", "--config", &config]).out;
        assert!(
            told.contains("archives are signed with the OpenPGP key")
                && told.contains("none of the keys ends"),
            "{told}"
        );
        // As before the transfer.
        let log = rusqlite::Connection::open(nation.consumer.config.messagelog_dir().join("messagelog.db"))
            .unwrap();
        log.execute_batch("UPDATE archive SET taken = NULL").unwrap();
        std::fs::write(&made, &sealed).unwrap();
    }
}

/// Archives that were made open stay here when they are to be sealed, until somebody says what became of them.
#[tokio::test(flavor = "multi_thread")]
async fn archives_made_open_are_not_handed_over_once_they_are_to_be_sealed() {
    let rings = Rings::new();
    let (_, member) = rings.members_key("never");
    let mut nation = exchanged().await;
    nation.consumer.halt().await.unwrap();
    archive(&with_archive(&nation, "grouping = \"member\"")).fine();
    let folder = nation.consumer.config.state_dir.join("archive");
    let open = ending(&folder, "zip").pop().unwrap();
    let place = nation.folder.path().join("taken");
    std::fs::create_dir(&place).unwrap();
    let config = |lines: &str| {
        let lines = format!(
            "grouping = \"member\"\ntransfer_command = [\"cp\", \"-t\", {:?}]\n{lines}",
            text(&place)
        );
        with_archive(&nation, &lines)
    };
    let lines = rings.lines(&nation, &member);
    let sealed = config(&lines);
    let why = "are not handed over: 1, the first is ";
    archive(&sealed).refused(1, why);
    assert!(open.exists() && ending(&place, "zip").is_empty());
    let told = chhatra(&["doctor", "--config", &sealed]).out;
    assert!(told.contains("problem  archive: archives that lie open") && told.contains(why), "{told}");
    assert!(!told.contains("archives that wait") && !told.contains("which is no client here"), "{told}");
    // A member's name that was mistyped.
    let other = lines.replace(&short(&commerce(&nation)), "EX/COM/none");
    let told = chhatra(&["doctor", "--config", &config(&other)]).out;
    assert!(
        told.contains("warning  archive: ") && told.contains("EX/COM/none, which is no client here"),
        "{told}"
    );

    let sealed = config(&lines);
    std::fs::write(format!("{}.taken", text(&open)), "").unwrap();
    archive(&sealed).fine();
    assert!(!open.exists() && ending(&place, "zip").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_member_whose_key_ends_stay_in_the_log_and_everybody_is_told() {
    let rings = Rings::new();
    let (key, member) = rings.members_key("seconds=3600");
    let mut nation = exchanged().await;
    let openpgp = rings.openpgp(&nation, &member);
    nation.consumer.restart(&nation.pin, &nation.clock, sealing(openpgp)).await.unwrap();
    let lines = format!("grouping = \"member\"\n{}", rings.lines(&nation, &member));
    let config = with_archive(&nation, &lines);
    let told = chhatra(&["doctor", "--config", &config]).out;
    assert!(told.contains("warning  archive: ") && told.contains("the first key to end is"), "{told}");

    nation.hands.advance(SignedDuration::from_hours(2));
    let gateway = std::sync::Arc::clone(&nation.consumer.gateway);
    let why = until("the round", || gateway.not_archived());
    let records = format!("not archived, and kept: records of {}", short(&commerce(&nation)));
    assert!(why.contains(&records) && why.contains("expired at"), "{why}");
    let folder = nation.consumer.config.state_dir.join("archive");
    assert_eq!(ending(&folder, "gpg").len() + ending(&folder, "zip").len(), 0);
    let told = until("a word of the gateway", || {
        let told = chhatra(&["doctor", "--config", &config]).out;
        told.contains("the running gateway: not archived, and kept").then_some(told)
    });
    assert!(told.contains("problem  archive: the running gateway"), "{told}");
    let status = std::fs::read_to_string(nation.consumer.config.state_dir.join("status.json")).unwrap();
    assert!(status.contains(&records), "{status}");
    drop(gateway);

    // The member extends its key: what was left is archived.
    let subkeys = ["--passphrase", "", "--quick-set-expire", &key, "0", "*"];
    rings.members.run("", &subkeys, b"").fine();
    rings.members.file("member.gpg", &rings.members.public(&key));
    nation.consumer.halt().await.unwrap();
    let config = nation.consumer.config.clone();
    // It carries nothing at this time of its clock, and archives.
    nation.consumer =
        RunningGateway::start(config, &nation.pin, nation.clock.clone(), chance()).await.unwrap();
    let made = next_archive(&nation, &folder);
    let open = opened(&rings.members, &made, nation.folder.path());
    assert!(judge(&open, &["--previous", "-"]).fine().contains("Containers:    4"));
}

/// What a gateway says at its start, and the command that archives by hand.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_used_are_refused_before_anything_is_archived() {
    let rings = Rings::new();
    let (_, member) = rings.members_key("never");
    let mut nation = exchanged().await;
    let rsa = rings.ours.pair("rsa", "rsa2048", "rsa2048");
    let rsa = rings.ours.file("rsa.gpg", &rings.ours.secret(&rsa));
    let none = nation.folder.path().join("none.gpg");
    let open_to_others = rings.ours.file("open.gpg", &std::fs::read(&rings.signing).unwrap());
    std::fs::set_permissions(&open_to_others, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let refuses = |change: &dyn Fn(&mut Settings), grouping: &str, why: &str| {
        let mut openpgp = rings.openpgp(&nation, &member);
        change(&mut openpgp);
        let members: String = openpgp
            .member
            .iter()
            .map(|keys| {
                let member = short(&keys.member);
                format!(
                    "[[gateway.archive.openpgp.member]]\nmember = {member:?}\nkey_files = {:?}\n",
                    keys.key_files
                )
            })
            .collect();
        let lines = format!(
            "grouping = {grouping:?}\n[gateway.archive.openpgp]\nsigning_key_file = {:?}\nrecipient_key_files = {:?}\n{members}",
            openpgp.signing_key_file, openpgp.recipient_key_files
        );
        let config = with_archive(&nation, &lines);
        archive(&config).refused(1, why);
        let told = chhatra(&["doctor", "--config", &config]).out;
        assert!(told.contains("problem  archive: ") && told.contains(why), "{told}");
    };
    refuses(&|keys| keys.signing_key_file.clone_from(&rsa), "member", "it holds a secret RSA key");
    refuses(&|keys| keys.signing_key_file.clone_from(&none), "member", "none.gpg cannot be read");
    refuses(&|keys| keys.signing_key_file.clone_from(&open_to_others), "member", "it must have mode 600");
    refuses(&|keys| keys.recipient_key_files = vec![rsa.clone()], "subsystem", "it holds a secret key");
    refuses(&|keys| keys.member[0].key_files = vec![none.clone()], "member", "none.gpg cannot be read");
    refuses(&|keys| keys.recipient_key_files.clear(), "member", "there are no recipient_key_files");
    refuses(&|_| {}, "none", "groups the records of all members together");

    let openpgp = Settings { signing_key_file: rsa.clone(), ..rings.openpgp(&nation, &member) };
    let started = nation.consumer.restart(&nation.pin, &nation.clock, sealing(openpgp)).await;
    let why = started.unwrap_err().to_string();
    assert!(
        why.contains("[gateway.archive.openpgp]") && why.contains("--quick-generate-key NAME ed25519 sign"),
        "{why}"
    );
    assert_eq!(ending(&nation.consumer.config.state_dir.join("archive"), "gpg").len(), 0);
}
