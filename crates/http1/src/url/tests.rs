//! Addresses: what is taken, what is refused.

use super::Url;
use crate::error::UrlRefusal;

#[test]
fn takes_addresses_apart_and_keeps_the_target_as_spelt() {
    let check = |text: &str, host: &str, port: u16, authority: &str, target: &str| {
        let url = Url::parse(text).unwrap();
        assert_eq!((url.host(), url.port()), (host, port), "{text}");
        assert_eq!((url.authority().as_str(), url.target()), (authority, target), "{text}");
    };
    check("http://a.example", "a.example", 80, "a.example", "/");
    check("HTTP://A.Example:8080/x/%2F?q=1#part", "a.example", 8080, "a.example:8080", "/x/%2F?q=1");
    check("https://127.0.0.1?x", "127.0.0.1", 443, "127.0.0.1", "/?x");
    check("http://[::1]:5577/", "::1", 5577, "[::1]:5577", "/");
    check("http://[::1]", "::1", 80, "[::1]", "/");
    check("http://host:/", "host", 80, "host", "/");
    assert!(Url::parse("https://x/").unwrap().is_secure());
    assert!(!Url::parse("http://x/").unwrap().is_secure());
}

#[test]
fn refuses_what_is_not_an_http_address() {
    let check = |text: &str, refusal: UrlRefusal| assert_eq!(Url::parse(text), Err(refusal), "{text}");
    check("ftp://a/", UrlRefusal::Scheme);
    check("a/b", UrlRefusal::Scheme);
    check("", UrlRefusal::Scheme);
    check("http:///x", UrlRefusal::Host);
    check("http://", UrlRefusal::Host);
    check("http://a b/", UrlRefusal::Character);
    check("http://a/\r\nX: y", UrlRefusal::Character);
    check("http://a\\b/", UrlRefusal::Character);
    check("http://ä/", UrlRefusal::Character);
    check("http://u:p@a/", UrlRefusal::UserName);
    check("http://a:0/", UrlRefusal::Port);
    check("http://a:65536/", UrlRefusal::Port);
    check("http://a:+80/", UrlRefusal::Port);
    check("http://[::1/", UrlRefusal::Host);
    check("http://[::1]x/", UrlRefusal::Host);
    check("http://[zz]/", UrlRefusal::Host);
    check("http://a%41/", UrlRefusal::Host);
    check(&format!("http://a/{}", "x".repeat(9000)), UrlRefusal::TooLong(8192));
}
