//! The part of `OData`'s `$filter` that the fake speaks: `eq ne ge gt le lt in`, `startsWith`, `endsWith`, `any`,
//! `not`, `and`, `or`, parentheses. Everything else is refused, and so is what the endpoint's table doesn't allow for
//! a property (<https://learn.microsoft.com/graph/aad-advanced-queries>).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::metadata::property;
use super::tokens::{Token, tokens};
use super::wire::GraphError;

/// Deeper nesting is refused.
const DEPTH_MAX: usize = 20;

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Text(String),
    Bool(bool),
    Number(i64),
    Date(DateTime<Utc>),
    Null,
}

#[derive(Debug, PartialEq)]
pub enum Expression {
    Both(Box<Expression>, Box<Expression>),
    Either(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Compare(String, &'static str, Literal),
    In(String, Vec<Literal>),
    Starts(String, String),
    Ends(String, String),
    /// Some element of the collection matches. Paths inside are relative to it, empty for the element itself.
    Any(String, Box<Expression>),
}

/// What an endpoint's filter may say of one property: the operators that work by default, and those that work with
/// the advanced parameters only. `null`: it may be compared with null; `any`: it is a collection.
pub type Rule = (&'static str, &'static str, &'static str);

/// What an endpoint understands.
pub struct Grammar {
    /// The resource type in the metadata.
    pub resource: &'static str,
    pub rules: &'static [Rule],
}

impl Grammar {
    /// The expression, if it is one that the endpoint takes with or without the advanced parameters.
    pub fn parse(&self, text: &str, advanced: bool) -> Result<Expression, GraphError> {
        let invalid = |cause: String| GraphError::odata(format!("Invalid filter clause: {cause}"));
        let tokens = tokens(text).map_err(invalid)?;
        let mut parser = Parser { tokens: &tokens, variable: None, depth: 0 };
        let expression = parser.either().map_err(invalid)?;
        if let Some(token) = parser.tokens.first() {
            return Err(invalid(format!("unexpected {token:?}")));
        }
        self.check(&expression, "", advanced)?;
        Ok(expression)
    }

    fn check(&self, expression: &Expression, within: &str, advanced: bool) -> Result<(), GraphError> {
        match expression {
            Expression::Both(left, right) | Expression::Either(left, right) => {
                self.check(left, within, advanced)?;
                self.check(right, within, advanced)
            }
            Expression::Not(inner) if advanced => self.check(inner, within, advanced),
            Expression::Not(_) => Err(GraphError::needs_advanced("Operator 'not'")),
            Expression::Compare(path, operator, literal) => {
                let path = joined(within, path);
                self.check_literal(&path, literal)?;
                if *literal == Literal::Null {
                    self.allow(&path, "null", advanced)?;
                }
                self.allow(&path, operator, advanced)
            }
            Expression::In(path, literals) => {
                let path = joined(within, path);
                literals.iter().try_for_each(|literal| self.check_literal(&path, literal))?;
                self.allow(&path, "in", advanced)
            }
            Expression::Starts(path, _) => self.allow(&joined(within, path), "startsWith", advanced),
            Expression::Ends(path, _) => self.allow(&joined(within, path), "endsWith", advanced),
            Expression::Any(path, inner) => {
                self.allow(path, "any", advanced)?;
                self.check(inner, path, advanced)
            }
        }
    }

    fn allow(&self, path: &str, operator: &str, advanced: bool) -> Result<(), GraphError> {
        kind(self.resource, path)?;
        let rule = self.rules.iter().find(|(name, ..)| *name == path);
        let has = |operators: &str| operators.split(' ').any(|known| known == operator);
        match rule {
            Some((_, default, _)) if has(default) => Ok(()),
            Some((.., with_advanced)) if has(with_advanced) && advanced => Ok(()),
            Some((.., with_advanced)) if has(with_advanced) => {
                Err(GraphError::needs_advanced(&format!("Operator '{operator}' on '{path}'")))
            }
            _ => Err(GraphError::unsupported_query(format!(
                "Unsupported or invalid query filter clause specified for property '{path}' of resource '{}'.",
                self.resource
            ))),
        }
    }

    fn check_literal(&self, path: &str, literal: &Literal) -> Result<(), GraphError> {
        let kind = kind(self.resource, path)?.trim_end_matches(['?', ']', '[']);
        let fits = match literal {
            Literal::Null => true,
            Literal::Text(_) => kind == "text",
            Literal::Bool(_) => kind == "bool",
            Literal::Number(_) => kind == "int",
            Literal::Date(_) => kind == "date",
        };
        if fits {
            return Ok(());
        }
        let message =
            format!("Invalid filter clause: {literal:?} is not of the type of '{path}', which is {kind}.");
        Err(GraphError::odata(message))
    }
}

fn joined(within: &str, path: &str) -> String {
    match (within, path) {
        ("", path) => path.to_owned(),
        (within, "") => within.to_owned(),
        (within, path) => format!("{within}/{path}"),
    }
}

/// The type of the property that the path leads to.
fn kind(resource: &str, path: &str) -> Result<&'static str, GraphError> {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    let unknown = |resource: &str, name: &str| {
        GraphError::odata(format!(
            "Could not find a property named '{name}' on type 'microsoft.graph.{resource}'."
        ))
    };
    let mut kind = property(resource, first).ok_or_else(|| unknown(resource, first))?;
    for part in parts {
        let resource = kind.trim_end_matches(['?', ']', '[']);
        let is_plain = ["text", "bool", "int", "date", "any"].contains(&resource);
        let found = if is_plain { None } else { property(resource, part) };
        kind = found.ok_or_else(|| unknown(resource, part))?;
    }
    Ok(kind)
}

/// What a filter is asked about.
pub trait Subject {
    /// The value at the path; null if there is none.
    fn value(&self, path: &str) -> Value;
}

impl Subject for Value {
    fn value(&self, path: &str) -> Value {
        let pointer = path.split('/').filter(|part| !part.is_empty()).map(|part| format!("/{part}"));
        self.pointer(&pointer.collect::<String>()).cloned().unwrap_or_default()
    }
}

impl Expression {
    /// The text that the path has to equal whatever else holds.
    pub fn pinned(&self, path: &str) -> Option<&str> {
        match self {
            Expression::Both(left, right) => left.pinned(path).or_else(|| right.pinned(path)),
            Expression::Compare(name, "eq", Literal::Text(text)) if name == path => Some(text),
            Expression::Any(name, inner) => {
                let rest = path.strip_prefix(name.as_str())?;
                inner.pinned(rest.trim_start_matches('/'))
            }
            _ => None,
        }
    }

