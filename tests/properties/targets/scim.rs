//! A reader of Okta's search expressions that shares nothing with their writer: what the server would understand.

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// `attribute eq "value"`.
    Equals(String, String),
    /// All of them.
    And(Vec<Expression>),
    /// One of them.
    Or(Vec<Expression>),
}

/// Shorthand for [`Expression::Equals`].
pub fn equals(attribute: &str, value: &str) -> Expression {
    Expression::Equals(attribute.to_owned(), value.to_owned())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
}

/// Reads a whole expression; `None` if it is none.
pub fn read(text: &str) -> Option<Expression> {
    let mut tokens = tokens(text)?;
    tokens.reverse();
    let read = any(&mut tokens)?;
    tokens.is_empty().then_some(read)
}

/// `and` binds closer than `or`. Tokens are taken from the end.
fn any(tokens: &mut Vec<Token>) -> Option<Expression> {
    let mut parts = vec![all(tokens)?];
    while take_word(tokens, "or") {
        parts.push(all(tokens)?);
    }
    Some(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
}

fn all(tokens: &mut Vec<Token>) -> Option<Expression> {
    let mut parts = vec![one(tokens)?];
    while take_word(tokens, "and") {
        parts.push(one(tokens)?);
    }
    Some(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
}

fn one(tokens: &mut Vec<Token>) -> Option<Expression> {
    match tokens.pop()? {
        Token::Open => {
            let inner = any(tokens)?;
            (tokens.pop()? == Token::Close).then_some(inner)
        }
        Token::Word(attribute) => {
            let is_eq = take_word(tokens, "eq");
            let Token::Text(value) = tokens.pop()? else { return None };
            is_eq.then_some(Expression::Equals(attribute, value))
        }
        Token::Close | Token::Text(_) => None,
    }
}

fn take_word(tokens: &mut Vec<Token>, wanted: &str) -> bool {
    let is = matches!(tokens.last(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
    if is {
        tokens.pop();
    }
    is
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '"' => tokens.push(Token::Text(literal(&mut rest)?)),
            c => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| !matches!(c, ' ' | '(' | ')' | '"')) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

/// A JSON string after its first quotation mark.
fn literal(rest: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    loop {
        let c = rest.next()?;
        let plain = match c {
            '"' => return String::from_utf16(&units).ok(),
            '\\' => match rest.next()? {
                c @ ('"' | '\\' | '/') => c,
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = rest.take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4)?);
                    continue;
                }
                _ => return None,
            },
            // A raw control character ends a JSON string as an error.
            c if c < ' ' => return None,
            c => c,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
}
