//! A text without mistakes of syntax has one layout, and the same tokens in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sswe_compiler::{
    format::format,
    lex::{self, Kind},
};

fuzz_target!(|text: &str| {
    let Some(once) = format(text) else { return };
    assert_eq!(format(&once).as_deref(), Some(once.as_str()), "formatting twice is not formatting once");
    assert_eq!(words(text), words(&once), "formatting changes more than spaces, line ends and commas");
    assert_eq!(comments(text), comments(&once), "a comment is lost");
});

/// The tokens that mean something; commas and line ends may take each other's place.
fn words(text: &str) -> Vec<&str> {
    let tokens = lex::tokens(text).filter(|token| !token.kind.is_trivia() && token.kind != Kind::Comma);
    tokens.map(|token| &text[token.start..token.end]).collect()
}

fn comments(text: &str) -> Vec<&str> {
    let tokens = lex::tokens(text).filter(|token| matches!(token.kind, Kind::Comment | Kind::Doc));
    tokens.map(|token| text[token.start..token.end].trim_end()).collect()
}
