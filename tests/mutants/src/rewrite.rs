//! Writes all mutants of a file into it at once, each behind its switch.
//!
//! What is put in stands between comments that name its mutants, so that an error of the compiler leads back to them:
//! `/*MUT=7*/` opens what mutant 7 alone brings, `/*MUT<7,8*/` all that was rewritten for 7 and 8, `/*MUT>*/` closes both.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::list::{Mutant, Place};

/// What is known of the mutants so far.
#[derive(Default)]
pub struct Known {
    /// Those that don't compile.
    pub unviable: BTreeSet<usize>,
    /// Those that a switch can't be built for, with the reason.
    pub skipped: BTreeMap<usize, &'static str>,
    /// Those whose operands are written out once per variant, since the shorter form didn't compile.
    pub long: BTreeSet<usize>,
}

impl Known {
    pub fn is_live(&self, number: usize) -> bool {
        !self.unviable.contains(&number) && !self.skipped.contains_key(&number)
    }
}

/// The text of the file with the mutants that can be built into it; the others are noted as skipped.
pub fn rewrite(text: &str, mutants: &[&Mutant], known: &mut Known) -> String {
    let file = syn::parse_file(text).expect("the bot's sources parse");
    let lines = Lines::new(text);
    let mut finder =
        Finder { lines: &lines, mutants, known, nodes: Vec::new(), constant: 0, seen: BTreeSet::new() };
    finder.visit_file(&file);
    let (mut nodes, seen) = (finder.nodes, finder.seen);
    for mutant in mutants {
        if !seen.contains(&mutant.number) && known.is_live(mutant.number) {
            known.skipped.insert(mutant.number, "not found in the syntax tree");
        }
    }
    nodes.sort_by_key(|node| (node.range.start, usize::MAX - node.range.end));
    Writer { text, nodes: &nodes, known }.write(0..text.len(), 0)
}

enum Shape {
    /// At the beginning of a function's body.
    Body {
        replacements: Vec<(usize, String)>,
    },
    Binary {
        operator: String,
        operands: [Range<usize>; 2],
        replacements: Vec<(usize, String)>,
    },
    Without {
        number: usize,
        operator: char,
        operand: Range<usize>,
    },
    /// The guard of an arm, or the empty place after its pattern.
    Guard {
        arm: Option<usize>,
        always: Option<usize>,
        never: Option<usize>,
    },
    Field {
        number: usize,
        base: Range<usize>,
        member: String,
        value: Range<usize>,
        short: bool,
    },
}

struct Node {
    range: Range<usize>,
    shape: Shape,
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Lines<'a> {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(after).collect() }
    }

    fn offset(&self, at: LineColumn) -> usize {
        let line = self.starts[at.line - 1];
        self.text[line..].char_indices().nth(at.column).map_or(self.text.len(), |(index, _)| line + index)
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.offset(span.start())..self.offset(span.end())
    }
}

fn place(at: LineColumn) -> Place {
    (at.line, at.column + 1)
}

struct Finder<'a> {
    lines: &'a Lines<'a>,
    mutants: &'a [&'a Mutant],
    known: &'a mut Known,
    nodes: Vec<Node>,
    /// How many constant contexts this is in: switches don't work there.
    constant: usize,
    seen: BTreeSet<usize>,
}

impl Finder<'_> {
    /// The live mutants of a genre that begin here.
    fn at(&mut self, genre: &str, span: Span) -> Vec<(usize, String)> {
        let from = place(span.start());
        let here: Vec<_> = self
            .mutants
            .iter()
            .filter(|mutant| {
                mutant.genre == genre && mutant.from == from && self.known.is_live(mutant.number)
            })
            .map(|mutant| (mutant.number, mutant.replacement.clone()))
            .collect();
        self.seen.extend(here.iter().map(|(number, _)| number));
        if self.constant > 0 { self.skip(here, "in a constant context") } else { here }
    }

    fn skip(&mut self, mutants: Vec<(usize, String)>, why: &'static str) -> Vec<(usize, String)> {
        self.known.skipped.extend(mutants.into_iter().map(|(number, _)| (number, why)));
        Vec::new()
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        self.constant += usize::from(signature.constness.is_some());
        // cargo-mutants replaces what stands between the braces: from the first statement on.
        if let Some(first) = block.stmts.first() {
            let mut replacements = self.at("FnValue", first.span());
            if matches!(&signature.output, syn::ReturnType::Type(_, kind) if has_impl(kind)) {
                replacements = self.skip(replacements, "returns impl Trait");
            }
            if !replacements.is_empty() {
                let at = self.lines.offset(block.brace_token.span.open().end());
                self.nodes.push(Node { range: at..at, shape: Shape::Body { replacements } });
            }
        }
        visit::visit_block(self, block);
        self.constant -= usize::from(signature.constness.is_some());
    }

    fn in_constant(&mut self, visit: impl FnOnce(&mut Self)) {
        self.constant += 1;
        visit(self);
        self.constant -= 1;
    }
}

