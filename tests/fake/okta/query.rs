//! The part of Okta's SCIM-like expression language that the fake speaks: `name eq literal`, `and`, `or`,
//! parentheses; `and` binds tighter. String literals are JSON strings. Everything else is refused, as a real
//! org refuses what it doesn't know.

use serde_json::Value;

/// Deeper nesting is refused: Okta answers an over-complex expression with an error.
const DEPTH_MAX: usize = 20;

#[derive(Debug, PartialEq)]
pub enum Expression {
    Equals(String, Value),
    Both(Box<Expression>, Box<Expression>),
    Either(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// `known` says which names the endpoint understands; names are case-sensitive.
    pub fn parse(text: &str, known: impl Fn(&str) -> bool) -> Result<Expression, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, known: &known, depth: 0 };
        let expression = parser.either()?;
        match parser.tokens.first() {
            None => Ok(expression),
            Some(token) => Err(format!("unexpected {token:?}")),
        }
    }

    pub fn matches(&self, equals: &impl Fn(&str, &Value) -> bool) -> bool {
        match self {
            Expression::Equals(name, literal) => equals(name, literal),
            Expression::Both(left, right) => left.matches(equals) && right.matches(equals),
            Expression::Either(left, right) => left.matches(equals) || right.matches(equals),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => string_literal(rest)?,
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn string_literal(text: &str) -> Result<(Token, usize), String> {
    let mut literals = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match literals.next() {
        Some(Ok(literal)) => Ok((Token::Text(literal), literals.byte_offset())),
        Some(Err(_)) | None => Err("a string that is not a JSON string".to_owned()),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    known: &'a dyn Fn(&str) -> bool,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn either(&mut self) -> Result<Expression, String> {
        let mut left = self.both()?;
        while self.word_is("or") {
            left = Expression::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expression, String> {
        let mut left = self.term()?;
        while self.word_is("and") {
            left = Expression::Both(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Expression, String> {
        match self.next() {
            Some(Token::Open) => self.group(),
            Some(Token::Word(name)) if (self.known)(name) => self.comparison(name.clone()),
            Some(token) => Err(format!("unsupported {token:?}")),
            None => Err("unexpected end".to_owned()),
        }
    }

    fn group(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("too complex".to_owned());
        }
        let inner = self.either()?;
        self.depth -= 1;
        if self.next() == Some(&Token::Close) { Ok(inner) } else { Err("missing )".to_owned()) }
    }

    fn comparison(&mut self, name: String) -> Result<Expression, String> {
        if !self.word_is("eq") {
            return Err(format!("unsupported operator after {name}"));
        }
        match self.next() {
            Some(Token::Text(text)) => Ok(Expression::Equals(name, Value::String(text.clone()))),
            Some(Token::Word(word)) => {
                let literal = serde_json::from_str(word).map_err(|_| format!("bad literal {word}"))?;
                Ok(Expression::Equals(name, literal))
            }
            Some(Token::Open | Token::Close) | None => Err(format!("missing value for {name}")),
        }
    }

    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Takes the next token if it is this keyword; keywords are case-insensitive.
    fn word_is(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.tokens.first(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }
}
