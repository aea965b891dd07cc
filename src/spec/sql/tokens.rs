//! The tokens of a statement: those that every reader reads alike, and no more than a tree of them is
//! safe to make.

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace, Word};

/// The longest text, the most tokens and the deepest parentheses that are read. The parser tries a
/// parenthesis as a query and then as an expression, so its work doubles with each that is open.
const LONGEST: usize = 64 * 1024;
const MOST_TOKENS: usize = 10_000;
pub(super) const DEEPEST: usize = 8;

/// The longest chain of operators at one depth. The parser makes a tree of it that is as deep as the
/// chain is long, and who visits or drops a tree takes as much of the stack: with all depths that are
/// allowed some 400 nodes, of which a thread's two MiB hold more in a debug build.
pub(super) const LONGEST_CHAIN: usize = 50;

/// The tokens of a text, without blanks; `None` if there is one among them that Druid's own reader
/// could read in another way.
pub(super) fn tokens(sql: &str) -> Option<Vec<Token>> {
    if sql.len() > LONGEST {
        return None;
    }
    let dialect = GenericDialect {};
    let mut tokens = Tokenizer::new(&dialect, sql).tokenize().ok()?;
    tokens.retain(|token| {
        let blank = [Whitespace::Space, Whitespace::Newline, Whitespace::Tab];
        !blank
            .iter()
            .any(|blank| *token == Token::Whitespace(blank.clone()))
    });
    // The length of the chain at each depth that is open; queries that are joined have one of theirs.
    let mut chains = vec![0_usize];
    let mut sets = 0_usize;
    let is_plain = |token: &Token| {
        match token {
            Token::LParen => chains.push(0),
            Token::RParen => {
                chains.pop();
                if chains.is_empty() {
                    return false;
                }
            }
            Token::Comma => {
                if let Some(chain) = chains.last_mut() {
                    *chain = 0;
                }
            }
            Token::Word(word) if joins(word) => sets += 1,
            token if nests(token) => {
                if let Some(chain) = chains.last_mut() {
                    *chain += 1;
                }
            }
            _ => {}
        }
        chains.len() <= DEEPEST + 1
            && sets <= LONGEST_CHAIN
            && chains.last().is_some_and(|chain| *chain <= LONGEST_CHAIN)
            && match token {
                // A table by its name alone is a query too.
                Token::Word(word) if is_bare(word, Keyword::TABLE) => false,
                Token::Word(word) => matches!(word.quote_style, None | Some('"')),
                Token::SingleQuotedString(text) => !text.contains('\\'),
                Token::Number(_, _)
                | Token::Comma
                | Token::LParen
                | Token::RParen
                | Token::Period
                | Token::Eq
                | Token::Neq
                | Token::Lt
                | Token::Gt
                | Token::LtEq
                | Token::GtEq
                | Token::Plus
                | Token::Minus
                | Token::Mul
                | Token::Div
                | Token::Mod
                | Token::StringConcat => true,
                _ => false,
            }
    };
    (tokens.len() <= MOST_TOKENS && tokens.iter().all(is_plain)).then_some(tokens)
}

/// Does it put a query beside another?
fn joins(word: &Word) -> bool {
    let sets = [Keyword::UNION, Keyword::INTERSECT, Keyword::EXCEPT];
    sets.into_iter().any(|set| is_bare(word, set))
}

/// Does it make the tree of an expression deeper?
fn nests(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            let operators = [
                Keyword::AND,
                Keyword::OR,
                Keyword::NOT,
                Keyword::XOR,
                Keyword::IS,
                Keyword::IN,
                Keyword::LIKE,
                Keyword::BETWEEN,
                Keyword::SIMILAR,
                Keyword::CASE,
                Keyword::AT,
                Keyword::COLLATE,
                Keyword::INTERVAL,
                Keyword::OVERLAPS,
                Keyword::PRIOR,
            ];
            operators
                .into_iter()
                .any(|operator| is_bare(word, operator))
        }
        Token::SingleQuotedString(_)
        | Token::Number(_, _)
        | Token::Comma
        | Token::LParen
        | Token::RParen => false,
        // Of what passes these are operators; a period makes a longer name.
        _ => true,
    }
}

pub(super) fn is_bare(word: &Word, keyword: Keyword) -> bool {
    word.quote_style.is_none() && word.keyword == keyword
}