    pub fn matches(&self, subject: &impl Subject, case_sensitive: bool) -> bool {
        let fold = |text: &str| if case_sensitive { text.to_owned() } else { text.to_lowercase() };
        let text = |path: &str| subject.value(path).as_str().map(fold);
        match self {
            Expression::Both(left, right) => {
                left.matches(subject, case_sensitive) && right.matches(subject, case_sensitive)
            }
            Expression::Either(left, right) => {
                left.matches(subject, case_sensitive) || right.matches(subject, case_sensitive)
            }
            Expression::Not(inner) => !inner.matches(subject, case_sensitive),
            Expression::Compare(path, operator, literal) => {
                compare(&subject.value(path), operator, literal, &fold)
            }
            Expression::In(path, literals) => {
                let value = subject.value(path);
                literals.iter().any(|literal| compare(&value, "eq", literal, &fold))
            }
            Expression::Starts(path, start) => text(path).is_some_and(|text| text.starts_with(&fold(start))),
            Expression::Ends(path, end) => text(path).is_some_and(|text| text.ends_with(&fold(end))),
            Expression::Any(path, inner) => {
                let elements = subject.value(path);
                elements
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| inner.matches(one, case_sensitive)))
            }
        }
    }
}

/// As `OData` has it: null equals null only, and is neither more nor less than anything.
fn compare(value: &Value, operator: &str, literal: &Literal, fold: &impl Fn(&str) -> String) -> bool {
    let order = match (value, literal) {
        (Value::String(value), Literal::Text(text)) => Some(fold(value).cmp(&fold(text))),
        (Value::String(value), Literal::Date(date)) => {
            DateTime::parse_from_rfc3339(value).ok().map(|value| value.to_utc().cmp(date))
        }
        (Value::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (Value::Number(value), Literal::Number(literal)) => value.as_i64().map(|value| value.cmp(literal)),
        (Value::Null, Literal::Null) => Some(std::cmp::Ordering::Equal),
        _ => None,
    };
    match operator {
        "eq" => order.is_some_and(std::cmp::Ordering::is_eq),
        "ne" => !order.is_some_and(std::cmp::Ordering::is_eq),
        "ge" => order.is_some_and(std::cmp::Ordering::is_ge),
        "gt" => order.is_some_and(std::cmp::Ordering::is_gt),
        "le" => order.is_some_and(std::cmp::Ordering::is_le),
        _ => order.is_some_and(std::cmp::Ordering::is_lt),
    }
}

const OPERATORS: [&str; 6] = ["eq", "ne", "ge", "gt", "le", "lt"];

struct Parser<'a> {
    tokens: &'a [Token],
    /// The name of the element inside of an `any`.
    variable: Option<String>,
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
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("too complex".to_owned());
        }
        let term = if self.word_is("not") {
            Expression::Not(Box::new(self.term()?))
        } else {
            match self.next() {
                Some(Token::Open) => self.closed(Self::either)?,
                Some(Token::Word(word)) => self.named(word)?,
                other => return Err(format!("unexpected {other:?}")),
            }
        };
        self.depth -= 1;
        Ok(term)
    }

    /// What begins with this word: a function, an `any`, a comparison.
    fn named(&mut self, word: &str) -> Result<Expression, String> {
        if self.tokens.first() != Some(&Token::Open) {
            return self.comparison(word);
        }
        self.next();
        match word.to_ascii_lowercase().as_str() {
            "startswith" => self.closed(|parser| parser.function(Expression::Starts)),
            "endswith" => self.closed(|parser| parser.function(Expression::Ends)),
            _ => match word.strip_suffix("/any") {
                Some(collection) => self.closed(|parser| parser.any(collection)),
                None => Err(format!("an unknown function {word}")),
            },
        }
    }

    fn function(&mut self, make: fn(String, String) -> Expression) -> Result<Expression, String> {
        match (self.next(), self.next(), self.next()) {
            (Some(Token::Word(path)), Some(Token::Comma), Some(Token::Text(text))) => {
                Ok(make(self.path(path)?, text.clone()))
            }
            _ => Err("a function takes a property and a text".to_owned()),
        }
    }

    fn any(&mut self, collection: &str) -> Result<Expression, String> {
        if self.variable.is_some() {
            return Err("any within any".to_owned());
        }
        let (Some(Token::Word(variable)), Some(Token::Colon)) = (self.next(), self.next()) else {
            return Err("any takes a variable".to_owned());
        };
        self.variable = Some(variable.clone());
        let inner = self.either()?;
        self.variable = None;
        Ok(Expression::Any(collection.to_owned(), Box::new(inner)))
    }

    fn comparison(&mut self, path: &str) -> Result<Expression, String> {
        let path = self.path(path)?;
        if self.word_is("in") {
            if self.next() != Some(&Token::Open) {
                return Err("in takes a list".to_owned());
            }
            return self.closed(|parser| Ok(Expression::In(path, parser.list()?)));
        }
        let operator = OPERATORS.into_iter().find(|operator| self.word_is(operator));
        let operator = operator.ok_or_else(|| format!("an unknown operator after {path}"))?;
        Ok(Expression::Compare(path, operator, self.literal()?))
    }

    fn list(&mut self) -> Result<Vec<Literal>, String> {
        let mut list = vec![self.literal()?];
        while self.tokens.first() == Some(&Token::Comma) {
            self.next();
            list.push(self.literal()?);
        }
        Ok(list)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text.clone())),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Ok(Literal::Bool(true)),
                "false" => Ok(Literal::Bool(false)),
                "null" => Ok(Literal::Null),
                word => word
                    .parse()
                    .map(Literal::Number)
                    .or_else(|_| DateTime::parse_from_rfc3339(word).map(|at| Literal::Date(at.to_utc())))
                    .map_err(|_| format!("not a literal: {word}")),
            },
            other => Err(format!("a literal is missing: {other:?}")),
        }
    }

    /// Inside of an `any` every path begins with its variable.
    fn path(&self, word: &str) -> Result<String, String> {
        let Some(variable) = &self.variable else { return Ok(word.to_owned()) };
        match word.strip_prefix(variable.as_str()) {
            Some("") => Ok(String::new()),
            Some(rest) if rest.starts_with('/') => Ok(rest[1..].to_owned()),
            _ => Err(format!("{word} is not of {variable}")),
        }
    }

    fn closed(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Expression, String>,
    ) -> Result<Expression, String> {
        let inner = inner(self)?;
        if self.next() == Some(&Token::Close) { Ok(inner) } else { Err("missing )".to_owned()) }
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