fn has_impl(kind: &syn::Type) -> bool {
    struct Impl(bool);
    impl Visit<'_> for Impl {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut found = Impl(false);
    found.visit_type(kind);
    found.0
}

/// Whether the condition binds something: then it can't be put into parentheses.
fn has_let(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.in_constant(|finder| visit::visit_item_const(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.in_constant(|finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        // What a LazyLock is made of runs later.
        self.in_constant(|finder| visit::visit_item_static(finder, item));
    }

    fn visit_type(&mut self, kind: &'ast syn::Type) {
        self.in_constant(|finder| visit::visit_type(finder, kind));
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let mut replacements = self.at("BinaryOperator", binary.op.span());
        if has_let(&binary.left) || has_let(&binary.right) {
            replacements = self.skip(replacements, "a chain of conditions with let");
        }
        if !replacements.is_empty() {
            let operator = self.lines.text[self.lines.range(binary.op.span())].to_owned();
            let operands = [self.lines.range(binary.left.span()), self.lines.range(binary.right.span())];
            let range = self.lines.range(binary.span());
            self.nodes.push(Node { range, shape: Shape::Binary { operator, operands, replacements } });
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        if let Some((number, _)) = self.at("UnaryOperator", unary.op.span()).pop() {
            let operator = if matches!(unary.op, syn::UnOp::Not(_)) { '!' } else { '-' };
            let operand = self.lines.range(unary.expr.span());
            let range = self.lines.range(unary.span());
            self.nodes.push(Node { range, shape: Shape::Without { number, operator, operand } });
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let whole = self.at("MatchArm", arm.span()).pop().map(|(number, _)| number);
        let (mut always, mut never) = (None, None);
        let mut range = self.lines.range(arm.pat.span());
        range.start = range.end;
        if let Some((_, guard)) = &arm.guard {
            range = self.lines.range(guard.span());
            for (number, replacement) in self.at("MatchArmGuard", guard.span()) {
                *(if replacement == "true" { &mut always } else { &mut never }) = Some(number);
            }
        }
        if whole.or(always).or(never).is_some() {
            self.nodes.push(Node { range, shape: Shape::Guard { arm: whole, always, never } });
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, made: &'ast syn::ExprStruct) {
        for field in &made.fields {
            let found = self.at("StructField", field.span()).pop();
            if let (Some((number, _)), Some(base), syn::Member::Named(member)) =
                (found, &made.rest, &field.member)
            {
                let shape = Shape::Field {
                    number,
                    base: self.lines.range(base.span()),
                    member: member.to_string(),
                    value: self.lines.range(field.expr.span()),
                    short: field.colon_token.is_none(),
                };
                self.nodes.push(Node { range: self.lines.range(field.span()), shape });
            }
        }
        visit::visit_expr_struct(self, made);
    }
}

struct Writer<'a> {
    text: &'a str,
    nodes: &'a [Node],
    known: &'a Known,
}

fn on(number: usize) -> String {
    format!("crate::mutant::on({number})")
}

/// `if` with a branch for each mutant, and what stood there before.
fn variants<'a>(replacements: impl Iterator<Item = (usize, String)> + 'a, original: &str) -> String {
    let branches: String = replacements
        .map(|(number, text)| format!("if {} {{ /*MUT={number}*/{text}/*MUT>*/ }} else ", on(number)))
        .collect();
    format!("{branches}{{ {original} }}")
}

fn group(numbers: impl Iterator<Item = usize>, text: &str) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    format!("/*MUT<{}*/{text}/*MUT>*/", numbers.join(","))
}

impl Writer<'_> {
    /// The text of the range, rewritten by the nodes from this one on that lie in it.
    fn write(&self, range: Range<usize>, from: usize) -> String {
        let mut written = String::new();
        let mut at = range.start;
        for (index, node) in self.nodes.iter().enumerate().skip(from) {
            if node.range.start >= at && node.range.end <= range.end && node.range.start < range.end {
                written.push_str(&self.text[at..node.range.start]);
                written.push_str(&self.node(node, index + 1));
                at = node.range.end;
            }
        }
        written.push_str(&self.text[at..range.end]);
        written
    }

    fn node(&self, node: &Node, from: usize) -> String {
        match &node.shape {
            Shape::Body { replacements } => replacements
                .iter()
                .map(|(number, value)| {
                    format!(" /*MUT={number}*/if {} {{ return {value}; }}/*MUT>*/", on(*number))
                })
                .collect(),
            Shape::Binary { operator, operands, replacements } => {
                let [left, right] = operands.clone().map(|operand| self.write(operand, from));
                let long = replacements.iter().any(|(number, _)| self.known.long.contains(number));
                let text = if long {
                    long_form(operator, &left, &right, replacements)
                } else {
                    short_form(operator, &left, &right, replacements)
                };
                group(replacements.iter().map(|(number, _)| *number), &text)
            }
            Shape::Without { number, operator, operand } => {
                let operand = self.write(operand.clone(), from);
                let text = if *operator == '!' && !self.known.long.contains(number) {
                    format!("((!({operand})) != {})", on(*number))
                } else {
                    let without = std::iter::once((*number, operand.clone()));
                    format!("({})", variants(without, &format!("{operator}({operand})")))
                };
                group(std::iter::once(*number), &text)
            }
            Shape::Guard { arm, always, never } => {
                let guard = self.write(node.range.clone(), from);
                let mut text = if guard.is_empty() { String::new() } else { format!("({guard})") };
                if let Some(never) = never {
                    text = format!("(!{} && {text})", on(*never));
                }
                if let Some(always) = always {
                    text = format!("({} || {text})", on(*always));
                }
                if let Some(arm) = arm {
                    let and = if text.is_empty() { " if" } else { "" };
                    let then = if text.is_empty() { String::new() } else { format!(" && {text}") };
                    text = format!("{and} !{}{then}", on(*arm));
                }
                group([*arm, *always, *never].into_iter().flatten(), &text)
            }
            Shape::Field { number, base, member, value, short } => {
                let value = if *short { member.clone() } else { self.write(value.clone(), from) };
                let base = format!("({}).{member}", &self.text[base.clone()]);
                let text = variants(std::iter::once((*number, base)), &value);
                group(std::iter::once(*number), &format!("{member}: {text}"))
            }
        }
    }
}

/// Each variant with operands of its own.
fn long_form(operator: &str, left: &str, right: &str, replacements: &[(usize, String)]) -> String {
    let each = replacements.iter().map(|(number, other)| (*number, format!("{left} {other} {right}")));
    format!("({})", variants(each, &format!("{left} {operator} {right}")))
}

/// Each operand only once, so that nested operators don't multiply.
fn short_form(operator: &str, left: &str, right: &str, replacements: &[(usize, String)]) -> String {
    let [(number, _), ..] = replacements else { unreachable!("a node has a mutant") };
    let each = || replacements.iter().map(|(number, other)| (*number, format!("mutant_l {other} mutant_r")));
    let original = format!("mutant_l {operator} mutant_r");
    match operator {
        // De Morgan: with the switch on, both operands and the result are turned round.
        "&&" | "||" => {
            let on = on(*number);
            format!("(((({left}) != {on}) {operator} (({right}) != {on})) != {on})")
        }
        "==" | "!=" | "<=" | ">=" => format!("(({left} {operator} {right}) != {})", on(*number)),
        "<" | ">" => {
            format!(
                "(match (&({left}), &({right})) {{ (mutant_l, mutant_r) => {} }})",
                variants(each(), &original)
            )
        }
        _ if operator.ends_with('=') => long_form(operator, left, right, replacements),
        _ => {
            format!("(match ({left}, {right}) {{ (mutant_l, mutant_r) => {} }})", variants(each(), &original))
        }
    }
}
