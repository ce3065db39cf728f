//! Documents that would keep the parser busy for hours. The walk comes back at once, with the limit.

use xml::{Budget, DEPTH_CEILING, Refusal, within_budget};

const BUDGETS: [Budget; 2] = [Budget::SMALL, Budget::LARGE];

fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

fn attributes(count: usize) -> String {
    format!("<r{}/>", many(count, |n| format!(" a{n}=''")))
}

#[test]
fn refuses_a_tag_of_very_many_attributes() {
    for budget in BUDGETS {
        let Budget { tag_bytes_max: bytes_max, attributes_max, .. } = budget;
        assert_eq!(within_budget(&attributes(150_000), &budget), Err(Refusal::TagTooLong { bytes_max }));
        assert_eq!(within_budget(&attributes(attributes_max), &budget), Ok(()));
        assert_eq!(
            within_budget(&attributes(attributes_max + 1), &budget),
            Err(Refusal::TooManyAttributes { attributes_max })
        );
    }
}

#[test]
fn refuses_namespaces_that_every_element_would_copy() {
    let prefixes = many(37_000, |n| format!(" xmlns:p{n}='u'"));
    let children = many(10_000, |n| format!("<c xmlns:q{n}='u'/>"));
    let flood = format!("<r{prefixes}>{children}</r>");
    for budget in BUDGETS {
        let bytes_max = budget.tag_bytes_max;
        assert_eq!(within_budget(&flood, &budget), Err(Refusal::TagTooLong { bytes_max }));
    }
    let short = format!("<r>{children}</r>");
    let declarations_max = Budget::SMALL.declarations_max;
    assert_eq!(within_budget(&short, &Budget::SMALL), Err(Refusal::TooManyDeclarations { declarations_max }));
    assert_eq!(within_budget(&short, &Budget::LARGE), Ok(()), "one over each element is cheap");
    let long = many(3, |_| children.clone());
    let declarations_max = Budget::LARGE.declarations_max;
    assert_eq!(
        within_budget(&format!("<r>{long}</r>"), &Budget::LARGE),
        Err(Refusal::TooManyDeclarations { declarations_max })
    );
}

#[test]
fn refuses_namespaces_gathered_over_several_levels() {
    let scope_max = Budget::LARGE.scope_max;
    let level = many(20, |n| format!(" xmlns:p{n}='u'"));
    let nested = |levels: usize, inside: &str| {
        format!("{}{inside}{}", format!("<r{level}>").repeat(levels), "</r>".repeat(levels))
    };
    let refused = Err(Refusal::TooManyInScope { scope_max });
    assert_eq!(within_budget(&nested(3, ""), &Budget::LARGE), Ok(()));
    assert_eq!(within_budget(&nested(4, ""), &Budget::LARGE), refused);
    assert_eq!(
        within_budget(&nested(3, "<r xmlns:a='1' xmlns:b='2' xmlns:c='3' xmlns='4'/>"), &Budget::LARGE),
        Ok(())
    );
    assert_eq!(
        within_budget(
            &nested(3, "<r xmlns:a='1' xmlns:b='2' xmlns:c='3' xmlns='4' xmlns:d='5'/>"),
            &Budget::LARGE
        ),
        refused
    );
    let after = nested(3, "").repeat(5);
    assert_eq!(within_budget(&format!("<r>{after}</r>"), &Budget::LARGE), Ok(()), "what is closed is over");
}

#[test]
fn refuses_nesting_that_is_too_deep() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    for depth_max in [Budget::SMALL.depth_max, Budget::LARGE.depth_max, DEPTH_CEILING] {
        let budget = Budget { depth_max, ..Budget::LARGE };
        assert_eq!(within_budget(&nested(depth_max), &budget), Ok(()));
        assert_eq!(within_budget(&nested(depth_max + 1), &budget), Err(Refusal::TooDeep { depth_max }));
        let leaf = format!("{}<b/>", "<a>".repeat(depth_max));
        assert_eq!(
            within_budget(&leaf, &budget),
            Err(Refusal::TooDeep { depth_max }),
            "an empty element counts"
        );
    }
    let boundless = Budget { depth_max: usize::MAX, ..Budget::LARGE };
    let depth_max = DEPTH_CEILING;
    assert_eq!(within_budget(&nested(1_000_000), &boundless), Err(Refusal::TooDeep { depth_max }));
}

#[test]
fn counts_the_bytes_of_a_tag_from_bracket_to_bracket() {
    let bytes_max = Budget::SMALL.tag_bytes_max;
    let tag = |bytes: usize| format!("<a b='{}'/>", ">".repeat(bytes - "<a b=''/>".len()));
    assert_eq!(within_budget(&tag(bytes_max), &Budget::SMALL), Ok(()));
    assert_eq!(within_budget(&tag(bytes_max + 1), &Budget::SMALL), Err(Refusal::TagTooLong { bytes_max }));
}

#[test]
fn each_refusal_says_its_limit() {
    let texts = [
        (Refusal::TagTooLong { bytes_max: 8192 }, "longer than 8192 bytes"),
        (Refusal::TooManyAttributes { attributes_max: 32 }, "more than 32 attributes"),
        (Refusal::TooManyDeclarations { declarations_max: 64 }, "more than 64 namespaces"),
        (Refusal::TooManyInScope { scope_max: 64 }, "more than 64 namespace declarations"),
        (Refusal::TooDeep { depth_max: 64 }, "deeper than 64 levels"),
    ];
    for (refusal, text) in texts {
        assert!(refusal.to_string().contains(text), "{refusal}");
    }
}
