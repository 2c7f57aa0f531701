//! Shapes that cost a careless reader dearly.

use super::*;

/// Shapes on which a careless reader spends the square of their length: with
/// such a reader this test would not end.
#[test]
fn shapes_that_cost_careless_readers_dearly() {
    let n = 150_000;
    let fill = |unit: &str| unit.repeat(n / unit.len());
    let numbered = |line: fn(usize) -> String| (0..n / 10).map(line).collect::<String>();
    let mut deep = String::new();
    for level in 0..limits::DEPTH - 10 {
        deep.push_str(&format!("{}a:\n", " ".repeat(level)));
    }
    let yaml: Vec<String> = [
        "[",
        "{",
        "{a: ",
        "? ",
        "- ",
        ": ",
        "[a, ",
        "&a",
        "&a ",
        "*a ",
        "!",
        "! ",
        "%",
        "\"a\n",
        "a: 'b",
        "a:\n",
        "---\na: 1\n",
        "[? ",
        "[: ",
        "- - a\n",
        "? a\n",
        "a: |\n",
    ]
    .iter()
    .map(|unit| fill(unit))
    .chain([
        format!("{}a: 1\n", fill("# c\n")),
        format!("{}a: 1\n", fill("# c\n\n")),
        format!("a:\n  b:\n    - c\n{}d: 1\n", fill("    # c\n  # c\n# c\n")),
        format!(
            "{deep}{} a: 1\n{}d: 1\n",
            " ".repeat(limits::DEPTH - 10),
            fill(" # c\n  # d\n")
        ),
        format!("a: {}", fill("x\n ")),
        format!("a: {}", fill("x ")),
        format!("a: 1\n{}b: 1\n", fill("\n")),
        format!("a: {{{}}}", numbered(|i| format!("k{i}: 1, "))),
        numbered(|i| format!("k{i}: &a{i} 1 # c\n")),
        format!("{}---\na: 1\n", numbered(|i| format!("%TAG !a{i}! x\n"))),
        format!(
            "{}{}{}",
            "[".repeat(limits::DEPTH),
            fill("1, "),
            "]".repeat(limits::DEPTH)
        ),
        format!("a: !{}", fill("%41")),
        format!("a: |\n{}", fill("  x\n")),
        format!("a: \"{}\"", fill("x\n ")),
        format!("a: 0.{}", fill("1")),
        format!("a: 1{}", fill(":1")),
    ])
    .collect();
    let ini = vec![
        numbered(|i| format!("k{i} = 1\n")),
        numbered(|i| format!("[s{i}]\n")),
        fill("-=a\n"),
        fill("a=\"\"\"\n"),
        fill("a=b\\\n"),
        fill("; c\n"),
        format!("a={}", fill(" #")),
    ];
    let dotenv = vec![
        numbered(|i| format!("k{i}=1\n")),
        numbered(|i| format!("sops_a__list_{i}=1\n")),
        format!("sops_{}=1\n", fill("__map_")),
    ];
    let json = vec![
        format!("{{{}\"z\": 1}}", numbered(|i| format!("\"k{i}\": 1, "))),
        format!("{{\"a\": \"{}\"}}", fill("\\ud83d")),
        format!("{{{}\"z\": 1}}", fill("\"sops\": 1, ")),
        format!("{{\"sops\": {{\"age\": [{}{{}}]}}}}", fill("{}, ")),
    ];
    for (format, texts) in [
        (Format::Yaml, yaml),
        (Format::Ini, ini),
        (Format::Dotenv, dotenv),
        (Format::Json, json),
    ] {
        for text in texts {
            let _ = Document::parse(text.as_bytes(), format)
                .map(|d| d.decrypt(&Keyring::new()).is_ok());
            if let Ok(document) = Document::parse_plain(text.as_bytes(), format) {
                for output in Format::ALL {
                    let _ = document.to_bytes(output, &Style::default());
                }
            }
        }
    }
}
