//! Against a real server: whoever answers is known, passwords come from files, and any thread may ask.

#![expect(clippy::unwrap_used, reason = "helpers of tests outside of test functions")]

use database::practice::{Server, USER, psql};
use database::{Document, Fault, Session, Url};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn ask(url: &str) -> Result<String, Fault> {
    let mut session = Session::open(&Url::parse(url).unwrap(), "a test")?;
    session.run(|client| Ok(client.query_one("SELECT 'answer ' || current_user", &[])?.get(0)))
}

#[test]
fn a_plain_thread_asks() {
    assert_eq!(ask(&Server::shared().database()).unwrap(), "answer practice");
}

#[tokio::test]
async fn a_thread_that_drives_asynchronous_work_asks_too() {
    let url = Server::shared().database();
    assert_eq!(ask(&url).unwrap(), "answer practice");
    let asked = tokio::task::spawn_blocking(move || ask(&url)).await.unwrap();
    assert_eq!(asked.unwrap(), "answer practice");
}

fn openssl(folder: &Path, line: &str) {
    let output = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn only_a_server_with_a_certificate_for_its_name_is_talked_to_and_passwords_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let own = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30";
    openssl(at, &format!("{own} -subj /CN=ca -keyout ca.key -out ca.pem"));
    openssl(at, &format!("{own} -subj /CN=other -keyout other.key -out other.pem"));
    openssl(
        at,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=db -keyout db.key -out db.csr",
    );
    std::fs::write(at.join("names"), "subjectAltName=DNS:db.example\n").unwrap();
    openssl(
        at,
        "x509 -req -in db.csr -CA ca.pem -CAkey ca.key -set_serial 5 -days 30 -extfile names -out db.pem",
    );
    let server = Server::start("").unwrap();
    let text = |name: &str| std::fs::read_to_string(at.join(name)).unwrap().replace('\n', "\\n");
    // The server reads its own files; it writes them itself, since they must belong to it.
    let write = |name: &str, content: &str| {
        let sql = format!(
            "COPY (SELECT 1) TO PROGRAM 'umask 077; cat >/dev/null; printf %b \"{content}\" > {name}'"
        );
        server.psql("postgres", &sql).unwrap();
    };
    write("server.crt", &text("db.pem"));
    write("server.key", &text("db.key"));
    write(
        "pg_hba.conf",
        "local all all trust\\nhostssl all all 127.0.0.1/32 scram-sha-256\\nhostnossl all all 127.0.0.1/32 reject\\n",
    );
    server.psql("postgres", "ALTER SYSTEM SET ssl = on").unwrap();
    server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    server.psql("postgres", &format!("ALTER ROLE {USER} PASSWORD 'geheim'")).unwrap();
    let over = |host: &str, password: &str, more: &str| {
        let user = format!("{USER}{password}");
        format!("postgresql://{user}@{host}:{}/postgres?hostaddr=127.0.0.1{more}", server.port())
    };
    let roots = |name: &str| format!("&sslrootcert={}", at.join(name).display());

    assert_eq!(ask(&over("db.example", ":geheim", &roots("ca.pem"))).unwrap(), "answer practice");
    let wrong_name = ask(&over("else.example", ":geheim", &roots("ca.pem"))).unwrap_err();
    assert!(wrong_name.to_string().contains("not valid for"), "{wrong_name}");
    let wrong_root = ask(&over("db.example", ":geheim", &roots("other.pem"))).unwrap_err();
    assert!(wrong_root.to_string().contains("UnknownIssuer"), "{wrong_root}");
    let system = ask(&over("db.example", ":geheim", "")).unwrap_err();
    assert!(system.to_string().contains("UnknownIssuer"), "{system}");
    let no_roots = ask(&over("db.example", ":geheim", &roots("ca.key"))).unwrap_err();
    assert!(matches!(&no_roots, Fault::Refused(why) if why.contains("no certificate")), "{no_roots}");
    let plain = ask(&over("db.example", ":geheim", "&sslmode=disable")).unwrap_err();
    assert!(matches!(plain, Fault::Refused(_)), "{plain}");
    let wrong_password = ask(&over("db.example", ":falsch", &roots("ca.pem"))).unwrap_err();
    assert!(matches!(wrong_password, Fault::Refused(_)), "{wrong_password}");

    let mode = |mode: u32| {
        std::fs::set_permissions(at.join("password"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::write(at.join("password"), "geheim\n").unwrap();
    mode(0o600);
    let with_file = |name: &str| {
        let url = Url::parse(&over("db.example", "", &roots("ca.pem"))).unwrap();
        Session::open(&url.with_password_file(Some(at.join(name))).unwrap(), "a test").map(|_| ())
    };
    assert_eq!(with_file("password"), Ok(()));
    for open_to_others in [0o640, 0o604, 0o620] {
        mode(open_to_others);
        assert!(matches!(with_file("password"), Err(Fault::Refused(why)) if why.contains("chmod 600")));
    }
    assert!(matches!(with_file("missing"), Err(Fault::Refused(why)) if why.contains("cannot be read")));
}

#[test]
fn whoever_takes_the_connection_and_says_nothing_is_waited_for_half_a_minute_at_most() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://log@{}/x?sslmode=disable", silent.local_addr().unwrap());
    let refused = ask(&url).unwrap_err();
    assert_eq!(refused, Fault::Away("no answer within 30 seconds".to_owned()));
}

#[test]
fn a_server_that_answers_that_it_cannot_is_not_away() {
    let url = Server::shared().database();
    let mut session = Session::open(&Url::parse(&url).unwrap(), "a test").unwrap();
    let waited = session.run(|client| {
        client.batch_execute("SET statement_timeout = 10")?;
        Ok::<_, Fault>(client.batch_execute("SELECT pg_sleep(60)")?)
    });
    assert!(matches!(waited, Err(Fault::Busy(_))), "{waited:?}");
}

#[test]
fn a_place_for_a_document_is_made_by_its_first_change_and_by_nothing_else() {
    let url = Server::shared().database();
    let open = || Document::open(Url::parse(&url).unwrap(), "kept", "a test").unwrap();
    let made = || psql(&url, &["-c", "SELECT to_regnamespace('kept') IS NOT NULL"]).unwrap();
    let (mut first, mut second) = (open(), open());
    assert_eq!((first.version().unwrap(), first.read().unwrap(), made().as_str()), (0, None, "f"));
    let refused = first.change(|present| {
        assert_eq!(present, None);
        Err::<(String, ()), _>(Fault::Other("not so".to_owned()))
    });
    assert!(refused.is_err() && made() == "f");
    first.change::<_, Fault>(|_| Ok(("1".to_owned(), ()))).unwrap();
    assert_eq!(
        (second.version().unwrap(), second.read().unwrap().as_deref(), made().as_str()),
        (1, Some("1"), "t")
    );
}

#[test]
fn a_document_waits_for_no_lock_for_ever_and_trusts_no_server_that_forgets() {
    let server = Server::start("fsync = off\nsynchronous_commit = off").unwrap();
    let open = || Document::open(Url::parse(&server.url("postgres")).unwrap(), "kept", "a test");
    assert!(matches!(open(), Err(Fault::Unfit(why)) if why.contains("fsync is off")));
    server.psql("postgres", "ALTER SYSTEM SET fsync = on").unwrap();
    server.pause().unwrap();
    server.resume().unwrap();
    let mut document = open().unwrap();
    document.change::<_, Fault>(|_| Ok(("1".to_owned(), ()))).unwrap();
    let mut holder = Session::open(&Url::parse(&server.url("postgres")).unwrap(), "a test").unwrap();
    let held = holder.run(|client| Ok::<_, Fault>(client.batch_execute("BEGIN; LOCK TABLE kept.document")?));
    held.unwrap();
    assert!(matches!(document.read(), Err(Fault::Other(why)) if why.contains("lock timeout")));
    drop(holder);
    assert_eq!(document.read().unwrap().as_deref(), Some("1"));
}

#[test]
fn a_server_that_goes_away_is_told_and_there_again_when_it_is_back() {
    let server = Server::start("").unwrap();
    let url = server.url("postgres");
    let mut session = Session::open(&Url::parse(&url).unwrap(), "a test").unwrap();
    server.pause().unwrap();
    let asked: Result<u64, Fault> = session.run(|client| Ok(client.execute("SELECT 1", &[])?));
    assert!(matches!(asked, Err(Fault::Away(_))), "{asked:?}");
    let asked = ask(&url);
    assert!(matches!(asked, Err(Fault::Away(_))), "{asked:?}");
    server.resume().unwrap();
    assert_eq!(ask(&url).unwrap(), "answer practice");
    assert_eq!(psql(&url, &["-c", "SELECT 1, 'two'"]).unwrap(), "1|two");
}
