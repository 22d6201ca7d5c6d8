//! Any text falls into tokens that touch, cover it, and never cut a character.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sswe_compiler::lex;

fuzz_target!(|text: &str| {
    let mut end = 0;
    for token in lex::tokens(text) {
        assert_eq!(token.start, end, "tokens touch");
        assert!(token.end > token.start, "no token is empty");
        assert!(text.is_char_boundary(token.end));
        end = token.end;
    }
    assert_eq!(end, text.len(), "tokens cover the text");
    let significant = lex::significant(text);
    let mut before = 0;
    for at in 0..significant.len() {
        let bytes = significant.bytes(text, at, at + 1);
        assert!(before <= bytes.start && bytes.start < bytes.end && bytes.end <= text.len());
        before = bytes.end;
    }
});
