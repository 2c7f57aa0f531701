//! Source text without what is no code.

/// The text with comments and the content of strings and characters blanked,
/// line by line as long as it was.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    while at < chars.len() {
        let end = end_of_no_code(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|c| blank(*c)));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// The end of the comment or literal that starts here; here where none does.
fn end_of_no_code(chars: &[char], at: usize) -> usize {
    let starts = |text: &str| {
        text.chars()
            .enumerate()
            .all(|(n, c)| chars.get(at + n) == Some(&c))
    };
    let until = |from: usize, stop: &dyn Fn(usize) -> bool| {
        (from..chars.len())
            .find(|n| stop(*n))
            .unwrap_or(chars.len())
    };
    if starts("//") {
        return until(at, &|n| chars[n] == '\n');
    }
    if starts("/*") {
        return until(at + 2, &|n| chars[n - 1] == '*' && chars[n] == '/') + 1;
    }
    let before = at.checked_sub(1).map(|n| chars[n]);
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if (starts("r\"") || starts("r#") || starts("br\"") || starts("br#")) && !in_word {
        let hashes_from = at + if starts("b") { 2 } else { 1 };
        let hashes = chars[hashes_from..]
            .iter()
            .take_while(|c| **c == '#')
            .count();
        if chars.get(hashes_from + hashes) == Some(&'"') {
            let closes = |n: usize| {
                chars[n] == '"'
                    && chars[n + 1..]
                        .iter()
                        .take(hashes)
                        .filter(|c| **c == '#')
                        .count()
                        == hashes
            };
            return until(hashes_from + hashes + 1, &closes) + 1 + hashes;
        }
    }
    if starts("\"") {
        let mut n = at + 1;
        while n < chars.len() && chars[n] != '"' {
            n += if chars[n] == '\\' { 2 } else { 1 };
        }
        return (n + 1).min(chars.len());
    }
    // Of a lifetime there is no second quote.
    if starts("'") {
        if chars.get(at + 1) == Some(&'\\') {
            return until(at + 3, &|n| chars[n] == '\'') + 1;
        }
        if chars.get(at + 2) == Some(&'\'') {
            return at + 3;
        }
    }
    at
}

/// The code without what is compiled for tests only.
pub(super) fn without_tests(text: &str) -> String {
    let mut code = code_only(text);
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = end_of_item(&code, start);
        let blanked: String = code[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        code.replace_range(start..end, &blanked);
    }
    code
}

/// Where the item ends that an attribute stands before.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return start + at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The lines of each module of tests that stands inside a file: where it
/// starts, counted from 1, and how many they are.
///
/// ```
/// let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}\n";
/// assert_eq!(testkit::sources::inline_tests(text), [(2, 5)]);
/// assert!(testkit::sources::inline_tests("#[cfg(test)]\nmod tests;\n").is_empty());
/// ```
#[must_use]
pub fn inline_tests(text: &str) -> Vec<(usize, usize)> {
    let code = code_only(text);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]") {
        let start = from + at;
        let end = end_of_item(&code, start);
        let item = &code[start..end];
        let is_module = item.split_whitespace().any(|word| word == "mod") && item.ends_with('}');
        if is_module {
            found.push((code[..start].lines().count() + 1, item.lines().count()));
        }
        from = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_blanked() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b\n */ c", "a     \n    c"),
            (r#"a "b\"c" d"#, "a        d"),
            ("a r#\"b\"c\"# d", "a          d"),
            ("'a' 'b: \"c\" '\\'' d", "    'b:          d"),
            ("br\"x\" number", "      number"),
        ] {
            assert_eq!(code_only(text), code, "{text}");
        }
    }

    #[test]
    fn tests_are_left_out() {
        let text = "a;\n#[cfg(test)]\nmod tests {\n x { } }\nb;\n#[cfg(test)]\nuse c;\nd";
        let words: Vec<_> = without_tests(text)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(words, ["a;", "b;", "d"]);
    }
}
