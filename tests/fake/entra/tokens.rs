//! The tokens of a `$filter`.

#[derive(Debug, PartialEq)]
pub enum Token {
    Open,
    Close,
    Comma,
    Colon,
    /// A property, an operator, a number, a date: whatever stands without quotes.
    Word(String),
    /// What stands in single quotes.
    Text(String),
}

pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            ':' => (Token::Colon, 1),
            '\'' => literal(rest)?,
            _ => word(rest),
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// A colon is part of a date and ends everything else.
fn word(text: &str) -> (Token, usize) {
    let is_date = text.starts_with(|c: char| c.is_ascii_digit());
    let ends = |c: char| c.is_whitespace() || "(),'".contains(c) || (c == ':' && !is_date);
    let end = text.find(ends).unwrap_or(text.len());
    (Token::Word(text[..end].to_owned()), end)
}

/// In single quotes, which are doubled inside.
fn literal(text: &str) -> Result<(Token, usize), String> {
    let mut value = String::new();
    let mut at = 1;
    loop {
        let end = text[at..].find('\'').ok_or("a text without an end")?;
        value.push_str(&text[at..at + end]);
        at += end + 1;
        if !text[at..].starts_with('\'') {
            return Ok((Token::Text(value), at));
        }
        value.push('\'');
        at += 1;
    }
}
