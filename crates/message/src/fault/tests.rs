//! Faults that are written, read, and refused.

use bytes::Bytes;

use super::*;

const OPEN: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>";
const CLOSE: &str = "</e:Body></e:Envelope>";

fn read(xml: &str) -> Result<Fault, Refusal> {
    ReceivedFault::read(Bytes::copy_from_slice(xml.as_bytes())).map(|received| received.fault().clone())
}

#[test]
fn writes_the_exact_shape() {
    assert_eq!(
        Fault::new("server.x", "a<b & \"c\" 'd'\u{0}\u{7f}", "id-1").to_xml(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope \
         xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body><SOAP-ENV:Fault>\
         <faultcode>server.x</faultcode><faultstring>a&lt;b &amp; &quot;c&quot; &apos;d&apos;&#127;</faultstring>\
         <faultactor></faultactor><detail><faultDetail xmlns=\"\">id-1</faultDetail></detail>\
         </SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    );
    let bare = Fault { code: "c".to_owned(), string: "s".to_owned(), actor: None, detail: None };
    assert!(bare.to_xml().contains("<faultstring>s</faultstring></SOAP-ENV:Fault>"));
}

#[test]
fn reads_back_what_it_writes() {
    for string in ["", "plain", "<&>\"'", "ä€\u{1f600}", "]]>", "<!-- -->"] {
        let fault = Fault::new("server.serverproxy.x", string, "d");
        assert_eq!(read(&fault.to_xml()), Ok(fault), "{string}");
    }
}

#[test]
fn reads_faults_of_other_hands() {
    let check = |fault: &str, code: &str, string: &str, actor: Option<&str>, detail: Option<&str>| {
        let expected = Fault {
            code: code.to_owned(),
            string: string.to_owned(),
            actor: actor.map(str::to_owned),
            detail: detail.map(str::to_owned),
        };
        assert_eq!(read(&format!("{OPEN}<e:Fault>{fault}</e:Fault>{CLOSE}")), Ok(expected), "{fault}");
    };
    check("<faultcode>e:Server</faultcode>", "e:Server", "", None, None);
    check("<faultcode> c </faultcode>\n<faultstring>s<!-- x -->t</faultstring>", "c", "st", None, None);
    check(
        "<faultcode>c</faultcode><faultactor>a</faultactor><detail><x>1</x></detail>",
        "c",
        "",
        Some("a"),
        Some("1"),
    );
    check("<faultcode xmlns='urn:x'>c</faultcode><detail/>", "c", "", None, Some(""));
    check(
        "<faultcode>Server.ServerProxy.AccessDenied</faultcode><detail><y:faultDetail xmlns:y='u'>d</y:faultDetail></detail>",
        "Server.ServerProxy.AccessDenied",
        "",
        None,
        Some("d"),
    );
}

#[test]
fn keeps_the_document_as_it_came() {
    let xml = Bytes::from(format!("\u{feff}{OPEN}<e:Fault><faultcode>c</faultcode></e:Fault>{CLOSE}\n"));
    let received = ReceivedFault::read(xml.clone()).unwrap();
    assert_eq!(received.xml(), &xml);
}

#[test]
fn refuses_what_is_not_a_fault() {
    let check = |xml: &str, expected: Refusal| assert_eq!(read(xml), Err(expected), "{xml}");
    check(&format!("{OPEN}<x/>{CLOSE}"), Refusal::NotAFault);
    check(&format!("{OPEN}{CLOSE}"), Refusal::NotAFault);
    check(&format!("{OPEN}<x><e:Fault><faultcode>c</faultcode></e:Fault></x>{CLOSE}"), Refusal::NotAFault);
    check(&format!("{OPEN}<Fault><faultcode>c</faultcode></Fault>{CLOSE}"), Refusal::NotAFault);
    check(&format!("{OPEN}<e:Fault/>{CLOSE}"), Refusal::NoCode);
    check(&format!("{OPEN}<e:Fault><faultcode> </faultcode></e:Fault>{CLOSE}"), Refusal::NoCode);
    check("<Envelope><Body/></Envelope>", Refusal::NotSoap);
    check("<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'><Body/></Envelope>", Refusal::NotSoap);
    check("<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'/>", Refusal::NotSoap);
}

#[test]
fn refuses_documents_that_harm_or_cannot_be_read() {
    let whole = format!("{OPEN}<e:Fault><faultcode>c</faultcode></e:Fault>{CLOSE}");
    for xml in [
        String::new(),
        "plain".to_owned(),
        format!("<!DOCTYPE x>{whole}"),
        format!("<!DOCTYPE x [<!ENTITY y 'z'>]>{whole}"),
        whole.replace(">c<", ">&y;<"),
        whole.replace("</e:Body>", ""),
        format!("{whole}{whole}"),
        format!("{OPEN}{}{CLOSE}", "<a/>".repeat(20_000)),
    ] {
        assert!(matches!(read(&xml), Err(Refusal::Xml { .. })), "{}", xml.get(..80).unwrap_or(&xml));
    }
    let latin1 = Bytes::from(
        [OPEN.as_bytes(), b"<e:Fault><faultcode>\xe4</faultcode></e:Fault>", CLOSE.as_bytes()].concat(),
    );
    assert!(matches!(ReceivedFault::read(latin1), Err(Refusal::Xml { .. })));
    let large = format!("{OPEN}<!--{}-->{CLOSE}", "x".repeat(BYTES_MAX));
    assert!(matches!(read(&large), Err(Refusal::TooLarge { .. })));
}

#[test]
fn refuses_what_would_keep_the_parser_busy_for_hours() {
    let many = |count: usize, piece: fn(usize) -> String| (0..count).map(piece).collect::<String>();
    let attributes = many(100_000, |n| format!(" a{n}=''"));
    let prefixes = many(30_000, |n| format!(" xmlns:p{n}='u'"));
    let children = many(5_000, |n| format!("<c xmlns:q{n}='u'/>"));
    let bytes_max = 8192;
    for (inside, refusal) in [
        (format!("<a{attributes}/>"), xml::Refusal::TagTooLong { bytes_max }),
        (format!("<a{prefixes}>{children}</a>"), xml::Refusal::TagTooLong { bytes_max }),
        (format!("<a{}/>", " b=''".repeat(33)), xml::Refusal::TooManyAttributes { attributes_max: 32 }),
        (children, xml::Refusal::TooManyDeclarations { declarations_max: 64 }),
        ("<a>".repeat(20_000), xml::Refusal::TooDeep { depth_max: 64 }),
    ] {
        let flood = format!("{OPEN}{inside}{CLOSE}");
        assert!(flood.len() <= BYTES_MAX, "{} bytes", flood.len());
        let refused = read(&flood).unwrap_err();
        assert_eq!(refused, Refusal::OverBudget(refusal));
        assert_eq!(refused.code(), "invalid_soap");
    }
}
