"""The grammar of clinicians' rules: a tokenizer and a recursive descent; text in, parts out, nothing is run.

    rule       = arm [ "<=>" arm ]
    arm        = either [ "=>" arm ]
    either     = both { "or" both }
    both       = unless { "and" unless }
    unless     = "not" unless | test
    test       = "(" rule ")" | ( "any" | "all" ) "(" rule ")" | "empty" "(" name ")"
               | "contains" "(" name "," level ")" | sum comparison sum | name [ "not" ] "empty"
    comparison = "=" | "!=" | "<" | "<=" | ">" | ">="
    sum        = value { ( "+" | "-" ) value [ "days" ] }
    value      = [ "-" ] number | date | "level in quotes" | "count" "(" name ")" | name
    name       = word [ "@" visit ] [ "." attribute ]

Written by hand and not with a parser generator: a dozen productions, and each error must be a sentence
for a clinician with the place in the text.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast

from probatio.protocol.expression import (
    Arrow,
    Compare,
    Contains,
    Count,
    Empty,
    Expression,
    Joined,
    Not,
    Operator,
    Quantified,
    Reference,
    RuleError,
    Sum,
    Text,
    Value,
)

DEEPEST = 30
LONGEST = 1000
KEYWORDS = frozenset({"and", "or", "not", "empty", "contains", "count", "any", "all", "days"})
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_TOKEN = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<date>[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?(?![\w-]))"
    r"|(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w]))"
    r"|(?P<word>[^\W0-9]\w*)"
    r"|(?P<quoted>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<sign><=>|=>|<=|>=|!=|[=<>+\-(),.@])"
)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse_rule(text: str) -> Expression:
    """Return the parts of a rule.

    Raises:
        RuleError: the text is no rule; the sentence says at which character and what was expected.
    """
    if len(text) > LONGEST:
        raise RuleError(f"a rule has at most {LONGEST} characters; split it", LONGEST)
    parser = _Parser(_read_tokens(text))
    rule = parser.parse_rule()
    parser.expect_end()
    return rule


def _read_tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            what = "a quote is not closed" if text[at] in "\"'" else f"{text[at]!r} is not understood here"
            raise RuleError(f"{what}; correct it", at)
        kind = str(found.lastgroup)
        word = found.group()
        if kind == "word" and word in KEYWORDS:
            kind = "sign"
        if kind != "blank":
            tokens.append(_Token(kind, word, at))
        at = found.end()
    return [*tokens, _Token("end", "", len(text))]


class _Parser:
    """Reads tokens from left to right; each method reads one production."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def parse_rule(self) -> Expression:
        self._enter()
        left = self._parse_arm()
        if self._sees("<=>"):
            at = self._take().at
            left = Arrow("<=>", left, self._parse_arm(), at)
            if self._sees("<=>"):
                raise RuleError("two <=> in a row can be read in two ways; put brackets", self._token.at)
        self._depth -= 1
        return left

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._fail("'and', 'or', '=>', '<=>' or the end")

    def _parse_arm(self) -> Expression:
        self._enter()
        left = self._parse_joined("or")
        if self._sees("=>"):
            at = self._take().at
            left = Arrow("=>", left, self._parse_arm(), at)
        self._depth -= 1
        return left

    def _parse_joined(self, word: str) -> Expression:
        at = self._token.at
        items = [self._parse_joined("and") if word == "or" else self._parse_unless()]
        while self._sees(word):
            self._take()
            items.append(self._parse_joined("and") if word == "or" else self._parse_unless())
        return items[0] if len(items) == 1 else Joined("or" if word == "or" else "and", tuple(items), at)

    def _parse_unless(self) -> Expression:
        if not self._sees("not"):
            return self._parse_test()
        self._enter()
        at = self._take().at
        item = self._parse_unless()
        self._depth -= 1
        return Not(item, at)

    def _parse_test(self) -> Expression:
        token = self._token
        if self._sees("("):
            return self._parse_brackets()
        if self._sees("any", "all"):
            self._take()
            return Quantified("any" if token.text == "any" else "all", self._parse_brackets(), token.at)
        if self._sees("empty"):
            self._take()
            return Empty(self._parse_argument(), token.at)
        if self._sees("contains"):
            return self._parse_contains()
        return self._parse_comparison()

    def _parse_brackets(self) -> Expression:
        self._expect("(")
        item = self.parse_rule()
        self._expect(")")
        return item

    def _parse_argument(self) -> Reference:
        self._expect("(")
        reference = self._parse_name()
        self._expect(")")
        return reference

    def _parse_contains(self) -> Contains:
        at = self._take().at
        self._expect("(")
        reference = self._parse_name()
        self._expect(",")
        level = self._take_kind("a level", "word", "quoted", "number")
        self._expect(")")
        return Contains(reference, _unquote(level), at)

    def _parse_comparison(self) -> Expression:
        left = self._parse_sum()
        token = self._token
        if self._sees("not", "empty"):
            return self._parse_emptiness(left)
        if not self._sees(*_COMPARISONS):
            raise self._fail("one of = != < <= > >=, 'empty' or 'not empty'")
        self._take()
        return Compare(cast("Operator", token.text), left, self._parse_sum(), token.at)

    def _parse_emptiness(self, left: Value) -> Expression:
        at = self._token.at
        if not isinstance(left, Reference):
            raise RuleError("only a variable can be empty; name one before 'empty'", at)
        contrary = self._sees("not")
        if contrary:
            self._take()
        self._expect("empty")
        return Not(Empty(left, at), at) if contrary else Empty(left, at)

    def _parse_sum(self) -> Value:
        at = self._token.at
        items = [(1, self._parse_value())]
        while self._sees("+", "-"):
            sign = 1 if self._take().text == "+" else -1
            items.append((sign, self._parse_value()))
            if self._sees("days"):
                self._take()
        return items[0][1] if len(items) == 1 else Sum(tuple(items), at)

    def _parse_value(self) -> Value:
        token = self._token
        if self._sees("-"):
            self._take()
            return Text("number", "-" + self._take_kind("a number", "number").text, token.at)
        if self._sees("count"):
            self._take()
            return Count(self._parse_argument(), token.at)
        if token.kind == "word":
            return self._parse_name()
        token = self._take_kind("a variable, a number, a date or a level", "number", "date", "quoted")
        return Text(cast("Literal['number', 'date', 'quoted']", token.kind), _unquote(token), token.at)

    def _parse_name(self) -> Reference:
        name = self._take_kind("the name of a variable", "word")
        visit = attribute = ""
        if self._sees("@"):
            self._take()
            visit = _unquote(self._take_kind("a visit", "word", "number", "quoted"))
        if self._sees("."):
            self._take()
            attribute = self._take_kind("an attribute of the events", "word", "sign").text
        return Reference(name.text, name.at, visit, attribute)

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RuleError(f"nested more than {DEEPEST} deep; split the rule", self._token.at)

    def _sees(self, *signs: str) -> bool:
        return self._token.kind == "sign" and self._token.text in signs

    def _take(self) -> _Token:
        token = self._token
        self._next += 1
        return token

    def _take_kind(self, what: str, *kinds: str) -> _Token:
        if self._token.kind not in kinds:
            raise self._fail(what)
        return self._take()

    def _expect(self, sign: str) -> None:
        if not self._sees(sign):
            raise self._fail(f"'{sign}'")
        self._take()

    def _fail(self, expected: str) -> RuleError:
        found = f"{self._token.text!r}" if self._token.text else "the end"
        return RuleError(f"expected {expected}, found {found}; correct the rule", self._token.at)


def _unquote(token: _Token) -> str:
    return token.text[1:-1] if token.kind == "quoted" else token.text
